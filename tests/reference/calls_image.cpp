// Convolution, pooling and resampling.
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/pool.hpp>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;
using xg::IntPair;

// One number for both, or two.
IntPair pair(const Inputs& in, const char* name, IntPair otherwise) {
  const auto list = in.ints(name);
  if (list.empty()) return otherwise;
  return list.size() == 1 ? IntPair(list[0]) : IntPair(list.at(0), list.at(1));
}

}  // namespace

void image(Calls& calls) {
  calls.add("conv2d", [](const Inputs& in) {
    return TensorList{xg::conv2d(in["input"], in["weight"], in["bias"],
                                 {.stride = pair(in, "stride", 1),
                                  .padding = pair(in, "padding", 0),
                                  .dilation = pair(in, "dilation", 1),
                                  .groups = in.attr<std::int64_t>("groups", 1)})};
  });
  calls.add("max_pool2d", [](const Inputs& in) {
    const IntPair kernel = pair(in, "kernel_size", 1);
    const auto [values, indices] = xg::max_pool2d_with_indices(in["input"], kernel,
                                                               {.stride = pair(in, "stride", kernel),
                                                                .padding = pair(in, "padding", 0),
                                                                .dilation = pair(in, "dilation", 1),
                                                                .ceil_mode = in.attr("ceil_mode", false)});
    return in.attr("return_indices", false) ? TensorList{values, indices} : TensorList{values};
  });
  calls.add("avg_pool2d", [](const Inputs& in) {
    const IntPair kernel = pair(in, "kernel_size", 1);
    return TensorList{xg::avg_pool2d(in["input"], kernel,
                                     {.stride = pair(in, "stride", kernel),
                                      .padding = pair(in, "padding", 0),
                                      .ceil_mode = in.attr("ceil_mode", false),
                                      .count_include_pad = in.attr("count_include_pad", true),
                                      .divisor_override = in.optional<std::int64_t>("divisor_override")})};
  });
  calls.add("adaptive_avg_pool2d", [](const Inputs& in) {
    return TensorList{xg::adaptive_avg_pool2d(in["input"], pair(in, "output_size", 1))};
  });
}

}  // namespace reference
