#include <xgrad/random.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <set>
#include <thread>
#include <vector>

#include "core/tensor_impl.hpp"
#include "kernels/philox.hpp"

namespace xg = xgrad;

namespace {

// The words of one block by the generator's published definition.
std::vector<std::uint32_t> philox(std::vector<std::uint32_t> counter, std::vector<std::uint32_t> key) {
  xg::detail::PhiloxWords words;
  for (int j = 0; j < 4; ++j)
    for (auto& lane : words.word[j]) lane = counter[static_cast<std::size_t>(j)];
  xg::detail::philox_rounds(words, key[0], key[1]);
  std::vector<std::uint32_t> result;
  for (int j = 0; j < 4; ++j) {
    for (auto& lane : words.word[j]) CHECK(lane == words.word[j][0]);
    result.push_back(words.word[j][0]);
  }
  return result;
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};
template <class T>
Moments moments(const std::vector<T>& values) {
  Moments m;
  const double n = static_cast<double>(values.size());
  for (T v : values) m.mean += v / n;
  for (T v : values) {
    const double d = v - m.mean;
    m.variance += d * d / n;
    m.skewness += d * d * d / n;
    m.kurtosis += d * d * d * d / n;
  }
  m.skewness /= std::pow(m.variance, 1.5);
  m.kurtosis /= m.variance * m.variance;
  return m;
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const xg::Error& error) {
    return error.what();
  }
  return {};
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

// Random123's kat_vectors, philox4x32 with 10 rounds.
TEST_CASE("Philox gives the published answers") {
  using Words = std::vector<std::uint32_t>;
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint32_t f = 0xffffffff;
  CHECK(philox({f, f, f, f}, {f, f}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a group counts its blocks over 64 bits") {
  xg::detail::PhiloxWords words;
  const std::uint64_t seed = 0x299f31d0a4093822, first = 0xfffffffe;
  xg::detail::philox_group(seed, first, words);
  for (std::uint32_t l = 0; l < 4; ++l) {
    const std::uint64_t block = first + l;
    const auto expected = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0},
                                 {0xa4093822, 0x299f31d0});
    for (std::size_t j = 0; j < 4; ++j) CHECK(words.word[j][l] == expected[j]);
  }
}

TEST_CASE("float32 rand is the upper 24 bits of the words") {
  xg::Generator generator(5);
  const auto values = xg::rand({16}, {}, generator).to_vector<float>();
  for (std::uint32_t l = 0; l < 16; ++l)
    CHECK(values[l] == static_cast<float>(philox({l, 0, 0, 0}, {5, 0})[0] >> 8) / 16777216.0f);
}

TEST_CASE("the same seed gives the same numbers, another one others") {
  xg::manual_seed(3);
  const auto first = xg::rand({100}).to_vector<float>();
  const auto second = xg::rand({100}).to_vector<float>();
  xg::manual_seed(3);
  CHECK(xg::rand({100}).to_vector<float>() == first);
  CHECK(first != second);
  xg::manual_seed(4);
  CHECK(xg::rand({100}).to_vector<float>() != first);
  CHECK(xg::Generator().seed() == xg::default_seed);
}

TEST_CASE("an element does not depend on how many there are") {
  for (xg::Dtype dtype : {xg::float32, xg::float64}) {
    xg::Generator a(9), b(9);
    const auto few = xg::randn({37}, {.dtype = dtype}, a).to_vector<double>();
    const auto many = xg::randn({100000}, {.dtype = dtype}, b).to_vector<double>();
    CHECK(std::equal(few.begin(), few.end(), many.begin()));
  }
}

TEST_CASE("a stream resumes from its state") {
  xg::Generator generator(11);
  xg::rand({1000}, {}, generator);
  const xg::Generator::State state = generator.get_state();
  const auto expected = xg::randn({77}, {}, generator).to_vector<float>();
  xg::Generator other(1);
  other.set_state(state);
  CHECK(xg::randn({77}, {}, other).to_vector<float>() == expected);
  CHECK(other.get_state() == generator.get_state());
}

TEST_CASE("threads never get the same blocks") {
  xg::Generator generator(2);
  std::vector<std::vector<std::uint64_t>> begins(4);
  std::vector<std::thread> threads;
  for (auto& mine : begins)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) mine.push_back(generator.reserve(3).offset);
    });
  for (auto& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& mine : begins) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 4000);
  CHECK(*all.rbegin() == 3 * 3999);
}

TEST_CASE("a guard gives its thread another default generator, and no other thread") {
  xg::manual_seed(5);
  xg::Generator& usual = xg::default_generator();
  xg::Generator outer(1), inner(2);
  {
    const xg::GeneratorGuard guard(outer);
    CHECK(&xg::default_generator() == &outer);
    {
      const xg::GeneratorGuard nested(inner);
      CHECK(xg::rand({3}).to_vector<float>() == [] {
        xg::Generator same(2);
        return xg::rand({3}, {}, same).to_vector<float>();
      }());
    }
    CHECK(&xg::default_generator() == &outer);
    xg::manual_seed(9);
    CHECK(outer.seed() == 9);
    const xg::Generator* seen = nullptr;
    std::thread([&] { seen = &xg::default_generator(); }).join();
    CHECK(seen == &usual);
  }
  CHECK(&xg::default_generator() == &usual);
  CHECK(usual.get_state() == xg::Generator::State{5, 0});
}

TEST_CASE("rand is uniform in [0, 1)") {
  for (xg::Dtype dtype : {xg::float32, xg::float64}) {
    xg::Generator generator(1);
    const xg::Tensor t = xg::rand({500, 400}, {.dtype = dtype}, generator);
    CHECK(t.dtype() == dtype);
    CHECK((t.sizes() == xg::Shape{500, 400}));
    const auto values = t.to_vector<double>();
    std::vector<int> bins(10);
    for (double v : values) {
      REQUIRE(v >= 0);
      REQUIRE(v < 1);
      ++bins[static_cast<std::size_t>(v * 10)];
    }
    double chi2 = 0;
    for (int count : bins) chi2 += (count - 20000.0) * (count - 20000.0) / 20000.0;
    CHECK(chi2 < 27.9);  // 99.9 % of chi-squared with 9 degrees of freedom
    const Moments m = moments(values);
    CHECK(m.mean == doctest::Approx(0.5).epsilon(0.005));
    CHECK(m.variance == doctest::Approx(1.0 / 12).epsilon(0.01));
  }
}

TEST_CASE("randn is normal") {
  for (xg::Dtype dtype : {xg::float32, xg::float64}) {
    xg::Generator generator(1);
    const auto values = xg::randn({400000}, {.dtype = dtype}, generator).to_vector<double>();
    const Moments m = moments(values);
    CHECK(std::abs(m.mean) < 0.006);
    CHECK(m.variance == doctest::Approx(1).epsilon(0.01));
    CHECK(std::abs(m.skewness) < 0.02);
    CHECK(m.kurtosis == doctest::Approx(3).epsilon(0.02));
    // Neighbours within a pair of Box and Muller are not correlated.
    for (std::size_t lag : {1, 16, 32}) {
      double correlation = 0;
      for (std::size_t i = lag; i < values.size(); ++i) correlation += values[i] * values[i - lag];
      CHECK(std::abs(correlation / static_cast<double>(values.size())) < 0.008);
    }
    double tail = 0;
    for (double v : values) tail += std::abs(v) > 3;
    CHECK(tail / 400000 == doctest::Approx(std::erfc(3 / std::sqrt(2.0))).epsilon(0.15));
  }
}

TEST_CASE("normal has the mean and the deviation asked for") {
  xg::Generator generator(8);
  const Moments m = moments(xg::normal(-3, 0.5, {100000}, {.dtype = xg::float64}, generator).to_vector<double>());
  CHECK(m.mean == doctest::Approx(-3).epsilon(0.002));
  CHECK(m.variance == doctest::Approx(0.25).epsilon(0.02));
}

TEST_CASE("randint covers its range evenly") {
  xg::Generator generator(1);
  const xg::Tensor t = xg::randint(-2, 5, {70000}, {}, generator);
  CHECK(t.dtype() == xg::int64);
  std::vector<int> bins(7);
  for (std::int64_t v : t.to_vector<std::int64_t>()) {
    REQUIRE(v >= -2);
    REQUIRE(v < 5);
    ++bins[static_cast<std::size_t>(v + 2)];
  }
  double chi2 = 0;
  for (int count : bins) chi2 += (count - 10000.0) * (count - 10000.0) / 10000.0;
  CHECK(chi2 < 22.5);  // 99.9 %, 6 degrees of freedom
  CHECK(xg::randint(10, {3}, {.dtype = xg::uint8}, generator).dtype() == xg::uint8);
  const std::int64_t low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
  const auto wide = xg::randint(low, high, {1000}, {}, generator).to_vector<std::int64_t>();
  int negative = 0;
  for (std::int64_t v : wide) negative += v < 0;
  CHECK(negative > 400);
  CHECK(negative < 600);
}

TEST_CASE("randperm is a permutation, each as likely as the others") {
  xg::Generator generator(1);
  const auto order = xg::randperm(1000, {}, generator).to_vector<std::int64_t>();
  CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == 1000);
  std::vector<int> count(24);
  for (int i = 0; i < 24000; ++i) {
    const auto p = xg::randperm(4, {}, generator).to_vector<std::int64_t>();
    std::size_t code = 0;
    for (std::size_t a = 0; a < 4; ++a) {
      std::size_t smaller = 0;
      for (std::size_t b = a + 1; b < 4; ++b) smaller += p[b] < p[a];
      code = code * (4 - a) + smaller;
    }
    ++count[code];
  }
  double chi2 = 0;
  for (int c : count) chi2 += (c - 1000.0) * (c - 1000.0) / 1000.0;
  CHECK(chi2 < 49.7);  // 99.9 %, 23 degrees of freedom
  CHECK(xg::randperm(0).numel() == 0);
}

TEST_CASE("bernoulli follows its probabilities") {
  xg::Generator generator(1);
  std::vector<double> p;
  for (int i = 0; i < 30000; ++i) p.push_back(i % 3 * 0.5);
  const xg::Tensor t = xg::detail::make_tensor({30000}, xg::float64);
  std::copy(p.begin(), p.end(), t.data<double>());
  const auto values = xg::bernoulli(t, generator).to_vector<double>();
  double half = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 3 == 0) REQUIRE(values[i] == 0);
    if (i % 3 == 2) REQUIRE(values[i] == 1);
    if (i % 3 == 1) half += values[i];
  }
  CHECK(half / 10000 == doctest::Approx(0.5).epsilon(0.05));
}

TEST_CASE("multinomial follows its weights") {
  xg::Generator generator(1);
  const xg::Tensor w = xg::detail::make_tensor({2, 4}, xg::float32);
  const float weights[] = {1, 0, 2, 5, 3, 3, 0, 2};
  std::copy(weights, weights + 8, w.data<float>());
  const xg::Tensor drawn = xg::multinomial(w, 40000, true, generator);
  CHECK((drawn.sizes() == xg::Shape{2, 40000}));
  const auto indices = drawn.to_vector<std::int64_t>();
  std::vector<double> share(8);
  for (std::size_t i = 0; i < indices.size(); ++i)
    share[i / 40000 * 4 + static_cast<std::size_t>(indices[i])] += 1 / 40000.0;
  for (std::size_t i = 0; i < 8; ++i) CHECK(std::abs(share[i] - weights[i] / 8.0) < 0.01);

  // Without replacement: the first is drawn like the only one, and none comes twice.
  std::vector<double> first(4), second(4);
  const xg::Tensor row = xg::detail::make_tensor({4}, xg::float64);
  std::copy(weights, weights + 4, row.data<double>());
  for (int i = 0; i < 20000; ++i) {
    const auto pair = xg::multinomial(row, 2, false, generator).to_vector<std::int64_t>();
    REQUIRE(pair[0] != pair[1]);
    first[static_cast<std::size_t>(pair[0])] += 1 / 20000.0;
    second[static_cast<std::size_t>(pair[1])] += 1 / 20000.0;
  }
  const double p[] = {1 / 8.0, 0, 2 / 8.0, 5 / 8.0};
  for (int j = 0; j < 4; ++j) {
    CHECK(std::abs(first[static_cast<std::size_t>(j)] - p[j]) < 0.015);
    double expected = 0;
    for (int i = 0; i < 4; ++i)
      if (i != j) expected += p[i] * p[j] / (1 - p[i]);
    CHECK(std::abs(second[static_cast<std::size_t>(j)] - expected) < 0.015);
  }
}

TEST_CASE("tensors are filled in place") {
  const xg::Tensor t = xg::detail::make_tensor({10000}, xg::float32);
  const auto version = t.version();
  xg::manual_seed(0);
  CHECK(t.uniform_(-2, 6).is_same(t));
  CHECK(t.version() > version);
  Moments m = moments(t.to_vector<float>());
  CHECK(m.mean == doctest::Approx(2).epsilon(0.05));
  CHECK(m.variance == doctest::Approx(64.0 / 12).epsilon(0.05));
  t.normal_(4, 2);
  m = moments(t.to_vector<float>());
  CHECK(m.mean == doctest::Approx(4).epsilon(0.02));
  CHECK(m.variance == doctest::Approx(4).epsilon(0.05));
  t.bernoulli_(0.25);
  m = moments(t.to_vector<float>());
  CHECK(m.mean == doctest::Approx(0.25).epsilon(0.06));
  CHECK(m.variance == doctest::Approx(0.25 * 0.75).epsilon(0.06));
  const xg::Tensor mask = xg::detail::make_tensor({10000}, xg::bool_);
  mask.bernoulli_(1);
  CHECK(moments(mask.to_vector<int>()).mean == doctest::Approx(1));

  // An interval without a number in between.
  const float above = std::nextafter(1.0f, 2.0f);
  t.uniform_(1, above);
  for (float v : t.to_vector<float>()) REQUIRE(v == 1);
}

TEST_CASE("misuse is refused before anything is drawn") {
  xg::Generator generator(1);
  const auto state = generator.get_state();
  CHECK(has(message_of([&] { xg::rand({2}, {.dtype = xg::int64}, generator); }), "rand: dtype must be float32"));
  CHECK(has(message_of([&] { xg::randint(5, 5, {2}, {}, generator); }), "randint: low must be below high, got low 5"));
  CHECK(has(message_of([&] { xg::randn({-1}, {}, generator); }), "[-1]"));
  CHECK(has(message_of([&] { xg::normal(0, -1, {2}, {}, generator); }), "normal: std must not be negative"));
  CHECK(has(message_of([&] { xg::randperm(-1, {}, generator); }), "randperm"));
  const xg::Tensor p = xg::detail::make_tensor({2}, xg::float32);
  p.data<float>()[0] = 0.5f;
  p.data<float>()[1] = 1.5f;
  CHECK(has(message_of([&] { xg::bernoulli(p, generator); }), "bernoulli: probabilities must be in [0, 1], element 1"));
  CHECK(has(message_of([&] { xg::multinomial(p, 3, false, generator); }), "multinomial: row 0 has 2 positive weights"));
  p.data<float>()[1] = -1;
  CHECK(has(message_of([&] { xg::multinomial(p, 1, true, generator); }), "element 1 of row 0 is -1"));
  CHECK(has(message_of([&] { xg::multinomial(p, 1, true, generator); }), "random_test.cpp"));
  CHECK(has(message_of([&] { p.uniform_(1, 0); }), "uniform_"));
  CHECK(generator.get_state() == state);
}
