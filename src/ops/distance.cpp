#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// ---- cdist: y_ij = (sum_m |d|^p)^(1/p) with d = x1_im - x2_jm; dy/dd = sign(d) (|d| / y)^(p - 1)
//
// A norm joins what it makes of each difference, beginning with 0, and finishes that. The gradient by d is part(d, y),
// an odd function of d, times weight(g, y), which is the same for all of a row. All of it runs on Lanes, the gradient
// on Tensors too; what is replaced by 1 keeps the branch that is not taken from infinities at higher orders.

struct Sum {
  template <class V>
  V join(V a, V b) const {
    return a + b;
  }
  template <class V>
  V finish(V sum) const {
    return sum;
  }
  template <class V>
  V weight(const V& g, const V&) const {
    return g;
  }
};
struct CountNorm : Sum {
  template <class V>
  V element(V d) const {
    return where(d == 0 || isnan(d), d, 1);
  }
  template <class V>
  V part(const V& d, const V&) const {
    return sign(d) * 0;
  }
};
struct AbsoluteNorm : Sum {
  template <class V>
  V element(V d) const {
    return abs(d);
  }
  template <class V>
  V part(const V& d, const V&) const {
    return sign(d);
  }
};
struct EuclideanNorm : Sum {
  template <class V>
  V element(V d) const {
    return d * d;
  }
  template <class V>
  V finish(V sum) const {
    return sqrt(sum);
  }
  template <class V>
  V weight(const V& g, const V& y) const {
    return where(y == 0, 0, g / where(y == 0, 1, y));
  }
  template <class V>
  V part(const V& d, const V&) const {
    return d;
  }
};
struct LargestNorm : AbsoluteNorm {
  template <class V>
  V join(V a, V b) const {
    return maximum(a, b);
  }
  template <class V>
  V part(const V& d, const V& y) const {
    return where(abs(d) == y, sign(d), 0);
  }
};
struct PowerNorm : Sum {
  double p;
  template <class V>
  V element(V d) const {
    return pow(abs(d), p);
  }
  template <class V>
  V finish(V sum) const {
    return pow(sum, 1 / p);
  }
  template <class V>
  V part(const V& d, const V& y) const {
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

// Rows [batch, rows, width] against columns [batch, columns, width].
struct Tables {
  std::int64_t batch, rows, columns, width;
  std::int64_t grain() const { return std::max<std::int64_t>(1, 8192 / (columns * width + 1)); }
  std::int64_t work() const { return batch * rows * columns * width * 4; }
};

// The columns with as many side by side as there are lanes: [batch, columns / lanes, width, lanes], 0 where there is no
// column.
template <class T>
struct Panels {
  std::int64_t width, size;  // of a batch
  std::vector<T> values;

  Panels(const Tables& t, const T* x)
      : width(t.width), size((t.columns + lane_count<T> - 1) / lane_count<T> * lane_count<T> * t.width) {
    values.resize(static_cast<std::size_t>(t.batch * size));
    for (std::int64_t b = 0; b < t.batch; ++b)
      for (std::int64_t c = 0; c < t.columns; ++c, x += width) {
        T* panel = values.data() + b * size + c / lane_count<T> * lane_count<T> * width + c % lane_count<T>;
        for (std::int64_t m = 0; m < width; ++m) panel[m * lane_count<T>] = x[m];
      }
  }
  const T* at(std::int64_t batch, std::int64_t column) const { return values.data() + batch * size + column * width; }
};

template <class T, class Norm>
void distances(const Norm& norm, const Tables& t, const T* x1, const T* x2, T* y) {
  const Panels<T> panels(t, x2);
  parallel_for(t.batch * t.rows, t.grain(), t.work(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for_lanes<T>(t.columns, [&](std::int64_t column, std::int64_t n) {
        const T *one = x1 + row * t.width, *panel = panels.at(row / t.rows, column);
        Lanes<T> joined = 0;
        for (std::int64_t m = 0; m < t.width; ++m)
          joined = norm.join(joined, norm.element(Lanes<T>(one[m]) - Lanes<T>::load(panel + m * lane_count<T>)));
        store_part(norm.finish(joined), y + row * t.columns + column, n);
      });
  });
}

// The gradient by the rows, from the distances and their gradients [batch, rows, columns].
template <class T, class Norm>
void row_gradients(const Norm& norm, const Tables& t, const T* x1, const T* x2, const T* y, const T* g, T* out) {
  const Panels<T> panels(t, x2);
  parallel_for(t.batch * t.rows, t.grain(), t.work(), [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> sums(static_cast<std::size_t>(t.width * lane_count<T>));
    for (std::int64_t row = begin; row < end; ++row) {
      std::fill(sums.begin(), sums.end(), T(0));
      const T* one = x1 + row * t.width;
      for_lanes<T>(t.columns, [&](std::int64_t column, std::int64_t n) {
        const T* panel = panels.at(row / t.rows, column);
        const Lanes<T> distance = load_part(y + row * t.columns + column, n);
        const Lanes<T> weight = norm.weight(load_part(g + row * t.columns + column, n), distance);
        for (std::int64_t m = 0; m < t.width; ++m) {
          T* sum = sums.data() + m * lane_count<T>;
          const Lanes<T> d = Lanes<T>(one[m]) - Lanes<T>::load(panel + m * lane_count<T>);
          (Lanes<T>::load(sum) + weight * norm.part(d, distance)).store(sum);
        }
      });
      for (std::int64_t m = 0; m < t.width; ++m)
        out[row * t.width + m] = sum_lanes(Lanes<T>::load(sums.data() + m * lane_count<T>));
    }
  });
}

void fused_backward(Backward& bw, double p, const Tables& t, const Tensor& a, const Tensor& b, const Tensor& y) {
  const Tensor x1 = dense(a), x2 = dense(b);
  const auto give = [&](std::size_t input, const Tables& tables, const Tensor& rows, const Tensor& columns,
                        const Tensor& distance, const Tensor& gradient) {
    if (!bw.needs(input)) return;
    const Tensor result = make_tensor(rows.sizes(), rows.dtype()), d = dense(distance), g = dense(gradient);
    with_norm(p, [&](const auto& norm) {
      dispatch_floating(rows.dtype(), [&]<class T>() {
        row_gradients(norm, tables, data<T>(rows), data<T>(columns), data<T>(d), data<T>(g), data<T>(result));
      });
    });
    bw.give(input, result);
  };
  give(0, t, x1, x2, y, bw.grad());
  // Rows and columns change places: parts are odd.
  give(1, {t.batch, t.columns, t.rows, t.width}, x2, x1, y.transpose(-1, -2, bw.here()),
       bw.grad().transpose(-1, -2, bw.here()));
}

void recorded_backward(Backward& bw, double p, const Tensor& x1, const Tensor& x2, const Tensor& y) {
  const Here here = bw.here();
  const Tensor d = x1.unsqueeze(-2, here).sub({x2.unsqueeze(-3, here), here});
  with_norm(p, [&](const auto& norm) {
    const Tensor weight = norm.weight(bw.grad(), y).unsqueeze(-1, here);
    const Tensor gradient = norm.part(d, y.unsqueeze(-1, here)).mul({weight, here});
    if (bw.needs(0)) bw.give(0, gradient.sum(Dims{-2}, false, here));
    if (bw.needs(1)) bw.give(1, gradient.sum(Dims{-3}, false, here).neg(here));
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
