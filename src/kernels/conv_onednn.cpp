#include "kernels/conv_onednn.hpp"

#ifdef XGRAD_HAVE_ONEDNN
#include <xgrad/ops/conv.hpp>
#include <xgrad/threads.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail::onednn {
namespace {

using dnnl::memory;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

enum class Pass { forward, forward_bias, input, weight };

// An operand of a primitive: as the tensor lies in memory, as the primitive wants it, and what takes one to the other.
struct Operand {
  int name = 0;
  memory::desc outside, inside;
  dnnl::reorder convert, convert_and_add;
  bool same = true;
};

struct Plan {
  dnnl::primitive primitive;
  Operand first, second, bias, result;
  memory::desc scratch;
};

dnnl::primitive_attr own_scratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

struct Shapes {
  memory::dims input, weight, output, stride, dilation, padding;
  explicit Shapes(const ConvGeometry& g)
      : input{g.batch, g.in_channels, g.height, g.width},
        weight{g.out_channels, g.in_channels / g.groups, g.kernel_h, g.kernel_w},
        output{g.batch, g.out_channels, g.out_height, g.out_width},
        stride{g.stride_h, g.stride_w},
        dilation{g.dilation_h - 1, g.dilation_w - 1},
        padding{g.padding_h, g.padding_w} {
    if (g.groups > 1) weight = {g.groups, g.out_channels / g.groups, g.in_channels / g.groups, g.kernel_h, g.kernel_w};
  }
};

memory::desc row_major(const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  for (std::size_t d = dims.size() - 1; d-- > 0;) strides[d] = strides[d + 1] * dims[d + 1];
  return {dims, memory::data_type::f32, strides};
}

Operand operand(int name, const memory::dims& dims, const memory::desc& inside, bool is_result) {
  Operand o{name, row_major(dims), inside, {}, {}, false};
  o.same = o.outside == inside;
  const memory::desc &from = is_result ? o.inside : o.outside, &to = is_result ? o.outside : o.inside;
  if (!o.same) o.convert = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
  if (is_result) {
    dnnl::primitive_attr add;
    dnnl::post_ops sum;
    sum.append_sum(1);
    add.set_post_ops(sum);
    o.convert_and_add = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to, add));
  }
  return o;
}

// oneDNN's general code is slower than im2col and the BLAS.
bool is_fast(const dnnl::primitive_desc_base& desc) {
  const std::string_view name = desc.impl_info_str();
  return name.find("ref") == name.npos && name.find("gemm") == name.npos;
}

std::shared_ptr<const Plan> make_plan(const ConvGeometry& g, Pass pass, dnnl::algorithm algorithm,
                                      memory::format_tag images) {
  const Shapes s(g);
  const auto type = memory::data_type::f32;
  const memory::desc x(s.input, type, images), y(s.output, type, images);
  const memory::desc w(s.weight, type, memory::format_tag::any);
  const memory::desc b({g.out_channels}, type, memory::format_tag::a);
  const auto kind = dnnl::prop_kind::forward_training;
  const dnnl::convolution_forward::desc desc =
      pass == Pass::forward_bias
          ? dnnl::convolution_forward::desc(kind, algorithm, x, w, b, y, s.stride, s.dilation, s.padding, s.padding)
          : dnnl::convolution_forward::desc(kind, algorithm, x, w, y, s.stride, s.dilation, s.padding, s.padding);
  const dnnl::convolution_forward::primitive_desc forward(desc, own_scratch(), engine());
  auto plan = std::make_shared<Plan>();
  const auto finish = [&](const auto& chosen, auto primitive) {
    plan->primitive = std::move(primitive);
    plan->scratch = chosen.scratchpad_desc();
    return is_fast(chosen);
  };
  bool fast = false;
  if (pass == Pass::input) {
    const dnnl::convolution_backward_data::primitive_desc chosen(
        {algorithm, x, w, y, s.stride, s.dilation, s.padding, s.padding}, own_scratch(), engine(), forward);
    fast = finish(chosen, dnnl::convolution_backward_data(chosen));
    plan->first = operand(DNNL_ARG_DIFF_DST, s.output, chosen.diff_dst_desc(), false);
    plan->second = operand(DNNL_ARG_WEIGHTS, s.weight, chosen.weights_desc(), false);
    plan->result = operand(DNNL_ARG_DIFF_SRC, s.input, chosen.diff_src_desc(), true);
  } else if (pass == Pass::weight) {
    const dnnl::convolution_backward_weights::primitive_desc chosen(
        {algorithm, x, w, y, s.stride, s.dilation, s.padding, s.padding}, own_scratch(), engine(), forward);
    fast = finish(chosen, dnnl::convolution_backward_weights(chosen));
    plan->first = operand(DNNL_ARG_DIFF_DST, s.output, chosen.diff_dst_desc(), false);
    plan->second = operand(DNNL_ARG_SRC, s.input, chosen.src_desc(), false);
    plan->result = operand(DNNL_ARG_DIFF_WEIGHTS, s.weight, chosen.diff_weights_desc(), true);
  } else {
    fast = finish(forward, dnnl::convolution_forward(forward));
    plan->first = operand(DNNL_ARG_SRC, s.input, forward.src_desc(), false);
    plan->second = operand(DNNL_ARG_WEIGHTS, s.weight, forward.weights_desc(), false);
    plan->result = operand(DNNL_ARG_DST, s.output, forward.dst_desc(), true);
    if (pass == Pass::forward_bias) plan->bias = operand(DNNL_ARG_BIAS, {g.out_channels}, b, false);
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

// Winograd's F(4x4, 3x3) multiplies 36 numbers for 16 results instead of 144. It pays where there are enough tiles for
// the cost of transforming weights, enough channels for that of images, and little of the tiles is outside the image.
bool winograd_pays(const ConvGeometry& g) {
  const std::int64_t tiles = g.batch * ((g.out_height + 3) / 4) * ((g.out_width + 3) / 4);
  return is_winograd_allowed() && g.groups == 1 && g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 &&
         g.stride_w == 1 && g.dilation_h == 1 && g.dilation_w == 1 && g.padding_h <= 1 && g.padding_w <= 1 &&
         std::min(g.in_channels, g.out_channels) >= 32 && tiles >= 48 &&
         tiles * 16 * 2 <= g.batch * g.out_height * g.out_width * 3;
}

std::shared_ptr<const Plan> find_plan(const ConvGeometry& g, Pass pass, bool winograd) {
  using Tag = memory::format_tag;
  using Choice = std::pair<dnnl::algorithm, Tag>;
  std::vector<Choice> choices{{dnnl::algorithm::convolution_direct, Tag::any},
                              {dnnl::algorithm::convolution_direct, Tag::nhwc}};
  if (winograd) choices.insert(choices.begin(), {dnnl::algorithm::convolution_winograd, Tag::any});
  for (const auto& [algorithm, images] : choices) {
    try {
      if (auto plan = make_plan(g, pass, algorithm, images)) return plan;
    } catch (const dnnl::error&) {
    }
  }
  return nullptr;
}

// The plans made last, by use. A plan that is null says that there is none.
class Plans {
 public:
  std::shared_ptr<const Plan> get(const ConvGeometry& g, Pass pass, int threads) {
    const Key key{g, pass, winograd_pays(g), threads};
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = entries_.find(key); at != entries_.end()) {
        at->second.used = ++clock_;
        return at->second.plan;
      }
    }
    auto plan = find_plan(g, pass, key.winograd);
    const std::lock_guard lock(mutex_);
    constexpr std::size_t most = 256;
    if (entries_.size() >= most)
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](auto& a, auto& b) { return a.second.used < b.second.used; }));
    entries_[key] = {plan, ++clock_};
    return plan;
  }

 private:
  struct Key {
    ConvGeometry geometry;
    Pass pass;
    bool winograd;
    int threads;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    std::shared_ptr<const Plan> plan;
    std::uint64_t used = 0;
  };
  std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::uint64_t clock_ = 0;
};
Plans& plans() {
  static Plans& all = *new Plans;
  return all;
}

Tensor make_bytes(const memory::desc& desc) {
  return make_tensor({static_cast<std::int64_t>((desc.get_size() + 3) / 4)}, Dtype::float32);
}

class Run {
 public:
  explicit Run(const Plan& plan) : plan_(plan), stream_(engine()) {}

  void input(const Operand& o, const float* from) {
    const memory outside(o.outside, engine(), const_cast<float*>(from));
    if (o.same) {
      arguments_.emplace(o.name, outside);
      return;
    }
    const memory inside(o.inside, engine(), data<float>(temporary(o.inside)));
    o.convert.execute(stream_, {{DNNL_ARG_FROM, outside}, {DNNL_ARG_TO, inside}});
    arguments_.emplace(o.name, inside);
  }
  void result(const Operand& o, float* to, bool accumulate) {
    const memory outside(o.outside, engine(), to);
    const bool straight = o.same && !accumulate;
    const memory inside = straight ? outside : memory(o.inside, engine(), data<float>(temporary(o.inside)));
    arguments_.emplace(o.name, inside);
    if (plan_.scratch.get_size() > 0)
      arguments_.emplace(DNNL_ARG_SCRATCHPAD, memory(plan_.scratch, engine(), data<float>(temporary(plan_.scratch))));
    plan_.primitive.execute(stream_, arguments_);
    if (!straight)
      (accumulate ? o.convert_and_add : o.convert).execute(stream_, {{DNNL_ARG_FROM, inside}, {DNNL_ARG_TO, outside}});
    stream_.wait();
  }

 private:
  const Tensor& temporary(const memory::desc& desc) { return temporaries_.emplace_back(make_bytes(desc)); }

  const Plan& plan_;
  dnnl::stream stream_;
  std::unordered_map<int, memory> arguments_;
  std::vector<Tensor> temporaries_;
};

bool run(const ConvGeometry& g, Pass pass, const float* first, const float* second, const float* bias, float* result,
         bool accumulate) {
  if (are_deterministic_algorithms_enabled() || !pays(g, pass)) return false;
  // oneDNN asks OpenMP for its number of threads, when a primitive is made and when it runs.
  const int threads = available_threads();
  const ThreadsOfOthers same(threads);
  const auto plan = plans().get(g, pass, threads);
  if (!plan) return false;
  Run run(*plan);
  run.input(plan->first, first);
  run.input(plan->second, second);
  if (bias) run.input(plan->bias, bias);
  run.result(plan->result, result, accumulate);
  return true;
}

}  // namespace

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

bool conv_forward(const ConvGeometry&, const float*, const float*, const float*, float*) { return false; }
bool conv_input_gradient(const ConvGeometry&, const float*, const float*, float*, bool) { return false; }
bool conv_weight_gradient(const ConvGeometry&, const float*, const float*, float*, bool) { return false; }

}  // namespace xgrad::detail::onednn
#endif
