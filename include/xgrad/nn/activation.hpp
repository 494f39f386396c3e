// Activation functions as layers. What is not said here is said of the functions of the same name.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/softmax.hpp>

#include <cstdint>

namespace xgrad::nn {

// ---- without options

// A layer that calls a function without options.
template <auto function>
class FunctionLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override { return function(x); }
};

class Sigmoid : public FunctionLayer<&xgrad::sigmoid> {};
class Tanh : public FunctionLayer<&xgrad::tanh> {};
class ReLU : public FunctionLayer<&xgrad::relu> {};
class SiLU : public FunctionLayer<&xgrad::silu> {};
class LogSigmoid : public FunctionLayer<&xgrad::logsigmoid> {};
class SELU : public FunctionLayer<&xgrad::selu> {};
class Mish : public FunctionLayer<&xgrad::mish> {};
class Softsign : public FunctionLayer<&xgrad::softsign> {};
class Tanhshrink : public FunctionLayer<&xgrad::tanhshrink> {};
class Hardsigmoid : public FunctionLayer<&xgrad::hardsigmoid> {};
class Hardswish : public FunctionLayer<&xgrad::hardswish> {};
class ReLU6 : public FunctionLayer<&xgrad::relu6> {};

// ---- with one number

// What the layers below share: a function and its number, printed as "name=1.0", or alone where it has no name.
class NumberLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;

 protected:
  using Function = Tensor (*)(const Arg& x, double number);
  NumberLayer(Function function, const char* name, double number);

 private:
  Function function_;
  double number_;
};

// x where x > 0, else negative_slope x.
class LeakyReLU : public NumberLayer {
 public:
  explicit LeakyReLU(double negative_slope = 0.01)
      : NumberLayer(&xgrad::leaky_relu, "negative_slope", negative_slope) {}
};
// x where x > 0, else alpha (e^x - 1).
class ELU : public NumberLayer {
 public:
  explicit ELU(double alpha = 1) : NumberLayer(&xgrad::elu, "alpha", alpha) {}
};
// x where x > 0, else alpha (e^(x / alpha) - 1).
class CELU : public NumberLayer {
 public:
  explicit CELU(double alpha = 1) : NumberLayer(&xgrad::celu, "alpha", alpha) {}
};
// x where |x| > lambd, else 0.
class Hardshrink : public NumberLayer {
 public:
  explicit Hardshrink(double lambd = 0.5) : NumberLayer(&xgrad::hardshrink, "", lambd) {}
};
// x - lambd sign(x) where |x| > lambd, else 0.
class Softshrink : public NumberLayer {
 public:
  explicit Softshrink(double lambd = 0.5) : NumberLayer(&xgrad::softshrink, "", lambd) {}
};

// ---- along a dimension

// What the layers below share: a function and its dimension.
class DimensionLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;

 protected:
  using Function = Tensor (*)(const Arg& x, std::int64_t dim);
  DimensionLayer(Function function, std::int64_t dim);

 private:
  Function function_;
  std::int64_t dim_;
};

// exp(x) / sum(exp(x)) along dim.
class Softmax : public DimensionLayer {
 public:
  explicit Softmax(std::int64_t dim) : DimensionLayer(&xgrad::softmax, dim) {}
};
// log(softmax(x)) along dim.
class LogSoftmax : public DimensionLayer {
 public:
  explicit LogSoftmax(std::int64_t dim) : DimensionLayer(&xgrad::log_softmax, dim) {}
};
// softmax(-x) along dim.
class Softmin : public DimensionLayer {
 public:
  explicit Softmin(std::int64_t dim) : DimensionLayer(&xgrad::softmin, dim) {}
};
// a sigmoid(b) of the halves a and b of x along dim.
class GLU : public DimensionLayer {
 public:
  explicit GLU(std::int64_t dim = -1) : DimensionLayer(&xgrad::glu, dim) {}
};
// softmax over the channels of an image: [N, C, H, W] or [C, H, W], ShapeError otherwise.
class Softmax2d : public Layer {
 public:
  Tensor forward(const Arg& x) const override;
};

// ---- others

// x times the normal distribution function of x, or its approximation by tanh (xgrad::gelu, xgrad::gelu_tanh).
enum class GeluApproximation : std::uint8_t { none, tanh };
class GELU : public Layer {
 public:
  explicit GELU(GeluApproximation approximate = GeluApproximation::none);
  Tensor forward(const Arg& x) const override;

 private:
  GeluApproximation approximate_;
};

// log(1 + e^(beta x)) / beta; x itself where beta x > threshold.
class Softplus : public Layer {
 public:
  explicit Softplus(double beta = 1, double threshold = 20);
  Tensor forward(const Arg& x) const override;

 private:
  double beta_, threshold_;
};

// x between min_val and max_val. ValueError unless min_val <= max_val.
class Hardtanh : public Layer {
 public:
  explicit Hardtanh(double min_val = -1, double max_val = 1, Here here = {});
  Tensor forward(const Arg& x) const override;

 private:
  double min_val_, max_val_;
};

// x where x > threshold, else value.
class Threshold : public Layer {
 public:
  Threshold(double threshold, double value);
  Tensor forward(const Arg& x) const override;

 private:
  double threshold_, value_;
};

// x where x > 0, else a x: in training with a random a between lower and upper for each element, else with their mean.
// ValueError unless lower <= upper.
class RReLU : public Layer {
 public:
  explicit RReLU(double lower = 1.0 / 8, double upper = 1.0 / 3, Here here = {});
  Tensor forward(const Arg& x) const override;

 private:
  double lower_, upper_;
};

// x where x > 0, else weight x, with one weight for all or one for each channel of an x [N, C, ...].
// Parameter: weight [num_parameters], init at first. ValueError for num_parameters below 1.
class PReLU : public Layer {
 public:
  explicit PReLU(std::int64_t num_parameters = 1, double init = 0.25, Here here = {});
  Tensor forward(const Arg& x) const override;

  Tensor weight;
};

}  // namespace xgrad::nn
