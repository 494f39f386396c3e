#include <xgrad/autograd.hpp>
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Tensor;
using Numbers = std::vector<double>;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
using Function = std::function<Tensor(const Tensor&)>;

Numbers slopes(const Function& f, const Numbers& at, xg::Dtype dtype = xg::float64) {
  const Tensor x = xg::tensor(at).to(dtype).requires_grad_();
  f(x).sum().backward();
  return x.grad().to_vector<double>();
}
// Derivatives of the slopes.
Numbers curvatures(const Function& f, const Numbers& at) {
  const Tensor x = xg::tensor(at).requires_grad_();
  const Tensor slope = xg::grad({f(x).sum()}, {x}, {.create_graph = true})[0];
  return xg::grad({slope.sum()}, {x})[0].to_vector<double>();
}

}  // namespace

TEST_CASE("slopes at kinks are PyTorch's") {
  CHECK(slopes([](auto& x) { return xg::hardtanh(x); }, {-1, 0, 1}) == Numbers{0, 1, 0});
  CHECK(slopes([](auto& x) { return xg::relu6(x); }, {0, 3, 6}) == Numbers{0, 1, 0});
  CHECK(slopes([](auto& x) { return xg::hardsigmoid(x); }, {-3, 0, 3}) == Numbers{0, 1.0 / 6, 0});
  CHECK(slopes([](auto& x) { return xg::hardswish(x); }, {-3, 3}) == Numbers{-0.5, 1.5});
  CHECK(slopes([](auto& x) { return xg::hardshrink(x); }, {-0.5, 0, 0.5}) == Numbers{0, 0, 0});
  CHECK(slopes([](auto& x) { return xg::softshrink(x); }, {-0.5, 0, 0.5}) == Numbers{0, 0, 0});
  CHECK(slopes([](auto& x) { return xg::threshold(x, 1, 7); }, {1, 1.5}) == Numbers{0, 1});
  CHECK(slopes([](auto& x) { return xg::prelu(x, xg::tensor(Numbers{0.25})); }, {0}) == Numbers{0.25});
  CHECK(slopes([](auto& x) { return xg::softsign(x); }, {0}) == Numbers{1});
}

TEST_CASE("NaN goes through") {
  const Tensor x = xg::tensor(Numbers{NAN});
  const std::vector<Function> all{[](auto& v) { return xg::hardshrink(v); },
                                  [](auto& v) { return xg::softshrink(v); },
                                  [](auto& v) { return xg::hardtanh(v); },
                                  [](auto& v) { return xg::relu6(v); },
                                  [](auto& v) { return xg::hardsigmoid(v); },
                                  [](auto& v) { return xg::hardswish(v); },
                                  [](auto& v) { return xg::threshold(v, 0, 1); },
                                  [](auto& v) { return xg::mish(v); },
                                  [](auto& v) { return xg::celu(v); },
                                  [](auto& v) { return xg::selu(v); }};
  for (const Function& f : all) CHECK(std::isnan(f(x).template item<double>()));
}

TEST_CASE("nothing overflows far from 0") {
  for (const double far : {100.0, 1e4, 1e30}) {
    for (const Function& f :
         std::vector<Function>{[](auto& v) { return xg::elu(v); }, [](auto& v) { return xg::celu(v); },
                               [](auto& v) { return xg::selu(v); }, [](auto& v) { return xg::mish(v); }}) {
      for (const double slope : slopes(f, {-far, far}, xg::float32)) CHECK(std::isfinite(slope));
      for (const double curvature : curvatures(f, {-far, far})) CHECK(std::abs(curvature) < 1e-40);
    }
    CHECK(slopes([](auto& v) { return xg::mish(v); }, {-1e4, far}) == Numbers{0, 1});
    CHECK(slopes([](auto& v) { return xg::elu(v); }, {-1e4, far}) == Numbers{0, 1});
  }
  CHECK(xg::hardswish(xg::tensor(Numbers{1e308})).item<double>() == 1e308);
  CHECK(xg::softshrink(xg::tensor(Numbers{inf})).item<double>() == inf);
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({2});
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::celu(x, 0); }), {"celu", "alpha", "activation_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::hardtanh(x, 1, -1); }), {"hardtanh", "min_val", "-1"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::softshrink(x, -0.5); }), {"softshrink", "lambd", "-0.5"}));
}
