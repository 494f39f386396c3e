// Reductions and scans.
#include <xgrad/ops/linalg_norm.hpp>
#include <xgrad/ops/reduce.hpp>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;
using xg::ReduceOptions;

ReduceOptions options(const Inputs& in) { return {.dim = in.ints("dim"), .keepdim = in.attr("keepdim", false)}; }

xg::VarOptions var_options(const Inputs& in) {
  const std::int64_t correction = in.attr("unbiased", true) ? 1 : 0;
  return {.dim = in.ints("dim"),
          .correction = in.attr<std::int64_t>("correction", correction),
          .keepdim = in.attr("keepdim", false)};
}

// max and min: of all elements, or along a dimension with the places.
template <class All, class Along>
TensorList extreme(const Inputs& in, All all, Along along) {
  if (!in.has("dim")) return {all(in["input"])};
  const auto [values, indices] = along(in["input"], in.attr<std::int64_t>("dim"), in.attr("keepdim", false));
  return {values, indices};
}

// "fro" is 2, and "nuc" a matrix norm.
TensorList norm_of(const Inputs& in) {
  if (in.raw("p") == "nuc") {
    const xg::Dims dim = in.has("dim") ? xg::Dims(in.ints("dim")) : xg::Dims{-2, -1};
    return {xg::linalg::matrix_norm(in["input"], "nuc", dim, in.attr("keepdim", false))};
  }
  return {xg::norm(in["input"], in.raw("p") == "fro" ? 2.0 : in.attr("p", 2.0), options(in))};
}

}  // namespace

void reduce(Calls& calls) {
  using Reduction = Tensor (*)(const xg::Arg&, const ReduceOptions&);
  const std::vector<std::pair<const char*, Reduction>> reductions{{"amax", xg::amax},           {"amin", xg::amin},
                                                                  {"logsumexp", xg::logsumexp}, {"mean", xg::mean},
                                                                  {"prod", xg::prod},           {"sum", xg::sum}};
  for (const auto& [name, f] : reductions)
    calls.add(name, [f = f](const Inputs& in) { return TensorList{f(in["input"], options(in))}; });

  calls.add("var", [](const Inputs& in) { return TensorList{xg::var(in["input"], var_options(in))}; });
  calls.add("std", [](const Inputs& in) { return TensorList{xg::std(in["input"], var_options(in))}; });
  calls.add("norm", norm_of);
  calls.add("max", [](const Inputs& in) {
    return extreme(
        in, [](const Tensor& x) { return xg::max(x); },
        [](const Tensor& x, std::int64_t dim, bool keepdim) { return xg::max(x, dim, keepdim); });
  });
  calls.add("min", [](const Inputs& in) {
    return extreme(
        in, [](const Tensor& x) { return xg::min(x); },
        [](const Tensor& x, std::int64_t dim, bool keepdim) { return xg::min(x, dim, keepdim); });
  });
  calls.add("argmax", [](const Inputs& in) {
    return TensorList{xg::argmax(in["input"], in.optional<std::int64_t>("dim"), in.attr("keepdim", false))};
  });
  calls.add("argmin", [](const Inputs& in) {
    return TensorList{xg::argmin(in["input"], in.optional<std::int64_t>("dim"), in.attr("keepdim", false))};
  });
  calls.add("cumsum",
            [](const Inputs& in) { return TensorList{xg::cumsum(in["input"], in.attr<std::int64_t>("dim"))}; });
  calls.add("cumprod",
            [](const Inputs& in) { return TensorList{xg::cumprod(in["input"], in.attr<std::int64_t>("dim"))}; });
}

}  // namespace reference
