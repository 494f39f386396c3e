// Reductions: one result for the elements along some dimensions.
//
// `dim` is one dimension, a list, or empty for all; negative ones count from the end. keepdim leaves the reduced
// dimensions in the result with size 1. Every reduction takes both {.dim = {0, -1}, .keepdim = true} and the positional
// (dim, keepdim); the latter are templates so that g++ prefers options for {.dim = {1}}. Sums are accumulated
// blockwise, in double for float32; results do not depend on the number of threads.
//
// Errors: IndexError for a dimension out of range, ValueError for one named twice; DtypeError for int32 and uint8,
// which are storage types, and for what is said to be of floating tensors.
#pragma once
#include <xgrad/tensor.hpp>

namespace xgrad {

// The sum; 0 of nothing. Integers and bools sum to int64. Gradient: that of the result, spread (a view).
Tensor sum(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor sum(const Arg& x, const Dims& dim, bool keepdim = false) {
  return sum(x, ReduceOptions{dim.list(), keepdim});
}
// The sum over the count; NaN of nothing. Of floating tensors.
Tensor mean(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor mean(const Arg& x, const Dims& dim, bool keepdim = false) {
  return mean(x, ReduceOptions{dim.list(), keepdim});
}
// The product; 1 of nothing. Integers and bools multiply to int64. Gradient: the product of the others, where elements
// are 0 too.
Tensor prod(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor prod(const Arg& x, const Dims& dim, bool keepdim = false) {
  return prod(x, ReduceOptions{dim.list(), keepdim});
}

// sum((x - mean)^2) / max(0, n - correction), by two passes. NaN where that is 0 / 0. Of floating tensors.
Tensor var(const Arg& x, const VarOptions& options = {});
template <class = void>
Tensor var(const Arg& x, const Dims& dim, std::int64_t correction = 1, bool keepdim = false) {
  return var(x, VarOptions{dim.list(), correction, keepdim});
}
// sqrt(var). The gradient is 0 where the result is 0.
Tensor std(const Arg& x, const VarOptions& options = {});
template <class = void>
Tensor std(const Arg& x, const Dims& dim, std::int64_t correction = 1, bool keepdim = false) {
  return std(x, VarOptions{dim.list(), correction, keepdim});
}
// Both, (var, mean).
std::pair<Tensor, Tensor> var_mean(const Arg& x, const VarOptions& options = {});
template <class = void>
std::pair<Tensor, Tensor> var_mean(const Arg& x, const Dims& dim, std::int64_t correction = 1, bool keepdim = false) {
  return var_mean(x, VarOptions{dim.list(), correction, keepdim});
}

// (sum |x|^p)^(1/p), also where the powers overflow or underflow. p = inf: max |x|; -inf: min |x|; 0: how many are not
// 0. Of floating tensors. The gradient is 0 where the result is 0, and for p = inf split evenly among the largest.
// ShapeError for p = +-inf of nothing.
Tensor norm(const Arg& x, Scalar p = 2, const ReduceOptions& options = {});
template <class = void>
Tensor norm(const Arg& x, Scalar p, const Dims& dim, bool keepdim = false) {
  return norm(x, p, ReduceOptions{dim.list(), keepdim});
}

// The largest (smallest) element; NaN if any is. Equal ones share the gradient evenly. ShapeError of nothing.
Tensor amax(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor amax(const Arg& x, const Dims& dim, bool keepdim = false) {
  return amax(x, ReduceOptions{dim.list(), keepdim});
}
Tensor amin(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor amin(const Arg& x, const Dims& dim, bool keepdim = false) {
  return amin(x, ReduceOptions{dim.list(), keepdim});
}
// (amin, amax), along one dimension or of all elements.
std::pair<Tensor, Tensor> aminmax(const Arg& x, std::optional<std::int64_t> dim = {}, bool keepdim = false);
// Of all elements, as amax and amin.
Tensor max(const Arg& x);
Tensor min(const Arg& x);
// Along one dimension: the values and where they are, the first of equal ones, which gets all of the gradient. A NaN
// counts as largest (smallest). ShapeError of nothing.
std::pair<Tensor, Tensor> max(const Arg& x, std::int64_t dim, bool keepdim = false);
std::pair<Tensor, Tensor> min(const Arg& x, std::int64_t dim, bool keepdim = false);
// Where the largest (smallest) element is, as max and min with a dim; without one, in the flattened tensor. int64.
Tensor argmax(const Arg& x, std::optional<std::int64_t> dim = {}, bool keepdim = false);
Tensor argmin(const Arg& x, std::optional<std::int64_t> dim = {}, bool keepdim = false);

// Whether all (any) elements are not 0; true (false) of nothing. NaN is not 0. bool.
Tensor all(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor all(const Arg& x, const Dims& dim, bool keepdim = false) {
  return all(x, ReduceOptions{dim.list(), keepdim});
}
Tensor any(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor any(const Arg& x, const Dims& dim, bool keepdim = false) {
  return any(x, ReduceOptions{dim.list(), keepdim});
}
// How many elements are not 0. int64.
Tensor count_nonzero(const Arg& x, const Dims& dim = {});

// log(sum(exp(x))) without overflow; -inf, with gradient 0, of nothing and where all are -inf. Of floating tensors.
Tensor logsumexp(const Arg& x, const ReduceOptions& options = {});
template <class = void>
Tensor logsumexp(const Arg& x, const Dims& dim, bool keepdim = false) {
  return logsumexp(x, ReduceOptions{dim.list(), keepdim});
}

// Sums (products) of each element and those before it along a dimension, in the shape of x. Integers and bools give
// int64.
Tensor cumsum(const Arg& x, std::int64_t dim);
Tensor cumprod(const Arg& x, std::int64_t dim);
// The largest (smallest) of each element and those before it, and where it is, in the shape of x: the last of equal
// ones, which gets the gradient. NaN from the first one on, each at the last NaN.
std::pair<Tensor, Tensor> cummax(const Arg& x, std::int64_t dim);
std::pair<Tensor, Tensor> cummin(const Arg& x, std::int64_t dim);
// log(exp(x_1) + ... + exp(x_i)) along a dimension, without overflow; -inf, with gradient 0, as long as all are -inf.
// Of floating tensors.
Tensor logcumsumexp(const Arg& x, std::int64_t dim);

}  // namespace xgrad
