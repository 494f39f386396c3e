#include <xgrad/ops/compare.hpp>

#include "core/tensor_impl.hpp"
#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr auto eq_op = binary<any>("eq", [](auto v, auto w) { return v == w; });
constexpr auto ne_op = binary<any>("ne", [](auto v, auto w) { return v != w; });
constexpr auto lt_op = binary<any>("lt", [](auto v, auto w) { return v < w; });
constexpr auto le_op = binary<any>("le", [](auto v, auto w) { return v <= w; });
constexpr auto gt_op = binary<any>("gt", [](auto v, auto w) { return v > w; });
constexpr auto ge_op = binary<any>("ge", [](auto v, auto w) { return v >= w; });
constexpr auto and_op = binary<any>("logical_and", [](auto v, auto w) { return v != 0 && w != 0; });
constexpr auto or_op = binary<any>("logical_or", [](auto v, auto w) { return v != 0 || w != 0; });
constexpr auto xor_op =
    binary<any>("logical_xor", [](auto v, auto w) { return (v != 0 && w == 0) || (v == 0 && w != 0); });
constexpr auto not_op = unary<any>("logical_not", [](auto v) { return v == 0; });
constexpr auto isnan_op = unary<any>("isnan", [](auto v) { return isnan(v); });
constexpr auto isinf_op = unary<any>("isinf", [](auto v) { return isinf(v); });
constexpr auto isfinite_op = unary<any>("isfinite", [](auto v) { return isfinite(v); });

// Numbers count as themselves, not as what they would become beside a bool tensor.
Operand truth(const Operand& v) { return v.is_tensor() ? v : Operand(v.scalar().to<bool>(), v.here()); }

}  // namespace
}  // namespace detail

using namespace detail;

Tensor eq(const Operand& a, const Operand& b) { return eq_op(a, b); }
Tensor ne(const Operand& a, const Operand& b) { return ne_op(a, b); }
Tensor lt(const Operand& a, const Operand& b) { return lt_op(a, b); }
Tensor le(const Operand& a, const Operand& b) { return le_op(a, b); }
Tensor gt(const Operand& a, const Operand& b) { return gt_op(a, b); }
Tensor ge(const Operand& a, const Operand& b) { return ge_op(a, b); }
Tensor logical_and(const Operand& a, const Operand& b) { return and_op(truth(a), truth(b)); }
Tensor logical_or(const Operand& a, const Operand& b) { return or_op(truth(a), truth(b)); }
Tensor logical_xor(const Operand& a, const Operand& b) { return xor_op(truth(a), truth(b)); }
Tensor logical_not(const Arg& x) { return not_op(x); }
Tensor isnan(const Arg& x) { return isnan_op(x); }
Tensor isinf(const Arg& x) { return isinf_op(x); }
Tensor isfinite(const Arg& x) { return isfinite_op(x); }

Tensor Tensor::eq(const Operand& other) const { return xgrad::eq({*this, other.here()}, other); }
Tensor Tensor::ne(const Operand& other) const { return xgrad::ne({*this, other.here()}, other); }
Tensor Tensor::lt(const Operand& other) const { return xgrad::lt({*this, other.here()}, other); }
Tensor Tensor::le(const Operand& other) const { return xgrad::le({*this, other.here()}, other); }
Tensor Tensor::gt(const Operand& other) const { return xgrad::gt({*this, other.here()}, other); }
Tensor Tensor::ge(const Operand& other) const { return xgrad::ge({*this, other.here()}, other); }
Tensor Tensor::logical_and(const Operand& other) const { return xgrad::logical_and({*this, other.here()}, other); }
Tensor Tensor::logical_or(const Operand& other) const { return xgrad::logical_or({*this, other.here()}, other); }
Tensor Tensor::logical_xor(const Operand& other) const { return xgrad::logical_xor({*this, other.here()}, other); }
Tensor Tensor::logical_not(Here here) const { return xgrad::logical_not({*this, here}); }
Tensor Tensor::isnan(Here here) const { return xgrad::isnan({*this, here}); }
Tensor Tensor::isinf(Here here) const { return xgrad::isinf({*this, here}); }
Tensor Tensor::isfinite(Here here) const { return xgrad::isfinite({*this, here}); }

Tensor operator==(const Operand& a, const Operand& b) { return eq_op(a, b); }
Tensor operator!=(const Operand& a, const Operand& b) { return ne_op(a, b); }
Tensor operator<(const Operand& a, const Operand& b) { return lt_op(a, b); }
Tensor operator<=(const Operand& a, const Operand& b) { return le_op(a, b); }
Tensor operator>(const Operand& a, const Operand& b) { return gt_op(a, b); }
Tensor operator>=(const Operand& a, const Operand& b) { return ge_op(a, b); }
Tensor operator&&(const Operand& a, const Operand& b) { return logical_and(a, b); }
Tensor operator||(const Operand& a, const Operand& b) { return logical_or(a, b); }
Tensor operator!(const Operand& x) { return logical_not({x.tensor(), x.here()}); }

}  // namespace xgrad
