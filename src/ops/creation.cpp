#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <cstring>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace {

using detail::check;
using detail::data;
using detail::raise;

void check_sizes(const char* op, const Shape& shape, Dtype dtype, Here here) {
  std::int64_t bytes = element_size(dtype);
  bool fits = true;
  for (std::int64_t size : shape) {
    check<ShapeError>(size >= 0, here, "{}: sizes must not be negative, the shape is {}", op, shape);
    fits = fits && !__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes);
  }
  check<ShapeError>(fits, here, "{}: a tensor of shape {} has more elements than memory can address", op, shape);
}

void check_gradient(const char* op, Dtype dtype, const TensorOptions& options, Here here) {
  check<DtypeError>(!options.requires_grad || is_floating_point(dtype), here,
                    "{}: only floating tensors can require grad, the dtype is {}", op, dtype);
}

// Checks the arguments that all creation functions share; then the memory.
Tensor make(const char* op, const Shape& shape, Dtype dtype, const TensorOptions& options, Here here) {
  check_sizes(op, shape, dtype, here);
  check_gradient(op, dtype, options, here);
  return detail::make_tensor(shape, dtype);
}

Tensor finish(Tensor result, const TensorOptions& options, Here here) {
  if (options.requires_grad) result.requires_grad_(true, here);
  return result;
}

Dtype dtype_of_kind(Scalar::Kind kind) {
  switch (kind) {
    case Scalar::Kind::boolean:
      return bool_;
    case Scalar::Kind::integer:
      return int64;
    default:
      return get_default_dtype();
  }
}

constexpr std::int64_t grain = 32768;

// element(i), i = 0..numel-1, into a contiguous tensor.
template <class T, class F>
void generate(const Tensor& result, F&& element) {
  T* out = data<T>(result);
  const std::int64_t count = detail::impl(result).numel;
  detail::parallel_for(count, grain, count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] = element(i);
  });
}

Tensor filled(const char* op, const Shape& shape, Scalar value, Dtype dtype, const TensorOptions& options, Here here) {
  Tensor result = make(op, shape, dtype, options, here);
  detail::dispatch_all(dtype, [&]<class T>() {
    const T element = value.to<T>();
    generate<T>(result, [=](std::int64_t) { return element; });
  });
  return finish(std::move(result), options, here);
}

// ---- nested lists

// The shape of a list by its first elements; the rest is checked against it while it is read.
Shape list_shape(const NestedList& list) {
  Shape shape;
  for (const NestedList* level = &list; !level->is_scalar(); level = level->begin()) {
    shape.push_back(level->size());
    if (level->size() == 0) break;
  }
  return shape;
}

struct ListReader {
  Here here;
  const Shape& shape;
  std::vector<Scalar> values{};
  bool floating = false, integer = false;

  void read(const NestedList& list, std::size_t level) {
    const bool leaf = level == shape.size();
    check<ShapeError>(list.is_scalar() == leaf, here,
                      "tensor: lists nest to one depth everywhere, a {} stands at depth {} of shape {}",
                      list.is_scalar() ? "number" : "list", level, shape);
    if (leaf) {
      floating |= list.scalar().kind() == Scalar::Kind::floating;
      integer |= list.scalar().kind() == Scalar::Kind::integer;
      values.push_back(list.scalar());
      return;
    }
    check<ShapeError>(list.size() == shape[level], here,
                      "tensor: lists of one level have one length, at depth {} lengths {} and {} came", level,
                      shape[level], list.size());
    for (const NestedList& item : list) read(item, level + 1);
  }
};

// ---- ranges

Dtype range_dtype(std::initializer_list<Scalar> scalars, const TensorOptions& options) {
  if (options.dtype) return *options.dtype;
  for (const Scalar& scalar : scalars)
    if (scalar.is_floating_point()) return get_default_dtype();
  return int64;
}

// Number of elements of a floating range.
std::int64_t range_size(double start, double end, double step, Here here) {
  check<ValueError>(std::isfinite(start) && std::isfinite(end) && std::isfinite(step), here,
                    "arange: start, end and step are finite, {}, {} and {} came", start, end, step);
  const double size = std::ceil((end - start) / step);
  check<ShapeError>(size < 0x1p60, here, "arange: from {} to {} by {} has more elements than memory can address", start,
                    end, step);
  return static_cast<std::int64_t>(size);
}

// Number of elements of an integer range, exact for all 64 bits.
std::int64_t range_size(std::int64_t start, std::int64_t end, std::int64_t step) {
  const auto distance = step > 0 ? static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start)
                                 : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(end);
  const auto stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
  const std::uint64_t size = distance / stride + (distance % stride != 0);
  return static_cast<std::int64_t>(std::min<std::uint64_t>(size, std::uint64_t{1} << 60));
}

// point(i) in double for `steps` points evenly from start to end, exact at both ends.
template <class F>
Tensor spaced(const char* op, double start, double end, std::int64_t steps, const TensorOptions& options, Here here,
              F&& point) {
  Tensor result = make(op, Shape{steps}, options.dtype.value_or(get_default_dtype()), options, here);
  const double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  detail::dispatch_all(result.dtype(), [&]<class T>() {
    generate<T>(result, [=, &point](std::int64_t i) {
      const double x = i < steps / 2 || steps == 1 ? start + step * static_cast<double>(i)
                                                   : end - step * static_cast<double>(steps - 1 - i);
      return static_cast<T>(point(x));
    });
  });
  return finish(std::move(result), options, here);
}

}  // namespace

Tensor tensor(const NestedList& values, const TensorOptions& options, Here here) {
  const Shape shape = list_shape(values);
  ListReader reader{here, shape};
  reader.read(values, 0);
  const Dtype natural = reader.floating || reader.values.empty() ? get_default_dtype() : reader.integer ? int64 : bool_;
  Tensor result = make("tensor", shape, options.dtype.value_or(natural), options, here);
  detail::dispatch_all(result.dtype(), [&]<class T>() {
    std::transform(reader.values.begin(), reader.values.end(), data<T>(result),
                   [](const Scalar& value) { return value.to<T>(); });
  });
  return finish(std::move(result), options, here);
}

Tensor detail::tensor_from(const void* values, std::int64_t count, Dtype dtype, const Shape& shape,
                           const TensorOptions& options, Here here) {
  const Dtype target = options.dtype.value_or(dtype);
  check_gradient("tensor", target, options, here);
  check_sizes("tensor", shape, dtype, here);
  check<ShapeError>(count == numel(shape), here, "tensor: {} values do not fill shape {}, which has {}", count, shape,
                    numel(shape));
  Tensor result = make_tensor(shape, dtype);
  if (count > 0) std::memcpy(impl(result).raw(), values, static_cast<std::size_t>(count * element_size(dtype)));
  return finish(target == dtype ? std::move(result) : result.to(target, here), options, here);
}

Tensor full(const Shape& shape, Scalar value, const TensorOptions& options, Here here) {
  return filled("full", shape, value, options.dtype.value_or(dtype_of_kind(value.kind())), options, here);
}
Tensor zeros(const Shape& shape, const TensorOptions& options, Here here) {
  return filled("zeros", shape, 0, options.dtype.value_or(get_default_dtype()), options, here);
}
Tensor ones(const Shape& shape, const TensorOptions& options, Here here) {
  return filled("ones", shape, 1, options.dtype.value_or(get_default_dtype()), options, here);
}
Tensor empty(const Shape& shape, const TensorOptions& options, Here here) {
  return finish(make("empty", shape, options.dtype.value_or(get_default_dtype()), options, here), options, here);
}

Tensor full_like(const Arg& x, Scalar value, const TensorOptions& options) {
  return filled("full_like", x->sizes(), value, options.dtype.value_or(x->dtype()), options, x.here());
}
Tensor zeros_like(const Arg& x, const TensorOptions& options) {
  return filled("zeros_like", x->sizes(), 0, options.dtype.value_or(x->dtype()), options, x.here());
}
Tensor ones_like(const Arg& x, const TensorOptions& options) {
  return filled("ones_like", x->sizes(), 1, options.dtype.value_or(x->dtype()), options, x.here());
}
Tensor empty_like(const Arg& x, const TensorOptions& options) {
  return finish(make("empty_like", x->sizes(), options.dtype.value_or(x->dtype()), options, x.here()), options,
                x.here());
}

Tensor arange(Scalar end, const TensorOptions& options, Here here) { return arange(0, end, 1, options, here); }
Tensor arange(Scalar start, Scalar end, const TensorOptions& options, Here here) {
  return arange(start, end, 1, options, here);
}
Tensor arange(Scalar start, Scalar end, Scalar step, const TensorOptions& options, Here here) {
  const bool floating = start.is_floating_point() || end.is_floating_point() || step.is_floating_point();
  const double from = start.to<double>(), to = end.to<double>(), by = step.to<double>();
  check<ValueError>(by != 0, here, "arange: step must not be 0");
  check<ValueError>(!(by > 0 ? from > to : from < to), here, "arange: step {} leads away from end: start is {}, end {}",
                    by, from, to);
  const std::int64_t size = floating
                                ? range_size(from, to, by, here)
                                : range_size(start.to<std::int64_t>(), end.to<std::int64_t>(), step.to<std::int64_t>());
  Tensor result = make("arange", Shape{size}, range_dtype({start, end, step}, options), options, here);
  detail::dispatch_all(result.dtype(), [&]<class T>() {
    if (floating)
      generate<T>(result, [=](std::int64_t i) { return static_cast<T>(from + by * static_cast<double>(i)); });
    else
      generate<T>(result, [first = start.to<std::int64_t>(), stride = step.to<std::int64_t>()](std::int64_t i) {
        return static_cast<T>(first + stride * i);
      });
  });
  return finish(std::move(result), options, here);
}

Tensor linspace(Scalar start, Scalar end, std::int64_t steps, const TensorOptions& options, Here here) {
  return spaced("linspace", start.to<double>(), end.to<double>(), steps, options, here, [](double x) { return x; });
}
Tensor logspace(Scalar start, Scalar end, std::int64_t steps, double base, const TensorOptions& options, Here here) {
  return spaced("logspace", start.to<double>(), end.to<double>(), steps, options, here,
                [base](double x) { return std::pow(base, x); });
}

Tensor eye(std::int64_t n, const TensorOptions& options, Here here) { return eye(n, n, options, here); }
Tensor eye(std::int64_t n, std::int64_t m, const TensorOptions& options, Here here) {
  Tensor result = make("eye", Shape{n, m}, options.dtype.value_or(get_default_dtype()), options, here);
  detail::dispatch_all(result.dtype(), [&]<class T>() {
    T* out = data<T>(result);
    std::fill(out, out + n * m, T(0));
    for (std::int64_t i = 0; i < std::min(n, m); ++i) out[i * m + i] = T(1);
  });
  return finish(std::move(result), options, here);
}

// ---- foreign memory

Tensor from_blob(void* data, const Shape& shape, const TensorOptions& options, std::function<void(void*)> deleter,
                 Here here) {
  return from_blob(data, shape, detail::contiguous_strides(shape), options, std::move(deleter), here);
}
Tensor from_blob(void* data, const Shape& shape, const Shape& strides, const TensorOptions& options,
                 std::function<void(void*)> deleter, Here here) {
  const Dtype dtype = options.dtype.value_or(get_default_dtype());
  check_sizes("from_blob", shape, dtype, here);
  check_gradient("from_blob", dtype, options, here);
  check<ShapeError>(strides.size() == shape.size(), here,
                    "from_blob: one stride for each dimension: the shape is {}, the strides are {}", shape, strides);
  const std::int64_t count = numel(shape);
  check<ValueError>(data != nullptr || count == 0, here, "from_blob: data is null, the shape {} has {} elements", shape,
                    count);
  // Elements below and above the first that the strides reach.
  std::int64_t low = 0, high = 0;
  if (count > 0) {
    for (std::size_t d = 0; d < shape.size(); ++d) (strides[d] < 0 ? low : high) += (shape[d] - 1) * strides[d];
    ++high;
  }
  const std::int64_t size = element_size(dtype);
  std::function<void(void*)> release;
  if (deleter) release = [deleter = std::move(deleter), data](void*) { deleter(data); };
  auto* blob = new detail::TensorImpl;
  Tensor result = Tensor::adopt(blob);
  blob->storage =
      detail::wrap_storage(static_cast<std::byte*>(data) + low * size, (high - low) * size, std::move(release));
  blob->offset = -low;
  blob->numel = count;
  blob->shape = shape;
  blob->strides = strides;
  blob->dtype = dtype;
  blob->contiguous = detail::is_contiguous(shape, strides);
  return finish(std::move(result), options, here);
}

TensorOptions detail::blob_options(Dtype dtype, const TensorOptions& options, Here here) {
  check<DtypeError>(options.dtype.value_or(dtype) == dtype, here, "from_blob: the elements are {}, dtype is {}", dtype,
                    options.dtype.value_or(dtype));
  return {.dtype = dtype, .requires_grad = options.requires_grad};
}

}  // namespace xgrad
