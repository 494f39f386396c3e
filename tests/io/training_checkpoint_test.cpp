// Trainings that are interrupted and go on.
#include <xgrad/io/training_checkpoint.hpp>
#include <xgrad/xgrad.hpp>

#include <bit>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace optim = xgrad::optim;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

struct Net : nn::Module {
  nn::Linear in = register_module("in", nn::Linear(5, 16));
  nn::BatchNorm1d norm = register_module("norm", nn::BatchNorm1d(16));
  nn::Dropout dropout = register_module("dropout", nn::Dropout(0.3));
  nn::Linear out = register_module("out", nn::Linear(16, 2));
  Tensor forward(const Tensor& x) { return out(dropout(xg::relu(norm(in(x))))); }
};

xg::data::TensorDataset samples() {
  xg::Generator generator(5);
  const Tensor x = xg::randn({50, 5}, {}, generator);
  return xg::data::TensorDataset({x, xg::randn({50, 2}, {}, generator)});
}

// All that a program would have, made anew for each part of the training. Another seed for each, as if the program had
// drawn other numbers before.
struct Training {
  explicit Training(std::uint64_t seed, std::int64_t workers = 0)
      : generator(seed),
        drawing(generator),
        loader(samples(), {.batch_size = 8, .shuffle = true, .num_workers = workers, .seed = 3}) {}
  xg::Generator generator;
  xg::GeneratorGuard drawing;
  Net net;
  optim::Adam optimizer{net.parameters(), {.lr = 1e-2}};
  optim::LinearLR warm_up{optimizer, {.start_factor = 0.1, .total_iters = 4}};
  optim::CosineAnnealingLR cosine{optimizer, 20};
  optim::SequentialLR schedule{optimizer, {&warm_up, &cosine}, {4}};
  optim::ExponentialMovingAverage average{net, {.decay = 0.9, .use_buffers = true}};
  xg::data::DataLoader loader;
  std::int64_t epoch = 0;
  int step = 0;
  double best = 1e9;
  float last = 0;
  bool improved = false;
  std::uint64_t mark = 0;

  xg::Checkpoint checkpoint{{{"model", net},
                             {"optimizer", optimizer},
                             {"schedule", schedule},
                             {"average", average},
                             {"loader", loader},
                             {"random", generator},
                             {"epoch", epoch},
                             {"step", step},
                             {"best", best},
                             {"last", last},
                             {"improved", improved},
                             {"mark", mark}}};

  // Trains until so many steps were made, with a checkpoint after each where there is a path.
  void run(int steps, const std::string& path = "") {
    while (step < steps) {
      for (auto [x, y] : loader) {
        optimizer.zero_grad();
        const Tensor loss = nn::functional::mse_loss(net.forward(x), y);
        loss.backward();
        optimizer.step();
        schedule.step();
        average.update();
        last = loss.item<float>();
        improved = last < best;
        best = improved ? last : best;
        mark = ~static_cast<std::uint64_t>(step);
        ++step;
        if (!path.empty()) checkpoint.save(path, {{"step", std::to_string(step)}});
        if (step == steps) return;
      }
      ++epoch;
    }
  }
};

// Every bit of what a training has.
std::vector<std::uint64_t> bits(const Training& training) {
  std::vector<std::uint64_t> all;
  const auto add = [&](const xg::StateDict& state) {
    for (const auto& [name, tensor] : state)
      for (const double value : tensor.to_vector<double>()) all.push_back(std::bit_cast<std::uint64_t>(value));
  };
  add(training.net.state_dict());
  add(training.optimizer.state_dict());
  add(training.schedule.state_dict());
  add(training.average.state_dict());
  add(training.loader.state_dict());
  const xg::Generator::State random = training.generator.get_state();
  all.insert(all.end(), {random.seed, random.offset, static_cast<std::uint64_t>(training.epoch),
                         static_cast<std::uint64_t>(training.step), std::bit_cast<std::uint64_t>(training.best),
                         std::bit_cast<std::uint32_t>(training.last), training.improved, training.mark});
  return all;
}

}  // namespace

TEST_CASE("a training that goes on from a checkpoint gives the same bits") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "training.safetensors";
  for (const std::int64_t workers : {0, 2}) {
    // 7 batches make an epoch: in the middle of one, at its last batch, at its first, before anything.
    Training whole(1, workers);
    whole.run(23);
    for (const int stop : {10, 14, 15, 1}) {
      CAPTURE(stop);
      {
        Training first(1, workers);
        first.run(stop, path);
      }
      CHECK(xg::load_metadata(path).at("step") == std::to_string(stop));
      Training second(77, workers);
      second.run(3);
      second.checkpoint.load(path);
      CHECK(second.step == stop);
      second.run(23);
      CHECK(bits(second) == bits(whole));
    }
  }
}

TEST_CASE("a checkpoint is a file of tensors under the parts' names") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "training.safetensors";
  Training training(1);
  training.run(2, path);
  const xg::StateDict file = xg::load(path);
  CHECK(file.at("step.value").item<int>() == 2);
  CHECK(file.at("best.value").dtype() == xg::float64);
  CHECK(file.at("improved.value").dtype() == xg::bool_);
  CHECK(file.contains("optimizer.state.0.exp_avg"));
  CHECK(file.at("loader.batch").item<int>() == 2);
  Net net;
  CHECK(net.load_state_dict(file.part("model.")).complete());
  CHECK(xg::equal(net.in.weight, training.net.in.weight));
  CHECK(directory.count() == 1);
}

TEST_CASE("a checkpoint that does not fit changes nothing") {
  const test::TemporaryDirectory directory;
  const std::string good = directory / "good.safetensors", bad = directory / "bad.safetensors";
  Training training(1);
  training.run(9, good);
  const xg::StateDict file = xg::load(good).clone();
  Training other(2);
  other.run(4);
  const std::vector<std::uint64_t> before = bits(other);

  const auto changed = [&](const std::function<void(xg::StateDict&)>& change) {
    xg::StateDict state = file;
    change(state);
    xg::save(state, bad);
    const std::string message = message_of<xg::Error>([&] { other.checkpoint.load(bad); });
    CHECK(mentions(message, {"Checkpoint.load: ", bad, "training_checkpoint_test.cpp:"}));
    CHECK(bits(other) == before);
    return message;
  };
  const auto with = [&](const char* name, const Tensor& value) {
    return changed([&](xg::StateDict& state) { state.insert_or_assign(name, value); });
  };
  const auto without = [&](const char* name) { return changed([&](xg::StateDict& state) { state.erase(name); }); };
  CHECK(mentions(with("model.out.bias", xg::zeros({3})), {"\"model\": load_state_dict: \"out.bias\" has shape [3]"}));
  CHECK(mentions(without("model.out.bias"), {"\"model\"", "missing \"out.bias\""}));
  CHECK(mentions(with("optimizer.state.0.exp_avg", xg::zeros({3})), {"\"optimizer\"", "state.0.exp_avg", "[3]"}));
  CHECK(mentions(with("schedule.1.last_epoch", xg::zeros({3})), {"\"schedule\"", "last_epoch"}));
  CHECK(mentions(without("average.averages.2"), {"\"average\"", "averages.2"}));
  // All before the loader had been changed by then.
  CHECK(mentions(with("loader.batch", xg::tensor(8)), {"\"loader\"", "8 batches", "has 7"}));
  CHECK(mentions(without("random.offset"), {"\"random\"", "offset"}));
  CHECK(mentions(with("step.value", xg::tensor(1LL << 40)), {"\"step\"", "1099511627776", "int64"}));
  CHECK(mentions(with("step.value", xg::full({}, 1.5, {.dtype = xg::float64})), {"\"step\"", "1.5", "float64"}));
  CHECK(mentions(with("best.value", xg::tensor(3)), {"\"best\"", "int64"}));
  CHECK(mentions(with("epoch.other", xg::tensor(3)), {"\"epoch\"", "other"}));
  CHECK(mentions(with("more.x", xg::tensor(3)), {"missing in the file [], unexpected [more]"}));
  CHECK(mentions(without("epoch.value"), {"missing in the file [epoch], unexpected []"}));
  CHECK(mentions(with("loose", xg::tensor(3)), {"unexpected [loose]"}));
  CHECK(mentions(message_of<xg::IoError>([&] { other.checkpoint.load(directory / "none"); }), {"No such file"}));
  {
    const auto guard = other.average.swap();
    CHECK_THROWS_AS(other.checkpoint.save(bad), xg::Error);
    CHECK_THROWS_AS(other.checkpoint.load(good), xg::Error);
  }
  CHECK(bits(other) == before);
  other.checkpoint.load(good);
  CHECK(other.step == 9);
}

TEST_CASE("what is one's own takes part by its state, and is brought back as well") {
  // Writes into the tensor that its state shares, as a module does.
  struct History {
    Tensor values = xg::zeros({2});
    bool strict = false;
    xg::StateDict state_dict() const { return {{"values", values}}; }
    void load_state_dict(const xg::StateDict& state) {
      if (strict) throw xg::ValueError("History: not now");
      values.copy_(state.at("values"));
    }
  } first, second;
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  std::uint8_t small = 200;
  nn::Linear layer(1, 1);
  const xg::Checkpoint checkpoint({{"first", first}, {"second", second}, {"small", small}, {"layer", layer}});
  checkpoint.save(path);
  first.values = xg::ones({2});
  small = 5;
  second.strict = true;
  CHECK_THROWS_AS(checkpoint.load(path), xg::ValueError);
  CHECK(xg::equal(first.values, xg::ones({2})));
  CHECK(small == 5);
  second.strict = false;
  checkpoint.load(path);
  CHECK(xg::equal(first.values, xg::zeros({2})));
  CHECK(small == 200);

  // A module that moved is still the one.
  const nn::Linear moved = std::move(layer);
  {
    const xg::NoGradGuard no_grad;
    moved.weight.fill_(8);
  }
  checkpoint.save(path);
  CHECK(xg::load(path).at("layer.weight").item<float>() == 8);
}

TEST_CASE("lazy layers get their shapes before their optimizer gets its state") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "x.safetensors";
  const auto with_optimizer = [&](auto use) {
    nn::Sequential net(nn::LazyLinear(3), nn::Linear(3, 1));
    optim::Adam optimizer(net.parameters());
    const xg::Checkpoint checkpoint({{"optimizer", optimizer}, {"net", net}});
    use(net, optimizer, checkpoint);
    return std::pair(net.state_dict().clone(), optimizer.state_dict().clone());
  };
  const auto trained = with_optimizer([&](nn::Sequential& net, optim::Adam& optimizer, const xg::Checkpoint& all) {
    net(xg::ones({2, 4})).sum().backward();
    optimizer.step();
    all.save(path);
  });
  const auto loaded = with_optimizer([&](nn::Sequential&, optim::Adam&, const xg::Checkpoint& all) { all.load(path); });
  REQUIRE(loaded.first.keys() == trained.first.keys());
  REQUIRE(loaded.second.keys() == trained.second.keys());
  for (const auto& [name, tensor] : trained.first) CHECK(xg::equal(tensor, loaded.first.at(name)));
  for (const auto& [name, tensor] : trained.second) CHECK(xg::equal(tensor, loaded.second.at(name)));
}

TEST_CASE("parts that cannot be") {
  int number = 0;
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::Checkpoint({}); }), {"Checkpoint", "none"}));
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::Checkpoint({{"a.b", number}});
                 }),
                 {"Checkpoint", "\"a.b\"", "training_checkpoint_test.cpp:"}));
  CHECK_THROWS_AS(xg::Checkpoint({{"", number}}), xg::ValueError);
  CHECK(mentions(message_of<xg::ValueError>([&] {
                   xg::Checkpoint({{"a", number}, {"a", number}});
                 }),
                 {"two parts", "\"a\""}));
}
