// Gradient clipping, and parameters as one vector, against closed forms.
#include <xgrad/autograd.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/utils.hpp>
#include <xgrad/ops/creation.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "core/tensor_impl.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace utils = xgrad::nn::utils;
using xg::Tensor;
using xg::TensorList;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Tensor with_gradient(const std::vector<double>& gradient, xg::Dtype dtype = xg::float64) {
  const Tensor p = xg::zeros({static_cast<std::int64_t>(gradient.size())}, {.dtype = dtype, .requires_grad = true});
  p.set_grad(xg::tensor(gradient).to(dtype));
  return p;
}

}  // namespace

TEST_CASE("clip_grad_norm_ scales all gradients together") {
  const Tensor a = with_gradient({3, 0}), b = with_gradient({-4}), none = xg::zeros({2}, {.requires_grad = true});
  const std::int64_t version = a.grad().version();
  CHECK(utils::clip_grad_norm_({a, b, none}, 1) == 5);
  CHECK(a.grad().to_vector<double>()[0] == doctest::Approx(3 / (5 + 1e-6)).epsilon(1e-14));
  CHECK(b.grad().item<double>() == doctest::Approx(-4 / (5 + 1e-6)).epsilon(1e-14));
  CHECK(!none.grad().defined());
  CHECK(a.grad().version() > version);
  CHECK(utils::clip_grad_norm_({}, 1) == 0);
  CHECK(utils::clip_grad_norm_({none}, 1) == 0);
}

TEST_CASE("gradients within the bound keep their bits") {
  const Tensor a = with_gradient({0.3, -0.4});
  const std::int64_t version = a.grad().version();
  CHECK(utils::clip_grad_norm_({a}, 10) == doctest::Approx(0.5));
  CHECK(a.grad().to_vector<double>() == std::vector<double>{0.3, -0.4});
  CHECK(a.grad().version() == version);
}

TEST_CASE("norms of other orders") {
  CHECK(utils::clip_grad_norm_({with_gradient({3, -4}), with_gradient({5})}, 1, 1) == 12);
  CHECK(utils::clip_grad_norm_({with_gradient({3, -4}), with_gradient({2})}, 1, infinity) == 4);
  CHECK(utils::clip_grad_norm_({with_gradient({1, -2}), with_gradient({3})}, 1, 3) == doctest::Approx(std::cbrt(36.0)));
  CHECK(utils::clip_grad_norm_({with_gradient({4, -9})}, 1, 0.5) == doctest::Approx(25));
}

TEST_CASE("long float32 gradients are summed in float64") {
  const std::int64_t n = 1000003;
  const Tensor p = xg::zeros({n}, {.dtype = xg::float32, .requires_grad = true});
  p.set_grad(xg::full({n}, 0.1f, {.dtype = xg::float32}));
  const double expected = std::sqrt(static_cast<double>(n)) * static_cast<double>(0.1f);
  CHECK(utils::clip_grad_norm_({p}, 1) == doctest::Approx(expected).epsilon(1e-12));
  CHECK(p.grad().to_vector<double>()[n - 1] == doctest::Approx(0.1 / expected).epsilon(1e-6));
}

TEST_CASE("gradients that are not contiguous are clipped as well") {
  const Tensor p = xg::zeros({2, 2}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor memory = xg::tensor({3.0, 4.0}, {.dtype = xg::float64});
  p.set_grad(xg::detail::make_view(memory, {2, 2}, {0, 1}, 0));
  CHECK(utils::clip_grad_norm_({p}, 1) == doctest::Approx(std::sqrt(50.0)));
  CHECK(p.grad().to_vector<double>()[3] == doctest::Approx(4 / (std::sqrt(50.0) + 1e-6)));
  CHECK(memory.to_vector<double>() == std::vector<double>{3, 4});
}

TEST_CASE("a norm that is not finite") {
  const Tensor a = with_gradient({1, nan_value}), b = with_gradient({2});
  CHECK_THROWS_AS(utils::clip_grad_norm_({a, b}, 1, 2, true), xg::ValueError);
  CHECK_THROWS_AS(utils::clip_grad_norm_({a, b}, 1, infinity, true), xg::ValueError);
  CHECK(b.grad().item<double>() == 2);
  CHECK(std::isnan(utils::clip_grad_norm_({a, b}, 1, infinity)));
  CHECK(std::isnan(b.grad().item<double>()));
  const Tensor c = with_gradient({infinity}), d = with_gradient({2});
  CHECK(utils::clip_grad_norm_({c, d}, 1) == infinity);
  CHECK(d.grad().item<double>() == 0);
}

TEST_CASE("clip_grad_value_ clamps each element") {
  const Tensor a = with_gradient({-3, 0.5, 2, nan_value}), b = with_gradient({7}, xg::float32);
  utils::clip_grad_value_({a, b, xg::zeros({1}, {.requires_grad = true})}, 1);
  const std::vector<double> g = a.grad().to_vector<double>();
  CHECK(g[0] == -1);
  CHECK(g[1] == 0.5);
  CHECK(g[2] == 1);
  CHECK(std::isnan(g[3]));
  CHECK(b.grad().item<double>() == 1);
}

TEST_CASE("misuse is a ValueError") {
  const Tensor a = with_gradient({2});
  CHECK_THROWS_AS(utils::clip_grad_norm_({a}, -1), xg::ValueError);
  CHECK_THROWS_AS(utils::clip_grad_norm_({a}, nan_value), xg::ValueError);
  CHECK_THROWS_AS(utils::clip_grad_norm_({a}, 1, 0), xg::ValueError);
  CHECK_THROWS_AS(utils::clip_grad_norm_({a, Tensor()}, 1), xg::ValueError);
  CHECK_THROWS_AS(utils::clip_grad_value_({a}, -1), xg::ValueError);
  CHECK(a.grad().item<double>() == 2);
}

TEST_CASE("parameters as one vector, and back") {
  nn::Linear layer(3, 2);
  {
    const xg::NoGradGuard no_grad;
    layer.weight.copy_(xg::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
    layer.bias.copy_(xg::tensor({7.0, 8.0}));
  }
  const Tensor vec = utils::parameters_to_vector(layer.parameters());
  CHECK(vec.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8});
  (vec * xg::arange(8).to(xg::float32)).sum().backward();
  CHECK(layer.weight.grad().to_vector<double>() == std::vector<double>{0, 1, 2, 3, 4, 5});
  CHECK(layer.bias.grad().to_vector<double>() == std::vector<double>{6, 7});
  // Row-major, however the tensor lies; of any sizes.
  const TensorList odd{xg::tensor({{1.0, 2.0}, {3.0, 4.0}}).t(), xg::ones({}), xg::zeros({0, 3})};
  CHECK(utils::parameters_to_vector(odd).to_vector<double>() == std::vector<double>{1, 3, 2, 4, 1});
  utils::vector_to_parameters(xg::tensor({5.0, 6.0, 7.0, 8.0, 9.0}), odd);
  CHECK(odd[0].to_vector<double>() == std::vector<double>{5, 6, 7, 8});
  CHECK(odd[1].item<double>() == 9);

  const Tensor weight = layer.weight;
  utils::vector_to_parameters(xg::arange(8).to(xg::float64) * 2, layer.parameters());
  CHECK(weight.to_vector<double>() == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(layer.bias.to_vector<double>() == std::vector<double>{12, 14});
  CHECK(weight.dtype() == xg::float32);
  CHECK(weight.is_leaf());
  CHECK(weight.requires_grad());

  using test::mentions;
  using test::message_of;
  CHECK(mentions(message_of<xg::ShapeError>([&] { utils::vector_to_parameters(xg::ones({9}), layer.parameters()); }),
                 {"vector_to_parameters", "[8]", "got [9]", "utils_test.cpp"}));
  CHECK_THROWS_AS(utils::vector_to_parameters(xg::ones({2, 4}), layer.parameters()), xg::ShapeError);
  CHECK_THROWS_AS(utils::vector_to_parameters(xg::arange(8), layer.parameters()), xg::DtypeError);
  CHECK(weight.to_vector<double>() == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(mentions(message_of<xg::ValueError>([] { utils::parameters_to_vector({}); }), {"no parameter"}));
  CHECK(mentions(message_of<xg::ValueError>([] { utils::parameters_to_vector({Tensor()}); }), {"0 is undefined"}));
  CHECK_THROWS_AS(utils::parameters_to_vector({xg::ones({2}), xg::ones({2}, {.dtype = xg::float64})}), xg::DtypeError);
}
