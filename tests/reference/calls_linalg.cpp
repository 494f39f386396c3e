// Products and linear algebra.
#include <xgrad/ops/linalg.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

void linalg(Calls& calls) {
  calls.add("matmul", [](const Inputs& in) { return TensorList{xg::matmul(in["input"], in["other"])}; });
  calls.add("bmm", [](const Inputs& in) { return TensorList{xg::bmm(in["input"], in["mat2"])}; });
  calls.add("dot", [](const Inputs& in) { return TensorList{xg::dot(in["input"], in["tensor"])}; });
  calls.add("outer", [](const Inputs& in) { return TensorList{xg::outer(in["input"], in["vec2"])}; });
  calls.add("linear", [](const Inputs& in) { return TensorList{xg::linear(in["input"], in["weight"], in["bias"])}; });
  calls.add("addmm", [](const Inputs& in) {
    return TensorList{
        xg::addmm(in["input"], in["mat1"], in["mat2"], {.beta = in.attr("beta", 1.0), .alpha = in.attr("alpha", 1.0)})};
  });
}

}  // namespace reference
