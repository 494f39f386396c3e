// docs/conventions.md, line by line.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

namespace xg = xgrad;
namespace F = xgrad::nn::functional;
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
  const Tensor image = xg::tensor({5.0, 5.0, 5.0, 5.0}, leaf);
  CHECK(slope([](const Tensor& x) { return F::max_pool2d(x.reshape({1, 2, 2}), 2); }, image) == Values{1, 0, 0, 0});
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
  CHECK(xg::argsort(xg::zeros({100}), 0, true, true).to_vector<std::int64_t>() ==
        xg::arange(100).to_vector<std::int64_t>());
  CHECK(xg::round(xg::tensor({0.5, 1.5, 2.5, -0.5}, f64)).to_vector<double>() == Values{0, 2, 2, 0});
  CHECK(xg::remainder(xg::tensor({-7.0, 7.0}, f64), xg::tensor({3.0, -3.0}, f64)).to_vector<double>() == Values{2, -2});
  CHECK(xg::fmod(xg::tensor({-7.0, 7.0}, f64), xg::tensor({3.0, -3.0}, f64)).to_vector<double>() == Values{-1, 1});
  const Tensor most = xg::full({1}, std::numeric_limits<std::int64_t>::max());
  CHECK((most + 1).item<std::int64_t>() == std::numeric_limits<std::int64_t>::min());
  CHECK_THROWS_AS(xg::remainder(xg::tensor({1}), 0), xg::ValueError);
  CHECK_THROWS_AS(xg::fmod(xg::tensor({1}), 0), xg::ValueError);
  CHECK_THROWS_AS(xg::pow(xg::tensor({2}), -1), xg::ValueError);
}

TEST_CASE("random numbers repeat from the seed") {
  xg::manual_seed(3);
  const Tensor a = xg::randn({1000});
  xg::manual_seed(3);
  xg::set_num_threads(1);
  const Tensor b = xg::randn({1000});
  CHECK(xg::equal(a, b));
}
