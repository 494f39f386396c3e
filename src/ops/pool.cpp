#include "ops/pool.hpp"

#include <xgrad/ops/pool.hpp>
#include <xgrad/random.hpp>

#include <limits>
#include <type_traits>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// y = x[indices] plane by plane; gathering and scatter-adding by the same indices are each other's gradients.
struct Places {
  const char *name, *adjoint;
  std::size_t rank;
  std::int64_t planes, size, plane;  // elements of y's and of x's planes
  Shape shape;                       // x's
  Tensor indices;                    // int32, of y's shape
};

Places places_of(const char* name, const char* adjoint, std::size_t rank, const Shape& shape, const Tensor& indices) {
  return {name,
          adjoint,
          rank,
          planes_of(shape, rank),
          volume(spatial_sizes(impl(indices).shape, rank)),
          volume(spatial_sizes(shape, rank)),
          shape,
          indices};
}
void check_plane(const char* op, const Shape& shape, std::size_t rank, Here here) {
  std::int64_t plane = 1;
  for (std::int64_t size : spatial_sizes(shape, rank)) {
    check<ShapeError>(size == 0 || plane <= std::numeric_limits<std::int32_t>::max() / size, here,
                      "{}: expected planes of less than 2^31 elements, got {}", op, shape);
    plane *= size;
  }
}

Tensor scatter(Here here, const Tensor& g, const Places& places);

void scatter_into(const Tensor& out, const Tensor& g, const Places& p, bool accumulate) {
  dispatch_floating(impl(out).dtype, [&]<class T>() {
    scatter_planes(p.planes, p.size, p.plane, data<std::int32_t>(p.indices), data<T>(g), data<T>(out), accumulate);
  });
}
void give_scattered(Backward& bw, const Places& places) {
  if (bw.create_graph()) return bw.give(0, scatter(bw.here(), bw.grad(), places));
  const Tensor pending = bw.pending(0);
  const Tensor out = pending.defined() ? pending : make_tensor(places.shape, impl(bw.grad()).dtype);
  scatter_into(out, dense(bw.grad()), places, pending.defined());
  if (!pending.defined()) bw.give(0, out);
}

Tensor gather(Here here, const Tensor& x, const Places& p) {
  Tensor y = make_tensor(impl(p.indices).shape, impl(x).dtype);
  const Tensor from = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    gather_planes(p.planes, p.size, p.plane, data<std::int32_t>(p.indices), data<T>(from), data<T>(y));
  });
  return record(p.name, here, std::move(y), {&x}, [&] { return [p](Backward& bw) { give_scattered(bw, p); }; });
}
Tensor scatter(Here here, const Tensor& g, const Places& places) {
  Tensor x = make_tensor(places.shape, impl(g).dtype);
  scatter_into(x, dense(g), places, false);
  return record(places.adjoint, here, std::move(x), {&g},
                [&] { return [places](Backward& bw) { bw.give(0, gather(bw.here(), bw.grad(), places)); }; });
}

// The maxima that `kernel` finds, and where they are.
struct Maxima {
  Tensor values, indices;
};
template <class Kernel>
Maxima maxima(const char* name, const char* adjoint, std::size_t rank, const Tensor& x, const Sizes& out,
              bool with_indices, Here here, Kernel&& kernel) {
  check_plane(name, impl(x).shape, rank, here);
  const Shape shape = with_spatial_sizes(impl(x).shape, rank, out);
  const Tensor values = make_tensor(shape, impl(x).dtype), from = dense(x);
  const Tensor indices = with_indices || records({&x}) ? make_tensor(shape, int32) : Tensor();
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    kernel(data<T>(from), data<T>(values), indices.defined() ? data<std::int32_t>(indices) : nullptr);
  });
  return {record(name, here, values, {&x},
                 [&] {
                   return [p = places_of(name, adjoint, rank, impl(x).shape, indices)](Backward& bw) {
                     give_scattered(bw, p);
                   };
                 }),
          indices};
}

template <class Range>
std::vector<WindowRange> ranges(std::int64_t count, Range&& range) {
  std::vector<WindowRange> list;
  for (std::int64_t i = 0; i < count; ++i) list.push_back(range(i));
  return list;
}

Maxima max_pool(const char* op, const char* adjoint, const Arg& input, const Window& w, bool ceil_mode,
                bool with_indices) {
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_batched(op, x, w.rank, here);
  const Shape& shape = impl(x).shape;
  const Sizes out = pooled_sizes(op, shape, w, ceil_mode, here), size = spatial_sizes(shape, w.rank);
  if (w.rank < 3) {
    const PoolGeometry g{planes_of(shape, w.rank),
                         size[1],
                         size[2],
                         out[1],
                         out[2],
                         w.kernel[1],
                         w.kernel[2],
                         w.stride[1],
                         w.stride[2],
                         w.padding[1],
                         w.padding[2],
                         w.dilation[1],
                         w.dilation[2]};
    return maxima(op, adjoint, w.rank, x, out, with_indices, here,
                  [&](auto* from, auto* to, auto* indices) { detail::max_pool(g, from, to, indices); });
  }
  const auto along = [&](std::size_t d) {
    return ranges(out[d], [&](std::int64_t i) -> WindowRange {
      const std::int64_t begin = i * w.stride[d] - w.padding[d], step = w.dilation[d];
      return {begin < 0 ? begin + (-begin + step - 1) / step * step : begin,
              std::min(begin + (w.kernel[d] - 1) * step + 1, size[d]), step};
    });
  };
  const MaxGeometry g{planes_of(shape, 3), size[0], size[1], size[2], along(0), along(1), along(2)};
  return maxima(op, adjoint, 3, x, out, with_indices, here,
                [&](auto* from, auto* to, auto* indices) { max_windows(g, from, to, indices); });
}

Maxima adaptive_max_pool(const char* op, const char* adjoint, const Arg& input, std::size_t rank,
                         const AdaptiveSizes& output_size, bool with_indices) {
  const Here here = input.here();
  const Tensor& x = input.tensor();
  const Sizes out = check_adaptive(op, x, rank, output_size, here), size = spatial_sizes(impl(x).shape, rank);
  const auto along = [&](std::size_t d) {
    return ranges(out[d], [&](std::int64_t i) -> WindowRange {
      const PoolRange even = even_range(i, out[d], size[d]);
      return {even.begin, even.end, 1};
    });
  };
  const MaxGeometry g{planes_of(impl(x).shape, rank), size[0], size[1], size[2], along(0), along(1), along(2)};
  return maxima(op, adjoint, rank, x, out, with_indices, here,
                [&](auto* from, auto* to, auto* indices) { max_windows(g, from, to, indices); });
}

// Windows along one dimension, at random steps that u makes, as PyTorch computes them in x's dtype.
template <class T>
std::vector<WindowRange> random_windows(T u, std::int64_t size, std::int64_t count, std::int64_t kernel) {
  const T step = count > 1 ? static_cast<T>(size - kernel) / static_cast<T>(count - 1) : T(0);
  return ranges(count, [&](std::int64_t i) -> WindowRange {
    const std::int64_t steps = static_cast<std::int64_t>((static_cast<T>(i) + u) * step);
    const std::int64_t begin = i == count - 1 ? size - kernel : steps - static_cast<std::int64_t>(u * step);
    return {begin, begin + kernel, 1};
  });
}

Maxima fractional_max_pool(const char* op, const char* adjoint, const Arg& input, const Window& w,
                           const FractionalMaxPoolOptions& o, bool with_indices) {
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_batched(op, x, w.rank, here);
  check_fractional(op, w.rank, o, here);
  const Shape& shape = x.sizes();
  const Sizes size = spatial_sizes(shape, w.rank);
  Sizes out{1, 1, 1};
  for (std::size_t i = 0; i < w.rank; ++i) {
    const std::size_t d = 3 - w.rank + i;
    out[d] = o.output_size.given()
                 ? o.output_size.list(w.rank)[i]
                 : static_cast<std::int64_t>(static_cast<double>(size[d]) * o.output_ratio.list(w.rank)[i]);
    check<ValueError>(w.kernel[d] > 0, here, "{}: expected a positive kernel_size, got {}", op, w.shown(w.kernel));
    check<ShapeError>(out[d] > 0 && out[d] <= size[d] - w.kernel[d] + 1, here,
                      "{}: {} windows {} along a dimension do not fit input {}", op, out[d], w.shown(w.kernel), shape);
  }
  const std::size_t rank = w.rank, channels = shape.size() - rank - 1;
  const Shape drawn{channels == 1 ? shape[0] : 1, shape[channels], static_cast<std::int64_t>(rank)};
  const Tensor& given = o.random_samples;
  check<ShapeError>(!given.defined() || given.sizes() == drawn, here, "{}: expected random_samples of shape {}, got {}",
                    op, drawn, given.defined() ? given.sizes() : Shape());
  if (given.defined()) check_same_dtype(op, x, given, here);
  const Tensor samples = given.defined() ? dense(given) : rand(drawn, {.dtype = x.dtype()}, default_generator(), here);
  const std::int64_t planes = planes_of(shape, rank), plane = volume(size);
  return maxima(op, adjoint, rank, x, out, with_indices, here, [&](auto* from, auto* to, auto* indices) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(from)>>;
    std::vector<MaxGeometry> each;
    for (std::int64_t p = 0; p < planes; ++p) {
      const T* const u = data<T>(samples) + p * static_cast<std::int64_t>(rank);
      for (std::size_t i = 0; i < rank; ++i)
        check<ValueError>(u[i] >= 0 && u[i] < 1, here, "{}: expected random_samples in [0, 1), got {}", op, u[i]);
      const auto along = [&](std::size_t d) {
        return random_windows(u[rank == 3 ? d : d == 1 ? 1 : 0], size[d], out[d], w.kernel[d]);
      };
      each.push_back({1, size[0], size[1], size[2], along(0), along(1), along(2)});
    }
    parallel_for(planes, 16384 / plane + 1, planes * volume(out) * volume(w.kernel),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p)
                     max_windows(each[static_cast<std::size_t>(p)], from + p * plane, to + p * volume(out),
                                 indices ? indices + p * volume(out) : nullptr);
                 });
  });
}

std::pair<Tensor, Tensor> both(const Maxima& maxima, const Arg& input) {
  return {maxima.values, maxima.indices.to(int64, input.here())};
}

template <class Numbers, class Options>
Window max_window(std::size_t rank, Numbers kernel, const Options& o) {
  return window_of<Numbers>(rank, kernel, o.stride.value_or(kernel), o.padding, o.dilation);
}

Maxima max_pool1(const Arg& x, std::int64_t kernel, const MaxPool1dOptions& o, bool with_indices) {
  return max_pool("max_pool1d", "max_pool1d_input", x, max_window(1, kernel, o), o.ceil_mode, with_indices);
}
Maxima max_pool2(const Arg& x, IntPair kernel, const MaxPool2dOptions& o, bool with_indices) {
  return max_pool("max_pool2d", "max_pool2d_input", x, max_window(2, kernel, o), o.ceil_mode, with_indices);
}
Maxima max_pool3(const Arg& x, IntTriple kernel, const MaxPool3dOptions& o, bool with_indices) {
  return max_pool("max_pool3d", "max_pool3d_input", x, max_window(3, kernel, o), o.ceil_mode, with_indices);
}
template <class Size>
Maxima adaptive1(const Arg& x, const Size& size, bool with_indices) {
  return adaptive_max_pool("adaptive_max_pool1d", "adaptive_max_pool1d_input", x, 1, adaptive_sizes(size),
                           with_indices);
}
template <class Size>
Maxima adaptive2(const Arg& x, const Size& size, bool with_indices) {
  return adaptive_max_pool("adaptive_max_pool2d", "adaptive_max_pool2d_input", x, 2, adaptive_sizes(size),
                           with_indices);
}
template <class Size>
Maxima adaptive3(const Arg& x, const Size& size, bool with_indices) {
  return adaptive_max_pool("adaptive_max_pool3d", "adaptive_max_pool3d_input", x, 3, adaptive_sizes(size),
                           with_indices);
}

Maxima fractional2(const Arg& x, IntPair kernel, const FractionalMaxPoolOptions& o, bool with_indices) {
  return fractional_max_pool("fractional_max_pool2d", "fractional_max_pool2d_input", x,
                             window_of<IntPair>(2, kernel, 1, 0, 1), o, with_indices);
}
Maxima fractional3(const Arg& x, IntTriple kernel, const FractionalMaxPoolOptions& o, bool with_indices) {
  return fractional_max_pool("fractional_max_pool3d", "fractional_max_pool3d_input", x,
                             window_of<IntTriple>(3, kernel, 1, 0, 1), o, with_indices);
}

// y = 0 but y[indices] = x plane by plane, of equal indices the last. Each element's gradient is that of its place
// (also where another one lies there, as in PyTorch).
Tensor max_unpool(const char* op, const char* adjoint, const Arg& input, const Tensor& indices, const Window& w,
                  const AdaptiveSizes& output_size) {
  const Here here = input.here();
  const Tensor& x = input.tensor();
  check_batched(op, x, w.rank, here);
  const Shape& shape = impl(x).shape;
  check<DtypeError>(indices.dtype() == int64, here, "{}: expected int64 indices, got {}", op, indices.dtype());
  check<ShapeError>(indices.sizes() == shape, here, "{}: expected indices of input's shape {}, got {}", op, shape,
                    indices.sizes());
  for (std::size_t i = 0; i < 3; ++i)
    check<ValueError>(w.kernel[i] > 0, here, "{}: expected a positive kernel_size, got {}", op, w.shown(w.kernel));
  check_window(op, w, here);
  const Sizes size = spatial_sizes(shape, w.rank);
  Sizes out{};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t usual = (size[i] - 1) * w.stride[i] - 2 * w.padding[i] + w.kernel[i];
    out[i] = output_size[i].value_or(usual);
    check<ValueError>(!output_size[i] || (out[i] > usual - w.stride[i] && out[i] < usual + w.stride[i]), here,
                      "{}: expected output_size between {} and {}, got {}", op, usual - w.stride[i] + 1,
                      usual + w.stride[i] - 1, out[i]);
    check<ShapeError>(size[i] > 0 && out[i] > 0, here,
                      "{}: no output is left of input {} with window {} and padding {}", op, shape, w.shown(w.kernel),
                      w.shown(w.padding));
  }
  const Shape result = with_spatial_sizes(shape, w.rank, out);
  check_plane(op, result, w.rank, here);
  const Tensor wide = dense(indices), narrow = make_tensor(shape, int32);
  const std::int64_t* from = data<std::int64_t>(wide);
  const std::int64_t plane = volume(out);
  for (std::int64_t i = 0; i < wide.numel(); ++i) {
    if (from[i] < 0 || from[i] >= plane)
      raise<IndexError>(here, "{}: index {} is out of range for planes of {}", op, from[i], w.shown(out));
    data<std::int32_t>(narrow)[i] = static_cast<std::int32_t>(from[i]);
  }
  const Places places = places_of(adjoint, op, w.rank, result, narrow);
  const Tensor y = make_tensor(result, impl(x).dtype), values = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() {
    put_planes(places.planes, places.size, places.plane, data<std::int32_t>(narrow), data<T>(values), data<T>(y));
  });
  return record(op, here, y, {&x},
                [&] { return [places](Backward& bw) { bw.give(0, gather(bw.here(), bw.grad(), places)); }; });
}

template <class Numbers, class Options>
Window unpool_window(std::size_t rank, Numbers kernel, const Options& o) {
  return window_of<Numbers>(rank, kernel, o.stride.value_or(kernel), o.padding, 1);
}

}  // namespace
}  // namespace detail

using namespace detail;
using Pair = std::pair<Tensor, Tensor>;

Tensor max_pool1d(const Arg& x, std::int64_t kernel_size, const MaxPool1dOptions& options) {
  return max_pool1(x, kernel_size, options, false).values;
}
Tensor max_pool2d(const Arg& x, IntPair kernel_size, const MaxPool2dOptions& options) {
  return max_pool2(x, kernel_size, options, false).values;
}
Tensor max_pool3d(const Arg& x, IntTriple kernel_size, const MaxPool3dOptions& options) {
  return max_pool3(x, kernel_size, options, false).values;
}
Pair max_pool1d_with_indices(const Arg& x, std::int64_t kernel_size, const MaxPool1dOptions& options) {
  return both(max_pool1(x, kernel_size, options, true), x);
}
Pair max_pool2d_with_indices(const Arg& x, IntPair kernel_size, const MaxPool2dOptions& options) {
  return both(max_pool2(x, kernel_size, options, true), x);
}
Pair max_pool3d_with_indices(const Arg& x, IntTriple kernel_size, const MaxPool3dOptions& options) {
  return both(max_pool3(x, kernel_size, options, true), x);
}

Tensor adaptive_max_pool1d(const Arg& x, std::int64_t output_size) { return adaptive1(x, output_size, false).values; }
Tensor adaptive_max_pool2d(const Arg& x, const AdaptivePair& output_size) {
  return adaptive2(x, output_size, false).values;
}
Tensor adaptive_max_pool3d(const Arg& x, const AdaptiveTriple& output_size) {
  return adaptive3(x, output_size, false).values;
}
Pair adaptive_max_pool1d_with_indices(const Arg& x, std::int64_t output_size) {
  return both(adaptive1(x, output_size, true), x);
}
Pair adaptive_max_pool2d_with_indices(const Arg& x, const AdaptivePair& output_size) {
  return both(adaptive2(x, output_size, true), x);
}
Pair adaptive_max_pool3d_with_indices(const Arg& x, const AdaptiveTriple& output_size) {
  return both(adaptive3(x, output_size, true), x);
}

Tensor fractional_max_pool2d(const Arg& x, IntPair kernel_size, const FractionalMaxPoolOptions& options) {
  return fractional2(x, kernel_size, options, false).values;
}
Tensor fractional_max_pool3d(const Arg& x, IntTriple kernel_size, const FractionalMaxPoolOptions& options) {
  return fractional3(x, kernel_size, options, false).values;
}
Pair fractional_max_pool2d_with_indices(const Arg& x, IntPair kernel_size, const FractionalMaxPoolOptions& options) {
  return both(fractional2(x, kernel_size, options, true), x);
}
Pair fractional_max_pool3d_with_indices(const Arg& x, IntTriple kernel_size, const FractionalMaxPoolOptions& options) {
  return both(fractional3(x, kernel_size, options, true), x);
}

Tensor max_unpool1d(const Arg& x, const Arg& indices, std::int64_t kernel_size, const MaxUnpool1dOptions& options) {
  return max_unpool("max_unpool1d", "max_unpool1d_input", x, indices.tensor(), unpool_window(1, kernel_size, options),
                    {1, 1, options.output_size});
}
Tensor max_unpool2d(const Arg& x, const Arg& indices, IntPair kernel_size, const MaxUnpool2dOptions& options) {
  const auto size = options.output_size ? adaptive_sizes(AdaptivePair(*options.output_size))
                                        : AdaptiveSizes{1, std::nullopt, std::nullopt};
  return max_unpool("max_unpool2d", "max_unpool2d_input", x, indices.tensor(), unpool_window(2, kernel_size, options),
                    size);
}
Tensor max_unpool3d(const Arg& x, const Arg& indices, IntTriple kernel_size, const MaxUnpool3dOptions& options) {
  const auto size = options.output_size ? adaptive_sizes(AdaptiveTriple(*options.output_size)) : AdaptiveSizes{};
  return max_unpool("max_unpool3d", "max_unpool3d_input", x, indices.tensor(), unpool_window(3, kernel_size, options),
                    size);
}

}  // namespace xgrad
