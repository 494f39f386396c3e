#include <xgrad/nn/upsampling.hpp>

#include "core/check.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

std::string number_text(std::int64_t number) { return fmt::format("{}", number); }
std::string number_text(double number) { return float_text(number); }
// One number, or a tuple.
template <class T>
std::string text(const PerDimension<T>& numbers) {
  // A list keeps its length whatever is asked for.
  const auto list = numbers.list(1);
  std::string joined;
  for (const T number : list) joined += (joined.empty() ? "" : ", ") + number_text(number);
  return list.size() == 1 ? joined : '(' + joined + ')';
}

}  // namespace

Upsample::Upsample(const char* name, const UpsampleOptions& options, Here here)
    : options_{.size = options.size,
               .scale_factor = options.scale_factor,
               .mode = options.mode,
               .align_corners = options.align_corners,
               .recompute_scale_factor = options.recompute_scale_factor} {
  check<ValueError>(options.size.given() != options.scale_factor.given(), here,
                    "{}: expected one of size and scale_factor, got {}", name, options.size.given() ? "both" : "none");
  set_description(fmt::format(
      "{}, mode={}", options.size.given() ? "size=" + text(options.size) : "scale_factor=" + text(options.scale_factor),
      options.mode));
}

Upsample::Upsample(const UpsampleOptions& options, Here here) : Upsample("Upsample", options, here) {}

UpsamplingNearest2d::UpsamplingNearest2d(const Upsampling2dOptions& options, Here here)
    : Upsample("UpsamplingNearest2d", {.size = options.size, .scale_factor = options.scale_factor}, here) {}

UpsamplingBilinear2d::UpsamplingBilinear2d(const Upsampling2dOptions& options, Here here)
    : Upsample("UpsamplingBilinear2d",
               {.size = options.size, .scale_factor = options.scale_factor, .mode = "bilinear", .align_corners = true},
               here) {}

Tensor Upsample::forward(const Arg& x) const {
  check_alive(x.here());
  return interpolate(x, options_);
}

ShuffleLayer::ShuffleLayer(Function function, const char* name, const char* number_name, std::int64_t number, Here here)
    : function_(function), number_(number) {
  check<ValueError>(number >= 1, here, "{}: {} must be at least 1, got {}", name, number_name, number);
  set_description(fmt::format("{}={}", number_name, number));
}

Tensor ShuffleLayer::forward(const Arg& x) const {
  check_alive(x.here());
  return function_(x, number_);
}

}  // namespace xgrad::nn
