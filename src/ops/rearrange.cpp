#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/rearrange.hpp>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/copy.hpp"
#include "kernels/parallel.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace {

using namespace detail;

// y[..., i, ...] = x[..., n - 1 - i, ...]; its own gradient.
Tensor flipped(const Tensor& x, const Shape& dims, Here here) {
  const TensorImpl& from = impl(x);
  Shape strides = from.strides;
  std::int64_t offset = from.offset;
  for (const std::int64_t dim : dims) {
    const auto d = static_cast<std::size_t>(dim);
    offset += std::max<std::int64_t>(from.shape[d] - 1, 0) * strides[d];
    strides[d] = -strides[d];
  }
  Tensor result = make_tensor(from.shape, from.dtype);
  copy_elements(result, make_view(x, from.shape, std::move(strides), offset));
  return record("flip", here, result, {&x},
                [&] { return [dims](Backward& bw) { bw.give(0, flipped(bw.grad(), dims, bw.here())); }; });
}

Tensor rolled_once(const Tensor& x, std::size_t dim, std::int64_t shift) {
  const Shape& shape = impl(x).shape;
  const std::int64_t size = shape[dim];
  Tensor result = make_tensor(shape, impl(x).dtype);
  if (impl(x).numel == 0) return result;
  const std::int64_t moved = (shift % size + size) % size;
  const Geometry to = row_major(shape), from = geometry(x);
  const auto copy = [&](const Range& into, const Range& out_of) {
    Geometry source = sliced(from, dim, out_of);
    copy_elements(part_of(result, sliced(to, dim, into)),
                  make_view(x, std::move(source.shape), std::move(source.strides), source.offset));
  };
  copy({moved, size - moved, 1}, {0, size - moved, 1});
  if (moved > 0) copy({0, moved, 1}, {size - moved, moved, 1});
  return result;
}

// y[..., i, ...] = x[..., (i - shift) mod n, ...]; the gradient is rolled back.
Tensor rolled(const Tensor& x, const std::vector<std::int64_t>& shifts, const Shape& dims, Here here) {
  Tensor result = x;
  for (std::size_t k = 0; k < dims.size(); ++k)
    result = rolled_once(result, static_cast<std::size_t>(dims[k]), shifts[k]);
  return record("roll", here, result, {&x}, [&] {
    return [shifts, dims](Backward& bw) {
      std::vector<std::int64_t> back;
      for (std::size_t k = 0; k < dims.size(); ++k) {
        const std::int64_t size = bw.input_shape(0)[static_cast<std::size_t>(dims[k])];
        back.push_back(size == 0 ? 0 : -(shifts[k] % size));
      }
      bw.give(0, rolled(bw.grad(), back, dims, bw.here()));
    };
  });
}

// y[r_0 n_0 + i_0, ...] = x[i_0, ...]; the gradient sums over the copies.
Tensor repeated(const char* op, const Tensor& x, const Shape& repeats, Here here) {
  const TensorImpl& from = impl(x);
  const std::size_t added = repeats.size() - from.shape.size();
  Shape shape, apart, once, strides;  // sizes of the result; copies and sizes in turn; 1 and sizes in turn
  for (std::size_t d = 0; d < repeats.size(); ++d) {
    const std::int64_t size = d < added ? 1 : from.shape[d - added];
    check<ValueError>(repeats[d] >= 0, here, "{}: repeats must be at least 0, got {}", op, repeats);
    shape.push_back(0);
    check<ShapeError>(!__builtin_mul_overflow(repeats[d], size, &shape[d]), here,
                      "{}: {} has more elements than can be counted", op, repeats);
    for (const std::int64_t part : {repeats[d], size}) apart.push_back(part);
    for (const std::int64_t part : {std::int64_t{1}, size}) once.push_back(part);
    for (const std::int64_t stride : {std::int64_t{0}, d < added ? 0 : from.strides[d - added]})
      strides.push_back(stride);
  }
  Tensor result = make_tensor(shape, from.dtype);
  if (impl(result).numel > 0)
    copy_elements(part_of(result, row_major(apart)), make_view(x, std::move(once), std::move(strides), from.offset));
  return record(op, here, result, {&x}, [&] {
    return [apart](Backward& bw) {
      std::vector<std::int64_t> copies;
      for (std::size_t d = 0; d < apart.size(); d += 2) copies.push_back(static_cast<std::int64_t>(d));
      const Tensor grad = bw.grad().reshape(apart, bw.here());
      bw.give(0, copies.empty() ? grad : grad.sum(Dims(copies), false, bw.here()));
    };
  });
}

enum class Triangle : bool { lower, upper };

// y[i, j] = x[i, j] on one side of a diagonal, else 0; its own gradient.
Tensor triangle(const char* op, const Tensor& x, Triangle side, std::int64_t diagonal, Here here) {
  check<ShapeError>(x.dim() >= 2, here, "{}: expected at least 2 dimensions, got {}", op, x.sizes());
  const Tensor from = dense(x);
  Tensor result = make_tensor(x.sizes(), x.dtype());
  const std::int64_t rows = x.sizes()[x.sizes().size() - 2], columns = x.sizes().back();
  const std::int64_t count = x.numel(), lines = count == 0 ? 0 : count / columns;
  dispatch_size(x.dtype(), [&]<class T>() {
    const T* source = data<T>(from);
    T* target = data<T>(result);
    parallel_for(
        lines, 16384 / std::max<std::int64_t>(columns, 1) + 1, count, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t line = begin; line < end; ++line) {
            // The first column right of the diagonal for lower, the first on it for upper.
            const std::int64_t row = line % rows, shift = side == Triangle::lower ? 1 : 0;
            const std::int64_t border =
                std::clamp<std::int64_t>(row + std::clamp(diagonal, -rows - 1, columns + 1) + shift, 0, columns);
            const std::int64_t first = side == Triangle::lower ? 0 : border,
                               last = side == Triangle::lower ? border : columns;
            const T* in = source + line * columns;
            T* out = target + line * columns;
            std::fill(out, out + first, T(0));
            std::copy(in + first, in + last, out + first);
            std::fill(out + last, out + columns, T(0));
          }
        });
  });
  return record(op, here, result, {&x}, [&] {
    return [op, side, diagonal](Backward& bw) { bw.give(0, triangle(op, bw.grad(), side, diagonal, bw.here())); };
  });
}

}  // namespace

Tensor flip(const Arg& x, const Dims& dims) {
  return flipped(x.tensor(), dims.list().empty() ? Shape{} : wrap_dims("flip", dims.list(), x->dim(), x.here()),
                 x.here());
}
Tensor Tensor::flip(const Dims& dims, Here here) const { return xgrad::flip({*this, here}, dims); }

Tensor fliplr(const Arg& x) {
  check<ShapeError>(x->dim() >= 2, x.here(), "fliplr: expected at least 2 dimensions, got {}", x->sizes());
  return flipped(x.tensor(), {1}, x.here());
}

Tensor flipud(const Arg& x) {
  check<ShapeError>(x->dim() >= 1, x.here(), "flipud: expected at least 1 dimension, got {}", x->sizes());
  return flipped(x.tensor(), {0}, x.here());
}

// A quarter turn mirrors and transposes, half a turn mirrors twice.
Tensor rot90(const Arg& x, std::int64_t k, const Dims& dims) {
  const Here here = x.here();
  check<ShapeError>(dims.list().size() == 2, here, "rot90: expected two dims, got {}", Shape(dims.list()));
  check<ShapeError>(x->dim() >= 2, here, "rot90: expected at least 2 dimensions, got {}", x->sizes());
  const std::int64_t from = wrap_dim("rot90", dims.list()[0], x->dim(), here),
                     to = wrap_dim("rot90", dims.list()[1], x->dim(), here);
  check<ValueError>(from != to, here, "rot90: expected two different dims, got {}", Shape(dims.list()));
  switch ((k % 4 + 4) % 4) {
    case 0:
      return x->clone(here);
    case 1:
      return flipped(x->transpose(from, to, here), {from}, here);
    case 2:
      return flipped(x.tensor(), {from, to}, here);
    default:
      return flipped(x->transpose(from, to, here), {to}, here);
  }
}

Tensor roll(const Arg& x, const Dims& shifts, const Dims& dims) {
  const Here here = x.here();
  if (dims.list().empty()) {
    check<ShapeError>(shifts.list().size() == 1, here, "roll: without dims, expected one shift, got {}",
                      Shape(shifts.list()));
    return rolled(x->reshape({-1}, here), shifts.list(), {0}, here).reshape(x->sizes(), here);
  }
  check<ShapeError>(shifts.list().size() == dims.list().size(), here, "roll: shifts {} and dims {} differ in length",
                    Shape(shifts.list()), Shape(dims.list()));
  Shape wrapped;
  for (const std::int64_t dim : dims.list()) wrapped.push_back(static_cast<std::int64_t>(existing_dim("roll", x, dim)));
  return rolled(x.tensor(), shifts.list(), wrapped, here);
}

Tensor repeat(const Arg& x, const Shape& repeats) {
  check<ShapeError>(repeats.size() >= x->sizes().size(), x.here(),
                    "repeat: expected at least one entry for each dimension of {}, got {}; tile fills up with ones",
                    x->sizes(), repeats);
  return repeated("repeat", x.tensor(), repeats, x.here());
}
Tensor Tensor::repeat(const Shape& repeats, Here here) const { return xgrad::repeat({*this, here}, repeats); }

Tensor tile(const Arg& x, const Shape& repeats) {
  Shape full = repeats;
  while (full.size() < x->sizes().size()) full.insert(0, 1);
  return repeated("tile", x.tensor(), full, x.here());
}

Tensor repeat_interleave(const Arg& x, std::int64_t repeats, std::optional<std::int64_t> dim) {
  const Here here = x.here();
  check<ValueError>(repeats >= 0, here, "repeat_interleave: repeats must be at least 0, got {}", repeats);
  if (!dim) return repeat_interleave({x->reshape({-1}, here), here}, repeats, 0);
  const std::size_t at = existing_dim("repeat_interleave", x, *dim);
  Shape copies(x->sizes().size() + 1, 1), shape = x->sizes();
  copies[at + 1] = repeats;
  std::int64_t& size = shape[at];
  check<ShapeError>(!__builtin_mul_overflow(size, repeats, &size), here,
                    "repeat_interleave: {} has more elements than can be counted", repeats);
  return repeated("repeat_interleave", x->unsqueeze(static_cast<std::int64_t>(at) + 1, here), copies, here)
      .reshape(shape, here);
}

Tensor repeat_interleave(const Arg& x, const Tensor& repeats, std::optional<std::int64_t> dim) {
  const Here here = x.here();
  check<DtypeError>(repeats.dtype() == Dtype::int64, here,
                    "repeat_interleave: expected repeats of int64, got {}; convert with to()", repeats.dtype());
  const std::vector<std::int64_t> counts = repeats.to_vector<std::int64_t>(here);
  if (repeats.dim() <= 1 && counts.size() == 1) return repeat_interleave(x, counts[0], dim);
  if (!dim) return repeat_interleave({x->reshape({-1}, here), here}, repeats, 0);
  const auto at = static_cast<std::int64_t>(existing_dim("repeat_interleave", x, *dim));
  const std::int64_t size = x->size(at, here);
  check<ShapeError>(repeats.dim() == 1 && repeats.numel() == size, here,
                    "repeat_interleave: expected repeats of shape [{}] for dimension {} of {}, got {}", size, at,
                    x->sizes(), repeats.sizes());
  std::vector<std::int64_t> list;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    check<ValueError>(counts[i] >= 0, here, "repeat_interleave: repeats must be at least 0, got {}", counts[i]);
    list.insert(list.end(), static_cast<std::size_t>(counts[i]), static_cast<std::int64_t>(i));
  }
  return x->index_select(at, tensor(std::span(std::as_const(list))), here);
}

Tensor tril(const Arg& x, std::int64_t diagonal) {
  return triangle("tril", x.tensor(), Triangle::lower, diagonal, x.here());
}
Tensor Tensor::tril(std::int64_t diagonal, Here here) const { return xgrad::tril({*this, here}, diagonal); }

Tensor triu(const Arg& x, std::int64_t diagonal) {
  return triangle("triu", x.tensor(), Triangle::upper, diagonal, x.here());
}
Tensor Tensor::triu(std::int64_t diagonal, Here here) const { return xgrad::triu({*this, here}, diagonal); }

}  // namespace xgrad
