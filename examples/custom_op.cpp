// Teaches: an operation of one's own in two ways, a Function with a backward of its own around code that the tape
// cannot
//          see, and a formula as an elementwise lambda; and gradient checks as ordinary doctest assertions.
// Prints:  what a wrong backward is told, an orbit's shape found through the solver, and doctest's summary.
// Takes:   a second.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <xgrad/elementwise.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <span>

namespace xg = xgrad;
using xg::Tensor;

// Some code that is there already and knows nothing of tensors: Kepler's equation E - e sin E = M, solved for the
// eccentric anomaly E of a planet (its angle on the orbit's circle) by Newton's method.
double solve_kepler(double M, double e) {
  double E = M + e * std::sin(M);
  for (int i = 0; i < 50; ++i) {
    const double step = (E - e * std::sin(E) - M) / (1 - e * std::cos(E));
    E -= step;
    if (std::abs(step) < 1e-15) break;
  }
  return E;
}

// The operation around it. forward computes and says what backward will need. The tape does not see into the solver and
// need not: differentiating E - e sin E = M on both sides gives, wherever the solution came from,
//   ∂E/∂M = 1 / (1 - e cos E)        ∂E/∂e = sin E / (1 - e cos E)
struct Kepler : xg::Function<Kepler> {
  static Tensor forward(xg::Context& context, const Tensor& M, const Tensor& e) {
    const Tensor E = xg::empty(M.sizes(), {.dtype = xg::float64});
    const Tensor M_dense = M.contiguous(), e_dense = e.expand(M.sizes()).contiguous();
    const std::span<double> in = M_dense.span<double>(), eccentricity = e_dense.span<double>(), out = E.span<double>();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = solve_kepler(in[i], eccentricity[i]);
    context.save_for_backward({e, E});
    return E;
  }
  // One gradient per tensor argument; where an argument was broadcast, its gradient is summed for us. Written in tensor
  // operations, so that it can be differentiated once more.
  static xg::TensorList backward(xg::Context& context, const xg::TensorList& grad_outputs) {
    const Tensor e = context.saved_tensors()[0], E = context.saved_tensors()[1];
    const Tensor by_M = grad_outputs[0] / (1 - e * xg::cos(E));
    return {by_M, by_M * xg::sin(E)};
  }
};

// The same with a slip of the pen in backward.
struct WrongKepler : xg::Function<WrongKepler> {
  static Tensor forward(xg::Context& context, const Tensor& M, const Tensor& e) {
    return Kepler::forward(context, M, e);
  }
  static xg::TensorList backward(xg::Context& context, const xg::TensorList& grad_outputs) {
    const Tensor e = context.saved_tensors()[0], E = context.saved_tensors()[1];
    const Tensor by_M = grad_outputs[0] / (1 - e * xg::sin(E));
    return {by_M, by_M * xg::sin(E)};
  }
};

TEST_CASE("a solver becomes an operation") {
  xg::manual_seed(1);
  const Tensor M = (6 * xg::rand({4, 3}, {.dtype = xg::float64})).requires_grad_();
  const Tensor e = (0.8 * xg::rand({3}, {.dtype = xg::float64})).requires_grad_();
  auto kepler = [](const Tensor& anomaly, const Tensor& eccentricity) { return Kepler::apply(anomaly, eccentricity); };

  CHECK(xg::allclose(kepler(M, e) - e * xg::sin(kepler(M, e)), M));  // it solves the equation,
  CHECK(xg::gradcheck(kepler, {M, e}));                              // its gradient is that of its values,
  CHECK(xg::gradgradcheck(kepler, {M, e}));                          // and so is the gradient's gradient

  const auto wrong = xg::gradcheck([](const Tensor& a, const Tensor& b) { return WrongKepler::apply(a, b); }, {M, e});
  CHECK_FALSE(wrong);
  fmt::print("the wrong one: {}\n", wrong.message());
}

TEST_CASE("a gradient through the solver finds an orbit's eccentricity") {
  const Tensor M = xg::linspace(0, 6, 20, {.dtype = xg::float64});
  const Tensor observed = xg::cos(Kepler::apply(M, xg::tensor({0.3}, {.dtype = xg::float64})));
  const Tensor e = xg::tensor({0.0}, {.dtype = xg::float64, .requires_grad = true});
  xg::optim::Adam optimizer({e}, {.lr = 0.02});
  for (int step = 0; step < 300; ++step) {
    optimizer.zero_grad();
    (xg::cos(Kepler::apply(M, e)) - observed).square().mean().backward();
    optimizer.step();
  }
  fmt::print("eccentricity: {:.4f}\n", e.item<double>());
  CHECK(e.item<double>() == doctest::Approx(0.3).epsilon(1e-3));
}

// A formula of numbers, element by element: the pseudo-Huber loss of an error r, which is r² / 2 for small errors and
// |r| for large ones, so that outliers count less. Literals and std functions as usual; `auto`, because the same lines
// run on vectors of numbers for the value, on dual numbers for all gradients in the same pass, and on tensors for
// higher derivatives.
constexpr auto pseudo_huber = xg::elementwise([](auto r, auto scale) {
  using std::sqrt;
  const auto t = r / scale;
  return scale * scale * (sqrt(1 + t * t) - 1);
});

TEST_CASE("a formula becomes an operation") {
  xg::manual_seed(2);
  const Tensor r = (5 * xg::randn({4, 3}, {.dtype = xg::float64})).requires_grad_();
  const Tensor scale = (0.5 + xg::rand({3}, {.dtype = xg::float64})).requires_grad_();  // broadcasts over the rows

  CHECK(xg::gradcheck(pseudo_huber, {r, scale}));
  CHECK(xg::gradgradcheck(pseudo_huber, {r, scale}));
  // The same from operations that are there, each with a pass of its own over the data.
  CHECK(xg::allclose(pseudo_huber(r, scale), scale.square() * (xg::sqrt(1 + (r / scale).square()) - 1)));
  // Small and large errors.
  CHECK(pseudo_huber(0.01, xg::tensor(1.0)).item<double>() == doctest::Approx(0.01 * 0.01 / 2).epsilon(1e-2));
  CHECK(pseudo_huber(1000, xg::tensor(1.0)).item<double>() == doctest::Approx(1000).epsilon(1e-2));
}
