// What the table's rows of linear algebra leave out: singular matrices, equal values, larger sizes, threads.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/linalg_norm.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <vector>

#include "numeric.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using numeric::distance;
using numeric::random;
using numeric::same_bits;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

constexpr xg::TensorOptions leaf{.dtype = xg::float64, .requires_grad = true};

Tensor eye(std::int64_t n) { return xg::eye(n, {.dtype = xg::float64}); }
Tensor sum_of_gradient(const Tensor& y, const Tensor& x) {
  const Tensor g = xg::grad({y}, {x}, {.create_graph = true})[0];
  return (g * random(g.sizes(), 3)).sum();
}
bool is_finite(const Tensor& x) { return xg::isfinite(x).all().item<bool>(); }

}  // namespace

TEST_CASE("the determinant of a singular matrix has its cofactors for a gradient, at every order") {
  const Tensor singular = xg::tensor({{1.0, 2.0}, {2.0, 4.0}}, leaf);
  CHECK(distance(xg::grad({xg::det(singular)}, {singular})[0],
                 xg::tensor({{4.0, -2.0}, {-2.0, 1.0}}, {.dtype = xg::float64})) < 1e-14);
  for (const auto rank : {2, 1, 0}) {
    CAPTURE(rank);
    const Tensor x =
        (rank == 0 ? xg::zeros({3, 3}, {.dtype = xg::float64}) : xg::matmul(random({3, rank}, 1), random({rank, 3}, 2)))
            .requires_grad_();
    const auto det = [](const Tensor& a) { return xg::det(a); };
    const auto slope = [](const Tensor& a) { return sum_of_gradient(xg::det(a), a); };
    const auto curvature = [](const Tensor& a) { return sum_of_gradient(sum_of_gradient(xg::det(a), a), a); };
    CHECK(xg::gradcheck(det, {x}));
    CHECK(xg::gradcheck(slope, {x}));
    CHECK(xg::gradcheck(curvature, {x}));
  }
}

TEST_CASE("the determinant of a matrix that is nearly singular keeps its digits at second order") {
  Tensor x = xg::matmul(random({4, 3}, 1), random({3, 4}, 2)) + eye(4) * 1e-13;
  x.requires_grad_();
  CHECK(xg::gradcheck([](const Tensor& a) { return sum_of_gradient(xg::det(a), a); }, {x}));
}

TEST_CASE("logarithms of determinants that are 0 or negative") {
  const Tensor singular = xg::ones({2, 2}, leaf);
  const auto [sign, l] = xg::slogdet(singular);
  CHECK(sign.item<double>() == 0);
  CHECK(l.item<double>() == -std::numeric_limits<double>::infinity());
  CHECK(is_finite(xg::grad({l}, {singular}, {.grad_outputs = {xg::zeros({}, {.dtype = xg::float64})}})[0]));
  CHECK(xg::logdet(xg::ones({2, 2})).item<double>() == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(xg::logdet(xg::tensor({{0.0, 1.0}, {1.0, 0.0}})).item<double>()));
}

TEST_CASE("functions of equal eigenvalues or singular values alone have finite gradients") {
  const Tensor x = eye(3).requires_grad_();
  CHECK(distance(xg::grad({xg::linalg::eigvalsh(x).sum()}, {x})[0], eye(3)) < 1e-15);
  CHECK(distance(xg::grad({xg::linalg::svdvals(x).sum()}, {x})[0], eye(3)) < 1e-15);
  const auto [w, v] = xg::linalg::eigh(x);
  CHECK(is_finite(xg::grad({w.sum()}, {x})[0]));
  const auto [u, s, vh] = xg::linalg::svd(x);
  CHECK(is_finite(xg::grad({xg::matmul(u, vh).sum()}, {x})[0]));
}

TEST_CASE("norms of matrices at ties and of lower rank") {
  const Tensor rank_one = xg::tensor({{1.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}}, leaf), x = eye(2).requires_grad_();
  CHECK(is_finite(xg::grad({xg::linalg::matrix_norm(rank_one, "nuc")}, {rank_one})[0]));
  CHECK(distance(xg::grad({xg::linalg::matrix_norm(x, 2)}, {x})[0], eye(2) * 0.5) < 1e-15);
  const Tensor zero = xg::zeros({2, 2}, leaf);
  CHECK(distance(xg::grad({xg::linalg::matrix_norm(zero)}, {zero})[0], zero.detach()) == 0);
  CHECK(std::isinf(xg::linalg::cond(xg::ones({2, 2}), 1).item<double>()));
}

TEST_CASE("complete orthogonal factors of more rows than columns have values, and no gradient") {
  const Tensor x = random({3, 2}, 1).requires_grad_();
  const auto [q, r] = xg::linalg::qr(x, xg::linalg::QrMode::complete);
  CHECK(distance(xg::matmul(q, r), x.detach()) < 1e-14);
  CHECK(distance(xg::matmul(q.t(), q), eye(3)) < 1e-14);
  CHECK(test::has(message_of<xg::AutogradError>([&q = q] { q.sum().backward(); }), "linalg::qr"));
  CHECK(xg::linalg::qr(x, xg::linalg::QrMode::r).first.sizes() == xg::Shape{0});
}

TEST_CASE("least squares say the rank and leave residuals out where there are none") {
  const auto [x, residuals, rank, s] = xg::linalg::lstsq(xg::ones({3, 2}), xg::ones({3}));
  CHECK(distance(x, xg::tensor({0.5, 0.5})) < 1e-6);
  CHECK(residuals.numel() == 0);
  CHECK(rank.item<std::int64_t>() == 1);
  CHECK(s.sizes() == xg::Shape{2});
}

TEST_CASE("larger matrices, and the same bits for any number of threads") {
  const Tensor a = random({3, 130, 130}, 1) + eye(130) * 20, b = random({3, 130, 70}, 2);
  const auto all = [&](const Tensor& m, const Tensor& side) {
    const Tensor leaf_of = m.detach().requires_grad_(), square = xg::matmul(leaf_of, leaf_of.transpose(-2, -1));
    const auto [w, v] = xg::linalg::eigh(square);
    const auto [u, s, vh] = xg::linalg::svd(leaf_of);
    const auto [q, r] = xg::linalg::qr(leaf_of);
    const Tensor x = xg::linalg::solve(leaf_of, side), l = xg::linalg::cholesky(square);
    TensorList results{x.detach(), l.detach(), w.detach(), v.detach(), u.detach(), s.detach(), vh.detach(), q.detach()};
    results.push_back(xg::grad({x.sum(), l.sum(), w.sum(), xg::matmul(u, vh).sum(), r.square().sum()}, {leaf_of})[0]);
    return results;
  };
  const int before = xg::get_num_threads();
  xg::set_num_threads(1);
  const TensorList one = all(a, b), narrow = all(a.to(xg::float32), b.to(xg::float32));
  xg::set_num_threads(2);
  const TensorList two = all(a, b);
  xg::set_num_threads(before);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], two[i]));
  CHECK(distance(xg::matmul(a, one[0]), b) < 1e-11);
  CHECK(distance(xg::matmul(one[1], one[1].transpose(-2, -1)), xg::matmul(a, a.transpose(-2, -1))) < 1e-10);
  CHECK(distance(xg::matmul(one[4] * one[5].unsqueeze(-2), one[6]), a) < 1e-11);
  CHECK(distance(narrow[0], one[0]) < 1e-4);
}

TEST_CASE("methods are the functions") {
  const Tensor a = xg::tensor({{2.0, 1.0}, {1.0, 3.0}}, {.dtype = xg::float64});
  CHECK(a.det().item<double>() == doctest::Approx(5));
  CHECK(a.trace().item<double>() == 5);
  CHECK(a.diag(1).to_vector<double>() == std::vector<double>{1});
  CHECK(distance(a.inverse(), xg::tensor({{0.6, -0.2}, {-0.2, 0.4}}, {.dtype = xg::float64})) < 1e-15);
  CHECK(a.cumprod(0).to_vector<double>() == std::vector<double>{2, 1, 2, 3});
}
