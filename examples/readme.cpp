// The program that README.md opens with: a small network learns the product of two numbers, in under a second.
#include <xgrad/xgrad.hpp>

#include <cstdio>

namespace xg = xgrad;
namespace nn = xgrad::nn;

struct Net : nn::Module {
  nn::Linear hidden = register_module("hidden", nn::Linear(2, 16));
  nn::Linear out = register_module("out", nn::Linear(16, 1));
  xg::Tensor forward(const xg::Tensor& x) { return out(xg::tanh(hidden(x))); }
};

int main() {
  Net net;
  xg::Tensor x = xg::rand({256, 2}) * 2 - 1;
  xg::Tensor y = (x.select(1, 0) * x.select(1, 1)).unsqueeze(1);  // learn the product of two numbers
  xg::optim::Adam optimizer(net.parameters(), {.lr = 1e-2});
  for (int step = 0; step < 500; ++step) {
    optimizer.zero_grad();
    xg::Tensor loss = nn::functional::mse_loss(net.forward(x), y);
    loss.backward();
    optimizer.step();
    if (step % 100 == 0) std::printf("%3d  %.5f\n", step, loss.item<double>());
  }
  xg::save(net.state_dict(), "net.safetensors");
}
