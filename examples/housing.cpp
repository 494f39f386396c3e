// Teaches: a regression on real data: splitting, standardising, mini-batches, the error on rows that were not seen,
//          cross-validation, overfitting, and what L2 and dropout do against it.
// Prints:  mean squared errors in (thousand dollars)^2; pictures of the learning, the predictions and the overfitting.
// Takes:   ten seconds.
#include <xgrad/xgrad.hpp>

#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

#include "picture.hpp"
#include "progress.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;

constexpr std::uint64_t seed = 4;
constexpr int folds = 5;
constexpr int points = 50;  // of each curve

// Rows of the table: 12 numbers of each tract, [n, 12], and its price in thousand dollars, [n, 1].
struct Rows {
  Tensor x, y;
};

nn::Sequential make_small_network() { return nn::Sequential(nn::Linear(12, 10), nn::ReLU(), nn::Linear(10, 1)); }

// Dropout: while training, each neuron is set to 0 with probability p, or else divided by 1 - p.
nn::Sequential make_large_network(double p) {
  return nn::Sequential(nn::Linear(12, 100), nn::ReLU(), nn::Dropout(p), nn::Linear(100, 100), nn::ReLU(),
                        nn::Dropout(p), nn::Linear(100, 1));
}

// The mean squared error of a network in use: nothing is dropped, nothing recorded.
float error(nn::Sequential& network, const Rows& rows) {
  xg::NoGradGuard no_grad;
  network.eval();
  const float mse = nn::functional::mse_loss(network(rows.x), rows.y).item<float>();
  network.train();
  return mse;
}

// Learns from parts[0]. Returns a curve: rows of epoch, error on parts[0], error on parts[1], ...
Tensor train(nn::Sequential& network, const std::vector<Rows>& parts, int epochs, double l2 = 0) {
  xg::optim::Adam optimizer(network.parameters(), {.lr = 0.003});
  xg::TensorList weights;  // all parameters but the biases
  for (const Tensor& parameter : network.parameters())
    if (parameter.dim() == 2) weights.push_back(parameter);

  // Mini-batches: 32 rows at a time, in every epoch in a new order.
  xg::data::DataLoader loader(xg::data::TensorDataset({parts[0].x, parts[0].y}),
                              {.batch_size = 32, .shuffle = true, .seed = seed});
  std::vector<float> curve;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    for (const auto& [x, y] : loader) {
      optimizer.zero_grad();
      // L = (1/n) Σ (y_pred − y)² + λ Σ w²
      Tensor loss = nn::functional::mse_loss(network(x), y) + nn::l2_regularization(weights, l2);
      loss.backward();
      optimizer.step();
    }
    if (epoch % (epochs / points) != 0) continue;
    curve.push_back(static_cast<float>(epoch));
    for (const Rows& part : parts) curve.push_back(error(network, part));
  }
  return xg::tensor(curve).reshape({points, -1});
}
std::vector<double> column(const Tensor& curve, int i) { return curve.select(1, i).to_vector<double>(); }
double last(const Tensor& curve, int i) { return curve[-1][i].item<double>(); }

// Shifts and scales every column of x so that it has mean 0 and standard deviation 1 in the first part.
std::vector<Rows> standardise(const std::vector<Rows>& parts) {
  const Tensor mean = parts[0].x.mean({0}), deviation = parts[0].x.std({0});
  std::vector<Rows> result;
  for (const auto& [x, y] : parts) result.push_back({(x - mean) / deviation, y});
  return result;
}

// Fold i, a fifth of the rows, and the other four.
std::pair<Rows, Rows> take_fold(const Rows& rows, int i) {
  xg::TensorList x = rows.x.chunk(folds), y = rows.y.chunk(folds);
  const Rows fold{x[i], y[i]};
  x.erase(x.begin() + i);
  y.erase(y.begin() + i);
  return {fold, {xg::cat(x), xg::cat(y)}};
}

// A network of ten neurons: how well does it do on rows that it has not seen?
void learn(const Rows& training, const Rows& unseen, int epochs, Picture& picture) {
  const std::vector<Rows> parts = standardise({training, unseen});
  nn::Sequential network = make_small_network();
  const Tensor curve = train(network, parts, epochs);
  const double mean_price = (unseen.y - training.y.mean()).square().mean().item<double>();
  fmt::print("12-10-1 network, mean squared errors in (thousand dollars)^2\n  {} rows it learned from  {:5.1f}\n",
             training.y.size(0), last(curve, 1));
  fmt::print("  {} unseen rows           {:5.1f}, and {:.1f} if all are given the mean price\n", unseen.y.size(0),
             last(curve, 2), mean_price);
  expect(last(curve, 2) < 0.4 * mean_price, "prices of rows that were not seen");

  picture.panel({"learning", "epoch", "mean squared error", "set logscale y"});
  picture.line("training part", column(curve, 0), column(curve, 1));
  picture.line("unseen part", column(curve, 0), column(curve, 2));
  picture.panel({"the unseen part (thousand dollars)", "true price", "predicted price",
                 "set key bottom right\nset xrange [0:55]\nset yrange [0:55]"});
  picture.points("tracts", unseen.y.to_vector<double>(), network(parts[1].x).to_vector<double>());
  picture.line("predicted = true", {0, 55}, {0, 55});
}

// Each fold in turn is left out and predicted by a network that learned from the other four.
void cross_validate(const Rows& rows, int epochs) {
  std::vector<double> errors;
  for (int i = 0; i < folds; ++i) {
    const auto [fold, others] = take_fold(rows, i);
    nn::Sequential network = make_small_network();
    errors.push_back(last(train(network, standardise({others, fold}), epochs), 2));
  }
  const Tensor e = xg::tensor(errors);
  fmt::print("  cross-validation          {:.1f}: mean {:.1f}, standard deviation {:.1f}\n", fmt::join(errors, ", "),
             e.mean().item<double>(), e.std().item<double>());
}

struct Remedy {
  std::string name;
  double l2 = 0, dropout = 0;
  Tensor curve = xg::zeros({points, 4});
};

// Ten thousand weights and only one fold to learn from, each in turn. λ and p are those of 0.1, 0.3, 1 and of 0.2, 0.3,
// 0.5 that did best on the other folds; the rows put aside had no part in that choice.
void compare_remedies(const Rows& rows, const Rows& aside, int epochs, Picture& picture) {
  std::vector<Remedy> remedies{{"neither"}, {"L2, λ = 0.3", 0.3}, {"dropout, p = 0.5", 0, 0.5}};
  ProgressBar bar("12-100-100-1 network", 3 * folds);
  std::int64_t done = 0;
  for (auto& [name, l2, dropout, curve] : remedies)
    for (int i = 0; i < folds; ++i) {
      const auto [fold, others] = take_fold(rows, i);
      nn::Sequential network = make_large_network(dropout);
      curve += train(network, standardise({fold, others, aside}), epochs, l2) / folds;
      bar.update(++done, "learning from one fold");
    }
  fmt::print("                     that fold  other folds  put aside\n");
  for (const auto& [name, l2, dropout, curve] : remedies) {
    fmt::print("  {:17} {:10.1f} {:12.1f} {:10.1f}\n", name, last(curve, 1), last(curve, 2), last(curve, 3));
    expect(name == "neither" || last(curve, 2) < last(remedies[0].curve, 2), name + " against overfitting");
  }
  for (const int part : {1, 2}) {
    picture.panel({part == 1 ? "the fold it learned from" : "the other folds", "epoch", "mean squared error",
                   "set yrange [0:60]"});
    for (const Remedy& r : remedies) picture.line(r.name, column(r.curve, 0), column(r.curve, part));
  }
}

void run(const Settings& settings) {
  xg::manual_seed(seed);
  const Tensor table = xg::data::read_csv((settings.data / "boston_housing.csv").string()).values;
  // A fifth of the rows is put aside: it tells how well a network does, and nothing is learned or chosen by it.
  const xg::TensorList columns{table.narrow(1, 0, 12), table.narrow(1, 12, 1)};
  const auto [train_part, test_part] = xg::data::train_test_split(columns, {.test_size = 0.2, .seed = seed});
  const Rows training{train_part[0], train_part[1]}, unseen{test_part[0], test_part[1]};

  const int epochs = settings.run_short ? 100 : 1000, more_epochs = settings.run_short ? 400 : 1000;
  Picture learning(settings.pictures / "housing.svg"), overfitting(settings.pictures / "housing_overfitting.svg");
  learn(training, unseen, epochs, learning);
  cross_validate(training, epochs);
  compare_remedies(training, unseen, more_epochs, overfitting);
  learning.save();
  overfitting.save();
}

int main(int argc, char** argv) { return tutorial(argc, argv, "A network learns the prices of houses.", run); }
