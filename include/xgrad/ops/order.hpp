// Elements by their rank.
//
// A dimension is -1, the last one, where left out, and negative ones count from the end; a 0-d tensor counts as one of
// one element. A NaN is larger than anything else and equal to other NaNs; -0 equals 0. Places are int64, along the
// dimension. Any dtype where nothing else is said. The gradient of a value goes to the element that it is.
//
// Errors: IndexError for a dimension out of range, ShapeError where there is nothing to choose from, ValueError for a
// count or a rank that is not there.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace xgrad {

// {values, places}: x along a dimension in ascending (descending) order, and where each element was. Equal ones keep
// their order, whether or not `stable` asks for it.
std::pair<Tensor, Tensor> sort(const Arg& x, std::int64_t dim = -1, bool descending = false, bool stable = false);
// The places alone: gather(x, dim, argsort(x, dim)) is sorted.
Tensor argsort(const Arg& x, std::int64_t dim = -1, bool descending = false, bool stable = false);
// The values alone, along dimension 0.
Tensor msort(const Arg& x);
// {values, places} of the k largest (smallest) elements along a dimension, the best first where `sorted`. Which of
// equal ones are taken, and their order, is not said. k is at most the size of the dimension: ValueError.
std::pair<Tensor, Tensor> topk(const Arg& x, std::int64_t k, std::int64_t dim = -1, bool largest = true,
                               bool sorted = true);

// {value, place} of the k-th smallest element along a dimension, k = 1 for the smallest. Which of equal ones is taken
// is not said.
std::pair<Tensor, Tensor> kthvalue(const Arg& x, std::int64_t k, std::int64_t dim = -1, bool keepdim = false);
// The middle one of all elements in ascending order, the lower one of two; NaN if any is, and of nothing. Equal ones
// share the gradient evenly. Of computing dtypes.
Tensor median(const Arg& x);
// {value, place} of the middle element along a dimension, the lower one of two; the first NaN where there is one. Equal
// ones count in their order, and the one at that place gets all of the gradient.
std::pair<Tensor, Tensor> median(const Arg& x, std::int64_t dim, bool keepdim = false);
// The same of the elements that are not NaN; NaN where there are none.
Tensor nanmedian(const Arg& x);
std::pair<Tensor, Tensor> nanmedian(const Arg& x, std::int64_t dim, bool keepdim = false);
// {value, place} of the most frequent element along a dimension: the smallest one of equally frequent ones, at its last
// place. Here a NaN equals nothing.
std::pair<Tensor, Tensor> mode(const Arg& x, std::int64_t dim = -1, bool keepdim = false);

// The value below which the share q of the elements along a dimension lies (of all elements where dim is left out):
// with x sorted and r = q (n - 1),
//   linear   x[floor r] + (r - floor r) (x[ceil r] - x[floor r])        midpoint  (x[floor r] + x[ceil r]) / 2
//   lower    x[floor r]        higher    x[ceil r]                      nearest   x[r rounded, halves to even]
// q is a number, or a tensor [] or [m] of x's dtype, and then the results lie along a new first dimension of size m.
// NaN where any element is. Gradients by x and, with linear, by q. Of floating tensors. ValueError for a q outside
// [0, 1] or another interpolation.
Tensor quantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim = {}, bool keepdim = false,
                const std::string& interpolation = "linear");
// The same of the elements that are not NaN; NaN where there are none.
Tensor nanquantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim = {}, bool keepdim = false,
                   const std::string& interpolation = "linear");

// Options of searchsorted. out_int32: places are int32, not int64; right, or side "right" in place of "left": behind
// equal elements, not before them; sorter: in which order the sequences are sorted, as argsort says, where they are not
// themselves.
struct SearchOptions {
  bool out_int32 = false;
  bool right = false;
  std::string side{};
  Tensor sorter{};
};
// Where values belong in an ascending sequence: how many of its elements are less than the value (right: are not
// greater). NaN belongs to the end. The sequence is [n], or [..., n] with one for each row of an input [..., m]; the
// places have the input's shape. Both of one dtype, or of dtypes that meet in arithmetic. ShapeError for other shapes;
// IndexError for a sorter out of range; ValueError for another side, or one that contradicts right.
Tensor searchsorted(const Arg& sorted_sequence, const Operand& input, const SearchOptions& options = {});
// The same for boundaries [n], with the arguments exchanged.
Tensor bucketize(const Operand& input, const Arg& boundaries, bool right = false, bool out_int32 = false);

}  // namespace xgrad
