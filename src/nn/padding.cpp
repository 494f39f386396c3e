#include <xgrad/nn/padding.hpp>
#include <xgrad/ops/pad.hpp>

#include "core/check.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

std::string text(Scalar value) {
  return value.is_floating_point() ? float_text(value.to<double>()) : fmt::format("{}", value.to<std::int64_t>());
}

}  // namespace

PaddingLayer::PaddingLayer(const char* name, std::size_t rank, const PaddingSides& padding, const char* mode,
                           std::optional<Scalar> value, Here here)
    : padding_(padding.list(2 * rank)), mode_(mode), value_(value.value_or(0)) {
  check<ValueError>(padding_.size() == 2 * rank, here, "{}: padding must be one number or {}, got {}", name, 2 * rank,
                    tuple_text(padding_));
  set_description(value ? fmt::format("padding={}, value={}", tuple_text(padding_), text(*value))
                        : tuple_text(padding_));
}

Tensor PaddingLayer::forward(const Arg& x) const {
  check_alive(x.here());
  return pad(x, padding_, mode_, value_);
}

}  // namespace xgrad::nn
