#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <xgrad/xgrad.hpp>

namespace xg = xgrad;
using xg::Context;
using xg::Tensor;
using xg::TensorList;
using Values = std::vector<double>;

namespace {

constexpr xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

struct Exponential : xg::Function<Exponential> {
  static Tensor forward(Context& context, const Tensor& x) {
    const Tensor y = xg::exp(x);
    context.save_for_backward({y});
    return y;
  }
  static TensorList backward(Context& context, const TensorList& grads) {
    return {grads[0] * context.saved_tensors()[0]};
  }
};

struct SumAndProduct : xg::Function<SumAndProduct> {
  static TensorList forward(Context& context, const Tensor& a, const Tensor& b, double scale) {
    context.save_for_backward({a, b});
    context.store("scale", scale);
    return {(a + b) * scale, a * b};
  }
  static TensorList backward(Context& context, const TensorList& grads) {
    const auto saved = context.saved_tensors();
    const double scale = context.load<double>("scale");
    asked = {context.needs_input_grad(0), context.needs_input_grad(1)};
    return {grads[0] * scale + grads[1] * saved[1], grads[0] * scale + grads[1] * saved[0]};
  }
  static inline std::vector<bool> asked;
};

struct Forgetful : xg::Function<Forgetful> {
  static Tensor forward(Context&, const Tensor& a, const Tensor&) { return a; }
  static TensorList backward(Context&, const TensorList& grads) { return {grads[0]}; }
};

struct WrongShape : xg::Function<WrongShape> {
  static Tensor forward(Context&, const Tensor& a) { return a * 1; }
  static TensorList backward(Context&, const TensorList& grads) { return {grads[0].sum()}; }
};

template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const xg::Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a saved output is part of the graph again, to any order") {
  const Tensor x = xg::tensor({0.5}, f64);
  Tensor y = Exponential::apply(x);
  for (int n = 0; n < 4; ++n) {
    CHECK(y.item<double>() == doctest::Approx(std::exp(0.5)).epsilon(1e-14));
    y = xg::grad({y}, {x}, {.create_graph = true})[0];
  }
}

TEST_CASE("several outputs, other arguments, needs_input_grad") {
  const Tensor a = xg::tensor({2.0, 3.0}, f64), b = xg::tensor({5.0, 7.0}, {.dtype = xg::float64});
  auto out = SumAndProduct::apply(a, b, 10.0);
  CHECK(out[0].to_vector<double>() == Values{70, 100});
  (out[0] + out[1]).sum().backward();
  CHECK(a.grad().to_vector<double>() == Values{15, 17});
  CHECK(SumAndProduct::asked == std::vector<bool>{true, false});
  a.zero_grad();
  // An output that is not used has a gradient of zeros.
  SumAndProduct::apply(a, b, 10.0)[1].sum().backward();
  CHECK(a.grad().to_vector<double>() == Values{5, 7});
}

TEST_CASE("an input returned as it is becomes a result of its own") {
  const Tensor a = xg::tensor({2.0}, f64);
  const Tensor out = Forgetful::apply(a, xg::ones({1}));
  CHECK(!out.is_leaf());
  CHECK(a.is_leaf());
}

TEST_CASE("a backward that returns too few or misshapen gradients is told so") {
  const Tensor a = xg::tensor({2.0, 1.0}, f64);
  const std::string few = message([&] { Forgetful::apply(a, xg::ones({1})).sum().backward(); });
  CHECK(few.find("Forgetful") != std::string::npos);
  CHECK(few.find("2 tensor arguments") != std::string::npos);
  CHECK(few.find("function_test.cpp") != std::string::npos);
  const std::string shape = message([&] { WrongShape::apply(a).sum().backward(); });
  CHECK(shape.find("WrongShape") != std::string::npos);
  CHECK(shape.find("[2]") != std::string::npos);
}

TEST_CASE("stored values have their type") {
  Context context;
  context.store("n", 3);
  CHECK(context.load<int>("n") == 3);
  CHECK_THROWS_AS(context.load<double>("n"), xg::ValueError);
  CHECK_THROWS_AS(context.load<int>("m"), xg::ValueError);
}

TEST_CASE("nothing is recorded, and nothing kept, without need") {
  const Tensor x = xg::tensor({0.5}, {.dtype = xg::float64});
  CHECK(!Exponential::apply(x).requires_grad());
}
