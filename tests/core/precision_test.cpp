#include <xgrad/build_info.hpp>
#include <xgrad/nn/recurrent.hpp>
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/precision.hpp>
#include <xgrad/threads.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/gemm_bfloat16.hpp"
#include "numeric.hpp"

namespace xg = xgrad;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using xg::Tensor;
using xg::TensorList;
using xg::detail::Product;
namespace onednn = xg::detail::onednn;

namespace {

struct Restore {
  int threads = xg::get_num_threads();
  ~Restore() {
    xg::set_num_threads(threads);
    xg::set_float32_matmul_precision("highest");
    xg::use_deterministic_algorithms(false);
    xg::manage_blas_threads(true);
  }
};

bool has_bfloat16() { return onednn::bfloat16() >= onednn::Bfloat16::avx512; }

// The nearest number of 8 bits, of two equally near the even one.
float rounded(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  bits += 0x7FFFu + (bits >> 16 & 1u);
  return std::bit_cast<float>(bits & 0xFFFF0000u);
}
Tensor rounded(const Tensor& x) {
  std::vector<float> values = x.to_vector<float>();
  for (float& value : values) value = rounded(value);
  return xg::tensor(std::span<const float>(values), x.sizes());
}

using Call = std::function<TensorList(const TensorList&)>;
TensorList with(std::string_view precision, const Call& call, const TensorList& operands) {
  xg::set_float32_matmul_precision(precision);
  TensorList results = call(operands);
  xg::set_float32_matmul_precision("highest");
  return results;
}

template <class F>
TensorList mapped(const TensorList& list, F&& f) {
  TensorList result;
  for (const Tensor& t : list) result.push_back(f(t));
  return result;
}

// The results of products of `operands`, each used once in one. In bfloat16 they are the products of the rounded
// operands but for the rounding of float32 sums, and lie within the documented bound; where the processor has none,
// they are the float32 ones, bit by bit.
void check_medium(const Call& call, const TensorList& operands) {
  const auto doubles = [](const Tensor& t) { return t.to(xg::float64); };
  const TensorList highest = with("highest", call, operands), medium = with("medium", call, operands);
  const TensorList exact = call(mapped(operands, doubles));
  const TensorList expected = call(mapped(operands, [&](const Tensor& t) { return rounded(t).to(xg::float64); }));
  const TensorList sums = call(mapped(operands, [&](const Tensor& t) { return doubles(t).abs(); }));
  for (std::size_t i = 0; i < medium.size(); ++i) {
    CAPTURE(i);
    CHECK(medium[i].dtype() == xg::float32);
    CHECK(same_bits(medium[i], highest[i]) == !has_bfloat16());
    if (!has_bfloat16()) continue;
    const auto m = doubles(medium[i]).to_vector<double>(), e = exact[i].to_vector<double>(),
               r = expected[i].to_vector<double>(), s = sums[i].to_vector<double>();
    double of_bound = 0, of_sums = 0;
    for (std::size_t j = 0; j < m.size(); ++j) {
      of_bound = std::max(of_bound, std::abs(m[j] - e[j]) / s[j]);
      of_sums = std::max(of_sums, std::abs(m[j] - r[j]) / s[j]);
    }
    CHECK(of_bound <= std::ldexp(1.0, -7) + std::ldexp(1.0, -16));
    CHECK(of_sums <= std::ldexp(1.0, -19));
  }
}

}  // namespace

TEST_CASE("the precision is one of three, and highest unless asked for") {
  const Restore restore;
  CHECK(xg::get_float32_matmul_precision() == "highest");
  for (const char* name : {"high", "medium", "highest"}) {
    xg::set_float32_matmul_precision(name);
    CHECK(xg::get_float32_matmul_precision() == name);
    CHECK(xg::detail::onednn::is_bfloat16_in_use() == (has_bfloat16() && std::string_view(name) == "medium"));
  }
  xg::set_float32_matmul_precision("high");
  for (const char* wrong : {"", "low", "Medium", "medium ", "bf16"}) {
    std::string text;
    try {
      xg::set_float32_matmul_precision(wrong);
    } catch (const xg::ValueError& error) {
      text = error.what();
    }
    CHECK(text.find("set_float32_matmul_precision: expected \"highest\", \"high\" or \"medium\", got \"" +
                    std::string(wrong) + "\"") != std::string::npos);
    CHECK(text.find("precision_test.cpp:") != std::string::npos);
    CHECK(xg::get_float32_matmul_precision() == "high");
  }
}

TEST_CASE("build_info says what multiplies bfloat16 and whether it is in use") {
  const Restore restore;
  const auto line = [] {
    const std::string info = xg::build_info(), name = "bfloat16 products: ";
    const std::size_t begin = info.find(name) + name.size();
    return info.substr(begin, info.find('\n', begin) - begin);
  };
  const auto expected = [](const char* use) -> std::string {
    switch (onednn::bfloat16()) {
      case onednn::Bfloat16::amx:
        return std::string("AMX, ") + use;
      case onednn::Bfloat16::avx512:
        return std::string("AVX512-BF16, ") + use;
      case onednn::Bfloat16::no_instructions:
        return "not on this processor";
      default:
        return "not in this build";
    }
  };
  CHECK(line() == expected("not in use"));
  xg::set_float32_matmul_precision("high");
  CHECK(line() == expected("not in use"));
  xg::set_float32_matmul_precision("medium");
  CHECK(line() == expected("in use"));
  MESSAGE(line());
}

TEST_CASE("products of any sizes and orders") {
  const Restore restore;
  struct Sizes {
    std::int64_t m, n, k;
  };
  for (const Sizes& sizes : {Sizes{128, 128, 128}, Sizes{131, 67, 257}, Sizes{65, 300, 160}, Sizes{200, 150, 301}}) {
    const std::int64_t m = sizes.m, n = sizes.n, k = sizes.k;
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    for (const bool turn_a : {false, true})
      for (const bool turn_b : {false, true}) {
        CAPTURE(turn_a);
        CAPTURE(turn_b);
        const Tensor a = random(turn_a ? xg::Shape{k, m} : xg::Shape{m, k}, 1, xg::float32);
        const Tensor b = random(turn_b ? xg::Shape{n, k} : xg::Shape{k, n}, 2, xg::float32);
        check_medium(
            [&](const TensorList& x) {
              return TensorList{xg::matmul(turn_a ? x[0].t() : x[0], turn_b ? x[1].t() : x[1])};
            },
            {a, b});
      }
  }
  // Rows that are longer than what is taken of them.
  check_medium(
      [](const TensorList& x) { return TensorList{xg::matmul(x[0].narrow(1, 3, 130), x[1].narrow(1, 5, 140))}; },
      {random({120, 140}, 3, xg::float32), random({130, 150}, 4, xg::float32)});
  check_medium([](const TensorList& x) { return TensorList{xg::matmul(x[0], x[1])}; },
               {random({3, 128, 128}, 5, xg::float32), random({3, 128, 130}, 6, xg::float32)});
}

TEST_CASE("both gradients of a product, also where they are added to what is there") {
  const Restore restore;
  const Tensor a = random({144, 136}, 1, xg::float32), b = random({136, 160}, 2, xg::float32);
  const Tensor g = random({144, 160}, 3, xg::float32);
  check_medium(
      [](const TensorList& x) {
        const Tensor left = x[0].clone().requires_grad_(), right = x[1].clone().requires_grad_();
        xg::matmul(left, right).backward(x[2]);
        return TensorList{left.grad(), right.grad()};
      },
      {a, b, g});
  check_medium(
      [](const TensorList& x) {
        const Tensor left = x[0].clone().requires_grad_(), right = x[1].clone().requires_grad_();
        (xg::matmul(left, right) + xg::matmul(left, right)).backward(x[2]);
        return TensorList{left.grad(), right.grad()};
      },
      {a, b, g});
}

TEST_CASE("what is added to a product is not rounded") {
  const Restore restore;
  // Operands of few bits: their products are exact, a bias of many bits shows rounding.
  const auto few_bits = [](const xg::Shape& shape, std::uint64_t seed) {
    return xg::floor(random(shape, seed, xg::float32) * 8) / 8;
  };
  const Tensor x = few_bits({150, 128}, 1), w = few_bits({192, 128}, 2), b = random({192}, 3, xg::float32);
  const Call call = [](const TensorList& in) { return TensorList{xg::linear(in[0], in[1], in[2])}; };
  const TensorList highest = with("highest", call, {x, w, b}), medium = with("medium", call, {x, w, b});
  CHECK(distance(medium[0], highest[0]) <= 16 * std::ldexp(1.0, -24));
}

TEST_CASE("convolutions, forward and backward") {
  const Restore restore;
  struct Layer {
    xg::Shape input, weight;
    xg::Conv2dOptions options;
  };
  const Layer layers[] = {{{2, 32, 12, 12}, {32, 32, 3, 3}, {.padding = 1}},
                          {{2, 16, 13, 11}, {48, 16, 5, 5}, {.stride = 2, .padding = 2}},
                          {{2, 64, 32, 32}, {96, 64, 1, 1}, {}},
                          {{2, 32, 9, 9}, {64, 16, 3, 3}, {.padding = {1, 0}, .groups = 2}}};
  for (const bool winograd : {true, false})
    for (const Layer& layer : layers) {
      CAPTURE(xg::to_string(layer.input));
      CAPTURE(winograd);
      xg::allow_winograd(winograd);
      const Tensor x = random(layer.input, 1, xg::float32), w = random(layer.weight, 2, xg::float32);
      const Tensor b = random({layer.weight[0]}, 4, xg::float32);
      const auto y = [&](const TensorList& in) { return xg::conv2d(in[0], in[1], {}, layer.options); };
      const Tensor g = random(y({x, w}).sizes(), 3, xg::float32);
      const Call call = [&](const TensorList& in) {
        const Tensor image = in[0].clone().requires_grad_(), weight = in[1].clone().requires_grad_();
        const Tensor out = y({image, weight});
        out.backward(in[2]);
        return TensorList{out.detach(), image.grad(), weight.grad()};
      };
      check_medium(call, {x, w, g});
      const Call biased = [&](const TensorList& in) {
        return TensorList{xg::conv2d(in[0], in[1], in[2], layer.options)};
      };
      const TensorList plain = with("medium", call, {x, w, g}), with_bias = with("medium", biased, {x, w, b});
      CHECK(distance(with_bias[0], plain[0] + b.view({-1, 1, 1})) <= 1e-4);
    }
  xg::allow_winograd(true);
}

TEST_CASE("NaN and infinities stay in the rows, columns and images that they belong to") {
  const Restore restore;
  const auto finite = [](const Tensor& t) {
    const auto values = t.detach().to_vector<float>();
    return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  };
  xg::set_float32_matmul_precision("medium");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const std::int64_t k : {128, 129, 150, 301}) {
      CAPTURE(k);
      Tensor a = random({128, k}, 1, xg::float32), b = random({k, 144}, 2, xg::float32);
      a.narrow(0, 40, 1).fill_(bad);
      b.narrow(1, 70, 1).fill_(bad);
      const Tensor c = xg::matmul(a, b);
      CHECK(finite(c.narrow(0, 0, 40).narrow(1, 0, 70)));
      CHECK(finite(c.narrow(0, 41, 87).narrow(1, 71, 73)));
      CHECK(!finite(c.narrow(0, 40, 1).narrow(1, 0, 1)));
      CHECK(!finite(c.narrow(0, 0, 1).narrow(1, 70, 1)));
    }
  Tensor x = random({3, 32, 12, 12}, 1, xg::float32), w = random({48, 32, 3, 3}, 2, xg::float32);
  x.narrow(0, 1, 1).fill_(std::numeric_limits<float>::quiet_NaN());
  w.narrow(0, 7, 1).fill_(std::numeric_limits<float>::infinity());
  const Tensor y = xg::conv2d(x, w, {}, {.padding = 1});
  CHECK(finite(y.narrow(0, 0, 1).narrow(1, 0, 7)));
  CHECK(finite(y.narrow(0, 2, 1).narrow(1, 8, 40)));
  CHECK(!finite(y.narrow(0, 1, 1)));
}

TEST_CASE("products do not depend on the number of threads, deterministic convolutions neither") {
  const Restore restore;
  xg::use_deterministic_algorithms(true);
  const Tensor x = random({300, 200}, 1, xg::float32), w = random({200, 260}, 2, xg::float32);
  const Tensor image = random({2, 32, 12, 12}, 3, xg::float32), window = random({64, 32, 3, 3}, 4, xg::float32);
  const Call call = [](const TensorList& in) {
    const Tensor weight = in[3].clone().requires_grad_();
    const Tensor y = xg::conv2d(in[2], weight, {}, {.padding = 1});
    y.backward(y.detach());
    return TensorList{xg::matmul(in[0], in[1]), y.detach(), weight.grad()};
  };
  xg::set_num_threads(1);
  const TensorList one = with("medium", call, {x, w, image, window});
  for (const int threads : {2, 3}) {
    xg::set_num_threads(threads);
    const TensorList several = with("medium", call, {x, w, image, window});
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], several[i]));
  }
}

TEST_CASE("small products, float64, high, and a BLAS of the user's stay as they are") {
  const Restore restore;
  const Call call = [](const TensorList& in) { return TensorList{xg::matmul(in[0], in[1])}; };
  const auto unchanged = [&](const char* precision, const TensorList& in) {
    const Tensor before = with("highest", call, in)[0], after = with(precision, call, in)[0];
    return before.to(xg::float64).to_vector<double>() == after.to(xg::float64).to_vector<double>();
  };
  for (const xg::Shape& size : {xg::Shape{8, 8, 8}, xg::Shape{64, 64, 64}, xg::Shape{32, 1000, 1000},
                                xg::Shape{1000, 1, 1000}, xg::Shape{1, 1000, 1000}, xg::Shape{1000, 1000, 8}})
    CHECK(
        unchanged("medium", {random({size[0], size[2]}, 1, xg::float32), random({size[2], size[1]}, 2, xg::float32)}));
  CHECK(unchanged("medium", {random({200, 200}, 1), random({200, 200}, 2)}));
  const TensorList large{random({200, 200}, 1, xg::float32), random({200, 200}, 2, xg::float32)};
  CHECK(unchanged("high", large));
  xg::manage_blas_threads(false);
  CHECK(unchanged("medium", large));
}

TEST_CASE("attention and LSTM stay near the float32 results") {
  const Restore restore;
  const TensorList in{random({2, 2, 160, 64}, 1, xg::float32), random({2, 2, 160, 64}, 2, xg::float32),
                      random({2, 2, 160, 64}, 3, xg::float32)};
  const Call attend = [](const TensorList& x) {
    TensorList leaves = mapped(x, [](const Tensor& t) { return t.clone().requires_grad_(); });
    const Tensor y = xg::scaled_dot_product_attention(leaves[0], leaves[1], leaves[2]);
    y.square().sum().backward();
    return TensorList{y.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
  };
  const TensorList highest = with("highest", attend, in), medium = with("medium", attend, in);
  for (std::size_t i = 0; i < highest.size(); ++i) {
    CAPTURE(i);
    CHECK(distance(highest[i], medium[i]) <= 0.02 * highest[i].abs().amax().item<double>());
  }
  const xg::nn::LSTM lstm(96, 64);
  const Tensor x = random({20, 16, 96}, 4, xg::float32);
  const Call walk = [&](const TensorList& x) { return TensorList{lstm(x[0]).first.detach()}; };
  CHECK(distance(with("highest", walk, {x})[0], with("medium", walk, {x})[0]) <= 0.02);
}

TEST_CASE("where oneDNN has no product in bfloat16, C stays as it was") {
  constexpr std::int64_t m = 80, n = 96, k = 64, row = 100;
  const std::vector<float> a(m * k, 1.0F), b(k * n, 2.0F);
  for (const bool accumulate : {false, true}) {
    std::vector<float> c(m * row, 3.0F);
    const Product<float> p{.m = m,
                           .n = n,
                           .k = k,
                           .a = a.data(),
                           .a_row = k,
                           .a_col = 1,
                           .b = b.data(),
                           .b_row = n,
                           .b_col = 1,
                           .c = c.data(),
                           .c_row = row};
    const bool done = onednn::gemm_bfloat16(p, accumulate);
    if (has_bfloat16()) CHECK(done);
    const float inside = !done ? 3.0F : accumulate ? 131.0F : 128.0F;
    bool right = true;
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < row; ++j)
        right = right && c[static_cast<std::size_t>(i * row + j)] == (j < n ? inside : 3.0F);
    CHECK(right);
  }
}
