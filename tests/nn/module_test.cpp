#include <xgrad/autograd.hpp>
#include <xgrad/nn/format.hpp>
#include <xgrad/nn/linear.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/nn/normalization.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

struct Block : nn::Module {
  explicit Block(std::int64_t width)
      : fc1(register_module("fc1", nn::Linear(width, width))), fc2(register_module("fc2", nn::Linear(width, width))) {}
  nn::Linear fc1, fc2;
};

struct Net : nn::Module {
  nn::Linear embed = register_module("embed", nn::Linear(2, 4));
  Block block = register_module("block", Block(4));
  Tensor scale = register_parameter("scale", xg::ones({1}));
  Tensor counts = register_buffer("counts", xg::zeros({3}, {.dtype = xg::int64}));
  nn::BatchNorm1d norm = register_module("norm", nn::BatchNorm1d(4));
  nn::Linear head = register_module("head", nn::Linear(4, 1, {.bias = false}));
};

std::vector<std::string> names(const nn::NamedTensors& list) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : list) result.push_back(name);
  return result;
}
using Names = std::vector<std::string>;

template <class... T>
struct Typed : nn::Module {
  struct Inner : nn::Module {};
};

}  // namespace

static_assert(!std::is_copy_constructible_v<Net> && !std::is_copy_assignable_v<Net>);
static_assert(std::is_nothrow_move_constructible_v<Net> && std::is_move_assignable_v<Net>);

TEST_CASE("names come in PyTorch's order") {
  Net net;
  CHECK(names(net.named_parameters()) == Names{"scale", "embed.weight", "embed.bias", "block.fc1.weight",
                                               "block.fc1.bias", "block.fc2.weight", "block.fc2.bias", "norm.weight",
                                               "norm.bias", "head.weight"});
  CHECK(names(net.named_parameters(false)) == Names{"scale"});
  CHECK(names(net.named_buffers()) ==
        Names{"counts", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"});
  CHECK(net.state_dict().keys() == Names{"scale", "counts", "embed.weight", "embed.bias", "block.fc1.weight",
                                         "block.fc1.bias", "block.fc2.weight", "block.fc2.bias", "norm.weight",
                                         "norm.bias", "norm.running_mean", "norm.running_var",
                                         "norm.num_batches_tracked", "head.weight"});
  Names children, modules;
  for (const auto& [name, child] : net.named_children())
    children.push_back(fmt::format("{}:{}", name, child.type_name()));
  for (const auto& [name, module] : net.named_modules())
    modules.push_back(fmt::format("{}:{}", name, module.type_name()));
  CHECK(children == Names{"embed:Linear", "block:Block", "norm:BatchNorm1d", "head:Linear"});
  CHECK(modules == Names{":Net", "embed:Linear", "block:Block", "block.fc1:Linear", "block.fc2:Linear",
                         "norm:BatchNorm1d", "head:Linear"});
  CHECK(net.get_parameter("block.fc1.weight").is_same(net.block.fc1.weight));
  CHECK(net.get_buffer("norm.running_var").is_same(net.norm.running_var));
  CHECK(mentions(message_of<xg::ValueError>([&] { net.get_parameter("block.fc3"); }), {"get_parameter", "block.fc3"}));
}

TEST_CASE("parameters are the members' own tensors and require grad") {
  Net net;
  const xg::TensorList parameters = net.parameters();
  CHECK(parameters[0].is_same(net.scale));
  CHECK(parameters[3].is_same(net.block.fc1.weight));
  for (const Tensor& p : parameters) {
    CHECK(p.requires_grad());
    CHECK(p.is_leaf());
  }
  for (const Tensor& b : net.buffers()) CHECK_FALSE(b.requires_grad());
  net.requires_grad_(false);
  CHECK_FALSE(net.block.fc2.bias.requires_grad());
  net.requires_grad_();
  CHECK(net.block.fc2.bias.requires_grad());
}

TEST_CASE("train and eval reach every module, through members and handles") {
  Net net;
  CHECK(net.is_training());
  net.eval();
  CHECK_FALSE(net.is_training());
  CHECK_FALSE(net.block.is_training());
  CHECK_FALSE(net.block.fc1.is_training());
  net.block.train();
  CHECK(net.block.fc2.is_training());
  CHECK_FALSE(net.embed.is_training());
  net.apply([](nn::Module& m) {
    if (m.type_name() == "Linear") m.train();
  });
  CHECK(net.embed.is_training());
  CHECK_FALSE(net.norm.is_training());
}

TEST_CASE("a moved module is the same module; the one it came from is empty") {
  Net net;
  const Tensor weight = net.block.fc1.weight;
  const xg::TensorList before = net.parameters();
  Net moved = std::move(net);
  CHECK(moved.block.fc1.weight.is_same(weight));
  const xg::TensorList after = moved.parameters();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(after[i].is_same(before[i]));
  moved.eval();
  CHECK_FALSE(moved.block.fc1.is_training());

  CHECK(mentions(message_of<xg::Error>([&] { net.parameters(); }), {"Net", "moved from"}));
  CHECK(mentions(message_of<xg::Error>([&] {
                   net.embed(xg::zeros({1, 2}));
                 }),
                 {"Linear", "moved from", "module_test.cpp"}));
  std::vector<Block> blocks;
  for (int i = 0; i < 5; ++i) blocks.push_back(moved.register_module(fmt::format("b{}", i), Block(2)));
  CHECK(moved.get_parameter("b3.fc2.weight").is_same(blocks[3].fc2.weight));
}

TEST_CASE("registering a name again replaces it in its place, which ties weights") {
  Net net;
  net.head = net.register_module("head", nn::Linear(4, 2));
  CHECK(net.get_parameter("head.weight").is_same(net.head.weight));
  CHECK(net.named_parameters().back().first == "head.bias");

  net.block.fc2.weight = net.block.fc2.register_parameter("weight", net.block.fc1.weight);
  const Names listed = names(net.named_parameters());
  CHECK(std::count(listed.begin(), listed.end(), "block.fc1.weight") == 1);
  CHECK(std::count(listed.begin(), listed.end(), "block.fc2.weight") == 0);
  CHECK(net.get_parameter("block.fc2.weight").is_same(net.block.fc1.weight));
  const xg::StateDict state = net.state_dict();
  CHECK(state.contains("block.fc1.weight"));
  CHECK(state.contains("block.fc2.weight"));
  net.load_state_dict(state.clone());
  CHECK(xg::equal(net.block.fc2.weight, net.block.fc1.weight));
}

TEST_CASE("to converts the tensors that everybody holds, with their gradients") {
  Net net;
  const Tensor weight = net.embed.weight;
  const auto values = weight.to_vector<float>();
  weight.set_grad(xg::ones({4, 2}));
  net.to(xg::float64);
  CHECK(weight.dtype() == xg::float64);
  CHECK(weight.is_same(net.embed.weight));
  CHECK(weight.is_leaf());
  CHECK(weight.requires_grad());
  CHECK(weight.to_vector<float>() == values);
  CHECK(weight.grad().dtype() == xg::float64);
  CHECK(net.norm.running_mean.dtype() == xg::float64);
  CHECK(net.norm.num_batches_tracked.dtype() == xg::int64);
  CHECK(net.counts.dtype() == xg::int64);
  net.zero_grad();
  net.embed(xg::ones({1, 2}, {.dtype = xg::float64})).sum().backward();
  CHECK(weight.grad().dtype() == xg::float64);
  CHECK(weight.grad().to_vector<double>() == std::vector<double>(8, 1));
  CHECK(mentions(message_of<xg::DtypeError>([&] { net.to(xg::int64); }), {"to", "int64"}));
}

TEST_CASE("a graph recorded before to is noticed, not misread") {
  nn::Linear layer(2, 2);
  const Tensor x = xg::ones({1, 2}, {.requires_grad = true});
  const Tensor y = layer(x).sum();
  layer.to(xg::float64);
  CHECK(mentions(message_of<xg::AutogradError>([&] { y.backward(); }), {"modified"}));
}

TEST_CASE("zero_grad drops gradients") {
  Net net;
  net.embed(xg::ones({1, 2})).sum().backward();
  CHECK(net.embed.bias.grad().defined());
  net.zero_grad();
  CHECK_FALSE(net.embed.bias.grad().defined());
}

TEST_CASE("a state goes into another instance") {
  Net a, b;
  a.counts.fill_(7);
  const Tensor handle = b.embed.weight;
  const xg::StateDict state = a.state_dict();
  for (const auto& [name, tensor] : state) CHECK_FALSE(tensor.requires_grad());
  b.load_state_dict(state);
  CHECK(handle.is_same(b.embed.weight));
  CHECK(xg::equal(handle, a.embed.weight));
  CHECK(b.counts.to_vector<std::int64_t>() == std::vector<std::int64_t>(3, 7));
  CHECK(handle.requires_grad());

  // state_dict shares memory, a clone is a snapshot.
  const xg::StateDict snapshot = a.state_dict().clone();
  {
    xg::NoGradGuard no_grad;
    a.scale.fill_(3);
  }
  CHECK(state.at("scale").item<float>() == 3);
  CHECK(snapshot.at("scale").item<float>() == 1);

  a.to(xg::float64);
  b.load_state_dict(a.state_dict());
  CHECK(b.scale.dtype() == xg::float32);
  CHECK(b.scale.item<float>() == 3);
}

TEST_CASE("large tensors are loaded whole, wherever they lie") {
  // Past a line's begin, and of no whole number of lines.
  constexpr std::int64_t count = 600'001;
  std::vector<float> from(count + 3), to(count + 3);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i % 9973);
  for (const std::ptrdiff_t shift : {0, 1, 3}) {
    to.assign(to.size(), -1);
    nn::Module module;
    const Tensor x = module.register_parameter("x", xg::from_blob(to.data() + shift, {count}));
    const Tensor squares = x * x;
    module.load_state_dict({{"x", xg::from_blob(from.data() + 3 - shift, {count})}});
    CHECK(std::equal(from.begin() + 3 - shift, from.begin() + 3 - shift + count, to.begin() + shift));
    CHECK(std::count(to.begin(), to.end(), -1.0F) == 3);
    CHECK_THROWS_AS(squares.sum().backward(), xg::AutogradError);

    // Its own memory, and another dtype.
    module.load_state_dict(module.state_dict());
    CHECK(x.select(0, 7).item<float>() == from[static_cast<std::size_t>(10 - shift)]);
    module.load_state_dict({{"x", xg::full({count}, 0.1, {.dtype = xg::float64})}});
    CHECK(xg::equal(x.detach(), xg::full({count}, 0.1F)));
  }
}

TEST_CASE("a state that is given away is let go tensor by tensor") {
  std::vector<std::string> gone;
  xg::StateDict state;
  std::vector<std::vector<float>> memory;
  nn::Linear layer(3, 2);
  for (const auto& [name, tensor] : layer.state_dict()) {
    memory.emplace_back(static_cast<std::size_t>(tensor.numel()), 0.5F + static_cast<float>(memory.size()));
    state.insert(name, xg::from_blob(memory.back().data(), tensor.sizes(), {},
                                     [&gone, name = name](void*) { gone.push_back(name); }));
  }
  state.insert("more", xg::zeros({1}));
  CHECK_THROWS_AS(layer.load_state_dict(std::move(state)), xg::ValueError);
  CHECK(state.size() == 3);
  CHECK(gone.empty());

  state.erase("more");
  const Tensor kept = state.at("bias");
  layer.load_state_dict(std::move(state));
  CHECK(gone == Names{"weight"});
  CHECK(xg::equal(layer.weight.detach(), xg::full({2, 3}, 0.5)));
  CHECK(xg::equal(layer.bias.detach(), kept));
}

TEST_CASE("a state that does not fit is refused and changes nothing") {
  nn::Linear small(2, 2), large(3, 2);
  const Tensor before = small.weight.clone();
  const std::string shapes = message_of<xg::ShapeError>([&] { small.load_state_dict(large.state_dict()); });
  CHECK(mentions(shapes, {"load_state_dict", "\"weight\"", "[2, 3]", "[2, 2]", "module_test.cpp"}));

  xg::StateDict odd = small.state_dict().clone();
  odd.erase("bias");
  odd.insert("extra", xg::zeros({1}));
  odd.insert_or_assign("weight", xg::zeros({2, 2}));
  CHECK(mentions(message_of<xg::ValueError>([&] { small.load_state_dict(odd); }),
                 {"missing \"bias\"", "unexpected \"extra\"", "strict"}));
  CHECK(xg::equal(small.weight, before));
  small.load_state_dict(odd, {.strict = false});
  CHECK(xg::equal(small.weight, xg::zeros({2, 2})));

  xg::StateDict integers = small.state_dict().clone();
  integers.insert_or_assign("bias", xg::tensor({1, 2}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { small.load_state_dict(integers); }), {"\"bias\"", "int64"}));
}

TEST_CASE("buffers that are not persistent stay out of the state") {
  struct Cache : nn::Module {
    Tensor kept = register_buffer("kept", xg::zeros({1}));
    Tensor table = register_buffer("table", xg::zeros({2}), false);
  } cache;
  CHECK(names(cache.named_buffers()) == Names{"kept", "table"});
  CHECK(cache.state_dict().keys() == Names{"kept"});
}

TEST_CASE("printed like PyTorch") {
  Net net;
  const std::string expected =
      "Net(\n"
      "  (embed): Linear(in_features=2, out_features=4, bias=True)\n"
      "  (block): Block(\n"
      "    (fc1): Linear(in_features=4, out_features=4, bias=True)\n"
      "    (fc2): Linear(in_features=4, out_features=4, bias=True)\n"
      "  )\n"
      "  (norm): BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
      "  (head): Linear(in_features=4, out_features=1, bias=False)\n"
      ")";
  CHECK(net.to_string() == expected);
  std::ostringstream stream;
  stream << net;
  CHECK(stream.str() == expected);
  CHECK(fmt::format("{}", net) == expected);
  CHECK(nn::Linear(2, 16).to_string() == "Linear(in_features=2, out_features=16, bias=True)");
}

TEST_CASE("a type is printed without where it is from and what it is made of") {
  CHECK(Typed<>().to_string() == "Typed()");
  CHECK(Typed<std::vector<nn::Linear>, Typed<Net>>().to_string() == "Typed()");
  CHECK(Typed<nn::Linear>::Inner().to_string() == "Inner()");
  struct Local : nn::Module {};
  CHECK(Local().to_string() == "Local()");
}

TEST_CASE("names and tensors that cannot be registered") {
  struct Plain : nn::Module {
  } m;
  m.register_parameter("w", xg::zeros({1}));
  CHECK(mentions(message_of<xg::ValueError>([&] { m.register_parameter("", xg::zeros({1})); }), {"empty"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { m.register_parameter("a.b", xg::zeros({1})); }), {"dot", "a.b"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { m.register_buffer("w", xg::zeros({1})); }),
                 {"register_buffer", "\"w\"", "parameter"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { m.register_module("w", nn::Linear(1, 1)); }), {"register_module"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { m.register_parameter("i", xg::tensor({1})); }),
                 {"register_parameter", "int64", "register_buffer"}));
  const Tensor x = xg::ones({1}, {.requires_grad = true});
  CHECK(mentions(message_of<xg::AutogradError>([&] { m.register_parameter("y", x * 2); }), {"leaf", "mul", "detach"}));
  CHECK(m.register_parameter("none", Tensor()).defined() == false);
  CHECK(names(m.named_parameters()) == Names{"w"});
}
