// Teaches: derivatives in the loss. A network finds the motion of a damped oscillator without seeing a point of it: it
// is
//          told the differential equation and how the motion starts. The same network, told ten points and no equation,
//          is right where the points are.
// Prints:  loss and error as they fall, the error of either network; a picture of the motions and of the errors.
// Takes:   a few seconds.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "picture.hpp"
#include "progress.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;

// A mass on a spring, with friction: u'' + 2 d u' + w0² u = 0. It is held at u(0) = 1 and let go: u'(0) = 0.
constexpr double d = 0.4, w0 = 4;

// The closed form for d < w0: u(t) = e^(-d t) (cos w t + (d / w) sin w t) with w = √(w0² - d²).
Tensor closed_form(const Tensor& t) {
  const double w = std::sqrt(w0 * w0 - d * d);
  return xg::exp(-d * t) * (xg::cos(w * t) + d / w * xg::sin(w * t));
}

// A motion as a network: a time goes in, a position comes out. Times come as a column, [n, 1].
struct Motion : nn::Module {
  nn::Linear first = register_module("first", nn::Linear(1, 32));
  nn::Linear second = register_module("second", nn::Linear(32, 32));
  nn::Linear last = register_module("last", nn::Linear(32, 1));
  Tensor forward(const Tensor& t) { return last(xg::tanh(second(xg::tanh(first(t))))); }
};

// dy/dt at every time. y_i depends on t_i and on no other time, so ∂(Σ y_j)/∂t_i is dy_i/dt_i. create_graph records the
// derivative as well: it can be differentiated in turn, by time again and by the weights.
Tensor derivative(const Tensor& y, const Tensor& t) { return xg::grad({y.sum()}, {t}, {.create_graph = true})[0]; }

// What the network is told of physics: how badly it breaks the equation at the times t, and the start. Both are divided
// by what makes them numbers of the size of u; the weight 0.1 balances the two.
Tensor equation_loss(Motion& motion, const Tensor& t) {
  Tensor u = motion.forward(t);
  Tensor velocity = derivative(u, t);
  Tensor acceleration = derivative(velocity, t);
  Tensor residual = (acceleration + 2 * d * velocity + w0 * w0 * u) / (w0 * w0);
  Tensor start = (u[0] - 1).square() + (velocity[0] / w0).square();  // t[0] is 0
  return residual.square().mean() + 0.1 * start.sum();
}

// Root of the mean squared difference from the closed form.
double error_of(Motion& motion, const Tensor& t) {
  xg::NoGradGuard no_grad;
  return (motion.forward(t) - closed_form(t)).square().mean().sqrt().item<double>();
}

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

// Trains by Adam, with a learning rate that falls to a hundredth. after_step(step, loss) looks on.
template <class Loss, class Look>
void train(const char* title, Motion& motion, int steps, const Loss& loss_of, const Look& after_step) {
  xg::optim::Adam optimizer(motion.parameters(), {.lr = 1e-2});
  xg::optim::ExponentialLR schedule(optimizer, std::pow(0.01, 1.0 / steps));
  ProgressBar bar(title, steps);
  for (int step = 1; step <= steps; ++step) {
    optimizer.zero_grad();
    Tensor loss = loss_of();
    loss.backward();
    optimizer.step();
    schedule.step();
    after_step(step, loss.item<double>());
    bar.update(step, fmt::format("loss {:.1e}", loss.item<double>()));
  }
}

void run(const Settings& settings) {
  xg::manual_seed(1);
  const int steps = settings.run_short ? 2000 : 20000;
  const double end = settings.run_short ? 1.5 : 5;  // the first swing, or three
  const Tensor t = xg::linspace(0, end, 101).unsqueeze(1).requires_grad_();

  // sin'' = -sin: derivatives of derivatives are what they should be.
  expect(xg::allclose(derivative(derivative(xg::sin(t), t), t), -xg::sin(t)), "second derivatives");

  // Told the equation and the start, and no point of the solution.
  Motion by_equation;
  const double error_before = error_of(by_equation, t);
  std::vector<double> early;
  std::string table;
  train(
      "from the equation ", by_equation, steps, [&] { return equation_loss(by_equation, t); },
      [&](int step, double loss) {
        if (step == steps / 20) early = numbers(by_equation.forward(t));
        if (step % (steps / 5) == 0)
          table += fmt::format("  step {:6}  loss {:.1e}  error {:.4f}\n", step, loss, error_of(by_equation, t));
      });

  // Told ten points of the solution, measured in the first 40 % of the time, and no equation.
  Motion by_points;
  const Tensor t_points = xg::linspace(0, 0.4 * end, 10).unsqueeze(1), u_points = closed_form(t_points);
  train(
      "from ten points   ", by_points, steps / 5,
      [&] { return nn::functional::mse_loss(by_points.forward(t_points), u_points); }, [](int, double) {});

  const double error_equation = error_of(by_equation, t), error_points = error_of(by_points, t);
  fmt::print("from the equation, error against the closed form:\n{}", table);
  fmt::print("error at the start                   {:.4f}\n", error_before);
  fmt::print("error of the network by the equation {:.4f}\n", error_equation);
  fmt::print("error of the network by ten points   {:.4f}, at the points {:.4f}\n", error_points,
             error_of(by_points, t_points));
  expect(error_equation < (settings.run_short ? 0.2 : 0.01) * error_before, "the motion, from its equation");
  expect(error_equation < (settings.run_short ? 0.5 : 0.05) * error_points, "more than ten points tell");

  const auto times = numbers(t), exact = numbers(closed_form(t));
  Picture picture(settings.pictures / "pinn.svg");
  picture.panel({"a damped oscillator", "time t", "position u",
                 "set yrange [-1.2:2.2]; set linetype 3 linecolor 'black' dashtype 2"});
  picture.line("closed form", times, exact);
  picture.line(fmt::format("by the equation, step {}", steps / 20), times, early);
  picture.line(fmt::format("by the equation, step {}", steps), times, numbers(by_equation.forward(t)));
  picture.line("by ten points", times, numbers(by_points.forward(t)));
  picture.points("the ten points", numbers(t_points), numbers(u_points));
  const auto distance = [&](Motion& motion) { return numbers((motion.forward(t) - closed_form(t)).abs()); };
  picture.panel(
      {"distance from the closed form", "time t", "|u - closed form|", "set logscale y; set key bottom right"});
  picture.line("by ten points", times, distance(by_points));
  picture.line("by the equation", times, distance(by_equation));
  picture.save();
}

int main(int argc, char** argv) {
  return tutorial(argc, argv, "A network finds a damped oscillation from its equation.", run);
}
