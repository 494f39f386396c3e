#include <xgrad/nn/conv.hpp>
#include <xgrad/ops/pad.hpp>

#include <algorithm>
#include <optional>

#include "core/tensor_impl.hpp"
#include "nn/description.hpp"
#include "ops/window.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

// What differs with the number of dimensions.
template <class Sizes>
struct Functions;
template <>
struct Functions<std::int64_t> {
  static constexpr auto conv = &conv1d;
  static constexpr auto transposed = &conv_transpose1d;
  static std::int64_t sizes(const Shape& list) { return list[0]; }
};
template <>
struct Functions<IntPair> {
  static constexpr auto conv = &conv2d;
  static constexpr auto transposed = &conv_transpose2d;
  static IntPair sizes(const Shape& list) { return {list[0], list[1]}; }
};
template <>
struct Functions<IntTriple> {
  static constexpr auto conv = &conv3d;
  static constexpr auto transposed = &conv_transpose3d;
  static IntTriple sizes(const Shape& list) { return {list[0], list[1], list[2]}; }
};

std::string name_of(const char* kind, const Shape& kernel_size) {
  return fmt::format("{}{}d", kind, kernel_size.size());
}

// ValueError for what no convolution has; the text that is printed for both kinds.
template <class Sizes>
std::string checked_text(const std::string& name, Sizes kernel_size, Sizes stride, Sizes padding,
                         const std::string& word, Sizes dilation, Here here) {
  check_window(name.c_str(), window_of(listed(kernel_size).size(), kernel_size, stride, padding, dilation), here);
  std::string text = fmt::format("kernel_size={}, stride={}", tuple_text(kernel_size), tuple_text(stride));
  if (!word.empty())
    text += ", padding=" + word;
  else if (padding != Sizes(0))
    text += ", padding=" + tuple_text(padding);
  if (dilation != Sizes(1)) text += ", dilation=" + tuple_text(dilation);
  return text;
}

template <class Sizes>
std::string checked_text(const std::string& name, Sizes kernel_size, const ConvOptions<Sizes>& o, Here here) {
  const std::string &word = o.padding.word(), &mode = o.padding_mode;
  check<ValueError>(word.empty() || word == "same" || word == "valid", here,
                    "{}: padding must be numbers, \"same\" or \"valid\", got \"{}\"", name, word);
  check<ValueError>(word != "same" || o.stride == Sizes(1), here, "{}: padding \"same\" needs stride 1, got stride {}",
                    name, tuple_text(o.stride));
  check<ValueError>(mode == "zeros" || mode == "reflect" || mode == "replicate" || mode == "circular", here,
                    "{}: padding_mode must be zeros, reflect, replicate or circular, got {}", name, mode);
  return checked_text(name, kernel_size, o.stride, o.padding.sizes(), word, o.dilation, here);
}

// What xgrad::pad adds in place of the zeros of the function: the last dimension comes first.
template <class Sizes>
Shape pad_of(Sizes kernel_size, const ConvOptions<Sizes>& o) {
  if (o.padding_mode == "zeros" || o.padding.word() == "valid") return {};
  const Shape kernel = listed(kernel_size), padding = listed(o.padding.sizes()), dilation = listed(o.dilation);
  Shape pad;
  for (std::size_t i = kernel.size(); i-- > 0;) {
    const std::int64_t all = o.padding.word() == "same" ? dilation[i] * (kernel[i] - 1) : 2 * padding[i];
    pad.push_back(all / 2);
    pad.push_back(all - all / 2);
  }
  const bool none = std::all_of(pad.begin(), pad.end(), [](std::int64_t count) { return count == 0; });
  return none ? Shape{} : pad;
}

}  // namespace

// ---- channels

ConvLayer::ConvLayer(const Setup& setup, Here here) : setup_(setup) {
  const auto& [name, transposed, in_channels, out_channels, kernel_size, groups, has_bias, options] = setup;
  const std::int64_t in = in_channels.value_or(groups);
  check<ValueError>((!in_channels || in > 0) && out_channels > 0 &&
                        std::all_of(kernel_size.begin(), kernel_size.end(), [](std::int64_t size) { return size > 0; }),
                    here, "{}: sizes must be positive, got {}out_channels {}, kernel_size {}", name,
                    in_channels ? fmt::format("in_channels {}, ", in) : "", out_channels, tuple_text(kernel_size));
  check<ValueError>(groups > 0 && in % groups == 0 && out_channels % groups == 0, here,
                    "{}: channels must be divisible by groups, got {}out_channels {}, groups {}", name,
                    in_channels ? fmt::format("in_channels {}, ", in) : "", out_channels, groups);
  Shape sizes = weight_sizes(in);
  if (!in_channels) sizes[transposed ? 0 : 1] = -1;
  register_weights(sizes, has_bias ? std::optional(out_channels) : std::nullopt, here);
  const auto describe = [out = out_channels, text = options](std::int64_t channels) {
    return fmt::format("{}, {}, {}", channels, out, text);
  };
  set_description(describe(in_channels.value_or(0)));
  if (!in_channels)
    when_materialized(name, [describe, w = weight, by_row = transposed, parts = groups] {
      return describe(by_row ? w.size(0) : w.size(1) * parts);
    });
}

Shape ConvLayer::weight_sizes(std::int64_t in_channels) const {
  Shape sizes = setup_.transposed ? Shape{in_channels, setup_.out_channels / setup_.groups}
                                  : Shape{setup_.out_channels, in_channels / setup_.groups};
  for (const std::int64_t size : setup_.kernel_size) sizes.push_back(size);
  return sizes;
}

void ConvLayer::infer(const Arg& x) const {
  check_alive(x.here());
  if (!is_lazy()) return;
  if (!is_uninitialized(weight)) return materialize_weights(weight.sizes(), setup_.out_channels, x.here());
  const Here here = x.here();
  const std::string name = "Lazy" + setup_.name;
  const std::size_t rank = setup_.kernel_size.size();
  check_batched(name.c_str(), x.tensor(), rank, here);
  check_same_dtype(name.c_str(), x.tensor(), weight, here);
  const std::int64_t channels = x->size(-1 - static_cast<std::int64_t>(rank));
  check<ShapeError>(channels > 0 && channels % setup_.groups == 0, here,
                    "{}: expected channels divisible by groups {}, got {} in input {}", name, setup_.groups, channels,
                    x->sizes());
  materialize_weights(weight_sizes(channels), setup_.out_channels, here);
}

// ---- convolution

template <class S>
ConvNd<S>::ConvNd(std::int64_t in_channels, std::int64_t out_channels, S kernel_size, const Options& options, Here here)
    : ConvNd(std::optional(in_channels), out_channels, kernel_size, options, here) {}

template <class S>
ConvNd<S>::ConvNd(std::optional<std::int64_t> in_channels, std::int64_t out_channels, S kernel_size,
                  const Options& options, Here here)
    : ConvLayer(
          [&] {
            const Shape kernel = listed(kernel_size);
            const std::string name = name_of("Conv", kernel);
            std::string text = checked_text(name, kernel_size, options, here);
            if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
            if (!options.bias) text += ", bias=False";
            if (options.padding_mode != "zeros") text += ", padding_mode=" + options.padding_mode;
            return Setup{name, false, in_channels, out_channels, kernel, options.groups, options.bias, text};
          }(),
          here),
      options_(options),
      pad_(pad_of(kernel_size, options)) {
  if (!pad_.empty()) options_.padding = S(0);
}

template <class S>
Tensor ConvNd<S>::forward(const Arg& x) const {
  infer(x);
  const Here here = x.here();
  const auto run = [&](const Arg& input) {
    return Functions<S>::conv(input, {weight, here}, bias,
                              {options_.stride, options_.padding, options_.dilation, options_.groups});
  };
  return pad_.empty() ? run(x) : run({pad(x, pad_, options_.padding_mode), here});
}

// ---- transposed convolution

template <class S>
ConvTransposeNd<S>::ConvTransposeNd(std::int64_t in_channels, std::int64_t out_channels, S kernel_size,
                                    const Options& options, Here here)
    : ConvTransposeNd(std::optional(in_channels), out_channels, kernel_size, options, here) {}

template <class S>
ConvTransposeNd<S>::ConvTransposeNd(std::optional<std::int64_t> in_channels, std::int64_t out_channels, S kernel_size,
                                    const Options& options, Here here)
    : ConvLayer(
          [&] {
            const Shape kernel = listed(kernel_size);
            const std::string name = name_of("ConvTranspose", kernel);
            std::string text =
                checked_text(name, kernel_size, options.stride, options.padding, {}, options.dilation, here);
            if (options.output_padding != S(0)) text += ", output_padding=" + tuple_text(options.output_padding);
            if (options.groups != 1) text += fmt::format(", groups={}", options.groups);
            if (!options.bias) text += ", bias=False";
            return Setup{name, true, in_channels, out_channels, kernel, options.groups, options.bias, text};
          }(),
          here),
      kernel_size_(kernel_size),
      options_(options) {}

template <class S>
Tensor ConvTransposeNd<S>::transposed(const Arg& x, S output_padding) const {
  infer(x);
  return Functions<S>::transposed(
      x, {weight, x.here()}, bias,
      {options_.stride, options_.padding, output_padding, options_.groups, options_.dilation});
}

template <class S>
Tensor ConvTransposeNd<S>::forward(const Arg& x) const {
  return transposed(x, options_.output_padding);
}

template <class S>
Tensor ConvTransposeNd<S>::forward(const Arg& x, S output_size) const {
  check_alive(x.here());
  const Shape kernel = listed(kernel_size_), stride = listed(options_.stride), padding = listed(options_.padding),
              dilation = listed(options_.dilation), wanted = listed(output_size);
  const std::size_t rank = kernel.size();
  const std::string name = name_of("ConvTranspose", kernel);
  check_batched(name.c_str(), x.tensor(), rank, x.here());
  Shape smallest = wanted, more = wanted;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t size = x->sizes()[x->sizes().size() - rank + i];
    smallest[i] = (size - 1) * stride[i] - 2 * padding[i] + dilation[i] * (kernel[i] - 1) + 1;
    more[i] = wanted[i] - smallest[i];
  }
  for (std::size_t i = 0; i < rank; ++i)
    check<ValueError>(more[i] >= 0 && more[i] < stride[i], x.here(),
                      "{}: for input {} output_size must be at least {} and larger by less than stride {}, got {}",
                      name, x->sizes(), smallest, stride, wanted);
  return transposed(x, Functions<S>::sizes(more));
}

template <class S>
Tensor ConvTransposeNd<S>::operator()(const Arg& x, S output_size) const {
  return call(
      x.here(),
      [&](const Tensor& input) {
        return forward({input, x.here()}, output_size);
      },
      x.tensor());
}

template class ConvNd<std::int64_t>;
template class ConvNd<IntPair>;
template class ConvNd<IntTriple>;
template class ConvTransposeNd<std::int64_t>;
template class ConvTransposeNd<IntPair>;
template class ConvTransposeNd<IntTriple>;

}  // namespace xgrad::nn
