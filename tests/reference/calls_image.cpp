// Convolution, pooling and resampling.
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/conv_transpose.hpp>
#include <xgrad/ops/fold.hpp>
#include <xgrad/ops/interpolate.hpp>
#include <xgrad/ops/pool.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "reference/calls.hpp"

namespace reference {
namespace {

namespace xg = xgrad;
using xg::IntPair;
using xg::IntTriple;

// An attribute of one number for each of `Numbers`' dimensions, or one for all.
template <class Numbers>
Numbers sizes(const Inputs& in, const char* name, Numbers otherwise) {
  const auto list = in.ints(name);
  if (list.empty()) return otherwise;
  if (list.size() == 1) return list[0];
  if constexpr (std::is_same_v<Numbers, IntPair>) return {list.at(0), list.at(1)};
  if constexpr (std::is_same_v<Numbers, IntTriple>) return {list.at(0), list.at(1), list.at(2)};
  throw std::runtime_error(std::string(name) + ": too many numbers");
}

template <class Numbers>
xg::ConvPadding<Numbers> padding(const Inputs& in) {
  if (in.raw("padding").is_string()) return in.attr<std::string>("padding");
  return sizes<Numbers>(in, "padding", 0);
}

template <class Numbers, class Options>
Call convolution(Tensor (*f)(const xg::Arg&, const xg::Arg&, const Tensor&, const Options&)) {
  return [f](const Inputs& in) {
    return TensorList{f(in["input"], in["weight"], in["bias"],
                        {.stride = sizes<Numbers>(in, "stride", 1),
                         .padding = padding<Numbers>(in),
                         .dilation = sizes<Numbers>(in, "dilation", 1),
                         .groups = in.attr<std::int64_t>("groups", 1)})};
  };
}

template <class Numbers, class Options>
Call transposed(Tensor (*f)(const xg::Arg&, const xg::Arg&, const Tensor&, const Options&)) {
  return [f](const Inputs& in) {
    return TensorList{f(in["input"], in["weight"], in["bias"],
                        {.stride = sizes<Numbers>(in, "stride", 1),
                         .padding = sizes<Numbers>(in, "padding", 0),
                         .output_padding = sizes<Numbers>(in, "output_padding", 0),
                         .groups = in.attr<std::int64_t>("groups", 1),
                         .dilation = sizes<Numbers>(in, "dilation", 1)})};
  };
}

template <class Numbers, class Options>
Call max_pool(std::pair<Tensor, Tensor> (*f)(const xg::Arg&, Numbers, const Options&)) {
  return [f](const Inputs& in) {
    const Numbers kernel = sizes<Numbers>(in, "kernel_size", 1);
    const auto [values, indices] = f(in["input"], kernel,
                                     {.stride = sizes(in, "stride", kernel),
                                      .padding = sizes<Numbers>(in, "padding", 0),
                                      .dilation = sizes<Numbers>(in, "dilation", 1),
                                      .ceil_mode = in.attr("ceil_mode", false)});
    return in.attr("return_indices", false) ? TensorList{values, indices} : TensorList{values};
  };
}

template <class Numbers, class Options>
Call avg_pool(Tensor (*f)(const xg::Arg&, Numbers, const Options&)) {
  return [f](const Inputs& in) {
    const Numbers kernel = sizes<Numbers>(in, "kernel_size", 1);
    Options options{.stride = sizes(in, "stride", kernel),
                    .padding = sizes<Numbers>(in, "padding", 0),
                    .ceil_mode = in.attr("ceil_mode", false),
                    .count_include_pad = in.attr("count_include_pad", true)};
    if constexpr (requires { options.divisor_override; })
      options.divisor_override = in.optional<std::int64_t>("divisor_override");
    return TensorList{f(in["input"], kernel, options)};
  };
}

// A number for all dimensions, or one or null for each.
template <class Size>
std::remove_cvref_t<Size> output_size(const Inputs& in) {
  const json& size = in.raw("output_size");
  if (!size.is_array()) return size.get<std::int64_t>();
  std::vector<std::optional<std::int64_t>> list;
  for (const json& one : size) list.push_back(one.is_null() ? std::nullopt : std::optional(one.get<std::int64_t>()));
  if constexpr (std::is_same_v<Size, const xg::AdaptivePair&>) return {list.at(0), list.at(1)};
  if constexpr (std::is_same_v<Size, const xg::AdaptiveTriple&>) return {list.at(0), list.at(1), list.at(2)};
  return list.at(0).value();
}

template <class Size>
Call adaptive_avg_pool(Tensor (*f)(const xg::Arg&, Size)) {
  return [f](const Inputs& in) { return TensorList{f(in["input"], output_size<Size>(in))}; };
}
template <class Size>
Call adaptive_max_pool(std::pair<Tensor, Tensor> (*f)(const xg::Arg&, Size)) {
  return [f](const Inputs& in) {
    const auto [values, indices] = f(in["input"], output_size<Size>(in));
    return in.attr("return_indices", false) ? TensorList{values, indices} : TensorList{values};
  };
}

template <class Numbers, class Options>
Call max_unpool(Tensor (*f)(const xg::Arg&, const xg::Arg&, Numbers, const Options&)) {
  return [f](const Inputs& in) {
    const Numbers kernel = sizes<Numbers>(in, "kernel_size", 1);
    Options options{.stride = sizes(in, "stride", kernel), .padding = sizes<Numbers>(in, "padding", 0)};
    // The batch and the channels may stand before the sizes.
    std::vector<std::int64_t> size = in.ints("output_size");
    constexpr std::size_t rank = sizeof(Numbers) / sizeof(std::int64_t);
    if (size.size() > rank) size.erase(size.begin(), size.end() - rank);
    if constexpr (rank == 1)
      if (!size.empty()) options.output_size = size[0];
    if constexpr (rank == 2)
      if (!size.empty()) options.output_size = IntPair(size.at(0), size.at(1));
    if constexpr (rank == 3)
      if (!size.empty()) options.output_size = IntTriple(size.at(0), size.at(1), size.at(2));
    return TensorList{f(in["input"], in["indices"], kernel, options)};
  };
}

template <class Numbers, class Options>
Call lp_pool(Tensor (*f)(const xg::Arg&, double, Numbers, const Options&)) {
  return [f](const Inputs& in) {
    const Numbers kernel = sizes<Numbers>(in, "kernel_size", 1);
    return TensorList{f(in["input"], in.attr<double>("norm_type"), kernel,
                        {.stride = sizes(in, "stride", kernel), .ceil_mode = in.attr("ceil_mode", false)})};
  };
}

// A number for all dimensions or one for each, or nothing.
template <class T>
xg::PerDimension<T> numbers(const Inputs& in, const char* name) {
  if (!in.has(name)) return {};
  if (in.raw(name).is_array()) return in.attr<std::vector<T>>(name);
  return in.attr<T>(name);
}

}  // namespace

void image(Calls& calls) {
  calls.add("conv1d", convolution<std::int64_t>(xg::conv1d));
  calls.add("conv2d", convolution<IntPair>(xg::conv2d));
  calls.add("conv3d", convolution<IntTriple>(xg::conv3d));
  calls.add("conv_transpose1d", transposed<std::int64_t>(xg::conv_transpose1d));
  calls.add("conv_transpose2d", transposed<IntPair>(xg::conv_transpose2d));
  calls.add("conv_transpose3d", transposed<IntTriple>(xg::conv_transpose3d));
  calls.add("max_pool1d", max_pool<std::int64_t>(xg::max_pool1d_with_indices));
  calls.add("max_pool2d", max_pool<IntPair>(xg::max_pool2d_with_indices));
  calls.add("max_pool3d", max_pool<IntTriple>(xg::max_pool3d_with_indices));
  calls.add("avg_pool1d", avg_pool<std::int64_t>(xg::avg_pool1d));
  calls.add("avg_pool2d", avg_pool<IntPair>(xg::avg_pool2d));
  calls.add("avg_pool3d", avg_pool<IntTriple>(xg::avg_pool3d));
  calls.add("adaptive_avg_pool1d", adaptive_avg_pool<std::int64_t>(xg::adaptive_avg_pool1d));
  calls.add("adaptive_avg_pool2d", adaptive_avg_pool<const xg::AdaptivePair&>(xg::adaptive_avg_pool2d));
  calls.add("adaptive_avg_pool3d", adaptive_avg_pool<const xg::AdaptiveTriple&>(xg::adaptive_avg_pool3d));
  calls.add("adaptive_max_pool1d", adaptive_max_pool<std::int64_t>(xg::adaptive_max_pool1d_with_indices));
  calls.add("adaptive_max_pool2d", adaptive_max_pool<const xg::AdaptivePair&>(xg::adaptive_max_pool2d_with_indices));
  calls.add("adaptive_max_pool3d", adaptive_max_pool<const xg::AdaptiveTriple&>(xg::adaptive_max_pool3d_with_indices));
  calls.add("max_unpool1d", max_unpool<std::int64_t>(xg::max_unpool1d));
  calls.add("max_unpool2d", max_unpool<IntPair>(xg::max_unpool2d));
  calls.add("max_unpool3d", max_unpool<IntTriple>(xg::max_unpool3d));
  calls.add("lp_pool1d", lp_pool<std::int64_t>(xg::lp_pool1d));
  calls.add("lp_pool2d", lp_pool<IntPair>(xg::lp_pool2d));
  calls.add("interpolate", [](const Inputs& in) {
    return TensorList{
        xg::interpolate(in["input"], {.size = numbers<std::int64_t>(in, "size"),
                                      .scale_factor = numbers<double>(in, "scale_factor"),
                                      .mode = in.attr<std::string>("mode", "nearest"),
                                      .align_corners = in.optional<bool>("align_corners"),
                                      .recompute_scale_factor = in.optional<bool>("recompute_scale_factor"),
                                      .antialias = in.attr("antialias", false)})};
  });
  const auto fold_options = [](const Inputs& in) {
    return xg::FoldOptions{.dilation = sizes<IntPair>(in, "dilation", 1),
                           .padding = sizes<IntPair>(in, "padding", 0),
                           .stride = sizes<IntPair>(in, "stride", 1)};
  };
  calls.add("unfold", [=](const Inputs& in) {
    if (in.has("dimension"))
      return TensorList{in["input"].unfold(in.attr<std::int64_t>("dimension"), in.attr<std::int64_t>("size"),
                                           in.attr<std::int64_t>("step"))};
    return TensorList{xg::unfold(in["input"], sizes<IntPair>(in, "kernel_size", 1), fold_options(in))};
  });
  calls.add("fold", [=](const Inputs& in) {
    return TensorList{xg::fold(in["input"], sizes<IntPair>(in, "output_size", 1), sizes<IntPair>(in, "kernel_size", 1),
                               fold_options(in))};
  });
  calls.add("pixel_shuffle", [](const Inputs& in) {
    return TensorList{xg::pixel_shuffle(in["input"], in.attr<std::int64_t>("upscale_factor"))};
  });
  calls.add("pixel_unshuffle", [](const Inputs& in) {
    return TensorList{xg::pixel_unshuffle(in["input"], in.attr<std::int64_t>("downscale_factor"))};
  });
  calls.add("channel_shuffle", [](const Inputs& in) {
    return TensorList{xg::channel_shuffle(in["input"], in.attr<std::int64_t>("groups"))};
  });
}

}  // namespace reference
