// Teaches: how image classifiers are trained: a residual network (He, Zhang, Ren, Sun: "Deep residual learning for
//          image recognition", 2016), pictures that are never the same twice, a learning rate that rises and falls
//          within one cycle, smoothed labels, and averaged weights.
// Run:     resnet                                   Fashion-MNIST
//          resnet --width 32 --depth 3 --epochs 30  a network of twice the width, half as deep again
//          resnet --cifar cifar-10-batches-bin      CIFAR-10, from the directory of its binary version
// Prints:  what the network is made of and costs; loss and accuracy of each epoch; accuracy on the test images.
// Seen:    on Fashion-MNIST with --epochs 2, each 130 s of processor time: 90.3 %, and 90.1 % by the averaged weights.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "fashion_data.hpp"
#include "progress.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace data = xgrad::data;
using data::TensorDataset;
using xg::Tensor;

struct Options {
  std::string fashion, cifar, save = "resnet.safetensors";
  std::int64_t width = 16, depth = 2, epochs = 6, batch_size = 128;
  double lr = 0.2;
  std::uint64_t seed = 1;
  bool run_short = false;
};

// A convolution before a batch norm, whose bias takes the place of its own.
nn::Conv2d conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  nn::Conv2d layer(in, out, kernel, {.stride = stride, .padding = kernel / 2, .bias = false});
  nn::init::kaiming_normal_(layer.weight,
                            {.mode = nn::init::FanMode::fan_out, .nonlinearity = nn::init::Nonlinearity::relu});
  return layer;
}

// relu(x + f(x)): a block only has to learn what to change about x, and gradients reach the first layer past all f.
// Where x has another size than f(x), a convolution of single pixels takes it there.
class Block : public nn::Layer {
 public:
  Block(std::int64_t in, std::int64_t out, std::int64_t stride)
      : f(register_module("f", nn::Sequential(conv(in, out, 3, stride), nn::BatchNorm2d(out), nn::ReLU(),
                                              conv(out, out, 3, 1), nn::BatchNorm2d(out)))),
        shortcut(register_module("shortcut", nn::Sequential())) {
    if (in == out && stride == 1) return;
    shortcut.push_back(conv(in, out, 1, stride)).push_back(nn::BatchNorm2d(out));
  }
  Tensor forward(const xg::Arg& x) const override { return xg::relu(shortcut(x) + f(x)); }

 private:
  nn::Sequential f, shortcut;
};

// Three stages of blocks, each with half the height and width and twice the channels of the one before it.
nn::Sequential make_resnet(std::int64_t channels, std::int64_t width, std::int64_t depth) {
  nn::Sequential net(conv(channels, width, 3, 1), nn::BatchNorm2d(width), nn::ReLU());
  std::int64_t in = width;
  for (std::int64_t stage = 0; stage < 3; ++stage) {
    const std::int64_t out = width << stage;
    for (std::int64_t i = 0; i < depth; ++i) {
      net.push_back(Block(in, out, stage > 0 && i == 0 ? 2 : 1));
      in = out;
    }
  }
  net.push_back(nn::AdaptiveAvgPool2d(1)).push_back(nn::Flatten()).push_back(nn::Linear(in, 10));
  return net;
}

// Pictures with pixels in [0, 1], and the mean and deviation of their channels over the training pictures.
struct Pictures {
  TensorDataset train, test;
  std::vector<double> mean, std;
  std::int64_t border;  // by which a picture may be shifted
};
Pictures read_pictures(const Options& options) {
  if (options.run_short) return {make_waves(640), make_waves(200), {0.5}, {0.3}, 2};
  if (!options.cifar.empty())
    return {data::CIFAR10(options.cifar),
            data::CIFAR10(options.cifar, {.train = false}),
            {0.4914, 0.4822, 0.4465},
            {0.2470, 0.2435, 0.2616},
            4};
  const std::string fashion = find_fashion_mnist(options.fashion);
  return {data::FashionMNIST(fashion), data::FashionMNIST(fashion, {.train = false}), {0.2860}, {0.3530}, 2};
}

std::int64_t count_correct(const Tensor& scores, const Tensor& labels) {
  return (scores.argmax(1) == labels).sum().item<std::int64_t>();
}
double percent(std::int64_t part, std::int64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

// In percent.
double accuracy(nn::Sequential& net, data::DataLoader& loader) {
  net.eval();
  xg::NoGradGuard no_grad;
  std::int64_t correct = 0;
  for (const auto& [images, labels] : loader) correct += count_correct(net(images), labels);
  return percent(correct, loader.dataset().size());
}

void run(Options options) {
  xg::manual_seed(options.seed);
  if (options.run_short) options.epochs = 4, options.width = 8, options.depth = 1, options.batch_size = 32;
  const Pictures pictures = read_pictures(options);
  const std::int64_t size = pictures.train.tensors()[0].size(2), channels = pictures.train.tensors()[0].size(1);

  // The training pictures are shifted, mirrored, and lack a piece, anew in each epoch: one thread makes the batches
  // while this one trains.
  const data::Normalize normalize(pictures.mean, pictures.std);
  const data::Compose augment({data::RandomCrop({size, size}, {.padding = pictures.border}),
                               data::RandomHorizontalFlip(), normalize, data::RandomErasing({.p = 0.3})});
  data::DataLoader train_loader(
      data::TransformedDataset(pictures.train, augment, {.batched = true}),
      {.batch_size = options.batch_size, .shuffle = true, .num_workers = 1, .seed = options.seed, .drop_last = true});
  data::DataLoader test_loader(data::TransformedDataset(pictures.test, normalize, {.batched = true}),
                               {.batch_size = 500});

  nn::Sequential net = make_resnet(channels, options.width, options.depth);
  std::cout << nn::summary(net, xg::zeros({1, channels, size, size})) << std::endl;
  xg::optim::SGD optimizer(net.parameters(),
                           {.lr = options.lr, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  xg::optim::OneCycleLR schedule(
      optimizer, options.lr,
      {.epochs = options.epochs, .steps_per_epoch = train_loader.size(), .cycle_momentum = false});
  const auto steps = static_cast<double>(options.epochs * train_loader.size());
  // Over about the last tenth of the steps.
  xg::optim::ExponentialMovingAverage average(net, {.decay = std::max(0.0, 1 - 10 / steps), .use_buffers = true});

  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    net.train();
    ProgressBar bar(fmt::format("epoch {}/{}", epoch + 1, options.epochs), train_loader.size() * options.batch_size);
    std::int64_t seen = 0, correct = 0;
    double loss_sum = 0;
    for (const auto& [images, labels] : train_loader) {
      optimizer.zero_grad();
      const Tensor scores = net(images);
      const Tensor loss = nn::functional::cross_entropy(scores, labels, {.label_smoothing = 0.1});
      loss.backward();
      optimizer.step();
      schedule.step();
      average.update();

      seen += labels.size(0);
      correct += count_correct(scores, labels);
      loss_sum += loss.item<double>() * static_cast<double>(labels.size(0));
      const auto n = static_cast<double>(seen);
      bar.update(seen, fmt::format("loss {:.3f}  accuracy {:.2f} %  {:.0f} images/s", loss_sum / n,
                                   percent(correct, seen), n / bar.seconds()));
    }
    if (epoch + 1 < options.epochs) fmt::print("test accuracy {:.2f} %\n", accuracy(net, test_loader));
  }
  const double by_last = accuracy(net, test_loader);
  const auto guard = average.swap();  // the network has the averages while it lives
  const double by_average = accuracy(net, test_loader);
  fmt::print("\ntest accuracy: {:.2f} % by the averaged weights, {:.2f} % by the last ones\n", by_average, by_last);
  if (options.run_short) return expect(by_average > 95, "pictures of waves");
  xg::save(net.state_dict(), options.save);
  fmt::print("weights: {}\n", options.save);
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a residual network on Fashion-MNIST or CIFAR-10.");
  app.option_defaults()->always_capture_default();
  app.add_option("--data", options.fashion, "directory with the four files of Fashion-MNIST");
  app.add_option("--cifar", options.cifar, "directory with CIFAR-10's data_batch_1.bin ..., instead");
  app.add_option("--width", options.width, "channels of the first stage");
  app.add_option("--depth", options.depth, "blocks in each of the three stages")->check(CLI::PositiveNumber);
  app.add_option("--epochs", options.epochs)->check(CLI::PositiveNumber);
  app.add_option("--batch-size", options.batch_size, "pictures in a step");
  app.add_option("--lr", options.lr, "the highest learning rate");
  app.add_option("--seed", options.seed, "of weights, order and augmentation");
  app.add_option("--save", options.save, "file for the averaged weights");
  app.add_flag("--short", options.run_short, "seconds on made-up pictures, to see that all works");
  return run_program(app, argc, argv, [&] { run(options); });
}
