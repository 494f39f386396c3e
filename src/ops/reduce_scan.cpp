// Cumulative sums and products.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>

#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// Running results down each of `columns` neighbouring columns of n elements, from the first or from the last.
template <bool Product, class T>
void scan_columns(const T* x, std::int64_t n, std::int64_t inner, std::int64_t columns, bool reverse,
                  SumResult<T>* out) {
  using Wide = WideSum<T>;
  Wide acc[strip];
  std::fill(acc, acc + columns, Wide(Product ? 1 : 0));
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = (reverse ? n - 1 - i : i) * inner;
    for (std::int64_t j = 0; j < columns; ++j) {
      const auto value = static_cast<Wide>(x[row + j]);
      acc[j] = Product ? acc[j] * value : acc[j] + value;
      out[row + j] = static_cast<SumResult<T>>(acc[j]);
    }
  }
}

template <bool Product>
Tensor scan(const Tensor& x, std::int64_t dim, bool reverse) {
  const Dtype dtype = impl(x).dtype;
  const Shape& shape = impl(x).shape;
  const Tensor y = make_tensor(shape, is_floating_point(dtype) ? dtype : int64);
  const Tensor packed = dense(x);
  dispatch_computing(dtype, [&]<class T>() {
    for_columns(shape, dim, [&](std::int64_t at, std::int64_t columns, std::int64_t n, std::int64_t inner) {
      scan_columns<Product>(data<T>(packed) + at, n, inner, columns, reverse, data<SumResult<T>>(y) + at);
    });
  });
  return y;
}

// ---- cumsum: yi = x1 + ... + xi; dxi = dyi + ... + dyn, the same sum from the other end

Tensor cumulative_sum(const Tensor& x, std::int64_t dim, bool reverse, Here here) {
  return record("cumsum", here, scan<false>(x, dim, reverse), {&x}, [&] {
    return [dim, reverse](Backward& bw) { bw.give(0, cumulative_sum(bw.grad(), dim, !reverse, bw.here())); };
  });
}

// ---- cumprod: yi = x1 x2 ... xi. Its gradient goes back through the products of neighbours at doubling distance,
// which need no division: zeros are no special case, at any order.

Tensor cumprod_gradient(const Tensor& x, Tensor grad, std::int64_t dim, Here here) {
  const std::int64_t n = x.size(dim);
  TensorList levels{x};
  for (std::int64_t d = 1; 2 * d < n; d *= 2) {
    const Tensor& y = levels.back();
    const Tensor product = y.narrow(dim, d, n - d, here).mul({y.narrow(dim, 0, n - d, here), here});
    levels.push_back(cat({y.narrow(dim, 0, d, here), product}, dim, here));
  }
  std::int64_t d = std::int64_t{1} << (levels.size() - 1);
  for (; !levels.empty(); levels.pop_back(), d /= 2) {
    if (d >= n) continue;
    const Tensor& y = levels.back();
    const Tensor upper = grad.narrow(dim, d, n - d, here);
    const Tensor own = upper.mul({y.narrow(dim, 0, n - d, here), here});
    const Tensor earlier = upper.mul({y.narrow(dim, d, n - d, here), here});
    Shape rest = x.sizes();
    rest[static_cast<std::size_t>(dim)] = d;
    const Tensor none = zeros(rest, {.dtype = x.dtype()}, here);
    grad = cat({grad.narrow(dim, 0, d, here), own}, dim, here).add({cat({earlier, none}, dim, here), here});
  }
  return grad;
}

}  // namespace

Tensor cumsum(const Arg& x, std::int64_t dim) {
  check_computing("cumsum", x.tensor(), x.here());
  return cumulative_sum(x.tensor(), wrap_dim("cumsum", dim, x->dim(), x.here()), false, x.here());
}

Tensor cumprod(const Arg& x, std::int64_t dim) {
  check_computing("cumprod", x.tensor(), x.here());
  dim = wrap_dim("cumprod", dim, x->dim(), x.here());
  const Tensor& input = x.tensor();
  return record("cumprod", x.here(), scan<true>(input, dim, false), {&input}, [&] {
    return [x = Saved(input), dim](Backward& bw) {
      const Tensor input = bw.load(x);
      bw.give(0, input.dim() == 0 ? bw.grad() : cumprod_gradient(input, bw.grad(), dim, bw.here()));
    };
  });
}

Tensor Tensor::cumsum(std::int64_t dim, Here here) const { return xgrad::cumsum({*this, here}, dim); }

Tensor Tensor::cumprod(std::int64_t dim, Here here) const { return xgrad::cumprod({*this, here}, dim); }

}  // namespace xgrad
