// Sums, means, products and counts.
#include <xgrad/ops/join.hpp>

#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// ---- sum: y = sum x; dx = dy everywhere

Tensor sum_of(const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  check_computing("sum", x, here);
  const Reduction r = reduction("sum", x, dim, here);
  const Dtype dtype = impl(x).dtype;
  const Tensor y = make_tensor(r.shape(keepdim), is_floating_point(dtype) ? dtype : int64);
  dispatch_computing(dtype, [&]<class T>() { reduce(SumOp<T>{}, x, r.dims, y); });
  return record("sum", here, y, {&x},
                [&] { return [dims = r.dims](Backward& bw) { bw.give(0, spread_grad(bw, dims)); }; });
}

// ---- mean: y = sum x / n; dx = dy / n everywhere

template <class T>
struct MeanOp : SumOp<T> {
  double count;
  T finish(double sum) const { return static_cast<T>(sum / count); }
};

Tensor mean_of(const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  check_floating("mean", x, here);
  const Reduction r = reduction("mean", x, dim, here);
  const Tensor y = make_tensor(r.shape(keepdim), impl(x).dtype);
  const auto count = static_cast<double>(r.count);
  dispatch_floating(impl(x).dtype, [&]<class T>() { reduce(MeanOp<T>{{}, count}, x, r.dims, y); });
  return record("mean", here, y, {&x}, [&] {
    return [dims = r.dims, count](Backward& bw) {
      const Tensor scaled = bw.grad().div({count, bw.here()});
      bw.give(0, spread(scaled, bw.input_shape(0), dims, bw.create_graph(), bw.here()));
    };
  });
}

// ---- prod: y = x1 x2 ... xn; dxi = dy times the product of the others

template <class T>
struct ProdOp {
  using In = T;
  using Out = SumResult<T>;
  using Fast = WideSum<T>;
  using Wide = WideSum<T>;
  using Param = NoParam;
  Fast start() const { return Fast(1); }
  Fast step(Fast a, T x, NoParam) const { return a * static_cast<Fast>(x); }
  Fast merge(Fast a, Fast b) const { return a * b; }
  Wide widen(Fast a) const { return a; }
  Wide join(Wide a, Wide b) const { return a * b; }
  Out finish(Wide a) const { return static_cast<Out>(a); }
  NoParam param(std::int64_t) const { return {}; }
};

// The gradient of the product along the last dimension, by the tree of pairwise products: no division, so that zeros
// need no cases, at any order.
Tensor prod_gradient(const Tensor& x, const Tensor& grad, Here here) {
  struct Level {
    Tensor head, tail;
    std::int64_t pairs, odd;
  };
  if (x.size(-1) == 0) return grad.narrow(-1, 0, 0, here);
  std::vector<Level> levels;
  Tensor a = x;
  for (std::int64_t n = x.size(-1); n > 1; n = (n + 1) / 2) {
    const std::int64_t pairs = n / 2, odd = n % 2;
    levels.push_back({a.narrow(-1, 0, pairs, here), a.narrow(-1, pairs, pairs, here), pairs, odd});
    const Tensor product = levels.back().head.mul({levels.back().tail, here});
    a = odd ? cat({product, a.narrow(-1, n - 1, 1, here)}, -1, here) : product;
  }
  Tensor g = grad;
  for (; !levels.empty(); levels.pop_back()) {
    const Level& level = levels.back();
    const Tensor upper = level.odd ? g.narrow(-1, 0, level.pairs, here) : g;
    TensorList parts{upper.mul({level.tail, here}), upper.mul({level.head, here})};
    if (level.odd) parts.push_back(g.narrow(-1, level.pairs, 1, here));
    g = cat(parts, -1, here);
  }
  return g;
}

Tensor prod_of(const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  check_computing("prod", x, here);
  const Reduction r = reduction("prod", x, dim, here);
  const Dtype dtype = impl(x).dtype;
  const Tensor y = make_tensor(r.shape(keepdim), is_floating_point(dtype) ? dtype : int64);
  dispatch_computing(dtype, [&]<class T>() { reduce(ProdOp<T>{}, x, r.dims, y); });
  return record("prod", here, y, {&x}, [&] {
    return [x = Saved(x), dims = r.dims](Backward& bw) {
      const Here here = bw.here();
      const Tensor input = bw.load(x);
      const Shape& shape = impl(input).shape;
      // The reduced dimensions go last, as one.
      Shape order, back(shape.size(), 0), rows;
      for (std::int64_t d = 0; d < input.dim(); ++d)
        if (std::find(dims.begin(), dims.end(), d) == dims.end()) {
          order.push_back(d);
          rows.push_back(shape[static_cast<std::size_t>(d)]);
        }
      for (const std::int64_t d : dims) order.push_back(d);
      for (std::size_t i = 0; i < order.size(); ++i)
        back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
      const Tensor moved = input.permute(order, here);
      Shape flat = rows, one = rows;
      flat.push_back(input.numel() / std::max<std::int64_t>(numel(rows), 1));
      one.push_back(1);
      const Tensor gradient = prod_gradient(moved.reshape(flat, here), bw.grad().reshape(one, here), here);
      bw.give(0, gradient.reshape(moved.sizes(), here).permute(back, here));
    };
  });
}

// ---- counts of elements that are not 0

template <class Finish>
struct CountTo {
  template <class T>
  struct Op : CountOp<T> {
    using Out = bool;
    std::int64_t total;
    bool finish(std::int64_t count) const { return Finish{}(count, total); }
  };
};

template <class Finish>
Tensor whether(const char* op, const Tensor& x, const std::vector<std::int64_t>& dim, bool keepdim, Here here) {
  const Reduction r = reduction(op, x, dim, here);
  const Tensor y = make_tensor(r.shape(keepdim), bool_);
  dispatch_all(impl(x).dtype, [&]<class T>() {
    using Op = typename CountTo<Finish>::template Op<T>;
    reduce(Op{{}, r.count}, x, r.dims, y);
  });
  return y;
}
struct IsAll {
  bool operator()(std::int64_t count, std::int64_t total) const { return count == total; }
};
struct IsAny {
  bool operator()(std::int64_t count, std::int64_t) const { return count > 0; }
};

}  // namespace

Tensor sum(const Arg& x, const ReduceOptions& o) { return sum_of(x.tensor(), o.dim, o.keepdim, x.here()); }
Tensor mean(const Arg& x, const ReduceOptions& o) { return mean_of(x.tensor(), o.dim, o.keepdim, x.here()); }
Tensor prod(const Arg& x, const ReduceOptions& o) { return prod_of(x.tensor(), o.dim, o.keepdim, x.here()); }

Tensor all(const Arg& x, const ReduceOptions& o) {
  return whether<IsAll>("all", x.tensor(), o.dim, o.keepdim, x.here());
}
Tensor any(const Arg& x, const ReduceOptions& o) {
  return whether<IsAny>("any", x.tensor(), o.dim, o.keepdim, x.here());
}
Tensor count_nonzero(const Arg& x, const Dims& dim) {
  const Reduction r = reduction("count_nonzero", x.tensor(), dim.list(), x.here());
  const Tensor y = make_tensor(r.out, int64);
  dispatch_all(x->dtype(), [&]<class T>() { reduce(CountOp<T>{}, x.tensor(), r.dims, y); });
  return y;
}

Tensor Tensor::sum(const ReduceOptions& options, Here here) const { return xgrad::sum({*this, here}, options); }
Tensor Tensor::mean(const ReduceOptions& options, Here here) const { return xgrad::mean({*this, here}, options); }
Tensor Tensor::prod(const ReduceOptions& options, Here here) const { return xgrad::prod({*this, here}, options); }
Tensor Tensor::all(const ReduceOptions& options, Here here) const { return xgrad::all({*this, here}, options); }
Tensor Tensor::any(const ReduceOptions& options, Here here) const { return xgrad::any({*this, here}, options); }

}  // namespace xgrad
