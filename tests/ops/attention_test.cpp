#include <xgrad/autograd.hpp>
#include <xgrad/memory.hpp>
#include <xgrad/nn/functional.hpp>
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/ops/softmax.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "core/tensor_impl.hpp"
#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::distance;
using test::mentions;
using test::message_of;
using xg::AttentionOptions;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Tensor leaf(const Shape& shape, std::uint64_t seed, double scale = 1) {
  return (numeric::random(shape, seed) * scale).detach().requires_grad_();
}
// True where numbers of [-1, 1) lie below the bound.
Tensor truths(const Shape& shape, std::uint64_t seed, double bound) { return numeric::random(shape, seed) < bound; }
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {}) {
  return xg::scaled_dot_product_attention(q, k, v, options);
}

// In public operations, with a mask that is added.
Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& added = {}, double scale = 0) {
  const double factor = scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(q.size(-1)));
  Tensor scores = xg::matmul(q, k.transpose(-2, -1)) * factor;
  if (added.defined()) scores = scores + added;
  return xg::matmul(xg::softmax(scores, -1), v);
}
Tensor as_added(const Tensor& truths, xg::Dtype dtype = xg::float64) {
  return xg::zeros(truths.sizes(), {.dtype = dtype}).masked_fill(!truths, -inf);
}
Tensor lower(std::int64_t queries, std::int64_t keys) { return xg::ones({queries, keys}).tril() > 0; }

TensorList slopes(const Tensor& y, const TensorList& inputs, bool create_graph = false) {
  const Tensor g = numeric::random(y.sizes(), 77, y.dtype());
  return xg::grad({y}, inputs, {.grad_outputs = {g}, .retain_graph = true, .create_graph = create_graph});
}
// Values and gradients of two ways to say the same.
void check_same(const Tensor& actual, const Tensor& expected, const TensorList& inputs, double tolerance = 1e-12) {
  CHECK(distance(actual.detach(), expected.detach()) < tolerance);
  const TensorList a = slopes(actual, inputs), r = slopes(actual, inputs, true), e = slopes(expected, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK_MESSAGE(distance(a[i], e[i].detach()) < tolerance, "gradient ", i);
    CHECK_MESSAGE(distance(r[i].detach(), e[i].detach()) < tolerance, "recorded gradient ", i);
  }
}

}  // namespace

TEST_CASE("products and softmax give the same, over several blocks of queries and of keys") {
  for (const auto& sizes :
       {Shape{5, 7}, Shape{1, 1}, Shape{1, 600}, Shape{130, 3}, Shape{300, 1100}, Shape{257, 513}}) {
    const std::int64_t queries = sizes[0], keys = sizes[1];
    INFO(queries, " queries, ", keys, " keys");
    const Tensor q = leaf({2, queries, 9}, 1, 2), k = leaf({2, keys, 9}, 2, 2), v = leaf({2, keys, 4}, 3);
    check_same(attend(q, k, v), composed(q, k, v), {q, k, v});
    check_same(attend(q, k, v, {.scale = -0.7}), composed(q, k, v, {}, -0.7), {q, k, v});
    check_same(attend(q, k, v, {.is_causal = true}), composed(q, k, v, as_added(lower(queries, keys))), {q, k, v});
    const Tensor added = leaf({queries, keys}, 4, 3);
    check_same(attend(q, k, v, {.attn_mask = added}), composed(q, k, v, added), {q, k, v, added});
    Tensor takes_part = truths({2, queries, keys}, 5, 0.2);
    takes_part.slice(2, 0, 1).fill_(true);
    check_same(attend(q, k, v, {.attn_mask = takes_part}), composed(q, k, v, as_added(takes_part)), {q, k, v});
  }
}

TEST_CASE("leading dimensions and masks broadcast") {
  const Tensor q = leaf({3, 1, 4, 5}, 1), k = leaf({2, 6, 5}, 2), v = leaf({1, 2, 6, 3}, 3);
  CHECK(attend(q, k, v).sizes() == Shape{3, 2, 4, 3});
  check_same(attend(q, k, v), composed(q, k, v), {q, k, v});
  for (const Shape& shape : {Shape{6}, Shape{4, 1}, Shape{3, 1, 1, 6}, Shape{2, 4, 6}, Shape{}}) {
    INFO(xg::to_string(shape));
    const Tensor added = leaf(shape, 4, 3);
    check_same(attend(q, k, v, {.attn_mask = added}), composed(q, k, v, added), {q, k, v, added});
  }
  Tensor padding = truths({3, 1, 1, 6}, 9, 0);
  padding.slice(3, 2, 3).fill_(true);
  check_same(attend(q, k, v, {.attn_mask = padding}), composed(q, k, v, as_added(padding)), {q, k, v});
  // Few matrices with many rows: the gradients of key and value are summed over parts.
  const Tensor long_q = leaf({700, 4}, 5), shared = leaf({300, 4}, 6);
  check_same(attend(long_q, shared, shared), composed(long_q, shared, shared), {long_q, shared});
}

TEST_CASE("gradients to second order") {
  const Tensor mask = leaf({3, 4}, 8);
  const auto check = [](const auto& f, const TensorList& inputs) {
    CHECK(xg::gradcheck(f, inputs));
    CHECK(xg::gradgradcheck(f, inputs));
  };
  const Tensor q = leaf({2, 3, 5}, 1), k = leaf({2, 4, 5}, 2), v = leaf({2, 4, 2}, 3);
  check([](const Tensor& a, const Tensor& b, const Tensor& c) { return attend(a, b, c); }, {q, k, v});
  check([](const Tensor& a, const Tensor& b, const Tensor& c) { return attend(a, b, c, {.is_causal = true}); },
        {q, k, v});
  check([](const Tensor& a, const Tensor& b, const Tensor& c,
           const Tensor& m) { return attend(a, b, c, {.attn_mask = m, .scale = 1.5}); },
        {q, k, v, mask});
  // With a row that sees nothing.
  const Tensor some = xg::tensor({{true, false, true, true}, {false, false, false, false}, {false, true, true, false}});
  check([&](const Tensor& a, const Tensor& b, const Tensor& c) { return attend(a, b, c, {.attn_mask = some}); },
        {q, k, v});
  check([](const Tensor& a, const Tensor& b,
           const Tensor& c) { return attend(a.transpose(1, 2), b.transpose(1, 2), c.transpose(1, 2)); },
        {leaf({2, 5, 3}, 1), leaf({2, 5, 4}, 2), leaf({2, 2, 4}, 3)});
}

TEST_CASE("each gradient alone is what it is among all") {
  const TensorList all{leaf({2, 70, 5}, 1), leaf({2, 40, 5}, 2), leaf({2, 40, 6}, 3), leaf({70, 40}, 4)};
  const auto f = [](const TensorList& x) { return attend(x[0], x[1], x[2], {.attn_mask = x[3]}); };
  const TensorList together = slopes(f(all), all);
  for (std::size_t only = 0; only < all.size(); ++only) {
    TensorList inputs;
    for (std::size_t i = 0; i < all.size(); ++i) inputs.push_back(i == only ? all[i] : all[i].detach());
    const Tensor y = f(inputs);
    CHECK(distance(slopes(y, {all[only]})[0], together[only]) < 1e-14);
    CHECK(distance(slopes(y, {all[only]}, true)[0].detach(), together[only]) < 1e-12);
  }
}

TEST_CASE("a query that sees no key gives 0 and passes no gradient on") {
  for (const bool truth : {true, false}) {
    const Tensor q = leaf({3, 4}, 1), k = leaf({5, 4}, 2), v = leaf({5, 2}, 3);
    Tensor mask = truth ? xg::ones({3, 5}, {.dtype = xg::bool_}) : xg::zeros({3, 5}, {.dtype = xg::float64});
    mask.select(0, 1).fill_(truth ? xg::Scalar(false) : xg::Scalar(-inf));
    const Tensor y = attend(q, k, v, {.attn_mask = mask});
    CHECK(y.select(0, 1).to_vector<double>() == std::vector<double>{0, 0});
    const Tensor full = attend(q, k, v);
    for (const std::int64_t row : {0, 2})
      CHECK(distance(y.select(0, row).detach(), full.select(0, row).detach()) < 1e-15);
    for (const bool create_graph : {false, true}) {
      const TensorList g = slopes(y, {q, k, v}, create_graph);
      for (const Tensor& x : g) CHECK(xg::isfinite(x).all().item<bool>());
      CHECK(g[0].select(0, 1).abs().sum().item<double>() == 0);
    }
  }
  // Keys whose first block is hidden altogether.
  const Tensor q = leaf({2, 4}, 1), k = leaf({1030, 4}, 2), v = leaf({1030, 3}, 3);
  Tensor late = xg::zeros({1030}, {.dtype = xg::bool_});
  late.slice(0, 1000, 1030).fill_(true);
  check_same(attend(q, k, v, {.attn_mask = late}), composed(q, k.slice(0, 1000), v.slice(0, 1000)), {q, k, v});
}

TEST_CASE("sizes of 0 and 1") {
  CHECK(attend(xg::ones({2, 0, 3}), xg::ones({2, 4, 3}), xg::ones({2, 4, 5})).sizes() == Shape{2, 0, 5});
  CHECK(attend(xg::ones({0, 2, 3}), xg::ones({0, 4, 3}), xg::ones({0, 4, 5})).sizes() == Shape{0, 2, 5});
  CHECK(attend(xg::ones({2, 3}), xg::ones({4, 3}), xg::ones({4, 0})).sizes() == Shape{2, 0});
  CHECK(attend(xg::ones({2, 3}), xg::ones({0, 3}), xg::ones({0, 2})).to_vector<float>() == std::vector<float>(4, 0));
  // Scores of no columns are equal: the mean of the values.
  CHECK(attend(xg::ones({1, 0}), xg::ones({2, 0}), xg::tensor({{1.0f}, {3.0f}})).to_vector<float>() ==
        std::vector<float>{2});
  CHECK(attend(xg::ones({1, 1}), xg::ones({1, 1}), xg::full({1, 1}, 7.0)).item<float>() == 7);
  for (const Shape& shape : {Shape{2, 0, 3}, Shape{2, 4, 3}}) {
    const Tensor q = leaf({2, shape[1] == 0 ? 4 : 0, 3}, 1), k = leaf(shape, 2), v = leaf(shape, 3);
    for (const bool create_graph : {false, true})
      for (const Tensor& g : slopes(attend(q, k, v), {q, k, v}, create_graph)) CHECK(g.abs().sum().item<double>() == 0);
  }
}

TEST_CASE("extreme scores stay exact") {
  // Scores of 1e4 and -1e4: one key takes all.
  const Tensor q = xg::full({1, 1}, 100.0).requires_grad_(), k = xg::tensor({{100.0f}, {-100.0f}, {98.0f}}),
               v = xg::tensor({{1.0f}, {2.0f}, {3.0f}});
  CHECK(attend(q, k, v).item<float>() == 1);
  CHECK(attend(-q, k, v).item<float>() == 2);
  CHECK(slopes(attend(q, k, v), {q})[0].item<float>() == 0);
  // All equal, far from 0: the probabilities of the backward pass are those of the forward pass.
  const Tensor same = xg::full({600, 1}, 100.0).requires_grad_(), values = xg::ones({600, 1}).requires_grad_();
  const Tensor y = attend(q, same, values);
  CHECK(y.item<float>() == doctest::Approx(1).epsilon(1e-6));
  const Tensor g = xg::grad({y.sum()}, {values})[0];
  for (const float p : g.to_vector<float>()) CHECK(p == doctest::Approx(1 / 600.0).epsilon(1e-5));
  const Tensor bad = xg::tensor({{NAN}, {1.0f}});
  CHECK(std::isnan(attend(xg::ones({1, 1}), bad, xg::ones({2, 1})).item<float>()));
}

TEST_CASE("float32 near float64") {
  // Wide enough for every way to multiply.
  const Tensor q = leaf({2, 150, 64}, 1, 3), k = leaf({2, 90, 64}, 2, 3), v = leaf({2, 90, 80}, 3);
  const Tensor mask = truths({150, 90}, 4, 0.8);
  const TensorList wide{q, k, v};
  TensorList narrow;
  for (const Tensor& x : wide) narrow.push_back(x.detach().to(xg::float32).requires_grad_());
  for (const AttentionOptions& options : {AttentionOptions{}, {.attn_mask = mask}, {.is_causal = true}}) {
    const Tensor y = attend(q, k, v, options), z = attend(narrow[0], narrow[1], narrow[2], options);
    CHECK(z.dtype() == xg::float32);
    CHECK(distance(z.detach(), y.detach()) < 2e-6);
    const TensorList a = slopes(y, wide), b = slopes(z, narrow);
    for (std::size_t i = 0; i < 3; ++i) CHECK(distance(a[i], b[i]) < 2e-5);
  }
}

TEST_CASE("heads cut out of one projection are read where they lie, and joined without a copy") {
  constexpr std::int64_t batch = 2, length = 5, heads = 3, width = 4;
  const Tensor projected = leaf({batch, length, 3 * heads * width}, 1);
  const Tensor qkv = projected.reshape({batch, length, 3, heads, width}).permute({2, 0, 3, 1, 4});
  const Tensor y = attend(qkv[0], qkv[1], qkv[2]);
  CHECK(y.sizes() == Shape{batch, heads, length, width});
  CHECK(y.transpose(1, 2).is_contiguous());
  check_same(y, composed(qkv[0], qkv[1], qkv[2]), {projected});
  // Sequence first: [L, N, 3, H, D].
  const Tensor first = projected.reshape({batch, length, 3, heads, width}).permute({2, 1, 3, 0, 4});
  const Tensor z = attend(first[0], first[1], first[2]);
  CHECK(z.permute({2, 0, 1, 3}).is_contiguous());
  check_same(z, composed(first[0], first[1], first[2]), {projected});
  // Strides that no product reads: columns two apart, rows backwards, one matrix for all.
  const Tensor q = leaf({2, 6, 8}, 1), k = leaf({7, 4}, 2), v = leaf({2, 7, 3}, 3);
  const auto stepped = [&](auto f) { return f(q.slice(2, 0, 8, 2), k.expand({2, 7, 4}), v.flip(1)); };
  check_same(stepped([](const Tensor& a, const Tensor& b, const Tensor& c) { return attend(a, b, c); }),
             stepped([](const Tensor& a, const Tensor& b, const Tensor& c) { return composed(a, b, c); }), {q, k, v});
  const Tensor mask = numeric::random({7, 6}, 4).t();
  CHECK(distance(attend(q.slice(2, 0, 4), k, v, {.attn_mask = mask}).detach(),
                 composed(q.slice(2, 0, 4), k, v, mask).detach()) < 1e-13);
}

TEST_CASE("the result changed in place is noticed; the inputs' memory stays") {
  const Tensor q = leaf({3, 4}, 1), k = leaf({3, 4}, 2), v = leaf({3, 4}, 3);
  const TensorList before{q.detach().clone(), k.detach().clone(), v.detach().clone()};
  const Tensor y = attend(q, k, v);
  y.sum().backward();
  CHECK(xg::equal(q.detach(), before[0]));
  CHECK(xg::equal(k.detach(), before[1]));
  CHECK(xg::equal(v.detach(), before[2]));
  const Tensor z = attend(q, k, v);
  z.mul_(2);
  CHECK(mentions(message_of<xg::AutogradError>([&] { z.sum().backward(); }), {"scaled_dot_product_attention"}));
}

TEST_CASE("dropout leaves out probabilities at its rate, and gradients pass the same ones") {
  xg::manual_seed(5);
  constexpr std::int64_t queries = 200, keys = 1000;
  // Equal scores and the unit vectors as values: the result is the matrix of probabilities, each 1 / keys or 0.
  const Tensor q = xg::zeros({queries, 1}), k = xg::zeros({keys, 1}), v = xg::eye(keys).requires_grad_();
  for (const double p : {0.1, 0.5}) {
    const Tensor y = attend(q, k, v, {.dropout_p = p});
    double dropped = 0;
    for (const float x : y.to_vector<float>()) {
      if (x == 0)
        ++dropped;
      else
        REQUIRE(x == doctest::Approx(1 / (1 - p) / keys).epsilon(1e-4));
    }
    CHECK(dropped / (queries * keys) == doctest::Approx(p).epsilon(0.03));
    for (const bool create_graph : {false, true}) {
      const Tensor g =
          xg::grad({y.sum()}, {v}, {.retain_graph = true, .create_graph = create_graph})[0].select(1, 0).detach();
      CHECK(distance(g, y.detach().sum(0)) < 1e-5);
    }
  }
  CHECK(attend(q, k, v, {.dropout_p = 1}).abs().sum().item<float>() == 0);
  CHECK(distance(attend(q, k, v, {.dropout_p = 0}).detach(), attend(q, k, v).detach()) == 0);
  xg::manual_seed(6);
  const Tensor one = attend(q, k, v, {.dropout_p = 0.5}).detach(), other = attend(q, k, v, {.dropout_p = 0.5}).detach();
  CHECK(distance(one, other) > 0);
  xg::manual_seed(6);
  CHECK(distance(attend(q, k, v, {.dropout_p = 0.5}).detach(), one) == 0);
}

TEST_CASE("gradients under dropout are those of the function with its mask") {
  // The seed before each call keeps the mask; differences then check the derivative.
  const auto f = [](const Tensor& q, const Tensor& k, const Tensor& v) {
    xg::manual_seed(9);
    return attend(q, k, v, {.dropout_p = 0.3});
  };
  const TensorList inputs{leaf({2, 3, 4}, 1), leaf({2, 5, 4}, 2), leaf({2, 5, 2}, 3)};
  CHECK(xg::gradcheck(f, inputs));
  CHECK(xg::gradgradcheck(f, inputs));
  const Tensor q = leaf({1, 140, 4}, 1), k = leaf({1, 600, 4}, 2), v = leaf({1, 600, 2}, 3);
  const Tensor y = f(q, k, v);
  const TensorList fused = slopes(y, {q, k, v}), recorded = slopes(y, {q, k, v}, true);
  for (std::size_t i = 0; i < 3; ++i) CHECK(distance(fused[i], recorded[i].detach()) < 1e-13);
}

TEST_CASE("the same bits for any number of threads") {
  const int threads = xg::get_num_threads();
  for (const Shape& shape : {Shape{20, 150, 32}, Shape{1, 900, 32}}) {
    TensorList inputs;
    for (std::uint64_t i = 0; i < 3; ++i) inputs.push_back(leaf(shape, i).detach().to(xg::float32).requires_grad_());
    std::vector<TensorList> results;
    for (const int n : {1, 2, 3}) {
      xg::set_num_threads(n);
      xg::manual_seed(1);
      const Tensor y = attend(inputs[0], inputs[1], inputs[2], {.dropout_p = 0.2, .is_causal = true});
      results.push_back(slopes(y, inputs));
      results.back().push_back(y.detach());
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      CHECK(numeric::same_bits(results[0][i], results[1][i]));
      CHECK(numeric::same_bits(results[0][i], results[2][i]));
    }
  }
  xg::set_num_threads(threads);
}

TEST_CASE("no whole matrix of scores is ever there") {
  constexpr std::int64_t length = 3000;
  const int threads = xg::get_num_threads();
  xg::set_num_threads(2);
  TensorList inputs;
  for (std::uint64_t i = 0; i < 3; ++i)
    inputs.push_back(numeric::random({2, length, 4}, i, xg::float32).requires_grad_());
  const std::int64_t before = xg::memory_stats().allocated;
  xg::reset_peak_memory_stats();
  const Tensor y = attend(inputs[0], inputs[1], inputs[2], {.dropout_p = 0.1});
  xg::grad({y.sum()}, inputs);
  CHECK(xg::memory_stats().peak - before < length * length * 4 / 4);
  xg::set_num_threads(threads);
}

TEST_CASE("misuse is named") {
  const Tensor q = xg::zeros({2, 3, 4}), k = xg::zeros({2, 5, 4}), v = xg::zeros({2, 5, 6});
  const auto shape_error = [](const Tensor& a, const Tensor& b, const Tensor& c, const AttentionOptions& options = {}) {
    return message_of<xg::ShapeError>([&] { attend(a, b, c, options); });
  };
  CHECK(mentions(shape_error(q, xg::zeros({2, 5, 3}), v),
                 {"scaled_dot_product_attention", "[2, 3, 4]", "[2, 5, 3]", "4 != 3", "attention_test.cpp"}));
  CHECK(mentions(shape_error(q, k, xg::zeros({2, 4, 6})), {"[2, 5, 4]", "[2, 4, 6]", "5 != 4"}));
  CHECK(mentions(shape_error(q, k, xg::zeros({6})), {"2 dimensions", "[6]"}));
  CHECK(mentions(shape_error(q, xg::zeros({3, 5, 4}), v), {"scaled_dot_product_attention", "[2]", "[3]"}));
  CHECK(mentions(shape_error(q, k, v, {.attn_mask = xg::zeros({4, 5})}), {"scaled_dot_product_attention", "[4, 5]"}));
  CHECK(mentions(shape_error(q, k, v, {.attn_mask = xg::zeros({4, 2, 3, 5})}), {"attn_mask", "[2, 3, 5]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { attend(q, k.to(xg::float64), v); }), {"float32", "float64"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   attend(q, k, v, {.attn_mask = xg::tensor({1, 2, 3, 4, 5})});
                 }),
                 {"attn_mask", "int64"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { attend(q, k, v, {.attn_mask = xg::zeros({5}), .is_causal = true}); }),
                 {"is_causal"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { attend(q, k, v, {.dropout_p = 1.5}); }), {"dropout_p", "1.5"}));
}
