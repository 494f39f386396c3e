#include <xgrad/data/loader.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <vector>

#include "support/files.hpp"

using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;
using xgrad::data::Batch;
using xgrad::data::DataLoader;
using xgrad::data::TensorDataset;

namespace {
using Numbers = std::vector<std::int64_t>;

TensorDataset dataset() {
  return TensorDataset(
      {xgrad::tensor({{0.0, 0.5}, {1.0, 1.5}, {2.0, 2.5}, {3.0, 3.5}, {4.0, 4.5}}), xgrad::tensor({0, 1, 2, 3, 4})});
}
// The labels of one epoch, batch by batch.
std::vector<Numbers> epoch(DataLoader& loader) {
  std::vector<Numbers> batches;
  for (const auto& [x, y] : loader) {
    CHECK(x.sizes() == Shape{y.size(0), 2});
    const std::vector<double> values = x.to_vector<double>();
    const Numbers labels = y.to_vector<std::int64_t>();
    for (std::size_t i = 0; i < labels.size(); ++i) CHECK(values[2 * i] == static_cast<double>(labels[i]));
    batches.push_back(labels);
  }
  return batches;
}
Numbers joined(const std::vector<Numbers>& batches) {
  Numbers all;
  for (const Numbers& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}
}  // namespace

TEST_CASE("batches in order, the last one smaller") {
  DataLoader loader(dataset(), {.batch_size = 2});
  CHECK(loader.size() == 3);
  CHECK(epoch(loader) == std::vector<Numbers>{{0, 1}, {2, 3}, {4}});
  CHECK(epoch(loader) == std::vector<Numbers>{{0, 1}, {2, 3}, {4}});
  DataLoader whole(dataset(), {.batch_size = 5, .drop_last = true});
  CHECK(whole.size() == 1);
  CHECK(epoch(whole) == std::vector<Numbers>{{0, 1, 2, 3, 4}});
}

TEST_CASE("the smaller last batch is left out on request") {
  DataLoader loader(dataset(), {.batch_size = 2, .drop_last = true});
  CHECK(loader.size() == 2);
  CHECK(epoch(loader) == std::vector<Numbers>{{0, 1}, {2, 3}});
  DataLoader large(dataset(), {.batch_size = 6, .drop_last = true});
  CHECK(large.size() == 0);
  CHECK(epoch(large).empty());
}

TEST_CASE("every epoch has its own order, by the seed") {
  DataLoader loader(dataset(), {.batch_size = 2, .shuffle = true, .seed = 3});
  const Numbers first = joined(epoch(loader)), second = joined(epoch(loader));
  CHECK(first != second);
  for (Numbers order : {first, second}) {
    std::sort(order.begin(), order.end());
    CHECK(order == Numbers{0, 1, 2, 3, 4});
  }
  CHECK(loader.epoch() == 2);
  DataLoader again(dataset(), {.batch_size = 3, .shuffle = true, .seed = 3});
  again.set_epoch(1);
  CHECK(joined(epoch(again)) == second);
}

TEST_CASE("an iterator outlives its loader, and two do not disturb each other") {
  auto make = [] {
    DataLoader loader(dataset(), {.batch_size = 4});
    return loader.begin();
  };
  auto iterator = make();
  CHECK((*iterator)[1].to_vector<std::int64_t>() == Numbers{0, 1, 2, 3});
  ++iterator;
  CHECK((*iterator)[1].to_vector<std::int64_t>() == Numbers{4});
  ++iterator;
  CHECK(iterator == std::default_sentinel);

  DataLoader loader(dataset(), {.batch_size = 5});
  int pairs = 0;
  for (const Batch& a : loader)
    for (const Batch& b : loader) pairs += a.size() == b.size();
  CHECK(pairs == 1);
}

TEST_CASE("misuse") {
  CHECK(mentions(message_of<xgrad::ValueError>([] { DataLoader(dataset(), {.batch_size = 0}); }),
                 {"DataLoader", "batch_size", "0", "loader_test.cpp:"}));
  const xgrad::data::DatasetPointer none;
  CHECK_THROWS_AS(DataLoader{none}, xgrad::ValueError);
  const Batch single(TensorList{xgrad::tensor({1.0})});
  CHECK_THROWS_AS(single[1], xgrad::IndexError);
  CHECK(mentions(message_of<xgrad::ValueError>([&] { const auto [x, y] = single; }), {"Batch", "1"}));
}
