// Teaches: a layer of one's own: parameters that are trained, buffers that are not, what differs between training and
//          use; in a Sequential, checked, saved and loaded.
// Prints:  the model, the loss with and without the layer, the names in the file.
// Takes:   a second.
#include <xgrad/nn/format.hpp>
#include <xgrad/xgrad.hpp>

#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;

// Brings every feature to a mean square of one:
//
//   y = gain · x / √(m + ε),   m = the mean of x² over the batch while training, of all batches seen so far in use
//
// so that what one row gives in use does not depend on the rows beside it. x and y are [N, features].
class RMSScale : public nn::Module {
 public:
  explicit RMSScale(std::int64_t features, double momentum = 0.1) : momentum_(momentum) {
    // A parameter is trained: it is among parameters() and gets a gradient. A buffer is kept and saved, not trained.
    gain = register_parameter("gain", xg::ones({features}));
    running_square = register_buffer("running_square", xg::ones({features}));
    set_description(fmt::format("{}, momentum={}", features, momentum));
  }

  Tensor forward(const Tensor& x) {
    Tensor square = running_square;
    if (is_training()) {
      square = x.square().mean({0});  // recorded: the gradient goes through it
      // m ← (1 − momentum) m + momentum m_batch. Bookkeeping, so it is not recorded.
      xg::NoGradGuard no_grad;
      running_square.mul_(1 - momentum_).add_(momentum_ * square);
    }
    return gain * x * xg::rsqrt(square + 1e-5);
  }

  Tensor gain, running_square;

 private:
  double momentum_;
};

// Features of very different sizes, as measurements are: metres, millimetres, thousands of dollars.
std::pair<Tensor, Tensor> make_data(std::int64_t rows) {
  const Tensor x = xg::randn({rows, 3});
  const Tensor y = xg::sin(x.narrow(1, 0, 1)) + x.narrow(1, 1, 1) * x.narrow(1, 2, 1);
  return {x * xg::tensor({0.001, 1.0, 300.0}), y};
}

double train(nn::Sequential& model, int steps) {
  xg::optim::Adam optimizer(model.parameters(), {.lr = 1e-2});
  model.train();
  for (int step = 0; step < steps; ++step) {
    const auto [x, y] = make_data(64);
    optimizer.zero_grad();
    nn::functional::mse_loss(model(x), y).backward();
    optimizer.step();
  }
  model.eval();
  xg::NoGradGuard no_grad;
  const auto [x, y] = make_data(1000);
  return nn::functional::mse_loss(model(x), y).item<double>();
}

// A layer is a module like any other: a Sequential takes it, in any place.
nn::Sequential with_layer() { return nn::Sequential(RMSScale(3), nn::Linear(3, 32), nn::Tanh(), nn::Linear(32, 1)); }
nn::Sequential without_layer() { return nn::Sequential(nn::Linear(3, 32), nn::Tanh(), nn::Linear(32, 1)); }

void run(const Settings& settings) {
  // 1. Is it right? The gradients by input and parameters, in float64, in both modes.
  xg::manual_seed(1);
  RMSScale layer(3);
  layer.to(xg::float64);
  const Tensor x = xg::randn({5, 3}, {.dtype = xg::float64, .requires_grad = true});
  expect(static_cast<bool>(xg::gradcheck_module(layer, {x})), "the gradients in training");
  layer.eval();
  expect(static_cast<bool>(xg::gradcheck_module(layer, {x})), "the gradients in use");

  // 2. Does it help?
  const int steps = settings.run_short ? 500 : 2000;
  nn::Sequential model = with_layer(), plain = without_layer();
  fmt::print("{}\n", model);
  const double loss = train(model, steps), plain_loss = train(plain, steps);
  fmt::print("mean squared error with the layer {:.3f}, without {:.3f}\n", loss, plain_loss);
  expect(loss < 0.3 && plain_loss > 2 * loss, "the layer helps");

  // 3. In use, a row's answer does not depend on the rows beside it; in training it does.
  const Tensor rows = make_data(8).first;
  auto difference = [&] { return (model(rows)[0] - model(rows.narrow(0, 0, 1))[0]).abs().max().item<double>(); };
  expect(difference() < 1e-5, "one answer per row");
  model.train();
  expect(difference() > 1e-3, "the batch counts in training");
  model.eval();

  // 4. To a file and back. Parameters and buffers have the layer's place in the Sequential before their names.
  const std::string path = "custom_layer.safetensors";
  xg::save(model.state_dict(), path);
  nn::Sequential copy = with_layer();
  copy.load_state_dict(xg::load(path));
  copy.eval();
  for (const auto& [name, tensor] : xg::load(path)) fmt::print("{:<18} {}\n", name, xg::to_string(tensor.sizes()));
  expect(xg::equal(copy(rows), model(rows)), "the copy answers the same, to the last bit");
  std::filesystem::remove(path);

  // A file of another model is refused, and nothing is changed.
  try {
    plain.load_state_dict(model.state_dict());
    expect(false, "refusing");
  } catch (const xg::ValueError& error) {
    const std::string message = error.what();
    fmt::print("refused: {}\n", message.substr(0, message.rfind(" at ")));  // the rest is the line of the call
  }
}

int main(int argc, char** argv) { return tutorial(argc, argv, "A layer of one's own.", run); }
