#include <xgrad/autograd.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "kernels/parallel.hpp"
#include "support/errors.hpp"

using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;
using xgrad::data::Batch;
using xgrad::data::DataLoader;
using xgrad::data::DataLoaderOptions;
using xgrad::data::Loader;
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
// Sample i is {i, a random number}. Later samples of a batch of four are fetched sooner, and sample `bad` throws.
class Slow : public xgrad::data::Dataset {
 public:
  explicit Slow(std::int64_t count, std::int64_t bad = -1) : count_(count), bad_(bad) {}
  std::int64_t size() const override { return count_; }
  TensorList get(std::int64_t index) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(300 * (3 - index / 4 % 4)));
    if (index == bad_) throw std::runtime_error("sample " + std::to_string(index));
    return {xgrad::tensor(index), xgrad::rand({3})};
  }

 private:
  std::int64_t count_, bad_;
};
struct Drawn {
  Numbers order;
  std::vector<double> values;
  friend bool operator==(const Drawn&, const Drawn&) = default;
};
Drawn drawn(DataLoader& loader) {
  Drawn all;
  for (const auto& [index, value] : loader) {
    for (const std::int64_t i : index.to_vector<std::int64_t>()) all.order.push_back(i);
    for (const double v : value.to_vector<double>()) all.values.push_back(v);
  }
  return all;
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

TEST_CASE("any number of workers gives the same batches in the same order") {
  DataLoader plain(Slow(38), {.batch_size = 4, .shuffle = true, .seed = 5});
  xgrad::manual_seed(1);
  const Drawn first = drawn(plain), second = drawn(plain);
  CHECK(first.order.size() == 38);
  CHECK(first.order != second.order);
  CHECK(first.values != second.values);
  for (const std::int64_t workers : {1, 2, 4, 50}) {
    CAPTURE(workers);
    xgrad::manual_seed(static_cast<std::uint64_t>(workers));
    DataLoader loader(Slow(38), {.batch_size = 4, .shuffle = true, .num_workers = workers, .seed = 5});
    CHECK(drawn(loader) == first);
    CHECK(drawn(loader) == second);
    CHECK(loader.epoch() == 2);
    loader.set_epoch(1);
    CHECK(drawn(loader) == second);
  }
  DataLoader eager(Slow(38), {.batch_size = 4, .num_workers = 2, .prefetch_factor = INT64_MAX});
  CHECK(drawn(eager).order.size() == 38);
}

TEST_CASE("batches draw numbers of their own and leave the program's alone") {
  xgrad::manual_seed(7);
  const auto before = xgrad::default_generator().get_state();
  DataLoader loader(Slow(4), {.seed = 1}), other(Slow(4), {.seed = 2});
  const std::vector<double> values = drawn(loader).values;
  CHECK(xgrad::default_generator().get_state() == before);
  CHECK(values != drawn(other).values);
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(values[i] != values[j]);
}

TEST_CASE("what a sample throws arrives at the place of its batch") {
  for (const std::int64_t workers : {0, 1, 3}) {
    CAPTURE(workers);
    DataLoader loader(Slow(20, 9), {.batch_size = 4, .num_workers = workers});
    auto iterator = loader.begin();
    ++iterator;
    CHECK((*iterator)[0].to_vector<std::int64_t>() == Numbers{4, 5, 6, 7});
    CHECK(message_of<std::runtime_error>([&] { ++iterator; }) == "sample 9");
    CHECK(iterator == loader.end());
    ++iterator;
    CHECK((*iterator)[0].to_vector<std::int64_t>() == Numbers{12, 13, 14, 15});

    DataLoader at_once(Slow(20, 0), {.batch_size = 4, .num_workers = workers});
    CHECK_THROWS_AS(at_once.begin(), std::runtime_error);
    CHECK(at_once.epoch() == 0);
  }
}

TEST_CASE("a loop that is left early ends its workers, and fetches no more than it may") {
  std::atomic<int> fetched = 0;
  auto count = [&fetched](const std::vector<std::int64_t>& batch) {
    ++fetched;
    return batch[0];
  };
  const Numbers samples(1000, 7);
  Loader loader(samples, count, {.num_workers = 2, .prefetch_factor = 3});
  {
    auto iterator = loader.begin();
    // One was taken and six lie ready.
    for (int wait = 0; wait < 5000 && fetched < 7; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(fetched == 7);
  }
  int seen = 0;
  for (const std::int64_t value : loader) {
    CHECK(value == 7);
    if (++seen == 5) break;
  }
  const int after = fetched;
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(fetched == after);
  CHECK(after <= 7 + 5 + 6);
}

TEST_CASE("iterators with workers are independent, and copies of one take turns") {
  DataLoader loader(dataset(), {.batch_size = 1, .num_workers = 2});
  int pairs = 0;
  for (const Batch& a : loader)
    for (const Batch& b : loader) pairs += a.size() == b.size();
  CHECK(pairs == 25);
  auto one = loader.begin();
  auto two = one;
  ++one;
  ++two;
  CHECK((*one)[1].item<int>() == 1);
  CHECK((*two)[1].item<int>() == 2);
}

TEST_CASE("workers compute alone, and record as the caller did") {
  const Tensor weight = xgrad::ones({400, 400}, {.requires_grad = true});
  struct Seen {
    int threads;
    bool recorded;
    double sum;
  };
  auto look = [&](const Numbers&) {
    const Tensor product = matmul(weight, weight);
    return Seen{xgrad::detail::available_threads(), product.requires_grad(), product.sum().item<double>()};
  };
  Loader loader(Numbers(6), look, {.num_workers = 2});
  for (const Seen& seen : loader) {
    CHECK(seen.threads == 1);
    CHECK(seen.recorded);
    CHECK(seen.sum == 400.0 * 400 * 400);
  }
  const xgrad::NoGradGuard no_grad;
  for (const Seen& seen : loader) CHECK_FALSE(seen.recorded);
}

TEST_CASE("samples of any type become batches of any type") {
  struct Review {
    std::string text;
    int stars;
  };
  struct Reviews {
    std::string text;
    Tensor stars;
    std::unique_ptr<int> longest;
  };
  const auto reviews = std::make_shared<std::vector<Review>>(
      std::vector<Review>{{"good", 4}, {"bad", 1}, {"excellent", 5}, {"so", 3}, {"fine", 4}});
  auto join = [](std::vector<Review> samples) {
    Reviews batch;
    std::vector<std::int64_t> stars;
    std::size_t longest = 0;
    for (Review& sample : samples) {
      batch.text += sample.text + ".";
      stars.push_back(sample.stars);
      longest = std::max(longest, sample.text.size());
    }
    batch.stars = xgrad::tensor(stars);
    batch.longest = std::make_unique<int>(static_cast<int>(longest));
    return batch;
  };
  for (const std::int64_t workers : {0, 2}) {
    Loader loader(reviews, join, {.batch_size = 2, .num_workers = workers});
    static_assert(std::is_same_v<decltype(loader), Loader<Reviews>>);
    CHECK(loader.size() == 3);
    std::string all;
    std::vector<int> longest;
    for (Reviews& batch : loader) {
      all += batch.text;
      const Reviews taken = std::move(batch);
      longest.push_back(*taken.longest);
    }
    CHECK(all == "good.bad.excellent.so.fine.");
    CHECK(longest == std::vector<int>{4, 9, 4});
  }

  // A data set of tensors with a batch of one's own.
  Loader pairs(dataset(),
               [](const std::vector<TensorList>& samples) { return Batch(xgrad::data::default_collate(samples)); },
               {.batch_size = 5});
  for (auto [x, y] : pairs) {
    CHECK(x.sizes() == Shape{5, 2});
    CHECK(y.to_vector<std::int64_t>() == Numbers{0, 1, 2, 3, 4});
  }
  const xgrad::data::DatasetPointer shared = std::make_shared<Slow>(6);
  Loader counts(shared, [](const std::vector<TensorList>& samples) { return samples.size(); },
                {.batch_size = 4, .num_workers = 2});
  std::vector<std::size_t> sizes;
  for (const std::size_t size : counts) sizes.push_back(size);
  CHECK(sizes == std::vector<std::size_t>{4, 2});
}

TEST_CASE("a loader goes on where another one was") {
  for (const std::int64_t workers : {0, 2}) {
    const DataLoaderOptions options{.batch_size = 2, .shuffle = true, .num_workers = workers, .seed = 4};
    DataLoader whole(dataset(), options);
    const std::vector<Numbers> first = epoch(whole), second = epoch(whole);
    REQUIRE(first.size() == 3);
    CHECK(first != second);
    CHECK(whole.state_dict().at("epoch").item<int>() == 2);
    CHECK(whole.state_dict().at("batch").item<int>() == 0);

    // Stopped with each of the batches in hand, the last one included.
    for (std::size_t stop = 1; stop <= 3; ++stop) {
      DataLoader before(dataset(), options), after(dataset(), options);
      xgrad::StateDict state;
      std::size_t taken = 0;
      for (const auto& batch : before) {
        (void)batch;
        if (++taken == stop) state = before.state_dict();
      }
      CHECK(state.at("epoch").item<int>() == 0);
      CHECK(state.at("batch").item<std::int64_t>() == static_cast<std::int64_t>(stop));
      after.load_state_dict(state);
      CHECK(after.state_dict().at("batch").item<std::int64_t>() == static_cast<std::int64_t>(stop));
      CHECK(epoch(after) == std::vector<Numbers>(first.begin() + static_cast<std::ptrdiff_t>(stop), first.end()));
      CHECK(epoch(after) == second);
    }

    // An epoch that was left early does not go on, nor does one behind set_epoch().
    DataLoader left(dataset(), options), next(dataset(), options);
    for (const auto& batch : left) {
      (void)batch;
      break;
    }
    next.load_state_dict(left.state_dict());
    CHECK(epoch(next) == second);
    next.load_state_dict({{"epoch", xgrad::tensor(1)}, {"batch", xgrad::tensor(2)}});
    next.set_epoch(0);
    CHECK(epoch(next) == first);

    const auto refused = [&](std::int64_t batch) {
      return message_of<xgrad::ValueError>([&] {
        next.load_state_dict({{"epoch", xgrad::tensor(0)}, {"batch", xgrad::tensor(batch)}});
      });
    };
    CHECK(mentions(refused(4), {"load_state_dict: DataLoader", "4 batches", "has 3", "loader_test.cpp:"}));
    CHECK(mentions(refused(-1), {"-1"}));
    CHECK_THROWS_AS(next.load_state_dict({{"epoch", xgrad::tensor(0)}}), xgrad::ValueError);
    CHECK(next.epoch() == 1);
  }
}

TEST_CASE("misuse") {
  CHECK(mentions(message_of<xgrad::ValueError>([] { DataLoader(dataset(), {.batch_size = 0}); }),
                 {"DataLoader", "batch_size", "0", "loader_test.cpp:"}));
  const auto refused = [](const DataLoaderOptions& options) {
    return message_of<xgrad::ValueError>([&] { DataLoader(dataset(), options); });
  };
  CHECK(mentions(refused({.num_workers = -2}), {"num_workers", "-2"}));
  CHECK(mentions(refused({.num_workers = 1, .prefetch_factor = 0}), {"prefetch_factor", "0"}));
  CHECK(mentions(refused({.shuffle = true, .sampler = xgrad::data::SequentialSampler(5)}), {"sampler", "shuffle"}));
  const xgrad::data::DatasetPointer none;
  CHECK(mentions(message_of<xgrad::ValueError>([&] { DataLoader{none}; }), {"DataLoader", "no data set"}));
  const std::shared_ptr<Numbers> no_samples;
  CHECK_THROWS_AS(Loader(no_samples, [](const Numbers& batch) { return batch; }), xgrad::ValueError);
  const Batch single(TensorList{xgrad::tensor({1.0})});
  CHECK_THROWS_AS(single[1], xgrad::IndexError);
  CHECK(mentions(message_of<xgrad::ValueError>([&] { const auto [x, y] = single; }), {"Batch", "1"}));
}
