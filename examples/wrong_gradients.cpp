// Teaches: why gradients are not derived by hand. Two backward passes as they stand in many tutorials are held against
//          central differences: shapes, values, and sums over the batch are wrong. The tape's gradient is right.
// Prints:  the shapes, what the gradient check says of every parameter, how training goes with either; a picture.
// Takes:   a second.
#include <xgrad/xgrad.hpp>

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "picture.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
using xg::matmul;
using xg::sigmoid;
using xg::Tensor;
using xg::TensorList;

// (a) The network of the exclusive or, its first layer without biases for brevity. The loss is half the sum of the
// squared errors, so that no factor is to blame.
struct Xor {
  static constexpr const char* names[] = {"w1", "w2", "b2"};
  static std::pair<Tensor, Tensor> forward(const TensorList& w, const Tensor& x) {
    const Tensor h1 = sigmoid(matmul(x, w[0]));
    return {h1, sigmoid(matmul(h1, w[1]) + w[2])};
  }
  static Tensor loss(const TensorList& w, const Tensor& x, const Tensor& y) {
    return 0.5 * (forward(w, x).second - y).square().sum();
  }

  // As it stands, by the i-th parameter. s(z)(1 - s(z)) is the sigmoid's derivative at z; but h1 and y_pred are no z,
  // they are s(z) already.
  static Tensor as_it_stands(std::size_t i, const TensorList& w, const Tensor& x, const Tensor& y) {
    const auto [h1, y_pred] = forward(w, x);
    const Tensor grad_w2 = (y_pred - y) * sigmoid(y_pred) * (1 - sigmoid(y_pred)), grad_b2 = y_pred - y;
    if (i == 0) return matmul(h1.transpose(0, 1), grad_w2) * sigmoid(h1) * (1 - sigmoid(h1));
    return i == 1 ? grad_w2 : grad_b2;
  }

  // The same with the shapes put right in its favour: what every example gives is summed, and what has one value for
  // several weights is given to each.
  static TensorList by_hand(const TensorList& w, const Tensor& x, const Tensor& y) {
    const auto [h1, y_pred] = forward(w, x);
    const Tensor error = y_pred - y, grad_w2 = error * sigmoid(y_pred) * (1 - sigmoid(y_pred));
    const Tensor grad_w1 = h1 * grad_w2 * sigmoid(h1) * (1 - sigmoid(h1));
    return {grad_w1.sum({0}).expand({2, 3}), grad_w2.sum().expand({3, 1}), error.sum({0})};
  }
};

// (b) A regression by a network of ReLUs without biases, three inputs and three hidden neurons; the sum of the squares.
struct Regression {
  static constexpr const char* names[] = {"W1", "W2"};
  static Tensor hidden(const TensorList& w, const Tensor& x) { return xg::relu(matmul(x, w[0])); }
  static Tensor loss(const TensorList& w, const Tensor& x, const Tensor& y) {
    return (y - matmul(hidden(w, x), w[1])).square().sum();
  }

  static Tensor as_it_stands(std::size_t i, const TensorList& w, const Tensor& x, const Tensor& y) {
    const Tensor h = hidden(w, x), y_pred = matmul(h, w[1]);
    if (i == 0) return 2 * (y - y_pred) * matmul(h.transpose(0, 1), w[1].transpose(0, 1));
    return 2 * (y - y_pred) * h;
  }

  // Summed over the examples, dW2 as the column that W2 is.
  static TensorList by_hand(const TensorList& w, const Tensor& x, const Tensor& y) {
    const Tensor h = hidden(w, x), dW2 = matmul(h.transpose(0, 1), 2 * (y - matmul(h, w[1])));
    return {matmul(dW2, w[1].transpose(0, 1)), dW2};
  }
};

// The loss of a network as an operation whose backward is the one written by hand.
template <class Network>
struct ByHand : xg::Function<ByHand<Network>> {
  static Tensor forward(xg::Context& context, const TensorList& w, const Tensor& x, const Tensor& y) {
    TensorList saved = w;
    saved.insert(saved.end(), {x, y});
    context.save_for_backward(saved);
    return Network::loss(w, x, y);
  }
  static TensorList backward(xg::Context& context, const TensorList& grad_outputs) {
    const TensorList saved = context.saved_tensors(), w(saved.begin(), saved.end() - 2);
    TensorList gradients = Network::by_hand(w, saved.end()[-2], saved.end()[-1]);
    for (Tensor& gradient : gradients) gradient = gradient * grad_outputs[0];
    gradients.resize(saved.size());  // none for x and y
    return gradients;
  }
};
template <class Network>
Tensor by_hand(const TensorList& w, const Tensor& x, const Tensor& y) {
  return ByHand<Network>::apply(w, x, y);
}

template <class Network>
void compare_shapes(const TensorList& w, const Tensor& x, const Tensor& y) {
  fmt::print("  parameter  shape   by hand, of one example and of {}\n", x.size(0));
  for (std::size_t i = 0; i < w.size(); ++i) {
    fmt::print("  {:<10} {:<7}", Network::names[i], xg::to_string(w[i].sizes()));
    for (const std::int64_t n : {std::int64_t{1}, x.size(0)}) try {
        const Tensor gradient = Network::as_it_stands(i, w, x.narrow(0, 0, n), y.narrow(0, 0, n));
        fmt::print(" {:<7}", xg::to_string(gradient.sizes()));
      } catch (const xg::ShapeError&) {
        fmt::print(" shapes do not fit");
      }
    fmt::print("\n");
  }
}

// Checks the gradient by one parameter at a time, the tape's and the one by hand, against central differences.
template <class Network>
void check_gradients(const TensorList& w, const Tensor& x, const Tensor& y) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    auto check = [&](auto loss) {
      auto of_one = [&](const Tensor& parameter) {
        TensorList changed = w;
        changed[i] = parameter;
        return loss(changed, x, y);
      };
      return xg::gradcheck(of_one, {w[i].clone().requires_grad_()});
    };
    const xg::CheckResult tape = check(Network::loss), hand = check(by_hand<Network>);
    fmt::print("  {}  tape {};  by hand {}\n", Network::names[i], tape.message(),
               hand.message().substr(hand.message().find("analytical")));
    expect(tape && !hand, "the tape's gradient is right, the one by hand is wrong");
  }
}

// Gradient descent from a copy of the weights, until the loss is out of bounds. Draws the losses; returns the last.
template <class Loss>
double train(Picture& picture, const char* name, const Loss& loss_function, const TensorList& start, const Tensor& x,
             const Tensor& y, xg::optim::SGDOptions options, int most_steps) {
  TensorList w;
  for (const Tensor& parameter : start) w.push_back(parameter.clone().requires_grad_());
  xg::optim::SGD optimizer(w, options);
  std::vector<double> steps, losses;
  for (int step = 0; step < most_steps && (losses.empty() || losses.back() < 1e6); ++step) {
    optimizer.zero_grad();
    const Tensor loss = loss_function(w, x, y);
    loss.backward();
    optimizer.step();
    steps.push_back(step);
    losses.push_back(loss.item<double>());
  }
  fmt::print("  {:<21} loss {:.3g} after {} steps\n", name, losses.back(), losses.size());
  picture.line(name, steps, losses);
  return losses.back();
}

void run(const Settings& settings) {
  xg::set_default_dtype(xg::float64);
  xg::manual_seed(3);
  Picture picture(settings.pictures / "wrong_gradients.svg");

  fmt::print("(a) the exclusive or\n");
  const Tensor x = xg::tensor({{0.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}, {1.0, 1.0}});
  const Tensor y = xg::tensor({{0.0}, {1.0}, {1.0}, {0.0}});
  const TensorList w{xg::randn({2, 3}), xg::randn({3, 1}), xg::zeros({1})};
  compare_shapes<Xor>(w, x, y);
  check_gradients<Xor>(w, x, y);
  picture.panel({"(a) exclusive or", "step", "loss", "set yrange [0:0.8]"});
  const double xor_tape = train(picture, "tape", Xor::loss, w, x, y, {.lr = 0.1}, 15000);
  const double xor_hand = train(picture, "by hand", by_hand<Xor>, w, x, y, {.lr = 0.1}, 15000);
  expect(xor_tape < 0.1 && xor_hand > 0.4, "the exclusive or by the tape, and not by hand");

  // What is to be learned was made by a network of the same kind, so that the loss can go to zero.
  fmt::print("(b) a regression\n");
  const TensorList teacher{xg::randn({3, 3}), xg::randn({3, 1})}, v{xg::randn({3, 3}), xg::randn({3, 1})};
  const Tensor inputs = xg::randn({64, 3}), outputs = matmul(Regression::hidden(teacher, inputs), teacher[1]);
  compare_shapes<Regression>(v, inputs, outputs);
  check_gradients<Regression>(v, inputs, outputs);
  picture.panel({"(b) regression", "step", "loss", "set logscale y\nset yrange [*:1e6]\nset xrange [-20:*]"});
  const double tape = train(picture, "tape", Regression::loss, v, inputs, outputs, {.lr = 1e-3}, 1000);
  const double hand = train(picture, "by hand", by_hand<Regression>, v, inputs, outputs, {.lr = 1e-3}, 1000);
  const double turned = train(picture, "by hand, sign turned", by_hand<Regression>, v, inputs, outputs,
                              {.lr = 1e-3, .maximize = true}, 1000);
  expect(tape < 1 && hand > 1e6 && turned > 5, "the regression by the tape, and not by hand");
  picture.save();
}

int main(int argc, char** argv) { return tutorial(argc, argv, "Gradients by hand and by the tape.", run); }
