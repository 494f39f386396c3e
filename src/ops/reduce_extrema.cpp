// The largest and the smallest element, and where it is.
#include "ops/order.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- amax, amin: y = max x; dx = dy / n for each of the n elements equal to y

template <bool Largest>
Tensor extreme_of(const char* name, const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  check_computing(name, x, here);
  const Reduction r = reduction(name, x, dim, here);
  check<ShapeError>(r.count > 0 || numel(r.out) == 0, here, "{}: expected elements to compare, x is {}", name,
                    x.sizes());
  const Tensor y = make_tensor(r.shape(keepdim), impl(x).dtype);
  dispatch_computing(impl(x).dtype, [&]<class T>() { reduce(ExtremeOp<T, Largest>{}, x, r.dims, y); });
  return record(name, here, y, {&x}, [&] {
    return [x = Saved(x), y = Saved::output(y), dims = r.dims](Backward& bw) {
      const Tensor input = bw.load(x);
      const Tensor grad = bw.grad().reshape(kept_shape(impl(input).shape, dims), bw.here());
      bw.give(0, tie_weights(input, bw.load(y), dims, bw.here()).mul({grad, bw.here()}));
    };
  });
}

// ---- max, min along one dimension: y = x[i] for the first best i; dx is dy at i

// The best of each of `inner` interleaved columns of n elements, and its first place.
template <class T, bool Largest>
void best_of_columns(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns, T* values,
                     std::int64_t* indices) {
  std::copy(x, x + columns, values);
  std::fill(indices, indices + columns, 0);
  for (std::int64_t i = 1; i < n; ++i) {
    const T* row = x + i * inner;
    for (std::int64_t j = 0; j < columns; ++j) {
      const T a = values[j], b = row[j];
      const bool better = ((Largest ? b > a : b < a) | (b != b)) & (a == a);
      values[j] = better ? b : a;
      indices[j] = better ? i : indices[j];
    }
  }
}

template <class T, bool Largest>
void best_of_row(const T* x, std::int64_t n, T* value, std::int64_t* index) {
  const T best = reduce_row(ExtremeOp<T, Largest>{}, x, n, 1, NoParam{});
  *value = best;
  *index = (best == best ? std::find(x, x + n, best) : std::find_if(x, x + n, [](T v) { return v != v; })) - x;
}

template <class T, bool Largest>
void best_along(const T* x, std::int64_t outer, std::int64_t n, std::int64_t inner, T* values, std::int64_t* indices) {
  if (inner == 1) {
    parallel_for(outer, reduce_grain(n), outer * n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) best_of_row<T, Largest>(x + o * n, n, values + o, indices + o);
    });
    return;
  }
  const std::int64_t strips = (inner + strip - 1) / strip;
  parallel_for(outer * strips, reduce_grain(n * std::min(inner, strip)), outer * n * inner,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t o = item / strips, first = item % strips * strip;
                   best_of_columns<T, Largest>(x + o * n * inner + first, n, inner, std::min(strip, inner - first),
                                               values + o * inner + first, indices + o * inner + first);
                 }
               });
}

template <bool Largest>
std::pair<Tensor, Tensor> best_of(const char* name, const Tensor& x, std::int64_t dim, bool keepdim, Here here) {
  check_computing(name, x, here);
  const Reduction r = reduction(name, x, {dim}, here);
  check<ShapeError>(r.count > 0 || numel(r.out) == 0, here, "{}: expected elements along dim {}, x is {}", name, dim,
                    x.sizes());
  const Tensor values = make_tensor(r.shape(keepdim), impl(x).dtype), indices = make_tensor(values.sizes(), int64);
  if (values.numel() == 0) return {values, indices};
  const Tensor packed = dense(x);
  std::int64_t inner = 1;
  const std::int64_t along = r.dims.empty() ? 0 : r.dims[0];
  for (std::int64_t d = along + 1; d < x.dim(); ++d) inner *= x.sizes()[static_cast<std::size_t>(d)];
  dispatch_computing(impl(x).dtype, [&]<class T>() {
    best_along<T, Largest>(data<T>(packed), values.numel() / inner, r.count, inner, data<T>(values),
                           data<std::int64_t>(indices));
  });
  return {values, indices};
}

template <bool Largest>
std::pair<Tensor, Tensor> best_along_dim(const char* name, const Arg& arg, std::int64_t dim, bool keepdim) {
  const Tensor& x = arg.tensor();
  return record_picked(name, arg.here(), x, best_of<Largest>(name, x, dim, keepdim, arg.here()),
                       wrap_dim(name, dim, x.dim(), arg.here()), keepdim);
}

template <bool Largest>
Tensor place_of(const char* name, const Arg& arg, std::optional<std::int64_t> dim, bool keepdim) {
  const Tensor& x = arg.tensor();
  if (dim) return best_of<Largest>(name, x, *dim, keepdim, arg.here()).second;
  const Tensor packed = dense(x);
  const Tensor flat = make_view(packed, Shape{x.numel()}, Shape{1}, impl(packed).offset);
  const Tensor place = best_of<Largest>(name, flat, 0, false, arg.here()).second;
  return keepdim ? make_view(place, Shape(impl(x).shape.size(), 1), Shape(impl(x).shape.size(), 1), 0) : place;
}

}  // namespace

Tensor amax(const Arg& x, const ReduceOptions& o) {
  return extreme_of<true>("amax", x.tensor(), o.dim, o.keepdim, x.here());
}
Tensor amin(const Arg& x, const ReduceOptions& o) {
  return extreme_of<false>("amin", x.tensor(), o.dim, o.keepdim, x.here());
}
Tensor max(const Arg& x) { return extreme_of<true>("max", x.tensor(), {}, false, x.here()); }
Tensor min(const Arg& x) { return extreme_of<false>("min", x.tensor(), {}, false, x.here()); }
std::pair<Tensor, Tensor> max(const Arg& x, std::int64_t dim, bool keepdim) {
  return best_along_dim<true>("max", x, dim, keepdim);
}
std::pair<Tensor, Tensor> min(const Arg& x, std::int64_t dim, bool keepdim) {
  return best_along_dim<false>("min", x, dim, keepdim);
}
std::pair<Tensor, Tensor> aminmax(const Arg& x, std::optional<std::int64_t> dim, bool keepdim) {
  const auto dims = dim ? std::vector<std::int64_t>{*dim} : std::vector<std::int64_t>{};
  return {extreme_of<false>("aminmax", x.tensor(), dims, keepdim, x.here()),
          extreme_of<true>("aminmax", x.tensor(), dims, keepdim, x.here())};
}
Tensor argmax(const Arg& x, std::optional<std::int64_t> dim, bool keepdim) {
  return place_of<true>("argmax", x, dim, keepdim);
}
Tensor argmin(const Arg& x, std::optional<std::int64_t> dim, bool keepdim) {
  return place_of<false>("argmin", x, dim, keepdim);
}

Tensor Tensor::amax(const ReduceOptions& options, Here here) const { return xgrad::amax({*this, here}, options); }
Tensor Tensor::amin(const ReduceOptions& options, Here here) const { return xgrad::amin({*this, here}, options); }
Tensor Tensor::max(Here here) const { return xgrad::max({*this, here}); }
Tensor Tensor::min(Here here) const { return xgrad::min({*this, here}); }
std::pair<Tensor, Tensor> Tensor::max(std::int64_t dim, bool keepdim, Here here) const {
  return xgrad::max({*this, here}, dim, keepdim);
}
std::pair<Tensor, Tensor> Tensor::min(std::int64_t dim, bool keepdim, Here here) const {
  return xgrad::min({*this, here}, dim, keepdim);
}
Tensor Tensor::argmax(std::optional<std::int64_t> dim, bool keepdim, Here here) const {
  return xgrad::argmax({*this, here}, dim, keepdim);
}
Tensor Tensor::argmin(std::optional<std::int64_t> dim, bool keepdim, Here here) const {
  return xgrad::argmin({*this, here}, dim, keepdim);
}

}  // namespace xgrad
