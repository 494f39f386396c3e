// Functions of elements, arithmetic of two operands.
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/tensor.hpp>

#include <stdexcept>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;
using xg::Operand;

using Unary = Tensor (*)(const xg::Arg&);

// A tensor under this name, or the number that stands as an attribute in its place; for one call, as an Operand is.
class Either {
 public:
  Either(const Inputs& in, const char* name) : tensor_(in[name]) {
    if (!tensor_.defined()) number_ = in.attr<double>(name);
  }
  operator Operand() const { return tensor_.defined() ? Operand(tensor_) : Operand(number_); }

 private:
  Tensor tensor_;
  double number_ = 0;
};
Either operand(const Inputs& in, const char* name) { return {in, name}; }

std::optional<xg::Scalar> bound(const Inputs& in, const char* name) {
  const auto number = in.optional<double>(name);
  return number ? std::optional<xg::Scalar>(*number) : std::nullopt;
}

Tensor clamp(const Inputs& in) {
  const Tensor low = in["min"], high = in["max"];
  return low.defined() || high.defined() ? xg::clamp(in["input"], low, high)
                                         : xg::clamp(in["input"], bound(in, "min"), bound(in, "max"));
}

}  // namespace

void pointwise(Calls& calls) {
  const std::vector<std::pair<const char*, Unary>> functions{
      {"abs", xg::abs},     {"acos", xg::acos},     {"acosh", xg::acosh},     {"asin", xg::asin},
      {"asinh", xg::asinh}, {"atan", xg::atan},     {"atanh", xg::atanh},     {"ceil", xg::ceil},
      {"cos", xg::cos},     {"cosh", xg::cosh},     {"digamma", xg::digamma}, {"erf", xg::erf},
      {"erfc", xg::erfc},   {"exp", xg::exp},       {"exp2", xg::exp2},       {"expm1", xg::expm1},
      {"floor", xg::floor}, {"lgamma", xg::lgamma}, {"log", xg::log},         {"log10", xg::log10},
      {"log1p", xg::log1p}, {"log2", xg::log2},     {"neg", xg::neg},         {"reciprocal", xg::reciprocal},
      {"rsqrt", xg::rsqrt}, {"sign", xg::sign},     {"sin", xg::sin},         {"sinh", xg::sinh},
      {"sqrt", xg::sqrt},   {"square", xg::square}, {"tan", xg::tan},         {"tanh", xg::tanh},
      {"trunc", xg::trunc}};
  for (const auto& [name, f] : functions)
    calls.add(name, [f = f](const Inputs& in) { return TensorList{f(in["input"])}; });

  calls.add("add", [](const Inputs& in) {
    return TensorList{xg::add(operand(in, "input"), operand(in, "other"), in.attr("alpha", 1.0))};
  });
  calls.add("sub", [](const Inputs& in) {
    return TensorList{xg::sub(operand(in, "input"), operand(in, "other"), in.attr("alpha", 1.0))};
  });
  calls.add("div", [](const Inputs& in) {
    const Tensor quotient = xg::div(operand(in, "input"), operand(in, "other"));
    const auto mode = in.attr<std::string>("rounding_mode", "");
    if (mode == "floor") return TensorList{xg::floor(quotient)};
    if (mode == "trunc") return TensorList{xg::trunc(quotient)};
    if (!mode.empty()) throw std::runtime_error("unknown rounding_mode " + mode);
    return TensorList{quotient};
  });
  using Binary = Tensor (*)(const Operand&, const Operand&);
  const std::vector<std::pair<const char*, Binary>> operations{
      {"atan2", xg::atan2},     {"fmod", xg::fmod},       {"hypot", xg::hypot},        {"mul", xg::mul},
      {"maximum", xg::maximum}, {"minimum", xg::minimum}, {"remainder", xg::remainder}};
  for (const auto& [name, f] : operations)
    calls.add(name, [f = f](const Inputs& in) { return TensorList{f(operand(in, "input"), operand(in, "other"))}; });
  calls.add("pow", [](const Inputs& in) { return TensorList{xg::pow(operand(in, "input"), operand(in, "exponent"))}; });
  calls.add("round", [](const Inputs& in) {
    const auto decimals = in.optional<std::int64_t>("decimals");
    return TensorList{decimals ? xg::round(in["input"], *decimals) : xg::round(in["input"])};
  });
  calls.add("clamp", [](const Inputs& in) { return TensorList{clamp(in)}; });
  calls.add("nan_to_num", [](const Inputs& in) {
    return TensorList{
        xg::nan_to_num(in["input"], in.attr("nan", 0.0), in.optional<double>("posinf"), in.optional<double>("neginf"))};
  });
  calls.add("where", [](const Inputs& in) {
    return TensorList{xg::where(in["condition"], operand(in, "input"), operand(in, "other"))};
  });
}

}  // namespace reference
