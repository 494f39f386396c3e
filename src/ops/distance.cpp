#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- cdist: y_ij = (sum_m |d|^p)^(1/p) with d = x1_im - x2_jm; dy/dd = sign(d) (|d| / y)^(p - 1)
//
// A norm joins differences, begins at 0, and has a slope by d, an odd function. Slopes run on Lanes and on Tensors;
// what is taken the place of by 1 there keeps the branch that is not taken from infinities at higher orders.

struct Sum {
  template <class V>
  V join(V a, V b) const {
    return a + b;
  }
  template <class T>
  T all(Lanes<T> lanes) const {
    return sum_lanes(lanes);
  }
};
struct CountNorm : Sum {
  template <class V>
  V element(V d) const {
    return where(d == 0, V(0), where(isnan(d), d, V(1)));
  }
  template <class T>
  T finish(T sum) const {
    return sum;
  }
  template <class V>
  V slope(const V& d, const V&) const {
    return sign(d) * 0;
  }
};
struct AbsoluteNorm : Sum {
  template <class V>
  V element(V d) const {
    return abs(d);
  }
  template <class T>
  T finish(T sum) const {
    return sum;
  }
  template <class V>
  V slope(const V& d, const V&) const {
    return sign(d);
  }
};
struct EuclideanNorm : Sum {
  template <class V>
  V element(V d) const {
    return d * d;
  }
  template <class T>
  T finish(T sum) const {
    return std::sqrt(sum);
  }
  template <class V>
  V slope(const V& d, const V& y) const {
    return where(y == 0, 0, d / where(y == 0, 1, y));
  }
};
struct LargestNorm {
  template <class V>
  V join(V a, V b) const {
    return maximum(a, b);
  }
  template <class T>
  T all(Lanes<T> lanes) const {
    T values[Lanes<T>::size];
    lanes.store(values);
    return *std::max_element(values, values + Lanes<T>::size,
                             [](T a, T b) { return a < b || (std::isnan(b) && !std::isnan(a)); });
  }
  template <class V>
  V element(V d) const {
    return abs(d);
  }
  template <class T>
  T finish(T largest) const {
    return largest;
  }
  template <class V>
  V slope(const V& d, const V& y) const {
    return where(abs(d) == y, sign(d), 0);
  }
};
struct PowerNorm : Sum {
  double p;
  template <class V>
  V element(V d) const {
    return pow(abs(d), p);
  }
  template <class T>
  T finish(T sum) const {
    return static_cast<T>(std::pow(static_cast<double>(sum), 1 / p));
  }
  template <class V>
  V slope(const V& d, const V& y) const {
    const V ratio = where(d == 0, 1, abs(d)) / where(y == 0, 1, y);
    return where(d == 0 || y == 0, 0, sign(d) * pow(ratio, p - 1));
  }
};

template <class F>
void with_norm(double p, F&& f) {
  if (p == 0)
    f(CountNorm{});
  else if (p == 1)
    f(AbsoluteNorm{});
  else if (p == 2)
    f(EuclideanNorm{});
  else if (p == std::numeric_limits<double>::infinity())
    f(LargestNorm{});
  else
    f(PowerNorm{{}, p});
}

// x1 [batch, rows, width] against x2 [batch, columns, width].
struct Tables {
  std::int64_t batch, rows, columns, width;
  std::int64_t grain() const { return std::max<std::int64_t>(1, 8192 / (columns * width + 1)); }
  std::int64_t work() const { return batch * rows * columns * width * 4; }
};

template <class T, class Norm>
void distances(const Norm& norm, const Tables& t, const T* x1, const T* x2, T* y) {
  parallel_for(t.batch * t.rows, t.grain(), t.work(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T *one = x1 + row * t.width, *other = x2 + row / t.rows * t.columns * t.width;
      for (std::int64_t column = 0; column < t.columns; ++column, other += t.width) {
        Lanes<T> joined = 0;
        for_lanes<T>(t.width, [&](std::int64_t i, std::int64_t n) {
          joined = norm.join(joined, norm.element(load_part(one + i, n) - load_part(other + i, n)));
        });
        y[row * t.columns + column] = norm.finish(norm.all(joined));
      }
    }
  });
}

// The gradient by the rows of x1. Distances and their gradients lie row_step and column_step apart: rows and columns
// may change places, for slopes are odd.
template <class T, class Norm>
void row_gradients(const Norm& norm, const Tables& t, std::int64_t row_step, std::int64_t column_step, const T* x1,
                   const T* x2, const T* y, const T* g, T* out) {
  parallel_for(t.batch * t.rows, t.grain(), t.work(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t batch = row / t.rows, first = batch * t.rows * t.columns + row % t.rows * row_step;
      const T *one = x1 + row * t.width, *other = x2 + batch * t.columns * t.width;
      T* sum = out + row * t.width;
      std::fill(sum, sum + t.width, T(0));
      for (std::int64_t column = 0; column < t.columns; ++column, other += t.width) {
        const Lanes<T> distance = y[first + column * column_step], weight = g[first + column * column_step];
        for_lanes<T>(t.width, [&](std::int64_t i, std::int64_t n) {
          const Lanes<T> slope = norm.slope(load_part(one + i, n) - load_part(other + i, n), distance);
          store_part(load_part(sum + i, n) + weight * slope, sum + i, n);
        });
      }
    }
  });
}

void fused_backward(Backward& bw, double p, const Tables& t, const Tensor& a, const Tensor& b, const Tensor& y) {
  const Tensor x1 = dense(a), x2 = dense(b), g = dense(bw.grad());
  with_norm(p, [&](const auto& norm) {
    dispatch_floating(x1.dtype(), [&]<class T>() {
      if (bw.needs(0)) {
        const Tensor result = make_tensor(x1.sizes(), x1.dtype());
        row_gradients(norm, t, t.columns, 1, data<T>(x1), data<T>(x2), data<T>(y), data<T>(g), data<T>(result));
        bw.give(0, result);
      }
      if (bw.needs(1)) {
        const Tensor result = make_tensor(x2.sizes(), x2.dtype());
        row_gradients(norm, {t.batch, t.columns, t.rows, t.width}, 1, t.columns, data<T>(x2), data<T>(x1), data<T>(y),
                      data<T>(g), data<T>(result));
        bw.give(1, result);
      }
    });
  });
}

void recorded_backward(Backward& bw, double p, const Tensor& x1, const Tensor& x2, const Tensor& y) {
  const Here here = bw.here();
  const Tensor d = x1.unsqueeze(-2, here).sub({x2.unsqueeze(-3, here), here});
  with_norm(p, [&](const auto& norm) {
    const Tensor slope = norm.slope(d, y.unsqueeze(-1, here)).mul({bw.grad().unsqueeze(-1, here), here});
    if (bw.needs(0)) bw.give(0, slope.sum(Dims{-2}, false, here));
    if (bw.needs(1)) bw.give(1, slope.sum(Dims{-3}, false, here).neg(here));
  });
}

// Of x1 [..., P, M] and x2 [..., R, M] with the same dimensions before.
Tensor all_distances(const char* op, const Tensor& x1, const Tensor& x2, double p, Here here) {
  Shape shape = x1.sizes();
  const Tables t{numel(Shape(shape.data(), shape.size() - 2)), x1.size(-2), x2.size(-2), x1.size(-1)};
  shape[shape.size() - 1] = t.columns;
  const Tensor y = make_tensor(shape, x1.dtype()), a = dense(x1), b = dense(x2);
  with_norm(p, [&](const auto& norm) {
    dispatch_floating(y.dtype(), [&]<class T>() { distances(norm, t, data<T>(a), data<T>(b), data<T>(y)); });
  });
  return record(op, here, y, {&x1, &x2}, [&] {
    return [x1 = Saved(x1), x2 = Saved(x2), y = Saved::output(y), p, t](Backward& bw) {
      if (bw.create_graph())
        recorded_backward(bw, p, bw.load(x1), bw.load(x2), bw.load(y));
      else
        fused_backward(bw, p, t, bw.load(x1), bw.load(x2), bw.load(y));
    };
  });
}

void check_power(const char* op, double p, Here here) {
  check<ValueError>(p >= 0, here, "{}: expected p of at least 0, got {}", op, p);
}

void check_pair(const char* op, const Arg& a, const Arg& b) {
  check_floating(op, a.tensor(), a.here());
  check_same_dtype(op, a.tensor(), b.tensor(), a.here());
}

// n = max(norm(x), eps) along dim; dn/dx = x / n, on either side of eps.
Tensor bounded_norm(const Tensor& x, std::int64_t dim, double eps, Here here) {
  const Tensor norm = x.detach(here).norm(2, Dims{dim}, true, here).clamp(eps, {}, here);
  return record("cosine_similarity", here, norm, {&x}, [&] {
    return [x = Saved(x), norm = Saved::output(norm)](Backward& bw) {
      const Here here = bw.here();
      bw.give(0, bw.load(x).mul({bw.grad().div({bw.load(norm), here}), here}));
    };
  });
}

}  // namespace

Tensor cosine_similarity(const Arg& x1, const Arg& x2, std::int64_t dim, double eps) {
  const char* op = "cosine_similarity";
  const Here here = x1.here();
  check_pair(op, x1, x2);
  const Shape shape = broadcast_shapes(op, x1->sizes(), x2->sizes(), here);
  dim = wrap_dim(op, dim, static_cast<std::int64_t>(shape.size()), here);
  const Tensor a = x1->expand(shape, here), b = x2->expand(shape, here);
  const Tensor u = a.div({bounded_norm(a, dim, eps, here), here}), v = b.div({bounded_norm(b, dim, eps, here), here});
  return u.mul({v, here}).sum(Dims{dim}, false, here);
}

Tensor pairwise_distance(const Arg& x1, const Arg& x2, double p, double eps, bool keepdim) {
  const Here here = x1.here();
  check_pair("pairwise_distance", x1, x2);
  broadcast_shapes("pairwise_distance", x1->sizes(), x2->sizes(), here);
  return x1->sub({x2.tensor(), here}).add({eps, here}).norm(p, Dims{-1}, keepdim, here);
}

Tensor cdist(const Arg& x1, const Arg& x2, double p) {
  const char* op = "cdist";
  const Here here = x1.here();
  check_pair(op, x1, x2);
  check_power(op, p, here);
  check<ShapeError>(x1->dim() >= 2 && x2->dim() >= 2 && x1->size(-1) == x2->size(-1), here,
                    "{}: expected [..., P, M] and [..., R, M], x1 is {}, x2 is {}", op, x1->sizes(), x2->sizes());
  const auto before = [](const Tensor& x) { return Shape(x.sizes().data(), x.sizes().size() - 2); };
  const Shape batch = broadcast_shapes(op, before(x1.tensor()), before(x2.tensor()), here);
  const auto spread = [&](const Tensor& x) {
    Shape shape = batch;
    shape.push_back(x.size(-2));
    shape.push_back(x.size(-1));
    return shape == x.sizes() ? x : x.expand(shape, here);
  };
  return all_distances(op, spread(x1.tensor()), spread(x2.tensor()), p, here);
}

Tensor pdist(const Arg& x, double p) {
  const Here here = x.here();
  check_floating("pdist", x.tensor(), here);
  check_power("pdist", p, here);
  check<ShapeError>(x->dim() == 2, here, "pdist: expected x to be [N, M], got {}", x->sizes());
  const std::int64_t rows = x->size(0);
  const Tensor pairs = make_tensor({rows * std::max<std::int64_t>(rows - 1, 0) / 2}, Dtype::int64);
  for (std::int64_t i = 0, *at = data<std::int64_t>(pairs); i < rows; ++i)
    for (std::int64_t j = i + 1; j < rows; ++j) *at++ = i * rows + j;
  const Tensor all = all_distances("pdist", x.tensor(), x.tensor(), p, here);
  return all.reshape({rows * rows}, here).index_select(0, pairs, here);
}

Tensor normalize(const Arg& x, double p, const Dims& dim, double eps) {
  const Here here = x.here();
  check_floating("normalize", x.tensor(), here);
  wrap_dims("normalize", dim.list(), x->dim(), here);
  return x->div({x->norm(p, dim, true, here).clamp(eps, {}, here), here});
}

Tensor bilinear(const Arg& input1, const Arg& input2, const Arg& weight, const Tensor& bias) {
  const char* op = "bilinear";
  const Here here = input1.here();
  check_pair(op, input1, input2);
  check_pair(op, input1, weight);
  Shape shape = input1->sizes(), other = input2->sizes();
  check<ShapeError>(weight->dim() == 3 && !shape.empty() && !other.empty() && shape.back() == weight->size(1) &&
                        other.back() == weight->size(2),
                    here,
                    "{}: expected [..., I], [..., J] and weight [O, I, J], input1 is {}, input2 is {}, weight is {}",
                    op, shape, other, weight->sizes());
  const std::int64_t in1 = shape.back(), in2 = other.back(), out = weight->size(0);
  shape[shape.size() - 1] = other[other.size() - 1] = out;
  check<ShapeError>(shape == other, here,
                    "{}: expected the same dimensions before the last, input1 is {}, input2 is {}", op, input1->sizes(),
                    input2->sizes());
  if (bias.defined()) {
    check<ShapeError>(bias.sizes() == Shape{out}, here, "{}: expected bias to be {}, got {}", op, Shape{out},
                      bias.sizes());
    check_same_dtype(op, input1.tensor(), bias, here);
  }
  const std::int64_t rows = out == 0 ? 0 : numel(shape) / out;
  const Tensor table = weight->permute({1, 0, 2}, here).reshape({in1, out * in2}, here);
  const Tensor half = input1->reshape({rows, in1}, here).mm(table, here).reshape({rows, out, in2}, here);
  const Tensor y = half.bmm(input2->reshape({rows, in2, 1}, here), here).reshape(shape, here);
  return bias.defined() ? y.add({bias, here}) : y;
}

}  // namespace xgrad
