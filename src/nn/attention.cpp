#include "ops/attention.hpp"

#include <xgrad/autograd.hpp>
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/init.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/linalg.hpp>

#include <algorithm>
#include <limits>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

constexpr const char* layer = "MultiheadAttention";
constexpr double lowest = -std::numeric_limits<double>::infinity();

struct Sizes {
  std::int64_t batch, heads, queries, keys;
};

void check_mask(const char* name, const Tensor& mask, Dtype dtype, Here here) {
  check<DtypeError>(mask.dtype() == Dtype::boolean || mask.dtype() == dtype, here, "{}: {} must be bool or {}, got {}",
                    layer, name, dtype, mask.dtype());
}

// A mask that is added to the scores, from one that is or that is true where keys are left out.
Tensor added(const Tensor& mask, Dtype dtype, Here here) {
  if (mask.dtype() != Dtype::boolean) return mask;
  return zeros(mask.sizes(), {.dtype = dtype}, here).masked_fill(mask, lowest, here);
}

// Both masks as one, where true still means left out.
Tensor joined(const Tensor& a, const Tensor& b, Dtype dtype, Here here) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  if (a.dtype() == Dtype::boolean && b.dtype() == Dtype::boolean) return a.logical_or({b, here});
  return added(a, dtype, here).add({added(b, dtype, here), here});
}

Tensor later_keys(const Sizes& sizes, Here here) {
  return ones({sizes.queries, sizes.keys}, {.dtype = Dtype::boolean}, here).triu(1, here);
}

// What is left out, [N or 1, heads or 1, L or 1, S]; undefined for nothing.
Tensor left_out(const MultiheadAttentionForwardOptions& options, const Sizes& sizes, Dtype dtype, Here here) {
  Tensor mask = options.attn_mask, padding = options.key_padding_mask;
  if (mask.defined()) {
    check_mask("attn_mask", mask, dtype, here);
    const Shape flat{sizes.queries, sizes.keys}, whole{sizes.batch * sizes.heads, sizes.queries, sizes.keys};
    check<ShapeError>(mask.sizes() == flat || mask.sizes() == whole, here, "{}: attn_mask must be {} or {}, got {}",
                      layer, flat, whole, mask.sizes());
    if (mask.dim() == 3) mask = mask.reshape({sizes.batch, sizes.heads, sizes.queries, sizes.keys}, here);
  }
  if (padding.defined()) {
    check_mask("key_padding_mask", padding, dtype, here);
    const Shape shape{sizes.batch, sizes.keys};
    check<ShapeError>(padding.sizes() == shape, here, "{}: key_padding_mask must be {}, got {}", layer, shape,
                      padding.sizes());
    padding = padding.reshape({sizes.batch, 1, 1, sizes.keys}, here);
  }
  return joined(mask, padding, dtype, here);
}

// One more key, which every query sees.
Tensor with_seen_key(const Tensor& mask, Here here) {
  if (!mask.defined()) return mask;
  Shape shape = mask.sizes();
  shape[shape.size() - 1] = 1;
  return cat({mask, zeros(shape, {.dtype = mask.dtype()}, here)}, -1, here);
}

void check_inputs(const Tensor& query, const Tensor& key, const Tensor& value, std::int64_t embed, std::int64_t kdim,
                  std::int64_t vdim, bool batch_first, Here here) {
  const Shape &q = query.sizes(), &k = key.sizes(), &v = value.sizes();
  check<ShapeError>((q.size() == 2 || q.size() == 3) && k.size() == q.size() && v.size() == q.size(), here,
                    "{}: expected query, key and value with 3 dimensions each, or 2 without a batch, got {}, {}, {}",
                    layer, q, k, v);
  check<ShapeError>(q.back() == embed && k.back() == kdim && v.back() == vdim, here,
                    "{}: expected query, key and value of {}, {} and {} features, got {}, {}, {}", layer, embed, kdim,
                    vdim, q, k, v);
  const std::size_t length = q.size() == 3 && batch_first ? 1 : 0;
  check<ShapeError>(k[length] == v[length], here, "{}: key and value differ in length: key is {}, value is {}", layer,
                    k, v);
  check<ShapeError>(q.size() == 2 || (q[1 - length] == k[1 - length] && q[1 - length] == v[1 - length]), here,
                    "{}: batch sizes differ: query is {}, key is {}, value is {}; batch_first is {}", layer, q, k, v,
                    batch_first ? "on" : "off");
}

Tensor rows(const Tensor& x, std::int64_t start, std::int64_t count, Here here) {
  return x.defined() ? x.narrow(0, start, count, here) : x;
}

}  // namespace

MultiheadAttention::MultiheadAttention(std::int64_t embed_dim, std::int64_t num_heads,
                                       const MultiheadAttentionOptions& options, Here here)
    : out_proj(std::max<std::int64_t>(embed_dim, 0), std::max<std::int64_t>(embed_dim, 0), {.bias = options.bias},
               here),
      embed_dim_(embed_dim),
      num_heads_(num_heads),
      options_(options) {
  check<ValueError>(embed_dim > 0 && num_heads > 0, here,
                    "{}: sizes must be positive, got embed_dim {} and num_heads {}", layer, embed_dim, num_heads);
  check<ValueError>(embed_dim % num_heads == 0, here, "{}: embed_dim must be a multiple of num_heads, got {} and {}",
                    layer, embed_dim, num_heads);
  const std::int64_t kdim = options.kdim.value_or(embed_dim), vdim = options.vdim.value_or(embed_dim);
  check<ValueError>(kdim > 0 && vdim > 0, here, "{}: sizes must be positive, got kdim {} and vdim {}", layer, kdim,
                    vdim);
  check<ValueError>(options.dropout >= 0 && options.dropout <= 1, here, "{}: dropout must be in [0, 1], got {}", layer,
                    options.dropout);
  const auto weight = [&](const char* name, std::int64_t out, std::int64_t in) {
    return register_parameter(name, init::xavier_uniform_(make_tensor({out, in}, get_default_dtype())), true, here);
  };
  if (kdim == embed_dim && vdim == embed_dim) {
    in_proj_weight = weight("in_proj_weight", 3 * embed_dim, embed_dim);
  } else {
    q_proj_weight = weight("q_proj_weight", embed_dim, embed_dim);
    k_proj_weight = weight("k_proj_weight", embed_dim, kdim);
    v_proj_weight = weight("v_proj_weight", embed_dim, vdim);
  }
  if (options.bias) {
    in_proj_bias = register_parameter("in_proj_bias", zeros({3 * embed_dim}, {}, here), true, here);
    const NoGradGuard no_grad;
    out_proj.bias.zero_(here);
  }
  if (options.add_bias_kv) {
    const auto extra = [&](const char* name) {
      const Tensor one = init::xavier_normal_(make_tensor({1, 1, embed_dim}, get_default_dtype()));
      return register_parameter(name, one, true, here);
    };
    bias_k = extra("bias_k");
    bias_v = extra("bias_v");
  }
  out_proj = register_module("out_proj", std::move(out_proj));
}

// [A, B, parts * E] to [parts, N, heads, length, D]; without the first for one part.
Tensor MultiheadAttention::split(const Tensor& projected, std::int64_t parts, Here here) const {
  const Tensor apart =
      projected.reshape({projected.size(0), projected.size(1), parts, num_heads_, embed_dim_ / num_heads_}, here);
  return options_.batch_first ? apart.permute({2, 0, 3, 1, 4}, here) : apart.permute({2, 1, 3, 0, 4}, here);
}

// As few products as there are different inputs.
MultiheadAttention::Heads MultiheadAttention::project(const Tensor& query, const Tensor& key, const Tensor& value,
                                                      Here here) const {
  const std::int64_t e = embed_dim_;
  const auto map = [&](const Tensor& x, std::int64_t first, std::int64_t parts) {
    const Tensor weight = parts == 3 ? in_proj_weight : rows(in_proj_weight, first * e, parts * e, here);
    return split(
        linear({x, here}, {weight, here}, parts == 3 ? in_proj_bias : rows(in_proj_bias, first * e, parts * e, here)),
        parts, here);
  };
  const auto part = [&](const Tensor& x, std::int64_t index) { return x.select(0, index, here); };
  if (in_proj_weight.defined() && key.is_same(value)) {
    if (query.is_same(key)) {
      const Tensor all = map(query, 0, 3);
      return {part(all, 0), part(all, 1), part(all, 2)};
    }
    const Tensor both = map(key, 1, 2);
    return {part(map(query, 0, 1), 0), part(both, 0), part(both, 1)};
  }
  if (in_proj_weight.defined()) return {part(map(query, 0, 1), 0), part(map(key, 1, 1), 0), part(map(value, 2, 1), 0)};
  const auto own = [&](const Tensor& x, const Tensor& weight, std::int64_t index) {
    return part(split(linear({x, here}, {weight, here}, rows(in_proj_bias, index * e, e, here)), 1, here), 0);
  };
  return {own(query, q_proj_weight, 0), own(key, k_proj_weight, 1), own(value, v_proj_weight, 2)};
}

std::pair<Tensor, Tensor> MultiheadAttention::forward(const Arg& query, const Arg& key, const Arg& value,
                                                      const ForwardOptions& options) const {
  const Here here = query.here();
  check_alive(here);
  check_inputs(query.tensor(), key.tensor(), value.tensor(), embed_dim_, options_.kdim.value_or(embed_dim_),
               options_.vdim.value_or(embed_dim_), options_.batch_first, here);
  const std::int64_t batch_dim = options_.batch_first ? 0 : 1;
  if (query->dim() == 2) {
    const Tensor q = query->unsqueeze(batch_dim, here);
    const Tensor k = key->is_same(query.tensor()) ? q : key->unsqueeze(batch_dim, here);
    const Tensor v = value->is_same(key.tensor()) ? k : value->unsqueeze(batch_dim, here);
    ForwardOptions batched = options;
    if (const Tensor& padding = options.key_padding_mask; padding.defined() && padding.dim() == 1)
      batched.key_padding_mask = padding.unsqueeze(0, here);
    auto [output, weights] = forward({q, here}, {k, here}, {v, here}, batched);
    return {output.squeeze(batch_dim, here), weights.defined() ? weights.squeeze(0, here) : weights};
  }
  const Sizes sizes{query->size(batch_dim), num_heads_, query->size(1 - batch_dim), key->size(1 - batch_dim)};
  const bool extra_keys = options_.add_bias_kv || options_.add_zero_attn;
  Tensor mask = left_out(options, sizes, query->dtype(), here);
  AttentionOptions attention;
  attention.is_causal = options.is_causal && !mask.defined() && !extra_keys;
  if (options.is_causal && !attention.is_causal) mask = joined(mask, later_keys(sizes, here), query->dtype(), here);

  Heads heads = project(query.tensor(), key.tensor(), value.tensor(), here);
  const auto append = [&](const Tensor& k, const Tensor& v) {
    const Shape shape{sizes.batch, num_heads_, 1, embed_dim_ / num_heads_};
    const auto expanded = [&](const Tensor& x) {
      return x.defined() ? x.reshape({1, num_heads_, 1, shape.back()}, here).expand(shape, here)
                         : zeros(shape, {.dtype = query->dtype()}, here);
    };
    heads.key = cat({heads.key, expanded(k)}, 2, here);
    heads.value = cat({heads.value, expanded(v)}, 2, here);
    mask = with_seen_key(mask, here);
  };
  if (options_.add_bias_kv) append(bias_k, bias_v);
  if (options_.add_zero_attn) append({}, {});
  if (mask.defined()) attention.attn_mask = mask.dtype() == Dtype::boolean ? mask.logical_not(here) : mask;

  Tensor joined_heads, weights;
  const double dropout_p = is_training() ? options_.dropout : 0;
  if (options.need_weights) {
    const Tensor p = attention_probabilities(heads.query, heads.key, attention, here);
    weights = dropout({p, here}, dropout_p);
    joined_heads = weights.matmul(heads.value, here);
    if (options.average_attn_weights) weights = weights.mean(Dims(1), false, here);
  } else {
    attention.dropout_p = dropout_p;
    joined_heads = scaled_dot_product_attention({heads.query, here}, {heads.key, here}, {heads.value, here}, attention);
  }
  const Shape order = options_.batch_first ? Shape{0, 2, 1, 3} : Shape{2, 0, 1, 3};
  joined_heads = joined_heads.permute(order, here).reshape(query->sizes(), here);
  return {out_proj({joined_heads, here}), weights};
}

std::pair<Tensor, Tensor> MultiheadAttention::operator()(const Arg& query, const Arg& key, const Arg& value,
                                                         const ForwardOptions& options) const {
  const Here here = query.here();
  return call(
      here,
      [&](const Tensor& q, const Tensor& k, const Tensor& v) {
        return forward({q, here}, {k, here}, {v, here}, options);
      },
      query.tensor(), key.tensor(), value.tensor());
}

}  // namespace xgrad::nn
