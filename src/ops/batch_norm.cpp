#include <xgrad/checkpoint.hpp>
#include <xgrad/ops/batch_norm.hpp>

#include <cmath>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/channels.hpp"
#include "ops/running.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = (x - m) r w + b for each channel, with h = (x - m) r, r = 1 / sqrt(v + eps).
// In training m and v are x's own mean and variance:
//   dx = w r (g - mean(g) - h mean(g h)); else dx = w r g.
//   dw = sum(g h), db = sum(g)

Channels channels_of(const Shape& shape) {
  std::int64_t size = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) size *= shape[i];
  return {shape[0], shape[1], size};
}

struct Statistics {
  std::vector<double> mean, variance;
};

template <class T>
Statistics batch_statistics(const Tensor& x, const Channels& shape) {
  const double count = static_cast<double>(shape.batch * shape.size);
  std::vector<double> sums[1];
  std::vector<T> center(static_cast<std::size_t>(shape.channels), T(0));
  sum_channels<1, T>(shape, {data<T>(x)}, {center.data()}, sums, [](auto& v, auto&, auto& out) { out[0] = v[0]; });
  Statistics result;
  for (double sum : sums[0]) result.mean.push_back(sum / count);
  for (std::size_t c = 0; c < center.size(); ++c) center[c] = static_cast<T>(result.mean[c]);
  sum_channels<1, T>(shape, {data<T>(x)}, {center.data()}, sums,
                     [](auto& v, auto& p, auto& out) { out[0] = square(v[0] - p[0]); });
  for (std::size_t c = 0; c < center.size(); ++c) {
    const double off = result.mean[c] - static_cast<double>(center[c]);
    result.variance.push_back(std::max(0.0, sums[0][c] / count - off * off));
  }
  return result;
}

template <class T>
Statistics given_statistics(const Tensor& mean, const Tensor& variance) {
  const Tensor m = dense(mean), v = dense(variance);
  return {{data<T>(m), data<T>(m) + m.numel()}, {data<T>(v), data<T>(v) + v.numel()}};
}

// A vector of the tensor's values, or of `value` where it is undefined.
template <class T>
std::vector<T> values_or(const Tensor& tensor, T value, std::int64_t count) {
  if (!tensor.defined()) return std::vector<T>(static_cast<std::size_t>(count), value);
  const Tensor t = dense(tensor);
  return {data<T>(t), data<T>(t) + count};
}

template <class T>
Tensor to_tensor(const std::vector<double>& values) {
  Tensor result = make_tensor({static_cast<std::int64_t>(values.size())}, dtype_of<T>);
  for (std::size_t c = 0; c < values.size(); ++c) data<T>(result)[c] = static_cast<T>(values[c]);
  return result;
}

// mean and scale (1 / sqrt(var + eps)) are [C].
template <class T>
void fused_backward(Backward& bw, const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& scale,
                    bool training) {
  const Channels shape = channels_of(x.sizes());
  const Tensor gradient = dense(bw.grad());
  const T *values = data<T>(x), *g = data<T>(gradient), *m = data<T>(mean), *r = data<T>(scale);
  std::vector<double> sums[2];
  if (training || bw.needs(1) || bw.needs(2))
    sum_channels<2, T>(shape, {values, g}, {m, r}, sums, [](auto& v, auto& p, auto& out) {
      out[0] = v[1];
      out[1] = v[1] * ((v[0] - p[0]) * p[1]);
    });
  if (bw.needs(0)) {
    const std::vector<T> w = values_or<T>(weight, T(1), shape.channels);
    const double count = static_cast<double>(shape.batch * shape.size);
    // dx = a g + b (x - m) + d
    std::vector<T> a(w.size()), b(w.size(), T(0)), d(w.size(), T(0));
    for (std::size_t c = 0; c < w.size(); ++c) {
      const double factor = static_cast<double>(w[c]) * static_cast<double>(r[c]);
      a[c] = static_cast<T>(factor);
      if (!training) continue;
      b[c] = static_cast<T>(-factor * static_cast<double>(r[c]) * sums[1][c] / count);
      d[c] = static_cast<T>(-factor * sums[0][c] / count);
    }
    Tensor dx = make_tensor(x.sizes(), x.dtype());
    map_channels<T>(shape, {values, g}, {a.data(), b.data(), d.data(), m}, data<T>(dx),
                    [](auto& v, auto& p) { return p[0] * v[1] + (p[1] * (v[0] - p[3]) + p[2]); });
    bw.give(0, dx);
  }
  if (bw.needs(1)) bw.give(1, to_tensor<T>(sums[1]));
  if (bw.needs(2)) bw.give(2, to_tensor<T>(sums[0]));
}

void recorded_backward(Backward& bw, const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& scale,
                       bool training, double eps) {
  const Here here = bw.here();
  std::vector<std::int64_t> others{0};
  Shape column(static_cast<std::size_t>(x.dim()), 1);
  column[1] = x.sizes()[1];
  for (std::int64_t i = 2; i < x.dim(); ++i) others.push_back(i);
  const auto average = [&](const Tensor& t) { return t.mean(Dims(others), true, here); };
  const Tensor m = training ? average(x) : mean.reshape(column, here);
  const Tensor centred = x.sub({m, here});
  const Tensor r = training ? average(centred.square(here)).add({eps, here}).rsqrt(here) : scale.reshape(column, here);
  const Tensor normal = centred.mul({r, here});
  if (bw.needs(0)) {
    Tensor g = bw.grad();
    if (weight.defined()) g = g.mul({weight.reshape(column, here), here});
    if (training) {
      const Tensor along = normal.mul({average(g.mul({normal, here})), here});
      g = g.sub({average(g), here}).sub({along, here});
    }
    bw.give(0, g.mul({r, here}));
  }
  if (bw.needs(1)) bw.give(1, bw.grad().mul({normal, here}).sum(Dims(others), false, here));
  if (bw.needs(2)) bw.give(2, bw.grad().sum(Dims(others), false, here));
}

void check_per_channel(const char* name, const Tensor& tensor, const Arg& x) {
  if (!tensor.defined()) return;
  const Shape expected{x->sizes()[1]};
  check<ShapeError>(tensor.sizes() == expected, x.here(), "batch_norm: {} must be {} for x of {}, got {}", name,
                    expected, x->sizes(), tensor.sizes());
  check<DtypeError>(tensor.dtype() == x->dtype(), x.here(), "batch_norm: {} must be {} as x, got {}", name, x->dtype(),
                    tensor.dtype());
}

}  // namespace

void detail::move_running(const Tensor& running, const std::vector<double>& now, double factor, double momentum,
                          Here here) {
  if (!running.defined() || is_recomputing()) return;
  NoGradGuard no_grad;
  const Tensor batch = make_tensor(running.sizes(), running.dtype());
  dispatch_floating(running.dtype(), [&]<class T>() {
    const Tensor old = dense(running);
    for (std::size_t c = 0; c < now.size(); ++c)
      data<T>(batch)[c] =
          static_cast<T>((1 - momentum) * static_cast<double>(data<T>(old)[c]) + momentum * factor * now[c]);
  });
  running.copy_(batch, here);
}

Tensor batch_norm(const Arg& x, const Tensor& running_mean, const Tensor& running_var,
                  const BatchNormOptions& options) {
  const Here here = x.here();
  check_floating("batch_norm", x.tensor(), here);
  check<ShapeError>(x->dim() >= 2, here, "batch_norm: x must be [N, C] or [N, C, ...], got {}", x->sizes());
  const Channels shape = channels_of(x->sizes());
  check_per_channel("running_mean", running_mean, x);
  check_per_channel("running_var", running_var, x);
  check_per_channel("weight", options.weight, x);
  check_per_channel("bias", options.bias, x);
  const std::int64_t count = shape.batch * shape.size;
  check<ValueError>(!options.training || count != 1, here,
                    "batch_norm: training takes more than one value per channel, x is {}", x->sizes());
  check<ValueError>(options.training || (running_mean.defined() && running_var.defined()), here,
                    "batch_norm: running_mean and running_var must be given unless training");

  const Tensor values = dense(x.tensor());
  Tensor output = make_tensor(x->sizes(), x->dtype()), mean, scale;
  dispatch_floating(x->dtype(), [&]<class T>() {
    const Statistics now =
        options.training ? batch_statistics<T>(values, shape) : given_statistics<T>(running_mean, running_var);
    if (options.training && count > 0) {
      const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
      move_running(running_mean, now.mean, 1, options.momentum, here);
      move_running(running_var, now.variance, unbiased, options.momentum, here);
    }
    const std::vector<T> w = values_or<T>(options.weight, T(1), shape.channels);
    const std::vector<T> b = values_or<T>(options.bias, T(0), shape.channels);
    std::vector<double> factors;
    std::vector<T> a(w.size());
    for (std::size_t c = 0; c < w.size(); ++c) {
      factors.push_back(1 / std::sqrt(now.variance[c] + options.eps));
      a[c] = static_cast<T>(factors[c] * static_cast<double>(w[c]));
    }
    mean = to_tensor<T>(now.mean);
    scale = to_tensor<T>(factors);
    map_channels<T>(shape, {data<T>(values)}, {a.data(), b.data(), data<T>(mean)}, data<T>(output),
                    [](auto& v, auto& p) { return p[0] * (v[0] - p[2]) + p[1]; });
  });
  const Tensor& weight = options.weight;
  return record("batch_norm", here, output, {&x.tensor(), &weight, &options.bias}, [&] {
    return [saved_x = Saved(x.tensor()), saved_w = Saved::input_if(weight.defined(), weight), mean, scale,
            training = options.training, eps = options.eps](Backward& bw) {
      const Tensor x = bw.load(saved_x), w = saved_w.defined() ? bw.load(saved_w) : Tensor();
      if (bw.create_graph()) {
        recorded_backward(bw, x, w, mean, scale, training, eps);
      } else {
        const Tensor values = dense(x);
        dispatch_floating(x.dtype(), [&]<class T>() { fused_backward<T>(bw, values, w, mean, scale, training); });
      }
    };
  });
}

}  // namespace xgrad
