#include <xgrad/autograd.hpp>
#include <xgrad/nn/attention.hpp>
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/softmax.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using numeric::distance;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;
using Forward = nn::MultiheadAttentionForwardOptions;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Tensor some(const Shape& shape, std::uint64_t seed) { return numeric::random(shape, seed); }

// Head by head, from the definition: input [N, L, E]; `added` [N, heads, L, S] goes onto the scores.
struct Oracle {
  Tensor output, weights;
  Oracle(const nn::MultiheadAttention& m, std::int64_t heads, const Tensor& q, const Tensor& k, const Tensor& v,
         const Tensor& added) {
    const std::int64_t e = q.size(2), d = e / heads;
    const bool packed = m.in_proj_weight.defined();
    const auto map = [&](const Tensor& x, const Tensor& own, std::int64_t i) {
      const Tensor w = packed ? m.in_proj_weight.narrow(0, i * e, e) : own;
      const Tensor y = xg::matmul(x, w.t());
      return m.in_proj_bias.defined() ? y + m.in_proj_bias.narrow(0, i * e, e) : y;
    };
    Tensor query = map(q, m.q_proj_weight, 0), key = map(k, m.k_proj_weight, 1), value = map(v, m.v_proj_weight, 2);
    if (m.bias_k.defined()) {
      key = xg::cat({key, m.bias_k.expand({q.size(0), 1, e})}, 1);
      value = xg::cat({value, m.bias_v.expand({q.size(0), 1, e})}, 1);
    }
    TensorList outputs, probabilities;
    for (std::int64_t h = 0; h < heads; ++h) {
      const auto part = [&](const Tensor& x) { return x.narrow(2, h * d, d); };
      Tensor scores = xg::matmul(part(query), part(key).transpose(1, 2)) / std::sqrt(static_cast<double>(d));
      if (added.defined()) scores = scores + added.select(1, h);
      probabilities.push_back(xg::softmax(scores, -1));
      outputs.push_back(xg::matmul(probabilities.back(), part(value)));
    }
    weights = xg::stack(probabilities, 1);
    output = m.out_proj(xg::cat(outputs, 2));
  }
};

void check(const Tensor& actual, const Tensor& expected) {
  CHECK(distance(actual.detach(), expected.detach()) < 1e-12);
}

Tensor hidden(const Tensor& truths) {
  return xg::zeros(truths.sizes(), {.dtype = xg::float64}).masked_fill(truths, -inf);
}

}  // namespace

TEST_CASE("heads one by one give the same, whatever is shared and however it is laid out") {
  for (const bool batch_first : {true, false})
    for (const bool need_weights : {true, false}) {
      xg::manual_seed(1);
      nn::MultiheadAttention m(6, 3, {.batch_first = batch_first});
      m.to(xg::float64);
      m.in_proj_bias.detach().copy_(some({18}, 9));
      const auto lay = [&](const Tensor& x) { return batch_first ? x : x.transpose(0, 1); };
      const Tensor q = some({2, 4, 6}, 1), k = some({2, 5, 6}, 2), v = some({2, 5, 6}, 3);
      const auto run = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
        const Tensor x = lay(a), y = b.is_same(a) ? x : lay(b), z = c.is_same(b) ? y : lay(c);
        const auto [output, weights] = m(x, y, z, {.need_weights = need_weights, .average_attn_weights = false});
        const Oracle expected(m, 3, a, b, c, {});
        check(lay(output), expected.output);
        if (need_weights) check(weights, expected.weights);
      };
      run(q, k, v);
      run(q, k, k);
      run(q, q, q);
    }
}

TEST_CASE("masks: true is left out, numbers are added, and they combine") {
  nn::MultiheadAttention m(4, 2, {.batch_first = true});
  m.to(xg::float64);
  const Tensor q = some({3, 5, 4}, 1);
  const Shape all{3, 2, 5, 5};
  Tensor padding = xg::zeros({3, 5}, {.dtype = xg::bool_});
  padding.select(0, 1).slice(0, 3, 5).fill_(true);
  const Tensor padded = hidden(padding).reshape({3, 1, 1, 5}).expand(all);
  const Tensor later = xg::ones({5, 5}, {.dtype = xg::bool_}).triu(1), added = some({5, 5}, 4),
               each = some({6, 5, 5}, 5);
  const auto compare = [&](Forward options, const Tensor& expected_mask) {
    const Oracle expected(m, 2, q, q, q, expected_mask.expand(all));
    for (const bool need_weights : {true, false}) {
      options.need_weights = need_weights;
      check(m(q, q, q, options).first, expected.output);
    }
  };
  compare({.key_padding_mask = padding}, padded);
  compare({.attn_mask = later}, hidden(later));
  compare({.is_causal = true}, hidden(later));
  compare({.attn_mask = later, .is_causal = true}, hidden(later));
  compare({.key_padding_mask = padding, .is_causal = true}, padded + hidden(later));
  compare({.key_padding_mask = padding, .attn_mask = later}, padded + hidden(later));
  compare({.attn_mask = added}, added);
  compare({.key_padding_mask = padding, .attn_mask = added}, padded + added);
  compare({.attn_mask = added, .is_causal = true}, added + hidden(later));
  compare({.attn_mask = each}, each.reshape(all));
  compare({.key_padding_mask = some({3, 5}, 6)}, some({3, 5}, 6).reshape({3, 1, 1, 5}));
}

TEST_CASE("a batch element that is all padding gives the bias of out_proj, with finite gradients") {
  nn::MultiheadAttention m(4, 2, {.batch_first = true});
  const Tensor q = xg::randn({2, 3, 4}).requires_grad_();
  Tensor padding = xg::zeros({2, 3}, {.dtype = xg::bool_});
  padding.select(0, 1).fill_(true);
  for (const bool need_weights : {true, false}) {
    const Tensor y = m(q, q, q, {.key_padding_mask = padding, .need_weights = need_weights}).first;
    CHECK(y.select(0, 1).abs().sum().item<float>() == 0);
    CHECK(xg::isfinite(xg::grad({y.sum()}, {q})[0]).all().item<bool>());
  }
}

TEST_CASE("learned and zero keys are appended") {
  nn::MultiheadAttention m(4, 2, {.add_bias_kv = true, .batch_first = true});
  m.to(xg::float64);
  CHECK(m.bias_k.sizes() == Shape{1, 1, 4});
  const Tensor q = some({2, 3, 4}, 1);
  const auto [output, weights] = m(q, q, q);
  const Oracle expected(m, 2, q, q, q, {});
  check(output, expected.output);
  check(weights, expected.weights.mean(1));
  CHECK(weights.sizes() == Shape{2, 3, 4});
  // The first query sees the first key and the appended one.
  CHECK(m(q, q, q, {.is_causal = true}).second.select(1, 0).ne(0).sum().item<std::int64_t>() == 4);

  nn::MultiheadAttention zero(4, 2, {.add_zero_attn = true, .batch_first = true});
  zero.to(xg::float64);
  const auto [same, parts] = zero(q, q, q, {.average_attn_weights = false});
  // A key of zeros has the score 0: the others' probabilities are those of a softmax with one more term of 1.
  const Oracle plain(zero, 2, q, q, q, {});
  const Tensor rest = parts.narrow(3, 0, 3);
  check(rest / rest.sum(-1, true), plain.weights);
  CHECK(parts.size(3) == 4);
  Tensor all = xg::ones({2, 3}, {.dtype = xg::bool_});
  CHECK(zero(q, q, q, {.key_padding_mask = all}).first.abs().sum().item<double>() == 0);
}

TEST_CASE("keys and values of other widths have weights of their own") {
  xg::manual_seed(2);
  nn::MultiheadAttention m(6, 2, {.kdim = 5, .vdim = 3, .batch_first = true});
  m.to(xg::float64);
  CHECK(m.state_dict().keys() == std::vector<std::string>{"q_proj_weight", "k_proj_weight", "v_proj_weight",
                                                          "in_proj_bias", "out_proj.weight", "out_proj.bias"});
  CHECK(m.k_proj_weight.sizes() == Shape{6, 5});
  CHECK(m.v_proj_weight.sizes() == Shape{6, 3});
  const Tensor q = some({2, 4, 6}, 1), k = some({2, 7, 5}, 2), v = some({2, 7, 3}, 3);
  const Oracle expected(m, 2, q, k, v, {});
  check(m(q, k, v, {.need_weights = false}).first, expected.output);
  check(m(q, k, v).second, expected.weights.mean(1));
}

TEST_CASE("without a batch") {
  nn::MultiheadAttention m(4, 2);
  const Tensor q = xg::randn({3, 4}), k = xg::randn({5, 4});
  Tensor padding = xg::zeros({5}, {.dtype = xg::bool_});
  padding.slice(0, 4, 5).fill_(true);
  const auto [output, weights] = m(q, k, k, {.key_padding_mask = padding});
  CHECK(output.sizes() == Shape{3, 4});
  CHECK(weights.sizes() == Shape{3, 5});
  CHECK(weights.select(1, 4).abs().sum().item<float>() == 0);
  const auto batched = m(q.unsqueeze(1), k.unsqueeze(1), k.unsqueeze(1), {.key_padding_mask = padding.unsqueeze(0)});
  CHECK(distance(output.detach(), batched.first.squeeze(1).detach()) < 1e-6);
}

TEST_CASE("weights start as PyTorch's") {
  xg::manual_seed(3);
  nn::MultiheadAttention m(64, 4, {.add_bias_kv = true});
  CHECK(m.state_dict().keys() == std::vector<std::string>{"in_proj_weight", "in_proj_bias", "bias_k", "bias_v",
                                                          "out_proj.weight", "out_proj.bias"});
  const auto largest = [](const Tensor& x) { return x.abs().max().item<double>(); };
  const double bound = std::sqrt(6.0 / (64 + 192)), out = 1 / 8.0;
  CHECK(largest(m.in_proj_weight) <= bound);
  CHECK(largest(m.in_proj_weight) > 0.97 * bound);
  CHECK(largest(m.out_proj.weight) <= out);
  CHECK(largest(m.out_proj.weight) > 0.97 * out);
  CHECK(largest(m.in_proj_bias) == 0);
  CHECK(largest(m.out_proj.bias) == 0);
  CHECK(m.bias_k.std().item<double>() == doctest::Approx(std::sqrt(2.0 / (64 + 64))).epsilon(0.3));
  nn::MultiheadAttention bare(64, 4, {.bias = false});
  CHECK(bare.state_dict().keys() == std::vector<std::string>{"in_proj_weight", "out_proj.weight"});
}

TEST_CASE("dropout in training only, on the weights that are returned too") {
  nn::MultiheadAttention m(8, 2, {.dropout = 0.5, .batch_first = true});
  const Tensor q = xg::randn({2, 40, 8});
  const Tensor weights = m(q, q, q, {.average_attn_weights = false}).second;
  CHECK(weights.eq(0).to(xg::float32).mean().item<double>() == doctest::Approx(0.5).epsilon(0.1));
  CHECK(distance(m(q, q, q, {.need_weights = false}).first.detach(),
                 m(q, q, q, {.need_weights = false}).first.detach()) > 0);
  m.eval();
  CHECK(distance(m(q, q, q).second.sum(-1).detach(), xg::ones({2, 40})) < 1e-5);
  CHECK(distance(m(q, q, q, {.need_weights = false}).first.detach(), m(q, q, q).first.detach()) < 1e-6);
}

TEST_CASE("the layer passes a gradient check") {
  struct Self : nn::Module {
    nn::MultiheadAttention attention = register_module("attention", nn::MultiheadAttention(4, 2));
    Tensor forward(const Tensor& x) { return attention(x, x, x, {.need_weights = false, .is_causal = true}).first; }
  } net;
  net.to(xg::float64);
  CHECK(xg::gradcheck_module(net, {some({3, 2, 4}, 1).requires_grad_()}));
}

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ValueError>([] { nn::MultiheadAttention(10, 3); }),
                 {"MultiheadAttention", "10", "3", "multihead_attention_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::MultiheadAttention(0, 1); }), {"embed_dim 0"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::MultiheadAttention(4, 2, {.dropout = 2}); }), {"dropout", "2"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::MultiheadAttention(4, 2, {.kdim = 0}); }), {"kdim 0"}));
  nn::MultiheadAttention m(4, 2);
  const Tensor q = xg::zeros({3, 2, 4});
  const auto shape_error = [&](const Tensor& a, const Tensor& b, const Tensor& c, const Forward& options = {}) {
    return message_of<xg::ShapeError>([&] { m(a, b, c, options); });
  };
  CHECK(mentions(shape_error(q, xg::zeros({3, 2, 5}), q), {"MultiheadAttention", "[3, 2, 5]", "features"}));
  CHECK(mentions(shape_error(q, xg::zeros({3, 4}), q), {"[3, 4]", "3 dimensions"}));
  CHECK(mentions(shape_error(q, q, xg::zeros({5, 2, 4})), {"length", "[5, 2, 4]"}));
  CHECK(mentions(shape_error(xg::zeros({3, 1, 4}), q, q), {"batch", "[3, 1, 4]", "batch_first is off"}));
  CHECK(mentions(shape_error(q, q, q, {.attn_mask = xg::zeros({2, 3})}), {"attn_mask", "[3, 3]", "[2, 3]"}));
  CHECK(mentions(shape_error(q, q, q, {.key_padding_mask = xg::zeros({3, 2})}), {"key_padding_mask", "[2, 3]"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   m(q, q, q, {.attn_mask = xg::zeros({3, 3}, {.dtype = xg::float64})});
                 }),
                 {"attn_mask", "float64"}));
}
