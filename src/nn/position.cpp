#include <xgrad/nn/position.hpp>
#include <xgrad/ops/join.hpp>

#include <cmath>

#include "core/check.hpp"
#include "nn/description.hpp"
#include "ops/rotary.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

Tensor sinusoidal_encoding(std::int64_t length, std::int64_t d_model, std::int64_t offset, const TensorOptions& options,
                           Here here) {
  check<ValueError>(length >= 0 && d_model >= 1 && offset >= 0, here,
                    "sinusoidal_encoding: expected length and offset of at least 0 and d_model of at least 1, got {}, "
                    "{} and {}",
                    length, offset, d_model);
  const Dtype dtype = options.dtype.value_or(get_default_dtype());
  check<DtypeError>(is_floating_point(dtype), here, "sinusoidal_encoding: expected a floating dtype, got {}", dtype);
  const std::int64_t pairs = (d_model + 1) / 2;
  const Tensor waves = position_waves(length, pairs, d_model, 10000, offset, dtype);
  const Tensor rows = stack({waves.select(0, 1, here), waves.select(0, 0, here)}, -1, here);
  return rows.reshape({length, 2 * pairs}, here)
      .narrow(1, 0, d_model, here)
      .clone(here)
      .requires_grad_(options.requires_grad, here);
}

Tensor PositionLayer::forward(const Arg& x) const { return forward(x, 0); }
Tensor PositionLayer::operator()(const Arg& x, std::int64_t offset) const {
  return call(
      x.here(),
      [&](const Tensor& input) {
        return forward({input, x.here()}, offset);
      },
      x.tensor());
}

PositionalEncoding::PositionalEncoding(std::int64_t d_model, const PositionalEncodingOptions& options, Here here)
    : dropout(register_module("dropout", Dropout(options.dropout, here), here)), options_(options) {
  check<ValueError>(d_model >= 1 && options.max_len >= 1, here,
                    "PositionalEncoding: expected d_model and max_len of at least 1, got {} and {}", d_model,
                    options.max_len);
  pe = register_buffer(
      "pe", sinusoidal_encoding(options.max_len, d_model, 0, {}, here).unsqueeze(options.batch_first ? 0 : 1, here),
      true, here);
  set_description(
      fmt::format("d_model={}, max_len={}, batch_first={}", d_model, options.max_len, bool_text(options.batch_first)));
}

Tensor PositionalEncoding::forward(const Arg& x, std::int64_t offset) const {
  check_alive(x.here());
  const Here here = x.here();
  const bool first = options_.batch_first;
  check<ShapeError>((x->dim() == 2 || x->dim() == 3) && x->size(-1) == pe.size(2), here,
                    "PositionalEncoding: expected x of shape {} or [T, d_model] with d_model = {}, got {}",
                    first ? "[B, T, d_model]" : "[T, B, d_model]", pe.size(2), x->sizes());
  check<ValueError>(offset >= 0, here, "PositionalEncoding: offset must not be negative, got {}", offset);
  const std::int64_t length = x->size(x->dim() == 3 && first ? 1 : 0);
  check<ShapeError>(length <= options_.max_len && offset <= options_.max_len - length, here,
                    "PositionalEncoding: expected positions below max_len = {}, got {} from {} on in x of {}",
                    options_.max_len, length, offset, x->sizes());
  const Tensor part = pe.narrow(first ? 1 : 0, offset, length, here);
  return dropout({x->add({x->dim() == 3 ? part : part.squeeze(first ? 0 : 1, here), here}), here});
}

RotaryEmbedding::RotaryEmbedding(std::int64_t dim, const RotaryEmbeddingOptions& options, Here here)
    : dim_(dim), options_(options) {
  check<ValueError>(dim >= 0 && dim % 2 == 0, here, "RotaryEmbedding: expected an even dim of at least 0, got {}", dim);
  check<ValueError>(options.base > 0 && std::isfinite(options.base), here,
                    "RotaryEmbedding: expected a positive base, got {}", options.base);
  set_description(
      fmt::format("{}, base={}, interleaved={}", dim, float_text(options.base), bool_text(options.interleaved)));
}

Tensor RotaryEmbedding::forward(const Arg& x, std::int64_t offset) const {
  check_alive(x.here());
  return rotary_embedding(x,
                          {.base = options_.base, .interleaved = options_.interleaved, .offset = offset, .dim = dim_});
}

}  // namespace xgrad::nn
