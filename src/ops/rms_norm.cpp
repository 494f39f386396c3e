#include <xgrad/ops/rms_norm.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "ops/norm_rows.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = x r w with r = 1 / sqrt(mean(x^2) + eps), and h = x r
// dx = r (g w - h mean(g w h)), dw = sum over rows of g h

template <class T>
void normalise_row(const T* x, const T* w, std::int64_t size, double eps, T* y, T& scale) {
  using L = Lanes<T>;
  const L squares = sum_of_lanes<T>(size, [&](std::int64_t i, std::int64_t n) { return square(load_part(x + i, n)); });
  scale = static_cast<T>(1 / std::sqrt(static_cast<double>(sum_lanes(squares)) / static_cast<double>(size) + eps));
  for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
    L value = load_part(x + i, n) * scale;
    if (w) value = value * load_part(w + i, n);
    store_part(value, y + i, n);
  });
}

// Writes dx and adds to dw where they are wanted.
template <class T>
void row_gradient(const T* x, const T* g, const T* w, std::int64_t size, T scale, T* dx, T* dw) {
  using L = Lanes<T>;
  const auto weighted = [&](std::int64_t i, std::int64_t n) {
    const L v = load_part(g + i, n);
    return w ? v * load_part(w + i, n) : v;
  };
  if (dx) {
    const T along =
        sum_lanes(sum_of_lanes<T>(
            size, [&](std::int64_t i, std::int64_t n) { return weighted(i, n) * (load_part(x + i, n) * scale); })) /
        static_cast<T>(size);
    for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
      store_part(scale * (weighted(i, n) - load_part(x + i, n) * scale * along), dx + i, n);
    });
  }
  if (!dw) return;
  for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
    store_part(load_part(dw + i, n) + load_part(g + i, n) * (load_part(x + i, n) * scale), dw + i, n);
  });
}

void fused_backward(Backward& bw, const Tensor& input, const Tensor& w, const Tensor& scale, const Rows& rows,
                    const Shape& shape) {
  const Tensor x = dense(input), gradient = dense(bw.grad());
  const Tensor dx = bw.needs(0) ? make_tensor(x.sizes(), x.dtype()) : Tensor();
  const bool want_w = bw.needs(1);
  dispatch_floating(x.dtype(), [&]<class T>() {
    const std::int64_t per_block = rows_per_block(rows.count), blocks = (rows.count + per_block - 1) / per_block;
    std::vector<T> dw(want_w ? static_cast<std::size_t>(blocks * rows.size) : 0);
    parallel_for(rows.count, per_block, x.numel() * 4, [&](std::int64_t begin, std::int64_t end) {
      T* const sums = want_w ? dw.data() + begin / per_block * rows.size : nullptr;
      for (std::int64_t r = begin; r < end; ++r)
        row_gradient(data<T>(x) + r * rows.size, data<T>(gradient) + r * rows.size, w.defined() ? data<T>(w) : nullptr,
                     rows.size, data<T>(scale)[r], dx.defined() ? data<T>(dx) + r * rows.size : nullptr, sums);
    });
    if (dx.defined()) bw.give(0, dx);
    if (want_w) bw.give(1, add_blocks(dw, blocks, shape));
  });
}

void recorded_backward(Backward& bw, const Tensor& x, const Tensor& w, const Dims& dims, double eps) {
  const Here here = bw.here();
  const Tensor scale = x.square(here).mean(dims, true, here).add({eps, here}).rsqrt(here);
  const Tensor normal = x.mul({scale, here});
  if (bw.needs(0)) {
    const Tensor g = w.defined() ? bw.grad().mul({w, here}) : bw.grad();
    const Tensor along = g.mul({normal, here}).mean(dims, true, here);
    bw.give(0, g.sub({normal.mul({along, here}), here}).mul({scale, here}));
  }
  if (bw.needs(1)) bw.give(1, bw.grad().mul({normal, here}));
}

}  // namespace

Tensor rms_norm(const Arg& x, const Shape& normalized_shape, const Tensor& weight, std::optional<double> eps) {
  const Rows rows = rows_of("rms_norm", x, normalized_shape);
  check_affine("rms_norm", "weight", weight, normalized_shape, "normalized_shape", x);
  const std::int64_t size = rows.size;
  const Tensor values = dense(x.tensor()), w = weight.defined() ? dense(weight) : weight;
  const Tensor output = make_tensor(x->sizes(), x->dtype()), scale = make_tensor({rows.count}, x->dtype());
  double epsilon = 0;
  dispatch_floating(x->dtype(), [&]<class T>() {
    epsilon = eps.value_or(static_cast<double>(std::numeric_limits<T>::epsilon()));
    const std::int64_t grain = std::max<std::int64_t>(1, 4096 / (size + 1));
    parallel_for(rows.count, grain, x->numel() * 3, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        normalise_row(data<T>(values) + r * size, w.defined() ? data<T>(w) : nullptr, size, epsilon,
                      data<T>(output) + r * size, data<T>(scale)[r]);
    });
  });
  return record("rms_norm", x.here(), output, {&x.tensor(), &weight}, [&] {
    return [saved_x = Saved(x.tensor()), saved_w = Saved::input_if(weight.defined(), weight), scale, rows, epsilon,
            normalized_shape](Backward& bw) {
      const Tensor x = bw.load(saved_x), w = saved_w.defined() ? bw.load(saved_w) : Tensor();
      if (bw.create_graph())
        recorded_backward(bw, x, w, last_dims(normalized_shape), epsilon);
      else
        fused_backward(bw, x, w.defined() ? dense(w) : w, scale, rows, normalized_shape);
    };
  });
}

}  // namespace xgrad
