// Dropout as layers: while the module is in training the function of the same name, else x itself.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/ops/dropout.hpp>

namespace xgrad::nn {

// What the layers below share. Their constructors throw ValueError unless 0 <= p <= 1.
class DropoutLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;

 protected:
  using Function = Tensor (*)(const Arg& x, double p, bool training);
  DropoutLayer(const char* name, Function function, double p, Here here);

 private:
  Function function_;
  double p_;
};

// Of elements.
class Dropout : public DropoutLayer {
 public:
  explicit Dropout(double p = 0.5, Here here = {}) : DropoutLayer("Dropout", &xgrad::dropout, p, here) {}
};
// Of channels, as wholes.
class Dropout1d : public DropoutLayer {
 public:
  explicit Dropout1d(double p = 0.5, Here here = {}) : DropoutLayer("Dropout1d", &xgrad::dropout1d, p, here) {}
};
class Dropout2d : public DropoutLayer {
 public:
  explicit Dropout2d(double p = 0.5, Here here = {}) : DropoutLayer("Dropout2d", &xgrad::dropout2d, p, here) {}
};
class Dropout3d : public DropoutLayer {
 public:
  explicit Dropout3d(double p = 0.5, Here here = {}) : DropoutLayer("Dropout3d", &xgrad::dropout3d, p, here) {}
};
// Of elements and of channels behind SELU, whose mean and variance they keep.
class AlphaDropout : public DropoutLayer {
 public:
  explicit AlphaDropout(double p = 0.5, Here here = {})
      : DropoutLayer("AlphaDropout", &xgrad::alpha_dropout, p, here) {}
};
class FeatureAlphaDropout : public DropoutLayer {
 public:
  explicit FeatureAlphaDropout(double p = 0.5, Here here = {})
      : DropoutLayer("FeatureAlphaDropout", &xgrad::feature_alpha_dropout, p, here) {}
};

}  // namespace xgrad::nn
