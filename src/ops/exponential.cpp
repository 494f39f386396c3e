#include "ops/pointwise_formula.hpp"

namespace xgrad {

namespace detail {
namespace {

constexpr double log_2 = 0.69314718055994530942, log_10 = 2.30258509299404568402;
constexpr double two_over_root_pi = 1.12837916709551257390;

constexpr auto exp_op = unary<real>(
    "exp", [](auto v) { return exp(v); }, of<y>(times([](auto u) { return u; })));
constexpr auto exp2_op = unary<real>(
    "exp2", [](auto v) { return exp2(v); }, of<y>(times([](auto u) { return u * log_2; })));
constexpr auto expm1_op = unary<real>(
    "expm1", [](auto v) { return expm1(v); }, of<y>(times([](auto u) { return u + 1; })));
constexpr auto log_op = unary<real>(
    "log", [](auto v) { return log(v); }, of<x>(over([](auto v) { return v; })));
constexpr auto log2_op = unary<real>(
    "log2", [](auto v) { return log2(v); }, of<x>(over([](auto v) { return v * log_2; })));
constexpr auto log10_op = unary<real>(
    "log10", [](auto v) { return log10(v); }, of<x>(over([](auto v) { return v * log_10; })));
constexpr auto log1p_op = unary<real>(
    "log1p", [](auto v) { return log1p(v); }, of<x>(over([](auto v) { return v + 1; })));
constexpr auto sqrt_op = unary<real>(
    "sqrt", [](auto v) { return sqrt(v); }, of<y>(over([](auto u) { return 2 * u; })));
constexpr auto rsqrt_op = unary<real>(
    "rsqrt", [](auto v) { return rsqrt(v); }, of<y>(times([](auto u) { return -0.5 * u * u * u; })));
constexpr auto reciprocal_op = unary<real>(
    "reciprocal", [](auto v) { return 1 / v; }, of<y>(times([](auto u) { return -(u * u); })));
constexpr auto erf_op = unary<real>(
    "erf", [](auto v) { return erf(v); }, of<x>([](auto g, auto v) { return g * (two_over_root_pi * exp(-v * v)); }));
constexpr auto erfc_op = unary<real>(
    "erfc", [](auto v) { return erfc(v); },
    of<x>([](auto g, auto v) { return g * (-two_over_root_pi * exp(-v * v)); }));

}  // namespace
}  // namespace detail

using namespace detail;

Tensor exp(const Arg& x) { return exp_op(x); }
Tensor exp2(const Arg& x) { return exp2_op(x); }
Tensor expm1(const Arg& x) { return expm1_op(x); }
Tensor log(const Arg& x) { return log_op(x); }
Tensor log2(const Arg& x) { return log2_op(x); }
Tensor log10(const Arg& x) { return log10_op(x); }
Tensor log1p(const Arg& x) { return log1p_op(x); }
Tensor sqrt(const Arg& x) { return sqrt_op(x); }
Tensor rsqrt(const Arg& x) { return rsqrt_op(x); }
Tensor reciprocal(const Arg& x) { return reciprocal_op(x); }
Tensor erf(const Arg& x) { return erf_op(x); }
Tensor erfc(const Arg& x) { return erfc_op(x); }

Tensor Tensor::exp(Here here) const { return xgrad::exp({*this, here}); }
Tensor Tensor::exp2(Here here) const { return xgrad::exp2({*this, here}); }
Tensor Tensor::expm1(Here here) const { return xgrad::expm1({*this, here}); }
Tensor Tensor::log(Here here) const { return xgrad::log({*this, here}); }
Tensor Tensor::log2(Here here) const { return xgrad::log2({*this, here}); }
Tensor Tensor::log10(Here here) const { return xgrad::log10({*this, here}); }
Tensor Tensor::log1p(Here here) const { return xgrad::log1p({*this, here}); }
Tensor Tensor::sqrt(Here here) const { return xgrad::sqrt({*this, here}); }
Tensor Tensor::rsqrt(Here here) const { return xgrad::rsqrt({*this, here}); }
Tensor Tensor::reciprocal(Here here) const { return xgrad::reciprocal({*this, here}); }
Tensor Tensor::erf(Here here) const { return xgrad::erf({*this, here}); }
Tensor Tensor::erfc(Here here) const { return xgrad::erfc({*this, here}); }

Tensor Tensor::exp_(Here here) const { return apply_inplace("exp_", exp_op.call(), *this, here); }
Tensor Tensor::log_(Here here) const { return apply_inplace("log_", log_op.call(), *this, here); }
Tensor Tensor::sqrt_(Here here) const { return apply_inplace("sqrt_", sqrt_op.call(), *this, here); }

}  // namespace xgrad
