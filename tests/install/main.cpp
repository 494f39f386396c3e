// A user's program, built by the projects beside it against an installed xgrad and against its source tree: it trains,
// checks a gradient, and goes through the opt-in headers where their libraries are here.
#include <xgrad/xgrad.hpp>
#if __has_include(<xsimd/xsimd.hpp>)
#include <xgrad/elementwise.hpp>
#endif

#include <cstdio>
#include <filesystem>
#include <string>

namespace xg = xgrad;
namespace nn = xgrad::nn;

namespace {

bool learns_xor() {
  xg::manual_seed(1);
  const xg::Tensor x = xg::tensor({{0.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}, {1.0, 1.0}});
  const xg::Tensor y = xg::tensor({{0.0}, {1.0}, {1.0}, {0.0}});
  nn::Sequential net(nn::Linear(2, 8), nn::Tanh(), nn::Linear(8, 1));
  xg::optim::Adam optimizer(net.parameters(), {.lr = 0.05});
  for (int step = 0; step < 300; ++step) {
    optimizer.zero_grad();
    nn::functional::mse_loss(net(x), y).backward();
    optimizer.step();
  }
  return nn::functional::mse_loss(net(x), y).item<double>() < 1e-2;
}

// Every kind of kernel once, against a float64 central difference.
bool gradients_are_right() {
  nn::Sequential net(nn::Conv2d(2, 3, 3, {.padding = 1}), nn::BatchNorm2d(3), nn::GELU(), nn::MaxPool2d(2),
                     nn::Flatten(), nn::Linear(12, 5), nn::LayerNorm({5}));
  net.to(xg::float64);
  net.eval();
  const xg::Tensor x = xg::randn({2, 2, 4, 4}, {.dtype = xg::float64, .requires_grad = true});
  const xg::CheckResult result = xg::gradcheck_module(net, {x});
  if (!result) std::printf("%s\n", result.message().c_str());
  return static_cast<bool>(result);
}

bool single_precision_follows_double() {
  const xg::Tensor x = xg::randn({64, 100}, {.dtype = xg::float64});
  const xg::Tensor w = xg::randn({100, 32}, {.dtype = xg::float64});
  auto f = [](const xg::Tensor& a, const xg::Tensor& b) { return xg::softmax(xg::tanh(xg::matmul(a, b) / 10), 1); };
  return xg::allclose(f(x.to(xg::float32), w.to(xg::float32)).to(xg::float64), f(x, w), {.rtol = 1e-4, .atol = 1e-6});
}

bool a_formula_agrees() {
#if __has_include(<xsimd/xsimd.hpp>)
  constexpr auto swish = xg::elementwise([](auto x, auto beta) {
    using std::exp;
    return x / (1 + exp(-beta * x));
  });
  const xg::Tensor x = xg::randn({5, 33}, {.dtype = xg::float64, .requires_grad = true});
  const xg::Tensor beta = xg::rand({33}, {.dtype = xg::float64, .requires_grad = true});
  return xg::allclose(swish(x, beta), x / (1 + xg::exp(-beta * x))) && xg::gradcheck(swish, {x, beta});
#else
  return true;
#endif
}

// Through the libraries that pack them.
bool files_come_back() {
  const std::string path = (std::filesystem::temp_directory_path() / "xgrad_user.npz").string();
  const xg::Tensor x = xg::rand({50, 3});
  xg::save_npz({{"x", x}}, path, {.compressed = true});
  const bool same = xg::equal(xg::load_npz(path).at("x"), x);
  std::filesystem::remove(path);
  return same;
}

int failures = 0;
void expect(bool holds, const char* what) {
  if (!holds) std::printf("failed: %s\n", what);
  failures += !holds;
}

}  // namespace

int main() {
  std::printf("%s", xg::build_info().c_str());
  expect(learns_xor(), "learning the exclusive or");
  expect(gradients_are_right(), "gradients");
  expect(single_precision_follows_double(), "float32");
  expect(a_formula_agrees(), "elementwise");
  expect(files_come_back(), "files");
  return failures;
}
