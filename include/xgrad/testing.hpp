// Gradient checks: is the derivative that the tape gives the derivative of the function?
//
//   CHECK(xgrad::gradcheck([](const Tensor& a, const Tensor& b) { return tanh(a) * b; }, {a, b}));
//
// A function here is any callable over the list's tensors as separate arguments, up to eight, or over a TensorList. It
// returns a Tensor, a TensorList, or a pair or tuple of them, and must give the same result for the same arguments.
#pragma once
#include <xgrad/detail/callable.hpp>
#include <xgrad/tensor.hpp>

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

namespace xgrad {

// Options of the checks. An entry passes when |analytical - numerical| <= atol + rtol |numerical|, so NaN never does.
struct GradcheckOptions {
  double eps = 1e-6;  // step of the differences, times max(1, |x|)
  double atol = 1e-5;
  double rtol = 1e-3;
  bool raise = false;  // throw an AutogradError with the message where the check fails
  int order = 2;       // of the central differences: 2, or 4 for smooth functions with a larger eps
};

// Whether a check passed, and what is wrong where it did not. Prints its message, so that a failed doctest assertion
// shows it.
class CheckResult {
 public:
  CheckResult() = default;
  explicit CheckResult(std::string failure) : passed_(false), message_(std::move(failure)) {}
  explicit operator bool() const noexcept { return passed_; }
  // Which input, which element, the analytical and the numerical value; "passed" where nothing is wrong.
  const std::string& message() const noexcept { return message_; }

 private:
  bool passed_ = true;
  std::string message_ = "passed";
};
std::ostream& operator<<(std::ostream& stream, const CheckResult& result);

namespace detail {
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
CheckResult gradcheck(const ListFunction& f, const TensorList& inputs, const GradcheckOptions& options, Here here);
CheckResult gradgradcheck(const ListFunction& f, const TensorList& inputs, const GradcheckOptions& options, Here here);
CheckResult gradcheck_module(const ListFunction& forward, const TensorList& inputs, const NamedTensors& parameters,
                             const NamedTensors& buffers, const GradcheckOptions& options, Here here);
}  // namespace detail

// Compares the whole Jacobian of f by the inputs that require grad, as the tape gives it, with central differences
//   df_i/dx_j = (f_i(x + h e_j) - f_i(x - h e_j)) / 2h.
// Also checked: that f leaves its inputs alone and gives the same result again, for a contiguous copy of them as well;
// that a second backward gives the same as the first; that the zero cotangent gives zero; cotangents that are views.
// Inputs may have any layout and size; they are copied and stay as they are, their grad() too. Those that do not
// require grad are constants. An undefined gradient counts as zero. Outputs that are not floating are left out, and so
// are those that do not require grad when another one does. DtypeError: an input that requires grad, or an output, is
// float32: use float64. ValueError: no input requires grad, or an option is out of range. What f throws goes through.
template <class F>
CheckResult gradcheck(const F& f, const TensorList& inputs, const GradcheckOptions& options = {}, Here here = {}) {
  return detail::gradcheck(detail::over_list(f), inputs, options, here);
}

// The same for second derivatives: gradcheck of (inputs, cotangents) -> gradients, the gradients computed with
// create_graph. The cotangents are random, from a fixed seed of their own. Errors: as gradcheck.
template <class F>
CheckResult gradgradcheck(const F& f, const TensorList& inputs, const GradcheckOptions& options = {}, Here here = {}) {
  return detail::gradgradcheck(detail::over_list(f), inputs, options, here);
}

// gradcheck of module.forward by the inputs and parameters that require grad; messages give parameters' names. The
// parameters are changed while the check runs; afterwards they and the buffers hold what they held before.
// Errors: as gradcheck; a float32 parameter: call module.to(float64).
template <class M>
CheckResult gradcheck_module(M&& module, const TensorList& inputs, const GradcheckOptions& options = {},
                             Here here = {}) {
  auto forward = [&](const auto&... tensors) -> decltype(module.forward(tensors...)) {
    return module.forward(tensors...);
  };
  detail::NamedTensors parameters, buffers;
  for (const auto& [name, tensor] : module.named_parameters()) parameters.emplace_back(name, tensor);
  for (const auto& [name, tensor] : module.named_buffers()) buffers.emplace_back(name, tensor);
  return detail::gradcheck_module(detail::over_list(forward), inputs, parameters, buffers, options, here);
}

}  // namespace xgrad
