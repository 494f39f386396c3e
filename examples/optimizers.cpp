// Teaches: ways to go down: gradient descent, mini-batches, momentum, RMSprop, Adam, and a learning rate that decays.
// Prints:  the best of a row of learning rates for each of them, and how far it gets by it, in Rosenbrock's valley and
//          with a small network; pictures of the paths and of the losses.
// Takes:   ten seconds.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <vector>

#include "picture.hpp"
#include "progress.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace optim = xgrad::optim;
using xg::Tensor;
using xg::TensorList;
using Optimizer = std::unique_ptr<optim::Optimizer>;

// The updates of every parameter w, with its gradient g = ∂L/∂w and the rate α, element by element. To each root a
// small ε is added, against dividing by zero.
Optimizer gradient_descent(const TensorList& parameters, double rate) {
  // w ← w − α g
  return std::make_unique<optim::SGD>(parameters, optim::SGDOptions{.lr = rate});
}
Optimizer momentum(const TensorList& parameters, double rate) {
  // b ← 0.9 b + g
  // w ← w − α b
  return std::make_unique<optim::SGD>(parameters, optim::SGDOptions{.lr = rate, .momentum = 0.9});
}
Optimizer rmsprop(const TensorList& parameters, double rate) {
  // s ← 0.99 s + 0.01 g²
  // w ← w − α g / √s
  return std::make_unique<optim::RMSprop>(parameters, optim::RMSpropOptions{.lr = rate, .alpha = 0.99});
}
Optimizer adam(const TensorList& parameters, double rate) {
  // m ← 0.9 m + 0.1 g
  // v ← 0.999 v + 0.001 g²
  // w ← w − α m̂ / √v̂,  with m̂ = m / (1 − 0.9ᵗ) and v̂ = v / (1 − 0.999ᵗ) at step t
  return std::make_unique<optim::Adam>(parameters, optim::AdamOptions{.lr = rate, .betas = {0.9, 0.999}});
}

struct Method {
  std::string name;
  Optimizer (*make)(const TensorList& parameters, double rate);
  bool decays = false;
  std::int64_t batch_size = 32;
};

struct Path {
  double rate = 0;
  std::vector<double> steps = {}, losses = {}, x = {}, y = {};
  // The mean loss of the last tenth, since one alone may be good by chance. NaN where the rate was too large.
  double end() const { return xg::tensor(losses).chunk(10).back().mean().item<double>(); }
};

// Decay: α ← γ α after each step, or epoch, of n, so that the rate goes down to a hundredth.
double decay(const Method& method, int n) { return method.decays ? std::pow(0.01, 1.0 / n) : 1; }

// Down the valley f(x, y) = (1 − x)² + 100 (y − x²)², whose lowest point is (1, 1).
Path through_valley(const Method& method, double rate, int steps) {
  Tensor point = xg::tensor({-1.2, 1.0}, {.dtype = xg::float64, .requires_grad = true});
  const Optimizer optimizer = method.make({point}, rate);
  optim::ExponentialLR schedule(*optimizer, decay(method, steps));
  Path path{.rate = rate};
  for (int step = 0; step < steps; ++step) {
    optimizer->zero_grad();
    Tensor x = point[0], y = point[1];
    Tensor f = (1 - x).square() + 100 * (y - x.square()).square();
    f.backward();
    path.x.push_back(x.item<double>());
    path.y.push_back(y.item<double>());
    path.steps.push_back(step);
    path.losses.push_back(f.item<double>());
    optimizer->step();
    schedule.step();
  }
  return path;
}

// A network learns sin 3x from 256 points of it.
Path with_network(const Method& method, double rate, int epochs) {
  xg::manual_seed(1);  // the same points and the same start for all
  const Tensor x = xg::rand({256, 1}) * 2 - 1, y = xg::sin(3 * x);
  nn::Sequential network(nn::Linear(1, 20), nn::Tanh(), nn::Linear(20, 20), nn::Tanh(), nn::Linear(20, 1));
  const Optimizer optimizer = method.make(network.parameters(), rate);
  optim::ExponentialLR schedule(*optimizer, decay(method, epochs));
  xg::data::DataLoader loader(xg::data::TensorDataset({x, y}), {.batch_size = method.batch_size, .shuffle = true});
  Path path{.rate = rate};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    for (const auto& [some_x, some_y] : loader) {
      optimizer->zero_grad();
      nn::functional::mse_loss(network(some_x), some_y).backward();
      optimizer->step();
    }
    schedule.step();
    xg::NoGradGuard no_grad;
    path.steps.push_back(epoch + 1);
    path.losses.push_back(nn::functional::mse_loss(network(x), y).item<double>());
  }
  return path;
}

// Each method goes with the rate that takes it furthest down, so that none is judged by a rate that suits another. The
// first rate is small enough for all.
std::vector<Path> compare(const std::string& title, const std::vector<Method>& methods,
                          Path (*go)(const Method&, double, int), int steps, const std::vector<double>& rates) {
  ProgressBar bar(title, static_cast<std::int64_t>(methods.size() * rates.size()));
  std::int64_t done = 0;
  std::vector<Path> best(methods.size());
  for (std::size_t i = 0; i < methods.size(); ++i)
    for (const double rate : rates) {
      Path path = go(methods[i], rate, steps);
      if (best[i].losses.empty() || path.end() < best[i].end()) best[i] = std::move(path);
      bar.update(++done, methods[i].name);
    }
  for (std::size_t i = 0; i < methods.size(); ++i)
    fmt::print("  {:18} rate {:<7} {:.1e} over the last tenth\n", methods[i].name, best[i].rate, best[i].end());
  return best;
}

// The level line f = c: (1 − x)² + 100 (y − x²)² = c, so 1 − x = √c cos t and 10 (y − x²) = √c sin t.
void draw_level_lines(Picture& picture) {
  for (const double c : {1.0, 5.0, 25.0, 100.0, 400.0}) {
    const Tensor t = xg::linspace(0, 6.2832, 401), x = 1 - std::sqrt(c) * xg::cos(t);
    const Tensor y = x.square() + std::sqrt(c) / 10 * xg::sin(t);
    picture.level_line(x.to_vector<double>(), y.to_vector<double>());
  }
}

void run(const Settings& settings) {
  std::vector<double> rates{0.001, 0.01, 0.1};
  if (!settings.run_short) rates = {1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};
  std::vector<Method> methods{{"gradient descent", gradient_descent},
                              {"momentum", momentum},
                              {"RMSprop", rmsprop},
                              {"Adam", adam},
                              {"RMSprop, decaying", rmsprop, true}};
  std::vector<Path> paths = compare("valley", methods, through_valley, settings.run_short ? 1000 : 2000, rates);
  for (const std::size_t i : {1, 3}) expect(paths[i].end() < paths[0].end() / 10, methods[i].name + " in the valley");
  Picture valley(settings.pictures / "optimizers_valley.svg");
  valley.panel({"paths", "x", "y", "set xrange [-1.6:1.6]\nset yrange [-0.8:2]\nset key top center"});
  draw_level_lines(valley);
  for (const std::size_t i : {0, 1, 2, 3}) valley.line(methods[i].name, paths[i].x, paths[i].y);
  valley.points("lowest point", {1}, {1});
  valley.panel({"height", "step", "f", "set logscale y\nset format y '%.0e'\nset xtics 500\nset yrange [1e-14:1e8]"});
  for (std::size_t i = 0; i < paths.size(); ++i) valley.line(methods[i].name, paths[i].steps, paths[i].losses);
  valley.save();

  methods[0].batch_size = 256;
  methods.push_back({"mini-batches", gradient_descent});
  paths = compare("network", methods, with_network, 200, rates);
  expect(paths[5].end() < paths[0].end(), "mini-batches");
  for (const std::size_t i : {1, 2, 3})
    expect(paths[i].end() < paths[5].end() / 2, methods[i].name + " with the network");
  expect(paths[4].end() < paths[2].end() / 2, "a rate that decays");
  Picture network(settings.pictures / "optimizers_network.svg");
  network.panel({"a network learns a sine", "epoch", "mean squared error",
                 "set logscale y\nset format y '%g'\nset yrange [1e-5:100]"});
  for (std::size_t i = 0; i < paths.size(); ++i) network.line(methods[i].name, paths[i].steps, paths[i].losses);
  network.save();
}

int main(int argc, char** argv) { return tutorial(argc, argv, "Ways to go down.", run); }
