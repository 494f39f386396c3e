#include <xgrad/autograd.hpp>
#include <xgrad/detail/elementwise.hpp>
#include <xgrad/detail/strips.hpp>
#include <xgrad/lanes.hpp>

#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "kernels/operands.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {

namespace {

// What a formula is taken to cost, in simple operations.
constexpr std::int64_t cost = 16;

std::size_t kernel_of(Dtype dtype) { return dtype == Dtype::float64 ? 1 : 0; }

// An input under an identity of its own: gradients by it are not those by the same tensor as another input.
Tensor apart(const Tensor& input, Here here) {
  return record("elementwise", here, make_alias(input), {&input},
                [] { return [](Backward& bw) { bw.give(0, bw.grad()); }; });
}

struct ElementwiseRule {
  const ElementwiseTable* table;
  std::shared_ptr<const void> lambda;
  SmallArray<Saved, 3> saved;  // the inputs
  std::size_t along;           // the only input that requires grad, when its slope is kept
  Tensor slope;

  void operator()(Backward& bw) {
    if (bw.create_graph())
      differentiable(bw);
    else if (slope.defined())
      from_slope(bw);
    else
      in_one_pass(bw);
  }

  // slope g, in the slope's memory when nobody needs that again.
  void from_slope(Backward& bw) {
    const Tensor g = bw.take_grad();
    const Shape& wanted = bw.input_shape(along);
    Tensor out = bw.pending(along);
    const bool added = out.defined();
    if (!added) {
      if (!bw.retain_graph() && wanted == impl(slope).shape)
        out = slope;
      else
        out = make_tensor(wanted, impl(slope).dtype);
    }
    Operands<3> operands(impl(slope).shape, impl(slope).numel);
    operands.tensor(0, out, added ? LoopRole::accumulate : LoopRole::output);
    operands.tensor(1, g);
    operands.tensor(2, slope);
    operands.run(1, product_strip(impl(slope).dtype), nullptr);
    if (!bw.retain_graph()) slope = Tensor();
    if (!added) bw.give(along, std::move(out));
  }

  void in_one_pass(Backward& bw) {
    const std::size_t inputs = table->inputs;
    const Tensor g = bw.take_grad();
    const Dtype dtype = impl(g).dtype;
    Operands<max_loop_operands> operands(impl(g).shape, impl(g).numel);
    operands.tensor(inputs, g);
    std::array<Tensor, most_elementwise_inputs> x, out;
    std::array<bool, most_elementwise_inputs> added{};
    for (std::size_t k = 0; k < inputs; ++k) {
      x[k] = bw.load(saved[k]);
      operands.tensor(inputs + 1 + k, x[k]);
      if (bw.needs(k)) {
        out[k] = bw.pending(k);
        for (std::size_t j = 0; j < k && out[k].defined(); ++j)
          if (out[j].is_same(out[k])) out[k] = Tensor();
        added[k] = out[k].defined();
        if (!added[k]) out[k] = make_tensor(bw.input_shape(k), dtype);
      } else {
        out[k] = make_tensor({}, dtype);
      }
      operands.tensor(k, out[k], added[k] ? LoopRole::accumulate : LoopRole::output);
    }
    operands.run(cost, table->gradient[kernel_of(dtype)], lambda.get());
    for (std::size_t k = 0; k < inputs; ++k)
      if (bw.needs(k) && !added[k]) bw.give(k, std::move(out[k]));
  }

  void differentiable(Backward& bw) const {
    const Here here = bw.here();
    const Tensor& g = bw.grad();
    std::array<Tensor, most_elementwise_inputs> x;
    TensorList wanted;
    std::vector<std::size_t> which;
    for (std::size_t k = 0; k < table->inputs; ++k) {
      x[k] = bw.load(saved[k]);
      if (!bw.needs(k)) continue;
      x[k] = apart(x[k], here);
      wanted.push_back(x[k]);
      which.push_back(k);
    }
    Tensor value = table->formula(lambda.get(), x.data());
    if (!requires_grad(value)) return;
    if (!(value.sizes() == g.sizes())) value = value.expand(g.sizes(), here);
    TensorList gradients =
        grad({value}, wanted, {.grad_outputs = {g}, .create_graph = true, .allow_unused = true}, here);
    for (std::size_t i = 0; i < which.size(); ++i) bw.give(which[i], std::move(gradients[i]));
  }

  static StripFunction product_strip(Dtype dtype);
};

template <class V>
void multiply_strip(const void*, const Strip& strip) {
  gradient_strip<V, 1, 2>(strip, {0}, {1, 2},
                          [](const std::array<V, 2>& in) { return std::array<V, 1>{in[0] * in[1]}; });
}
StripFunction ElementwiseRule::product_strip(Dtype dtype) {
  return dtype == Dtype::float64 ? multiply_strip<Lanes<double>> : multiply_strip<Lanes<float>>;
}

Dtype common_dtype(const Operand* inputs, std::size_t count, Here here) {
  const Operand* floating = nullptr;
  for (std::size_t k = 0; k < count; ++k) {
    if (!inputs[k].is_tensor()) continue;
    const Dtype dtype = impl(inputs[k].tensor()).dtype;
    if (!is_floating_point(dtype)) {
      promote("elementwise", inputs[k], inputs[k], here);
      continue;
    }
    if (floating)
      check_same_dtype("elementwise", floating->tensor(), inputs[k].tensor(), here);
    else
      floating = &inputs[k];
  }
  return floating ? impl(floating->tensor()).dtype : get_default_dtype();
}

}  // namespace

Tensor apply_elementwise(const ElementwiseTable& table, const void* lambda, const Operand* inputs) {
  const Here here = inputs[0].here();
  const Dtype dtype = common_dtype(inputs, table.inputs, here);
  std::optional<Shape> common;
  std::array<Tensor, most_elementwise_inputs> x;
  std::array<const Tensor*, most_elementwise_inputs> all_sources{};
  const std::span<const Tensor*> sources(all_sources.data(), table.inputs);
  for (std::size_t k = 0; k < table.inputs; ++k) {
    if (!inputs[k].is_tensor()) {
      x[k] = constant_tensor(inputs[k].scalar(), dtype);
      continue;
    }
    sources[k] = &inputs[k].tensor();
    x[k] = inputs[k].tensor().to(dtype, here);
    common = common ? broadcast_shapes("elementwise", *common, impl(x[k]).shape, here) : impl(x[k]).shape;
  }
  Tensor out = make_tensor(common.value_or(Shape{}), dtype);
  const bool recorded = records(sources);
  std::size_t wanted = 0, along = 0;
  for (std::size_t k = 0; recorded && k < table.inputs; ++k)
    if (sources[k] && requires_grad(*sources[k])) ++wanted, along = k;
  // One slope is worth its memory: backward has then only to multiply.
  Tensor slope;
  if (wanted == 1) slope = make_tensor(impl(out).shape, dtype);

  const std::size_t outputs = slope.defined() ? 2 : 1;
  Operands<max_loop_operands> operands(impl(out).shape, impl(out).numel);
  operands.tensor(0, out, LoopRole::output);
  if (slope.defined()) operands.tensor(1, slope, LoopRole::output);
  for (std::size_t k = 0; k < table.inputs; ++k) operands.tensor(outputs + k, x[k]);
  operands.run(cost, slope.defined() ? table.value_and_slope[kernel_of(dtype)][along] : table.value[kernel_of(dtype)],
               lambda);

  record_output("elementwise", here, out, sources, [&] {
    ElementwiseRule rule{&table, table.keep(lambda), SmallArray<Saved, 3>(table.inputs), along, std::move(slope)};
    for (std::size_t k = 0; k < table.inputs; ++k) rule.saved[k] = Saved(x[k]);
    return rule;
  });
  return out;
}

}  // namespace xgrad::detail
