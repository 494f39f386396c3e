#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr auto sin_op = unary<real>(
    "sin", [](auto v) { return sin(v); }, of<x>([](auto g, auto v) { return g * cos(v); }));
constexpr auto cos_op = unary<real>(
    "cos", [](auto v) { return cos(v); }, of<x>([](auto g, auto v) { return -g * sin(v); }));
constexpr auto tan_op = unary<real>(
    "tan", [](auto v) { return tan(v); }, of<y>([](auto g, auto u) { return g * (1 + u * u); }));
constexpr auto asin_op = unary<real>(
    "asin", [](auto v) { return asin(v); }, of<x>(over([](auto v) { return sqrt((1 - v) * (1 + v)); })));
constexpr auto acos_op = unary<real>(
    "acos", [](auto v) { return acos(v); }, of<x>(over([](auto v) { return -sqrt((1 - v) * (1 + v)); })));
constexpr auto atan_op = unary<real>(
    "atan", [](auto v) { return atan(v); }, of<x>([](auto g, auto v) { return g / (1 + v * v); }));
constexpr auto sinh_op = unary<real>(
    "sinh", [](auto v) { return sinh(v); }, of<x>(times([](auto v) { return cosh(v); })));
constexpr auto cosh_op = unary<real>(
    "cosh", [](auto v) { return cosh(v); }, of<x>(times([](auto v) { return sinh(v); })));
constexpr auto tanh_op = unary<real>(
    "tanh", [](auto v) { return tanh(v); }, of<y>([](auto g, auto u) { return g * (1 - u * u); }));
constexpr auto asinh_op = unary<real>(
    "asinh", [](auto v) { return asinh(v); }, of<x>([](auto g, auto v) { return g / sqrt(v * v + 1); }));
constexpr auto acosh_op = unary<real>(
    "acosh", [](auto v) { return acosh(v); }, of<x>(over([](auto v) { return sqrt((v - 1) * (v + 1)); })));
constexpr auto atanh_op = unary<real>(
    "atanh", [](auto v) { return atanh(v); }, of<x>(over([](auto v) { return (1 - v) * (1 + v); })));

}  // namespace
}  // namespace detail

using namespace detail;

Tensor sin(const Arg& x) { return sin_op(x); }
Tensor cos(const Arg& x) { return cos_op(x); }
Tensor tan(const Arg& x) { return tan_op(x); }
Tensor asin(const Arg& x) { return asin_op(x); }
Tensor acos(const Arg& x) { return acos_op(x); }
Tensor atan(const Arg& x) { return atan_op(x); }
Tensor sinh(const Arg& x) { return sinh_op(x); }
Tensor cosh(const Arg& x) { return cosh_op(x); }
Tensor tanh(const Arg& x) { return tanh_op(x); }
Tensor asinh(const Arg& x) { return asinh_op(x); }
Tensor acosh(const Arg& x) { return acosh_op(x); }
Tensor atanh(const Arg& x) { return atanh_op(x); }

Tensor Tensor::sin(Here here) const { return xgrad::sin({*this, here}); }
Tensor Tensor::cos(Here here) const { return xgrad::cos({*this, here}); }
Tensor Tensor::tan(Here here) const { return xgrad::tan({*this, here}); }
Tensor Tensor::asin(Here here) const { return xgrad::asin({*this, here}); }
Tensor Tensor::acos(Here here) const { return xgrad::acos({*this, here}); }
Tensor Tensor::atan(Here here) const { return xgrad::atan({*this, here}); }
Tensor Tensor::sinh(Here here) const { return xgrad::sinh({*this, here}); }
Tensor Tensor::cosh(Here here) const { return xgrad::cosh({*this, here}); }
Tensor Tensor::tanh(Here here) const { return xgrad::tanh({*this, here}); }
Tensor Tensor::asinh(Here here) const { return xgrad::asinh({*this, here}); }
Tensor Tensor::acosh(Here here) const { return xgrad::acosh({*this, here}); }
Tensor Tensor::atanh(Here here) const { return xgrad::atanh({*this, here}); }

Tensor Tensor::tanh_(Here here) const { return apply_inplace("tanh_", tanh_op.call(), *this, here); }

}  // namespace xgrad
