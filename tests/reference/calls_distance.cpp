// Distances.
#include <xgrad/ops/distance.hpp>

#include "reference/calls.hpp"

namespace reference {

void distance(Calls& calls) {
  calls.add("cosine_similarity", [](const Inputs& in) {
    return TensorList{
        xgrad::cosine_similarity(in["x1"], in["x2"], in.attr<std::int64_t>("dim", 1), in.attr("eps", 1e-8))};
  });
  calls.add("pairwise_distance", [](const Inputs& in) {
    return TensorList{xgrad::pairwise_distance(in["x1"], in["x2"], in.attr("p", 2.0), in.attr("eps", 1e-6),
                                               in.attr("keepdim", false))};
  });
  calls.add("cdist", [](const Inputs& in) {
    // How PyTorch is to compute it; the value is the same.
    in.has("compute_mode");
    return TensorList{xgrad::cdist(in["x1"], in["x2"], in.attr("p", 2.0))};
  });
  calls.add("pdist", [](const Inputs& in) { return TensorList{xgrad::pdist(in["input"], in.attr("p", 2.0))}; });
  calls.add("normalize", [](const Inputs& in) {
    const xgrad::Dims dim = in.has("dim") ? xgrad::Dims(in.ints("dim")) : xgrad::Dims(1);
    return TensorList{xgrad::normalize(in["input"], in.attr("p", 2.0), dim, in.attr("eps", 1e-12))};
  });
  calls.add("bilinear", [](const Inputs& in) {
    return TensorList{xgrad::bilinear(in["input1"], in["input2"], in["weight"], in["bias"])};
  });
}

}  // namespace reference
