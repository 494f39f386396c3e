// Order statistics, places in sorted sequences, running extremes, differences.
#include <xgrad/ops/difference.hpp>
#include <xgrad/ops/order.hpp>
#include <xgrad/ops/reduce.hpp>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;
using xg::Arg;

TensorList both(const std::pair<Tensor, Tensor>& results) { return {results.first, results.second}; }

std::int64_t dim(const Inputs& in) { return in.attr<std::int64_t>("dim", -1); }
bool keepdim(const Inputs& in) { return in.attr("keepdim", false); }

// An input, or a number among the attributes.
template <class F>
TensorList with_operand(const Inputs& in, const char* name, F f) {
  if (const Tensor operand = in[name]; operand.defined()) return {f(xg::Operand(operand))};
  return {f(xg::Operand(in.attr<double>(name)))};
}

// Of all elements, or along a dimension with the places.
using OfAll = Tensor (*)(const Arg&);
using Along = std::pair<Tensor, Tensor> (*)(const Arg&, std::int64_t, bool);
Call middle(OfAll all, Along along) {
  return [=](const Inputs& in) {
    if (!in.has("dim")) return TensorList{all(in["input"])};
    return both(along(in["input"], dim(in), keepdim(in)));
  };
}

template <class Quantile>
Call quantile(Quantile f) {
  return [=](const Inputs& in) {
    return with_operand(in, "q", [&](const xg::Operand& q) {
      return f(in["input"], q, in.optional<std::int64_t>("dim"), keepdim(in),
               in.attr<std::string>("interpolation", "linear"));
    });
  };
}

// By distances that are given by x or are all the same.
using ByDistance = Tensor (*)(const Arg&, const xg::TrapezoidOptions&);
using ByPlace = Tensor (*)(const Arg&, const Arg&, std::int64_t);
Call integral(ByDistance by_distance, ByPlace by_place) {
  return [=](const Inputs& in) {
    if (const Tensor x = in["x"]; x.defined()) return TensorList{by_place(in["y"], x, dim(in))};
    return TensorList{by_distance(in["y"], {.dx = in.attr("dx", 1.0), .dim = dim(in)})};
  };
}

void ranks(Calls& calls) {
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
    return both(xg::kthvalue(in["input"], in.attr<std::int64_t>("k"), dim(in), keepdim(in)));
  });
  calls.add("median", middle(xg::median, xg::median));
  calls.add("nanmedian", middle(xg::nanmedian, xg::nanmedian));
  calls.add("mode", [](const Inputs& in) { return both(xg::mode(in["input"], dim(in), keepdim(in))); });
  calls.add("quantile", quantile([](const auto&... arguments) { return xg::quantile(arguments...); }));
  calls.add("nanquantile", quantile([](const auto&... arguments) { return xg::nanquantile(arguments...); }));
}

void places(Calls& calls) {
  calls.add("searchsorted", [](const Inputs& in) {
    const char* name = in.has("values") || in["values"].defined() ? "values" : "input";
    return with_operand(in, name, [&](const xg::Operand& values) {
      return xg::searchsorted(in["sorted_sequence"], values,
                              {.out_int32 = in.attr("out_int32", false),
                               .right = in.attr("right", false),
                               .side = in.attr<std::string>("side", ""),
                               .sorter = in["sorter"]});
    });
  });
  calls.add("bucketize", [](const Inputs& in) {
    return with_operand(in, "input", [&](const xg::Operand& values) {
      return xg::bucketize(values, in["boundaries"], in.attr("right", false), in.attr("out_int32", false));
    });
  });
}

void running(Calls& calls) {
  calls.add("aminmax", [](const Inputs& in) {
    return both(xg::aminmax(in["input"], in.optional<std::int64_t>("dim"), keepdim(in)));
  });
  calls.add("cummax", [](const Inputs& in) { return both(xg::cummax(in["input"], dim(in))); });
  calls.add("cummin", [](const Inputs& in) { return both(xg::cummin(in["input"], dim(in))); });
  calls.add("logcumsumexp", [](const Inputs& in) { return TensorList{xg::logcumsumexp(in["input"], dim(in))}; });
  calls.add("diff", [](const Inputs& in) {
    return TensorList{xg::diff(in["input"], in.attr<std::int64_t>("n", 1), dim(in), in["prepend"], in["append"])};
  });
  calls.add("trapezoid", integral(xg::trapezoid, xg::trapezoid));
  calls.add("cumulative_trapezoid", integral(xg::cumulative_trapezoid, xg::cumulative_trapezoid));
}

}  // namespace

void order(Calls& calls) {
  ranks(calls);
  places(calls);
  running(calls);
}

}  // namespace reference
