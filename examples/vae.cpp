// Teaches: a variational autoencoder (Kingma, Welling: "Auto-encoding variational Bayes", 2014), which learns to draw
//          pictures like those it has seen: a network turns a picture x into a guess at the few numbers z it may have
//          come from, q(z | x), another turns z into a picture, p(x | z). Gradients pass through the random z.
// Run:     vae
//          vae --latent 2 --epochs 40 --pictures somewhere
// Prints:  the ELBO, which log p(x) is not below, in nats per image, and its two parts; pictures of clothes that nobody
//          has sewn (vae_samples.png), and of test images beside what became of them (vae_reconstructions.png).
// Seen:    -242.0 nats = -226.1 - 15.9 on the test images after 20 epochs, each 4 s of processor time. Samples are soft
//          shirts, trousers, bags and shoes.
#include <xgrad/xgrad.hpp>

#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <string>

#include "fashion_data.hpp"
#include "picture.hpp"
#include "progress.hpp"
#include "tutorial.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace data = xgrad::data;
using xg::Tensor;

struct Options {
  std::string data, save = "vae.safetensors";
  std::filesystem::path pictures = ".";
  std::int64_t latent = 20, hidden = 512, epochs = 20, batch_size = 128;
  double lr = 1e-3;
  std::uint64_t seed = 1;
  bool run_short = false;
};

// A normal distribution of each number of z, by itself: [n, latent].
struct Code {
  Tensor mean, log_variance;
  // A draw from it. Written so, z is a function of the mean and the variance, with gradients by both; the randomness
  // comes from outside. ("The reparameterisation trick".)
  Tensor sample() const { return mean + xg::exp(log_variance / 2) * xg::randn_like(mean); }
};

struct VAE : nn::Module {
  std::int64_t hidden, latent;
  nn::Sequential encoder = register_module(
      "encoder", nn::Sequential(nn::Flatten(), nn::Linear(784, hidden), nn::ReLU(), nn::Linear(hidden, 2 * latent)));
  nn::Sequential decoder = register_module(
      "decoder",
      nn::Sequential(nn::Linear(latent, hidden), nn::ReLU(), nn::Linear(hidden, 784), nn::Unflatten(1, {1, 28, 28})));

  VAE(std::int64_t hidden_size, std::int64_t latent_size) : hidden(hidden_size), latent(latent_size) {}
  Code encode(const Tensor& images) {
    const xg::TensorList halves = encoder(images).chunk(2, 1);
    return {halves[0], halves[1]};
  }
  // Scores whose sigmoid is how probable it is for a pixel to be white.
  Tensor decode(const Tensor& z) { return decoder(z); }
};

// ELBO = E[log p(x | z)] - KL(q(z | x) || p(z)), with one z from q for each image; p(z) is the standard normal, for
// which the divergence has a closed form. In nats per image. Greys between black and white count as so much of both.
struct Elbo {
  Tensor reconstruction, divergence;
  Tensor total() const { return reconstruction - divergence; }
};
Elbo elbo(VAE& model, const Tensor& images) {
  const auto n = static_cast<double>(images.size(0));
  const Code code = model.encode(images);
  const Tensor scores = model.decode(code.sample());
  return {-nn::functional::binary_cross_entropy_with_logits(scores, images, {.reduction = xg::Reduction::sum}) / n,
          (code.mean.square() + xg::exp(code.log_variance) - 1 - code.log_variance).sum() / (2 * n)};
}

// Sums what batches give, to means over images.
struct Means {
  double reconstruction = 0, divergence = 0, images = 0;
  void add(const Elbo& elbo, std::int64_t count) {
    const auto n = static_cast<double>(count);
    reconstruction += n * elbo.reconstruction.item<double>();
    divergence += n * elbo.divergence.item<double>();
    images += n;
  }
  double total() const { return (reconstruction - divergence) / images; }
  std::string text() const {
    return fmt::format("ELBO {:.2f} nats = {:.2f} - {:.2f}", total(), reconstruction / images, divergence / images);
  }
};

Means test(VAE& model, const data::TensorDataset& images) {
  xg::NoGradGuard no_grad;
  Means means;
  for (const auto& [some, labels] : data::DataLoader(images, {.batch_size = 500}))
    means.add(elbo(model, some), labels.size(0));
  return means;
}

// 64 images [64, 1, 28, 28] as a panel of 8 by 8.
void draw(Picture& picture, const std::string& title, const Tensor& images) {
  const Tensor rows = images.reshape({8, 8, 28, 28}).permute({0, 2, 1, 3});
  picture.image(title, rows.reshape({-1}).to_vector<double>(), 8 * 28);
}

void run(Options options) {
  xg::manual_seed(options.seed);
  if (options.run_short) options.hidden = 128, options.latent = 4, options.epochs = 15, options.batch_size = 32;
  const std::string directory = options.run_short ? "" : find_fashion_mnist(options.data);
  const data::TensorDataset images = options.run_short ? make_waves(640) : data::FashionMNIST(directory);
  const data::TensorDataset test_images =
      options.run_short ? make_waves(200) : data::FashionMNIST(directory, {.train = false});

  VAE model(options.hidden, options.latent);
  xg::optim::Adam optimizer(model.parameters(), {.lr = options.lr});
  data::DataLoader loader(images, {.batch_size = options.batch_size, .shuffle = true, .seed = options.seed});
  fmt::print("{} training and {} test images\n", images.size(), test_images.size());
  for (std::int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    ProgressBar bar(fmt::format("epoch {:2}/{}", epoch, options.epochs), images.size());
    Means means;
    for (const auto& [some, labels] : loader) {
      optimizer.zero_grad();
      const Elbo bound = elbo(model, some);
      (-bound.total()).backward();
      optimizer.step();
      means.add(bound, labels.size(0));
      bar.update(static_cast<std::int64_t>(means.images), means.text());
    }
  }
  const Means means = test(model, test_images);
  fmt::print("\non the test images: {}\n", means.text());
  // One picture for all, their mean, would be at -533.
  if (options.run_short) expect(means.total() > -470, "pictures of waves");
  if (!options.run_short) {
    xg::save(model.state_dict(), options.save);
    fmt::print("weights: {}\n", options.save);
  }

  xg::NoGradGuard no_grad;
  Picture samples(options.pictures / "vae_samples.png");
  draw(samples, "samples", xg::sigmoid(model.decode(xg::randn({64, options.latent}))));
  samples.save();
  const Tensor some = test_images.tensors()[0].narrow(0, 0, 64);
  Picture reconstructions(options.pictures / "vae_reconstructions.png");
  draw(reconstructions, "test images", some);
  draw(reconstructions, "reconstructions", xg::sigmoid(model.decode(model.encode(some).mean)));
  reconstructions.save();
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A variational autoencoder of Fashion-MNIST.");
  app.option_defaults()->always_capture_default();
  app.add_option("--data", options.data, "directory with the four files of Fashion-MNIST");
  app.add_option("--pictures", options.pictures, "folder for the pictures");
  app.add_option("--latent", options.latent, "numbers that an image is made of");
  app.add_option("--hidden", options.hidden, "size of the layer between");
  app.add_option("--epochs", options.epochs);
  app.add_option("--batch-size", options.batch_size, "images in a step");
  app.add_option("--lr", options.lr, "learning rate");
  app.add_option("--seed", options.seed, "of weights, order and samples");
  app.add_option("--save", options.save, "file for the weights");
  app.add_flag("--short", options.run_short, "seconds on made-up pictures, to see that all works");
  return run_program(app, argc, argv, [&] { run(options); });
}
