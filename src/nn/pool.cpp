#include "ops/pool.hpp"

#include <xgrad/nn/pool.hpp>

#include <optional>
#include <vector>

#include "core/check.hpp"
#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

// The functions by the sizes that they take.
template <class Sizes>
struct Functions;
template <>
struct Functions<std::int64_t> {
  static constexpr auto max = &max_pool1d;
  static constexpr auto max_with_indices = &max_pool1d_with_indices;
  static constexpr auto avg = &avg_pool1d;
  static constexpr auto lp = &lp_pool1d;
  static constexpr auto unpool = &max_unpool1d;
  static constexpr auto adaptive_max = &adaptive_max_pool1d;
  static constexpr auto adaptive_max_with_indices = &adaptive_max_pool1d_with_indices;
  static constexpr auto adaptive_avg = &adaptive_avg_pool1d;
};
template <>
struct Functions<IntPair> {
  static constexpr auto max = &max_pool2d;
  static constexpr auto max_with_indices = &max_pool2d_with_indices;
  static constexpr auto avg = &avg_pool2d;
  static constexpr auto lp = &lp_pool2d;
  static constexpr auto fractional = &fractional_max_pool2d;
  static constexpr auto fractional_with_indices = &fractional_max_pool2d_with_indices;
  static constexpr auto unpool = &max_unpool2d;
};
template <>
struct Functions<IntTriple> {
  static constexpr auto max = &max_pool3d;
  static constexpr auto max_with_indices = &max_pool3d_with_indices;
  static constexpr auto avg = &avg_pool3d;
  static constexpr auto lp = &lp_pool3d;
  static constexpr auto fractional = &fractional_max_pool3d;
  static constexpr auto fractional_with_indices = &fractional_max_pool3d_with_indices;
  static constexpr auto unpool = &max_unpool3d;
};
template <>
struct Functions<AdaptivePair> {
  static constexpr auto adaptive_max = &adaptive_max_pool2d;
  static constexpr auto adaptive_max_with_indices = &adaptive_max_pool2d_with_indices;
  static constexpr auto adaptive_avg = &adaptive_avg_pool2d;
};
template <>
struct Functions<AdaptiveTriple> {
  static constexpr auto adaptive_max = &adaptive_max_pool3d;
  static constexpr auto adaptive_max_with_indices = &adaptive_max_pool3d_with_indices;
  static constexpr auto adaptive_avg = &adaptive_avg_pool3d;
};

// "3", "(2, 3)", "(None, 3)".
std::string list_text(const std::vector<std::optional<std::int64_t>>& sizes) {
  std::string text;
  bool same = sizes[0].has_value();
  for (const auto& size : sizes) {
    text += (text.empty() ? "" : ", ") + (size ? std::to_string(*size) : "None");
    same = same && size == sizes[0];
  }
  return same ? std::to_string(*sizes[0]) : '(' + text + ')';
}
std::string adaptive_text(std::int64_t size) { return std::to_string(size); }
std::string adaptive_text(const AdaptivePair& size) { return list_text({size.h, size.w}); }
std::string adaptive_text(const AdaptiveTriple& size) { return list_text({size.d, size.h, size.w}); }

}  // namespace

template <class Sizes, class Options>
MaxPoolNd<Sizes, Options>::MaxPoolNd(Sizes kernel_size, const Options& options)
    : kernel_size_(kernel_size), options_(options) {
  set_description(fmt::format("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
                              short_text(kernel_size), short_text(options.stride.value_or(kernel_size)),
                              short_text(options.padding), short_text(options.dilation), bool_text(options.ceil_mode)));
}
template <class Sizes, class Options>
Tensor MaxPoolNd<Sizes, Options>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::max(x, kernel_size_, options_);
}
template <class Sizes, class Options>
std::pair<Tensor, Tensor> MaxPoolNd<Sizes, Options>::forward_with_indices(const Arg& x) const {
  return call(
      x.here(),
      [&](const Tensor& input) {
        return Functions<Sizes>::max_with_indices({input, x.here()}, kernel_size_, options_);
      },
      x.tensor());
}

template <class Sizes>
FractionalMaxPoolNd<Sizes>::FractionalMaxPoolNd(Sizes kernel_size, const FractionalMaxPoolOptions& options, Here here)
    : kernel_size_(kernel_size), options_(options) {
  const std::size_t rank = listed(kernel_size).size();
  check_fractional(rank == 2 ? "FractionalMaxPool2d" : "FractionalMaxPool3d", rank, options, here);
}
template <class Sizes>
Tensor FractionalMaxPoolNd<Sizes>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::fractional(x, kernel_size_, options_);
}
template <class Sizes>
std::pair<Tensor, Tensor> FractionalMaxPoolNd<Sizes>::forward_with_indices(const Arg& x) const {
  return call(
      x.here(),
      [&](const Tensor& input) {
        return Functions<Sizes>::fractional_with_indices({input, x.here()}, kernel_size_, options_);
      },
      x.tensor());
}

template <class Sizes, class Options>
AvgPoolNd<Sizes, Options>::AvgPoolNd(Sizes kernel_size, const Options& options)
    : kernel_size_(kernel_size), options_(options) {
  // PyTorch makes lists of a line's sizes here.
  const auto text = [](Sizes sizes) { return listed(sizes).size() == 1 ? tuple_text(sizes) : short_text(sizes); };
  set_description(fmt::format("kernel_size={}, stride={}, padding={}", text(kernel_size),
                              text(options.stride.value_or(kernel_size)), text(options.padding)));
}
template <class Sizes, class Options>
Tensor AvgPoolNd<Sizes, Options>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::avg(x, kernel_size_, options_);
}

template <class Sizes, class Options>
LPPoolNd<Sizes, Options>::LPPoolNd(double norm_type, Sizes kernel_size, const Options& options)
    : norm_type_(norm_type), kernel_size_(kernel_size), options_(options) {
  const Sizes none = 0, stride = options.stride.value_or(none);
  set_description(fmt::format("norm_type={}, kernel_size={}, stride={}, ceil_mode={}", norm_type,
                              short_text(kernel_size), stride == none ? "None" : short_text(stride),
                              bool_text(options.ceil_mode)));
}
template <class Sizes, class Options>
Tensor LPPoolNd<Sizes, Options>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::lp(x, norm_type_, kernel_size_, options_);
}

template <class Sizes>
AdaptiveMaxPoolNd<Sizes>::AdaptiveMaxPoolNd(const Sizes& output_size) : output_size_(output_size) {
  set_description("output_size=" + adaptive_text(output_size));
}
template <class Sizes>
Tensor AdaptiveMaxPoolNd<Sizes>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::adaptive_max(x, output_size_);
}
template <class Sizes>
std::pair<Tensor, Tensor> AdaptiveMaxPoolNd<Sizes>::forward_with_indices(const Arg& x) const {
  return call(
      x.here(),
      [&](const Tensor& input) {
        return Functions<Sizes>::adaptive_max_with_indices({input, x.here()}, output_size_);
      },
      x.tensor());
}

template <class Sizes>
AdaptiveAvgPoolNd<Sizes>::AdaptiveAvgPoolNd(const Sizes& output_size) : output_size_(output_size) {
  set_description("output_size=" + adaptive_text(output_size));
}
template <class Sizes>
Tensor AdaptiveAvgPoolNd<Sizes>::forward(const Arg& x) const {
  check_alive(x.here());
  return Functions<Sizes>::adaptive_avg(x, output_size_);
}

template <class Sizes, class Options>
MaxUnpoolNd<Sizes, Options>::MaxUnpoolNd(Sizes kernel_size, const Options& options)
    : kernel_size_(kernel_size), options_(options) {
  set_description(fmt::format("kernel_size={}, stride={}, padding={}", tuple_text(kernel_size),
                              tuple_text(options.stride.value_or(kernel_size)), tuple_text(options.padding)));
}
template <class Sizes, class Options>
Tensor MaxUnpoolNd<Sizes, Options>::forward(const Arg& x, const Arg& indices) const {
  check_alive(x.here());
  return Functions<Sizes>::unpool(x, indices, kernel_size_, options_);
}
template <class Sizes, class Options>
Tensor MaxUnpoolNd<Sizes, Options>::forward(const Arg& x, const Arg& indices, Sizes output_size) const {
  check_alive(x.here());
  return Functions<Sizes>::unpool(x, indices, kernel_size_, {options_.stride, options_.padding, output_size});
}
template <class Sizes, class Options>
Tensor MaxUnpoolNd<Sizes, Options>::operator()(const Arg& x, const Arg& indices, Sizes output_size) const {
  return call(
      x.here(),
      [&](const Tensor& input, const Tensor& places) {
        return forward({input, x.here()}, {places, indices.here()}, output_size);
      },
      x.tensor(), indices.tensor());
}

template class MaxPoolNd<std::int64_t, MaxPool1dOptions>;
template class MaxPoolNd<IntPair, MaxPool2dOptions>;
template class MaxPoolNd<IntTriple, MaxPool3dOptions>;
template class FractionalMaxPoolNd<IntPair>;
template class FractionalMaxPoolNd<IntTriple>;
template class AvgPoolNd<std::int64_t, AvgPool1dOptions>;
template class AvgPoolNd<IntPair, AvgPool2dOptions>;
template class AvgPoolNd<IntTriple, AvgPool3dOptions>;
template class LPPoolNd<std::int64_t, LpPool1dOptions>;
template class LPPoolNd<IntPair, LpPool2dOptions>;
template class LPPoolNd<IntTriple, LpPool3dOptions>;
template class AdaptiveMaxPoolNd<std::int64_t>;
template class AdaptiveMaxPoolNd<AdaptivePair>;
template class AdaptiveMaxPoolNd<AdaptiveTriple>;
template class AdaptiveAvgPoolNd<std::int64_t>;
template class AdaptiveAvgPoolNd<AdaptivePair>;
template class AdaptiveAvgPoolNd<AdaptiveTriple>;
template class MaxUnpoolNd<std::int64_t, MaxUnpool1dOptions>;
template class MaxUnpoolNd<IntPair, MaxUnpool2dOptions>;
template class MaxUnpoolNd<IntTriple, MaxUnpool3dOptions>;

}  // namespace xgrad::nn
