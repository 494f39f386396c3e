#include "kernels/conv.hpp"

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/blas.hpp"
#include "kernels/conv_onednn.hpp"
#include "kernels/im2col.hpp"
#include "kernels/parallel.hpp"
#include "kernels/winograd.hpp"
#include "kernels/workspace.hpp"

namespace xgrad::detail {
namespace {

// What one image's group looks like as matrices: weight [outputs, window], columns [window, positions].
struct Plan {
  explicit Plan(const ConvGeometry& geometry, std::int64_t element) : g(geometry) {
    channels = g.in_channels / g.groups;
    outputs = g.out_channels / g.groups;
    window = channels * g.kernel_d * g.kernel_h * g.kernel_w;
    rows = g.out_depth * g.out_height;
    positions = rows * g.out_width;
    plane = g.depth * g.height * g.width;
    direct = g.kernel_d == 1 && g.kernel_h == 1 && g.kernel_w == 1 && g.stride_d == 1 && g.stride_h == 1 &&
             g.stride_w == 1 && positions == plane && g.padding_d == 0 && g.padding_h == 0 && g.padding_w == 0;
    // A stripe of columns stays in the second-level cache between its making and its use.
    constexpr std::int64_t stripe_bytes = std::int64_t{1} << 19;
    const std::int64_t row = std::max<std::int64_t>(1, window * g.out_width * element);
    const std::int64_t most = std::clamp<std::int64_t>(stripe_bytes / row, 1, std::max<std::int64_t>(1, rows));
    stripes = (rows + most - 1) / most;
    work = g.batch * g.out_channels * positions * window;
  }
  Stripe stripe(std::int64_t index) const noexcept {
    return {channels, rows * index / stripes, rows * (index + 1) / stripes};
  }
  std::int64_t columns_size() const noexcept {
    return direct ? 0 : window * ((rows + stripes - 1) / stripes) * g.out_width;
  }

  const ConvGeometry& g;
  std::int64_t channels, outputs, window, rows, positions, plane, stripes, work;
  bool direct;
};

// The columns of a stripe: the image itself where windows are single elements.
template <class T>
struct Columns {
  const T* data;
  std::int64_t row;
};
template <class T>
Columns<T> columns_of(const Plan& plan, const Stripe& stripe, const T* image, T* workspace) noexcept {
  if (plan.direct) return {image + stripe.top * plan.g.width, plan.plane};
  im2col(plan.g, stripe, image, workspace);
  return {workspace, (stripe.bottom - stripe.top) * plan.g.out_width};
}

template <class T>
void forward(const Plan& plan, const T* input, const T* weight, const T* bias, T* output) {
  const ConvGeometry& g = plan.g;
  const Workspace<T> workspace(plan.columns_size());
  parallel_for(g.batch * g.groups * plan.stripes, 1, plan.work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t part = item / plan.stripes, image = part / g.groups, group = part % g.groups;
      const Stripe stripe = plan.stripe(item % plan.stripes);
      const Columns<T> columns = columns_of(plan, stripe, input + part * plan.channels * plan.plane, workspace.mine());
      const std::int64_t first = group * plan.outputs;
      gemm(Product<T>{.m = plan.outputs,
                      .n = (stripe.bottom - stripe.top) * g.out_width,
                      .k = plan.window,
                      .a = weight + first * plan.window,
                      .a_row = plan.window,
                      .a_col = 1,
                      .b = columns.data,
                      .b_row = columns.row,
                      .b_col = 1,
                      .c = output + (image * g.out_channels + first) * plan.positions + stripe.top * g.out_width,
                      .c_row = plan.positions,
                      .bias = bias ? bias + first : nullptr,
                      .bias_row = 1});
    }
  });
}

template <class T>
void input_gradient(const Plan& plan, const T* output, const T* weight, T* input, bool accumulate) {
  const ConvGeometry& g = plan.g;
  const Workspace<T> workspace(plan.columns_size());
  const std::int64_t size = plan.channels * plan.plane;
  parallel_for(g.batch * g.groups, 1, plan.work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % g.groups * plan.outputs;
      T* image = input + item * size;
      if (!accumulate && !plan.direct) std::fill(image, image + size, T(0));
      for (std::int64_t s = 0; s < plan.stripes; ++s) {
        const Stripe stripe = plan.stripe(s);
        const std::int64_t count = (stripe.bottom - stripe.top) * g.out_width;
        T* columns = plan.direct ? image + stripe.top * g.width : workspace.mine();
        gemm(Product<T>{.m = plan.window,
                        .n = count,
                        .k = plan.outputs,
                        .a = weight + first * plan.window,
                        .a_row = 1,
                        .a_col = plan.window,
                        .b = output + item * plan.outputs * plan.positions + stripe.top * g.out_width,
                        .b_row = plan.positions,
                        .b_col = 1,
                        .c = columns,
                        .c_row = plan.direct ? plan.plane : count,
                        .accumulate = plan.direct && accumulate});
        if (!plan.direct) col2im(g, stripe, columns, image);
      }
    }
  });
}

// Images are summed in a fixed number of slices, each in its order, and the slices in theirs.
template <class T>
void weight_gradient(const Plan& plan, const T* output, const T* input, T* weight, bool accumulate) {
  const ConvGeometry& g = plan.g;
  const std::int64_t size = g.out_channels * plan.window;
  constexpr std::int64_t most_elements = std::int64_t{1} << 22;
  const std::int64_t slices = std::clamp<std::int64_t>(most_elements / std::max<std::int64_t>(1, size), 1,
                                                       std::clamp<std::int64_t>(g.batch, 1, 16));
  const Workspace<T> workspace(plan.columns_size());
  const Tensor partial = slices > 1 ? make_tensor({slices, size}, dtype_of<T>) : Tensor();
  T* sums = slices > 1 ? data<T>(partial) : weight;
  const bool add = slices == 1 && accumulate;
  parallel_for(slices * g.groups, 1, plan.work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t slice = item / g.groups, group = item % g.groups, first = group * plan.outputs;
      T* sum = sums + slice * size + first * plan.window;
      if (!add) std::fill(sum, sum + plan.outputs * plan.window, T(0));
      for (std::int64_t image = g.batch * slice / slices; image < g.batch * (slice + 1) / slices; ++image) {
        const std::int64_t part = image * g.groups + group;
        for (std::int64_t s = 0; s < plan.stripes; ++s) {
          const Stripe stripe = plan.stripe(s);
          const Columns<T> columns =
              columns_of(plan, stripe, input + part * plan.channels * plan.plane, workspace.mine());
          gemm(Product<T>{.m = plan.outputs,
                          .n = plan.window,
                          .k = (stripe.bottom - stripe.top) * g.out_width,
                          .a = output + part * plan.outputs * plan.positions + stripe.top * g.out_width,
                          .a_row = plan.positions,
                          .a_col = 1,
                          .b = columns.data,
                          .b_row = 1,
                          .b_col = columns.row,
                          .c = sum,
                          .c_row = plan.window,
                          .accumulate = true});
        }
      }
    }
  });
  if (slices > 1) sum_rows(slices, size, sums, size, weight, accumulate);
}

template <class T>
void bias_gradient(const Plan& plan, const T* output, T* bias, bool accumulate) noexcept {
  constexpr std::int64_t lanes = 16;
  parallel_for(plan.g.out_channels, 1, plan.g.batch * plan.g.out_channels * plan.positions,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t channel = begin; channel < end; ++channel) {
                   T total = 0;
                   for (std::int64_t image = 0; image < plan.g.batch; ++image) {
                     const T* from = output + (image * plan.g.out_channels + channel) * plan.positions;
                     T sum[lanes] = {};
                     std::int64_t i = 0;
                     for (; i + lanes <= plan.positions; i += lanes)
                       for (std::int64_t j = 0; j < lanes; ++j) sum[j] += from[i + j];
                     for (std::int64_t j = 0; i < plan.positions; ++i, ++j) sum[j] += from[i];
                     for (std::int64_t half = lanes / 2; half > 0; half /= 2)
                       for (std::int64_t j = 0; j < half; ++j) sum[j] += sum[j + half];
                     total += sum[0];
                   }
                   bias[channel] = accumulate ? bias[channel] + total : total;
                 }
               });
}

// oneDNN is asked first, but where its direct kernels would do what Winograd's algorithm does faster.
bool takes_winograd(const ConvGeometry& geometry, Dtype dtype) {
  return dtype == Dtype::float32 && winograd_pays(geometry) && !onednn::has_winograd();
}

}  // namespace

void conv_forward(const ConvGeometry& geometry, const Tensor& input, const Tensor& weight, const Tensor& bias,
                  const Tensor& output) {
  const Dtype dtype = impl(output).dtype;
  if (takes_winograd(geometry, dtype))
    return winograd::conv_forward(geometry, data<float>(input), data<float>(weight),
                                  bias.defined() ? data<float>(bias) : nullptr, data<float>(output));
  if (dtype == Dtype::float32 &&
      onednn::conv_forward(geometry, data<float>(input), data<float>(weight),
                           bias.defined() ? data<float>(bias) : nullptr, data<float>(output)))
    return;
  const Plan plan(geometry, element_size(dtype));
  dispatch_floating(dtype, [&]<class T>() {
    forward(plan, data<T>(input), data<T>(weight), bias.defined() ? data<T>(bias) : nullptr, data<T>(output));
  });
}

void conv_input_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& weight, const Tensor& input,
                         bool accumulate) {
  const Dtype dtype = impl(input).dtype;
  if (takes_winograd(geometry, dtype))
    return winograd::conv_input_gradient(geometry, data<float>(output), data<float>(weight), data<float>(input),
                                         accumulate);
  if (dtype == Dtype::float32 &&
      onednn::conv_input_gradient(geometry, data<float>(output), data<float>(weight), data<float>(input), accumulate))
    return;
  const Plan plan(geometry, element_size(dtype));
  dispatch_floating(
      dtype, [&]<class T>() { input_gradient(plan, data<T>(output), data<T>(weight), data<T>(input), accumulate); });
}

void conv_weight_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& input, const Tensor& weight,
                          bool accumulate) {
  const Dtype dtype = impl(weight).dtype;
  if (takes_winograd(geometry, dtype))
    return winograd::conv_weight_gradient(geometry, data<float>(output), data<float>(input), data<float>(weight),
                                          accumulate);
  if (dtype == Dtype::float32 &&
      onednn::conv_weight_gradient(geometry, data<float>(output), data<float>(input), data<float>(weight), accumulate))
    return;
  const Plan plan(geometry, element_size(dtype));
  dispatch_floating(
      dtype, [&]<class T>() { weight_gradient(plan, data<T>(output), data<T>(input), data<T>(weight), accumulate); });
}

void conv_bias_gradient(const ConvGeometry& geometry, const Tensor& output, const Tensor& bias, bool accumulate) {
  const Dtype dtype = impl(bias).dtype;
  const Plan plan(geometry, element_size(dtype));
  dispatch_floating(dtype, [&]<class T>() { bias_gradient(plan, data<T>(output), data<T>(bias), accumulate); });
}

}  // namespace xgrad::detail
