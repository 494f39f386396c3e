#include "kernels/conv_onednn.hpp"

#ifdef XGRAD_HAVE_ONEDNN
#include <xgrad/threads.hpp>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/gemm_bfloat16.hpp"
#include "kernels/onednn.hpp"
#include "kernels/parallel.hpp"
#include "kernels/winograd.hpp"

namespace xgrad::detail::onednn {
namespace {

enum class Pass { forward, forward_bias, input, weight };

enum class Arithmetic { direct, winograd, bfloat16 };

// oneDNN wants the padding at the end that gives the output's size.
std::int64_t padding_after(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                           std::int64_t padding, std::int64_t dilation) {
  const std::int64_t window = dilation * (kernel - 1) + 1;
  return (in + 2 * padding - window) / stride + 1 == out ? padding : (out - 1) * stride + window - in - padding;
}

struct Shapes {
  memory::dims input, weight, output, stride, dilation, padding, after;
  explicit Shapes(const ConvGeometry& g)
      : input{g.batch, g.in_channels, g.height, g.width},
        weight{g.out_channels, g.in_channels / g.groups, g.kernel_h, g.kernel_w},
        output{g.batch, g.out_channels, g.out_height, g.out_width},
        stride{g.stride_h, g.stride_w},
        dilation{g.dilation_h - 1, g.dilation_w - 1},
        padding{g.padding_h, g.padding_w},
        after{padding_after(g.height, g.out_height, g.kernel_h, g.stride_h, g.padding_h, g.dilation_h),
              padding_after(g.width, g.out_width, g.kernel_w, g.stride_w, g.padding_w, g.dilation_w)} {
    if (g.groups > 1) weight = {g.groups, g.out_channels / g.groups, g.in_channels / g.groups, g.kernel_h, g.kernel_w};
  }
};

memory::desc row_major(const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  for (std::size_t d = dims.size() - 1; d-- > 0;) strides[d] = strides[d + 1] * dims[d + 1];
  return {dims, memory::data_type::f32, strides};
}

// oneDNN's general code is slower than im2col and the BLAS.
bool is_fast(const dnnl::primitive_desc_base& desc) {
  const std::string_view name = desc.impl_info_str();
  return name.find("ref") == name.npos && name.find("gemm") == name.npos;
}

// In bfloat16, what a pass reads is rounded to it and what it writes is float32.
struct Descs {
  memory::desc x, w, y;
  Descs(const Shapes& shapes, Pass pass, Arithmetic arithmetic, memory::format_tag images) {
    const bool rounds = arithmetic == Arithmetic::bfloat16, forward = pass != Pass::input && pass != Pass::weight;
    const auto type = [&](bool result) { return rounds && !result ? memory::data_type::bf16 : memory::data_type::f32; };
    x = {shapes.input, type(pass == Pass::input), images};
    w = {shapes.weight, type(pass == Pass::weight), memory::format_tag::any};
    y = {shapes.output, type(forward), images};
  }
};

// oneDNN 2.6's brgemm convolution for AMX reads past the end of a table (of rows that a mask skips) while it makes its
// code, and may crash there. The next of its list, for AMX as well, takes its place.
bool is_unsafe(const dnnl::convolution_forward::primitive_desc& chosen) {
  return std::string_view(chosen.impl_info_str()).starts_with("brgconv:avx512_core_amx");
}

std::shared_ptr<const Plan> make_plan(const ConvGeometry& g, Pass pass, Arithmetic arithmetic,
                                      memory::format_tag images) {
  const Shapes s(g);
  const auto algorithm =
      arithmetic == Arithmetic::winograd ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct;
  const auto [x, w, y] = Descs(s, Pass::forward, arithmetic, images);
  const memory::desc b = row_major({g.out_channels});
  const auto kind = dnnl::prop_kind::forward_training;
  const dnnl::convolution_forward::desc desc =
      pass == Pass::forward_bias
          ? dnnl::convolution_forward::desc(kind, algorithm, x, w, b, y, s.stride, s.dilation, s.padding, s.after)
          : dnnl::convolution_forward::desc(kind, algorithm, x, w, y, s.stride, s.dilation, s.padding, s.after);
  dnnl::convolution_forward::primitive_desc forward(desc, own_scratch(), engine());
  while (is_unsafe(forward) && forward.next_impl()) {
  }
  auto plan = std::make_shared<Plan>();
  const auto finish = [&](const auto& chosen, auto primitive) {
    plan->primitive = std::move(primitive);
    plan->scratch = chosen.scratchpad_desc();
    return is_fast(chosen);
  };
  const Descs d(s, pass, arithmetic, images);
  bool fast = false;
  if (pass == Pass::input) {
    const dnnl::convolution_backward_data::primitive_desc chosen(
        {algorithm, d.x, d.w, d.y, s.stride, s.dilation, s.padding, s.after}, own_scratch(), engine(), forward);
    fast = finish(chosen, dnnl::convolution_backward_data(chosen));
    plan->first = operand(DNNL_ARG_DIFF_DST, row_major(s.output), chosen.diff_dst_desc());
    plan->second = operand(DNNL_ARG_WEIGHTS, row_major(s.weight), chosen.weights_desc());
    plan->result = result_operand(DNNL_ARG_DIFF_SRC, row_major(s.input), chosen.diff_src_desc());
  } else if (pass == Pass::weight) {
    const dnnl::convolution_backward_weights::primitive_desc chosen(
        {algorithm, d.x, d.w, d.y, s.stride, s.dilation, s.padding, s.after}, own_scratch(), engine(), forward);
    fast = finish(chosen, dnnl::convolution_backward_weights(chosen));
    plan->first = operand(DNNL_ARG_DIFF_DST, row_major(s.output), chosen.diff_dst_desc());
    plan->second = operand(DNNL_ARG_SRC, row_major(s.input), chosen.src_desc());
    plan->result = result_operand(DNNL_ARG_DIFF_WEIGHTS, row_major(s.weight), chosen.diff_weights_desc());
  } else {
    fast = finish(forward, dnnl::convolution_forward(forward));
    plan->first = operand(DNNL_ARG_SRC, row_major(s.input), forward.src_desc());
    plan->second = operand(DNNL_ARG_WEIGHTS, row_major(s.weight), forward.weights_desc());
    plan->result = result_operand(DNNL_ARG_DST, row_major(s.output), forward.dst_desc());
    if (pass == Pass::forward_bias) plan->bias = operand(DNNL_ARG_BIAS, b, b);
  }
  return fast ? plan : nullptr;
}

// How much of a block of channels is used: oneDNN fills it up with zeros.
double use_of_blocks(std::int64_t channels) {
  constexpr std::int64_t block = 16;
  return static_cast<double>(channels) / static_cast<double>((channels + block - 1) / block * block);
}

// Whether oneDNN is likely to be faster than im2col and the BLAS, conversions included. Measured: it loses where the
// matrix of columns is the image itself or thin, and where blocks of channels are half empty, save those of an input
// with few channels.
bool pays(const ConvGeometry& g, Pass pass) {
  const std::int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  const std::int64_t window = inputs * g.kernel_h * g.kernel_w;
  constexpr std::int64_t least_work = 1 << 17, least_window = 32, few = 16;
  if (g.batch * g.out_channels * g.out_height * g.out_width * window < least_work) return false;
  if (g.groups > 1 && inputs == 1 && outputs == 1) return true;
  if ((g.kernel_h == 1 && g.kernel_w == 1) || window < least_window) return false;
  const bool pads_inputs = pass == Pass::input || inputs > few;
  constexpr double least_use = 0.6;
  return use_of_blocks(outputs) * (pads_inputs ? use_of_blocks(inputs) : 1.0) >= least_use;
}

struct Key {
  ConvGeometry geometry;
  Pass pass;
  Arithmetic arithmetic;
  int threads;
  auto operator<=>(const Key&) const = default;
};

std::shared_ptr<const Plan> find_plan(const Key& key) {
  using Tag = memory::format_tag;
  using Choice = std::pair<Arithmetic, Tag>;
  const Arithmetic otherwise = key.arithmetic == Arithmetic::winograd ? Arithmetic::direct : key.arithmetic;
  std::vector<Choice> choices{{otherwise, Tag::any}, {otherwise, Tag::nhwc}};
  if (key.arithmetic == Arithmetic::winograd) choices.insert(choices.begin(), {Arithmetic::winograd, Tag::any});
  for (const auto& [arithmetic, images] : choices) {
    try {
      if (auto plan = make_plan(key.geometry, key.pass, arithmetic, images)) return plan;
    } catch (const dnnl::error&) {
    }
  }
  return nullptr;
}

Plans<Key>& plans() {
  static Plans<Key>& all = *new Plans<Key>;
  return all;
}

// AVX512-BF16 multiplies twice as fast as float32; Winograd's algorithm saves more than that.
bool bfloat16_beats(bool winograd) { return is_bfloat16_in_use() && (bfloat16() == Bfloat16::amx || !winograd); }

std::shared_ptr<const Plan> plan_for(const ConvGeometry& g, Pass pass, int threads) {
  const bool winograd = winograd_pays(g);
  if (bfloat16_beats(winograd))
    if (auto plan = plans().get({g, pass, Arithmetic::bfloat16, threads}, find_plan)) return plan;
  return plans().get({g, pass, winograd ? Arithmetic::winograd : Arithmetic::direct, threads}, find_plan);
}

bool run(const ConvGeometry& g, Pass pass, const float* first, const float* second, const float* bias, float* result,
         bool accumulate) {
  if (!g.is_flat() || are_deterministic_algorithms_enabled() || !pays(g, pass)) return false;
  // oneDNN asks OpenMP for its number of threads, when a primitive is made and when it runs.
  const int threads = available_threads();
  const ThreadsOfOthers same(threads);
  const auto plan = plan_for(g, pass, threads);
  if (!plan) return false;
  execute(*plan, first, second, bias, result, accumulate);
  return true;
}

}  // namespace

bool has_winograd() noexcept { return !are_deterministic_algorithms_enabled() && has_avx512(); }
bool conv_forward(const ConvGeometry& g, const float* input, const float* weight, const float* bias, float* output) {
  return run(g, bias ? Pass::forward_bias : Pass::forward, input, weight, bias, output, false);
}
bool conv_input_gradient(const ConvGeometry& g, const float* output, const float* weight, float* input,
                         bool accumulate) {
  return run(g, Pass::input, output, weight, nullptr, input, accumulate);
}
bool conv_weight_gradient(const ConvGeometry& g, const float* output, const float* input, float* weight,
                          bool accumulate) {
  return run(g, Pass::weight, output, input, nullptr, weight, accumulate);
}

}  // namespace xgrad::detail::onednn
#else

namespace xgrad::detail::onednn {

bool has_winograd() noexcept { return false; }
bool conv_forward(const ConvGeometry&, const float*, const float*, const float*, float*) { return false; }
bool conv_input_gradient(const ConvGeometry&, const float*, const float*, float*, bool) { return false; }
bool conv_weight_gradient(const ConvGeometry&, const float*, const float*, float*, bool) { return false; }

}  // namespace xgrad::detail::onednn
#endif
