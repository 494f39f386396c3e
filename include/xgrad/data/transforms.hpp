// Transforms of images: what makes a training set more varied, and what networks expect.
//
// Each is a function of an image [C, H, W] or of a batch of images [N, C, H, W], of any dtype unless it says otherwise.
// The result is a new tensor without history. The random ones draw for each image of a batch on its own, from the
// default generator: manual_seed() governs them, and while a loader fetches a batch, the loader's seed (see
// DataLoaderOptions). All give ShapeError for other numbers of dimensions; errors name the place where the transform
// was made.
#pragma once
#include <xgrad/data/dataset.hpp>
#include <xgrad/ops/window.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::data {

// Any of them, or a function of one's own. Workers of a loader call it several at once.
using Transform = std::function<Tensor(const Tensor&)>;

// One transform after the other.
class Compose {
 public:
  // ValueError: an empty function.
  explicit Compose(std::vector<Transform> transforms, Here here = {});
  Tensor operator()(const Tensor& image) const;

 private:
  std::vector<Transform> transforms_;
};

// (x - mean[c]) / std[c] in channel c; a single number serves all channels.
class Normalize {
 public:
  // ValueError: no numbers, lists of different lengths, or an std that is 0 or not finite.
  Normalize(std::vector<double> mean, std::vector<double> std, Here here = {});
  // DtypeError unless floating; ShapeError: another number of channels.
  Tensor operator()(const Tensor& image) const;

 private:
  std::vector<double> mean_, std_;
  Here here_;
};

// Borders of an image: one number for all, {left and right, top and bottom}, or {left, top, right, bottom}.
struct Border {
  constexpr Border(std::int64_t all) noexcept : Border(all, all) {}
  constexpr Border(std::int64_t left_right, std::int64_t top_bottom) noexcept
      : Border(left_right, top_bottom, left_right, top_bottom) {}
  constexpr Border(std::int64_t l, std::int64_t t, std::int64_t r, std::int64_t b) noexcept
      : left(l), top(t), right(r), bottom(b) {}

  std::int64_t left, top, right, bottom;
};

// padding_mode: "constant" (the value fill), "edge" (the nearest pixel), "reflect" (mirrored at the outermost pixel),
// "symmetric" (mirrored at its outer edge).
struct PadOptions {
  double fill = 0;
  std::string padding_mode = "constant";
};

// The image with a border.
class Pad {
 public:
  // ValueError: a negative padding or another mode.
  explicit Pad(Border padding, const PadOptions& options = {}, Here here = {});
  // ShapeError: "reflect" needs a border below the image's size, "symmetric" one not above it, "edge" a pixel.
  // DtypeError: a fill that the dtype does not have.
  Tensor operator()(const Tensor& image) const;

 private:
  Border padding_;
  PadOptions options_;
  Here here_;
};

// The middle of the image, of the given height and width; where the image is smaller, it gets a border of zeros. Of odd
// rests, the middle is where rounding to even puts it.
class CenterCrop {
 public:
  // ValueError unless the sizes are positive.
  explicit CenterCrop(IntPair size, Here here = {});
  Tensor operator()(const Tensor& image) const;

 private:
  IntPair size_;
  Here here_;
};

// padding, fill, padding_mode: a border that comes first, as of Pad. pad_if_needed: then, along a side that is still
// too short, a border on both ends of as much as it lacks.
struct RandomCropOptions {
  Border padding = 0;
  bool pad_if_needed = false;
  double fill = 0;
  std::string padding_mode = "constant";
};

// A part of the image, of the given height and width, anywhere in it.
class RandomCrop {
 public:
  // ValueError unless the sizes are positive; errors as of Pad.
  explicit RandomCrop(IntPair size, const RandomCropOptions& options = {}, Here here = {});
  // ShapeError: an image that is too small; errors as of Pad.
  Tensor operator()(const Tensor& image) const;

 private:
  IntPair size_;
  RandomCropOptions options_;
  Here here_;
};

// With probability p, the image with its left and right exchanged.
class RandomHorizontalFlip {
 public:
  // ValueError unless 0 <= p <= 1.
  explicit RandomHorizontalFlip(double p = 0.5, Here here = {});
  Tensor operator()(const Tensor& image) const;

 private:
  double p_;
  Here here_;
};

// With probability p, the image with its top and bottom exchanged.
class RandomVerticalFlip {
 public:
  // ValueError unless 0 <= p <= 1.
  explicit RandomVerticalFlip(double p = 0.5, Here here = {});
  Tensor operator()(const Tensor& image) const;

 private:
  double p_;
  Here here_;
};

// scale: the least and the largest part of the image's area that is erased. ratio: the least and the largest of height
// to width. value: what is there instead, one number or one for each channel; normal random numbers where empty.
struct RandomErasingOptions {
  double p = 0.5;
  std::pair<double, double> scale{0.02, 0.33};
  std::pair<double, double> ratio{0.3, 3.3};
  std::vector<double> value{0};
};

// With probability p, the image without a rectangle (Zhong et al.: "Random erasing data augmentation", 2017). Area and
// logarithm of the ratio are uniform; of an image in which ten such rectangles do not fit nothing is erased.
class RandomErasing {
 public:
  // ValueError unless 0 <= p <= 1, 0 <= scale <= 1, 0 < ratio, and the least are not above the largest.
  explicit RandomErasing(const RandomErasingOptions& options = {}, Here here = {});
  // ShapeError: values for another number of channels. DtypeError: a value that the dtype does not have.
  Tensor operator()(const Tensor& image) const;

 private:
  RandomErasingOptions options_;
  Here here_;
};

// batched: the transform gets the batches of get_batch() whole, which is faster, and get() as batches of one. Otherwise
// it gets each sample by itself, and samples that only fit together when they are transformed are no trouble.
struct TransformedDatasetOptions {
  bool batched = false;
};

// Another data set, of whose samples the first tensor is transformed.
class TransformedDataset : public Dataset {
 public:
  // ValueError: no data set or an empty function.
  template <DatasetLike D>
  TransformedDataset(D dataset, Transform transform, const TransformedDatasetOptions& options = {}, Here here = {})
      : TransformedDataset(share_dataset(std::move(dataset)), std::move(transform), options, here, 0) {}
  std::int64_t size() const override { return dataset_->size(); }
  // ValueError: a sample without tensors.
  TensorList get(std::int64_t index) const override;
  TensorList get_batch(const std::vector<std::int64_t>& indices) const override;

 private:
  TransformedDataset(DatasetPointer dataset, Transform transform, const TransformedDatasetOptions& options, Here here,
                     int);
  DatasetPointer dataset_;
  Transform transform_;
  bool batched_;
  Here here_;
};

}  // namespace xgrad::data
