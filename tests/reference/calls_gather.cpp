// Elements by index and by mask.
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/scatter_reduce.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

void gather(Calls& calls) {
  const auto dim = [](const Inputs& in) { return in.attr<std::int64_t>("dim"); };
  calls.add("index_select",
            [=](const Inputs& in) { return TensorList{xg::index_select(in["input"], dim(in), in["index"])}; });
  calls.add("gather", [=](const Inputs& in) { return TensorList{xg::gather(in["input"], dim(in), in["index"])}; });
  calls.add("scatter_add", [=](const Inputs& in) {
    return TensorList{xg::scatter_add(in["input"], dim(in), in["index"], in["src"])};
  });
  calls.add("scatter_reduce", [=](const Inputs& in) {
    return TensorList{xg::scatter_reduce(in["input"], dim(in), in["index"], in["src"], in.attr<std::string>("reduce"),
                                         in.attr("include_self", true))};
  });
  calls.add("take", [](const Inputs& in) { return TensorList{xg::take(in["input"], in["index"])}; });
  calls.add("embedding", [](const Inputs& in) {
    return TensorList{xg::embedding(in["weight"], in["input"], in.optional<std::int64_t>("padding_idx"),
                                    in.attr("scale_grad_by_freq", false))};
  });
  calls.add("embedding_bag", [](const Inputs& in) {
    const auto mode = in.attr<std::string>("mode", "mean");
    return TensorList{xg::embedding_bag(in["input"], in["weight"], in["offsets"],
                                        {.scale_grad_by_freq = in.attr("scale_grad_by_freq", false),
                                         .mode = mode,
                                         .per_sample_weights = in["per_sample_weights"],
                                         .include_last_offset = in.attr("include_last_offset", false),
                                         .padding_idx = in.optional<std::int64_t>("padding_idx")})};
  });
  calls.add("masked_fill", [](const Inputs& in) {
    if (const Tensor value = in["value"]; value.defined())
      return TensorList{xg::masked_fill(in["input"], in["mask"], value)};
    return TensorList{xg::masked_fill(in["input"], in["mask"], in.attr<double>("value"))};
  });
  calls.add("masked_select", [](const Inputs& in) { return TensorList{xg::masked_select(in["input"], in["mask"])}; });
}

}  // namespace reference
