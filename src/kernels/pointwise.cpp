#include "kernels/pointwise.hpp"

#include <cstring>
#include <optional>

#include "core/check.hpp"
#include "kernels/operands.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

namespace {

// The position of an operand that is not there.
constexpr std::size_t nowhere = most_inputs + 1;
// The backward rule of every pointwise operation.
struct PointwiseRule {
  using Values = std::array<Tensor, most_inputs + 1>;

  PointwiseRule(const PointwiseCall& call, double constant_, std::size_t constant_at_)
      : table(call.table), constant(constant_), constant_at(constant_at_) {
    if (table->state_bytes > 0) std::memcpy(state, call.formula, table->state_bytes);
  }

  void operator()(Backward& bw) const {
    unsigned wanted = 0, fused = 0, uses = 0;
    for (unsigned k = 0; k < table->inputs; ++k) {
      if (!bw.needs(k)) continue;
      wanted |= 1U << k;
      uses |= table->uses[k];
      if (!table->passes[k]) fused |= 1U << k;
    }
    Values values;
    for (std::size_t p = 0; p <= most_inputs; ++p)
      if (uses >> p & 1 && p != constant_at) values[p] = bw.load(saved[p]);
    if (bw.create_graph()) {
      const Tensor& g = bw.grad();
      if (constant_at < most_inputs && uses >> constant_at & 1)
        values[constant_at] = constant_tensor(constant, impl(g).dtype);
      for (unsigned k = 0; k < table->inputs; ++k)
        if (wanted >> k & 1) bw.give(k, table->formula[k](state, g, values));
      return;
    }
    Tensor g = bw.take_grad();
    if (fused) run(bw, g, values, fused);
    for (unsigned k = 0; k < table->inputs; ++k)
      if ((wanted & ~fused) >> k & 1) bw.give(k, g);
  }

  void run(Backward& bw, Tensor& g, const Values& values, unsigned fused) const {
    const Dtype dtype = impl(g).dtype;
    const Shape& shape = impl(g).shape;
    const std::size_t inputs = table->inputs;
    Operands<2 * most_inputs + 2> operands(shape, impl(g).numel);
    Constant number;
    operands.tensor(inputs, g);
    for (std::size_t p = 0; p <= most_inputs; ++p)
      if (values[p].defined()) operands.tensor(inputs + 1 + (p == output_position ? inputs : p), values[p]);
    if (constant_at < inputs) {
      number = Constant(constant, dtype);
      operands.constant(inputs + 1 + constant_at, number.bytes, static_cast<std::uint8_t>(element_size(dtype)));
    }
    // The loop reads g before it writes what takes its place. A gradient that is g itself is given later.
    const bool kept = table->passes[0] || table->passes[1];
    bool reusable = !kept && is_exclusive(g) && impl(g).contiguous;
    std::array<Tensor, most_inputs> out;
    std::array<bool, most_inputs> added{};
    for (unsigned k = 0; k < inputs; ++k) {
      if (!(fused >> k & 1)) continue;
      out[k] = bw.pending(k);
      if (k > 0 && out[k].defined() && out[0].defined() && out[k].is_same(out[0])) out[k] = Tensor();
      added[k] = out[k].defined();
      if (!added[k]) {
        const Shape& wanted = bw.input_shape(k);
        if (reusable && wanted == shape) {
          out[k] = g;
          reusable = false;
        } else {
          out[k] = make_tensor(wanted, dtype);
        }
      }
      operands.tensor(k, out[k], added[k] ? LoopRole::accumulate : LoopRole::output);
    }
    operands.run(table->cost, table->gradient[kernel_index(dtype)][fused], state);
    if (!kept) g = Tensor();
    for (unsigned k = 0; k < inputs; ++k)
      if (fused >> k & 1 && !added[k]) bw.give(k, std::move(out[k]));
  }

  const PointwiseTable* table;
  std::array<Saved, most_inputs + 1> saved;
  double constant;
  std::size_t constant_at;
  alignas(8) std::byte state[most_state];
};

[[noreturn]] void refuse(const char* name, Dtype dtype, Here here) {
  raise<DtypeError>(here, "{}: expected numbers, got {}; convert with to(xgrad::int64) or use a logical function", name,
                    dtype);
}

// The dtype an operation computes in.
Dtype computing_dtype(const PointwiseCall& call, Dtype dtype, Here here) {
  if (is_floating_point(dtype) || call.table->value[kernel_index(dtype)]) return dtype;
  if (!call.table->value[kernel_index(Dtype::int64)]) return get_default_dtype();
  refuse(call.name, dtype, here);
}

Dtype computing_dtype(const PointwiseCall& call, const Tensor& x, Here here) {
  const Dtype dtype = impl(x).dtype;
  if (is_floating_point(dtype)) return dtype;
  check<DtypeError>(dtype == Dtype::int64 || dtype == Dtype::boolean, here,
                    "{}: {} is a storage type; convert with to() first", call.name, dtype);
  return computing_dtype(call, dtype, here);
}

Dtype computing_dtype(const PointwiseCall& call, const Operand& a, const Operand& b, Here here) {
  if (a.is_tensor()) {
    const Dtype dtype = impl(a.tensor()).dtype;
    if (is_floating_point(dtype) && (!b.is_tensor() || impl(b.tensor()).dtype == dtype)) return dtype;
  }
  return computing_dtype(call, promote(call.name, a, b, here), here);
}

void run_value(const PointwiseCall& call, const Tensor& out, Dtype dtype, std::initializer_list<LoopSource*> sources) {
  Operands<1 + most_inputs> operands(impl(out).shape, impl(out).numel);
  operands.tensor(0, out, LoopRole::output);
  std::size_t k = 1;
  for (LoopSource* source : sources) source->put(operands, k++);
  operands.run(call.table->cost, call.table->value[kernel_index(dtype)], call.formula);
}

Tensor apply_two(const PointwiseCall& call, const Operand& a, const Operand& b, Here here) {
  const Dtype dtype = computing_dtype(call, a, b, here);
  const Tensor* ta = a.is_tensor() ? &a.tensor() : nullptr;
  const Tensor* tb = b.is_tensor() ? &b.tensor() : nullptr;
  std::optional<Shape> common;
  if (ta && tb && !(impl(*ta).shape == impl(*tb).shape))
    common = broadcast_shapes(call.name, impl(*ta).shape, impl(*tb).shape, here);
  LoopSource sa(a, dtype, here), sb(b, dtype, here);
  const Dtype result = call.table->gives_bool ? Dtype::boolean : dtype;
  Tensor out = make_tensor(common ? *common : impl(ta ? *ta : *tb).shape, result);
  run_value(call, out, dtype, {&sa, &sb});
  return record(call.name, here, out, {ta, tb}, [&] {
    const bool is_constant = !(ta && tb);
    PointwiseRule rule(call, is_constant ? (ta ? b : a).scalar().to<double>() : 0.0,
                       !is_constant ? nowhere : (ta ? 1 : 0));
    unsigned uses = 0;
    if (ta && requires_grad(*ta)) uses |= call.table->uses[0];
    if (tb && requires_grad(*tb)) uses |= call.table->uses[1];
    if (uses & 1 && ta) rule.saved[0] = Saved(*sa.tensor);
    if (uses & 2 && tb) rule.saved[1] = Saved(*sb.tensor);
    if (uses >> output_position & 1) rule.saved[output_position] = Saved::output(out);
    return rule;
  });
}

// Other tensors on the target's memory would be read after they were overwritten, unless they are the target itself.
bool overlaps(const Tensor& target, const Tensor& other) {
  const TensorImpl &t = impl(target), &o = impl(other);
  return t.storage == o.storage && !(t.offset == o.offset && t.shape == o.shape && t.strides == o.strides);
}

void check_result(const char* name, const Tensor& target, Dtype dtype, Here here) {
  check<DtypeError>(dtype == impl(target).dtype, here,
                    "{}: the result is {}, the tensor to hold it {}; convert it first", name, dtype,
                    impl(target).dtype);
}

}  // namespace

Tensor apply(const PointwiseCall& call, const Tensor& x, Here here) {
  const Dtype dtype = computing_dtype(call, x, here);
  LoopSource source(x, dtype, here);
  Tensor out = make_tensor(impl(x).shape, call.table->gives_bool ? Dtype::boolean : dtype);
  run_value(call, out, dtype, {&source});
  return record(call.name, here, out, {&x}, [&] {
    PointwiseRule rule(call, 0.0, nowhere);
    if (call.table->uses[0] & 1) rule.saved[0] = Saved(*source.tensor);
    if (call.table->uses[0] >> output_position & 1) rule.saved[output_position] = Saved::output(out);
    return rule;
  });
}

Tensor apply(const PointwiseCall& call, const Operand& a, const Operand& b) {
  if (!a.is_tensor() && !b.is_tensor()) [[unlikely]] {
    const Dtype dtype = promote(call.name, a, b, a.here());
    const Tensor ta = constant_tensor(a.scalar(), dtype), tb = constant_tensor(b.scalar(), dtype);
    return apply_two(call, {ta, a.here()}, {tb, a.here()}, a.here());
  }
  return apply_two(call, a, b, a.here());
}

Tensor apply_inplace(const char* name, const PointwiseCall& call, const Tensor& target, Here here) {
  const PointwiseCall named{name, call.table, call.formula};
  check_inplace(name, target, here);
  const Dtype dtype = computing_dtype(named, target, here);
  check_result(name, target, dtype, here);
  // A gradient that is made of what gets overwritten is made of a copy.
  if (records({&target}) || anomaly_enabled())
    return update_inplace(name, target, here, [&](const Tensor& old) {
      return apply(call, call.table->uses[0] & 1 ? old.clone(here) : old, here);
    });
  LoopSource source(target, dtype, here);
  run_value(named, target, dtype, {&source});
  bump_version(target);
  return target;
}

Tensor apply_inplace(const char* name, const PointwiseCall& call, const Tensor& target, const Operand& other) {
  const Here here = other.here();
  if (!target.defined()) raise_undefined(here);
  const PointwiseCall named{name, call.table, call.formula};
  check_inplace(name, target, here);
  const Dtype dtype = computing_dtype(named, {target, here}, other, here);
  check_result(name, target, dtype, here);
  const Tensor* tensor = other.is_tensor() ? &other.tensor() : nullptr;
  if (tensor && !(impl(*tensor).shape == impl(target).shape)) {
    const Shape result = broadcast_shapes(name, impl(target).shape, impl(*tensor).shape, here);
    check<ShapeError>(result == impl(target).shape, here, "{}: the result has shape {}, the tensor to hold it {}", name,
                      result, impl(target).shape);
  }
  if (records({&target, tensor}) || anomaly_enabled())
    return update_inplace(name, target, here, [&](const Tensor& old) {
      const unsigned uses =
          (requires_grad(old) ? call.table->uses[0] : 0) | (tensor && requires_grad(*tensor) ? call.table->uses[1] : 0);
      return apply_two(call, {uses & 1 ? old.clone(here) : old, here}, other, here);
    });
  LoopSource source(target, dtype, here);
  LoopSource second(other, dtype, here);
  if (tensor && overlaps(target, *second.tensor)) {
    second.converted = second.tensor->clone(here);
    second.tensor = &second.converted;
  }
  run_value(named, target, dtype, {&source, &second});
  bump_version(target);
  return target;
}

}  // namespace xgrad::detail
