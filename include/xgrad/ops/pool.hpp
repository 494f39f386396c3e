// Pooling over lines, images and volumes: the maximum, the mean or the p-norm of windows.
//
// All take [N, C, L], [N, C, H, W] or [N, C, D, H, W], or the same without N, of a floating dtype and are
// differentiable to any order. Without a stride windows lie side by side (stride = kernel_size). An output has
//   L' = floor((L + 2 padding - dilation (window - 1) - 1) / stride) + 1
// elements along a dimension; with ceil_mode the quotient is rounded up, unless the last window would begin beyond the
// input and its leading padding. ShapeError: another number of dimensions, windows larger than the padded input.
// DtypeError unless floating. ValueError: a size, stride or dilation below 1, a padding below 0 or above half of the
// window.
//
// Adaptive pooling has as many windows as output_size says, which cover the input evenly: window i is over
// floor(i L / L') .. ceil((i + 1) L / L'). ValueError for a negative size, ShapeError for an input without elements.
//
// Those named ..._with_indices also give the place of each maximum: its number in the row-major order of the input's
// line, plane or volume, int64, of the shape of the result.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/tensor.hpp>

#include <optional>
#include <utility>

namespace xgrad {

struct MaxPool1dOptions {
  std::optional<std::int64_t> stride{};
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  bool ceil_mode = false;
};
struct MaxPool2dOptions {
  OptionalIntPair stride{};
  IntPair padding = 0;
  IntPair dilation = 1;
  bool ceil_mode = false;
};
struct MaxPool3dOptions {
  OptionalIntTriple stride{};
  IntTriple padding = 0;
  IntTriple dilation = 1;
  bool ceil_mode = false;
};
// The largest element of each window. Padding is -infinity; a NaN in a window is its maximum; among equal elements the
// first one in row-major order gets the gradient.
Tensor max_pool1d(const Arg& x, std::int64_t kernel_size, const MaxPool1dOptions& options = {});
Tensor max_pool2d(const Arg& x, IntPair kernel_size, const MaxPool2dOptions& options = {});
Tensor max_pool3d(const Arg& x, IntTriple kernel_size, const MaxPool3dOptions& options = {});
std::pair<Tensor, Tensor> max_pool1d_with_indices(const Arg& x, std::int64_t kernel_size,
                                                  const MaxPool1dOptions& options = {});
std::pair<Tensor, Tensor> max_pool2d_with_indices(const Arg& x, IntPair kernel_size,
                                                  const MaxPool2dOptions& options = {});
std::pair<Tensor, Tensor> max_pool3d_with_indices(const Arg& x, IntTriple kernel_size,
                                                  const MaxPool3dOptions& options = {});

Tensor adaptive_max_pool1d(const Arg& x, std::int64_t output_size);
Tensor adaptive_max_pool2d(const Arg& x, const AdaptivePair& output_size);
Tensor adaptive_max_pool3d(const Arg& x, const AdaptiveTriple& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool1d_with_indices(const Arg& x, std::int64_t output_size);
std::pair<Tensor, Tensor> adaptive_max_pool2d_with_indices(const Arg& x, const AdaptivePair& output_size);
std::pair<Tensor, Tensor> adaptive_max_pool3d_with_indices(const Arg& x, const AdaptiveTriple& output_size);

struct MaxUnpool1dOptions {
  std::optional<std::int64_t> stride{};
  std::int64_t padding = 0;
  std::optional<std::int64_t> output_size{};
};
struct MaxUnpool2dOptions {
  OptionalIntPair stride{};
  IntPair padding = 0;
  std::optional<IntPair> output_size{};
};
struct MaxUnpool3dOptions {
  OptionalIntTriple stride{};
  IntTriple padding = 0;
  std::optional<IntTriple> output_size{};
};
// Zeros, but each element of x at its index: what max_pool..._with_indices took away put back. Of several elements with
// one index the last one stays, and all get that place's gradient, as in PyTorch. Without output_size an output has
// (L - 1) stride - 2 padding + kernel_size elements along a dimension; ValueError for one that differs by a stride or
// more. ShapeError unless indices have x's shape, DtypeError unless they are int64, IndexError for one that lies
// outside.
Tensor max_unpool1d(const Arg& x, const Arg& indices, std::int64_t kernel_size, const MaxUnpool1dOptions& options = {});
Tensor max_unpool2d(const Arg& x, const Arg& indices, IntPair kernel_size, const MaxUnpool2dOptions& options = {});
Tensor max_unpool3d(const Arg& x, const Arg& indices, IntTriple kernel_size, const MaxUnpool3dOptions& options = {});

// output_size, or output_ratio: between 0 and 1, what the input's size is multiplied by (and rounded down).
// random_samples: numbers in [0, 1) in place of random ones, [N, C, 2] for the columns and the rows of each plane, or
// [N, C, 3] for depth, rows and columns of each volume; N is 1 where x has none.
struct FractionalMaxPoolOptions {
  PerDimension<std::int64_t> output_size{};
  PerDimension<double> output_ratio{};
  Tensor random_samples{};
};
// The largest element of each of n = output_size windows along each dimension, which begin at steps of random lengths
// (Graham, 2014, arXiv:1412.6071): window i at floor((i + u) a) - floor(u a), a = (L - kernel_size) / (n - 1), with one
// u, uniform in [0, 1), for each sample, channel and dimension; the last one at the end. ValueError: not exactly one of
// output_size and output_ratio, lists of another length, a ratio or a sample out of range; ShapeError: windows that do
// not fit, samples of another shape; DtypeError: samples of another dtype than x.
Tensor fractional_max_pool2d(const Arg& x, IntPair kernel_size, const FractionalMaxPoolOptions& options);
Tensor fractional_max_pool3d(const Arg& x, IntTriple kernel_size, const FractionalMaxPoolOptions& options);
std::pair<Tensor, Tensor> fractional_max_pool2d_with_indices(const Arg& x, IntPair kernel_size,
                                                             const FractionalMaxPoolOptions& options);
std::pair<Tensor, Tensor> fractional_max_pool3d_with_indices(const Arg& x, IntTriple kernel_size,
                                                             const FractionalMaxPoolOptions& options);

struct AvgPool1dOptions {
  std::optional<std::int64_t> stride{};
  std::int64_t padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
};
struct AvgPool2dOptions {
  OptionalIntPair stride{};
  IntPair padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override{};
};
struct AvgPool3dOptions {
  OptionalIntTriple stride{};
  IntTriple padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;
  std::optional<std::int64_t> divisor_override{};
};
// The sum of each window (padding is 0) divided by its number of elements, padding counted or not, or by
// divisor_override (ValueError when that is 0).
Tensor avg_pool1d(const Arg& x, std::int64_t kernel_size, const AvgPool1dOptions& options = {});
Tensor avg_pool2d(const Arg& x, IntPair kernel_size, const AvgPool2dOptions& options = {});
Tensor avg_pool3d(const Arg& x, IntTriple kernel_size, const AvgPool3dOptions& options = {});

Tensor adaptive_avg_pool1d(const Arg& x, std::int64_t output_size);
Tensor adaptive_avg_pool2d(const Arg& x, const AdaptivePair& output_size);
Tensor adaptive_avg_pool3d(const Arg& x, const AdaptiveTriple& output_size);

struct LpPool1dOptions {
  std::optional<std::int64_t> stride{};
  bool ceil_mode = false;
};
struct LpPool2dOptions {
  OptionalIntPair stride{};
  bool ceil_mode = false;
};
struct LpPool3dOptions {
  OptionalIntTriple stride{};
  bool ceil_mode = false;
};
// (sum of x^norm_type over each window)^(1 / norm_type), the sum being the window's mean times the size of a whole one
// (which matters where ceil_mode cuts a window off). Where the sum is 0, so is the gradient; NaN where it is negative
// and the root does not exist. ValueError for norm_type 0.
Tensor lp_pool1d(const Arg& x, double norm_type, std::int64_t kernel_size, const LpPool1dOptions& options = {});
Tensor lp_pool2d(const Arg& x, double norm_type, IntPair kernel_size, const LpPool2dOptions& options = {});
Tensor lp_pool3d(const Arg& x, double norm_type, IntTriple kernel_size, const LpPool3dOptions& options = {});

}  // namespace xgrad
