// Teaches: gradients without networks. A curve is fitted to noisy points by Levenberg and Marquardt's method on a
//          jacobian; a signal of a thousand unknowns is cleaned by Newton's method on products with its Hessian, which
//          is never formed. Both leave their linear equations to conjugate gradients.
// Prints:  the parameters found with their errors, and what each method needed; two pictures.
// Takes:   a second.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "picture.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
using xg::Tensor;

double number(const Tensor& x) { return x.item<double>(); }

// Solves A x = b for a symmetric A without negative eigenvalues that is given by its products with vectors only
// (Hestenes and Stiefel 1952). Counts the products.
template <class Product>
Tensor conjugate_gradients(const Product& product, const Tensor& b, double tolerance, int most, int& products) {
  Tensor x = xg::zeros_like(b), residual = b, direction = b;
  double square = number(residual.square().sum());
  const double goal = tolerance * tolerance * square;
  for (int k = 0; k < most && square > goal; ++k, ++products) {
    const Tensor image = product(direction);
    const double step = square / number(xg::dot(direction, image));
    x = x + step * direction;
    residual = residual - step * image;
    const double next = number(residual.square().sum());
    direction = residual + next / square * direction;
    square = next;
  }
  return x;
}

// 1. Five parameters p, and the curve that they stand for: a swing that dies away.
Tensor curve(const Tensor& p, const Tensor& t) { return p[0] * xg::exp(-p[1] * t) * xg::cos(p[2] * t + p[3]) + p[4]; }

struct Fit {
  Tensor p, jacobian, residual;
  std::vector<double> costs;
};

// Makes the cost ½ Σ r² of the residuals r = curve − y small. Close to p, r(p + δ) ≈ r + J δ with the jacobian J, so
// the best δ solves JᵀJ δ = −Jᵀr: Gauss and Newton's step. It is good where the curve is nearly straight in p, and wild
// elsewhere. Levenberg (1944) and Marquardt (1963) solve (JᵀJ + λ D) δ = −Jᵀr, D the diagonal of JᵀJ: with a large λ a
// short step downhill. λ falls while steps succeed, and grows where one fails.
Fit fit(const Tensor& t, const Tensor& y, Tensor p, double lambda, int steps) {
  auto residual_of = [&](const Tensor& q) { return curve(q, t) - y; };
  Fit result;
  int products = 0;
  for (int step = 0; step < steps && (step == 0 || result.costs.back() < 1e4); ++step) {
    const Tensor residual = residual_of(p), jacobian = xg::functional::jacobian(residual_of, p);  // [n], [n, 5]
    result.costs.push_back(number(0.5 * residual.square().sum()));
    // In units in which every column of J has length 1, D is 1 and the equations are well scaled.
    const Tensor scale = jacobian.square().sum({0}).sqrt(), j = jacobian / scale;
    auto product = [&](const Tensor& v) { return xg::mv(j.transpose(0, 1), xg::mv(j, v)) + lambda * v; };
    const Tensor downhill = -xg::mv(j.transpose(0, 1), residual);
    const Tensor trial = p + conjugate_gradients(product, downhill, 1e-12, 50, products) / scale;
    if (lambda == 0 || number(0.5 * residual_of(trial).square().sum()) < result.costs.back()) {
      p = trial;
      lambda /= 10;
    } else {
      lambda *= 10;
    }
  }
  result.p = p;
  result.residual = residual_of(p);
  result.jacobian = xg::functional::jacobian(residual_of, p);
  return result;
}

// The standard error of each parameter: the root of the diagonal of s² (JᵀJ)⁻¹, s² the noise's variance as the
// residuals show it.
Tensor standard_errors(const Fit& f) {
  const std::int64_t n = f.jacobian.size(0), m = f.jacobian.size(1);
  const double noise = number(f.residual.square().sum()) / static_cast<double>(n - m);
  auto product = [&](const Tensor& v) { return xg::mv(f.jacobian.transpose(0, 1), xg::mv(f.jacobian, v)); };
  const Tensor unit = xg::eye(m, {.dtype = xg::float64}), variance = xg::zeros({m}, {.dtype = xg::float64});
  int products = 0;
  for (std::int64_t i = 0; i < m; ++i)
    variance[i].copy_(noise * conjugate_gradients(product, unit[i], 1e-12, 100, products)[i]);
  return variance.sqrt();
}

void fit_curve(const Settings& settings) {
  const Tensor truth = xg::tensor({1.5, 0.25, 2.0, 0.5, 0.3}, {.dtype = xg::float64});
  const Tensor t = xg::linspace(0, 10, 80, {.dtype = xg::float64});
  const Tensor y = curve(truth, t) + 0.1 * xg::randn({80}, {.dtype = xg::float64});
  const Tensor start = xg::tensor({1.0, 0.1, 1.5, 0.0, 0.0}, {.dtype = xg::float64});

  const Fit gauss_newton = fit(t, y, start, 0, 25), marquardt = fit(t, y, start, 1e-2, 25);
  const Tensor error = standard_errors(marquardt);
  fmt::print("parameter    true   found  standard error\n");
  const char* names[] = {"height", "damping", "frequency", "phase", "offset"};
  for (int i = 0; i < 5; ++i) {
    const double off = number(marquardt.p[i]) - number(truth[i]);
    fmt::print("{:10} {:6.3f}  {:6.3f}  {:.3f}\n", names[i], number(truth[i]), number(marquardt.p[i]),
               number(error[i]));
    expect(std::abs(off) < 4 * number(error[i]), std::string("the ") + names[i]);
  }
  fmt::print("half the sum of squares: {:.3f} after {} steps of Levenberg-Marquardt\n", marquardt.costs.back(),
             marquardt.costs.size());
  fmt::print("                         {:.3g} after {} steps of Gauss-Newton\n", gauss_newton.costs.back(),
             gauss_newton.costs.size());
  expect(gauss_newton.costs.back() > 1e3, "a Gauss-Newton step from too far away");

  Picture picture(settings.pictures / "curve_fit.svg");
  picture.panel({"80 noisy points", "t", "y"});
  picture.points("points", t.to_vector<double>(), y.to_vector<double>());
  picture.line("start", t.to_vector<double>(), curve(start, t).to_vector<double>());
  picture.line("fit", t.to_vector<double>(), curve(marquardt.p, t).to_vector<double>());
  auto count = [](std::size_t n) { return xg::arange(static_cast<double>(n)).to_vector<double>(); };
  picture.panel({"descent", "step", "half the sum of squares", "set logscale y\nset yrange [0.1:1e4]"});
  picture.line("Gauss-Newton", count(gauss_newton.costs.size()), gauss_newton.costs);
  picture.line("Levenberg-Marquardt", count(marquardt.costs.size()), marquardt.costs);
  picture.save();
}

// 2. A thousand unknowns u: a signal y without its noise. Σ (u − y)² / 2 keeps u near y, and μ Σ √(Δ² + ε²) with the
// differences Δ of neighbours makes it flat where it can be, but allows jumps (Rudin, Osher and Fatemi 1992, smoothed).
struct Cleaning {
  Tensor y;
  Tensor operator()(const Tensor& u) const {
    constexpr double mu = 1, epsilon = 0.01;
    const std::int64_t n = u.size(0);
    const Tensor difference = u.narrow(0, 1, n - 1) - u.narrow(0, 0, n - 1);
    return 0.5 * (u - y).square().sum() + mu * (difference.square() + epsilon * epsilon).sqrt().sum();
  }
};

// How small the gradient is after so many gradients or products with the Hessian; each costs a few passes.
struct Descent {
  Tensor u;
  std::vector<double> work, slopes;
  void note(double done, const Tensor& gradient) {
    work.push_back(done);
    slopes.push_back(number(gradient.square().sum().sqrt()));
  }
};

// Newton's method: the step δ solves H δ = −g with the Hessian H. Conjugate gradients need only products H v, and
// functional::hvp gives them without H. Far from the bottom rough steps do; a step that goes too far is halved.
Descent newton(const Cleaning& f, Tensor u, double goal) {
  Descent result;
  int work = 0;
  for (int steps = 0; steps < 100; ++steps) {
    const auto [value, gradient] = xg::functional::vjp(f, u);
    result.note(++work, gradient);
    if (result.slopes.back() < goal) break;
    auto product = [&](const Tensor& v) { return xg::functional::hvp(f, u, v); };
    const double tolerance = std::min(0.1, result.slopes.back());
    const Tensor step = conjugate_gradients(product, -gradient, tolerance, 300, work);
    // Armijo's rule; where the value cannot tell any more (its last digits), the whole step is right.
    const double slope = number(xg::dot(gradient, step)), here = number(value);
    double length = 1;
    while (length * -slope > 1e-12 * here && number(f(u + length * step)) > here + 1e-4 * length * slope) length /= 2;
    u = u + length * step;
  }
  result.u = u;
  return result;
}

// Gradient descent with the longest rate that is safe: 1 / (1 + 4 μ / ε), one over the largest curvature there can be.
Descent gradient_descent(const Cleaning& f, Tensor u, double goal, int most) {
  Descent result;
  for (int work = 1; work <= most; ++work) {
    const Tensor gradient = xg::functional::vjp(f, u).second;
    result.note(work, gradient);
    if (result.slopes.back() < goal) break;
    u = u - gradient / (1 + 4 / 0.01);
  }
  result.u = u;
  return result;
}

void clean_signal(const Settings& settings) {
  const Tensor t = xg::linspace(0, 1, 1000, {.dtype = xg::float64});
  const Tensor truth = (t > 0.2).to(xg::float64) - 1.5 * (t > 0.5).to(xg::float64) + (t > 0.7).to(xg::float64) * t;
  const Cleaning f{truth + 0.3 * xg::randn({1000}, {.dtype = xg::float64})};
  const Descent fast = newton(f, f.y, 1e-8), slow = gradient_descent(f, f.y, 1e-8, settings.run_short ? 500 : 5000);
  auto error = [&](const Tensor& u) { return number((u - truth).square().mean().sqrt()); };
  fmt::print("\na signal of 1000 unknowns: error {:.3f} with the noise, {:.3f} without\n", error(f.y), error(fast.u));
  fmt::print("Newton: gradient {:.1e} after {:.0f} gradients and products\n", fast.slopes.back(), fast.work.back());
  fmt::print("gradient descent: {:.1e} after {:.0f}\n", slow.slopes.back(), slow.work.back());
  expect(fast.slopes.back() < 1e-8 && error(fast.u) < 0.5 * error(f.y), "cleaning the signal");

  Picture picture(settings.pictures / "curve_fit_newton.svg");
  picture.panel({"1000 unknowns", "t", "u"});
  picture.points("noisy", t.to_vector<double>(), f.y.to_vector<double>());
  picture.line("cleaned", t.to_vector<double>(), fast.u.to_vector<double>());
  picture.line("true", t.to_vector<double>(), truth.to_vector<double>());
  picture.panel(
      {"descent", "gradients and products", "length of the gradient", "set logscale xy\nset key bottom left"});
  picture.line("gradient descent", slow.work, slow.slopes);
  picture.line("Newton", fast.work, fast.slopes);
  picture.save();
}

void run(const Settings& settings) {
  xg::manual_seed(1);
  fit_curve(settings);
  clean_signal(settings);
}

int main(int argc, char** argv) { return tutorial(argc, argv, "A curve fit, and Newton's method.", run); }
