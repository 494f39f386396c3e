#include "ops/shape.hpp"

#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.hpp"

namespace xgrad {
namespace {

using namespace detail;

// The target with its -1 filled in.
Shape inferred(const char* op, const Shape& from, const Shape& target, Here here) {
  const std::int64_t count = numel(from);
  std::int64_t known = 1;
  bool countable = true;
  std::size_t open = target.size();
  for (std::size_t d = 0; d < target.size(); ++d) {
    if (target[d] == -1) {
      check<ShapeError>(open == target.size(), here, "{}: only one size may be -1, got {}", op, target);
      open = d;
    } else {
      check<ShapeError>(target[d] >= 0, here, "{}: sizes must be -1 or at least 0, got {}", op, target);
      countable = countable && !__builtin_mul_overflow(known, target[d], &known);
    }
  }
  check<ShapeError>(countable, here, "{}: {} has more elements than can be counted", op, target);
  Shape shape = target;
  if (open < target.size()) {
    check<ShapeError>(known > 0 && count % known == 0, here, "{}: {} ({} elements) does not divide into {}", op, from,
                      count, target);
    shape[open] = count / known;
  } else {
    check<ShapeError>(known == count, here, "{}: {} has {} elements, {} needs {}", op, from, count, target, known);
  }
  return shape;
}

// Strides that show the same elements in the same order under another shape; nothing where a copy is needed.
std::optional<Shape> viewed(const Shape& shape, const Shape& strides, const Shape& target) {
  Shape result(target.size(), 0);
  std::size_t open = target.size();  // dimensions of the target not yet placed
  std::int64_t stride = strides.back(), run = 1, placed = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    run *= shape[d];
    const bool continues = d > 0 && (shape[d - 1] == 1 || strides[d - 1] == run * stride);
    if (continues) continue;
    while (open > 0 && (placed < run || target[open - 1] == 1)) {
      --open;
      result[open] = placed * stride;
      placed *= target[open];
    }
    if (placed != run) return std::nullopt;
    if (d > 0) {
      stride = strides[d - 1];
      run = placed = 1;
    }
  }
  return result;
}

// y has the elements of x in row-major order; the gradient of x is that of y under x's shape.
Tensor reshaped(const char* op, const Tensor& x, const Shape& shape, Here here, bool may_copy = true) {
  const TensorImpl& from = impl(x);
  std::optional<Shape> strides = from.contiguous ? contiguous_strides(shape) : viewed(from.shape, from.strides, shape);
  check<ShapeError>(strides || may_copy, here,
                    "{}: {} with strides {} cannot be seen as {} without a copy; reshape makes one", op, from.shape,
                    from.strides, shape);
  Tensor result;
  if (strides) {
    result = make_view(x, shape, std::move(*strides), from.offset);
  } else {
    result = dense(x);
    impl(result).strides = contiguous_strides(shape);
    impl(result).shape = shape;
  }
  return record(op, here, std::move(result), {&x}, [] {
    return [](Backward& bw) { bw.give(0, reshaped("reshape", bw.grad(), bw.input_shape(0), bw.here())); };
  });
}

// y[i_dims[0], i_dims[1], ...] = x[i_0, i_1, ...]; the gradient is permuted back.
Tensor permuted(const char* op, const Tensor& x, const Shape& dims, Here here) {
  const TensorImpl& from = impl(x);
  Shape shape(dims.size(), 0), strides(dims.size(), 0);
  for (std::size_t d = 0; d < dims.size(); ++d) {
    shape[d] = from.shape[static_cast<std::size_t>(dims[d])];
    strides[d] = from.strides[static_cast<std::size_t>(dims[d])];
  }
  return record(op, here, make_view(x, std::move(shape), std::move(strides), from.offset), {&x}, [&] {
    return [dims](Backward& bw) {
      Shape inverse(dims.size(), 0);
      for (std::size_t d = 0; d < dims.size(); ++d)
        inverse[static_cast<std::size_t>(dims[d])] = static_cast<std::int64_t>(d);
      bw.give(0, permuted("permute", bw.grad(), inverse, bw.here()));
    };
  });
}

Shape identity(std::int64_t rank) {
  Shape dims(static_cast<std::size_t>(rank), 0);
  for (std::size_t d = 0; d < dims.size(); ++d) dims[d] = static_cast<std::int64_t>(d);
  return dims;
}

// y[..., i, ...] = x[..., 0, ...] along new dimensions and those of size 1; the gradient is summed over them.
Tensor expanded(const char* op, const Tensor& x, const Shape& target, bool keep_word, Here here) {
  const TensorImpl& from = impl(x);
  check<ShapeError>(target.size() >= from.shape.size(), here, "{}: {} has more dimensions than the target {}", op,
                    from.shape, target);
  const std::size_t added = target.size() - from.shape.size();
  Shape shape = target, strides(target.size(), 0);
  std::int64_t count = 1;
  for (std::size_t d = 0; d < target.size(); ++d) {
    const bool is_new = d < added;
    const std::int64_t size = is_new ? 1 : from.shape[d - added];
    if (target[d] == -1 && keep_word && !is_new) shape[d] = size;
    check<ShapeError>(shape[d] >= 0, here, "{}: {} is no size for dimension {} of {}", op, target[d], d, target);
    check<ShapeError>(shape[d] == size || size == 1, here,
                      "{}: {} does not broadcast to {}: dimension {} has size {}, not 1 or {}", op, from.shape, target,
                      d, size, shape[d]);
    check<ShapeError>(!__builtin_mul_overflow(count, shape[d], &count), here,
                      "{}: {} has more elements than can be counted", op, target);
    if (!is_new && shape[d] == size) strides[d] = from.strides[d - added];
  }
  return record(op, here, make_view(x, std::move(shape), std::move(strides), from.offset), {&x},
                [] { return [](Backward& bw) { bw.give(0, bw.take_grad()); }; });
}

}  // namespace

Tensor reshape(const Arg& x, const Shape& shape) {
  return reshaped("reshape", x.tensor(), inferred("reshape", x->sizes(), shape, x.here()), x.here());
}
Tensor Tensor::reshape(const Shape& shape, Here here) const { return xgrad::reshape({*this, here}, shape); }

Tensor view(const Arg& x, const Shape& shape) {
  return reshaped("view", x.tensor(), inferred("view", x->sizes(), shape, x.here()), x.here(), false);
}
Tensor Tensor::view(const Shape& shape, Here here) const { return xgrad::view({*this, here}, shape); }

Tensor flatten(const Arg& x, std::int64_t start_dim, std::int64_t end_dim) {
  const Shape& from = x->sizes();
  const auto start = static_cast<std::size_t>(wrap_dim("flatten", start_dim, x->dim(), x.here()));
  const auto end = static_cast<std::size_t>(wrap_dim("flatten", end_dim, x->dim(), x.here()));
  check<ValueError>(start <= end, x.here(), "flatten: start_dim {} comes after end_dim {}", start_dim, end_dim);
  if (from.empty()) return reshaped("flatten", x.tensor(), {1}, x.here());
  Shape shape(from.data(), start + 1);
  for (std::size_t d = start + 1; d <= end; ++d) shape[start] *= from[d];
  for (std::size_t d = end + 1; d < from.size(); ++d) shape.push_back(from[d]);
  return reshaped("flatten", x.tensor(), shape, x.here());
}
Tensor Tensor::flatten(std::int64_t start_dim, std::int64_t end_dim, Here here) const {
  return xgrad::flatten({*this, here}, start_dim, end_dim);
}

Tensor unflatten(const Arg& x, std::int64_t dim, const Shape& sizes) {
  const Shape& from = x->sizes();
  check<IndexError>(!from.empty(), x.here(), "unflatten: a 0-d tensor has no dimension to divide");
  const auto at = static_cast<std::size_t>(wrap_dim("unflatten", dim, x->dim(), x.here()));
  const Shape parts = inferred("unflatten", {from[at]}, sizes, x.here());
  Shape shape(from.data(), at);
  for (std::int64_t size : parts) shape.push_back(size);
  for (std::size_t d = at + 1; d < from.size(); ++d) shape.push_back(from[d]);
  return reshaped("unflatten", x.tensor(), shape, x.here());
}
Tensor Tensor::unflatten(std::int64_t dim, const Shape& sizes, Here here) const {
  return xgrad::unflatten({*this, here}, dim, sizes);
}

Tensor squeeze(const Arg& x) {
  Shape shape;
  for (std::int64_t size : x->sizes())
    if (size != 1) shape.push_back(size);
  return reshaped("squeeze", x.tensor(), shape, x.here());
}
Tensor Tensor::squeeze(Here here) const { return xgrad::squeeze({*this, here}); }

Tensor squeeze(const Arg& x, std::int64_t dim) {
  const auto at = static_cast<std::size_t>(wrap_dim("squeeze", dim, x->dim(), x.here()));
  Shape shape = x->sizes();
  if (at < shape.size() && shape[at] == 1) shape.erase(at);
  return reshaped("squeeze", x.tensor(), shape, x.here());
}
Tensor Tensor::squeeze(std::int64_t dim, Here here) const { return xgrad::squeeze({*this, here}, dim); }

Tensor unsqueeze(const Arg& x, std::int64_t dim) {
  Shape shape = x->sizes();
  shape.insert(static_cast<std::size_t>(wrap_dim("unsqueeze", dim, x->dim() + 1, x.here())), 1);
  return reshaped("unsqueeze", x.tensor(), shape, x.here());
}
Tensor Tensor::unsqueeze(std::int64_t dim, Here here) const { return xgrad::unsqueeze({*this, here}, dim); }

static Tensor exchanged(const char* op, const Arg& x, std::int64_t dim0, std::int64_t dim1) {
  const auto a = static_cast<std::size_t>(wrap_dim(op, dim0, x->dim(), x.here()));
  const auto b = static_cast<std::size_t>(wrap_dim(op, dim1, x->dim(), x.here()));
  Shape dims = identity(x->dim());
  if (!dims.empty()) std::swap(dims[a], dims[b]);
  return permuted(op, x.tensor(), dims, x.here());
}
Tensor transpose(const Arg& x, std::int64_t dim0, std::int64_t dim1) { return exchanged("transpose", x, dim0, dim1); }
Tensor swapaxes(const Arg& x, std::int64_t axis0, std::int64_t axis1) { return exchanged("swapaxes", x, axis0, axis1); }
Tensor swapdims(const Arg& x, std::int64_t dim0, std::int64_t dim1) { return exchanged("swapdims", x, dim0, dim1); }
Tensor Tensor::transpose(std::int64_t dim0, std::int64_t dim1, Here here) const {
  return xgrad::transpose({*this, here}, dim0, dim1);
}

Tensor t(const Arg& x) {
  check<ShapeError>(x->dim() <= 2, x.here(), "t: expected at most 2 dimensions, got {}; transpose takes any two",
                    x->sizes());
  Shape dims = identity(x->dim());
  std::reverse(dims.begin(), dims.end());
  return permuted("t", x.tensor(), dims, x.here());
}
Tensor Tensor::t(Here here) const { return xgrad::t({*this, here}); }

Tensor permute(const Arg& x, const Shape& dims) {
  const auto rank = static_cast<std::size_t>(x->dim());
  check<ShapeError>(dims.size() == rank, x.here(), "permute: {} has {} dimensions, the list {} has {}", x->sizes(),
                    rank, dims, dims.size());
  Shape wrapped = dims, seen(rank, 0);
  for (std::int64_t& dim : wrapped) {
    dim = wrap_dim("permute", dim, x->dim(), x.here());
    check<ValueError>(seen[static_cast<std::size_t>(dim)]++ == 0, x.here(), "permute: dimension {} occurs twice in {}",
                      dim, dims);
  }
  return permuted("permute", x.tensor(), wrapped, x.here());
}
Tensor Tensor::permute(const Shape& dims, Here here) const { return xgrad::permute({*this, here}, dims); }

Tensor movedim(const Arg& x, std::int64_t source, std::int64_t destination) {
  const auto from = static_cast<std::size_t>(wrap_dim("movedim", source, x->dim(), x.here()));
  const auto to = static_cast<std::size_t>(wrap_dim("movedim", destination, x->dim(), x.here()));
  Shape dims = identity(x->dim());
  if (!dims.empty()) {
    dims.erase(from);
    dims.insert(to, static_cast<std::int64_t>(from));
  }
  return permuted("movedim", x.tensor(), dims, x.here());
}
Tensor Tensor::movedim(std::int64_t source, std::int64_t destination, Here here) const {
  return xgrad::movedim({*this, here}, source, destination);
}

Tensor expand(const Arg& x, const Shape& shape) { return expanded("expand", x.tensor(), shape, true, x.here()); }
Tensor Tensor::expand(const Shape& shape, Here here) const { return xgrad::expand({*this, here}, shape); }

Tensor expand_as(const Arg& x, const Arg& other) {
  return expanded("expand_as", x.tensor(), other->sizes(), false, x.here());
}
Tensor Tensor::expand_as(const Tensor& other, Here here) const {
  return xgrad::expand_as({*this, here}, {other, here});
}

Tensor broadcast_to(const Arg& x, const Shape& shape) {
  return expanded("broadcast_to", x.tensor(), shape, true, x.here());
}
TensorList broadcast_tensors(const TensorList& tensors, Here here) {
  Shape shape;
  for (const Tensor& tensor : tensors)
    shape = detail::broadcast_shapes("broadcast_tensors", shape, tensor.sizes(), here);
  TensorList list;
  for (const Tensor& tensor : tensors) list.push_back(expanded("broadcast_tensors", tensor, shape, false, here));
  return list;
}
Tensor Tensor::broadcast_to(const Shape& shape, Here here) const { return xgrad::broadcast_to({*this, here}, shape); }

Tensor atleast_1d(const Arg& x) {
  return x->dim() >= 1 ? x.tensor() : reshaped("atleast_1d", x.tensor(), {1}, x.here());
}

Tensor atleast_2d(const Arg& x) {
  if (x->dim() >= 2) return x.tensor();
  return reshaped("atleast_2d", x.tensor(), {1, x->numel()}, x.here());
}

Tensor atleast_3d(const Arg& x) {
  if (x->dim() >= 3) return x.tensor();
  const Shape& from = x->sizes();
  return reshaped("atleast_3d", x.tensor(), from.size() == 2 ? Shape{from[0], from[1], 1} : Shape{1, x->numel(), 1},
                  x.here());
}

}  // namespace xgrad
