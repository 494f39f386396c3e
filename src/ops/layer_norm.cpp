#include <xgrad/ops/layer_norm.hpp>

#include <cmath>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "ops/norm_rows.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = (x - m) r w + b with m = mean(x), r = 1 / sqrt(mean((x - m)^2) + eps), and h = (x - m) r
// dx = r (g w - mean(g w) - h mean(g w h)), dw = sum over rows of g h, db = sum over rows of g

template <class T>
void normalise_row(const T* x, const T* w, const T* b, std::int64_t size, double eps, T* y, T& mean, T& scale) {
  using L = Lanes<T>;
  mean = sum_lanes(sum_of_lanes<T>(size, [&](std::int64_t i, std::int64_t n) { return load_part(x + i, n); })) /
         static_cast<T>(size);
  const L squares =
      sum_of_lanes<T>(size, [&](std::int64_t i, std::int64_t n) { return square(load_part(x + i, n, mean) - mean); });
  scale = static_cast<T>(1 / std::sqrt(static_cast<double>(sum_lanes(squares)) / static_cast<double>(size) + eps));
  for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
    L value = (load_part(x + i, n) - mean) * scale;
    if (w) value = value * load_part(w + i, n);
    if (b) value = value + load_part(b + i, n);
    store_part(value, y + i, n);
  });
}

// Writes dx and adds to dw and db where they are wanted.
template <class T>
void row_gradient(const T* x, const T* g, const T* w, std::int64_t size, T mean, T scale, T* dx, T* dw, T* db) {
  using L = Lanes<T>;
  if (dx) {
    L sum = 0, product = 0;
    for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
      L v = load_part(g + i, n);
      if (w) v = v * load_part(w + i, n);
      sum += v;
      product += v * ((load_part(x + i, n) - mean) * scale);
    });
    const T m = sum_lanes(sum) / static_cast<T>(size), p = sum_lanes(product) / static_cast<T>(size);
    for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
      L v = load_part(g + i, n);
      if (w) v = v * load_part(w + i, n);
      store_part(scale * (v - m - (load_part(x + i, n) - mean) * scale * p), dx + i, n);
    });
  }
  if (!dw && !db) return;
  for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
    const L v = load_part(g + i, n);
    if (dw) store_part(load_part(dw + i, n) + v * ((load_part(x + i, n) - mean) * scale), dw + i, n);
    if (db) store_part(load_part(db + i, n) + v, db + i, n);
  });
}

void fused_backward(Backward& bw, const Tensor& input, const Tensor& w, const Tensor& mean, const Tensor& scale,
                    const Rows& rows, const Shape& shape) {
  const Tensor x = dense(input), gradient = dense(bw.grad());
  Tensor dx = bw.needs(0) ? make_tensor(x.sizes(), x.dtype()) : Tensor();
  const bool want_w = bw.needs(1), want_b = bw.needs(2);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const std::int64_t per_block = rows_per_block(rows.count), blocks = (rows.count + per_block - 1) / per_block;
    std::vector<T> dw(want_w ? static_cast<std::size_t>(blocks * rows.size) : 0);
    std::vector<T> db(want_b ? static_cast<std::size_t>(blocks * rows.size) : 0);
    const T *values = data<T>(x), *g = data<T>(gradient), *weights = w.defined() ? data<T>(w) : nullptr;
    T* out = dx.defined() ? data<T>(dx) : nullptr;
    parallel_for(rows.count, per_block, x.numel() * 4, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t block = begin / per_block * rows.size;
      for (std::int64_t r = begin; r < end; ++r)
        row_gradient(values + r * rows.size, g + r * rows.size, weights, rows.size, data<T>(mean)[r], data<T>(scale)[r],
                     out ? out + r * rows.size : nullptr, want_w ? dw.data() + block : nullptr,
                     want_b ? db.data() + block : nullptr);
    });
    if (dx.defined()) bw.give(0, dx);
    if (want_w) bw.give(1, add_blocks(dw, blocks, shape));
    if (want_b) bw.give(2, add_blocks(db, blocks, shape));
  });
}

void recorded_backward(Backward& bw, const Tensor& x, const Tensor& w, const Dims& dims, double eps) {
  const Here here = bw.here();
  const auto mean = [&](const Tensor& t) { return t.mean(dims, true, here); };
  const Tensor centred = x.sub({mean(x), here});
  const Tensor scale = mean(centred.square(here)).add({eps, here}).rsqrt(here);
  const Tensor normal = centred.mul({scale, here});
  if (bw.needs(0)) {
    const Tensor g = w.defined() ? bw.grad().mul({w, here}) : bw.grad();
    const Tensor along = normal.mul({mean(g.mul({normal, here})), here});
    bw.give(0, g.sub({mean(g), here}).sub({along, here}).mul({scale, here}));
  }
  if (bw.needs(1)) bw.give(1, bw.grad().mul({normal, here}));
  if (bw.needs(2)) bw.give(2, bw.grad());
}

}  // namespace

Tensor layer_norm(const Arg& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias, double eps) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  const Rows rows = rows_of("layer_norm", x, normalized_shape);
  check_affine("layer_norm", "weight", weight, normalized_shape, "normalized_shape", x);
  check_affine("layer_norm", "bias", bias, normalized_shape, "normalized_shape", x);

  const std::int64_t size = rows.size;
  const Tensor values = dense(x.tensor());
  const Tensor w = weight.defined() ? dense(weight) : weight, b = bias.defined() ? dense(bias) : bias;
  Tensor output = make_tensor(shape, x->dtype());
  const Tensor mean = make_tensor({rows.count}, x->dtype()), scale = make_tensor({rows.count}, x->dtype());
  dispatch_floating(x->dtype(), [&]<class T>() {
    const std::int64_t grain = std::max<std::int64_t>(1, 4096 / (size + 1));
    parallel_for(rows.count, grain, x->numel() * 3, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        normalise_row(data<T>(values) + r * size, w.defined() ? data<T>(w) : nullptr,
                      b.defined() ? data<T>(b) : nullptr, size, eps, data<T>(output) + r * size, data<T>(mean)[r],
                      data<T>(scale)[r]);
    });
  });
  return record("layer_norm", here, output, {&x.tensor(), &weight, &bias}, [&] {
    std::vector<std::int64_t> dims;
    for (std::size_t i = 0; i < normalized_shape.size(); ++i) dims.push_back(-1 - static_cast<std::int64_t>(i));
    return [saved_x = Saved(x.tensor()), saved_w = Saved::input_if(weight.defined(), weight), mean, scale, rows, eps,
            dims, normalized_shape](Backward& bw) {
      const Tensor x = bw.load(saved_x), w = saved_w.defined() ? bw.load(saved_w) : Tensor();
      if (bw.create_graph())
        recorded_backward(bw, x, w, dims, eps);
      else
        fused_backward(bw, x, w.defined() ? dense(w) : w, mean, scale, rows, normalized_shape);
    };
  });
}

}  // namespace xgrad
