// Teaches: the functions between layers and their gradients; squared error and cross-entropy, and why a sigmoid learns
//          faster by cross-entropy.
// Prints:  gradients of four functions, both losses and their gradients by the logit, how long a neuron takes to get
// out
//          of a wrong start with either; pictures of both.
// Takes:   a second.
#include <xgrad/xgrad.hpp>

#include <fmt/format.h>
#include <string>
#include <vector>

#include "picture.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;

// A function of each element, and its derivative as a formula.
struct Activation {
  std::string name;
  Tensor (*f)(const Tensor& z);
  Tensor (*derivative)(const Tensor& z);
};

const std::vector<Activation> activations{
    // f(z) = z, f'(z) = 1
    {"linear", [](const Tensor& z) { return z; }, [](const Tensor& z) { return xg::ones_like(z); }},
    // f(z) = σ(z) = 1 / (1 + e⁻ᶻ), f'(z) = σ(z) (1 − σ(z))
    {"sigmoid", [](const Tensor& z) { return xg::sigmoid(z); },
     [](const Tensor& z) { return 1 / (1 + xg::exp(-z)) * (1 - 1 / (1 + xg::exp(-z))); }},
    // f(z) = (eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ), f'(z) = 1 − tanh²(z)
    {"tanh", [](const Tensor& z) { return xg::tanh(z); },
     [](const Tensor& z) { return 1 - ((xg::exp(z) - xg::exp(-z)) / (xg::exp(z) + xg::exp(-z))).square(); }},
    // f(z) = max(0, z), f'(z) = 1 where z > 0, else 0 (at 0 itself it is a choice)
    {"ReLU", [](const Tensor& z) { return xg::relu(z); }, [](const Tensor& z) { return (z > 0).to(z.dtype()); }}};

void compare_activations(const Settings& settings) {
  fmt::print("function   f(-4)  f'(-4)    f(0)   f'(0)    f(4)   f'(4)\n");
  xg::TensorList curves;
  for (const auto& [name, f, derivative] : activations) {
    Tensor z = (xg::arange(-100, 101).to(xg::float64) / 25).requires_grad_();
    Tensor y = f(z);
    // Every y depends on its own z alone, so the gradient of their sum has the derivatives f'(z) of all of them.
    y.sum().backward();
    expect(xg::allclose(z.grad(), derivative(z.detach()), {.atol = 1e-12}), "the derivative of " + name);

    fmt::print("{:8}", name);
    for (const int i : {0, 100, 200}) fmt::print("{:8.4f}{:8.4f}", y[i].item<double>(), z.grad()[i].item<double>());
    fmt::print("\n");
    curves.insert(curves.end(), {z, y, z.grad()});
  }
  Picture picture(settings.pictures / "activations.svg");
  for (const std::size_t part : {1, 2}) {
    picture.panel({part == 1 ? "function" : "gradient", "z", part == 1 ? "f(z)" : "derivative of f at z",
                   part == 1 ? "set key top left\nset yrange [-2:4]" : "set key top left\nset yrange [-0.2:1.8]"});
    for (std::size_t i = 0; i < activations.size(); ++i)
      picture.line(activations[i].name, curves[3 * i].to_vector<double>(), curves[3 * i + part].to_vector<double>());
  }
  picture.save();
}

// The same predictions σ(z), judged by both losses; the right answer is y = 1.
void compare_losses() {
  Tensor z = xg::tensor({-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor y = xg::ones_like(z);
  Tensor y_pred = xg::sigmoid(z);
  Tensor mse = nn::functional::mse_loss(y_pred, y, {.reduction = nn::Reduction::none});              // (y_pred − y)²
  Tensor bce = nn::functional::binary_cross_entropy(y_pred, y, {.reduction = nn::Reduction::none});  // −log y_pred
  const Tensor dmse = xg::grad({mse.sum()}, {z}, {.retain_graph = true})[0], dbce = xg::grad({bce.sum()}, {z})[0];

  // dMSE/dz = 2 (y_pred − y) σ'(z): small where the sigmoid is flat, however wrong the answer.
  expect(xg::allclose(dmse, 2 * (y_pred - y) * y_pred * (1 - y_pred)), "the gradient of the squared error");
  // dBCE/dz = y_pred − y: the logarithm's derivative 1 / y_pred takes σ' away.
  expect(xg::allclose(dbce, y_pred - y), "the gradient of the cross-entropy");

  fmt::print("right answer 1\n  logit  prediction   sq. error  gradient   cross-entropy  gradient\n");
  for (int i = 0; i < z.numel(); ++i)
    fmt::print("{:7.0f}{:12.4f}{:12.4f}{:10.4f}{:16.4f}{:10.4f}\n", z[i].item<double>(), y_pred[i].item<double>(),
               mse[i].item<double>(), dmse[i].item<double>(), bce[i].item<double>(), dbce[i].item<double>());
}

// Several classes: softmax turns their logits into probabilities, and cross-entropy is −log of the right class's.
void several_classes() {
  Tensor logits = xg::tensor({{2.0, -1.0, 0.5}}, {.dtype = xg::float64, .requires_grad = true});
  const Tensor right = xg::tensor({1});
  const Tensor gradient = xg::grad({nn::functional::cross_entropy(logits, right)}, {logits})[0];
  // Again the prediction less the answer: softmax(z) − (0, 1, 0).
  expect(xg::allclose(gradient, xg::softmax(logits, 1) - xg::one_hot(right, 3)), "the gradient of softmax");
  fmt::print("three classes, the second is right: gradient {:.3f}\n", fmt::join(gradient.to_vector<double>(), "  "));
}

struct Run {
  std::vector<double> epochs, distances, accuracies;
  int needed = 0;  // epochs until nine of ten answers were right
};

// Trains one neuron on two clouds of points from weights that point the wrong way.
Run unlearn(double start, bool cross_entropy, const Tensor& x, const Tensor& y, int epochs) {
  nn::Linear neuron(2, 1);
  nn::init::constant_(neuron.weight, start);
  nn::init::zeros_(neuron.bias);
  xg::optim::SGD optimizer(neuron.parameters(), {.lr = 0.1});
  Run run;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    optimizer.zero_grad();
    Tensor z = neuron(x), y_pred = xg::sigmoid(z);
    // Of the logits: where the sigmoid is 0 to the last bit, its logarithm would be lost.
    Tensor loss =
        cross_entropy ? nn::functional::binary_cross_entropy_with_logits(z, y) : nn::functional::mse_loss(y_pred, y);
    loss.backward();
    optimizer.step();

    const double accuracy = ((y_pred > 0.5) == (y > 0.5)).to(xg::float32).mean().item<double>();
    run.epochs.push_back(epoch);
    run.distances.push_back((y_pred - y).abs().mean().item<double>());
    run.accuracies.push_back(accuracy);
    if (run.needed == 0 && accuracy >= 0.9) run.needed = epoch;
  }
  return run;
}

void compare_learning(const Settings& settings) {
  // 100 points around (1.5, 1.5), whose answer is 1, and 100 around (-1.5, -1.5), whose answer is 0.
  const Tensor y = (xg::arange(200) < 100).to(xg::float32).unsqueeze(1);
  const Tensor x = xg::randn({200, 2}) + 3 * (y - 0.5);

  fmt::print("epochs until 9 of 10 answers are right\n  both weights at first  squared error  cross-entropy\n");
  Picture picture(settings.pictures / "losses.svg");
  for (const double start : {-1, -2, -3}) {
    const int epochs = 3000;
    const Run mse = unlearn(start, false, x, y, epochs), bce = unlearn(start, true, x, y, epochs);
    fmt::print("{:23.0f}{:15}{:15}\n", start, mse.needed, bce.needed);
    expect(bce.needed > 0 && mse.needed > 3 * bce.needed, "that cross-entropy learns faster");
    if (start != -2) continue;
    picture.panel(
        {"both weights -2 at first", "epoch", "mean distance of prediction and answer", "set xrange [0:600]"});
    picture.line("squared error", mse.epochs, mse.distances);
    picture.line("cross-entropy", bce.epochs, bce.distances);
    picture.panel(
        {"how often right", "epoch", "accuracy", "set xrange [0:600]\nset yrange [0:1.1]\nset key bottom right"});
    picture.line("squared error", mse.epochs, mse.accuracies);
    picture.line("cross-entropy", bce.epochs, bce.accuracies);
  }
  picture.save();
}

void run(const Settings& settings) {
  xg::manual_seed(1);
  compare_activations(settings);
  compare_losses();
  several_classes();
  compare_learning(settings);
}

int main(int argc, char** argv) { return tutorial(argc, argv, "Activations, losses and their gradients.", run); }
