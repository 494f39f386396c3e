// The gradient checks, on functions written here with plain loops, right ones and wrong ones.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/testing.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor_impl.hpp"
#include "support/errors.hpp"

namespace xg = xgrad;
using test::mentions;
using test::message_of;
using xg::Shape;
using xg::Tensor;
using xg::TensorList;

namespace {

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Tensor from_values(const std::vector<double>& values, const Shape& shape, bool requires_grad = false) {
  return xg::tensor(std::span<const double>(values), shape, {.dtype = xg::float64, .requires_grad = requires_grad});
}
Tensor map(const Tensor& x, const std::function<double(double)>& f) {
  std::vector<double> values = x.to_vector<double>();
  for (double& v : values) v = f(v);
  return from_values(values, x.sizes());
}
// Values 0.1, 0.4, 0.7, ... of a shape.
Tensor sample(const Shape& shape, bool requires_grad = true) {
  std::vector<double> values(static_cast<std::size_t>(xg::numel(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1 + 0.3 * static_cast<double>(i);
  return from_values(values, shape, requires_grad);
}
// Another geometry over a tensor's memory.
Tensor strided(const Tensor& x, const Shape& shape, const Shape& strides, std::int64_t offset) {
  return xg::detail::make_alias(xg::detail::make_view(x, shape, strides, offset)).requires_grad_();
}

struct Mul : xg::Function<Mul> {
  static Tensor forward(xg::Context& context, const Tensor& a, const Tensor& b) {
    context.save_for_backward({a, b});
    const std::vector<double> right = b.to_vector<double>();
    std::vector<double> values = a.to_vector<double>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= right[i];
    return from_values(values, a.sizes());
  }
  static TensorList backward(xg::Context& context, const TensorList& g) {
    const TensorList saved = context.saved_tensors();
    return {Mul::apply(g[0], saved[1]), Mul::apply(g[0], saved[0])};
  }
};
Tensor mul(const Tensor& a, const Tensor& b) { return Mul::apply(a, b); }

// sin(x + quarters * pi/2); its derivative is the next quarter.
struct Sine : xg::Function<Sine> {
  static Tensor forward(xg::Context& context, const Tensor& x, int quarters) {
    context.save_for_backward({x});
    context.store("quarters", quarters);
    return map(x, [&](double v) { return std::sin(v + quarters * M_PI / 2); });
  }
  static TensorList backward(xg::Context& context, const TensorList& g) {
    return {Mul::apply(g[0], Sine::apply(context.saved_tensors()[0], context.load<int>("quarters") + 1))};
  }
};
Tensor sine(const Tensor& x) { return Sine::apply(x, 0); }

// sin(x) with an error in its derivative: at `depth` 1 in the first one, at 2 in the derivative of that.
struct Planted : xg::Function<Planted> {
  static Tensor forward(xg::Context& context, const Tensor& x, int depth, int quarters) {
    context.save_for_backward({x});
    context.store("depth", depth);
    context.store("quarters", quarters);
    return map(x, [&](double v) { return std::sin(v + quarters * M_PI / 2); });
  }
  static TensorList backward(xg::Context& context, const TensorList& g) {
    const Tensor x = context.saved_tensors()[0];
    const int depth = context.load<int>("depth"), next = context.load<int>("quarters") + 1;
    const Tensor slope = depth == 1 ? Sine::apply(x, next + 2) : Planted::apply(x, depth - 1, next);
    return {Mul::apply(g[0], slope)};
  }
};

// 2x, but whatever `change` makes of the gradient, given as a plain function of (grad, x).
using Change = std::function<Tensor(const Tensor&, const Tensor&)>;
struct Doubled : xg::Function<Doubled> {
  static Tensor forward(xg::Context& context, const Tensor& x, const Change& change) {
    context.save_for_backward({x});
    context.store("change", change);
    return map(x, [](double v) { return 2 * v; });
  }
  static TensorList backward(xg::Context& context, const TensorList& g) {
    return {context.load<Change>("change")(g[0], context.saved_tensors()[0])};
  }
};

}  // namespace

TEST_CASE("right derivatives pass, at first and at second order") {
  const Tensor x = sample({2, 3}), y = sample({2, 3});
  CHECK(xg::gradcheck(sine, {x}));
  CHECK(xg::gradgradcheck(sine, {x}));
  CHECK(xg::gradcheck(mul, {x, y}));
  CHECK(xg::gradgradcheck(mul, {x, y}));
  CHECK(xg::gradcheck([](const Tensor& a, const Tensor& b) { return sine(mul(a, b)); }, {x, y}));
  CHECK(xg::gradgradcheck([](const Tensor& a, const Tensor& b) { return sine(mul(a, b)); }, {x, y}));
  CHECK(xg::gradcheck([](const Tensor& a) { return a; }, {x}));
}

TEST_CASE("functions of all kinds are taken") {
  const Tensor x = sample({3}), y = sample({3});
  const auto list = [](const TensorList& in) { return TensorList{mul(in[0], in[1]), sine(in[0])}; };
  CHECK(xg::gradcheck(list, {x, y}));
  CHECK(xg::gradgradcheck(list, {x, y}));
  CHECK(xg::gradcheck([](auto a, auto b) { return std::pair(sine(a), mul(a, b)); }, {x, y}));
  CHECK(xg::gradcheck([](const Tensor& a) { return std::tuple(sine(a), std::pair(a, mul(a, a))); }, {x}));
  CHECK(xg::gradcheck(std::function<Tensor(const Tensor&)>(sine), {x}));
  // An int64 output, as an index, is left out, and so is one that was detached.
  CHECK(xg::gradcheck([](const Tensor& a) { return TensorList{xg::tensor({7}), sine(a), sine(a).detach()}; }, {x}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {x, y}); }), {"2 tensors"}));
}

TEST_CASE("inputs of any layout and size are taken") {
  const Tensor memory = sample({12}, false);
  CHECK(xg::gradcheck(sine, {strided(memory, {3, 4}, {1, 3}, 0)}));   // transposed
  CHECK(xg::gradcheck(sine, {strided(memory, {2, 3}, {-6, 2}, 6)}));  // a negative step
  CHECK(xg::gradcheck(sine, {strided(memory, {4, 3}, {0, 1}, 2)}));   // expanded
  CHECK(xg::gradcheck(sine, {strided(memory, {4, 3}, {1, 1}, 2)}));   // sliding windows
  CHECK(xg::gradgradcheck(sine, {strided(memory, {4, 3}, {0, 1}, 2)}));
  CHECK(xg::gradcheck(sine, {sample({})}));
  CHECK(xg::gradcheck(sine, {sample({0, 3})}));
  CHECK(xg::gradgradcheck(sine, {sample({0, 3})}));
  CHECK(xg::gradcheck(
      [](const Tensor& a, const Tensor& b) {
        return TensorList{sine(a), sine(b)};
      },
      {sample({0}), sample({2})}));
}

TEST_CASE("inputs that do not require grad are constants, and inputs keep what they hold") {
  const Tensor x = sample({3}), c = sample({3}, false);
  x.set_grad(sample({3}, false));
  const std::vector<double> before = x.to_vector<double>(), gradient = x.grad().to_vector<double>();
  const std::int64_t version = x.version();
  {
    xg::NoGradGuard no_grad;
    CHECK(xg::gradcheck(mul, {x, c}));
    CHECK(xg::gradgradcheck(mul, {x, c}));
  }
  CHECK(x.to_vector<double>() == before);
  CHECK(x.grad().to_vector<double>() == gradient);
  CHECK(x.version() == version);
  CHECK(!c.requires_grad());
}

TEST_CASE("a wrong first derivative fails, and the message says where") {
  const Tensor x = sample({2, 3});
  const auto wrong = [](const Tensor& v) { return Planted::apply(v, 1, 0); };
  const xg::CheckResult result = xg::gradcheck(wrong, {x});
  CHECK(!result);
  CHECK(mentions(result.message(), {"gradcheck:", "input 0", "output 0", "element [", "analytical", "numerical",
                                    "differ by", "allowed", "6 of 36"}));
  std::ostringstream printed;
  printed << result;
  CHECK(printed.str() == result.message());
  CHECK(std::string(doctest::toString(result).c_str()) == result.message());

  // One element alone: the second input's [1, 2].
  const auto one = [](const Tensor& a, const Tensor& b) {
    return mul(a, Doubled::apply(b, [](const Tensor& g, const Tensor&) {
                 std::vector<double> values = g.to_vector<double>();
                 for (double& v : values) v *= 2;
                 values[5] *= 1.01;
                 return from_values(values, g.sizes());
               }));
  };
  const xg::CheckResult single = xg::gradcheck(one, {sample({2, 3}), sample({2, 3})});
  CHECK(!single);
  // 2 * 1.6 = 3.2 is the derivative there.
  CHECK(mentions(single.message(), {"output 0, element [1, 2]", "input 1, element [1, 2]", "analytical 3.232",
                                    "numerical 3.2", "(1 of 72"}));
}

TEST_CASE("a wrong second derivative passes the first check and fails the second") {
  const Tensor x = sample({4});
  const auto wrong = [](const Tensor& v) { return Planted::apply(v, 2, 0); };
  CHECK(xg::gradcheck(wrong, {x}));
  const xg::CheckResult result = xg::gradgradcheck(wrong, {x});
  CHECK(!result);
  CHECK(mentions(result.message(), {"gradgradcheck:", "the gradient of input 0", "by input 0"}));
}

TEST_CASE("a gradient without history fails the second check") {
  const auto severed = [](const Tensor& v) {
    return mul(v, Doubled::apply(v, [](const Tensor& g, const Tensor&) {
                 return map(g.detach(), [](double d) { return 2 * d; });
               }));
  };
  CHECK(xg::gradcheck(severed, {sample({3})}));
  CHECK(!xg::gradgradcheck(severed, {sample({3})}));
}

TEST_CASE("NaN never passes") {
  const auto change = [](double to) {
    return [to](const Tensor& v) {
      return Doubled::apply(
          v, [to](const Tensor& g, const Tensor&) { return map(g, [to](double d) { return d == 1 ? to : 2 * d; }); });
    };
  };
  CHECK(!xg::gradcheck(change(nan_value), {sample({3})}));
  CHECK(!xg::gradcheck(change(nan_value), {sample({3})}, {.atol = 1e300}));
  CHECK(!xg::gradcheck(change(std::numeric_limits<double>::infinity()), {sample({3})},
                       {.rtol = std::numeric_limits<double>::infinity()}));
  CHECK(!xg::gradcheck(sine, {from_values({0.1, nan_value}, {2}, true)}));
  CHECK(!xg::gradgradcheck(sine, {from_values({0.1, nan_value}, {2}, true)}));
}

TEST_CASE("undefined gradients count as zero") {
  const auto none = [](const Tensor&, const Tensor&) { return Tensor(); };
  CHECK(xg::gradcheck([](const Tensor& a, const Tensor&) { return sine(a); }, {sample({3}), sample({2})}));
  CHECK(xg::gradgradcheck([](const Tensor& a, const Tensor&) { return sine(a); }, {sample({3}), sample({2})}));
  CHECK(!xg::gradcheck([&](const Tensor& a) { return Doubled::apply(a, none); }, {sample({3})}));
  // Nothing recorded at all: right for a constant, wrong for anything else.
  CHECK(xg::gradcheck([](const Tensor& a) { return map(a, [](double) { return 3.0; }); }, {sample({3})}));
  CHECK(!xg::gradcheck([](const Tensor& a) { return sine(a.detach()); }, {sample({3})}));
}

TEST_CASE("backward must be linear in the cotangent, and give the same again") {
  const auto affine = [](const Tensor& v) {
    return Doubled::apply(v, [](const Tensor& g, const Tensor&) { return map(g, [](double d) { return 2 * d + 1; }); });
  };
  CHECK(mentions(xg::gradcheck(affine, {sample({3})}).message(), {"zero cotangent", "input 0"}));
  int calls = 0;
  const auto drifting = [&](const Tensor& v) {
    return Doubled::apply(v, [&](const Tensor& g, const Tensor&) {
      ++calls;
      return map(g, [&](double d) { return calls == 2 ? 3 * d : 2 * d; });
    });
  };
  CHECK(mentions(xg::gradcheck(drifting, {sample({3})}).message(), {"second backward"}));
  // Right for contiguous cotangents only: reads an expanded one as if it were.
  const auto careless = [](const Tensor& v) {
    return Doubled::apply(v, [](const Tensor& g, const Tensor&) {
      if (!g.is_contiguous()) return map(g, [](double) { return 0.0; });
      return map(g, [](double d) { return 2 * d; });
    });
  };
  CHECK(mentions(xg::gradcheck(careless, {sample({3})}).message(), {"expanded view"}));
}

TEST_CASE("the function must depend on its inputs alone and leave them alone") {
  int calls = 0;
  const auto drifting = [&](const Tensor& v) { return map(v, [n = ++calls](double d) { return d + n; }); };
  CHECK(mentions(xg::gradcheck(drifting, {sample({3})}).message(), {"output 0", "eval()"}));
  const auto writing = [](const Tensor& v) {
    v.data<double>()[1] += 1;
    return sine(v);
  };
  CHECK(mentions(xg::gradcheck(writing, {sample({3})}).message(), {"changed its input 0"}));
}

TEST_CASE("a fourth-order difference finds an error of 1e-7") {
  const auto nearly = [](const Tensor& v) {
    return Doubled::apply(
        v, [](const Tensor& g, const Tensor&) { return map(g, [](double d) { return (2 + 1e-7) * d; }); });
  };
  const xg::GradcheckOptions fine{.eps = 1e-3, .atol = 1e-10, .rtol = 1e-10, .order = 4};
  CHECK(xg::gradcheck(nearly, {sample({3})}));
  CHECK(!xg::gradcheck(nearly, {sample({3})}, fine));
  CHECK(xg::gradcheck(sine, {sample({5})}, fine));
  CHECK(xg::gradgradcheck(sine, {sample({5})}, fine));
}

TEST_CASE("misuse is named") {
  const Tensor single = xg::ones({2}, {.dtype = xg::float32, .requires_grad = true});
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::gradcheck(sine, {single}); }),
                 {"gradcheck", "input 0", "float32", "float64", "testing_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::gradgradcheck(sine, {single}); }), {"gradgradcheck", "float64"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {sample({2}, false)}); }), {"requires grad"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {}); }), {"requires grad"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {Tensor()}); }), {"input 0", "undefined"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {sample({2})}, {.eps = 0}); }), {"eps"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { xg::gradcheck(sine, {sample({2})}, {.order = 3}); }), {"order"}));
  const auto wrong = [](const Tensor& v) { return Planted::apply(v, 1, 0); };
  CHECK(mentions(message_of<xg::AutogradError>([&] { xg::gradcheck(wrong, {sample({2})}, {.raise = true}); }),
                 {"analytical", "testing_test.cpp"}));
}

namespace {

// Looks like a Module: out = weight * sin(x), and counts its calls in a buffer that the result must not depend on.
struct Scaled {
  Tensor weight = sample({3}), frozen = sample({3}, false), count = from_values({0}, {1});
  int depth = 3;
  bool broken = false;
  std::vector<std::pair<std::string, Tensor>> named_parameters() const {
    return {{"inner.weight", weight}, {"frozen", frozen}};
  }
  std::vector<std::pair<std::string, Tensor>> named_buffers() const { return {{"count", count}}; }
  Tensor forward(const Tensor& x) {
    count.data<double>()[0] += 1;
    if (broken && weight.data<double>()[1] != 0.4) throw std::runtime_error("broken");
    const Tensor seen = from_values(std::vector<double>(3, count.item<double>()), {3});
    return mul(mul(Planted::apply(weight, depth, 0), mul(frozen, sine(x))), seen);
  }
};

}  // namespace

TEST_CASE("a module is checked with its parameters, and gets everything back") {
  Scaled module;
  const std::vector<double> before = module.weight.to_vector<double>();
  const std::int64_t version = module.weight.version();
  CHECK(xg::gradcheck_module(module, {sample({3}, false)}));
  CHECK(xg::gradcheck_module(module, {sample({3})}));
  module.depth = 1;
  const xg::CheckResult result = xg::gradcheck_module(module, {sample({3}, false)});
  CHECK(!result);
  CHECK(mentions(result.message(), {"gradcheck_module", "parameter inner.weight", "analytical"}));
  module.broken = true;
  CHECK_THROWS_AS(xg::gradcheck_module(module, {sample({3})}), std::runtime_error);
  CHECK(module.weight.to_vector<double>() == before);
  CHECK(module.weight.version() == version);
  CHECK(!module.weight.grad().defined());
  CHECK(module.count.item<double>() == 0);

  Scaled narrow;
  narrow.weight = xg::ones({3}, {.dtype = xg::float32, .requires_grad = true});
  CHECK(mentions(message_of<xg::DtypeError>([&] { xg::gradcheck_module(narrow, {sample({3})}); }),
                 {"inner.weight", "to(xgrad::float64)"}));
}
