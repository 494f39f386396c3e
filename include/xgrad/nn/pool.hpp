// Layers of pooling over lines, images and volumes: the functions of ops/pool.hpp, which say what is not said here.
#pragma once
#include <xgrad/nn/pair_layer.hpp>
#include <xgrad/ops/pool.hpp>
#include <xgrad/ops/window.hpp>

#include <cstdint>
#include <utility>

namespace xgrad::nn {

// The largest element of each window: xgrad::max_pool1d and so on. forward_with_indices also gives its place, which
// MaxUnpool takes; it runs hooks as operator() does.
template <class Sizes, class Options>
class MaxPoolNd : public Layer {
 public:
  explicit MaxPoolNd(Sizes kernel_size, const Options& options = {});
  Tensor forward(const Arg& x) const override;
  std::pair<Tensor, Tensor> forward_with_indices(const Arg& x) const;

 private:
  Sizes kernel_size_;
  Options options_;
};
class MaxPool1d : public MaxPoolNd<std::int64_t, MaxPool1dOptions> {
 public:
  using MaxPoolNd::MaxPoolNd;
};
class MaxPool2d : public MaxPoolNd<IntPair, MaxPool2dOptions> {
 public:
  using MaxPoolNd::MaxPoolNd;
};
class MaxPool3d : public MaxPoolNd<IntTriple, MaxPool3dOptions> {
 public:
  using MaxPoolNd::MaxPoolNd;
};

// The largest element of windows that begin at random steps, drawn with each call, in evaluation as well:
// xgrad::fractional_max_pool2d and so on. forward_with_indices as MaxPool's. ValueError as the function's.
template <class Sizes>
class FractionalMaxPoolNd : public Layer {
 public:
  FractionalMaxPoolNd(Sizes kernel_size, const FractionalMaxPoolOptions& options, Here here = {});
  Tensor forward(const Arg& x) const override;
  std::pair<Tensor, Tensor> forward_with_indices(const Arg& x) const;

 private:
  Sizes kernel_size_;
  FractionalMaxPoolOptions options_;
};
class FractionalMaxPool2d : public FractionalMaxPoolNd<IntPair> {
 public:
  using FractionalMaxPoolNd::FractionalMaxPoolNd;
};
class FractionalMaxPool3d : public FractionalMaxPoolNd<IntTriple> {
 public:
  using FractionalMaxPoolNd::FractionalMaxPoolNd;
};

// The mean of each window: xgrad::avg_pool1d and so on.
template <class Sizes, class Options>
class AvgPoolNd : public Layer {
 public:
  explicit AvgPoolNd(Sizes kernel_size, const Options& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  Sizes kernel_size_;
  Options options_;
};
class AvgPool1d : public AvgPoolNd<std::int64_t, AvgPool1dOptions> {
 public:
  using AvgPoolNd::AvgPoolNd;
};
class AvgPool2d : public AvgPoolNd<IntPair, AvgPool2dOptions> {
 public:
  using AvgPoolNd::AvgPoolNd;
};
class AvgPool3d : public AvgPoolNd<IntTriple, AvgPool3dOptions> {
 public:
  using AvgPoolNd::AvgPoolNd;
};

// The p-norm of each window, p = norm_type: xgrad::lp_pool1d, lp_pool2d, lp_pool3d.
template <class Sizes, class Options>
class LPPoolNd : public Layer {
 public:
  LPPoolNd(double norm_type, Sizes kernel_size, const Options& options = {});
  Tensor forward(const Arg& x) const override;

 private:
  double norm_type_;
  Sizes kernel_size_;
  Options options_;
};
class LPPool1d : public LPPoolNd<std::int64_t, LpPool1dOptions> {
 public:
  using LPPoolNd::LPPoolNd;
};
class LPPool2d : public LPPoolNd<IntPair, LpPool2dOptions> {
 public:
  using LPPoolNd::LPPoolNd;
};
class LPPool3d : public LPPoolNd<IntTriple, LpPool3dOptions> {
 public:
  using LPPoolNd::LPPoolNd;
};

// The largest element of each of output_size windows that cover the input evenly: xgrad::adaptive_max_pool1d and so on.
// Sizes that are std::nullopt stay as the input's. forward_with_indices as MaxPool's.
template <class Sizes>
class AdaptiveMaxPoolNd : public Layer {
 public:
  explicit AdaptiveMaxPoolNd(const Sizes& output_size);
  Tensor forward(const Arg& x) const override;
  std::pair<Tensor, Tensor> forward_with_indices(const Arg& x) const;

 private:
  Sizes output_size_;
};
class AdaptiveMaxPool1d : public AdaptiveMaxPoolNd<std::int64_t> {
 public:
  using AdaptiveMaxPoolNd::AdaptiveMaxPoolNd;
};
class AdaptiveMaxPool2d : public AdaptiveMaxPoolNd<AdaptivePair> {
 public:
  using AdaptiveMaxPoolNd::AdaptiveMaxPoolNd;
};
class AdaptiveMaxPool3d : public AdaptiveMaxPoolNd<AdaptiveTriple> {
 public:
  using AdaptiveMaxPoolNd::AdaptiveMaxPoolNd;
};

// The mean of each of output_size such windows: xgrad::adaptive_avg_pool1d and so on.
template <class Sizes>
class AdaptiveAvgPoolNd : public Layer {
 public:
  explicit AdaptiveAvgPoolNd(const Sizes& output_size);
  Tensor forward(const Arg& x) const override;

 private:
  Sizes output_size_;
};
class AdaptiveAvgPool1d : public AdaptiveAvgPoolNd<std::int64_t> {
 public:
  using AdaptiveAvgPoolNd::AdaptiveAvgPoolNd;
};
class AdaptiveAvgPool2d : public AdaptiveAvgPoolNd<AdaptivePair> {
 public:
  using AdaptiveAvgPoolNd::AdaptiveAvgPoolNd;
};
class AdaptiveAvgPool3d : public AdaptiveAvgPoolNd<AdaptiveTriple> {
 public:
  using AdaptiveAvgPoolNd::AdaptiveAvgPoolNd;
};

// What MaxPool left, put back to where it was, between zeros: xgrad::max_unpool1d and so on of (x, indices), of the
// size that the options say or of one that is given with a call.
//   auto [y, indices] = pool.forward_with_indices(x);
//   Tensor z = unpool(y, indices, {x.size(-2), x.size(-1)});
template <class Sizes, class Options>
class MaxUnpoolNd : public PairLayer {
 public:
  explicit MaxUnpoolNd(Sizes kernel_size, const Options& options = {});
  Tensor forward(const Arg& x, const Arg& indices) const override;
  Tensor forward(const Arg& x, const Arg& indices, Sizes output_size) const;
  using PairLayer::operator();
  Tensor operator()(const Arg& x, const Arg& indices, Sizes output_size) const;

 private:
  Sizes kernel_size_;
  Options options_;
};
class MaxUnpool1d : public MaxUnpoolNd<std::int64_t, MaxUnpool1dOptions> {
 public:
  using MaxUnpoolNd::MaxUnpoolNd;
};
class MaxUnpool2d : public MaxUnpoolNd<IntPair, MaxUnpool2dOptions> {
 public:
  using MaxUnpoolNd::MaxUnpoolNd;
};
class MaxUnpool3d : public MaxUnpoolNd<IntTriple, MaxUnpool3dOptions> {
 public:
  using MaxUnpoolNd::MaxUnpoolNd;
};

extern template class MaxPoolNd<std::int64_t, MaxPool1dOptions>;
extern template class MaxPoolNd<IntPair, MaxPool2dOptions>;
extern template class MaxPoolNd<IntTriple, MaxPool3dOptions>;
extern template class FractionalMaxPoolNd<IntPair>;
extern template class FractionalMaxPoolNd<IntTriple>;
extern template class AvgPoolNd<std::int64_t, AvgPool1dOptions>;
extern template class AvgPoolNd<IntPair, AvgPool2dOptions>;
extern template class AvgPoolNd<IntTriple, AvgPool3dOptions>;
extern template class LPPoolNd<std::int64_t, LpPool1dOptions>;
extern template class LPPoolNd<IntPair, LpPool2dOptions>;
extern template class LPPoolNd<IntTriple, LpPool3dOptions>;
extern template class AdaptiveMaxPoolNd<std::int64_t>;
extern template class AdaptiveMaxPoolNd<AdaptivePair>;
extern template class AdaptiveMaxPoolNd<AdaptiveTriple>;
extern template class AdaptiveAvgPoolNd<std::int64_t>;
extern template class AdaptiveAvgPoolNd<AdaptivePair>;
extern template class AdaptiveAvgPoolNd<AdaptiveTriple>;
extern template class MaxUnpoolNd<std::int64_t, MaxUnpool1dOptions>;
extern template class MaxUnpoolNd<IntPair, MaxUnpool2dOptions>;
extern template class MaxUnpoolNd<IntTriple, MaxUnpool3dOptions>;

}  // namespace xgrad::nn
