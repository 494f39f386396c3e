#include "ops/attention.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/softmax.hpp>

#include <cmath>
#include <limits>

#include "core/dispatch.hpp"
#include "core/work.hpp"
#include "kernels/attention.hpp"
#include "ops/product.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

constexpr const char* op = "scaled_dot_product_attention";

struct Sizes {
  Shape batch;
  std::int64_t count, queries, keys, width, value_width;
  Shape with(std::int64_t rows, std::int64_t cols) const {
    Shape shape = batch;
    shape.push_back(rows);
    shape.push_back(cols);
    return shape;
  }
};

Shape leading(const Tensor& x) { return Shape(x.sizes().data(), x.sizes().size() - 2); }

Sizes check_arguments(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionOptions& options,
                      Here here) {
  check_floating(op, query, here);
  check_same_dtype(op, query, key, here);
  check_same_dtype(op, query, value, here);
  const Shape &q = query.sizes(), &k = key.sizes(), &v = value.sizes();
  check<ShapeError>(q.size() >= 2 && k.size() >= 2 && v.size() >= 2, here,
                    "{}: expected at least 2 dimensions, got query {}, key {}, value {}", op, q, k, v);
  check<ShapeError>(q.back() == k.back(), here,
                    "{}: query and key differ in their last dimension: query is {}, key is {} ({} != {})", op, q, k,
                    q.back(), k.back());
  check<ShapeError>(k[k.size() - 2] == v[v.size() - 2], here,
                    "{}: key and value differ in their number of rows: key is {}, value is {} ({} != {})", op, k, v,
                    k[k.size() - 2], v[v.size() - 2]);
  Sizes sizes{broadcast_shapes(op, broadcast_shapes(op, leading(query), leading(key), here), leading(value), here),
              1,
              q[q.size() - 2],
              k[k.size() - 2],
              q.back(),
              v.back()};
  sizes.count = numel(sizes.batch);
  const double p = options.dropout_p;
  check<ValueError>(p >= 0 && p <= 1, here, "{}: dropout_p must be in [0, 1], got {}", op, p);
  const Tensor& mask = options.attn_mask;
  if (!mask.defined()) return sizes;
  check<ValueError>(!options.is_causal, here, "{}: attn_mask and is_causal exclude each other; mask the later keys too",
                    op);
  check<DtypeError>(mask.dtype() == Dtype::boolean || mask.dtype() == query.dtype(), here,
                    "{}: attn_mask must be bool or {} as query, got {}", op, query.dtype(), mask.dtype());
  const Shape scores = sizes.with(sizes.queries, sizes.keys);
  check<ShapeError>(broadcast_shapes(op, mask.sizes(), scores, here) == scores, here,
                    "{}: attn_mask must broadcast to {}, got {}", op, scores, mask.sizes());
  return sizes;
}

double scale_of(const AttentionOptions& options, std::int64_t width) {
  // Scores of no columns are 0 whatever they are scaled by.
  return options.scale.value_or(width == 0 ? 1 : 1 / std::sqrt(static_cast<double>(width)));
}

// The matrices of x, with its leading dimensions broadcast to the batch.
template <class T>
MatrixStack<T> stack_of(const Tensor& x, const Shape& batch) {
  if (!x.defined()) return {};
  const TensorImpl& t = impl(x);
  const std::size_t rank = t.shape.size(), lacking = batch.size() + 2 - rank;
  const auto step = [&](std::size_t d) {
    return d < lacking || t.shape[d - lacking] == 1 ? 0 : t.strides[d - lacking];
  };
  MatrixStack<T> stack{data<std::remove_const_t<T>>(x), Shape(batch.size(), 0), step(batch.size()),
                       step(batch.size() + 1)};
  for (std::size_t d = 0; d < batch.size(); ++d) stack.steps[d] = step(d);
  return stack;
}

// A fresh tensor whose dimensions lie in memory in the order of like's, but the last one innermost.
Tensor make_in_order_of(const Tensor& like, const Shape& shape) {
  const TensorImpl& from = impl(like);
  if (from.contiguous || from.shape.size() != shape.size()) return make_tensor(shape, from.dtype);
  Shape strides = from.strides;
  strides[strides.size() - 1] = 0;
  return make_tensor(shape, from.dtype, strides_in_order_of(shape, strides));
}

// What the rule needs beside the tensors it saves.
struct Plan {
  Sizes sizes;
  AttentionOptions options;  // without its mask
  AttentionDropout dropout;
  Tensor largest, inverse;
};

template <class T>
Attention<T> attention_of(const Plan& plan, const Tensor& query, const Tensor& key, const Tensor& value,
                          const Tensor& mask) {
  const auto& [batch, count, queries, keys, width, value_width] = plan.sizes;
  Attention<T> a{.batch = batch,
                 .count = count,
                 .queries = queries,
                 .keys = keys,
                 .width = width,
                 .value_width = value_width,
                 .query = stack_of<const T>(query, batch),
                 .key = stack_of<const T>(key, batch),
                 .value = stack_of<const T>(value, batch),
                 .bias = {},
                 .keep = {},
                 .scale = static_cast<T>(scale_of(plan.options, width)),
                 .causal = plan.options.is_causal,
                 .dropout = plan.dropout};
  if (!mask.defined()) return a;
  if (mask.dtype() == Dtype::boolean)
    a.keep = stack_of<const bool>(mask, batch);
  else
    a.bias = stack_of<const T>(mask, batch);
  return a;
}

// A mask with the two dimensions of a matrix.
Tensor as_matrices(Tensor mask) {
  if (!mask.defined() || mask.dim() >= 2) return mask;
  const TensorImpl& t = impl(mask);
  const bool one = t.shape.empty();
  return make_view(mask, {1, one ? 1 : t.shape[0]}, {0, one ? 0 : t.strides[0]}, t.offset);
}

Tensor hidden_keys(std::int64_t queries, std::int64_t keys) {
  const Tensor hidden = make_tensor({queries, keys}, Dtype::boolean);
  for (std::int64_t i = 0; i < queries; ++i)
    for (std::int64_t j = 0; j < keys; ++j) data<bool>(hidden)[i * keys + j] = j > i;
  return hidden;
}

// With P = softmax(S), S = scale Q K^T + M, and the factors F of dropout: O = (P F) V,
// dV = (P F)^T dO, dP = (dO V^T) F, dS = P (dP - sum(dP P)), dM = dS, dQ = scale dS K, dK = scale dS^T Q
void recorded_backward(Backward& bw, const Plan& plan, const Tensor& query, const Tensor& key, const Tensor& value,
                       const Tensor& mask) {
  const Here here = bw.here();
  AttentionOptions options = plan.options;
  options.attn_mask = mask;
  const Tensor p = attention_probabilities(query, key, options, here);
  Tensor factors;
  if (plan.dropout.active) {
    const Sizes& sizes = plan.sizes;
    factors = make_tensor(sizes.with(sizes.queries, sizes.keys), query.dtype());
    dispatch_floating(query.dtype(), [&]<class T>() {
      attention_dropout(plan.dropout, sizes.count * sizes.queries, sizes.keys, data<T>(factors));
    });
  }
  const auto dropped = [&](const Tensor& x) { return factors.defined() ? x.mul({factors, here}) : x; };
  const Tensor& g = bw.grad();
  if (bw.needs(2)) bw.give(2, product(op, here, dropped(p), g, true, false));
  if (!bw.needs(0) && !bw.needs(1) && !bw.needs(3)) return;
  const Tensor dp = dropped(product(op, here, g, value, false, true));
  const Tensor ds = p.mul({dp.sub({dp.mul({p, here}).sum(Dims(-1), true, here), here}), here});
  const double scale = scale_of(plan.options, plan.sizes.width);
  if (bw.needs(0)) bw.give(0, product(op, here, ds, key, false, false).mul({scale, here}));
  if (bw.needs(1)) bw.give(1, product(op, here, ds, query, true, false).mul({scale, here}));
  if (bw.needs(3)) bw.give(3, ds);
}

void fused_backward(Backward& bw, const Plan& plan, const Tensor& query, const Tensor& key, const Tensor& value,
                    const Tensor& mask, const Tensor& output) {
  const Sizes& sizes = plan.sizes;
  const Tensor g = blas_ready(bw.grad()), q = blas_ready(query), k = blas_ready(key);
  const Tensor v = value.defined() ? blas_ready(value) : value;
  Tensor d_query, d_key, d_value, d_mask;
  if (bw.needs(0)) d_query = make_in_order_of(query, sizes.with(sizes.queries, sizes.width));
  if (bw.needs(1)) d_key = make_in_order_of(key, sizes.with(sizes.keys, sizes.width));
  // A value that is not saved, because nothing else asks for it, has no layout to follow.
  if (bw.needs(2)) d_value = make_in_order_of(value.defined() ? value : key, sizes.with(sizes.keys, sizes.value_width));
  if (bw.needs(3)) d_mask = make_tensor(sizes.with(sizes.queries, sizes.keys), query.dtype());
  dispatch_floating(query.dtype(), [&]<class T>() {
    attention_backward<T>(attention_of<T>(plan, q, k, v, as_matrices(mask)), stack_of<const T>(output, sizes.batch),
                          {data<T>(plan.largest), data<T>(plan.inverse)}, stack_of<const T>(g, sizes.batch),
                          {.query = stack_of<T>(d_query, sizes.batch),
                           .key = stack_of<T>(d_key, sizes.batch),
                           .value = stack_of<T>(d_value, sizes.batch),
                           .bias = stack_of<T>(d_mask, sizes.batch)});
  });
  if (d_query.defined()) bw.give(0, std::move(d_query));
  if (d_key.defined()) bw.give(1, std::move(d_key));
  if (d_value.defined()) bw.give(2, std::move(d_value));
  if (d_mask.defined()) bw.give(3, std::move(d_mask));
}

}  // namespace

namespace detail {

Tensor attention_probabilities(const Tensor& query, const Tensor& key, const AttentionOptions& options, Here here) {
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  const Tensor& mask = options.attn_mask;
  Tensor scores = product(op, here, query, key, false, true).mul({scale_of(options, query.size(-1)), here});
  if (options.is_causal) scores = scores.masked_fill(hidden_keys(query.size(-2), key.size(-2)), lowest, here);
  if (mask.defined())
    scores = mask.dtype() == Dtype::boolean ? scores.masked_fill(mask.logical_not(here), lowest, here)
                                            : scores.add({mask, here});
  if (scores.numel() == 0) return scores;
  const Tensor empty = scores.detach().amax(Dims(-1), true, here).eq({lowest, here});
  if (!empty.any().item<bool>()) return scores.softmax(-1, here);
  return scores.masked_fill(empty, 0, here).softmax(-1, here).masked_fill(empty, 0, here);
}

}  // namespace detail

Tensor scaled_dot_product_attention(const Arg& query, const Arg& key, const Arg& value,
                                    const AttentionOptions& options) {
  const Here here = query.here();
  const Sizes sizes = check_arguments(query.tensor(), key.tensor(), value.tensor(), options, here);
  Plan plan{sizes, options, {}, {}, {}};
  plan.options.attn_mask = {};
  plan.dropout.active = options.dropout_p > 0;
  plan.dropout.p = options.dropout_p;
  const std::int64_t rows = sizes.count * sizes.queries;
  if (plan.dropout.active)
    plan.dropout.stream = default_generator().reserve(AttentionDropout::blocks(rows, sizes.keys));
  plan.largest = make_tensor({rows}, query->dtype());
  plan.inverse = make_tensor({rows}, query->dtype());
  const Tensor q = blas_ready(query.tensor()), k = blas_ready(key.tensor()), v = blas_ready(value.tensor());
  const Tensor& mask = options.attn_mask;
  const Tensor output = make_in_order_of(query.tensor(), sizes.with(sizes.queries, sizes.value_width));
  multiply_adds += rows * sizes.keys * (sizes.width + sizes.value_width);
  dispatch_floating(query->dtype(), [&]<class T>() {
    attention_forward<T>(attention_of<T>(plan, q, k, v, as_matrices(mask)), stack_of<T>(output, sizes.batch),
                         {data<T>(plan.largest), data<T>(plan.inverse)});
  });
  return record(op, here, output, {&query.tensor(), &key.tensor(), &value.tensor(), &mask}, [&] {
    const bool scores_too = requires_grad(query.tensor()) || requires_grad(key.tensor()) || requires_grad(mask);
    return [plan, q = Saved(query.tensor()), k = Saved(key.tensor()), v = Saved::input_if(scores_too, value.tensor()),
            m = Saved::input_if(mask.defined(), mask), y = Saved::output(output)](Backward& bw) {
      const auto load = [&](const Saved& saved) { return saved.defined() ? bw.load(saved) : Tensor(); };
      if (bw.create_graph())
        recorded_backward(bw, plan, load(q), load(k), load(v), load(m));
      else
        fused_backward(bw, plan, load(q), load(k), load(v), load(m), load(y));
    };
  });
}

}  // namespace xgrad
