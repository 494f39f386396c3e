#ifdef XGRAD_HAVE_ONEDNN
#include "kernels/onednn.hpp"

#include <unordered_map>
#include <vector>

#include "core/tensor_impl.hpp"

namespace xgrad::detail::onednn {
namespace {

Tensor make_bytes(const memory::desc& desc) {
  return make_tensor({static_cast<std::int64_t>((desc.get_size() + 3) / 4)}, Dtype::float32);
}

dnnl::reorder conversion(const memory::desc& from, const memory::desc& to, const dnnl::primitive_attr& attributes) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to, attributes));
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

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

bool has_avx512() noexcept {
  static const bool has =
      (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == static_cast<unsigned>(dnnl_cpu_isa_avx512_core);
  return has;
}

dnnl::primitive_attr own_scratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Operand operand(int name, const memory::desc& outside, const memory::desc& inside) {
  Operand o{name, outside, inside, {}, {}, outside == inside};
  if (!o.same) o.convert = conversion(outside, inside, {});
  return o;
}

Operand result_operand(int name, const memory::desc& outside, const memory::desc& inside) {
  Operand o{name, outside, inside, {}, {}, outside == inside};
  if (!o.same) o.convert = conversion(inside, outside, {});
  dnnl::primitive_attr add;
  dnnl::post_ops sum;
  sum.append_sum(1);
  add.set_post_ops(sum);
  o.convert_and_add = conversion(inside, outside, add);
  return o;
}

void execute(const Plan& plan, const float* first, const float* second, const float* bias, float* result,
             bool accumulate) {
  Run run(plan);
  run.input(plan.first, first);
  run.input(plan.second, second);
  if (bias) run.input(plan.bias, bias);
  run.result(plan.result, result, accumulate);
}

}  // namespace xgrad::detail::onednn
#endif
