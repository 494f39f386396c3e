#include <xgrad/data/transforms.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <cmath>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "data/image.hpp"
#include "kernels/parallel.hpp"
#include "ops/random_fill.hpp"

namespace xgrad::data {

namespace {
using detail::AxisMap;
using detail::check;
using detail::ImageMaps;
using detail::Images;

// [0, 1)
double draw_unit() { return static_cast<double>(default_generator().next() >> 11) * 0x1p-53; }
// 0 ... count - 1
std::int64_t draw_below(std::int64_t count) {
  return static_cast<std::int64_t>(detail::random_below(default_generator().next(), static_cast<std::uint64_t>(count)));
}
double draw_between(double low, double high) { return low + (high - low) * draw_unit(); }

double checked_probability(const char* op, double p, Here here) {
  check<ValueError>(p >= 0 && p <= 1, here, "{}: p is a probability, got {}", op, p);
  return p;
}
IntPair checked_size(const char* op, IntPair size, Here here) {
  check<ValueError>(size.h > 0 && size.w > 0, here, "{}: the size must be positive, got ({}, {})", op, size.h, size.w);
  return size;
}
void check_padding(const char* op, const Border& padding, const std::string& mode, Here here) {
  check<ValueError>(padding.left >= 0 && padding.top >= 0 && padding.right >= 0 && padding.bottom >= 0, here,
                    "{}: padding must not be negative, got left {}, top {}, right {}, bottom {}", op, padding.left,
                    padding.top, padding.right, padding.bottom);
  check<ValueError>(detail::is_padding_mode(mode), here,
                    "{}: padding_mode is \"constant\", \"edge\", \"reflect\" or \"symmetric\", got \"{}\"", op, mode);
}

// Images that all get the same rows and columns.
Tensor move_alike(const char* op, const Images& images, const AxisMap& rows, const AxisMap& columns, double fill,
                  Here here) {
  return detail::move_images(
      op, images, static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns.size()),
      std::vector<ImageMaps>(static_cast<std::size_t>(images.count), {rows, columns}), fill, here);
}

enum class Axis : std::uint8_t { rows, columns };
Tensor flip_some(const char* op, const Tensor& image, double p, Axis axis, Here here) {
  const Images images(op, image, here);
  const AxisMap rows = detail::whole_axis(images.height), columns = detail::whole_axis(images.width);
  AxisMap flipped = axis == Axis::rows ? rows : columns;
  std::reverse(flipped.begin(), flipped.end());
  std::vector<ImageMaps> maps;
  for (std::int64_t i = 0; i < images.count; ++i) {
    ImageMaps map{rows, columns};
    if (draw_unit() < p) (axis == Axis::rows ? map.rows : map.columns) = flipped;
    maps.push_back(map);
  }
  return detail::move_images(op, images, images.height, images.width, maps, 0, here);
}
}  // namespace

// ---- all pixels alike

Compose::Compose(std::vector<Transform> transforms, Here here) : transforms_(std::move(transforms)) {
  for (std::size_t i = 0; i < transforms_.size(); ++i)
    check<ValueError>(static_cast<bool>(transforms_[i]), here, "Compose: transform {} is empty", i);
}
Tensor Compose::operator()(const Tensor& image) const {
  Tensor result = image;
  for (const Transform& transform : transforms_) result = transform(result);
  return result;
}

Normalize::Normalize(std::vector<double> mean, std::vector<double> std, Here here)
    : mean_(std::move(mean)), std_(std::move(std)), here_(here) {
  check<ValueError>(!mean_.empty() && mean_.size() == std_.size(), here,
                    "Normalize: mean and std have a number for each channel, or one for all; got {} and {}",
                    mean_.size(), std_.size());
  for (std::size_t c = 0; c < std_.size(); ++c)
    check<ValueError>(std_[c] != 0 && std::isfinite(std_[c]), here, "Normalize: std of channel {} is {}", c, std_[c]);
}
Tensor Normalize::operator()(const Tensor& image) const {
  const Images images("Normalize", image, here_);
  detail::check_floating("Normalize", image, here_);
  const auto numbers = static_cast<std::int64_t>(mean_.size());
  check<ShapeError>(numbers == 1 || numbers == images.channels, here_, "Normalize: {} numbers for {} channels of {}",
                    numbers, images.channels, image.sizes());
  const Tensor result = detail::make_tensor(image.sizes(), image.dtype());
  const std::int64_t plane = images.height * images.width;
  detail::dispatch_floating(image.dtype(), [&]<class T>() {
    const T* from = detail::data<T>(images.data);
    T* to = detail::data<T>(result);
    detail::parallel_for(images.count * images.channels, 1, result.numel(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto c = static_cast<std::size_t>(numbers == 1 ? 0 : i % images.channels);
        const T mean = static_cast<T>(mean_[c]), std = static_cast<T>(std_[c]);
        for (std::int64_t p = i * plane; p < (i + 1) * plane; ++p) to[p] = (from[p] - mean) / std;
      }
    });
  });
  return result;
}

// ---- borders and crops

Pad::Pad(Border padding, const PadOptions& options, Here here) : padding_(padding), options_(options), here_(here) {
  check_padding("Pad", padding, options.padding_mode, here);
}
Tensor Pad::operator()(const Tensor& image) const {
  const Images images("Pad", image, here_);
  const std::string& mode = options_.padding_mode;
  return move_alike(
      "Pad", images,
      detail::pad_axis("Pad", detail::whole_axis(images.height), padding_.top, padding_.bottom, mode, here_),
      detail::pad_axis("Pad", detail::whole_axis(images.width), padding_.left, padding_.right, mode, here_),
      options_.fill, here_);
}

CenterCrop::CenterCrop(IntPair size, Here here) : size_(checked_size("CenterCrop", size, here)), here_(here) {}
Tensor CenterCrop::operator()(const Tensor& image) const {
  const Images images("CenterCrop", image, here_);
  auto middle = [&](std::int64_t size, std::int64_t wanted) {
    const std::int64_t lack = std::max<std::int64_t>(wanted - size, 0);
    const AxisMap axis =
        detail::pad_axis("CenterCrop", detail::whole_axis(size), lack / 2, lack - lack / 2, "constant", here_);
    const double rest = static_cast<double>(static_cast<std::int64_t>(axis.size()) - wanted) / 2;
    const auto begin = axis.begin() + static_cast<std::ptrdiff_t>(std::nearbyint(rest));
    return AxisMap(begin, begin + static_cast<std::ptrdiff_t>(wanted));
  };
  return move_alike("CenterCrop", images, middle(images.height, size_.h), middle(images.width, size_.w), 0, here_);
}

RandomCrop::RandomCrop(IntPair size, const RandomCropOptions& options, Here here)
    : size_(checked_size("RandomCrop", size, here)), options_(options), here_(here) {
  check_padding("RandomCrop", options.padding, options.padding_mode, here);
}
Tensor RandomCrop::operator()(const Tensor& image) const {
  const Images images("RandomCrop", image, here_);
  auto with_border = [&](std::int64_t size, std::int64_t before, std::int64_t after, std::int64_t wanted) {
    const std::string& mode = options_.padding_mode;
    AxisMap axis = detail::pad_axis("RandomCrop", detail::whole_axis(size), before, after, mode, here_);
    const std::int64_t lack = wanted - static_cast<std::int64_t>(axis.size());
    return options_.pad_if_needed && lack > 0 ? detail::pad_axis("RandomCrop", axis, lack, lack, mode, here_) : axis;
  };
  const AxisMap rows = with_border(images.height, options_.padding.top, options_.padding.bottom, size_.h);
  const AxisMap columns = with_border(images.width, options_.padding.left, options_.padding.right, size_.w);
  const auto height = static_cast<std::int64_t>(rows.size()), width = static_cast<std::int64_t>(columns.size());
  check<ShapeError>(height >= size_.h && width >= size_.w, here_,
                    "RandomCrop: a part of ({}, {}) does not fit into an image of ({}, {}), borders included", size_.h,
                    size_.w, height, width);
  detail::check_value("RandomCrop", options_.fill, image.dtype(), here_);
  std::vector<ImageMaps> maps;
  for (std::int64_t i = 0; i < images.count; ++i) {
    const std::int64_t top = draw_below(height - size_.h + 1), left = draw_below(width - size_.w + 1);
    maps.push_back({std::span(rows).subspan(static_cast<std::size_t>(top), static_cast<std::size_t>(size_.h)),
                    std::span(columns).subspan(static_cast<std::size_t>(left), static_cast<std::size_t>(size_.w))});
  }
  return detail::move_images("RandomCrop", images, size_.h, size_.w, maps, options_.fill, here_);
}

// ---- flips

RandomHorizontalFlip::RandomHorizontalFlip(double p, Here here)
    : p_(checked_probability("RandomHorizontalFlip", p, here)), here_(here) {}
Tensor RandomHorizontalFlip::operator()(const Tensor& image) const {
  return flip_some("RandomHorizontalFlip", image, p_, Axis::columns, here_);
}

RandomVerticalFlip::RandomVerticalFlip(double p, Here here)
    : p_(checked_probability("RandomVerticalFlip", p, here)), here_(here) {}
Tensor RandomVerticalFlip::operator()(const Tensor& image) const {
  return flip_some("RandomVerticalFlip", image, p_, Axis::rows, here_);
}

// ---- erasing

RandomErasing::RandomErasing(const RandomErasingOptions& options, Here here) : options_(options), here_(here) {
  checked_probability("RandomErasing", options.p, here);
  const auto& [least, largest] = options.scale;
  check<ValueError>(least >= 0 && least <= largest && largest <= 1, here,
                    "RandomErasing: scale is a range within 0 and 1, got {} and {}", least, largest);
  const auto& [low, high] = options.ratio;
  check<ValueError>(low > 0 && low <= high && std::isfinite(high), here,
                    "RandomErasing: ratio is a range of positive numbers, got {} and {}", low, high);
}

namespace {
struct Rectangle {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};
// Empty where none was found.
Rectangle draw_rectangle(const RandomErasingOptions& options, std::int64_t height, std::int64_t width) {
  constexpr int attempts = 10;
  const auto area = static_cast<double>(height * width);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const double erased = area * draw_between(options.scale.first, options.scale.second);
    const double ratio = std::exp(draw_between(std::log(options.ratio.first), std::log(options.ratio.second)));
    // Rounded to even, as other implementations do.
    const double h = std::nearbyint(std::sqrt(erased * ratio)), w = std::nearbyint(std::sqrt(erased / ratio));
    if (!(h < static_cast<double>(height) && w < static_cast<double>(width))) continue;
    Rectangle found{.top = 0, .left = 0, .height = static_cast<std::int64_t>(h), .width = static_cast<std::int64_t>(w)};
    found.top = draw_below(height - found.height + 1);
    found.left = draw_below(width - found.width + 1);
    return found;
  }
  return {};
}
}  // namespace

Tensor RandomErasing::operator()(const Tensor& image) const {
  const Images images("RandomErasing", image, here_);
  const std::vector<double>& value = options_.value;
  if (value.empty()) detail::check_floating("RandomErasing", image, here_);
  check<ShapeError>(value.size() <= 1 || static_cast<std::int64_t>(value.size()) == images.channels, here_,
                    "RandomErasing: {} values for {} channels of {}", value.size(), images.channels, image.sizes());
  for (const double number : value) detail::check_value("RandomErasing", number, image.dtype(), here_);

  const Tensor result = detail::make_tensor(image.sizes(), image.dtype());
  detail::dispatch_all(image.dtype(), [&]<class T>() {
    T* pixels = detail::data<T>(result);
    std::copy_n(detail::data<T>(images.data), result.numel(), pixels);
    for (std::int64_t i = 0; i < images.count; ++i) {
      if (draw_unit() >= options_.p) continue;
      const Rectangle part = draw_rectangle(options_, images.height, images.width);
      const Tensor noise =
          value.empty() ? randn({images.channels, part.height, part.width}, {.dtype = image.dtype()}) : Tensor();
      const T* drawn = noise.defined() ? detail::data<T>(noise) : nullptr;
      for (std::int64_t c = 0; c < images.channels; ++c) {
        const T constant = drawn ? T() : static_cast<T>(value[value.size() == 1 ? 0 : static_cast<std::size_t>(c)]);
        T* plane = pixels + (i * images.channels + c) * images.height * images.width;
        for (std::int64_t y = 0; y < part.height; ++y) {
          T* row = plane + (part.top + y) * images.width + part.left;
          if (drawn)
            std::copy_n(drawn + (c * part.height + y) * part.width, part.width, row);
          else
            std::fill_n(row, part.width, constant);
        }
      }
    }
  });
  return result;
}

// ---- data sets

TransformedDataset::TransformedDataset(DatasetPointer dataset, Transform transform,
                                       const TransformedDatasetOptions& options, Here here, int)
    : dataset_(std::move(dataset)), transform_(std::move(transform)), batched_(options.batched), here_(here) {
  check<ValueError>(dataset_ != nullptr, here, "TransformedDataset: there is no data set");
  check<ValueError>(static_cast<bool>(transform_), here, "TransformedDataset: the transform is empty");
}
TensorList TransformedDataset::get(std::int64_t index) const {
  TensorList sample = dataset_->get(index);
  check<ValueError>(!sample.empty(), here_, "TransformedDataset: sample {} has no tensors", index);
  sample[0] = batched_ ? transform_(sample[0].unsqueeze(0)).select(0, 0) : transform_(sample[0]);
  return sample;
}
TensorList TransformedDataset::get_batch(const std::vector<std::int64_t>& indices) const {
  if (!batched_) return Dataset::get_batch(indices);
  TensorList batch = dataset_->get_batch(indices);
  check<ValueError>(!batch.empty(), here_, "TransformedDataset: the samples have no tensors");
  batch[0] = transform_(batch[0]);
  return batch;
}

}  // namespace xgrad::data
