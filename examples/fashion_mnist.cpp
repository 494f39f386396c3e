// Trains a small network on Fashion-MNIST: 60000 training and 10000 test pictures of clothes, 28 x 28 grey pixels, in
// ten classes. In order: data, model, optimizer, epochs of mini-batches, weights in a file, test.
//
//   fashion_mnist                          a convolutional network, 8 epochs
//   fashion_mnist --model mlp --lr 1e-3    a network without convolutions
//   fashion_mnist --epochs 10 --resume fashion_mnist.training
//   fashion_mnist --quantize               tested once more with the weights of its large layers in 8 bits
#include <xgrad/xgrad.hpp>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "fashion_data.hpp"
#include "progress.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using xg::Tensor;
using xg::data::FashionMNIST;
using xg::data::TensorDataset;

struct Settings {
  std::string data, model = "cnn", save = "fashion_mnist.safetensors", resume;
  int epochs = 8, threads = 0;
  std::int64_t batch_size = 64;
  double lr = 2e-3;
  std::uint64_t seed = 1;
  bool quantize = false, run_short = false;
};

// A model is a sequence of layers; each is a function of a tensor. The last gives a score for each of the ten classes.
nn::Sequential make_model(const std::string& name) {
  if (name == "mlp")
    return nn::Sequential(nn::Flatten(), nn::Linear(784, 256), nn::ReLU(), nn::Dropout(0.2), nn::Linear(256, 10));
  return nn::Sequential(nn::Conv2d(1, 16, 3, {.padding = 1}), nn::ReLU(), nn::MaxPool2d(2),   // [n, 16, 14, 14]
                        nn::Conv2d(16, 32, 3, {.padding = 1}), nn::ReLU(), nn::MaxPool2d(2),  // [n, 32, 7, 7]
                        nn::Flatten(), nn::Linear(32 * 7 * 7, 128), nn::ReLU(), nn::Dropout(0.2), nn::Linear(128, 10));
}

std::int64_t count_correct(const Tensor& scores, const Tensor& labels) {
  return (scores.argmax(1) == labels).sum().item<std::int64_t>();
}

// One pass over the training data. Returns the mean loss.
double train_epoch(nn::Sequential& model, xg::optim::Optimizer& optimizer, xg::data::DataLoader& loader,
                   const std::string& title) {
  model.train();
  ProgressBar bar(title, loader.dataset().size());
  double loss_sum = 0;
  std::int64_t seen = 0, correct = 0;
  for (const auto& [images, labels] : loader) {
    optimizer.zero_grad();
    const Tensor scores = model.forward(images);
    const Tensor loss = nn::functional::cross_entropy(scores, labels);
    loss.backward();
    optimizer.step();

    seen += labels.size(0);
    loss_sum += loss.item<double>() * static_cast<double>(labels.size(0));
    correct += count_correct(scores, labels);
    const auto n = static_cast<double>(seen);
    bar.update(seen, fmt::format("loss {:.3f}  accuracy {:.2f} %  {:.0f} images/s", loss_sum / n,
                                 100.0 * static_cast<double>(correct) / n, n / bar.seconds()));
  }
  return loss_sum / static_cast<double>(seen);
}

// Predictions of the whole test set: confusion[true class][predicted class].
using Confusion = std::array<std::array<std::int64_t, 10>, 10>;
Confusion test(nn::Sequential& model, const TensorDataset& dataset) {
  model.eval();
  xg::NoGradGuard no_grad;
  Confusion confusion{};
  xg::data::DataLoader loader(dataset, {.batch_size = 500});
  for (const auto& [images, labels] : loader) {
    const auto predicted = model.forward(images).argmax(1).to_vector<int>();
    const auto actual = labels.to_vector<int>();
    for (std::size_t i = 0; i < actual.size(); ++i) ++confusion[actual[i]][predicted[i]];
  }
  return confusion;
}

// Prints a row per class and returns the accuracy in percent. Recall: how many of a class were found; precision: how
// many of those taken for it belong to it.
double report(const Confusion& confusion) {
  auto percent = [](std::int64_t part, std::int64_t whole) {
    return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  };
  std::int64_t all = 0, all_correct = 0;
  fmt::print("\n{:<12} {:>8} {:>9} {:>9}  {}\n", "class", "images", "recall", "precision", "most often taken for");
  for (std::size_t c = 0; c < 10; ++c) {
    std::int64_t images = 0, taken = 0;
    std::size_t mistake = c == 0 ? 1 : 0;
    for (std::size_t other = 0; other < 10; ++other) {
      images += confusion[c][other];
      taken += confusion[other][c];
      if (other != c && confusion[c][other] > confusion[c][mistake]) mistake = other;
    }
    fmt::print("{:<12} {:>8} {:>7.1f} % {:>7.1f} %  {}\n", FashionMNIST::class_names[c], images,
               percent(confusion[c][c], images), percent(confusion[c][c], taken),
               confusion[c][mistake] > 0 ? FashionMNIST::class_names[mistake] : "-");
    all += images;
    all_correct += confusion[c][c];
  }
  return percent(all_correct, all);
}

// The weights go into one file, which any program can load; all that the training needs to go on into another beside it.
std::string training_file(const std::string& weights) {
  return std::filesystem::path(weights).replace_extension("training").string();
}

// The same test with 8-bit weights, which are a quarter of the size.
void test_quantized(nn::Sequential& model, const TensorDataset& test_set) {
  const auto [layers, bytes_before, bytes_after] = nn::quantization::quantize_dynamic(model);
  const double accuracy = report(test(model, test_set));
  fmt::print("\nwith {} layers in 8 bits, {} KB instead of {}: test accuracy {:.2f} %\n", layers.size(),
             bytes_after / 1000, bytes_before / 1000, accuracy);
}

int run(const Settings& settings) {
  if (settings.threads > 0) xg::set_num_threads(settings.threads);
  xg::manual_seed(settings.seed);
  const bool synthetic = settings.run_short;
  const std::string directory = synthetic ? "" : find_fashion_mnist(settings.data);
  const TensorDataset train_set = synthetic ? make_waves(640) : FashionMNIST(directory, {.normalize = true});
  const TensorDataset test_set =
      synthetic ? make_waves(200) : FashionMNIST(directory, {.train = false, .normalize = true});

  nn::Sequential model = make_model(settings.model);
  xg::optim::Adam optimizer(model.parameters(), {.lr = settings.lr});
  xg::optim::ExponentialLR schedule(optimizer, 0.7);
  xg::data::DataLoader loader(train_set, {.batch_size = settings.batch_size, .shuffle = true, .seed = settings.seed});
  std::int64_t parameters = 0;
  for (const Tensor& parameter : model.parameters()) parameters += parameter.numel();
  fmt::print("{} training and {} test images, model {} with {} parameters\n", train_set.size(), test_set.size(),
             settings.model, parameters);

  int epoch = 0;
  xg::Checkpoint training({{"model", model},
                           {"optimizer", optimizer},
                           {"schedule", schedule},
                           {"loader", loader},
                           {"random", xg::default_generator()},
                           {"epoch", epoch}});
  if (!settings.resume.empty()) {
    training.load(settings.resume);
    fmt::print("going on after epoch {} of {}\n", epoch, settings.resume);
  }
  double first_loss = 0, loss = 0;
  const int first_epoch = epoch;
  while (epoch < settings.epochs) {
    loss = train_epoch(model, optimizer, loader, fmt::format("epoch {}/{}", epoch + 1, settings.epochs));
    if (epoch == first_epoch) first_loss = loss;
    schedule.step();
    ++epoch;
    if (!settings.save.empty()) training.save(training_file(settings.save));
  }
  const double accuracy = report(test(model, test_set));
  if (!settings.save.empty()) {
    xg::save(model.state_dict(), settings.save, {{"model", settings.model}});
    fmt::print("\nweights: {}\n", settings.save);
  }
  if (settings.run_short && epoch - first_epoch > 2 && !(loss < 0.5 * first_loss)) {
    fmt::print("the loss did not fall: {:.3f} in the first epoch, {:.3f} in the last\n", first_loss, loss);
    return 1;
  }
  fmt::print("\ntest accuracy: {:.2f} %\n", accuracy);
  if (settings.quantize || settings.run_short) test_quantized(model, test_set);
  return 0;
}

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Trains a small network on Fashion-MNIST.");
  app.add_option("--data", settings.data, "directory with the four IDX files");
  app.add_option("--model", settings.model, "cnn or mlp")->check(CLI::IsMember({"cnn", "mlp"}))->capture_default_str();
  app.add_option("--epochs", settings.epochs, "epochs in all")->capture_default_str();
  app.add_option("--batch-size", settings.batch_size, "images per step")->capture_default_str();
  app.add_option("--lr", settings.lr, "learning rate of the first epoch")->capture_default_str();
  app.add_option("--seed", settings.seed, "of weights, order and dropout")->capture_default_str();
  app.add_option("--threads", settings.threads, "0: one per processor")->capture_default_str();
  const CLI::Option* save =
      app.add_option("--save", settings.save, "file for the weights; empty: none")->capture_default_str();
  app.add_option("--resume", settings.resume, "go on with the training in this file, NAME.training");
  app.add_flag("--quantize", settings.quantize, "test also with the weights of linear layers in 8 bits");
  app.add_flag("--short", settings.run_short, "seconds on made-up pictures, to see that all works");
  CLI11_PARSE(app, argc, argv);
  if (settings.run_short && save->count() == 0) settings.save.clear();
  try {
    return run(settings);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
