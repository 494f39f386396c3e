// Teaches: how a network learns. A 2-3-1 network of sigmoids learns the exclusive or by plain gradient descent, written
//          twice: by tensor formulas, and with layers and an optimizer.
// Prints:  the loss as it falls, and what the network answers for the four inputs; a picture of the loss.
// Takes:   a second.
#include <xgrad/xgrad.hpp>

#include <fmt/format.h>
#include <vector>

#include "picture.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;

constexpr double learning_rate = 0.1;
constexpr double good_loss = 0.01;  // mean squared error at which the four answers are clear
constexpr int most_epochs = 200000;

struct Curve {
  std::vector<double> epochs, losses;
  void add(int epoch, double loss) {
    if (epoch % 100 == 0) {
      epochs.push_back(epoch);
      losses.push_back(loss);
    }
    if (epoch % 3000 == 0) fmt::print("  epoch {:6}  loss {:.4f}\n", epoch, loss);
  }
};

// All four answers on the right side of one half?
void check_answers(const Tensor& x, const Tensor& y, const Tensor& y_pred, int epochs) {
  fmt::print("  after {} epochs:\n", epochs);
  for (int i = 0; i < 4; ++i)
    fmt::print("  {:.0f} xor {:.0f} = {:.0f}   network: {:.3f}\n", x[i][0].item<double>(), x[i][1].item<double>(),
               y[i][0].item<double>(), y_pred[i][0].item<double>());
  expect(((y_pred > 0.5) == (y > 0.5)).all().item<bool>(), "exclusive or");
}

// 1. By tensor formulas.
Curve by_formulas(const Tensor& x, const Tensor& y) {
  // The network's parameters: weights and biases of a layer of three neurons and of a layer of one, from a random
  // start. requires_grad: the tape is to give the gradient of the loss by each of them.
  Tensor w1 = xg::randn({2, 3}, {.requires_grad = true}), b1 = xg::zeros({3}, {.requires_grad = true});
  Tensor w2 = xg::randn({3, 1}, {.requires_grad = true}), b2 = xg::zeros({1}, {.requires_grad = true});

  Curve curve;
  double loss_value = 1;
  int epoch = 0;
  for (; epoch < most_epochs && loss_value > good_loss; ++epoch) {
    // Forward: y = f(wᵀx + b) in each layer. The four inputs are the rows of x, so wᵀx of all of them is x w.
    Tensor hidden = xg::sigmoid(xg::matmul(x, w1) + b1);
    Tensor y_pred = xg::sigmoid(xg::matmul(hidden, w2) + b2);

    // Loss: the mean of the squared errors.
    Tensor loss = (y_pred - y).square().mean();

    // Backward: ∂L/∂w for every parameter w, by the chain rule over what was recorded.
    loss.backward();

    // Update: w ← w − α ∂L/∂w. The update itself is not to be recorded, and gradients add up until they are dropped.
    xg::NoGradGuard no_grad;
    for (const Tensor& w : {w1, b1, w2, b2}) {
      w.sub_(learning_rate * w.grad());
      w.zero_grad();
    }

    loss_value = loss.item<double>();
    curve.add(epoch, loss_value);
  }
  check_answers(x, y, xg::sigmoid(xg::matmul(xg::sigmoid(xg::matmul(x, w1) + b1), w2) + b2), epoch);
  return curve;
}

// 2. With layers and an optimizer: the same computation, the parameters kept by the layers, the update by the
// optimizer.
Curve by_layers(const Tensor& x, const Tensor& y) {
  nn::Sequential network(nn::Linear(2, 3), nn::Sigmoid(), nn::Linear(3, 1), nn::Sigmoid());
  xg::optim::SGD optimizer(network.parameters(), {.lr = learning_rate});

  Curve curve;
  double loss_value = 1;
  int epoch = 0;
  for (; epoch < most_epochs && loss_value > good_loss; ++epoch) {
    optimizer.zero_grad();
    Tensor loss = nn::functional::mse_loss(network(x), y);
    loss.backward();
    optimizer.step();

    loss_value = loss.item<double>();
    curve.add(epoch, loss_value);
  }
  check_answers(x, y, network(x), epoch);
  return curve;
}

void run(const Settings& settings) {
  xg::manual_seed(1);
  const Tensor x = xg::tensor({{0.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}, {1.0, 1.0}});
  const Tensor y = xg::tensor({{0.0}, {1.0}, {1.0}, {0.0}});

  fmt::print("by tensor formulas\n");
  const Curve formulas = by_formulas(x, y);
  fmt::print("with layers and an optimizer\n");
  const Curve layers = by_layers(x, y);

  Picture picture(settings.pictures / "xor.svg");
  picture.panel({"learning the exclusive or", "epoch", "mean squared error"});
  picture.line("formulas", formulas.epochs, formulas.losses);
  picture.line("layers", layers.epochs, layers.losses);
  picture.save();
}

int main(int argc, char** argv) { return tutorial(argc, argv, "A network learns the exclusive or.", run); }
