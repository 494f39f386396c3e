// What set_float32_matmul_precision("medium") gains and costs on this processor: time of products and convolutions,
// forward and backward, in float32 and with operands rounded to bfloat16, and how far the results lie apart.
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <functional>
#include <string>

#include "bench.hpp"

namespace xg = xgrad;
using xg::Tensor;

namespace {

struct Results {
    double median_us;
    Tensor out, grad;
};

double relative(const Tensor& a, const Tensor& b) {
    const Tensor difference = a.to(xg::float64) - b.to(xg::float64), exact = b.to(xg::float64);
    return std::sqrt((difference * difference).mean().item<double>() / (exact * exact).mean().item<double>());
}

// The time of forward and backward of sum(f(a, b) w), by turns in both precisions.
void compare(const std::string& name, const xg::Shape& a_sizes, const xg::Shape& b_sizes,
             const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
    xg::manual_seed(1);
    Tensor a = xg::randn(a_sizes).requires_grad_(), b = xg::randn(b_sizes).requires_grad_();
    const Tensor w = xg::randn(f(a, b).sizes());
    Results results[2];
    std::vector<double> times[2];
    const char* precision[2] = {"highest", "medium"};
    for (int round = 0; round < 7; ++round)
        for (int p = 0; p < 2; ++p) {
            xg::set_float32_matmul_precision(precision[p]);
            times[p].push_back(bench::measure([&](bench::Laps&) {
                a.zero_grad(), b.zero_grad();
                results[p].out = f(a, b);
                results[p].out.backward(w);
            }, {.min_time_s = 0.1}).median_us);
            results[p].grad = a.grad().detach().clone();
        }
    std::printf("%-34s %8.0f us %8.0f us %6.2f   rms error %.1e, gradient %.1e\n", name.c_str(), bench::median(times[0]),
                bench::median(times[1]), bench::median(times[0]) / bench::median(times[1]),
                relative(results[1].out, results[0].out), relative(results[1].grad, results[0].grad));
}

}  // namespace

int main() {
    std::printf("%s\n%-34s %11s %11s %6s\n", xg::build_info().c_str(), "forward and backward", "highest", "medium", "gain");
    const auto product = [](const Tensor& a, const Tensor& b) { return xg::matmul(a, b); };
    const auto linear = [](const Tensor& x, const Tensor& w) { return xg::linear(x, w); };
    const auto convolution = [](const Tensor& x, const Tensor& w) { return xg::conv2d(x, w, {}, {.padding = 1}); };
    compare("matmul 256 x 256 x 256", {256, 256}, {256, 256}, product);
    compare("matmul 1024 x 1024 x 1024", {1024, 1024}, {1024, 1024}, product);
    compare("matmul 2048 x 2048 x 2048", {2048, 2048}, {2048, 2048}, product);
    compare("linear 128 x 784 -> 512", {128, 784}, {512, 784}, linear);
    compare("linear 1024 x 256 -> 1024", {1024, 256}, {1024, 256}, linear);
    compare("conv2d 16 x 64 x 32 x 32, 64 of 3x3", {16, 64, 32, 32}, {64, 64, 3, 3}, convolution);
    compare("conv2d 64 x 32 x 14 x 14, 64 of 3x3", {64, 32, 14, 14}, {64, 32, 3, 3}, convolution);
    compare("conv2d 16 x 256 x 14 x 14, 256 of 1x1", {16, 256, 14, 14}, {256, 256, 1, 1},
            [](const Tensor& x, const Tensor& w) { return xg::conv2d(x, w); });
}
