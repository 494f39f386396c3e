#include <xgrad/autograd.hpp>
#include <xgrad/functional.hpp>
#include <xgrad/ops/join.hpp>

#include <algorithm>
#include <cstring>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::functional::detail {
namespace {

using xgrad::detail::check;
using xgrad::detail::make_tensor;

Tensor filled(const Shape& shape, Dtype dtype, double value) {
  Tensor x = make_tensor(shape, dtype);
  xgrad::detail::dispatch_floating(
      dtype, [&]<class T>() { std::fill_n(xgrad::detail::data<T>(x), x.numel(), static_cast<T>(value)); });
  return x;
}

// 1 at one element, 0 elsewhere.
Tensor unit(const Tensor& like, std::int64_t index) {
  Tensor x = filled(like.sizes(), like.dtype(), 0);
  xgrad::detail::dispatch_floating(like.dtype(), [&]<class T>() { xgrad::detail::data<T>(x)[index] = 1; });
  return x;
}

// One call of a transform: its arguments, recorded, and what the function made of them.
struct Call {
  const char* op;
  const TransformOptions& options;
  Here here;
  EnableGradGuard enabled{};
  TensorList at{}, outputs{};

  Call(const char* op_, const ListFunction& f, const TensorList& given, const TransformOptions& options_, Here here_)
      : op(op_), options(options_), here(here_) {
    check<ValueError>(!given.empty(), here, "{}: at is empty; give at least one tensor", op);
    for (std::size_t i = 0; i < given.size(); ++i) {
      check<ValueError>(given[i].defined(), here, "{}: at[{}] is undefined", op, i);
      check<DtypeError>(given[i].is_floating_point(), here, "{}: at[{}] is {}; derivatives need a floating dtype", op,
                        i, given[i].dtype());
      // A tensor of its own, so that the function's other uses of the same tensor are constants.
      const bool follow = options.create_graph && given[i].requires_grad();
      at.push_back(follow ? given[i].view(given[i].sizes(), here) : given[i].detach(here).requires_grad_());
    }
    outputs = f(at);
    check<ValueError>(!outputs.empty(), here, "{}: the function returned no tensor", op);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      check<ValueError>(outputs[i].defined(), here, "{}: output {} of the function is undefined", op, i);
      check<DtypeError>(outputs[i].is_floating_point(), here, "{}: output {} of the function is {}, expected floating",
                        op, i, outputs[i].dtype());
    }
  }

  // Gradients of <cotangents, of>, by `by`; undefined where nothing depends.
  TensorList pull(const TensorList& of, const TensorList& by, const TensorList& cotangents, bool create_graph,
                  const char* what) const {
    TensorList recorded, given;
    for (std::size_t i = 0; i < of.size(); ++i) {
      if (!of[i].requires_grad()) continue;
      recorded.push_back(of[i]);
      given.push_back(cotangents[i]);
    }
    TensorList gradients(by.size());
    if (!recorded.empty())
      gradients =
          grad(recorded, by,
               {.grad_outputs = given, .retain_graph = true, .create_graph = create_graph, .allow_unused = true}, here);
    for (std::size_t j = 0; j < by.size(); ++j)
      check<AutogradError>(!options.strict || gradients[j].defined(), here,
                           "{}: {} does not depend on argument {}, which strict refuses", op, what, j);
    return gradients;
  }
  void fill(TensorList& gradients, const TensorList& by) const {
    for (std::size_t j = 0; j < by.size(); ++j)
      if (!gradients[j].defined()) gradients[j] = filled(by[j].sizes(), by[j].dtype(), 0);
  }

  void check_scalar() const {
    check<ShapeError>(outputs.size() == 1 && outputs[0].numel() == 1, here,
                      "{}: the function must return one element, it returned {}", op,
                      outputs.size() == 1 ? to_string(outputs[0].sizes()) : fmt::format("{} tensors", outputs.size()));
  }
  // v, or ones where it is left out and there is nothing to choose.
  TensorList check_vector(const TensorList& v, const TensorList& like, const char* what) const {
    if (v.empty() && like.size() == 1 && like[0].numel() == 1) return {filled(like[0].sizes(), like[0].dtype(), 1)};
    check<ShapeError>(v.size() == like.size(), here, "{}: v must be one tensor per {}: {}, got {}", op, what,
                      like.size(), v.size());
    for (std::size_t i = 0; i < v.size(); ++i) {
      check<ValueError>(v[i].defined(), here, "{}: v[{}] is undefined", op, i);
      check<ShapeError>(v[i].sizes() == like[i].sizes(), here,
                        "{}: v must have the shape of the {}: v is {}, {} {} is {}", op, what, v[i].sizes(), what, i,
                        like[i].sizes());
      check<DtypeError>(v[i].dtype() == like[i].dtype(), here, "{}: v is {}, {} {} is {}", op, v[i].dtype(), what, i,
                        like[i].dtype());
    }
    return v;
  }

  // The Jacobian of one tensor by all of `by`, row by row.
  TensorList rows(const Tensor& of, const TensorList& by, const char* what) const {
    std::vector<TensorList> columns(by.size());
    for (std::int64_t k = 0; k < of.numel(); ++k) {
      TensorList row = pull({of}, by, {unit(of, k)}, options.create_graph, what);
      fill(row, by);
      for (std::size_t j = 0; j < by.size(); ++j) columns[j].push_back(std::move(row[j]));
    }
    TensorList jacobian;
    for (std::size_t j = 0; j < by.size(); ++j) {
      Shape shape = of.sizes();
      for (std::int64_t size : by[j].sizes()) shape.push_back(size);
      if (columns[j].empty())
        jacobian.push_back(filled(shape, by[j].dtype(), 0));
      else
        jacobian.push_back(stack(columns[j], 0, here).reshape(shape, here));
    }
    return jacobian;
  }

  TensorList values() const {
    if (options.create_graph) return outputs;
    TensorList detached;
    for (const Tensor& y : outputs) detached.push_back(y.detach(here));
    return detached;
  }
};

}  // namespace

Blocks jacobian(const ListFunction& f, const TensorList& at, const TransformOptions& options, Here here) {
  const Call call("jacobian", f, at, options, here);
  Blocks blocks;
  for (const Tensor& y : call.outputs) blocks.push_back(call.rows(y, call.at, "an output"));
  return blocks;
}

Blocks hessian(const ListFunction& f, const TensorList& at, const TransformOptions& options, Here here) {
  const Call call("hessian", f, at, options, here);
  call.check_scalar();
  const Tensor& y = call.outputs[0];
  TensorList gradient = call.pull({y}, call.at, {filled(y.sizes(), y.dtype(), 1)}, true, "the output");
  call.fill(gradient, call.at);
  Blocks blocks;
  for (const Tensor& g : gradient) blocks.push_back(call.rows(g, call.at, "the gradient"));
  return blocks;
}

TensorList hvp(const char* op, const ListFunction& f, const TensorList& at, const TensorList& v,
               const TransformOptions& options, Here here) {
  const Call call(op, f, at, options, here);
  call.check_scalar();
  const TensorList direction = call.check_vector(v, call.at, "argument");
  const Tensor& y = call.outputs[0];
  TensorList gradient = call.pull({y}, call.at, {filled(y.sizes(), y.dtype(), 1)}, true, "the output");
  call.fill(gradient, call.at);
  TensorList product = call.pull(gradient, call.at, direction, options.create_graph, "the gradient");
  call.fill(product, call.at);
  return product;
}

Pair vjp(const ListFunction& f, const TensorList& at, const TensorList& v, const TransformOptions& options, Here here) {
  const Call call("vjp", f, at, options, here);
  const TensorList cotangents = call.check_vector(v, call.outputs, "output");
  TensorList product = call.pull(call.outputs, call.at, cotangents, options.create_graph, "the output");
  call.fill(product, call.at);
  return {call.values(), std::move(product)};
}

Pair jvp(const ListFunction& f, const TensorList& at, const TensorList& v, const TransformOptions& options, Here here) {
  const Call call("jvp", f, at, options, here);
  const TensorList direction = call.check_vector(v, call.at, "argument");
  // u J is linear in u, so its derivative by u along v is J v, whatever u is.
  TensorList u;
  for (const Tensor& y : call.outputs) u.push_back(filled(y.sizes(), y.dtype(), 0).requires_grad_());
  TensorList pulled = call.pull(call.outputs, call.at, u, true, "the output");
  call.fill(pulled, call.at);
  TensorList pushed = call.pull(pulled, u, direction, options.create_graph, "the value");
  call.fill(pushed, u);
  return {call.values(), std::move(pushed)};
}

}  // namespace xgrad::functional::detail
