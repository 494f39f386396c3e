#include "ops/selection.hpp"

#include <algorithm>

#include "core/dispatch.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

// The same selection without the values that later ones overwrite.
Selection without_overwritten(const Selection& selection, std::int64_t elements) {
  if (elements == 0) return selection;
  const std::int64_t n = impl(selection.places).numel;
  const std::int64_t* places = data<std::int64_t>(selection.places);
  // Holds the number of the last value for every place in the list; nothing else is ever read.
  const Tensor last = make_tensor({elements}, Dtype::int64);
  std::int64_t* writer = data<std::int64_t>(last);
  for (std::int64_t k = 0; k < n; ++k)
    if (places[k] >= 0) writer[places[k]] = k;
  Selection winners = selection;
  winners.places = make_tensor({n}, Dtype::int64);
  std::int64_t* kept = data<std::int64_t>(winners.places);
  for (std::int64_t k = 0; k < n; ++k) kept[k] = places[k] >= 0 && writer[places[k]] == k ? places[k] : -1;
  return winners;
}

void give_selection(Backward& bw, const Selection& selection) {
  if (const Tensor gathered = bw.pending(0); gathered.defined())
    add_places(gathered, dense(bw.grad()), selection);
  else
    bw.give(0, scatter_selection("scatter", bw.grad(), bw.input_shape(0), selection, bw.here()));
}

}  // namespace

Selection select_along(const Geometry& layout, std::size_t dim, const Tensor& index) {
  Selection result;
  result.offset = layout.offset;
  result.shape = layout.shape;
  result.shape[dim] = impl(index).numel;
  for (std::size_t d = 0; d < layout.shape.size(); ++d) {
    if (d == dim) continue;
    (d < dim ? result.outer : result.inner).push_back(layout.shape[d]);
    (d < dim ? result.outer_strides : result.inner_strides).push_back(layout.strides[d]);
  }
  result.places = scaled_places(index, layout.shape[dim], layout.strides[dim], result.offset);
  return result;
}

// The gradient of x is that of y added up at the places.
Tensor read_recorded(const char* name, const Tensor& x, const Selection& strided, const Selection& row_major,
                     Here here) {
  Tensor result = make_tensor(strided.shape, impl(x).dtype);
  read_places(result, x, strided);
  return record(name, here, std::move(result), {&x},
                [&] { return [row_major](Backward& bw) { give_selection(bw, row_major); }; });
}

Tensor read_dense(const Tensor& x, const Selection& selection, Here here) {
  return read_recorded("gather", x.contiguous(here), selection, selection, here);
}

Tensor read_rows(const char* name, const Tensor& table, const Selection& strided, const Tensor& index,
                 const Selection& row_major, Here here) {
  Tensor result = make_tensor(strided.shape, impl(table).dtype);
  read_places(result, table, strided);
  return record(name, here, std::move(result), {&table}, [&] {
    return [row_major, index](Backward& bw) {
      const std::int64_t rows = bw.input_shape(0)[0];
      // What touches much of the table is smaller as a table.
      if (bw.keeps_rows(0) && 4 * index.numel() <= rows)
        bw.give_rows(0, sum_rows(index, bw.grad(), rows));
      else
        give_selection(bw, row_major);
    };
  });
}

Tensor scatter_selection(const char* name, const Tensor& values, const Shape& shape, const Selection& selection,
                         Here here) {
  Tensor result = make_zeros(shape, impl(values).dtype);
  add_places(result, dense(values), selection);
  return record(name, here, std::move(result), {&values},
                [&] { return [selection](Backward& bw) { bw.give(0, read_dense(bw.grad(), selection, bw.here())); }; });
}

// The gradient of x is that of y, zero at the places; that of a value is the one at its place, unless another value
// overwrote it.
Tensor put_selection(const char* name, const Tensor& x, const Tensor& values, const Selection& selection, Here here) {
  const TensorImpl& from = impl(x);
  Tensor result = make_tensor(from.shape, from.dtype);
  copy_elements(result, x);
  write_places(result, broadcast_values(values, selection.shape, from.dtype), selection);
  return record(name, here, std::move(result), {&x, &values}, [&] {
    return [selection, elements = from.numel](Backward& bw) {
      const Tensor& grad = bw.grad();
      if (bw.needs(1)) bw.give(1, read_dense(grad, without_overwritten(selection, elements), bw.here()));
      if (bw.needs(0)) bw.give(0, put_selection("put", grad, make_zeros({}, impl(grad).dtype), selection, bw.here()));
    };
  });
}

Tensor add_selection(const char* name, const Tensor& x, const Tensor& values, const Selection& selection, Here here) {
  const TensorImpl& from = impl(x);
  Tensor result = make_tensor(from.shape, from.dtype);
  copy_elements(result, x);
  add_places(result, broadcast_values(values, selection.shape, from.dtype), selection);
  return record(name, here, std::move(result), {&x, &values}, [&] {
    return [selection](Backward& bw) {
      if (bw.needs(1)) bw.give(1, read_dense(bw.grad(), selection, bw.here()));
      if (bw.needs(0)) bw.give(0, bw.take_grad());
    };
  });
}

Tensor broadcast_values(const Tensor& values, const Shape& shape, Dtype dtype) {
  const TensorImpl& v = impl(values);
  if (v.contiguous && v.dtype == dtype && v.shape == shape) return values;
  Tensor result = make_tensor(shape, dtype);
  copy_elements(result, values);
  return result;
}

Tensor wrapped_indices(const char* op, const Tensor& index, std::int64_t dim, std::int64_t size, Here here) {
  check<DtypeError>(index.dtype() == Dtype::int64, here, "{}: expected indices of int64, got {}; convert with to()", op,
                    index.dtype());
  Tensor result = make_tensor(impl(index).shape, Dtype::int64);
  copy_elements(result, index);
  std::int64_t* values = data<std::int64_t>(result);
  const std::int64_t n = impl(result).numel;
  std::int64_t low = 0, high = -1;
  for (std::int64_t k = 0; k < n; ++k) {
    low = std::min(low, values[k]);
    high = std::max(high, values[k]);
  }
  if (low < -size || high >= size)
    for (std::int64_t k = 0; k < n; ++k) wrap_index(op, values[k], dim, size, here);
  if (low < 0)
    for (std::int64_t k = 0; k < n; ++k)
      if (values[k] < 0) values[k] += size;
  return result;
}

Tensor scaled_places(const Tensor& index, std::int64_t size, std::int64_t stride, std::int64_t& base) {
  const std::int64_t n = impl(index).numel;
  Tensor result = make_tensor({n}, Dtype::int64);
  const std::int64_t* from = data<std::int64_t>(index);
  std::int64_t* to = data<std::int64_t>(result);
  if (stride < 0) {
    base += (size - 1) * stride;
    for (std::int64_t k = 0; k < n; ++k) to[k] = (from[k] - (size - 1)) * stride;
  } else {
    for (std::int64_t k = 0; k < n; ++k) to[k] = from[k] * stride;
  }
  return result;
}

void check_mask(const char* op, const Tensor& mask, Here here) {
  check<DtypeError>(mask.dtype() == Dtype::boolean || mask.dtype() == Dtype::uint8, here,
                    "{}: expected a mask of bool or uint8, got {}", op, mask.dtype());
}

std::vector<Tensor> nonzero_lists(const Tensor& x) {
  const Tensor values = dense(x);
  const Shape& shape = impl(values).shape;
  const std::int64_t n = impl(values).numel;
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> places;
  dispatch_all(impl(values).dtype, [&]<class T>() {
    const T* v = data<T>(values);
    places.reserve(static_cast<std::size_t>(std::count_if(v, v + n, [](T value) { return value != T(0); })));
    for (std::int64_t k = 0; k < n; ++k)
      if (v[k] != T(0)) places.push_back(k);
  });
  const auto count = static_cast<std::int64_t>(places.size());
  std::vector<Tensor> lists;
  for (std::size_t d = 0; d < std::max<std::size_t>(rank, 1); ++d) lists.push_back(make_tensor({count}, Dtype::int64));
  for (std::size_t d = std::max<std::size_t>(rank, 1); d-- > 0;) {
    std::int64_t* list = data<std::int64_t>(lists[d]);
    const std::int64_t size = rank == 0 ? 1 : shape[d];
    for (std::size_t k = 0; k < places.size(); ++k) {
      list[k] = places[k] % size;
      places[k] /= size;
    }
  }
  return lists;
}

Tensor shares_by_frequency(const Tensor& index, std::int64_t rows) {
  const Tensor list = dense(index), shares = make_tensor(impl(list).shape, Dtype::float64);
  const std::int64_t *at = data<std::int64_t>(list), count = impl(list).numel;
  std::vector<double> occurrences(static_cast<std::size_t>(rows), 0);
  for (std::int64_t k = 0; k < count; ++k) ++occurrences[static_cast<std::size_t>(at[k])];
  for (std::int64_t k = 0; k < count; ++k) data<double>(shares)[k] = 1 / occurrences[static_cast<std::size_t>(at[k])];
  return shares;
}

}  // namespace xgrad::detail
