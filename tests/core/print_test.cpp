#include <xgrad/fmt.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/print.hpp>

#include <doctest/doctest.h>
#include <limits>
#include <sstream>
#include <string>

namespace xg = xgrad;
using xg::Tensor;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string text(const Tensor& tensor) { return tensor.to_string(); }

// Sets print options for a scope.
struct WithOptions {
  explicit WithOptions(const xg::PrintOptions& options) { xg::set_print_options(options); }
  ~WithOptions() { xg::set_print_options({}); }
};

}  // namespace

TEST_CASE("fractions, whole numbers, integers and bools") {
  CHECK(text(xg::tensor(3.5)) == "tensor(3.5000)");
  CHECK(text(xg::tensor(3.0)) == "tensor(3.)");
  CHECK(text(xg::tensor(7)) == "tensor(7)");
  CHECK(text(xg::tensor(true)) == "tensor(true)");
  CHECK(text(xg::tensor({1.0, 2.5, -3.25})) == "tensor([ 1.0000,  2.5000, -3.2500])");
  CHECK(text(xg::tensor({1.0, 20.0, -3.0})) == "tensor([ 1., 20., -3.])");
  CHECK(text(xg::tensor({1, 20, -300})) == "tensor([   1,   20, -300])");
  CHECK(text(xg::tensor({true, false})) == "tensor([ true, false])");
  CHECK(text(xg::zeros({2})) == "tensor([0., 0.])");
  CHECK(text(xg::tensor({std::numeric_limits<std::int64_t>::min()})) == "tensor([-9223372036854775808])");
}

TEST_CASE("brackets nest and columns stand below each other") {
  CHECK(text(xg::tensor({{1.0, 2.0}, {3.0, 14.5}})) ==
        "tensor([[ 1.0000,  2.0000],\n"
        "        [ 3.0000, 14.5000]])");
  CHECK(text(xg::arange(12).reshape({2, 3, 2})) ==
        "tensor([[[ 0,  1],\n"
        "         [ 2,  3],\n"
        "         [ 4,  5]],\n"
        "\n"
        "        [[ 6,  7],\n"
        "         [ 8,  9],\n"
        "         [10, 11]]])");
  CHECK(text(xg::arange(6).reshape({2, 3}).transpose(0, 1)) ==
        "tensor([[0, 3],\n"
        "        [1, 4],\n"
        "        [2, 5]])");
}

TEST_CASE("scientific notation where magnitudes differ too much") {
  CHECK(text(xg::tensor({1e-5, 1.0})) == "tensor([1.0000e-05, 1.0000e+00])");
  CHECK(text(xg::tensor({1.5, 2000.5})) == "tensor([1.5000e+00, 2.0005e+03])");
  CHECK(text(xg::tensor({2e9})) == "tensor([2.0000e+09])");
  CHECK(text(xg::tensor({0.0, 0.5})) == "tensor([0.0000, 0.5000])");
  CHECK(text(xg::tensor({inf, -inf, not_a_number, 1.5})) == "tensor([   inf,   -inf,    nan, 1.5000])");
  CHECK(text(xg::tensor({inf, 2.0})) == "tensor([inf,  2.])");
}

TEST_CASE("what follows the numbers") {
  CHECK(text(xg::tensor({1.5}, {.dtype = xg::float64})) == "tensor([1.5000], dtype=float64)");
  CHECK(text(xg::tensor({1, 2}, {.dtype = xg::int32})) == "tensor([1, 2], dtype=int32)");
  CHECK(text(xg::tensor({200}, {.dtype = xg::uint8})) == "tensor([200], dtype=uint8)");
  const Tensor x = xg::tensor({1.5}, {.dtype = xg::float64, .requires_grad = true});
  CHECK(text(x) == "tensor([1.5000], dtype=float64, requires_grad=true)");
  CHECK(text(x * 2) == "tensor([3.], dtype=float64, grad_fn=<mul>)");
  CHECK(text(xg::zeros({0})) == "tensor([])");
  CHECK(text(xg::zeros({2, 0})) == "tensor([], size=[2, 0])");
  CHECK(text(xg::zeros({0}, {.dtype = xg::float64})) == "tensor([], dtype=float64)");
  CHECK(text(Tensor()) == "tensor(undefined)");
  CHECK(text(xg::full({12}, 0.5, {.dtype = xg::float64, .requires_grad = true})) ==
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000,\n"
        "        0.5000, 0.5000, 0.5000], dtype=float64, requires_grad=true)");
  CHECK(text(xg::full({8}, 0.5, {.dtype = xg::float64, .requires_grad = true})) ==
        "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n"
        "       dtype=float64, requires_grad=true)");
}

TEST_CASE("large tensors are summarised") {
  CHECK(text(xg::arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])");
  CHECK(text(xg::arange(10000).reshape({100, 100})) ==
        "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n"
        "        [ 100,  101,  102,  ...,  197,  198,  199],\n"
        "        [ 200,  201,  202,  ...,  297,  298,  299],\n"
        "        ...,\n"
        "        [9700, 9701, 9702,  ..., 9797, 9798, 9799],\n"
        "        [9800, 9801, 9802,  ..., 9897, 9898, 9899],\n"
        "        [9900, 9901, 9902,  ..., 9997, 9998, 9999]])");
  CHECK(text(xg::arange(1002).reshape({501, 2})) ==
        "tensor([[   0,    1],\n"
        "        [   2,    3],\n"
        "        [   4,    5],\n"
        "        ...,\n"
        "        [ 996,  997],\n"
        "        [ 998,  999],\n"
        "        [1000, 1001]])");
  // The notation follows from what is shown.
  CHECK(text(xg::ones({1001})) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])");
}

TEST_CASE("print options") {
  {
    WithOptions with({.precision = 2, .threshold = 5, .edgeitems = 1});
    CHECK(text(xg::tensor({1.0, 2.125})) == "tensor([1.00, 2.12])");
    CHECK(text(xg::arange(6)) == "tensor([0,  ..., 5])");
  }
  {
    WithOptions with({.linewidth = 20});
    CHECK(text(xg::arange(6)) ==
          "tensor([0, 1, 2, 3,\n"
          "        4, 5])");
  }
  {
    WithOptions with({.sci_mode = true});
    CHECK(text(xg::tensor({1.5})) == "tensor([1.5000e+00])");
  }
  {
    WithOptions with({.sci_mode = false});
    CHECK(text(xg::tensor({1e-5, 1.0})) == "tensor([0.0000, 1.0000])");
  }
  CHECK(xg::get_print_options().precision == 4);
  CHECK_THROWS_AS(xg::set_print_options({.precision = -1}), xg::ValueError);
  CHECK_THROWS_AS(xg::set_print_options({.edgeitems = 0}), xg::ValueError);
  CHECK_THROWS_AS(xg::set_print_options({.threshold = -1}), xg::ValueError);
  CHECK(xg::get_print_options().precision == 4);
}

TEST_CASE("streams and fmt") {
  const Tensor x = xg::tensor({1.5});
  std::ostringstream stream;
  stream << x << ' ' << x.sizes() << ' ' << x.dtype();
  CHECK(stream.str() == "tensor([1.5000]) [1] float32");
  CHECK(fmt::format("{} {} {}", x, x.sizes(), x.dtype()) == "tensor([1.5000]) [1] float32");
  CHECK(fmt::format("{:>10}|{:<8}|", xg::Shape{2, 3}, xg::bool_) == "    [2, 3]|bool    |");
}
