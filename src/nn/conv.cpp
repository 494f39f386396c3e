#include <xgrad/nn/conv.hpp>

#include <cmath>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

std::string text(IntPair pair) { return fmt::format("({}, {})", pair.h, pair.w); }
// One number where both are the same, as they were written.
std::string short_text(IntPair pair) { return pair.h == pair.w ? fmt::format("{}", pair.h) : text(pair); }
const char* text(bool value) { return value ? "True" : "False"; }

}  // namespace

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, IntPair kernel_size, const Conv2dOptions& options,
               Here here)
    : options_{options.stride, options.padding, options.dilation, options.groups} {
  check<ValueError>(in_channels > 0 && out_channels > 0 && kernel_size.h > 0 && kernel_size.w > 0, here,
                    "Conv2d: sizes must be positive, got in_channels {}, out_channels {}, kernel_size {}", in_channels,
                    out_channels, text(kernel_size));
  check<ValueError>(options.groups > 0 && in_channels % options.groups == 0 && out_channels % options.groups == 0, here,
                    "Conv2d: channels must be divisible by groups, got in_channels {}, out_channels {}, groups {}",
                    in_channels, out_channels, options.groups);
  const std::int64_t in = in_channels / options.groups;
  const double bound = 1 / std::sqrt(static_cast<double>(in * kernel_size.h * kernel_size.w));
  weight =
      make_tensor({out_channels, in, kernel_size.h, kernel_size.w}, get_default_dtype()).uniform_(-bound, bound, here);
  if (options.bias) bias = make_tensor({out_channels}, get_default_dtype()).uniform_(-bound, bound, here);
  register_parameter("weight", weight, true, here);
  register_parameter("bias", bias, true, here);

  std::string description = fmt::format("{}, {}, kernel_size={}, stride={}", in_channels, out_channels,
                                        text(kernel_size), text(options.stride));
  if (options.padding != IntPair(0)) description += ", padding=" + text(options.padding);
  if (options.dilation != IntPair(1)) description += ", dilation=" + text(options.dilation);
  if (options.groups != 1) description += fmt::format(", groups={}", options.groups);
  if (!options.bias) description += ", bias=False";
  set_description(std::move(description));
}

Tensor Conv2d::forward(const Arg& x) const {
  check_alive(x.here());
  return conv2d(x, {weight, x.here()}, bias, options_);
}

MaxPool2d::MaxPool2d(IntPair kernel_size, const MaxPool2dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  set_description(fmt::format("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
                              short_text(kernel_size), short_text(options.stride.value_or(kernel_size)),
                              short_text(options.padding), short_text(options.dilation), text(options.ceil_mode)));
}
Tensor MaxPool2d::forward(const Arg& x) const {
  check_alive(x.here());
  return max_pool2d(x, kernel_size_, options_);
}

AvgPool2d::AvgPool2d(IntPair kernel_size, const AvgPool2dOptions& options)
    : kernel_size_(kernel_size), options_(options) {
  set_description(fmt::format("kernel_size={}, stride={}, padding={}", short_text(kernel_size),
                              short_text(options.stride.value_or(kernel_size)), short_text(options.padding)));
}
Tensor AvgPool2d::forward(const Arg& x) const {
  check_alive(x.here());
  return avg_pool2d(x, kernel_size_, options_);
}

AdaptiveAvgPool2d::AdaptiveAvgPool2d(IntPair output_size) : output_size_(output_size) {
  set_description("output_size=" + short_text(output_size));
}
Tensor AdaptiveAvgPool2d::forward(const Arg& x) const {
  check_alive(x.here());
  return adaptive_avg_pool2d(x, output_size_);
}

}  // namespace xgrad::nn
