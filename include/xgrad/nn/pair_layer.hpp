// Modules of two and of three tensors, as Layer is one of one tensor: one's own gives forward() and is then called like
// a function, with hooks and its place in errors.
#pragma once
#include <xgrad/nn/module.hpp>

namespace xgrad::nn {

class PairLayer : public Module {
 public:
  virtual Tensor forward(const Arg& first, const Arg& second) const = 0;
  Tensor operator()(const Arg& first, const Arg& second) const;
};

class TripleLayer : public Module {
 public:
  virtual Tensor forward(const Arg& first, const Arg& second, const Arg& third) const = 0;
  Tensor operator()(const Arg& first, const Arg& second, const Arg& third) const;
};

}  // namespace xgrad::nn
