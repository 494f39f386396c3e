#include <xgrad/data/dataset.hpp>
#include <xgrad/data/kfold.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <map>
#include <numeric>
#include <vector>

#include "support/files.hpp"

using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::TensorList;
using xgrad::data::Dataset;
using xgrad::data::KFold;
using xgrad::data::shuffled_indices;
using xgrad::data::SplitIndices;
using xgrad::data::StratifiedKFold;
using xgrad::data::Subset;
using xgrad::data::TensorDataset;
using xgrad::data::train_test_split;

namespace {
using Numbers = std::vector<std::int64_t>;

// Sample i is {[i, i * i], i}.
class Squares : public Dataset {
 public:
  std::int64_t size() const override { return 6; }
  TensorList get(std::int64_t i) const override {
    const auto x = static_cast<double>(i);
    return {xgrad::tensor({x, x * x}), xgrad::tensor(i)};
  }
};
class Ragged : public Dataset {
 public:
  std::int64_t size() const override { return 2; }
  TensorList get(std::int64_t i) const override {
    return TensorList(static_cast<std::size_t>(i + 1), xgrad::tensor({1.0}));
  }
};
TensorDataset tenfold() {
  return TensorDataset({xgrad::tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}}), xgrad::tensor({10, 20, 30})});
}
}  // namespace

TEST_CASE("samples of a data set of one's own are stacked") {
  const TensorList batch = Squares().get_batch({3, 1, 3});
  REQUIRE(batch.size() == 2);
  CHECK(batch[0].sizes() == Shape{3, 2});
  CHECK(batch[0].to_vector<double>() == std::vector<double>{3, 9, 1, 1, 3, 9});
  CHECK(batch[1].dtype() == xgrad::int64);
  CHECK(batch[1].to_vector<std::int64_t>() == Numbers{3, 1, 3});
  CHECK(mentions(message_of<xgrad::ValueError>([] {
                   Ragged().get_batch({0, 1});
                 }),
                 {"default_collate", "sample 0 of the batch has 1", "sample 1 has 2"}));
}

TEST_CASE("rows of tensors") {
  const TensorDataset dataset = tenfold();
  CHECK(dataset.size() == 3);
  const TensorList sample = dataset.get(1);
  CHECK(sample[0].to_vector<double>() == std::vector<double>{3, 4});
  CHECK(sample[1].item<int>() == 20);
  const TensorList batch = dataset.get_batch({2, 0});
  CHECK(batch[0].to_vector<double>() == std::vector<double>{5, 6, 1, 2});
  CHECK(batch[1].to_vector<std::int64_t>() == Numbers{30, 10});
  // A batch is a copy, and records nothing.
  batch[0].data<float>()[0] = 100;
  CHECK(dataset.get(2)[0].to_vector<double>() == std::vector<double>{5, 6});
  const TensorDataset recorded({xgrad::ones({2, 2}, {.requires_grad = true})});
  CHECK_FALSE(recorded.get_batch({0})[0].requires_grad());

  CHECK(mentions(message_of<xgrad::ShapeError>([] {
                   TensorDataset({xgrad::ones({3, 2}), xgrad::ones({4})});
                 }),
                 {"TensorDataset", "[3, 2]", "[4]", "dataset_test.cpp:"}));
  CHECK_THROWS_AS(TensorDataset({xgrad::tensor(1.0)}), xgrad::ShapeError);
  CHECK_THROWS_AS(TensorDataset(TensorList{}), xgrad::ValueError);
}

TEST_CASE("a subset") {
  const Subset subset(tenfold(), {2, 2, 0});
  CHECK(subset.size() == 3);
  CHECK(subset.get(1)[1].item<int>() == 30);
  CHECK(subset.get_batch({2, 0})[1].to_vector<std::int64_t>() == Numbers{10, 30});
  CHECK(Subset(subset, {2}).get(0)[1].item<int>() == 10);
  CHECK(Subset(std::make_shared<Squares>(), {5}).get(0)[1].item<int>() == 5);
  CHECK(mentions(message_of<xgrad::IndexError>([] {
                   Subset(tenfold(), {0, 3});
                 }),
                 {"Subset", "index 3", "3 samples", "dataset_test.cpp:"}));
  CHECK_THROWS_AS(Subset(tenfold(), {-1}), xgrad::IndexError);
  CHECK_THROWS_AS(subset.get(3), xgrad::IndexError);
  CHECK_THROWS_AS(subset.get_batch({0, 3}), xgrad::IndexError);
}

TEST_CASE("shuffling gives a permutation, by seed and stream") {
  Numbers order = shuffled_indices(1000, 1);
  CHECK(order == shuffled_indices(1000, 1));
  CHECK(order != shuffled_indices(1000, 2));
  CHECK(order != shuffled_indices(1000, 1, 1));
  CHECK(shuffled_indices(1000, 0, 1) != shuffled_indices(1000, 1, 0));
  Numbers all(1000);
  std::iota(all.begin(), all.end(), 0);
  CHECK(order != all);
  std::sort(order.begin(), order.end());
  CHECK(order == all);
  CHECK(shuffled_indices(0, 1).empty());
  CHECK(shuffled_indices(1, 1) == Numbers{0});
}

TEST_CASE("all permutations are equally likely") {
  std::map<Numbers, int> counts;
  constexpr int rounds = 24000;
  for (int i = 0; i < rounds; ++i) ++counts[shuffled_indices(4, 9, static_cast<std::uint64_t>(i))];
  REQUIRE(counts.size() == 24);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  // 23 degrees of freedom: 49.7 is exceeded once in a thousand.
  CHECK(chi_squared < 49.7);
}

TEST_CASE("train and test parts share nothing and leave nothing out") {
  const auto [train, test] = train_test_split(Squares(), {.test_size = 0.3, .seed = 4});
  CHECK(test.size() == 2);
  CHECK(train.size() == 4);
  Numbers all = train.indices();
  all.insert(all.end(), test.indices().begin(), test.indices().end());
  std::sort(all.begin(), all.end());
  CHECK(all == Numbers{0, 1, 2, 3, 4, 5});
  CHECK(train_test_split(Squares(), {.test_size = 0.3, .seed = 4}).first.indices() == train.indices());

  const auto [front, back] = train_test_split(Squares(), {.test_size = 0.5, .shuffle = false});
  CHECK(front.indices() == Numbers{0, 1, 2});
  CHECK(back.indices() == Numbers{3, 4, 5});

  const Tensor x = xgrad::tensor({{1.0}, {2.0}, {3.0}, {4.0}}), y = xgrad::tensor({1, 2, 3, 4});
  const auto [train_rows, test_rows] = train_test_split({x, y});
  CHECK(test_rows[0].sizes() == Shape{1, 1});
  CHECK(train_rows[1].sizes() == Shape{3});
  CHECK(train_rows[0].to_vector<std::int64_t>() == train_rows[1].to_vector<std::int64_t>());

  for (const double size : {0.0, 1.0, -0.5, 0.01, 0.99, std::numeric_limits<double>::quiet_NaN()})
    CHECK(mentions(message_of<xgrad::ValueError>([&] { train_test_split(Squares(), {.test_size = size}); }),
                   {"train_test_split", "dataset_test.cpp:"}));
}

namespace {
// Whether each fold has all samples once, ascending in both parts, and each sample is tested once.
void check_folds(const std::vector<SplitIndices>& folds, std::int64_t count) {
  Numbers tested;
  for (const SplitIndices& fold : folds) {
    CHECK(std::is_sorted(fold.train.begin(), fold.train.end()));
    CHECK(std::is_sorted(fold.test.begin(), fold.test.end()));
    CHECK(fold.train.size() + fold.test.size() == static_cast<std::size_t>(count));
    for (const std::int64_t index : fold.test)
      CHECK_FALSE(std::binary_search(fold.train.begin(), fold.train.end(), index));
    tested.insert(tested.end(), fold.test.begin(), fold.test.end());
  }
  std::sort(tested.begin(), tested.end());
  Numbers all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  CHECK(tested == all);
}
}  // namespace

TEST_CASE("k folds") {
  const std::vector<SplitIndices> folds = KFold({.n_splits = 3}).split(8);
  REQUIRE(folds.size() == 3);
  CHECK(folds[0].test == Numbers{0, 1, 2});
  CHECK(folds[1].test == Numbers{3, 4, 5});
  CHECK(folds[2].test == Numbers{6, 7});
  CHECK(folds[1].train == Numbers{0, 1, 2, 6, 7});
  check_folds(folds, 8);

  const auto shuffled = [](std::uint64_t seed) { return KFold({.shuffle = true, .seed = seed}).split(23); };
  const std::vector<SplitIndices> parts = shuffled(1);
  check_folds(parts, 23);
  for (std::size_t i = 0; i < 5; ++i) CHECK(parts[i].test.size() == (i < 3 ? 5 : 4));
  CHECK(parts[0].test == shuffled(1)[0].test);
  CHECK(parts[0].test != shuffled(2)[0].test);
  CHECK(parts[0].test != KFold().split(23)[0].test);

  CHECK(mentions(message_of<xgrad::ValueError>([] { KFold({.n_splits = 1}); }),
                 {"KFold", "n_splits", "1", "dataset_test.cpp:"}));
  CHECK(mentions(message_of<xgrad::ValueError>([] { KFold().split(4); }), {"4 samples", "5 parts"}));
}

TEST_CASE("folds with the same share of each label") {
  // The example of scikit-learn's documentation.
  const std::vector<SplitIndices> folds = StratifiedKFold({.n_splits = 2}).split(Numbers{0, 0, 1, 1});
  CHECK(folds[0].train == Numbers{1, 3});
  CHECK(folds[0].test == Numbers{0, 2});
  CHECK(folds[1].test == Numbers{1, 3});

  Numbers labels;
  for (std::int64_t i = 0; i < 47; ++i) labels.push_back(i % 7 < 4 ? 30 : i % 7 < 6 ? -1 : 2);
  for (const bool shuffle : {false, true}) {
    const std::vector<SplitIndices> parts =
        StratifiedKFold({.n_splits = 4, .shuffle = shuffle, .seed = 1}).split(xgrad::tensor(labels));
    check_folds(parts, 47);
    std::map<std::int64_t, std::vector<int>> counts;
    for (std::size_t fold = 0; fold < 4; ++fold) {
      CHECK((parts[fold].test.size() == 11 || parts[fold].test.size() == 12));
      for (const std::int64_t index : parts[fold].test) {
        std::vector<int>& of_label = counts[labels[static_cast<std::size_t>(index)]];
        of_label.resize(4);
        ++of_label[fold];
      }
    }
    for (const auto& [label, of_label] : counts)
      CHECK(*std::max_element(of_label.begin(), of_label.end()) - *std::min_element(of_label.begin(), of_label.end()) <=
            1);
  }
  CHECK_THROWS_AS(StratifiedKFold({.n_splits = 0}), xgrad::ValueError);
  CHECK(mentions(message_of<xgrad::ValueError>([] {
                   StratifiedKFold({.n_splits = 3}).split(Numbers{1, 1, 2, 2});
                 }),
                 {"2 samples", "3 parts"}));
  CHECK_THROWS_AS(StratifiedKFold().split(xgrad::ones({6})), xgrad::DtypeError);
  CHECK_THROWS_AS(StratifiedKFold().split(xgrad::ones({6, 1}).to(xgrad::int64)), xgrad::ShapeError);
}
