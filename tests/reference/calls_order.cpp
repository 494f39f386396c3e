// Order statistics.
#include <xgrad/ops/order.hpp>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;

TensorList both(const std::pair<Tensor, Tensor>& pair) { return {pair.first, pair.second}; }

std::int64_t dim(const Inputs& in) { return in.attr<std::int64_t>("dim", -1); }

// The same of all elements, or along a dimension with the places.
template <class All, class Along>
Call middle(All all, Along along) {
  return [=](const Inputs& in) {
    if (!in.has("dim")) return TensorList{all(in["input"])};
    return both(along(in["input"], dim(in), in.attr("keepdim", false)));
  };
}

template <class Quantile>
Call share(Quantile f) {
  return [=](const Inputs& in) {
    const auto along = in.optional<std::int64_t>("dim");
    const bool keepdim = in.attr("keepdim", false);
    const auto interpolation = in.attr<std::string>("interpolation", "linear");
    if (const Tensor q = in["q"]; q.defined()) return TensorList{f(in["input"], q, along, keepdim, interpolation)};
    return TensorList{f(in["input"], in.attr<double>("q"), along, keepdim, interpolation)};
  };
}

}  // namespace

void order(Calls& calls) {
  calls.add("sort", [](const Inputs& in) {
    return both(xg::sort(in["input"], dim(in), in.attr("descending", false), in.attr("stable", false)));
  });
  calls.add("argsort", [](const Inputs& in) {
    return TensorList{xg::argsort(in["input"], dim(in), in.attr("descending", false), in.attr("stable", false))};
  });
  calls.add("msort", [](const Inputs& in) { return TensorList{xg::msort(in["input"])}; });
  calls.add("topk", [](const Inputs& in) {
    return both(
        xg::topk(in["input"], in.attr<std::int64_t>("k"), dim(in), in.attr("largest", true), in.attr("sorted", true)));
  });
  calls.add("kthvalue", [](const Inputs& in) {
    return both(xg::kthvalue(in["input"], in.attr<std::int64_t>("k"), dim(in), in.attr("keepdim", false)));
  });
  calls.add("mode", [](const Inputs& in) { return both(xg::mode(in["input"], dim(in), in.attr("keepdim", false))); });
  calls.add("median", middle([](const Tensor& x) { return xg::median(x); },
                             [](const Tensor& x, std::int64_t d, bool keepdim) { return xg::median(x, d, keepdim); }));
  calls.add("nanmedian",
            middle([](const Tensor& x) { return xg::nanmedian(x); },
                   [](const Tensor& x, std::int64_t d, bool keepdim) { return xg::nanmedian(x, d, keepdim); }));
  calls.add("quantile", share([](const auto&... arguments) { return xg::quantile(arguments...); }));
  calls.add("nanquantile", share([](const auto&... arguments) { return xg::nanquantile(arguments...); }));
  calls.add("searchsorted", [](const Inputs& in) {
    return TensorList{xg::searchsorted(in["sorted_sequence"], in["input"], in.attr("right", false))};
  });
  calls.add("bucketize", [](const Inputs& in) {
    return TensorList{xg::bucketize(in["input"], in["boundaries"], in.attr("right", false))};
  });
}

}  // namespace reference
