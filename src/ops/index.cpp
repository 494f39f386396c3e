#include <xgrad/ops/index.hpp>

#include <utility>
#include <vector>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "ops/selection.hpp"
#include "ops/shape.hpp"

namespace xgrad {
namespace {

using namespace detail;

// A checked index: steps that make a view, then index tensors (all of one length) along dimensions of that view.
class Indexing {
 public:
  Indexing(const char* op, const Shape& shape, const std::vector<TensorIndex>& indices, Here here)
      : op_(op), here_(here) {
    const std::size_t skipped = skipped_dims(shape, indices);
    std::size_t from = 0, to = 0;  // the dimension of x, and of the view, that a position speaks of
    for (const TensorIndex& index : indices) switch (index.kind()) {
        case TensorIndex::Kind::integer:
          steps_.push_back({Step::Kind::select, to, {wrapped(index.integer(), from, shape), 0, 0}});
          ++from;
          break;
        case TensorIndex::Kind::slice:
          steps_.push_back({Step::Kind::slice, to, slice_range(op, index.slice(), shape[from], here)});
          ++from, ++to;
          break;
        case TensorIndex::Kind::ellipsis:
          from += skipped, to += skipped;
          break;
        case TensorIndex::Kind::newaxis:
          steps_.push_back({Step::Kind::insert, to++, {}});
          break;
        case TensorIndex::Kind::tensor:
          take_tensor(index.tensor(), shape, from, to);
      }
    for (const Listed& listed : lists_)
      broadcast_ = detail::broadcast_shapes(op, broadcast_, impl(listed.index).shape, here);
    for (Listed& listed : lists_) listed.index = broadcast_values(listed.index, broadcast_, Dtype::int64);
  }

  bool is_view() const { return lists_.empty(); }

  // The geometry that the integers, slices and new axes make of one.
  Geometry view(Geometry geometry) const {
    for (const Step& step : steps_) {
      if (step.kind == Step::Kind::select) {
        geometry = selected(std::move(geometry), step.dim, step.range.start);
      } else if (step.kind == Step::Kind::slice) {
        geometry = sliced(std::move(geometry), step.dim, step.range);
      } else {
        geometry.shape.insert(step.dim, 1);
        geometry.strides.insert(step.dim, 0);
      }
    }
    return geometry;
  }

  // All of the index as places in a layout.
  Selection selection(Geometry layout) const {
    const Geometry part = view(std::move(layout));
    Selection result;
    result.offset = part.offset;
    if (lists_.empty()) {
      result.shape = result.inner = part.shape;
      result.inner_strides = part.strides;
      result.places = make_tensor({1}, Dtype::int64);
      fill_elements(result.places, 0);
      return result;
    }
    const bool neighbours = lists_.back().dim - lists_.front().dim + 1 == lists_.size();
    const std::size_t front = neighbours ? lists_.front().dim : 0;
    std::size_t list = 0;
    for (std::size_t d = 0; d < part.shape.size(); ++d) {
      if (list < lists_.size() && lists_[list].dim == d) {
        add_list(result, lists_[list++].index, part.shape[d], part.strides[d]);
      } else {
        (d < front ? result.outer : result.inner).push_back(part.shape[d]);
        (d < front ? result.outer_strides : result.inner_strides).push_back(part.strides[d]);
      }
    }
    result.shape = result.outer;
    for (const std::int64_t size : broadcast_) result.shape.push_back(size);
    for (const std::int64_t size : result.inner) result.shape.push_back(size);
    return result;
  }

 private:
  struct Step {
    enum class Kind { select, slice, insert };
    Kind kind;
    std::size_t dim;
    Range range;
  };
  struct Listed {
    std::size_t dim;
    Tensor index;
  };

  // How many dimensions an ellipsis stands for; checks the number of positions.
  std::size_t skipped_dims(const Shape& shape, const std::vector<TensorIndex>& indices) const {
    std::size_t used = 0, ellipses = 0;
    for (const TensorIndex& index : indices) {
      if (index.kind() == TensorIndex::Kind::ellipsis) {
        ++ellipses;
      } else if (index.kind() == TensorIndex::Kind::tensor && index.tensor().dtype() != Dtype::int64) {
        check_index_dtype(index.tensor());
        used += index.tensor().sizes().size();
      } else if (index.kind() != TensorIndex::Kind::newaxis) {
        ++used;
      }
    }
    check<IndexError>(ellipses <= 1, here_, "{}: an index may have one ellipsis, got {}", op_, ellipses);
    check<IndexError>(used <= shape.size(), here_, "{}: {} positions are too many for {}", op_, used, shape);
    return shape.size() - used;
  }

  void check_index_dtype(const Tensor& index) const {
    check<DtypeError>(index.dtype() == Dtype::boolean || index.dtype() == Dtype::uint8, here_,
                      "{}: index tensors must be int64, bool or uint8, got {}", op_, index.dtype());
  }

  std::int64_t wrapped(std::int64_t index, std::size_t dim, const Shape& shape) const {
    return wrap_index(op_, index, static_cast<std::int64_t>(dim), shape[dim], here_);
  }

  void take_tensor(const Tensor& index, const Shape& shape, std::size_t& from, std::size_t& to) {
    if (index.dtype() == Dtype::int64 && index.dim() == 0) {
      steps_.push_back({Step::Kind::select, to, {wrapped(*data<std::int64_t>(index), from, shape), 0, 0}});
      ++from;
    } else if (index.dtype() == Dtype::int64) {
      lists_.push_back({to, wrapped_indices(op_, index, static_cast<std::int64_t>(from), shape[from], here_)});
      ++from, ++to;
    } else {
      const Shape& mask = index.sizes();
      for (std::size_t d = 0; d < mask.size(); ++d)
        check<IndexError>(mask[d] == shape[from + d], here_,
                          "{}: a mask of shape {} does not fit {} from dimension {} on: size {} is not {}", op_, mask,
                          shape, from, mask[d], shape[from + d]);
      // A mask without dimensions acts on a new one of size 1.
      if (mask.empty()) steps_.push_back({Step::Kind::insert, to, {}});
      for (Tensor& coordinates : nonzero_lists(index)) lists_.push_back({to++, std::move(coordinates)});
      from += mask.size();
    }
  }

  // Adds one index tensor to the places of a selection.
  static void add_list(Selection& selection, const Tensor& index, std::int64_t size, std::int64_t stride) {
    const Tensor places = scaled_places(index, size, stride, selection.offset);
    if (!selection.places.defined()) {
      selection.places = places;
      return;
    }
    std::int64_t* sum = data<std::int64_t>(selection.places);
    const std::int64_t* more = data<std::int64_t>(places);
    for (std::int64_t k = 0; k < impl(places).numel; ++k) sum[k] += more[k];
  }

  const char* op_;
  Here here_;
  std::vector<Step> steps_;
  std::vector<Listed> lists_;
  Shape broadcast_;
};

Here place_of(const std::vector<TensorIndex>& indices) {
  return indices.empty() ? Here{nullptr, 0} : indices.front().here();
}

Tensor indexed(const Tensor& x, const std::vector<TensorIndex>& indices, Here here) {
  if (!x.defined()) raise_undefined(here);
  const Indexing indexing("index", x.sizes(), indices, here);
  if (indexing.is_view()) {
    Geometry part = indexing.view(geometry(x));
    return record("index", here, make_view(x, std::move(part.shape), std::move(part.strides), part.offset), {&x}, [&] {
      return [region = indexing.view(row_major(x.sizes()))](Backward& bw) { give_region(bw, region); };
    });
  }
  return read_selection("index", x, here, [&](Geometry layout) { return indexing.selection(std::move(layout)); });
}

// The value as a tensor of dtype that broadcasts to the places; checked.
Tensor placed_value(const Tensor& x, const Operand& value, const Shape& shape, Here here) {
  const Dtype dtype = x.dtype();
  if (!value.is_tensor()) {
    check<DtypeError>(is_floating_point(dtype) || !value.scalar().is_floating_point(), here,
                      "index_put: a floating number does not go into a tensor of {}", dtype);
    Tensor number = make_tensor({}, dtype);
    fill_elements(number, value.scalar());
    return number;
  }
  check<DtypeError>(value.tensor().dtype() == dtype, here,
                    "index_put: value is {}, the tensor {}; convert one with to()", value.tensor().dtype(), dtype);
  const Shape& from = value.tensor().sizes();
  bool fits = from.size() <= shape.size();
  for (std::size_t d = 0; fits && d < from.size(); ++d)
    fits = from[d] == 1 || from[d] == shape[shape.size() - from.size() + d];
  check<ShapeError>(fits, here, "index_put: value of shape {} does not broadcast to the indexed part, {}", from, shape);
  return value.tensor();
}

void check_accumulates(const Tensor& x, bool accumulate, Here here) {
  check<DtypeError>(!accumulate || (x.dtype() != Dtype::int32 && x.dtype() != Dtype::uint8), here,
                    "index_put: {} is a storage type and does not accumulate; convert with to() first", x.dtype());
}

Tensor put(const Tensor& x, const Indexing& indexing, const Tensor& value, bool accumulate, Here here) {
  const Selection selection = indexing.selection(row_major(x.sizes()));
  return accumulate ? add_selection("index_put", x, value, selection, here)
                    : put_selection("index_put", x, value, selection, here);
}

Tensor put_in_place(const Tensor& x, const std::vector<TensorIndex>& indices, const Operand& value, bool accumulate) {
  const Here here = place_of(indices);
  if (!x.defined()) raise_undefined(here);
  const Indexing indexing("index_put_", x.sizes(), indices, here);
  Geometry layout = geometry(x);
  layout.offset = 0;
  const Selection selection = indexing.selection(std::move(layout));
  const Tensor source = placed_value(x, value, selection.shape, here);
  check_accumulates(x, accumulate, here);
  if (records({&x, &source}))
    return update_inplace("index_put_", x, here,
                          [&](const Tensor& old) { return put(old, indexing, source, accumulate, here); });
  check_inplace("index_put_", x, here);
  Tensor values = broadcast_values(source, selection.shape, x.dtype());
  if (impl(values).storage == impl(x).storage) values = values.clone(here);
  if (accumulate)
    add_places(x, values, selection);
  else
    write_places(x, values, selection);
  bump_version(x);
  return x;
}

}  // namespace

Tensor index(const Arg& x, const std::vector<TensorIndex>& indices) { return indexed(x.tensor(), indices, x.here()); }
Tensor Tensor::operator[](const TensorIndex& index) const {
  if (index.kind() != TensorIndex::Kind::integer || !defined() || dim() == 0)
    return indexed(*this, {index}, index.here());
  const std::int64_t place = wrap_index("index", index.integer(), 0, sizes()[0], index.here());
  return view_region("index", *this, index.here(),
                     [place](Geometry whole) { return selected(std::move(whole), 0, place); });
}
Tensor Tensor::index(std::initializer_list<TensorIndex> indices) const {
  const std::vector<TensorIndex> list(indices);
  return indexed(*this, list, place_of(list));
}
Tensor Tensor::index(const std::vector<TensorIndex>& indices) const {
  return indexed(*this, indices, place_of(indices));
}

Tensor index_put(const Arg& x, const std::vector<TensorIndex>& indices, const Operand& value, bool accumulate) {
  const Indexing indexing("index_put", x->sizes(), indices, x.here());
  check_accumulates(x.tensor(), accumulate, x.here());
  const Shape shape = indexing.selection(row_major(x->sizes())).shape;
  return put(x.tensor(), indexing, placed_value(x.tensor(), value, shape, x.here()), accumulate, x.here());
}
Tensor Tensor::index_put_(std::initializer_list<TensorIndex> indices, const Operand& value, bool accumulate) const {
  return put_in_place(*this, std::vector<TensorIndex>(indices), value, accumulate);
}
Tensor Tensor::index_put_(const std::vector<TensorIndex>& indices, const Operand& value, bool accumulate) const {
  return put_in_place(*this, indices, value, accumulate);
}

}  // namespace xgrad
