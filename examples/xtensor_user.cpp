// Teaches: how a program written on xtensor keeps its arrays and gains gradients. A pendulum's swing was measured; its
//          length and friction are found by descent, with the gradient of a simulation of 400 steps.
// Prints:  the gradient beside central differences of the program as it was, and the parameters as they are found.
// Takes:   two seconds.
#include <xgrad/xgrad.hpp>
#include <xgrad/xtensor.hpp>

#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xview.hpp>

#include "picture.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
using xg::Tensor;

constexpr int steps = 400;
constexpr double dt = 0.02, gravity = 9.81;

// ---- The program as it was: a batch of pendulums let go at different angles, on xtensor alone.

// Angles of all pendulums at all times, [steps, batch], for a length and a friction: θ″ = −(g / length) sin θ −
// friction θ′.
xt::xarray<double> simulate(const xt::xarray<double>& angles, double length, double friction) {
  xt::xarray<double> theta = angles, omega = xt::zeros_like(angles);
  xt::xarray<double> history = xt::empty<double>({std::size_t{steps}, angles.size()});
  for (int step = 0; step < steps; ++step) {
    omega += dt * (-gravity / length * xt::sin(theta) - friction * omega);
    theta += dt * omega;
    xt::view(history, step, xt::all()) = theta;
  }
  return history;
}

double misfit(const xt::xarray<double>& angles, const xt::xarray<double>& measured, double length, double friction) {
  return xt::mean(xt::square(simulate(angles, length, friction) - measured))();
}

// ---- What it gains: the same formulas once more, on tensors. What is to be differentiated by is a tensor, too.

Tensor simulate(const Tensor& angles, const Tensor& length, const Tensor& friction) {
  Tensor theta = angles, omega = xg::zeros_like(angles);
  xg::TensorList history;
  for (int step = 0; step < steps; ++step) {
    omega = omega + dt * (-gravity / length * xg::sin(theta) - friction * omega);
    theta = theta + dt * omega;
    history.push_back(theta);
  }
  return xg::stack(history);
}

void run(const Settings& settings) {
  xt::random::seed(1);
  const xt::xarray<double> angles{0.2, 0.8, 1.4, 2.0};
  const double true_length = 1.2, true_friction = 0.15;
  const xt::xarray<double> clean = simulate(angles, true_length, true_friction);
  const xt::xarray<double> measured = clean + 0.02 * xt::random::randn<double>({std::size_t{steps}, angles.size()});

  // In: any xtensor expression, evaluated once into the tensor's own memory. The element type stays: double is float64.
  const Tensor start = xg::from_xtensor(angles), target = xg::from_xtensor(measured);
  const Tensor degrees = xg::from_xtensor(angles * 180.0 / M_PI);
  expect(start.dtype() == xg::float64 && target.sizes() == xg::Shape{steps, 4}, "arrays in");
  fmt::print("let go at {:.0f} degrees\n", fmt::join(degrees.to_vector<double>(), ", "));

  // The gradient of the whole simulation, beside central differences of the program as it was.
  auto loss_of = [&](const Tensor& length, const Tensor& friction) {
    return (simulate(start, length, friction) - target).square().mean();
  };
  const Tensor length = xg::tensor(1.0, {.dtype = xg::float64, .requires_grad = true});
  const Tensor friction = xg::tensor(0.3, {.dtype = xg::float64, .requires_grad = true});
  const xg::TensorList gradient = xg::grad({loss_of(length, friction)}, {length, friction});
  const double h = 1e-6;
  const double by_length = (misfit(angles, measured, 1.0 + h, 0.3) - misfit(angles, measured, 1.0 - h, 0.3)) / (2 * h);
  const double by_friction =
      (misfit(angles, measured, 1.0, 0.3 + h) - misfit(angles, measured, 1.0, 0.3 - h)) / (2 * h);
  fmt::print("gradient by length {:.6f} (differences {:.6f}), by friction {:.6f} ({:.6f})\n",
             gradient[0].item<double>(), by_length, gradient[1].item<double>(), by_friction);
  expect(std::abs(gradient[0].item<double>() - by_length) < 1e-6 &&
             std::abs(gradient[1].item<double>() - by_friction) < 1e-6,
         "the program's gradient");

  // Descent. Each step costs one simulation and one backward pass, for any number of parameters.
  xg::optim::Adam optimizer({length, friction}, {.lr = 0.02});
  const int epochs = settings.run_short ? 150 : 300;
  for (int epoch = 0; epoch <= epochs; ++epoch) {
    optimizer.zero_grad();
    const Tensor loss = loss_of(length, friction);
    if (epoch % (epochs / 3) == 0)
      fmt::print("epoch {:3}  length {:.4f}  friction {:.4f}  misfit {:.6f}\n", epoch, length.item<double>(),
                 friction.item<double>(), loss.item<double>());
    loss.backward();
    optimizer.step();
  }
  expect(std::abs(length.item<double>() - true_length) < 0.02, "the length");
  expect(std::abs(friction.item<double>() - true_friction) < 0.02, "the friction");

  // Out: an adaptor over the tensor's memory, without a copy, which goes on in xtensor expressions. It keeps the tensor
  // alive, so that one made from a temporary is safe. Its element type must be the tensor's.
  const Tensor fitted = simulate(start, length.detach(), friction.detach());
  auto view = xg::as_xtensor<double>(fitted);
  expect(&view(0, 0) == fitted.data<double>(), "arrays out, without a copy");
  const double worst = xt::amax(xt::abs(view - clean))();
  fmt::print("largest distance from the clean swing: {:.4f} rad\n", worst);
  expect(worst < 0.1, "the swing");

  Picture picture(settings.pictures / "xtensor_user.svg");
  picture.panel({"the pendulum let go at 115 degrees", "time (s)", "angle (rad)"});
  const Tensor times = dt * xg::arange(1.0, steps + 1.0);
  picture.points("measured", times.to_vector<double>(), target.select(1, 3).to_vector<double>());
  picture.line("found", times.to_vector<double>(), fitted.select(1, 3).to_vector<double>());
  const Tensor first =
      simulate(start, xg::tensor(1.0, {.dtype = xg::float64}), xg::tensor(0.3, {.dtype = xg::float64}));
  picture.line("at the start", times.to_vector<double>(), first.select(1, 3).to_vector<double>());
  picture.save();
}

int main(int argc, char** argv) { return tutorial(argc, argv, "An xtensor program that gains gradients.", run); }
