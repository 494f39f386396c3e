// The columns of docs/from_pytorch.md. Each block on the right is a piece of this file, which also looks at what it
// gives; those on the left are run by from_pytorch.py, where there is PyTorch.
#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>
#include <sstream>
#include <vector>

#include <xgrad/xgrad.hpp>

#include "support/python.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace F = xgrad::nn::functional;

namespace {

struct Net : nn::Module {
  nn::Conv2d conv = register_module("conv", nn::Conv2d(1, 8, 3, {.padding = 1}));
  nn::BatchNorm2d norm = register_module("norm", nn::BatchNorm2d(8));
  nn::Linear head = register_module("head", nn::Linear(8, 10));

  xg::Tensor operator()(const xg::Tensor& x) {
    xg::Tensor h = xg::relu(norm(conv(x)));
    return head(h.mean({2, 3}));
  }
};

struct Residual : nn::Layer {
  explicit Residual(int64_t width) : fc(register_module("fc", nn::Linear(width, width))) {}
  xg::Tensor forward(const xg::Arg& x) const override { return x + fc(xg::tanh(x)); }
  nn::Linear fc;
};

struct Affine : nn::Module {
  xg::Tensor scale = register_parameter("scale", xg::ones({3}));
  xg::Tensor mean = register_buffer("mean", xg::zeros({3}));
};

struct Exp : xg::Function<Exp> {
  static xg::Tensor forward(xg::Context& context, const xg::Tensor& x) {
    xg::Tensor y = xg::exp(x);
    context.save_for_backward({y});
    return y;
  }
  static xg::TensorList backward(xg::Context& context, const xg::TensorList& grad) {
    return {grad[0] * context.saved_tensors()[0]};
  }
};

struct Squares : xg::data::Dataset {
  int64_t size() const override { return 100; }
  xg::TensorList get(int64_t i) const override {
    xg::Tensor x = xg::full({1}, double(i));
    return {x, x * x};
  }
};

}  // namespace

TEST_CASE("tensors") {
  xg::Tensor a = xg::zeros({2, 3});
  xg::Tensor b = xg::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}, {.dtype = xg::float64});
  xg::Tensor c = xg::randn({2, 3}, {.dtype = xg::float64});
  xg::Tensor d = xg::arange(0, 10, 2);
  float raw[6] = {1, 2, 3, 4, 5, 6};
  xg::Tensor e = xg::from_blob(raw, {2, 3});  // shares the memory
  CHECK(a.numel() + e.numel() == 12);
  CHECK(c.dtype() == xg::float64);
  CHECK(d.numel() == 5);

  xg::Tensor row = b[0];
  xg::Tensor column = b.index({xg::slice(), 1});
  xg::Tensor corner = b.index({xg::slice(0, 2), xg::slice(1)});
  xg::Tensor large = b.index({b > 2.5});
  b.index_put_({xg::slice(), 0}, 0.0);
  double value = b[1][2].item<double>();
  CHECK(row.size(0) + column.size(0) == 5);
  CHECK(corner.numel() == 4);
  CHECK(large.numel() == 4);
  CHECK(value == 6);
  CHECK(b[1][0].item<double>() == 0);

  xg::Tensor f = (b * 2 + c).sum(1, true);
  xg::Tensor g = xg::cat({b, c}, 0).reshape({-1, 2}).t();
  xg::Tensor h = xg::einsum("ij,kj->ik", {b, c});
  xg::Tensor k = xg::where(b > 0, b, xg::zeros_like(b));
  auto [top, places] = b.max(1);
  CHECK(f.sizes() == xg::Shape{2, 1});
  CHECK(g.sizes() == xg::Shape{2, 6});
  CHECK(h.sizes() == xg::Shape{2, 2});
  CHECK(k.sizes() == b.sizes());
  CHECK(places.to_vector<int64_t>() == std::vector<int64_t>{2, 2});
  CHECK(top[0].item<double>() == 3);
}

TEST_CASE("gradients") {
  xg::Tensor x = xg::tensor({1.0, 2.0}, {.requires_grad = true});
  xg::Tensor loss = (x * x).sum();
  loss.backward();
  xg::Tensor gradient = x.grad();
  CHECK(gradient.to_vector<float>() == std::vector<float>{2, 4});

  {
    xg::NoGradGuard no_grad;
    x -= 0.1 * x.grad();
  }
  x.zero_grad();
  xg::Tensor constant = x.detach();
  CHECK(!constant.requires_grad());
  CHECK(x[1].item<float>() == doctest::Approx(1.6));

  xg::Tensor y = x.pow(3).sum();
  xg::Tensor first = xg::grad({y}, {x}, {.create_graph = true})[0];
  xg::Tensor second = xg::grad({first.sum()}, {x})[0];
  CHECK(second[1].item<float>() == doctest::Approx(9.6));

  auto f = [](const xg::Tensor& v) { return v.pow(3).sum(); };
  xg::Tensor jacobian = xg::functional::jacobian(f, x);
  xg::Tensor hessian = xg::functional::hessian(f, x);
  CHECK(jacobian.sizes() == xg::Shape{2});
  CHECK(hessian[1][1].item<float>() == doctest::Approx(9.6));

  xg::Tensor z = Exp::apply(x);
  xg::Tensor v = xg::rand({3}, {.dtype = xg::float64, .requires_grad = true});
  bool right = bool(xg::gradcheck([](const xg::Tensor& t) { return Exp::apply(t); }, {v}));
  CHECK(z.requires_grad());
  CHECK(right);
}

TEST_CASE("models") {
  nn::Sequential mlp(nn::Linear(784, 128), nn::ReLU(), nn::Dropout(0.2), nn::Linear(128, 10));
  xg::Tensor scores = mlp(xg::randn({64, 784}));
  xg::Tensor weight = mlp.at<nn::Linear>(0).weight;
  CHECK(scores.sizes() == xg::Shape{64, 10});
  CHECK(weight.sizes() == xg::Shape{128, 784});

  nn::ModuleList blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(Residual(16));
  xg::Tensor h = xg::randn({4, 16});
  for (auto& block : blocks) h = block(h);
  CHECK(h.sizes() == xg::Shape{4, 16});

  Net net;
  std::ostringstream out;
  out << net;
  for (auto& [name, parameter] : net.named_parameters()) out << name << " " << parameter.numel() << "\n";
  out << nn::summary(mlp, xg::zeros({1, 784}));
  CHECK(out.str().find("conv.weight 72") != std::string::npos);

  net.apply([](nn::Module& module) {
    if (module.type_name() == "Linear") nn::init::xavier_uniform_(module.get_parameter("weight"));
  });
  net.conv.requires_grad_(false);  // freeze
  CHECK(!net.conv.weight.requires_grad());

  auto look = [&](const nn::Module&, const xg::TensorList& inputs, const xg::TensorList& outputs) {
    out << inputs[0] << outputs[0];
    return xg::TensorList{};
  };
  auto handle = net.head.register_forward_hook(look);
  net.head.remove_hook(handle);
  CHECK(Affine().state_dict().keys() == std::vector<std::string>{"scale", "mean"});
}

TEST_CASE("training") {
  Net net;
  xg::data::TensorDataset train({xg::randn({64, 1, 8, 8}), xg::randint(0, 10, {64})});
  const int epochs = 1;

  xg::data::DataLoader loader(train, {.batch_size = 32, .shuffle = true, .num_workers = 2});
  xg::optim::AdamW optimizer(net.parameters(), {.lr = 1e-3, .weight_decay = 0.01});
  xg::optim::CosineAnnealingLR scheduler(optimizer, epochs);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    net.train();
    for (auto [images, labels] : loader) {
      optimizer.zero_grad();
      xg::Tensor loss = F::cross_entropy(net(images), labels, {.label_smoothing = 0.1});
      loss.backward();
      nn::utils::clip_grad_norm_(net.parameters(), 1.0);
      optimizer.step();
    }
    scheduler.step();
  }
  CHECK(optimizer.lr() == doctest::Approx(0));

  net.eval();
  xg::NoGradGuard no_grad;
  int64_t right = 0;
  for (auto [images, labels] : loader) right += (net(images).argmax(1) == labels).sum().item<int64_t>();
  CHECK(right >= 0);
}

TEST_CASE("data, groups, closures") {
  xg::data::DataLoader loader(Squares(), {.batch_size = 10});
  CHECK(loader.size() == 10);

  Net net;
  xg::optim::SGD optimizer({{net.conv.parameters(), {.lr = 1e-3, .momentum = 0.9}},  // groups
                            {net.head.parameters(), {.lr = 1e-2, .momentum = 0.9}}});
  optimizer.set_lr(0.5 * optimizer.lr());
  CHECK(optimizer.lr(1) == doctest::Approx(5e-4));

  xg::Tensor w = xg::ones({2}, {.dtype = xg::float64, .requires_grad = true});
  xg::optim::LBFGS lbfgs({w}, {.line_search_fn = "strong_wolfe"});
  lbfgs.step([&] {
    lbfgs.zero_grad();
    xg::Tensor loss = (w - 3).pow(2).sum();
    loss.backward();
    return loss;
  });
  CHECK(w[0].item<double>() == doctest::Approx(3));

  xg::optim::ExponentialMovingAverage average(net, {.decay = 0.99});
  average.update();  // after each step
  {
    const auto averaged = average.swap();  // net has the averages here
    net.eval();
  }
  xg::optim::ReduceLROnPlateau plateau(optimizer, {.factor = 0.5, .patience = 3});
  plateau.step(0.7);
}

TEST_CASE("files") {
  const std::filesystem::path before = std::filesystem::current_path();
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "xgrad_from_pytorch";
  std::filesystem::create_directories(folder);
  std::filesystem::current_path(folder);
  Net net;

  xg::save(net.state_dict(), "net.safetensors");
  net.load_state_dict(xg::load("net.safetensors"));
  CHECK(xg::load("net.safetensors").contains("norm.running_mean"));

  xg::StateDict state = xg::load("net.safetensors").renamed({{"conv", "stem.0"}, {"head", "classifier"}});
  nn::LoadReport report = net.load_state_dict(state, {.strict = false});
  for (const std::string& name : report.missing_keys) std::printf("missing: %s\n", name.c_str());
  CHECK(report.missing_keys.size() == 4);

  xg::optim::Adam optimizer(net.parameters(), {.lr = 1e-3});
  int64_t epoch = 3;
  xg::Checkpoint checkpoint({{"model", net},
                             {"optimizer", optimizer},
                             {"random", xg::default_generator()},
                             {"epoch", epoch}});
  checkpoint.save("training.safetensors");
  checkpoint.load("training.safetensors");
  CHECK(epoch == 3);

  xg::save_npz({{"x", xg::ones({2, 3})}, {"y", xg::zeros({2})}}, "data.npz");
  xg::Tensor x = xg::load_npz("data.npz")["x"];
  CHECK(x.sizes() == xg::Shape{2, 3});

  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);
}

TEST_CASE("sequences") {
  nn::LSTM lstm(20, 32, {.num_layers = 2, .batch_first = true});
  auto [output, state] = lstm(xg::randn({4, 7, 20}));
  xg::Tensor last = state.h_n[-1];
  CHECK(output.sizes() == xg::Shape{4, 7, 32});
  CHECK(last.sizes() == xg::Shape{4, 32});

  namespace rnn = nn::utils::rnn;
  xg::Tensor padded = rnn::pad_sequence({xg::randn({3, 20}), xg::randn({5, 20})}, {.batch_first = true});
  auto packed = rnn::pack_padded_sequence(padded, {3, 5}, {.batch_first = true, .enforce_sorted = false});
  auto [rows, end] = lstm(packed);
  auto [unpacked, lengths] = rnn::pad_packed_sequence(rows, {.batch_first = true});
  CHECK(unpacked.sizes() == xg::Shape{2, 5, 32});

  nn::TransformerEncoderLayer layer(32, 4, {.dim_feedforward = 64, .batch_first = true});
  nn::TransformerEncoder encoder(layer, 2);
  xg::Tensor mask = nn::Transformer::generate_square_subsequent_mask(7);
  xg::Tensor encoded = encoder(output, {.mask = mask});
  CHECK(encoded.sizes() == xg::Shape{4, 7, 32});

  nn::Embedding embedding(1000, 20, {.padding_idx = 0});
  xg::Tensor vectors = embedding(xg::randint(1, 1000, {4, 7}));
  CHECK(vectors.sizes() == xg::Shape{4, 7, 20});
}

TEST_CASE("large models") {
  nn::Sequential deep(nn::Linear(64, 64), nn::ReLU(), nn::Linear(64, 64), nn::ReLU());
  xg::Tensor x = xg::randn({8, 64}, {.requires_grad = true});

  xg::Tensor y = xg::checkpoint(deep, {x});  // made again in the backward pass
  xg::Tensor z = xg::checkpoint_sequential(deep, 2, x);
  CHECK(xg::equal(y, z));

  nn::Linear normed = nn::utils::weight_norm(nn::Linear(20, 40));
  nn::Conv2d limited = nn::utils::spectral_norm(nn::Conv2d(3, 8, 3));
  CHECK(normed.state_dict().contains("weight_g"));
  CHECK(limited.state_dict().contains("weight_u"));
}

TEST_CASE("the machine") {
  xg::manual_seed(0);
  xg::set_num_threads(2);
  xg::use_deterministic_algorithms(true);
  CHECK(xg::get_num_threads() == 2);
  xg::use_deterministic_algorithms(false);

  nn::Sequential model(nn::Linear(32, 16), nn::ReLU(), nn::Linear(16, 4));
  nn::utils::prune::l1_unstructured(model.at<nn::Linear>(0), "weight", 0.5);
  CHECK(nn::utils::prune::is_pruned(model));
  nn::utils::prune::remove(model.at<nn::Linear>(0), "weight");
  nn::quantization::quantize_dynamic(model);
  xg::NoGradGuard no_grad;
  CHECK(model(xg::randn({2, 32})).sizes() == xg::Shape{2, 4});
}

TEST_CASE("PyTorch's column") {
  if (!test::python_has("torch")) return;
  CHECK(test::run_python("from_pytorch.py", XGRAD_TEST_DIR "/../docs/from_pytorch.md"));
}
