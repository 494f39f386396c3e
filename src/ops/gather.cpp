#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <utility>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"
#include "ops/selection.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- one index list along a dimension

// f of a 0-d tensor as one of [1], and its result as 0-d again.
template <class F>
Tensor as_single(const Arg& x, const F& f) {
  const Tensor one = x->reshape({1}, x.here());
  return f({one, x.here()}).reshape({}, x.here());
}

std::size_t listed_dim(const char* op, const Arg& x, std::int64_t dim, const Arg& index) {
  const auto at = static_cast<std::size_t>(wrap_dim(op, dim, x->dim(), x.here()));
  check<ShapeError>(index->dim() <= 1, x.here(), "{}: expected an index of one dimension, got {}", op, index->sizes());
  return at;
}

Tensor listed_index(const char* op, const Arg& x, std::size_t dim, const Arg& index) {
  return wrapped_indices(op, index.tensor(), static_cast<std::int64_t>(dim), x->sizes()[dim], x.here());
}

void check_source(const char* op, const Arg& x, std::size_t dim, const Arg& index, const Arg& source) {
  check_same_dtype(op, x.tensor(), source.tensor(), x.here());
  Shape expected = x->sizes();
  expected[dim] = index->numel();
  check<ShapeError>(source->sizes() == expected, x.here(), "{}: expected a source of shape {}, got {}", op, expected,
                    source->sizes());
}

Tensor number(const char* op, const Arg& x, Scalar value) {
  check<DtypeError>(x->is_floating_point() || !value.is_floating_point(), x.here(),
                    "{}: a floating number does not go into a tensor of {}", op, x->dtype());
  Tensor result = make_tensor({}, x->dtype());
  fill_elements(result, value);
  return result;
}

// ---- an index for every element

struct Gathered {
  std::size_t dim;
  Tensor index;
};

// Checks the arguments of gather and its kin; a 0-d tensor or index counts as one of [1].
Gathered gathered(const char* op, const Arg& x, std::int64_t dim, const Arg& index) {
  const Here here = x.here();
  const auto at = static_cast<std::size_t>(wrap_dim(op, dim, x->dim(), here));
  const Shape from = x->dim() == 0 ? Shape{1} : x->sizes(), to = index->dim() == 0 ? Shape{1} : index->sizes();
  check<ShapeError>(from.size() == to.size(), here, "{}: expected an index with as many dimensions as {}, got {}", op,
                    x->sizes(), index->sizes());
  for (std::size_t d = 0; d < from.size(); ++d)
    check<ShapeError>(d == at || to[d] <= from[d], here, "{}: index {} reaches beyond {} in dimension {}", op,
                      index->sizes(), x->sizes(), d);
  return {at, wrapped_indices(op, index.tensor(), static_cast<std::int64_t>(at), from[at], here)};
}

// Every element of the index as a place of its own.
Selection each(Geometry layout, const Gathered& gathered) {
  Selection result;
  result.shape = impl(gathered.index).shape;
  result.offset = layout.offset;
  Shape shape = result.shape;
  if (layout.shape.empty()) layout = {{1}, {1}, layout.offset};
  if (shape.empty()) shape = {1};
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (layout.strides[d] < 0 && d != gathered.dim) {
      // Places count upward from the lowest element.
      result.offset += (shape[d] - 1) * layout.strides[d];
    }
  result.places =
      scaled_places(gathered.index, layout.shape[gathered.dim], layout.strides[gathered.dim], result.offset);
  std::int64_t* places = data<std::int64_t>(result.places);
  const std::size_t last = shape.size() - 1;
  const std::int64_t row = shape[last], total = numel(shape);
  if (total == 0) return result;
  const auto away = [&](std::size_t d, std::int64_t i) {
    if (d == gathered.dim) return std::int64_t{0};
    return layout.strides[d] < 0 ? (i - (shape[d] - 1)) * layout.strides[d] : i * layout.strides[d];
  };
  parallel_for(total / row, 16384 / row + 1, total, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      std::int64_t base = 0, rest = r;
      for (std::size_t d = last; d-- > 0;) {
        base += away(d, rest % shape[d]);
        rest /= shape[d];
      }
      std::int64_t* at = places + r * row;
      for (std::int64_t i = 0; i < row; ++i) at[i] += base + away(last, i);
    }
  });
  return result;
}

}  // namespace

void detail::check_sums(const char* op, const Arg& x) {
  check<DtypeError>(x->dtype() != Dtype::int32 && x->dtype() != Dtype::uint8, x.here(),
                    "{}: {} is a storage type; convert with to() first", op, x->dtype());
}

Tensor detail::source_part(const char* op, const Arg& x, const Arg& index, const Arg& source) {
  check_same_dtype(op, x.tensor(), source.tensor(), x.here());
  const Shape &to = index->sizes(), &from = source->sizes();
  bool fits = to.size() == from.size();
  for (std::size_t d = 0; fits && d < to.size(); ++d) fits = to[d] <= from[d];
  check<ShapeError>(fits, x.here(), "{}: expected a source at least as large as the index {}, got {}", op, to, from);
  Tensor part = source.tensor();
  for (std::size_t d = 0; d < to.size(); ++d)
    if (to[d] != from[d]) part = part.narrow(static_cast<std::int64_t>(d), 0, to[d], x.here());
  return part;
}

Selection detail::element_places(const char* op, const Arg& x, std::int64_t dim, const Arg& index) {
  return each(row_major(x->sizes()), gathered(op, x, dim, index));
}

Tensor index_select(const Arg& x, std::int64_t dim, const Arg& index) {
  if (x->dim() == 0) {
    check<ShapeError>(index->numel() == 1, x.here(), "index_select: expected one index into a 0-d tensor, got {}",
                      index->sizes());
    return as_single(x, [&](const Arg& one) { return index_select(one, dim, index); });
  }
  const std::size_t at = listed_dim("index_select", x, dim, index);
  const Tensor list = listed_index("index_select", x, at, index);
  return read_selection("index_select", x.tensor(), x.here(),
                        [&](const Geometry& layout) { return select_along(layout, at, list); });
}
Tensor Tensor::index_select(std::int64_t dim, const Tensor& index, Here here) const {
  return xgrad::index_select({*this, here}, dim, {index, here});
}

Tensor index_add(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source, Scalar alpha) {
  if (x->dim() == 0) return as_single(x, [&](const Arg& one) { return index_add(one, dim, index, source, alpha); });
  const std::size_t at = listed_dim("index_add", x, dim, index);
  check_source("index_add", x, at, index, source);
  check_sums("index_add", x);
  const Tensor list = listed_index("index_add", x, at, index);
  const bool scaled = alpha.is_floating_point() ? alpha.to<double>() != 1 : alpha.to<std::int64_t>() != 1;
  const Tensor values = scaled ? source->mul({alpha, x.here()}) : source.tensor();
  return add_selection("index_add", x.tensor(), values, select_along(row_major(x->sizes()), at, list), x.here());
}
Tensor Tensor::index_add(std::int64_t dim, const Tensor& index, const Tensor& source, Here here) const {
  return xgrad::index_add({*this, here}, dim, {index, here}, {source, here});
}

Tensor index_copy(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source) {
  if (x->dim() == 0) return as_single(x, [&](const Arg& one) { return index_copy(one, dim, index, source); });
  const std::size_t at = listed_dim("index_copy", x, dim, index);
  check_source("index_copy", x, at, index, source);
  const Tensor list = listed_index("index_copy", x, at, index);
  return put_selection("index_copy", x.tensor(), source.tensor(), select_along(row_major(x->sizes()), at, list),
                       x.here());
}

Tensor index_fill(const Arg& x, std::int64_t dim, const Arg& index, Scalar value) {
  if (x->dim() == 0) return as_single(x, [&](const Arg& one) { return index_fill(one, dim, index, value); });
  const std::size_t at = listed_dim("index_fill", x, dim, index);
  const Tensor fill = number("index_fill", x, value);
  const Tensor list = listed_index("index_fill", x, at, index);
  return put_selection("index_fill", x.tensor(), fill, select_along(row_major(x->sizes()), at, list), x.here());
}

Tensor gather(const Arg& x, std::int64_t dim, const Arg& index) {
  const Gathered list = gathered("gather", x, dim, index);
  return read_selection("gather", x.tensor(), x.here(), [&](Geometry layout) { return each(std::move(layout), list); });
}
Tensor Tensor::gather(std::int64_t dim, const Tensor& index, Here here) const {
  return xgrad::gather({*this, here}, dim, {index, here});
}

Tensor scatter(const Arg& x, std::int64_t dim, const Arg& index, const Operand& source) {
  const Tensor values = source.is_tensor() ? source_part("scatter", x, index, {source.tensor(), x.here()})
                                           : number("scatter", x, source.scalar());
  return put_selection("scatter", x.tensor(), values, element_places("scatter", x, dim, index), x.here());
}

Tensor scatter_add(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source) {
  check_sums("scatter_add", x);
  const Selection places = element_places("scatter_add", x, dim, index);
  return add_selection("scatter_add", x.tensor(), source_part("scatter_add", x, index, source), places, x.here());
}
Tensor Tensor::scatter_add(std::int64_t dim, const Tensor& index, const Tensor& source, Here here) const {
  return xgrad::scatter_add({*this, here}, dim, {index, here}, {source, here});
}

Tensor take_along_dim(const Arg& x, const Arg& index, std::optional<std::int64_t> dim) {
  const Here here = x.here();
  if (!dim) return take_along_dim({x->reshape({-1}, here), here}, {index->reshape({-1}, here), here}, 0);
  const auto at = static_cast<std::size_t>(wrap_dim("take_along_dim", *dim, x->dim(), here));
  check<ShapeError>(x->dim() == index->dim(), here,
                    "take_along_dim: expected an index with as many dimensions as {}, got {}", x->sizes(),
                    index->sizes());
  if (x->dim() == 0) return gather(x, 0, index);
  Shape from = x->sizes(), to = index->sizes();
  from[at] = to[at] = 1;
  Shape common = detail::broadcast_shapes("take_along_dim", from, to, here), wide = common;
  wide[at] = x->sizes()[at];
  common[at] = index->sizes()[at];
  return gather({x->expand(wide, here), here}, *dim, {index->expand(common, here), here});
}

Tensor take(const Arg& x, const Arg& index) {
  const Tensor line = x->reshape({-1}, x.here());
  const Tensor list = wrapped_indices("take", index.tensor(), 0, x->numel(), x.here());
  return read_selection("take", line, x.here(), [&](const Geometry& layout) {
    Selection result = select_along(layout, 0, list);
    result.shape = impl(list).shape;
    return result;
  });
}

// y = x, dx = dy times a share for each of the rows [..., n].
static Tensor sharing_gradient(const Tensor& found, const Tensor& shares, Here here) {
  return record("embedding", here, make_alias(found), {&found}, [&] {
    return [shares](Backward& bw) { bw.give(0, bw.grad().mul({shares.unsqueeze(-1), bw.here()})); };
  });
}

// The gradient of the table adds up at its rows, but for the padding's.
Tensor embedding(const Arg& weight, const Arg& indices, std::optional<std::int64_t> padding_idx,
                 bool scale_grad_by_freq) {
  const Here here = weight.here();
  check<ShapeError>(weight->dim() == 2, here, "embedding: expected a weight of two dimensions, got {}",
                    weight->sizes());
  check<DtypeError>(indices->dtype() == Dtype::int64, here,
                    "embedding: expected indices of int64, got {}; convert with to()", indices->dtype());
  const std::int64_t rows = weight->sizes()[0], padding = padding_idx.value_or(rows);
  check<IndexError>(!padding_idx || (padding >= -rows && padding < rows), here,
                    "embedding: padding_idx {} is out of range for {} rows", padding, rows);
  const Tensor list = dense(indices.tensor());
  const std::int64_t* index = data<std::int64_t>(list);
  for (std::int64_t k = 0; k < impl(list).numel; ++k)
    check<IndexError>(index[k] >= 0 && index[k] < rows, here, "embedding: index {} is out of range for {} rows",
                      index[k], rows);
  const auto rows_of = [&](const Geometry& layout) {
    Selection result = select_along(layout, 0, list);
    result.shape = impl(list).shape;
    result.shape.push_back(weight->sizes()[1]);
    return result;
  };
  Geometry layout = geometry(weight.tensor());
  layout.offset = 0;
  const Selection forward = rows_of(layout);
  if (!records({&weight.tensor()})) return read_recorded("embedding", weight.tensor(), forward, forward, here);
  // The indices are copied: the caller's may change before backward.
  Tensor trained = make_tensor(impl(list).shape, Dtype::int64);
  std::int64_t* row = data<std::int64_t>(trained);
  Selection backward = rows_of(row_major(weight->sizes()));
  std::int64_t* places = data<std::int64_t>(backward.places);
  for (std::int64_t k = 0; k < impl(list).numel; ++k) {
    const bool padded = padding_idx && index[k] == (padding < 0 ? padding + rows : padding);
    row[k] = padded ? -1 : index[k];
    if (padded) places[k] = -1;
  }
  const Tensor found = read_rows("embedding", weight.tensor(), forward, trained, backward, here);
  if (!scale_grad_by_freq) return found;
  return sharing_gradient(found, shares_by_frequency(list, rows).to(weight->dtype(), here), here);
}

Tensor one_hot(const Arg& indices, std::int64_t num_classes) {
  const Here here = indices.here();
  check<DtypeError>(indices->dtype() == Dtype::int64, here,
                    "one_hot: expected indices of int64, got {}; convert with to()", indices->dtype());
  check<ValueError>(num_classes == -1 || num_classes > 0, here, "one_hot: num_classes must be positive, got {}",
                    num_classes);
  const Tensor list = dense(indices.tensor());
  const std::int64_t *index = data<std::int64_t>(list), n = impl(list).numel;
  check<ValueError>(n > 0 || num_classes > 0, here, "one_hot: num_classes must be given where there are no indices");
  const std::int64_t classes =
      num_classes > 0 ? num_classes : std::max<std::int64_t>(*std::max_element(index, index + n), 0) + 1;
  for (std::int64_t k = 0; k < n; ++k)
    check<IndexError>(index[k] >= 0 && index[k] < classes, here, "one_hot: index {} is out of range for {} classes",
                      index[k], classes);
  Shape shape = impl(list).shape;
  shape.push_back(classes);
  Tensor result = make_zeros(shape, Dtype::int64);
  for (std::int64_t k = 0; k < n; ++k) data<std::int64_t>(result)[k * classes + index[k]] = 1;
  return result;
}

Tensor bincount(const Arg& x, std::int64_t minlength) {
  check<DtypeError>(x->dtype() == Dtype::int64, x.here(), "bincount: expected int64, got {}; convert with to()",
                    x->dtype());
  check<ShapeError>(x->dim() == 1, x.here(), "bincount: expected one dimension, got {}", x->sizes());
  check<ValueError>(minlength >= 0, x.here(), "bincount: minlength must be at least 0, got {}", minlength);
  const Tensor list = dense(x.tensor());
  const std::int64_t *value = data<std::int64_t>(list), n = impl(list).numel;
  std::int64_t bins = minlength;
  for (std::int64_t k = 0; k < n; ++k) {
    check<ValueError>(value[k] >= 0, x.here(), "bincount: values must be at least 0, got {}", value[k]);
    bins = std::max(bins, value[k] + 1);
  }
  Tensor result = make_zeros({bins}, Dtype::int64);
  for (std::int64_t k = 0; k < n; ++k) ++data<std::int64_t>(result)[value[k]];
  return result;
}

}  // namespace xgrad
