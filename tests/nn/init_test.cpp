#include <xgrad/nn/init.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace init = xgrad::nn::init;
using test::mentions;
using test::message_of;
using xg::Tensor;

TEST_CASE("orthogonal and sparse matrices: dtypes, empty ones, errors") {
  xg::manual_seed(3);
  const Tensor narrow = init::orthogonal_(xg::empty({5, 3}), 2);
  CHECK(narrow.dtype() == xg::float32);
  CHECK(xg::allclose(narrow.transpose(0, 1).matmul(narrow), xg::eye(3) * 4, {.rtol = 1e-5, .atol = 1e-5}));
  CHECK(init::orthogonal_(xg::empty({0, 3})).numel() == 0);
  CHECK(mentions(message_of<xg::ShapeError>([] { init::orthogonal_(xg::empty({3})); }), {"orthogonal_", "[3]"}));

  const Tensor sparse = init::sparse_(xg::empty({10, 40}, {.requires_grad = true}), 0.25, 0.5);
  CHECK(sparse.is_leaf());
  for (std::int64_t column = 0; column < 40; ++column)
    CHECK(sparse.detach().select(1, column).eq(0).sum().item<std::int64_t>() == 3);
  CHECK(sparse.detach().square().sum().item<double>() / (7 * 40) == doctest::Approx(0.25).epsilon(0.2));
  CHECK_THROWS_AS(init::sparse_(xg::empty({2, 2}), 1.5), xg::ValueError);
  CHECK_THROWS_AS(init::sparse_(xg::empty({2}), 0.5), xg::ShapeError);
}

TEST_CASE("constants, identities and kernels that pass on") {
  const Tensor t = xg::zeros({2, 3});
  CHECK(init::constant_(t, 2.5).is_same(t));
  CHECK(t.to_vector<float>() == std::vector<float>(6, 2.5f));
  CHECK(init::ones_(t).to_vector<float>() == std::vector<float>(6, 1));
  CHECK(init::eye_(t).to_vector<float>() == std::vector<float>{1, 0, 0, 0, 1, 0});
  CHECK(init::zeros_(t).to_vector<float>() == std::vector<float>(6, 0));
  // dirac_ of PyTorch 1.13: torch.nn.init.dirac_(torch.empty(4, 2, 3), groups=2).nonzero() is
  // [[0, 0, 1], [1, 1, 1], [2, 0, 1], [3, 1, 1]]
  const Tensor kernel = init::dirac_(xg::ones({4, 2, 3}), 2);
  std::vector<float> expected(24, 0);
  for (std::size_t place : {0 * 6 + 0 * 3 + 1, 1 * 6 + 1 * 3 + 1, 2 * 6 + 0 * 3 + 1, 3 * 6 + 1 * 3 + 1})
    expected[place] = 1;
  CHECK(kernel.to_vector<float>() == expected);
}

TEST_CASE("misuse is named") {
  CHECK(mentions(message_of<xg::ShapeError>([] { init::xavier_uniform_(xg::zeros({3})); }),
                 {"xavier_uniform_", "[3]", "init_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([] { init::normal_(xg::tensor({1, 2})); }), {"normal_", "int64"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { init::eye_(xg::zeros({3})); }), {"eye_"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { init::dirac_(xg::zeros({3, 2})); }), {"dirac_"}));
  CHECK(mentions(message_of<xg::ValueError>([] { init::trunc_normal_(xg::zeros({3}), {.a = 2, .b = 1}); }),
                 {"trunc_normal_"}));
}
