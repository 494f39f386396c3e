#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>

#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "kernels/accumulate.hpp"
#include "kernels/copy.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace {

using namespace detail;

// The tensors in their common dtype.
TensorList promoted(const char* op, const TensorList& tensors, Here here) {
  check<ValueError>(!tensors.empty(), here, "{}: expected at least one tensor, got an empty list", op);
  for (const Tensor& tensor : tensors)
    if (!tensor.defined()) raise_undefined(here);
  bool mixed = false;
  for (const Tensor& tensor : tensors) mixed = mixed || tensor.dtype() != tensors[0].dtype();
  if (!mixed) return tensors;
  Tensor common = tensors[0];
  for (const Tensor& tensor : tensors) {
    const Dtype dtype = promote(op, {common, here}, {tensor, here}, here);
    if (common.dtype() != dtype) common = make_tensor({}, dtype);
  }
  TensorList list;
  for (const Tensor& tensor : tensors) list.push_back(tensor.to(common.dtype(), here));
  return list;
}

std::vector<const Tensor*> addresses(const TensorList& tensors) {
  std::vector<const Tensor*> list;
  for (const Tensor& tensor : tensors) list.push_back(&tensor);
  return list;
}

// y = [x_0, x_1, ...] along dim; the gradient of each is its part.
Tensor joined(const char* op, const TensorList& given, std::int64_t dim, Here here) {
  TensorList tensors = promoted(op, given, here);
  std::size_t rank = 0;
  for (const Tensor& tensor : tensors) rank = std::max(rank, tensor.sizes().size());
  check<ShapeError>(rank > 0, here, "{}: 0-d tensors have no dimension to join along; stack makes one", op);
  std::erase_if(tensors, [rank](const Tensor& x) { return rank > 1 && x.dim() == 1 && x.numel() == 0; });
  rank = tensors[0].sizes().size();
  const auto at = static_cast<std::size_t>(wrap_dim(op, dim, static_cast<std::int64_t>(rank), here));
  Shape shape = tensors[0].sizes(), starts;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    const Shape& other = tensors[k].sizes();
    bool fits = other.size() == rank;
    for (std::size_t d = 0; fits && d < rank; ++d) fits = d == at || other[d] == shape[d];
    check<ShapeError>(fits, here, "{}: tensors differ outside dimension {}: the first is {}, number {} is {}", op, at,
                      tensors[0].sizes(), k, other);
    starts.push_back(k == 0 ? 0 : shape[at]);
    if (k > 0) shape[at] += other[at];
  }
  Tensor result = make_tensor(shape, tensors[0].dtype());
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    if (tensors[k].numel() == 0) continue;
    const Range range{starts[k], tensors[k].sizes()[at], 1};
    copy_elements(part_of(result, sliced(row_major(shape), at, range)), tensors[k]);
  }
  starts.push_back(shape[at]);
  record(op, here, {result}, addresses(tensors), [&] {
    return [starts, at](Backward& bw) {
      for (std::size_t k = 0; k + 1 < starts.size(); ++k)
        if (bw.needs(k))
          bw.give(k,
                  narrow({bw.grad(), bw.here()}, static_cast<std::int64_t>(at), starts[k], starts[k + 1] - starts[k]));
    };
  });
  return result;
}

// The gradients of a node's outputs, zeros where none arrived.
TensorList complete_grads(Backward& bw) {
  TensorList grads;
  Tensor zero;
  for (std::size_t k = 0; k < bw.output_count(); ++k) {
    if (bw.grad(k).defined()) {
      grads.push_back(bw.grad(k));
      continue;
    }
    const OutputMeta& output = bw.node().outputs[k];
    if (!zero.defined()) zero = make_zeros({}, output.dtype);
    grads.push_back(make_view(zero, output.shape, Shape(output.shape.size(), 0), 0));
  }
  return grads;
}

// Views of x along dim, as outputs of one node: parts[k] gives the geometry of the k-th in the whole. The gradient of x
// is join(gradients): one pass, zeros where none arrived.
template <class Part, class Join>
TensorList parted(const char* op, const Arg& x, std::size_t count, Part part, Join join) {
  TensorList parts;
  for (std::size_t k = 0; k < count; ++k) {
    Geometry view = part(geometry(x.tensor()), k);
    parts.push_back(make_view(x.tensor(), std::move(view.shape), std::move(view.strides), view.offset));
  }
  if (count == 0) return parts;
  record(op, x.here(), parts, {&x.tensor()}, [&] {
    return [part, join](Backward& bw) {
      const Tensor gathered = bw.pending(0);
      if (!gathered.defined()) return bw.give(0, join(complete_grads(bw), bw.here()));
      for (std::size_t k = 0; k < bw.output_count(); ++k)
        if (bw.grad(k).defined()) add_elements(part_of(gathered, part(row_major(bw.input_shape(0)), k)), bw.grad(k));
    };
  });
  return parts;
}

TensorList divided(const char* op, const Arg& x, std::size_t dim, const Shape& sizes) {
  Shape starts(1, 0);
  for (const std::int64_t size : sizes) starts.push_back(starts.back() + size);
  return parted(
      op, x, sizes.size(),
      [starts, dim](Geometry whole, std::size_t k) {
        return sliced(std::move(whole), dim, {starts[k], starts[k + 1] - starts[k], 1});
      },
      [dim](const TensorList& grads, Here here) { return joined("cat", grads, static_cast<std::int64_t>(dim), here); });
}

Shape equal_parts(std::int64_t total, std::int64_t size) {
  Shape sizes;
  for (std::int64_t start = 0; start < total; start += size) sizes.push_back(std::min(size, total - start));
  if (sizes.empty()) sizes.push_back(0);
  return sizes;
}

// hsplit and its kin: in equal parts, or before each of the indices.
template <class Sections>
TensorList split_at(const char* op, const Arg& x, const Sections& sections, std::int64_t rank, std::int64_t dim) {
  check<ShapeError>(x->dim() >= rank, x.here(), "{}: expected at least {} dimensions, got {}", op, rank, x->sizes());
  if constexpr (std::is_integral_v<Sections>) {
    const std::int64_t total = x->sizes()[static_cast<std::size_t>(dim)];
    check<ValueError>(sections > 0 && total % sections == 0, x.here(),
                      "{}: expected a number of parts that divides dimension {} of {}, got {}", op, dim, x->sizes(),
                      sections);
  }
  return tensor_split(x, sections, dim);
}

}  // namespace

Tensor cat(const TensorList& tensors, std::int64_t dim, Here here) { return joined("cat", tensors, dim, here); }

Tensor concatenate(const TensorList& tensors, std::int64_t dim, Here here) {
  return joined("concatenate", tensors, dim, here);
}

// y[..., k, ...] = x_k[...]; the gradient of each is its part.
Tensor stack(const TensorList& given, std::int64_t dim, Here here) {
  const TensorList tensors = promoted("stack", given, here);
  const Shape& part = tensors[0].sizes();
  const auto at = static_cast<std::size_t>(wrap_dim("stack", dim, tensors[0].dim() + 1, here));
  for (std::size_t k = 1; k < tensors.size(); ++k)
    check<ShapeError>(tensors[k].sizes() == part, here,
                      "stack: expected tensors of one shape, the first is {}, number {} is {}", part, k,
                      tensors[k].sizes());
  Shape shape = part;
  shape.insert(at, static_cast<std::int64_t>(tensors.size()));
  Tensor result = make_tensor(shape, tensors[0].dtype());
  const Geometry whole = row_major(shape);
  for (std::size_t k = 0; k < tensors.size(); ++k)
    copy_elements(part_of(result, selected(whole, at, static_cast<std::int64_t>(k))), tensors[k]);
  record("stack", here, {result}, addresses(tensors), [&] {
    return [at, count = tensors.size()](Backward& bw) {
      for (std::size_t k = 0; k < count; ++k)
        if (bw.needs(k))
          bw.give(k, select({bw.grad(), bw.here()}, static_cast<std::int64_t>(at), static_cast<std::int64_t>(k)));
    };
  });
  return result;
}

Tensor hstack(const TensorList& tensors, Here here) {
  TensorList list;
  for (const Tensor& tensor : tensors) list.push_back(atleast_1d({tensor, here}));
  return joined("hstack", list, list.empty() || list[0].dim() == 1 ? 0 : 1, here);
}

Tensor vstack(const TensorList& tensors, Here here) {
  TensorList list;
  for (const Tensor& tensor : tensors) list.push_back(atleast_2d({tensor, here}));
  return joined("vstack", list, 0, here);
}

TensorList split(const Arg& x, std::int64_t size, std::int64_t dim) {
  const std::size_t at = existing_dim("split", x, dim);
  const std::int64_t total = x->sizes()[at];
  check<ValueError>(size > 0 || (size == 0 && total == 0), x.here(),
                    "split: the size of a part must be positive, got {}", size);
  return divided("split", x, at, equal_parts(total, size));
}
TensorList Tensor::split(std::int64_t size, std::int64_t dim, Here here) const {
  return xgrad::split({*this, here}, size, dim);
}

TensorList split(const Arg& x, const Shape& sizes, std::int64_t dim) {
  const std::size_t at = existing_dim("split", x, dim);
  const std::int64_t total = x->sizes()[at];
  std::int64_t left = total;
  bool fits = true;
  for (const std::int64_t size : sizes) {
    check<ValueError>(size >= 0, x.here(), "split: sizes must be at least 0, got {}", sizes);
    fits = fits && size <= left;
    if (fits) left -= size;
  }
  check<ShapeError>(fits && left == 0, x.here(), "split: sizes {} do not add up to dimension {} of {}, {}", sizes, at,
                    x->sizes(), total);
  return divided("split", x, at, sizes);
}

TensorList chunk(const Arg& x, std::int64_t chunks, std::int64_t dim) {
  const std::size_t at = existing_dim("chunk", x, dim);
  check<ValueError>(chunks > 0, x.here(), "chunk: the number of chunks must be positive, got {}", chunks);
  const std::int64_t total = x->sizes()[at];
  return divided(
      "chunk", x, at,
      total == 0 ? Shape(static_cast<std::size_t>(chunks), 0) : equal_parts(total, (total - 1) / chunks + 1));
}
TensorList Tensor::chunk(std::int64_t chunks, std::int64_t dim, Here here) const {
  return xgrad::chunk({*this, here}, chunks, dim);
}

TensorList tensor_split(const Arg& x, std::int64_t sections, std::int64_t dim) {
  const std::size_t at = existing_dim("tensor_split", x, dim);
  check<ValueError>(sections > 0, x.here(), "tensor_split: the number of parts must be positive, got {}", sections);
  const std::int64_t total = x->sizes()[at];
  Shape sizes(static_cast<std::size_t>(sections), total / sections);
  for (std::size_t k = 0; k < static_cast<std::size_t>(total % sections); ++k) ++sizes[k];
  return divided("tensor_split", x, at, sizes);
}

// The parts may overlap where the indices fall.
TensorList tensor_split(const Arg& x, const Shape& indices, std::int64_t dim) {
  const auto at = static_cast<std::int64_t>(existing_dim("tensor_split", x, dim));
  TensorList parts;
  std::int64_t begin = 0;
  for (const std::int64_t index : indices) {
    parts.push_back(x->slice(at, begin, index, 1, x.here()));
    begin = index;
  }
  parts.push_back(x->slice(at, begin, {}, 1, x.here()));
  return parts;
}

TensorList hsplit(const Arg& x, std::int64_t sections) { return split_at("hsplit", x, sections, 1, x->dim() > 1); }
TensorList hsplit(const Arg& x, const Shape& indices) { return split_at("hsplit", x, indices, 1, x->dim() > 1); }
TensorList vsplit(const Arg& x, std::int64_t sections) { return split_at("vsplit", x, sections, 2, 0); }
TensorList vsplit(const Arg& x, const Shape& indices) { return split_at("vsplit", x, indices, 2, 0); }
TensorList dsplit(const Arg& x, std::int64_t sections) { return split_at("dsplit", x, sections, 3, 2); }
TensorList dsplit(const Arg& x, const Shape& indices) { return split_at("dsplit", x, indices, 3, 2); }

TensorList unbind(const Arg& x, std::int64_t dim) {
  const std::size_t at = existing_dim("unbind", x, dim);
  return parted(
      "unbind", x, static_cast<std::size_t>(x->sizes()[at]),
      [at](Geometry whole, std::size_t k) { return selected(std::move(whole), at, static_cast<std::int64_t>(k)); },
      [at](const TensorList& grads, Here here) { return stack(grads, static_cast<std::int64_t>(at), here); });
}
TensorList Tensor::unbind(std::int64_t dim, Here here) const { return xgrad::unbind({*this, here}, dim); }

TensorList meshgrid(const TensorList& tensors, const std::string& indexing, Here here) {
  check<ValueError>(!tensors.empty(), here, "meshgrid: expected at least one tensor, got an empty list");
  check<ValueError>(indexing == "ij" || indexing == "xy", here,
                    "meshgrid: indexing must be \"ij\" or \"xy\", got \"{}\"", indexing);
  const bool exchanged = indexing == "xy" && tensors.size() > 1;
  const auto axis = [&](std::size_t k) { return exchanged && k < 2 ? 1 - k : k; };
  Shape grid(tensors.size(), 0);
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    if (!tensors[k].defined()) raise_undefined(here);
    check<ShapeError>(tensors[k].dim() <= 1, here,
                      "meshgrid: expected tensors of at most one dimension, number {} is {}", k, tensors[k].sizes());
    grid[axis(k)] = tensors[k].numel();
  }
  TensorList views;
  for (std::size_t k = 0; k < tensors.size(); ++k) {
    Shape line(grid.size(), 1);
    line[axis(k)] = tensors[k].numel();
    views.push_back(tensors[k].reshape(line, here).expand(grid, here));
  }
  return views;
}

// The rows of the grid of all tensors.
Tensor cartesian_prod(const TensorList& tensors, Here here) {
  check<ValueError>(!tensors.empty(), here, "cartesian_prod: expected at least one tensor, got an empty list");
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) raise_undefined(here);
    check<ShapeError>(tensor.dim() == 1, here, "cartesian_prod: expected tensors of one dimension, got {}",
                      tensor.sizes());
  }
  if (tensors.size() == 1) return tensors[0];
  TensorList columns;
  for (const Tensor& view : meshgrid(promoted("cartesian_prod", tensors, here), "ij", here))
    columns.push_back(view.reshape({-1}, here));
  return stack(columns, 1, here);
}

Tensor combinations(const Arg& x, std::int64_t r, bool with_replacement) {
  const Here here = x.here();
  check<ShapeError>(x->dim() == 1, here, "combinations: expected one dimension, got {}", x->sizes());
  check<ValueError>(r >= 0, here, "combinations: r must be at least 0, got {}", r);
  if (r == 0) return make_tensor({0}, x->dtype());
  const std::int64_t n = x->numel();
  std::vector<std::int64_t> list, pick(static_cast<std::size_t>(r));
  if (!with_replacement) std::iota(pick.begin(), pick.end(), 0);
  // The highest index of the place that is k-th from the end.
  const auto highest = [&](std::int64_t k) { return with_replacement ? n - 1 : n - 1 - k; };
  bool more = n > 0 && pick.back() < n;
  while (more) {
    list.insert(list.end(), pick.begin(), pick.end());
    std::int64_t k = 0;
    while (k < r && pick[static_cast<std::size_t>(r - 1 - k)] == highest(k)) ++k;
    more = k < r;
    if (!more) break;
    std::int64_t next = ++pick[static_cast<std::size_t>(r - 1 - k)];
    for (auto i = static_cast<std::size_t>(r - k); i < pick.size(); ++i) pick[i] = with_replacement ? next : ++next;
  }
  const auto rows = static_cast<std::int64_t>(list.size()) / r;
  return x->index_select(0, tensor(std::span(std::as_const(list))), here).reshape({rows, r}, here);
}

}  // namespace xgrad
