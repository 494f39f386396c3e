#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/group_norm.hpp>

#include <cmath>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/blas.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "ops/norm_rows.hpp"
#include "ops/running.hpp"
#include "ops/taps.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

// y = (x - m) r w + b with m = mean(x), r = 1 / sqrt(mean((x - m)^2) + eps) over a group, w and b per channel, and
// h = (x - m) r:
// dx = r (g w - mean(g w) - h mean(g w h)), dw = sum(g h), db = sum(g) over samples and positions

struct Groups {
  std::int64_t batch, count, channels, size;  // channels of a group, elements of a channel
  std::int64_t rows() const noexcept { return batch * count; }
  std::int64_t row_size() const noexcept { return channels * size; }
  std::int64_t all_channels() const noexcept { return count * channels; }
};

// Channels of a row are neighbours where they have one element, and each a row of its own otherwise.
//   f(i, n, c): lanes at element i of the row; weights of channel c on, one for each lane or one for all.
template <class T, class F>
XGRAD_LANES_INLINE void for_row(const Groups& groups, F&& f) {
  if (groups.size == 1) return for_lanes<T>(groups.channels, [&](std::int64_t i, std::int64_t n) { f(i, n, i); });
  for (std::int64_t c = 0; c < groups.channels; ++c)
    for_lanes<T>(groups.size, [&](std::int64_t i, std::int64_t n) { f(c * groups.size + i, n, c); });
}
template <class T>
XGRAD_LANES_INLINE Lanes<T> load_channel(const Groups& groups, const T* values, std::int64_t c, std::int64_t n) {
  return groups.size == 1 ? load_part(values + c, n) : Lanes<T>(values[c]);
}

template <class T>
void normalise_row(const Groups& groups, const T* x, const T* w, const T* b, double eps, T* y, T& mean, T& scale,
                   double* variance) {
  using L = Lanes<T>;
  const std::int64_t size = groups.row_size();
  mean = sum_lanes(sum_of_lanes<T>(size, [&](std::int64_t i, std::int64_t n) { return load_part(x + i, n); })) /
         static_cast<T>(size);
  const L squares =
      sum_of_lanes<T>(size, [&](std::int64_t i, std::int64_t n) { return square(load_part(x + i, n, mean) - mean); });
  const double var = static_cast<double>(sum_lanes(squares)) / static_cast<double>(size);
  if (variance) *variance = var;
  scale = static_cast<T>(1 / std::sqrt(var + eps));
  for_row<T>(groups, [&](std::int64_t i, std::int64_t n, std::int64_t c) {
    L value = (load_part(x + i, n) - mean) * scale;
    if (w) value = value * load_channel(groups, w, c, n);
    if (b) value = value + load_channel(groups, b, c, n);
    store_part(value, y + i, n);
  });
}

// The sums over each channel of a row of g and of g h.
template <class T>
void sum_row(const Groups& groups, const T* x, const T* g, T mean, T scale, T* sums, T* products) {
  if (groups.size == 1) {
    for (std::int64_t c = 0; c < groups.channels; ++c) {
      sums[c] = g[c];
      products[c] = g[c] * ((x[c] - mean) * scale);
    }
    return;
  }
  for (std::int64_t c = 0; c < groups.channels; ++c, x += groups.size, g += groups.size) {
    sums[c] =
        sum_lanes(sum_of_lanes<T>(groups.size, [&](std::int64_t i, std::int64_t n) { return load_part(g + i, n); }));
    products[c] = sum_lanes(sum_of_lanes<T>(groups.size, [&](std::int64_t i, std::int64_t n) {
      return load_part(g + i, n) * ((load_part(x + i, n) - mean) * scale);
    }));
  }
}

template <class T>
void row_gradient(const Groups& groups, const T* x, const T* g, const T* w, T mean, T scale, const T* sums,
                  const T* products, T* dx) {
  double sum = 0, product = 0;
  for (std::int64_t c = 0; c < groups.channels; ++c) {
    const double weight = w ? static_cast<double>(w[c]) : 1;
    sum += weight * static_cast<double>(sums[c]);
    product += weight * static_cast<double>(products[c]);
  }
  const auto size = static_cast<double>(groups.row_size());
  const T m = static_cast<T>(sum / size), p = static_cast<T>(product / size);
  for_row<T>(groups, [&](std::int64_t i, std::int64_t n, std::int64_t c) {
    Lanes<T> v = load_part(g + i, n);
    if (w) v = v * load_channel(groups, w, c, n);
    store_part(scale * (v - m - (load_part(x + i, n) - mean) * scale * p), dx + i, n);
  });
}

// Rows that go to a thread together.
std::int64_t grain(const Groups& groups) { return std::max<std::int64_t>(1, 4096 / (groups.row_size() + 1)); }

void fused_backward(Backward& bw, const Tensor& input, const Tensor& w, const Tensor& mean, const Tensor& scale,
                    const Groups& groups) {
  const Tensor x = dense(input), gradient = dense(bw.grad());
  const Tensor dx = bw.needs(0) ? make_tensor(x.sizes(), x.dtype()) : Tensor();
  const std::int64_t channels = groups.all_channels(), size = groups.row_size();
  const Tensor sums = make_tensor({2, groups.batch, channels}, x.dtype());
  dispatch_floating(x.dtype(), [&]<class T>() {
    T *const sum = data<T>(sums), *const product = sum + groups.batch * channels;
    parallel_for(groups.rows(), grain(groups), x.numel() * 6, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const T *from = data<T>(x) + r * size, *g = data<T>(gradient) + r * size;
        const T m = data<T>(mean)[r], s = data<T>(scale)[r];
        const std::int64_t at = r * groups.channels;
        sum_row(groups, from, g, m, s, sum + at, product + at);
        if (dx.defined())
          row_gradient(groups, from, g, w.defined() ? data<T>(w) + r % groups.count * groups.channels : nullptr, m, s,
                       sum + at, product + at, data<T>(dx) + r * size);
      }
    });
    if (dx.defined()) bw.give(0, dx);
    const auto give = [&](std::size_t input, const T* values) {
      const Tensor total = make_tensor({channels}, x.dtype());
      sum_rows(groups.batch, channels, values, channels, data<T>(total), false);
      bw.give(input, total);
    };
    if (bw.needs(1)) give(1, product);
    if (bw.needs(2)) give(2, sum);
  });
}

void recorded_backward(Backward& bw, const Tensor& input, const Tensor& weight, const Groups& groups, double eps) {
  const Here here = bw.here();
  const Shape apart{groups.batch, groups.count, groups.channels, groups.size};
  const auto mean = [&](const Tensor& t) { return t.mean({2, 3}, true, here); };
  const Tensor x = input.reshape(apart, here), gradient = bw.grad().reshape(apart, here);
  const Tensor centred = x.sub({mean(x), here});
  const Tensor scale = mean(centred.square(here)).add({eps, here}).rsqrt(here);
  const Tensor normal = centred.mul({scale, here});
  if (bw.needs(0)) {
    const Tensor g =
        weight.defined() ? gradient.mul({weight.reshape({1, groups.count, groups.channels, 1}, here), here}) : gradient;
    const Tensor along = normal.mul({mean(g.mul({normal, here})), here});
    bw.give(0, g.sub({mean(g), here}).sub({along, here}).mul({scale, here}).reshape(input.sizes(), here));
  }
  const auto per_channel = [&](const Tensor& t) {
    return t.sum({0, 3}, false, here).reshape({groups.all_channels()}, here);
  };
  if (bw.needs(1)) bw.give(1, per_channel(gradient.mul({normal, here})));
  if (bw.needs(2)) bw.give(2, per_channel(gradient));
}

// variance, where wanted, has a number for each row; so has mean, which is returned.
struct Normal {
  Tensor output, mean;
};
Normal normalise(const char* op, const Arg& x, const Groups& groups, const Tensor& weight, const Tensor& bias,
                 double eps, double* variance) {
  const Tensor values = dense(x.tensor());
  const Tensor w = weight.defined() ? dense(weight) : weight, b = bias.defined() ? dense(bias) : bias;
  const Tensor output = make_tensor(x->sizes(), x->dtype());
  const Tensor mean = make_tensor({groups.rows()}, x->dtype()), scale = make_tensor({groups.rows()}, x->dtype());
  dispatch_floating(x->dtype(), [&]<class T>() {
    parallel_for(groups.rows(), grain(groups), x->numel() * 3, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t channel = r % groups.count * groups.channels, at = r * groups.row_size();
        normalise_row(groups, data<T>(values) + at, w.defined() ? data<T>(w) + channel : nullptr,
                      b.defined() ? data<T>(b) + channel : nullptr, eps, data<T>(output) + at, data<T>(mean)[r],
                      data<T>(scale)[r], variance ? variance + r : nullptr);
      }
    });
  });
  return {record(op, x.here(), output, {&x.tensor(), &weight, &bias},
                 [&] {
                   return [saved_x = Saved(x.tensor()), saved_w = Saved::input_if(weight.defined(), weight), mean,
                           scale, groups, eps](Backward& bw) {
                     const Tensor x = bw.load(saved_x), w = saved_w.defined() ? bw.load(saved_w) : Tensor();
                     if (bw.create_graph())
                       recorded_backward(bw, x, w, groups, eps);
                     else
                       fused_backward(bw, x, w.defined() ? dense(w) : w, mean, scale, groups);
                   };
                 }),
          mean};
}

std::int64_t positions(const Shape& shape) {
  std::int64_t size = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) size *= shape[i];
  return size;
}

// The averages over the samples of the means and variances [N, C] move the running statistics.
void update_running(const Tensor& running_mean, const Tensor& running_var, const Tensor& mean,
                    const std::vector<double>& variance, const Groups& groups, double momentum, Here here) {
  const std::vector<double> means = mean.to_vector<double>();
  const auto average = [&](const std::vector<double>& values) {
    std::vector<double> result(static_cast<std::size_t>(groups.count), 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      result[i % result.size()] += values[i] / static_cast<double>(groups.batch);
    return result;
  };
  const double unbiased = static_cast<double>(groups.size) / static_cast<double>(groups.size - 1);
  move_running(running_mean, average(means), 1, momentum, here);
  move_running(running_var, average(variance), unbiased, momentum, here);
}

}  // namespace

Tensor group_norm(const Arg& x, std::int64_t num_groups, const Tensor& weight, const Tensor& bias, double eps) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  check<ValueError>(num_groups > 0, here, "group_norm: expected positive num_groups, got {}", num_groups);
  check<ShapeError>(shape.size() >= 2 && shape[1] % num_groups == 0, here,
                    "group_norm: expected x of shape [N, C, ...] with C divisible by num_groups = {}, got {}",
                    num_groups, shape);
  check_floating("group_norm", x.tensor(), here);
  check_affine("group_norm", "weight", weight, {shape[1]}, "x's channels", x);
  check_affine("group_norm", "bias", bias, {shape[1]}, "x's channels", x);
  const Groups groups{shape[0], num_groups, shape[1] / num_groups, positions(shape)};
  check<ValueError>(groups.batch * groups.row_size() != 1, here,
                    "group_norm: expected more than one element per group, got x of {} and num_groups = {}", shape,
                    num_groups);
  return normalise("group_norm", x, groups, weight, bias, eps, nullptr).output;
}

Tensor instance_norm(const Arg& x, const Tensor& running_mean, const Tensor& running_var,
                     const InstanceNormOptions& options) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  check<ShapeError>(shape.size() >= 2, here, "instance_norm: expected x of shape [N, C, ...], got {}", shape);
  check_floating("instance_norm", x.tensor(), here);
  for (const auto& [name, tensor] : {std::pair<const char*, const Tensor&>{"running_mean", running_mean},
                                     {"running_var", running_var},
                                     {"weight", options.weight},
                                     {"bias", options.bias}})
    check_affine("instance_norm", name, tensor, {shape[1]}, "x's channels", x);
  if (!options.use_input_stats) {
    check<ValueError>(running_mean.defined() && running_var.defined(), here,
                      "instance_norm: running_mean and running_var must be given unless use_input_stats");
    return batch_norm(x, running_mean, running_var,
                      {.weight = options.weight, .bias = options.bias, .eps = options.eps});
  }
  const Groups groups{shape[0], shape[1], 1, positions(shape)};
  check<ValueError>(groups.size != 1, here,
                    "instance_norm: use_input_stats takes more than one element per channel, x is {}", shape);
  const bool updates = (running_mean.defined() || running_var.defined()) && x->numel() > 0;
  std::vector<double> variance(updates ? static_cast<std::size_t>(groups.rows()) : 0);
  const Normal normal = normalise("instance_norm", x, groups, options.weight, options.bias, options.eps,
                                  updates ? variance.data() : nullptr);
  if (updates) update_running(running_mean, running_var, normal.mean, variance, groups, options.momentum, here);
  return normal.output;
}

Tensor local_response_norm(const Arg& x, std::int64_t size, const LocalResponseNormOptions& options) {
  const Here here = x.here();
  const Shape& shape = x->sizes();
  check<ValueError>(size > 0, here, "local_response_norm: expected a positive size, got {}", size);
  check<ShapeError>(shape.size() >= 3, here,
                    "local_response_norm: expected x of shape [N, C, ...] with 3 or more dimensions, got {}", shape);
  check_floating("local_response_norm", x.tensor(), here);
  const std::int64_t channels = shape[1];
  Taps taps(channels);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t i = std::max<std::int64_t>(0, c - size / 2); i <= std::min(channels - 1, c + (size - 1) / 2); ++i)
      taps.add(i, 1 / static_cast<double>(size));
    taps.close();
  }
  const Tensor means = weighted_sums("local_response_norm", x->square(here), 1, std::move(taps), here);
  return x->div({means.mul({options.alpha, here}).add({options.k, here}).pow({options.beta, here}), here});
}

}  // namespace xgrad
