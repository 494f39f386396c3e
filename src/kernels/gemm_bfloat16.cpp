#include "kernels/gemm_bfloat16.hpp"

#include "core/precision.hpp"

#ifdef XGRAD_HAVE_ONEDNN
#include <algorithm>
#include <compare>
#include <exception>
#include <string_view>

#include "kernels/onednn.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail::onednn {
namespace {

struct Key {
  std::int64_t m, n, k, a_row, a_col, b_row, b_col, c_row;
  bool accumulate;
  auto operator<=>(const Key&) const = default;
};

memory::desc outside(std::int64_t rows, std::int64_t cols, std::int64_t row, std::int64_t col) {
  return {{rows, cols}, memory::data_type::f32, memory::dims{row, col}};
}
// Rounded to bfloat16, in an order of oneDNN's choice.
memory::desc rounded(std::int64_t rows, std::int64_t cols) {
  return {{rows, cols}, memory::data_type::bf16, memory::format_tag::any};
}

std::shared_ptr<const Plan> make_plan(const Key& key) {
  const memory::desc c = outside(key.m, key.n, key.c_row, 1);
  dnnl::primitive_attr attributes = own_scratch();
  if (key.accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  const dnnl::matmul::primitive_desc chosen({rounded(key.m, key.k), rounded(key.k, key.n), c}, attributes, engine());
  if (std::string_view(chosen.impl_info_str()).find("ref") != std::string_view::npos) return nullptr;
  auto plan = std::make_shared<Plan>();
  plan->primitive = dnnl::matmul(chosen);
  plan->scratch = chosen.scratchpad_desc();
  plan->first = operand(DNNL_ARG_SRC, outside(key.m, key.k, key.a_row, key.a_col), chosen.src_desc());
  plan->second = operand(DNNL_ARG_WEIGHTS, outside(key.k, key.n, key.b_row, key.b_col), chosen.weights_desc());
  plan->result = {DNNL_ARG_DST, c, c, {}, {}, true};
  return plan;
}

std::shared_ptr<const Plan> find_plan(const Key& key) {
  try {
    return make_plan(key);
  } catch (const dnnl::error&) {
    return nullptr;
  }
}

Plans<Key>& plans() {
  static Plans<Key>& all = *new Plans<Key>;
  return all;
}

}  // namespace

Bfloat16 bfloat16() noexcept {
  static const Bfloat16 found = [] {
    const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
    const auto has = [&](unsigned wanted) { return (isa & wanted) == wanted; };
    return has(dnnl_cpu_isa_avx512_core_amx)    ? Bfloat16::amx
           : has(dnnl_cpu_isa_avx512_core_bf16) ? Bfloat16::avx512
                                                : Bfloat16::no_instructions;
  }();
  return found;
}

// Counted, not measured: AVX512-BF16 saves half of the time of m n k multiplications, and rounding a number costs as
// much as about 16 of them.
bool bfloat16_pays(std::int64_t m, std::int64_t n, std::int64_t k) noexcept {
  constexpr std::int64_t least_work = std::int64_t{1} << 20, least_sides = 64, least_inner = 32;
  return std::min(m, n) >= least_sides && k >= least_inner && m * n * k >= least_work && is_bfloat16_in_use();
}

bool gemm_bfloat16(const Product<float>& p, bool accumulate) noexcept {
  try {
    const ThreadsOfOthers alone(1);
    const auto plan = plans().get({p.m, p.n, p.k, p.a_row, p.a_col, p.b_row, p.b_col, p.c_row, accumulate}, find_plan);
    if (!plan) return false;
    execute(*plan, p.a, p.b, nullptr, p.c, false);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace xgrad::detail::onednn
#else

namespace xgrad::detail::onednn {

Bfloat16 bfloat16() noexcept { return Bfloat16::no_onednn; }
bool bfloat16_pays(std::int64_t, std::int64_t, std::int64_t) noexcept { return false; }
bool gemm_bfloat16(const Product<float>&, bool) noexcept { return false; }

}  // namespace xgrad::detail::onednn
#endif

namespace xgrad::detail::onednn {

bool is_bfloat16_in_use() noexcept { return allows_bfloat16() && bfloat16() >= Bfloat16::avx512; }

}  // namespace xgrad::detail::onednn
