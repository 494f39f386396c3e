#include "kernels/row_gradient.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"
#include "kernels/selection.hpp"

namespace xgrad::detail {
namespace {

constexpr std::int64_t elements_per_range = 16384;

// The list by rows of the table: every row's entries linked in their order.
struct Chains {
  std::vector<std::int64_t> first;  // of each row in the list
  std::vector<std::int64_t> next;   // -1 at the end

  Chains(const std::int64_t* index, std::int64_t count, std::int64_t rows) : next(static_cast<std::size_t>(count), -1) {
    std::vector<std::int64_t> last(static_cast<std::size_t>(rows), -1);
    for (std::int64_t k = 0; k < count; ++k) {
      if (index[k] < 0) continue;
      std::int64_t& before = last[static_cast<std::size_t>(index[k])];
      if (before < 0)
        first.push_back(k);
      else
        next[static_cast<std::size_t>(before)] = k;
      before = k;
    }
  }
};

// Calls f(target row, values) with every row of the gradient, on several threads.
template <class T, class F>
void for_each_row(const RowGradient& gradient, F&& f) {
  const std::int64_t columns = gradient.values.sizes().back();
  const std::int64_t* index = data<std::int64_t>(gradient.index);
  const T* values = data<T>(gradient.values);
  parallel_for(gradient.index.numel(), elements_per_range / std::max<std::int64_t>(columns, 1) + 1,
               gradient.values.numel(), [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) f(index[r] * columns, values + r * columns, columns);
               });
}

}  // namespace

RowGradient sum_rows(const Tensor& index, const Tensor& values, std::int64_t rows) {
  const std::int64_t columns = values.sizes().back();
  const bool neighbours = columns <= 1 || impl(values).strides.back() == 1;
  const Tensor source = neighbours ? values : dense(values), list = dense(index);
  const Chains chains(data<std::int64_t>(list), list.numel(), rows);
  // The values may be an expanded view.
  const std::span<const std::int64_t> shape = impl(source).shape, strides = impl(source).strides;
  const std::vector<std::int64_t> offsets = unrolled(shape.first(shape.size() - 1), strides.first(shape.size() - 1));
  const auto count = static_cast<std::int64_t>(chains.first.size());
  RowGradient sum{make_tensor({count}, Dtype::int64), make_tensor({count, columns}, values.dtype()), rows};
  for (std::int64_t r = 0; r < count; ++r)
    data<std::int64_t>(sum.index)[r] = data<std::int64_t>(list)[chains.first[static_cast<std::size_t>(r)]];
  dispatch_floating(values.dtype(), [&]<class T>() {
    const T* from = data<T>(source);
    T* to = data<T>(sum.values);
    parallel_for(count, elements_per_range / std::max<std::int64_t>(columns, 1) + 1, list.numel() * columns,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     T* __restrict total = to + r * columns;
                     std::fill_n(total, columns, T(0));
                     for (std::int64_t k = chains.first[static_cast<std::size_t>(r)]; k >= 0;
                          k = chains.next[static_cast<std::size_t>(k)]) {
                       const T* __restrict row = from + offsets[static_cast<std::size_t>(k)];
                       for (std::int64_t i = 0; i < columns; ++i) total[i] += row[i];
                     }
                   }
                 });
  });
  return sum;
}

Tensor to_dense(const RowGradient& gradient) {
  Tensor table = make_tensor({gradient.rows, gradient.values.sizes().back()}, gradient.values.dtype());
  std::fill_n(impl(table).raw(), impl(table).numel * element_size(impl(table).dtype), std::byte{0});
  dispatch_floating(table.dtype(), [&]<class T>() {
    T* to = data<T>(table);
    for_each_row<T>(gradient, [&](std::int64_t at, const T* row, std::int64_t n) { std::copy_n(row, n, to + at); });
  });
  return table;
}

std::vector<std::int64_t> places_of_rows(const RowGradient& gradient) {
  std::vector<std::int64_t> place(static_cast<std::size_t>(gradient.rows), -1);
  const std::int64_t* index = data<std::int64_t>(gradient.index);
  for (std::int64_t k = 0; k < gradient.index.numel(); ++k) place[static_cast<std::size_t>(index[k])] = k;
  return place;
}

void subtract_rows(const Tensor& table, const RowGradient& gradient, double scale) {
  dispatch_floating(table.dtype(), [&]<class T>() {
    T* target = data<T>(table);
    const T factor = static_cast<T>(scale);
    for_each_row<T>(gradient, [&](std::int64_t at, const T* __restrict row, std::int64_t n) {
      T* __restrict to = target + at;
      for (std::int64_t i = 0; i < n; ++i) to[i] -= factor * row[i];
    });
  });
}

}  // namespace xgrad::detail
