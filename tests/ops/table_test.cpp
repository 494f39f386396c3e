// The table itself: that it finds what is wrong, and that every operation has a row.
#include <xgrad/autograd.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>

#include "support/files.hpp"
#include "support/op_table.hpp"
#include "support/public_operations.hpp"

namespace xg = xgrad;
using xg::Tensor;
using xg::TensorList;

namespace {

// sin whose derivative is right (depth 0), wrong itself (1), or has a wrong derivative (2).
template <int depth>
struct Sine : xg::Function<Sine<depth>> {
  static Tensor forward(xg::Context& context, const Tensor& x) {
    context.save_for_backward({x});
    return xg::sin(x);
  }
  static TensorList backward(xg::Context& context, const TensorList& g) {
    const Tensor x = context.saved_tensors()[0];
    if constexpr (depth == 0) return {g[0] * xg::cos(x)};
    if constexpr (depth == 1) return {g[0] * xg::cos(x) * 1.001};
    if constexpr (depth == 2) return {g[0] * (xg::cos(x) + unseen(x))};
  }
  // Zero, with a derivative of 0.001.
  static Tensor unseen(const Tensor& x) { return x * 0.001 - (x * 0.001).detach(); }
};
template <int depth>
table::Row sine() {
  return {.name = "sine",
          .call = table::on([](const Tensor& x) { return Sine<depth>::apply(x); }),
          .shapes = table::unary,
          .oracle = table::each(static_cast<double (*)(double)>(std::sin))};
}

}  // namespace

TEST_CASE("a right derivative passes, a planted error fails, at first and at second order") {
  table::run(sine<0>());
  CHECK(table::derivative_failure(sine<0>()) == "");
  const std::string first = table::derivative_failure(sine<1>()), second = table::derivative_failure(sine<2>());
  CHECK(first.find("gradcheck: output 0") != std::string::npos);
  CHECK(second.find("gradgradcheck: the gradient of input 0") != std::string::npos);
  CHECK(second.find("analytical") != std::string::npos);
}

TEST_CASE("every public operation has a row") {
  const std::filesystem::path tests = XGRAD_TEST_DIR;
  std::string rows;
  for (const auto& entry : std::filesystem::directory_iterator(tests / "ops"))
    if (entry.path().filename().string().ends_with("_table_test.cpp")) rows += test::read_file(entry.path().string());
  const auto operations = test::public_operations();
  for (const auto& [name, header] : operations)
    CHECK_MESSAGE(rows.find('"' + name + '"') != std::string::npos, name, " of ", header,
                  " has no row in tests/ops/*_table_test.cpp");
  CHECK(operations.size() > 150);
}
