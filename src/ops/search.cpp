// Places in sorted sequences: whole numbers, without a gradient.
#include <xgrad/ops/order.hpp>

#include "core/dispatch.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace {

using namespace detail;

// The number of elements of a sequence before the first that is not less than v (right: that is greater). A NaN is
// beyond all.
template <class T>
std::int64_t place_of(const T* sequence, std::int64_t n, T v, bool right) noexcept {
  return std::partition_point(sequence, sequence + n, [=](T e) { return right ? !(e > v) : !(e >= v); }) - sequence;
}
// The same in a sequence that is sorted in the order of a list of places.
template <class T>
std::int64_t place_of(const T* sequence, const std::int64_t* order, std::int64_t n, T v, bool right) noexcept {
  return std::partition_point(order, order + n,
                              [=](std::int64_t i) { return right ? !(sequence[i] > v) : !(sequence[i] >= v); }) -
         order;
}

bool from_right(const char* name, const SearchOptions& options, Here here) {
  const bool left = options.side == "left";
  check<ValueError>(left || options.side.empty() || options.side == "right", here,
                    "{}: expected left or right as side, got \"{}\"", name, options.side);
  check<ValueError>(!left || !options.right, here, "{}: side is left, but right is true", name);
  return options.right || options.side == "right";
}

Tensor checked_sorter(const char* name, const Tensor& sorter, const Tensor& sequence, Here here) {
  check<DtypeError>(sorter.dtype() == int64, here, "{}: expected a sorter of int64, got {}", name, sorter.dtype());
  check<ShapeError>(sorter.sizes() == sequence.sizes(), here, "{}: expected a sorter of shape {}, got {}", name,
                    sequence.sizes(), sorter.sizes());
  const Tensor order = dense(sorter);
  const std::int64_t n = sequence.sizes().back(), *places = data<std::int64_t>(order);
  for (std::int64_t i = 0; i < order.numel(); ++i)
    check<IndexError>(places[i] >= 0 && places[i] < n, here, "{}: index {} of the sorter is out of range for {}", name,
                      places[i], n);
  return order;
}

Tensor search(const char* name, const Arg& sequences, const Operand& values, const SearchOptions& options) {
  const Here here = sequences.here();
  const bool right = from_right(name, options, here);
  const Dtype dtype = values.is_tensor() && values.tensor().dtype() == sequences->dtype()
                          ? sequences->dtype()
                          : promote(name, {sequences.tensor(), here}, values, here);
  Tensor wanted;
  if (values.is_tensor()) {
    wanted = dense(values.tensor().detach(here).to(dtype, here));
  } else {
    wanted = make_tensor({}, dtype);
    fill_elements(wanted, values.scalar());
  }
  const Shape &from = sequences->sizes(), &to = wanted.sizes();
  bool fits = from.size() == 1 || (!from.empty() && from.size() == to.size());
  for (std::size_t d = 0; fits && d + 1 < from.size(); ++d) fits = from[d] == to[d];
  check<ShapeError>(fits, here,
                    "{}: expected one sequence [n], or one for each row of values, got sequences {} and values {}",
                    name, from, to);
  const Tensor sorter =
      options.sorter.defined() ? checked_sorter(name, options.sorter, sequences.tensor(), here) : Tensor();

  const Tensor sequence = dense(sequences->detach(here).to(dtype, here)), result = make_tensor(to, int64);
  const std::int64_t n = from.back(), count = wanted.numel(), row = from.size() == 1 ? count : to.back();
  dispatch_all(dtype, [&]<class T>() {
    const T *elements = data<T>(sequence), *v = data<T>(wanted);
    const std::int64_t* order = sorter.defined() ? data<std::int64_t>(sorter) : nullptr;
    std::int64_t* places = data<std::int64_t>(result);
    parallel_for(count, 2048, 16 * count, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i / row * n;
        places[i] = order ? place_of(elements + first, order + first, n, v[i], right)
                          : place_of(elements + first, n, v[i], right);
      }
    });
  });
  return options.out_int32 ? result.to(int32, here) : result;
}

}  // namespace

Tensor searchsorted(const Arg& sorted_sequence, const Operand& input, const SearchOptions& options) {
  return search("searchsorted", sorted_sequence, input, options);
}

Tensor bucketize(const Operand& input, const Arg& boundaries, bool right, bool out_int32) {
  check<ShapeError>(boundaries->dim() == 1, boundaries.here(),
                    "bucketize: expected boundaries of one dimension, got {}", boundaries->sizes());
  return search("bucketize", boundaries, input, {.out_int32 = out_int32, .right = right});
}

}  // namespace xgrad
