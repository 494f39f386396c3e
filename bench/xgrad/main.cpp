// xgrad side of the comparison (../libtorch/main.cpp is the other), written as a user of the library would write it:
// its public API, no options chosen for speed, nothing that the LibTorch program could not say as well.
//   xgrad_bench --list
//   xgrad_bench NAME [NAME...] [--threads N] [--time SEC]
// One JSON line per workload on stdout; bench.hpp says what its fields mean. README.md lists the API relied on.
#include <xgrad/elementwise.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"

#include <unistd.h>

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace F = xgrad::nn::functional;
using bench::Laps;
using bench::Outcome;
using xg::Tensor;
using xg::TensorList;

static std::int64_t elements(const xg::Shape& shape) {
    std::int64_t n = 1;
    for (std::int64_t d : shape) n *= d;
    return n;
}
static Tensor det(const xg::Shape& shape, std::uint64_t seed, float scale = 1.0f) {
    Tensor t;
    {
        std::vector<float> v(static_cast<std::size_t>(elements(shape)));
        for (std::size_t i = 0; i < v.size(); ++i) v[i] = bench::det_uniform(seed, i, scale);
        t = xg::tensor(v).reshape(shape);
    }
    bench::trim_heap();
    return t;
}
static Tensor det_idx(const xg::Shape& shape, std::uint64_t seed, std::uint64_t n) {
    std::vector<std::int64_t> v(static_cast<std::size_t>(elements(shape)));
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<std::int64_t>(bench::det_int(seed, i, n));
    return xg::tensor(v).reshape(shape);
}
// k-th parameter of a module: stream 1000+k, scale 1/sqrt(fan_in) for matrices and kernels,
// untouched for 1-d ones (norm gains stay 1, biases are zeroed).
static void det_init(nn::Module& m) {
    xg::NoGradGuard no_grad;
    std::uint64_t k = 0;
    for (auto [name, p] : m.named_parameters()) {
        if (p.dim() >= 2) {
            const float fan = static_cast<float>(p.numel() / p.size(0));
            p.copy_(det(p.sizes(), 1000 + k, 1.0f / std::sqrt(fan)));
        } else if (name.find("bias") != std::string::npos) {
            p.zero_();
        }
        ++k;
    }
}

// The check fields of bench.hpp, element by element from plain memory. `check` is null wherever time is taken.
static bench::Dot dot(const Tensor& t, std::uint64_t stream) {
    if (!t.defined()) return {};
    Tensor c = t.detach().contiguous();
    return bench::det_dot(c.data<float>(), static_cast<std::size_t>(c.numel()), stream);
}
static void record_out(Outcome* check, const Tensor& t) {
    if (check) check->check_out.push_back(dot(t, 5000 + check->check_out.size()));
}
static void record_grad(Outcome* check, const Tensor& g) {
    if (check) check->check_grad.push_back(dot(g, 6000 + check->check_grad.size()));
}
// Nobody may put off the work: what a step made is there as plain memory when its time is taken.
static void materialise(const Tensor& t) {
    Tensor c = t.contiguous();
    bench::keep(c.data<float>());
}

// fwd(check) returns the loss and records the output; `leaves` is everything that gets a gradient.
template <class Opt, class Fwd> static Outcome train(Opt& opt, const TensorList& leaves, Fwd fwd) {
    Outcome o;
    auto step = [&](Laps& l, Outcome* check) {
        opt.zero_grad();
        Tensor loss = fwd(check);
        l.lap("fwd");
        loss.backward();
        l.lap("bwd");
        if (check)
            for (const Tensor& t : leaves) record_grad(check, t.grad());
        opt.step();
        l.lap("opt");
        return loss;
    };
    Laps l;
    for (int i = 0; i <= 10; ++i) {
        const double v = step(l, i == 0 ? &o : nullptr).template item<double>();
        if (i == 0) o.loss0 = v;
        if (i == 10) o.loss10 = v;
    }
    o.r = bench::measure([&](Laps& lp) { materialise(step(lp, nullptr)); }, bench::options);
    return o;
}
// f(laps, check) is one iteration.
template <class S> static Outcome plain(S&& f) {
    Outcome o;
    Laps l;
    f(l, &o);
    o.r = bench::measure([&](Laps& lp) { f(lp, nullptr); }, bench::options);
    return o;
}
// f(check) makes the value, which is then run backward, from `seed` when there is one.
template <class S> static Outcome fwd_bwd(const TensorList& leaves, S&& f, const Tensor& seed = {}) {
    return plain([&](Laps& l, Outcome* check) {
        for (const Tensor& t : leaves) t.zero_grad();
        Tensor s = f(check);
        l.lap("fwd");
        if (seed.defined()) s.backward(seed);
        else s.backward();
        for (const Tensor& t : leaves) materialise(t.grad());
        l.lap("bwd");
        for (const Tensor& t : leaves) record_grad(check, t.grad());
    });
}

// ---------------------------------------------------------------- workloads
// a and b keep dy/dx at 1e-3 after 1000 operations; with a larger slope away from 1 it would underflow to 0.
static Tensor chain(const Tensor& x, const Tensor& a, const Tensor& b, int n) {
    Tensor y = x;
    for (int i = 0; i < n; ++i) switch (i % 3) {
            case 0: y = y * a; break;
            case 1: y = y + b; break;
            default: y = xg::tanh(y);
        }
    return y;
}
static Outcome scalar_chain(bool weights) {
    Tensor x = xg::full({1}, 0.5, {.requires_grad = true});
    Tensor a = xg::full({1}, 0.999, {.requires_grad = weights});
    Tensor b = xg::full({1}, 0.001, {.requires_grad = weights});
    const int n = 1000;
    auto o = fwd_bwd(weights ? TensorList{x, a, b} : TensorList{x}, [&](Outcome* check) {
        Tensor y = chain(x, a, b, n);
        record_out(check, y);
        return y;
    });
    o.extra.push_back({"ns_per_op", o.r.median_us * 1000.0 / n});
    return o;
}
static Outcome scalar_chain_nograd() {
    xg::NoGradGuard no_grad;
    Tensor x = xg::full({1}, 0.5), a = xg::full({1}, 0.999), b = xg::full({1}, 0.001);
    const int n = 1000;
    auto o = plain([&](Laps&, Outcome* check) {
        Tensor y = chain(x, a, b, n);
        materialise(y);
        record_out(check, y);
    });
    o.extra.push_back({"ns_per_op", o.r.median_us * 1000.0 / n});
    return o;
}

struct XorNet : nn::Module {
    nn::Linear a = register_module("a", nn::Linear(2, 8));
    nn::Linear b = register_module("b", nn::Linear(8, 1));
    Tensor forward(const Tensor& x) { return xg::sigmoid(b(xg::tanh(a(x)))); }
};
static Outcome small_mlp_xor() {
    XorNet m;
    det_init(m);
    Tensor x = xg::tensor({0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0}).reshape({4, 2});
    Tensor y = xg::tensor({0.0, 1.0, 1.0, 0.0}).reshape({4, 1});
    xg::optim::SGD opt(m.parameters(), {.lr = 0.5});
    return train(opt, m.parameters(), [&](Outcome* check) {
        Tensor p = m.forward(x);
        record_out(check, p);
        return F::mse_loss(p, y);
    });
}

struct Mlp : nn::Module {
    nn::Linear a = register_module("a", nn::Linear(784, 512));
    nn::Linear b = register_module("b", nn::Linear(512, 256));
    nn::Linear c = register_module("c", nn::Linear(256, 10));
    Tensor forward(const Tensor& x) { return c(xg::relu(b(xg::relu(a(x))))); }
};
static Outcome mlp_mnist() {
    Mlp m;
    det_init(m);
    Tensor x = det({128, 784}, 1), y = det_idx({128}, 2, 10);
    xg::optim::Adam opt(m.parameters(), {.lr = 1e-3});
    return train(opt, m.parameters(), [&](Outcome* check) {
        Tensor p = m.forward(x);
        record_out(check, p);
        return F::cross_entropy(p, y);
    });
}
static Outcome inference(int batch) {
    Mlp m;
    det_init(m);
    xg::NoGradGuard no_grad;
    Tensor x = det({batch, 784}, 1);
    return plain([&](Laps&, Outcome* check) {
        Tensor p = m.forward(x);
        materialise(p);
        record_out(check, p);
    });
}

// The one workload where a user of xgrad has a second way to write it: the formula as one fused operation.
constexpr auto fused_chain = xg::elementwise([](auto x) {
    using std::exp, std::tanh;
    return x * tanh(x) + exp(-x * x) / (1 + exp(-x));
});
static Outcome elementwise_chain() {
    Tensor x = det({4 * 1024 * 1024}, 1, 2.0f).requires_grad_(true);
    return fwd_bwd({x}, [&](Outcome* check) {
        Tensor y = fused_chain(x);
        record_out(check, y);
        return y.sum();
    });
}
static Outcome elementwise_chain_ops() {
    Tensor x = det({4 * 1024 * 1024}, 1, 2.0f).requires_grad_(true);
    return fwd_bwd({x}, [&](Outcome* check) {
        Tensor y = x * xg::tanh(x) + xg::sigmoid(x) * xg::exp(-x * x);
        record_out(check, y);
        return y.sum();
    });
}

// gain and bias away from 1 and 0, or the gradient of x would be nothing but rounding
static Tensor ln_gain() { return (1 + det({1024}, 3, 0.5f)).requires_grad_(true); }
static Tensor ln_bias() { return det({1024}, 4, 0.5f).requires_grad_(true); }
static Outcome layernorm_prim() {
    Tensor x = det({2048, 1024}, 1).requires_grad_(true), g = ln_gain(), b = ln_bias();
    return fwd_bwd({g, b, x}, [&](Outcome* check) {
        Tensor xc = x - x.mean(-1, true);
        Tensor var = (xc * xc).mean(-1, true);
        Tensor y = xc / xg::sqrt(var + 1e-5) * g + b;
        record_out(check, y);
        return y.sum();
    });
}
static Outcome layernorm_fused() {
    Tensor x = det({2048, 1024}, 1).requires_grad_(true), g = ln_gain(), b = ln_bias();
    return fwd_bwd({g, b, x}, [&](Outcome* check) {
        Tensor y = F::layer_norm(x, {1024}, g, b, 1e-5);
        record_out(check, y);
        return y.sum();
    });
}
static Outcome softmax_rows() {
    Tensor x = det({2048, 1024}, 1).requires_grad_(true), g = det({2048, 1024}, 2);
    return fwd_bwd({x}, [&](Outcome* check) {
        Tensor s = F::softmax(x, -1);
        record_out(check, s);
        return s;
    }, g);
}
static Outcome sum_axis(int ax) {
    Tensor x = det({2048, 1024}, 1).requires_grad_(true), g = det({ax == 0 ? 1024 : 2048}, 2);
    return fwd_bwd({x}, [&](Outcome* check) {
        Tensor s = x.sum(ax);
        record_out(check, s);
        return s;
    }, g);
}

struct Cnn : nn::Module {
    nn::Conv2d c1 = register_module("c1", nn::Conv2d(1, 32, 3, {.padding = 1}));
    nn::Conv2d c2 = register_module("c2", nn::Conv2d(32, 64, 3, {.padding = 1}));
    nn::Linear f1 = register_module("f1", nn::Linear(3136, 128));
    nn::Linear f2 = register_module("f2", nn::Linear(128, 10));
    Tensor forward(Tensor x) {
        x = F::max_pool2d(xg::relu(c1(x)), 2);
        x = F::max_pool2d(xg::relu(c2(x)), 2);
        return f2(xg::relu(f1(x.flatten(1))));
    }
};
static Outcome cnn_fmnist() {
    Cnn m;
    det_init(m);
    Tensor x = det({64, 1, 28, 28}, 1), y = det_idx({64}, 2, 10);
    xg::optim::SGD opt(m.parameters(), {.lr = 0.01, .momentum = 0.9});
    return train(opt, m.parameters(), [&](Outcome* check) {
        Tensor p = m.forward(x);
        record_out(check, p);
        return F::cross_entropy(p, y);
    });
}

struct Block : nn::Module {
    nn::Conv2d c1 = register_module("c1", nn::Conv2d(64, 64, 3, {.padding = 1, .bias = false}));
    nn::BatchNorm2d b1 = register_module("b1", nn::BatchNorm2d(64));
    nn::Conv2d c2 = register_module("c2", nn::Conv2d(64, 64, 3, {.padding = 1, .bias = false}));
    nn::BatchNorm2d b2 = register_module("b2", nn::BatchNorm2d(64));
    Tensor forward(const Tensor& x) { return xg::relu(b2(c2(xg::relu(b1(c1(x))))) + x); }
};
static Outcome resnet_block() {
    Block m;
    det_init(m);
    // the input requires grad, as it would in the middle of a network
    Tensor x = det({16, 64, 32, 32}, 1).requires_grad_(true);
    xg::optim::SGD opt(m.parameters(), {.lr = 1.0});
    TensorList leaves = m.parameters();
    leaves.push_back(x);
    return train(opt, leaves, [&](Outcome* check) {
        x.zero_grad();
        Tensor y = m.forward(x);
        record_out(check, y);
        return y.mean();
    });
}

static Outcome lstm_nn() {
    nn::LSTM m(128, 256);
    det_init(m);
    Tensor x = det({64, 32, 128}, 1);
    xg::optim::SGD opt(m.parameters(), {.lr = 50.0});
    return train(opt, m.parameters(), [&](Outcome* check) {
        auto [h, state] = m(x);
        record_out(check, h);
        return (h * h).mean();
    });
}
// x_t Wi + h Wh + b, gates in order i,f,g,o; only primitive ops
static Outcome lstm_cell() {
    Tensor wi = det({128, 1024}, 1001, 1.0f / std::sqrt(128.0f)).requires_grad_(true);
    Tensor wh = det({256, 1024}, 1002, 1.0f / std::sqrt(256.0f)).requires_grad_(true);
    Tensor b = xg::zeros({1024}, {.requires_grad = true});
    Tensor x = det({64, 32, 128}, 1);
    xg::optim::SGD opt(TensorList{wi, wh, b}, {.lr = 50.0});
    return train(opt, {wi, wh, b}, [&](Outcome* check) {
        Tensor h = xg::zeros({32, 256}), c = xg::zeros({32, 256});
        TensorList hs;
        for (int t = 0; t < 64; ++t) {
            Tensor z = xg::matmul(x.select(0, t), wi) + xg::matmul(h, wh) + b;
            TensorList g = z.chunk(4, 1);
            c = xg::sigmoid(g[1]) * c + xg::sigmoid(g[0]) * xg::tanh(g[2]);
            h = xg::sigmoid(g[3]) * xg::tanh(c);
            hs.push_back(h);
        }
        Tensor s = xg::stack(hs);
        record_out(check, s);
        return (s * s).mean();
    });
}

struct Bag : nn::Module {
    nn::Embedding e = register_module("e", nn::Embedding(50000, 64));
    nn::Linear f = register_module("f", nn::Linear(64, 2));
    Tensor forward(const Tensor& i) { return f(e(i).mean(1)); }
};
template <class Opt> static Outcome embedding_bag(double lr) {
    Bag m;
    det_init(m);
    Tensor x = det_idx({256, 32}, 1, 50000), y = det_idx({256}, 2, 2);
    Opt opt(m.parameters(), {.lr = lr});
    return train(opt, m.parameters(), [&](Outcome* check) {
        Tensor p = m.forward(x);
        record_out(check, p);
        return F::cross_entropy(p, y);
    });
}

struct HvpNet : nn::Module {
    nn::Linear a = register_module("a", nn::Linear(64, 64));
    nn::Linear b = register_module("b", nn::Linear(64, 1));
    Tensor forward(const Tensor& x) { return b(xg::tanh(a(x))); }
};
static Outcome hvp() {
    HvpNet m;
    det_init(m);
    Tensor x = det({256, 64}, 1), y = det({256, 1}, 2);
    const TensorList ps = m.parameters();
    TensorList v;
    for (std::size_t i = 0; i < ps.size(); ++i) v.push_back(det(ps[i].sizes(), 50 + i));
    auto o = plain([&](Laps& l, Outcome* check) {
        Tensor p = m.forward(x);
        record_out(check, p);
        Tensor loss = F::mse_loss(p, y);
        l.lap("fwd");
        TensorList g = xg::grad({loss}, ps, {.create_graph = true});
        l.lap("bwd");
        Tensor dot = (g[0] * v[0]).sum();
        for (std::size_t i = 1; i < g.size(); ++i) dot = dot + (g[i] * v[i]).sum();
        TensorList h = xg::grad({dot}, ps);
        for (const Tensor& t : h) materialise(t);
        l.lap("bwd2");
        for (const Tensor& t : h) record_grad(check, t);  // here the gradients are the blocks of Hv
    });
    double norm2 = 0;
    for (const auto& d : o.check_grad) norm2 += d.norm * d.norm;
    o.extra.push_back({"hv_norm2", norm2});
    return o;
}

// 50 parameters of 4 MB; parameter i holds stream 700 + i
struct State : nn::Module {
    explicit State(bool filled) {
        for (int i = 0; i < 50; ++i)
            register_parameter("p" + std::to_string(i), filled ? det({1000, 1000}, 700 + i) : xg::zeros({1000, 1000}));
    }
};
static const std::string state_path = "bench_state_" + std::to_string(::getpid()) + ".safetensors";
static void save_state(const State& m) { xg::save(m.state_dict(), state_path); }
static void load_state(State& m) { m.load_state_dict(xg::load(state_path)); }
// How many of the parameters hold every byte of what was saved, seen through handles taken before the load.
static void record_state(Outcome& o, const TensorList& ps) {
    int exact = 0;
    for (std::size_t i = 0; i < ps.size(); ++i) {
        record_out(&o, ps[i]);
        Tensor c = ps[i].detach().contiguous();
        exact += bench::is_det(c.data<float>(), static_cast<std::size_t>(c.numel()), 700 + i);
    }
    o.extra.push_back({"exact", exact});
}
static bench::Options io_options() {
    bench::Options o = bench::options;
    o.warmup = 1;
    o.min_iters = 5;
    return o;
}
static Outcome save() {
    State m(true);
    Outcome o;
    o.r = bench::measure([&](Laps&) { save_state(m); }, io_options());
    o.rss_mb = bench::peak_rss_mb();  // without the model that reads the file back
    o.extra.push_back({"mb_s", 200e6 / o.r.median_us});
    State back(false);
    const TensorList ps = back.parameters();
    load_state(back);
    record_state(o, ps);
    ::unlink(state_path.c_str());
    return o;
}
static Outcome load() {  // the file was written by another process
    State m(false);
    const TensorList ps = m.parameters();
    Outcome o;
    const double t0 = bench::now_us();
    load_state(m);
    o.extra.push_back({"first_us", bench::now_us() - t0});  // the one a program pays that loads once
    record_state(o, ps);
    o.r = bench::measure([&](Laps&) {
        load_state(m);
        for (const Tensor& p : ps) bench::touch_pages(p.data<float>(), static_cast<std::size_t>(p.numel()) * sizeof(float));
    }, io_options());
    o.extra.push_back({"mb_s", 200e6 / o.r.median_us});
    ::unlink(state_path.c_str());
    return o;
}
static Outcome noop() {  // RSS of an idle process
    materialise(xg::ones({1}));
    return {};
}

int main(int argc, char** argv) {
    using xg::optim::Adam, xg::optim::SGD;
    return bench::run_program(argc, argv, "xgrad", {
        {"noop", noop},
        {"scalar_chain", [] { return scalar_chain(false); }},
        {"scalar_chain_w", [] { return scalar_chain(true); }},
        {"scalar_chain_nograd", scalar_chain_nograd},
        {"small_mlp_xor", small_mlp_xor},
        {"mlp_mnist", mlp_mnist},
        {"elementwise_chain", elementwise_chain},
        {"elementwise_chain_ops", elementwise_chain_ops},
        {"layernorm_prim", layernorm_prim},
        {"layernorm_fused", layernorm_fused},
        {"softmax", softmax_rows},
        {"sum_axis0", [] { return sum_axis(0); }},
        {"sum_axis1", [] { return sum_axis(1); }},
        {"cnn_fmnist", cnn_fmnist},
        {"resnet_block", resnet_block},
        {"lstm", lstm_nn},
        {"lstm_cell", lstm_cell},
        {"embedding_bag_adam", [] { return embedding_bag<Adam>(1e-3); }},
        {"embedding_bag_sgd", [] { return embedding_bag<SGD>(0.1); }},
        // LibTorch's sparse-gradient switch has no counterpart: against it runs the same program as above
        {"embedding_bag_sparse_sgd", [] { return embedding_bag<SGD>(0.1); }},
        {"hvp", hvp},
        {"inference_b1", [] { return inference(1); }},
        {"inference_b128", [] { return inference(128); }},
        {"save", save},
        {"load", load, [] { save_state(State(true)); }},
    }, [](int n) { xg::set_num_threads(n); });
}
