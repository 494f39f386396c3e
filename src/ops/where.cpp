#include "core/check.hpp"
#include "kernels/operands.hpp"
#include "ops/pointwise_formula.hpp"
#include "tape/node.hpp"

namespace xgrad {

namespace detail {
namespace {

template <class T, int C, int A, int B>
void choose(std::int64_t count, T* __restrict out, const std::uint8_t* condition, const T* v, const T* w) {
  // By bits, because a choice would not vectorise.
  for (std::int64_t i = 0; i < count; ++i) {
    const T mask = static_cast<T>(-static_cast<T>(condition[C * i]));
    out[i] = static_cast<T>((v[A * i] & mask) | (w[B * i] & ~mask));
  }
}

// Operands: out, condition, the two to choose from. Steps known at compile time let the loops vectorise.
template <class T>
void where_strip(const void*, const Strip& strip) {
  using Choose = void (*)(std::int64_t, T*, const std::uint8_t*, const T*, const T*);
  static constexpr Choose by_step[8] = {choose<T, 0, 0, 0>, choose<T, 0, 0, 1>, choose<T, 0, 1, 0>, choose<T, 0, 1, 1>,
                                        choose<T, 1, 0, 0>, choose<T, 1, 0, 1>, choose<T, 1, 1, 0>, choose<T, 1, 1, 1>};
  by_step[4 * strip.step[1] + 2 * strip.step[2] + strip.step[3]](
      strip.count, reinterpret_cast<T*>(strip.data[0]), reinterpret_cast<const std::uint8_t*>(strip.data[1]),
      reinterpret_cast<const T*>(strip.data[2]), reinterpret_cast<const T*>(strip.data[3]));
}

// Bounds of clamp; those left out are the widest there are.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  std::int64_t integer_low = std::numeric_limits<std::int64_t>::min();
  std::int64_t integer_high = std::numeric_limits<std::int64_t>::max();

  Bounds(const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
    if (min) low = min->to<double>();
    if (max) high = max->to<double>();
    // Integers are bound by integers only; a floating bound may have no integer value.
    if (min && !min->is_floating_point()) integer_low = min->to<std::int64_t>();
    if (max && !max->is_floating_point()) integer_high = max->to<std::int64_t>();
  }
};

auto clamp_op(const Bounds& bounds) {
  return unary<numeric>(
      "clamp",
      [bounds](auto v) {
        if constexpr (std::is_same_v<decltype(v), Integer>) {
          return minimum(maximum(v, bounds.integer_low), bounds.integer_high);
        } else {
          const auto raised = where(v < bounds.low, bounds.low, v);
          return where(raised > bounds.high, bounds.high, raised);
        }
      },
      of<x>([low = bounds.low, high = bounds.high](auto g, auto v) { return where(v >= low && v <= high, g, 0); }));
}

bool wants_floating(const Tensor& x, const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
  return !is_floating_point(impl(x).dtype) && ((min && min->is_floating_point()) || (max && max->is_floating_point()));
}

void check_bounds(const char* name, const std::optional<Scalar>& min, const std::optional<Scalar>& max, Here here) {
  check<ValueError>(min || max, here, "{}: expected min, max or both, got neither", name);
}

}  // namespace
}  // namespace detail

using namespace detail;

Tensor clamp(const Arg& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  check_bounds("clamp", min, max, x.here());
  const auto op = clamp_op(Bounds(min, max));
  if (wants_floating(x.tensor(), min, max)) return op({x->to(get_default_dtype(), x.here()), x.here()});
  return op(x);
}

Tensor clamp(const Arg& x, const Tensor& min, const Tensor& max) {
  const Here here = x.here();
  check<ValueError>(min.defined() || max.defined(), here, "clamp: expected min, max or both, got neither");
  Tensor y = x.tensor();
  const auto bind = [&](const Tensor& bound, const Tensor& beyond) {
    y = where({beyond.logical_or({bound.isnan(here), here}), here}, {bound, here}, {y, here});
  };
  if (min.defined()) bind(min, y.lt({min, here}));
  if (max.defined()) bind(max, y.gt({max, here}));
  return y;
}

Tensor Tensor::clamp(std::optional<Scalar> min, std::optional<Scalar> max, Here here) const {
  return xgrad::clamp({*this, here}, min, max);
}
Tensor Tensor::clamp_(std::optional<Scalar> min, std::optional<Scalar> max, Here here) const {
  const Arg x(*this, here);
  check_bounds("clamp_", min, max, here);
  check<DtypeError>(!wants_floating(*this, min, max), here,
                    "clamp_: the result is {}, the tensor to hold it {}; convert it first", get_default_dtype(),
                    dtype());
  const auto op = clamp_op(Bounds(min, max));
  return apply_inplace("clamp_", op.call(), *this, here);
}

// out = c ? a : b, with gradients c ? g : 0 and c ? 0 : g.
Tensor where(const Arg& condition, const Operand& a, const Operand& b) {
  const Here here = condition.here();
  check<DtypeError>(impl(condition.tensor()).dtype == Dtype::boolean, here,
                    "where: expected a bool condition, got {}; compare with something first",
                    impl(condition.tensor()).dtype);
  const Dtype dtype = promote("where", a, b, here);
  Shape shape = impl(condition.tensor()).shape;
  for (const Operand* operand : {&a, &b})
    if (operand->is_tensor() && !(impl(operand->tensor()).shape == shape))
      shape = broadcast_shapes("where", shape, impl(operand->tensor()).shape, here);
  LoopSource first(a, dtype, here), second(b, dtype, here);
  Tensor out = make_tensor(shape, dtype);
  Operands<4> operands(impl(out).shape, impl(out).numel);
  operands.tensor(0, out, LoopRole::output);
  operands.tensor(1, condition.tensor());
  first.put(operands, 2);
  second.put(operands, 3);
  dispatch_size(dtype, [&]<class T>() { operands.run(1, where_strip<T>, nullptr); });
  return record("where", here, out,
                {nullptr, a.is_tensor() ? &a.tensor() : nullptr, b.is_tensor() ? &b.tensor() : nullptr}, [&] {
                  return [c = Saved(condition.tensor())](Backward& bw) {
                    const Tensor mask = bw.load(c);
                    const Here at = bw.here();
                    if (bw.needs(1)) bw.give(1, where({mask, at}, {bw.grad(), at}, {0, at}));
                    if (bw.needs(2)) bw.give(2, where({mask, at}, {0, at}, {bw.grad(), at}));
                  };
                });
}

}  // namespace xgrad
