// Activation functions as layers, element by element but for Softmax and LogSoftmax.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cstdint>

namespace xgrad::nn {

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

// x where x > 0, else negative_slope x.
class LeakyReLU : public Layer {
 public:
  explicit LeakyReLU(double negative_slope = 0.01);
  Tensor forward(const Arg& x) const override;

 private:
  double negative_slope_;
};

// x where x > 0, else alpha (e^x - 1).
class ELU : public Layer {
 public:
  explicit ELU(double alpha = 1);
  Tensor forward(const Arg& x) const override;

 private:
  double alpha_;
};

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

// exp(x) / sum(exp(x)) along dim.
class Softmax : public Layer {
 public:
  explicit Softmax(std::int64_t dim);
  Tensor forward(const Arg& x) const override;

 private:
  std::int64_t dim_;
};

// log(softmax(x)) along dim.
class LogSoftmax : public Layer {
 public:
  explicit LogSoftmax(std::int64_t dim);
  Tensor forward(const Arg& x) const override;

 private:
  std::int64_t dim_;
};

}  // namespace xgrad::nn
