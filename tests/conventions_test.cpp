// docs/conventions.md, line by line.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

namespace xg = xgrad;
namespace F = xgrad::nn::functional;
using xg::Shape;
using xg::Tensor;
using Values = std::vector<double>;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr xg::TensorOptions f64{.dtype = xg::float64}, leaf{.dtype = xg::float64, .requires_grad = true};

// The gradient of <cotangent, f(x)>.
template <class F>
Values slope(F f, const Tensor& x, double cotangent = 1) {
  const Tensor y = f(x);
  return xg::grad({y}, {x}, {.grad_outputs = {xg::full(y.sizes(), cotangent, f64)}})[0].to_vector<double>();
}
Tensor at(double x) { return xg::tensor({x}, leaf); }

}  // namespace

TEST_CASE("types") {
  const Tensor f = xg::ones({2}), d = xg::ones({2}, f64), i = xg::tensor({1, 2}), b = xg::tensor({true, false});
  CHECK(xg::tensor({1.0}).dtype() == xg::float32);
  CHECK(xg::rand({1}).dtype() == xg::float32);
  CHECK(xg::zeros({1}).dtype() == xg::float32);
  CHECK(i.dtype() == xg::int64);
  CHECK(b.dtype() == xg::bool_);
  CHECK(xg::tensor(std::vector<double>{1}).dtype() == xg::float64);
  CHECK(xg::tensor(std::vector<float>{1}).dtype() == xg::float32);
  CHECK((d * 2).dtype() == xg::float64);
  CHECK((f * 2.5).dtype() == xg::float32);
  CHECK((i * 2.5).dtype() == xg::float32);
  CHECK((b * 2.5).dtype() == xg::float32);
  CHECK((i * 2).dtype() == xg::int64);
  CHECK((i + d).dtype() == xg::float64);
  CHECK((b + f).dtype() == xg::float32);
  CHECK((i / i).dtype() == xg::float32);
  CHECK(b.sum().dtype() == xg::int64);
  CHECK(i.sum().dtype() == xg::int64);
  CHECK((f < 1).dtype() == xg::bool_);
  CHECK_THROWS_AS(f + d, xg::DtypeError);
  CHECK_THROWS_AS(f + xg::tensor(1.0, f64), xg::DtypeError);
  CHECK_THROWS_AS(i.to(xg::int32) + i.to(xg::int32), xg::DtypeError);
  CHECK_THROWS_AS(i.to(xg::uint8) * 2, xg::DtypeError);
  xg::set_default_dtype(xg::float64);
  const xg::Dtype literal = xg::tensor({1.0}).dtype();
  xg::set_default_dtype(xg::float32);
  CHECK(literal == xg::float64);
}

TEST_CASE("points where a derivative is a choice") {
  CHECK(slope([](const Tensor& x) { return xg::relu(x); }, at(0)) == Values{0});
  CHECK(slope([](const Tensor& x) { return xg::abs(x); }, at(0)) == Values{0});
  CHECK(slope([](const Tensor& x) { return xg::sign(x); }, at(0)) == Values{0});
  const Tensor bounds = xg::tensor({-1.0, 1.0, 2.0}, leaf);
  CHECK(slope([](const Tensor& x) { return x.clamp(-1.0, 1.0); }, bounds) == Values{1, 1, 0});
  CHECK(slope([](const Tensor& x) { return xg::maximum(x, xg::tensor({3.0}, f64)); }, at(3)) == Values{0.5});
  CHECK(slope([](const Tensor& x) { return xg::minimum(x, xg::tensor({3.0}, f64)); }, at(3)) == Values{0.5});
  const Tensor ties = xg::tensor({2.0, 1.0, 2.0}, leaf);
  CHECK(slope([](const Tensor& x) { return x.amax(); }, ties) == Values{0.5, 0, 0.5});
  CHECK(slope([](const Tensor& x) { return x.max(); }, ties) == Values{0.5, 0, 0.5});
  for (const bool include_self : {true, false}) {
    const auto largest = [=](const Tensor& x) {
      return xg::scatter_reduce(xg::full({1}, 2.0, {.dtype = xg::float64}), 0, xg::tensor({0, 0, 0}), x, "amax",
                                include_self);
    };
    const double share = include_self ? 1.0 / 3 : 0.5;
    CHECK(slope(largest, ties) == Values{share, 0, share});
  }
  CHECK(slope([](const Tensor& x) { return x.max(0).first; }, ties) == Values{1, 0, 0});
  CHECK(slope([](const Tensor& x) { return (-x).min(0).first; }, ties) == Values{-1, 0, 0});
  CHECK(slope([](const Tensor& x) { return xg::cummax(x, 0).first; }, ties) == Values{2, 0, 1});
  CHECK(slope([](const Tensor& x) { return xg::cummin(-x, 0).first; }, ties) == Values{-2, 0, -1});
  CHECK(slope([](const Tensor& x) { return xg::median(x); }, ties) == Values{0.5, 0, 0.5});
  CHECK(slope([](const Tensor& x) { return xg::nanmedian(x); }, ties) == Values{0.5, 0, 0.5});
  using Picked = std::pair<Tensor, Tensor> (*)(const Tensor&);
  for (const Picked pick :
       {Picked([](const Tensor& x) { return xg::median(x, 0); }),
        Picked([](const Tensor& x) { return xg::nanmedian(x, 0); }),
        Picked([](const Tensor& x) { return xg::mode(x); }), Picked([](const Tensor& x) { return xg::kthvalue(x, 2); }),
        Picked([](const Tensor& x) { return xg::topk(x, 1, 0, true); })}) {
    Values expected(3);
    expected[static_cast<std::size_t>(pick(ties).second.item<std::int64_t>())] = 1;
    CHECK(slope([=](const Tensor& x) { return pick(x).first; }, ties) == expected);
  }
  const Tensor zero = xg::zeros({2, 2}, leaf), ones = xg::ones({2, 2}, leaf);
  const Tensor identity = xg::eye(2, {.dtype = xg::float64}).requires_grad_();
  CHECK(slope([](const Tensor& x) { return xg::linalg::matrix_norm(x); }, zero) == Values{0, 0, 0, 0});
  CHECK(slope([](const Tensor& x) { return xg::det(x); }, zero) == Values{0, 0, 0, 0});
  CHECK(slope([](const Tensor& x) { return xg::slogdet(x).second; }, ones)[0] > 1e15);
  CHECK(slope([](const Tensor& x) { return xg::linalg::eigvalsh(x).sum(); }, identity) == Values{1, 0, 0, 1});
  CHECK(slope([](const Tensor& x) { return xg::linalg::svdvals(x).sum(); }, identity) == Values{1, 0, 0, 1});
  CHECK(slope([](const Tensor& x) { return xg::linalg::matrix_norm(x, "nuc"); }, identity) == Values{1, 0, 0, 1});
  CHECK(slope([](const Tensor& x) { return xg::linalg::matrix_norm(x, 1); }, identity) == Values{0.5, 0, 0, 0.5});
  const Tensor image = xg::tensor({5.0, 5.0, 5.0, 5.0}, leaf);
  CHECK(slope([](const Tensor& x) { return F::max_pool2d(x.reshape({1, 2, 2}), 2); }, image) == Values{1, 0, 0, 0});
  CHECK(slope(
            [](const Tensor& x) {
              return F::max_pool3d(x.reshape({1, 1, 2, 2}), {1, 2, 2});
            },
            image) == Values{1, 0, 0, 0});
  CHECK(slope(
            [](const Tensor& x) {
              return F::adaptive_max_pool1d(x.reshape({1, 4}), 1);
            },
            image) == Values{1, 0, 0, 0});
  const Tensor pair = xg::tensor({1.0, 2.0}, leaf);
  const auto put = [](const Tensor& x) { return F::max_unpool1d(x.reshape({1, 2}), xg::tensor({{1, 1}}), 2); };
  CHECK(put(pair).to_vector<double>() == Values{0, 2, 0, 0});
  CHECK(slope(put, pair) == Values{1, 1});
  CHECK(slope(
            [](const Tensor& x) {
              return F::lp_pool1d(x.reshape({1, 2}), 2, 2);
            },
            xg::zeros({2}, leaf)) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return xg::sqrt(x); }, at(0)) == Values{inf});
  CHECK(slope([](const Tensor& x) { return xg::sqrt(x); }, at(0), 0) == Values{0});
  const Tensor zeros = xg::zeros({2}, leaf);
  CHECK(slope([](const Tensor& x) { return x.norm(); }, zeros) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return x.std(); }, zeros, 0) == Values{0, 0});
  CHECK(xg::pow(at(0), 0.0).item<double>() == 1);
  CHECK(slope([](const Tensor& x) { return xg::pow(x, 0.0); }, at(0)) == Values{0});
  const Tensor nothing = xg::full({2}, -inf, leaf);
  CHECK(nothing.logsumexp(0).item<double>() == -inf);
  CHECK(slope([](const Tensor& x) { return x.logsumexp(0); }, nothing) == Values{0, 0});
  CHECK(xg::logcumsumexp(nothing, 0).to_vector<double>() == Values{-inf, -inf});
  CHECK(slope([](const Tensor& x) { return xg::logcumsumexp(x, 0); }, nothing) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return xg::where(x > 0, xg::log(x), x * 2); }, at(-1)) == Values{2});
}

TEST_CASE("kinks of activations, distances and margins") {
  const Tensor ends = xg::tensor({-1.0, 1.0}, leaf), three = ends.detach().mul(3).requires_grad_();
  CHECK(slope([](const Tensor& x) { return F::hardtanh(x); }, ends) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return F::relu6(x); }, at(0)) == Values{0});
  CHECK(slope([](const Tensor& x) { return F::relu6(x); }, at(6)) == Values{0});
  CHECK(slope([](const Tensor& x) { return F::hardsigmoid(x); }, three) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return F::hardswish(x); }, three) == Values{-0.5, 1.5});
  CHECK(slope([](const Tensor& x) { return F::hardshrink(x, 1); }, ends) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return F::softshrink(x, 1); }, ends) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return F::threshold(x, 1, 5); }, at(1)) == Values{0});
  const Tensor row = xg::zeros({1, 2}, f64), point = ends.reshape({1, 2}).detach().requires_grad_();
  CHECK(slope([&](const Tensor& x) { return xg::cdist(x, point.detach()); }, point) == Values{0, 0});
  CHECK(slope([](const Tensor& x) { return F::pdist(xg::cat({x, x})).sum(); }, point) == Values{0, 0});
  CHECK(slope([&](const Tensor& x) { return xg::cdist(x, row, inf); }, point) == Values{-1, 1});
  const Tensor met = xg::tensor({1.0}, f64);
  CHECK(slope([&](const Tensor& x) { return F::hinge_embedding_loss(x, -met); }, at(1)) == Values{-1});
  CHECK(slope([&](const Tensor& x) { return F::margin_ranking_loss(x, met, met); }, at(1)) == Values{-1});
  CHECK(slope([&](const Tensor& x) { return F::triplet_margin_loss(x, met, met * 2, {.margin = 1, .eps = 0}); },
              at(1)) == Values{1});
  CHECK(slope([&](const Tensor& x) { return F::smooth_l1_loss(x, met, {.beta = 0}); }, at(1)) == Values{-1});
  CHECK(slope([&](const Tensor& x) { return F::smooth_l1_loss(met, x, {.beta = 0}); }, at(1)) == Values{-1});
  const Tensor classes = xg::tensor({1.0, 0.0}, leaf);
  CHECK(slope([](const Tensor& x) { return F::multi_margin_loss(x, xg::tensor(0)); }, classes) == Values{0, 0});
  CHECK(slope(
            [](const Tensor& x) {
              return F::multilabel_margin_loss(x, xg::tensor({0, -1}));
            },
            classes) == Values{0, 0});
}

TEST_CASE("losses of margins, likelihoods and sequences") {
  const auto none = xg::Reduction::none;
  const Tensor column = xg::ones({3, 1}, f64), line = xg::ones({4}, f64);
  CHECK((F::hinge_embedding_loss(column, line, {.reduction = none}).sizes() == Shape{3, 4}));
  CHECK((F::poisson_nll_loss(column, line, {.reduction = none}).sizes() == Shape{3, 4}));
  const Tensor zero = xg::zeros({1}, f64);
  CHECK(slope([&](const Tensor& v) { return F::gaussian_nll_loss(zero, zero, v, {.eps = 0.5}); }, at(0)) == Values{1});
  CHECK(slope([&](const Tensor& x) { return F::cosine_similarity(x, xg::ones({1}, f64), 0, 0.5); }, at(0)) ==
        Values{2});
  const Tensor steps = xg::tensor({-0.5, -1.0}, leaf);  // one step, two classes
  const auto loss = [](const Tensor& x, const Tensor& target) { return F::ctc_loss(x.reshape({1, 2}), target, 1, 1); };
  CHECK(slope([&](const Tensor& x) { return loss(x, xg::tensor({1})); }, steps) == Values{0, -1});
  const auto behind = [&](const Tensor& x) { return loss(x.log_softmax(0), xg::tensor({1})); };
  CHECK(slope(behind, steps)[0] == doctest::Approx(1 / (1 + std::exp(-0.5))));
  const auto hopeless = [](const Tensor& x) { return F::ctc_loss(x.reshape({1, 2}), xg::tensor({1, 1}), 1, 2); };
  CHECK(hopeless(steps).item<double>() == inf);
  CHECK(slope(hopeless, steps) == Values{0, 0});
}

TEST_CASE("numbers") {
  const Tensor none = xg::zeros({0}, f64);
  CHECK(none.sum().item<double>() == 0);
  CHECK(none.prod().item<double>() == 1);
  CHECK(std::isnan(none.mean().item<double>()));
  CHECK_THROWS_AS(none.max(), xg::Error);
  CHECK_THROWS_AS(none.amin(), xg::Error);
  CHECK_THROWS_AS(none.argmax(), xg::Error);
  const Tensor holes = xg::tensor({1.0, not_a_number, 3.0}, f64);
  CHECK(std::isnan(xg::maximum(holes, 2.0)[1].item<double>()));
  CHECK(std::isnan(xg::minimum(2.0, holes)[1].item<double>()));
  CHECK(std::isnan(holes.clamp(0.0, 1.0)[1].item<double>()));
  CHECK(std::isnan(xg::relu(holes)[1].item<double>()));
  CHECK(std::isnan(holes.amax().item<double>()));
  CHECK(std::isnan(holes.max().item<double>()));
  CHECK(std::isnan(F::max_pool2d(holes.reshape({1, 1, 3}), {1, 3}).item<double>()));
  CHECK(holes.argmax().item<std::int64_t>() == 1);
  CHECK(xg::argsort(holes).to_vector<std::int64_t>() == std::vector<std::int64_t>{0, 2, 1});
  CHECK(std::isnan(xg::median(holes).item<double>()));
  CHECK(xg::nanmedian(holes).item<double>() == 1);
  CHECK(xg::nanquantile(holes, 0.5).item<double>() == 2);
  CHECK(xg::mode(xg::tensor({not_a_number, 2.0, not_a_number}, f64)).first.item<double>() == 2);
  CHECK(xg::median(xg::tensor({4.0, 1.0, 3.0, 2.0}, f64)).item<double>() == 2);
  CHECK(xg::argsort(xg::zeros({100}), 0, true).to_vector<std::int64_t>() == xg::arange(100).to_vector<std::int64_t>());
  CHECK(xg::round(xg::tensor({0.5, 1.5, 2.5, -0.5}, f64)).to_vector<double>() == Values{0, 2, 2, 0});
  CHECK(xg::remainder(xg::tensor({-7.0, 7.0}, f64), xg::tensor({3.0, -3.0}, f64)).to_vector<double>() == Values{2, -2});
  CHECK(xg::fmod(xg::tensor({-7.0, 7.0}, f64), xg::tensor({3.0, -3.0}, f64)).to_vector<double>() == Values{-1, 1});
  const Tensor most = xg::full({1}, std::numeric_limits<std::int64_t>::max());
  CHECK((most + 1).item<std::int64_t>() == std::numeric_limits<std::int64_t>::min());
  CHECK_THROWS_AS(xg::remainder(xg::tensor({1}), 0), xg::ValueError);
  CHECK_THROWS_AS(xg::fmod(xg::tensor({1}), 0), xg::ValueError);
  CHECK_THROWS_AS(xg::pow(xg::tensor({2}), -1), xg::ValueError);
}

TEST_CASE("windows, resampling and running statistics") {
  const Tensor x = xg::tensor({1.0, 2.0, 3.0}, leaf);
  CHECK(F::adaptive_avg_pool1d(x.reshape({1, 3}), 0).sizes() == xg::Shape{1, 0});
  CHECK(F::adaptive_max_pool1d(x.reshape({1, 3}), 0).sizes() == xg::Shape{1, 0});
  // The last window has one element of two: 2 * mean(3^1).
  CHECK(F::lp_pool1d(x.reshape({1, 3}), 1, 2, {.ceil_mode = true}).to_vector<double>() == Values{3, 6});
  // Places 0, 0.91, 1.82 take the elements 0, 0, 1, and each element's gradient counts its places.
  const auto stretched = [](const Tensor& x) { return F::interpolate(x.reshape({1, 1, 3}), {.scale_factor = 1.1}); };
  CHECK(stretched(x).to_vector<double>() == Values{1, 1, 2});
  CHECK(slope(stretched, x) == Values{2, 1, 0});
  const Tensor samples = xg::tensor({{{0.0, 2.0}}, {{4.0, 8.0}}}, f64);
  const Tensor mean = xg::zeros({1}, f64), variance = xg::zeros({1}, f64);
  F::instance_norm(samples, mean, variance, {.momentum = 1.0});
  CHECK(mean.to_vector<double>() == Values{3.5});
  CHECK(variance.to_vector<double>() == Values{5});
}

TEST_CASE("random numbers repeat from the seed") {
  xg::manual_seed(3);
  const Tensor a = xg::randn({1000});
  xg::manual_seed(3);
  xg::set_num_threads(1);
  const Tensor b = xg::randn({1000});
  CHECK(xg::equal(a, b));
}
