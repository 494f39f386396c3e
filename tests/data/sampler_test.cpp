#include <xgrad/data/dataset.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/data/sampler.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>
#include <vector>

#include "support/errors.hpp"

using test::mentions;
using test::message_of;
using xgrad::ValueError;
using namespace xgrad::data;

namespace {
Indices sorted(Indices indices) {
  std::sort(indices.begin(), indices.end());
  return indices;
}
// Pearson's statistic of counts against probabilities; its expectation is the number of cells less one.
double chi_square(const std::vector<std::int64_t>& counts, const std::vector<double>& probabilities) {
  std::int64_t all = 0;
  for (const std::int64_t count : counts) all += count;
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * static_cast<double>(all);
    if (expected > 0) sum += std::pow(static_cast<double>(counts[i]) - expected, 2) / expected;
  }
  return sum;
}
std::vector<std::int64_t> count(const Indices& drawn, std::size_t cells) {
  std::vector<std::int64_t> counts(cells);
  for (const std::int64_t index : drawn) ++counts.at(static_cast<std::size_t>(index));
  return counts;
}
TensorDataset numbers(std::int64_t count) { return TensorDataset({xgrad::arange(count)}); }
std::vector<Indices> epoch(DataLoader& loader) {
  std::vector<Indices> batches;
  for (const Batch& batch : loader) batches.push_back(batch[0].to_vector<std::int64_t>());
  return batches;
}
}  // namespace

TEST_CASE("sequential and random orders") {
  CHECK(SequentialSampler(4).sample(9, 9) == Indices{0, 1, 2, 3});
  CHECK(SequentialSampler(0).sample(0, 0).empty());
  const RandomSampler random(50);
  CHECK(random.size() == 50);
  CHECK(random.sample(3, 2) == shuffled_indices(50, 3, 2));
  CHECK(random.sample(3, 2) != random.sample(3, 1));
  CHECK(random.sample(3, 2) != random.sample(4, 2));
  CHECK(RandomSampler(0).sample(0, 0).empty());
}

TEST_CASE("num_samples cuts an order, or appends another") {
  const RandomSampler few(10, {.num_samples = 4});
  CHECK(few.size() == 4);
  const Indices drawn = few.sample(1, 0);
  CHECK(drawn.size() == 4);
  CHECK(std::set<std::int64_t>(drawn.begin(), drawn.end()).size() == 4);
  const RandomSampler many(10, {.num_samples = 25});
  const Indices longer = many.sample(1, 0);
  REQUIRE(longer.size() == 25);
  const Indices first(longer.begin(), longer.begin() + 10), second(longer.begin() + 10, longer.begin() + 20);
  CHECK(first != second);
  CHECK(sorted(first) == SequentialSampler(10).sample(0, 0));
  CHECK(sorted(second) == sorted(first));
}

TEST_CASE("draws with replacement are uniform") {
  const RandomSampler sampler(6, {.replacement = true, .num_samples = 60000});
  const Indices drawn = sampler.sample(2, 0);
  CHECK(drawn.size() == 60000);
  // Five degrees of freedom: above 25.7 once in 10000 times.
  CHECK(chi_square(count(drawn, 6), std::vector<double>(6, 1 / 6.0)) < 25.7);
  CHECK(drawn != sampler.sample(2, 1));
  CHECK(RandomSampler(6, {.replacement = true}).sample(0, 0).size() == 6);
}

TEST_CASE("a subset in random order") {
  const SubsetRandomSampler sampler({9, 2, 5, 5});
  CHECK(sampler.size() == 4);
  std::set<Indices> orders;
  for (std::int64_t e = 0; e < 200; ++e) {
    CHECK(sorted(sampler.sample(0, e)) == Indices{2, 5, 5, 9});
    orders.insert(sampler.sample(0, e));
  }
  CHECK(orders.size() == 12);
}

TEST_CASE("weighted draws have the frequencies of their weights") {
  const std::vector<double> weights{1, 0, 2, 5, 0.5, 1.5, 0};
  std::vector<double> probabilities(weights);
  for (double& p : probabilities) p /= 10;
  const WeightedRandomSampler sampler(weights, 100000);
  const std::vector<std::int64_t> counts = count(sampler.sample(4, 0), 7);
  CHECK(counts[1] + counts[6] == 0);
  // Four degrees of freedom: above 23.5 once in 10000 times.
  CHECK(chi_square(counts, probabilities) < 23.5);
  CHECK(sampler.sample(4, 0) != sampler.sample(4, 1));
}

TEST_CASE("weighted draws without replacement follow one another from what is left") {
  const std::vector<double> weights{1, 2, 0, 3};
  const WeightedRandomSampler sampler(weights, 2, false);
  std::vector<std::int64_t> counts(16);
  std::vector<double> probabilities(16);
  for (std::int64_t e = 0; e < 20000; ++e) {
    const Indices pair = sampler.sample(11, e);
    REQUIRE(pair.size() == 2);
    ++counts[static_cast<std::size_t>(4 * pair[0] + pair[1])];
  }
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 4; ++j)
      if (i != j) probabilities[4 * i + j] = weights[i] / 6 * weights[j] / (6 - weights[i]);
  for (std::size_t i = 0; i < 16; ++i) CHECK((counts[i] > 0) == (probabilities[i] > 0));
  // Five degrees of freedom.
  CHECK(chi_square(counts, probabilities) < 25.7);
  CHECK(sorted(WeightedRandomSampler({1e-300, 1, 0, 1e300}, 3, false).sample(0, 0)) == Indices{0, 1, 3});
}

TEST_CASE("batches of a sampler, and a loader's by a sampler") {
  const BatchSampler batches(SequentialSampler(5), 2, false), full(SequentialSampler(5), 2, true);
  CHECK(batches.size() == 3);
  CHECK(batches.sample(0, 0) == std::vector<Indices>{{0, 1}, {2, 3}, {4}});
  CHECK(full.size() == 2);
  CHECK(full.sample(0, 0) == std::vector<Indices>{{0, 1}, {2, 3}});

  const WeightedRandomSampler weighted({0, 0, 1}, 5);
  DataLoader loader(numbers(3), {.batch_size = 3, .sampler = weighted});
  CHECK(loader.size() == 2);
  CHECK(epoch(loader) == std::vector<Indices>{{2, 2, 2}, {2, 2}});
  const RandomSampler random(10, {.num_samples = 4});
  DataLoader drawn(numbers(10), {.batch_size = 4, .sampler = random, .seed = 8});
  CHECK(epoch(drawn)[0] == random.sample(8, 0));
  CHECK(epoch(drawn)[0] == random.sample(8, 1));
}

TEST_CASE("batches of one's own") {
  // Batch i has the i + 1 samples from `epoch` on.
  class Growing : public Sampler<Indices> {
   public:
    std::vector<Indices> sample(std::uint64_t, std::int64_t epoch) const override {
      return {{epoch}, {epoch, epoch + 1}};
    }
    std::int64_t size() const override { return 2; }
  };
  DataLoader loader(numbers(3), {.batch_sampler = std::make_shared<Growing>(), .num_workers = 1});
  CHECK(loader.size() == 2);
  CHECK(epoch(loader) == std::vector<Indices>{{0}, {0, 1}});
  CHECK(epoch(loader) == std::vector<Indices>{{1}, {1, 2}});
  CHECK(mentions(message_of<xgrad::IndexError>([&] { loader.begin(); }), {"DataLoader", "3"}));
  CHECK(loader.epoch() == 2);
  CHECK(mentions(message_of<ValueError>([] { DataLoader(numbers(3), {.batch_size = 2, .batch_sampler = Growing()}); }),
                 {"batch_sampler", "batch_size"}));
}

TEST_CASE("misuse of samplers") {
  CHECK(mentions(message_of<ValueError>([] { SequentialSampler(-1); }), {"SequentialSampler", "-1"}));
  CHECK(mentions(message_of<ValueError>([] { RandomSampler(3, {.num_samples = 0}); }),
                 {"RandomSampler", "num_samples", "0", "sampler_test.cpp:"}));
  CHECK_THROWS_AS(RandomSampler(0, {.num_samples = 2}), ValueError);
  CHECK(mentions(message_of<ValueError>([] { WeightedRandomSampler({1, -2}, 1); }), {"number 1", "-2"}));
  CHECK_THROWS_AS(WeightedRandomSampler({1, NAN}, 1), ValueError);
  CHECK_THROWS_AS(WeightedRandomSampler({1, INFINITY}, 1), ValueError);
  CHECK_THROWS_AS(WeightedRandomSampler({1e308, 1e308}, 1), ValueError);
  CHECK_THROWS_AS(WeightedRandomSampler({}, 1), ValueError);
  CHECK_THROWS_AS(WeightedRandomSampler({0, 0}, 1), ValueError);
  CHECK_THROWS_AS(WeightedRandomSampler({1, 1}, 0), ValueError);
  CHECK(mentions(message_of<ValueError>([] {
                   WeightedRandomSampler({1, 0, 1}, 3, false);
                 }),
                 {"2 positive weights", "3 samples without"}));
  CHECK_THROWS_AS(BatchSampler(SequentialSampler(2), 0, false), ValueError);
  CHECK_THROWS_AS(BatchSampler({}, 1, false), ValueError);
}
