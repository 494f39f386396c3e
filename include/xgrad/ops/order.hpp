// Elements by their rank.
//
// A dimension is the last one where it is left out; negative ones count from the end, and a tensor without dimensions
// is one line of one element. A NaN is greater than everything else, and -0 equals 0. Places are int64 and count along
// the dimension. The gradient of a value goes to the element that it is. Any dtype where nothing else is said.
//
// Errors: IndexError for a dimension out of range, ShapeError where there is nothing to choose from, ValueError for a
// k that is not there.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace xgrad {

// {values, places}: x in ascending (descending) order along a dimension, and where each element was. Where `stable`,
// equal elements keep their order; it is not said otherwise.
std::pair<Tensor, Tensor> sort(const Arg& x, std::int64_t dim = -1, bool descending = false, bool stable = false);
// The places of sort: gather(x, dim, argsort(x, dim)) is in order.
Tensor argsort(const Arg& x, std::int64_t dim = -1, bool descending = false, bool stable = false);
// The values of sort along dimension 0.
Tensor msort(const Arg& x);
// {values, places} of the k largest (smallest) elements along a dimension, the largest (smallest) first where `sorted`.
// Which of equal elements are taken is not said. ValueError unless 0 <= k <= the size of the dimension.
std::pair<Tensor, Tensor> topk(const Arg& x, std::int64_t k, std::int64_t dim = -1, bool largest = true,
                               bool sorted = true);

// {value, place} of the k-th smallest element along a dimension, k from 1. Which of equal elements is taken is not
// said.
std::pair<Tensor, Tensor> kthvalue(const Arg& x, std::int64_t k, std::int64_t dim = -1, bool keepdim = false);
// The middle one of all elements in ascending order, of two the lower one; NaN if any is, and of nothing. Equal
// elements share the gradient evenly.
Tensor median(const Arg& x);
// {value, place} of the middle element along a dimension, of two the lower one, of equal elements in their order; the
// first NaN if there is one. The element at the place gets all of the gradient.
std::pair<Tensor, Tensor> median(const Arg& x, std::int64_t dim, bool keepdim = false);
// The same of the elements that are not NaN; NaN where there are none.
Tensor nanmedian(const Arg& x);
std::pair<Tensor, Tensor> nanmedian(const Arg& x, std::int64_t dim, bool keepdim = false);
// {value, place} of the most frequent element along a dimension, of equally frequent ones the smallest; it is not said
// at which of its places. A NaN equals nothing.
std::pair<Tensor, Tensor> mode(const Arg& x, std::int64_t dim = -1, bool keepdim = false);

// The value below which the share q of the elements lies, along a dimension or of all elements. With x ascending,
// r = q (n - 1), a = x[floor r] and b = x[ceil r], `interpolation` is
//   "linear"    a + (r - floor r) (b - a)        "lower"     a        "higher"    b
//   "midpoint"  (a + b) / 2                      "nearest"   x[r rounded], halves to even
// (Hyndman and Fan's definition 7, The American Statistician 50, 1996). NaN where any element is. q is a number, or []
// or [m] of x's dtype; for [m] the results lie along a new first dimension. Gradients by x, and by q where linear. Of
// floating tensors. ValueError: a q outside of [0, 1], another interpolation.
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
Tensor bucketize(const Operand& input, const Arg& boundaries, bool out_int32 = false, bool right = false);

}  // namespace xgrad
