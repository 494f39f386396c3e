// Pruning: the least of a parameter's elements are set to 0 and stay 0.
//
// A pruned parameter keeps its name and has a mask beside it, the buffer NAME_mask (1: kept, 0: pruned), which is saved
// and loaded with the model. Its gradient is 0 where it is pruned, and before each call of the module by operator()
// what an optimizer with momentum has moved since is set to 0 again: so training goes on with the rest.
//
// amount: how much of what is not pruned yet, as a share in [0, 1] or a number of elements (of slices where
// "structured"); pruning again prunes more. The functions return the mask. ValueError: the module itself has no such
// parameter, an amount out of range, more elements than there are.
#pragma once
#include <xgrad/nn/module.hpp>
#include <xgrad/random.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace xgrad::nn::utils::prune {

// A share (floating) or a number (integer).
class Amount {
 public:
  Amount(std::floating_point auto share) noexcept : share_(share) {}
  Amount(std::integral auto count) noexcept : count_(count) {}
  // How many of `total`. ValueError out of range.
  std::int64_t of(std::int64_t total, const char* op, Here here) const;

 private:
  double share_ = 0;
  std::int64_t count_ = -1;
};

// The elements of smallest absolute value (Han, Pool, Tran, Dally, Learning both weights and connections for efficient
// neural networks, 2015). Of equal ones the first go.
Tensor l1_unstructured(Module& module, const std::string& name, Amount amount, Here here = {});
// Any elements, each as likely as the others.
Tensor random_unstructured(Module& module, const std::string& name, Amount amount,
                           Generator& generator = default_generator(), Here here = {});
// Whole slices along dim: those of smallest n-norm (rows of a Linear, output channels of a convolution: dim 0).
Tensor ln_structured(Module& module, const std::string& name, Amount amount, double n, std::int64_t dim,
                     Here here = {});
Tensor random_structured(Module& module, const std::string& name, Amount amount, std::int64_t dim,
                         Generator& generator = default_generator(), Here here = {});
// The smallest of all the parameters together, wherever they lie.
using Parameters = std::vector<std::pair<Module*, std::string>>;
void global_l1_unstructured(const Parameters& parameters, Amount amount, Here here = {});
// By a mask of one's own, of the parameter's shape: what is 0 there. ShapeError.
Tensor custom_from_mask(Module& module, const std::string& name, const Tensor& mask, Here here = {});

// Ends it: pruned elements are 0 now, and free to change from here on. ValueError: the parameter is not pruned.
void remove(Module& module, const std::string& name, Here here = {});
// Whether a parameter of the module, or of one below it, is pruned.
bool is_pruned(const Module& module);
// The share of the parameters' elements that are 0.
double sparsity(const TensorList& parameters);

}  // namespace xgrad::nn::utils::prune
