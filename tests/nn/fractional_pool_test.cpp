// Pooling over windows at random places, as layers. Numbers are PyTorch 1.13's.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;

namespace {

using Numbers = std::vector<double>;
Numbers numbers(const Tensor& x) { return x.to_vector<double>(); }

}  // namespace

TEST_CASE("FractionalMaxPool takes PyTorch's windows, and draws its own with each call") {
  const auto given = [](const xg::Shape& shape, double modulus) {
    return xg::arange(xg::numel(shape)).mul(37).to(xg::float64).remainder(modulus).reshape(shape);
  };
  const xg::TensorOptions f64{.dtype = xg::float64};
  const Tensor image = given({2, 2, 5, 6}, 121), volume = given({1, 2, 4, 5, 5}, 211);
  const Tensor of_image = xg::tensor({{{0.9, 0.1}, {0.5, 0.5}}, {{0.0, 0.75}, {0.25, 0.99}}}, f64),
               of_volume = xg::tensor({{{0.9, 0.1, 0.4}, {0.3, 0.6, 0.7}}}, f64);
  const auto [y, places] =
      nn::FractionalMaxPool2d({2, 3}, {.output_size = 3, .random_samples = of_image}).forward_with_indices(image);
  CHECK(numbers(y) == Numbers{101, 111, 111, 118, 118, 108, 115, 115, 105, 95,  112, 112,
                              119, 109, 109, 119, 109, 109, 116, 116, 106, 96,  113, 113,
                              120, 120, 110, 117, 117, 107, 117, 117, 107, 104, 114, 114});
  CHECK(numbers(places) == Numbers{6, 3, 3, 13, 13, 16, 26, 26, 29, 2, 9, 9,  19, 22, 22, 19, 22, 22,
                                   2, 2, 5, 8,  15, 15, 25, 25, 28, 8, 8, 11, 8,  8,  11, 24, 21, 21});
  const Tensor ratio = nn::FractionalMaxPool2d(2, {.output_ratio = {0.5, 0.7}, .random_samples = of_image})(image);
  CHECK(ratio.sizes() == xg::Shape{2, 2, 2, 4});
  CHECK(numbers(ratio) == Numbers{101, 74,  111, 64,  98,  115, 115, 105, 58,  112, 112, 85,  119, 72, 109, 109,
                                  79,  116, 116, 106, 120, 120, 93,  110, 100, 117, 90,  107, 104, 77, 114, 67});
  const auto [z, depths] =
      nn::FractionalMaxPool3d(2, {.output_size = {2, 3, 3}, .random_samples = of_volume}).forward_with_indices(volume);
  CHECK(numbers(z) == Numbers{185, 192, 203, 196, 166, 203, 188, 207, 151, 199, 210, 180,
                              191, 210, 154, 202, 195, 206, 205, 205, 198, 179, 190, 209,
                              153, 190, 201, 182, 193, 186, 197, 167, 204, 208, 208, 189});
  CHECK(numbers(depths) == Numbers{5,  28, 34, 11, 33, 34, 45, 17, 44, 51, 57, 79, 85, 57, 84, 91, 68, 74,
                                   31, 31, 8,  36, 42, 14, 41, 42, 48, 76, 82, 59, 65, 87, 88, 71, 71, 99});

  // Drawn: all windows lie inside, the first at the beginning and the last at the end, and where others lie changes.
  xg::manual_seed(11);
  nn::FractionalMaxPool2d drawn(1, {.output_size = {1, 6}});
  drawn.eval();
  const Tensor line = xg::arange(1.0, 21.0).reshape({1, 1, 1, 20});
  const Numbers first = numbers(drawn(line));
  bool moved = false;
  for (int i = 0; i < 10; ++i) {
    const Numbers now = numbers(drawn(line));
    CHECK(now.front() == 1);
    CHECK(now.back() == 20);
    CHECK(std::is_sorted(now.begin(), now.end()));
    moved = moved || now != first;
  }
  CHECK(moved);
  CHECK(mentions(message_of<xg::ValueError>([] { nn::FractionalMaxPool2d(2, {}); }),
                 {"FractionalMaxPool2d", "output_size", "fractional_pool_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] {
                   nn::FractionalMaxPool3d(2, {.output_ratio = {0.5, 0.5}});
                 }),
                 {"FractionalMaxPool3d", "3", "got 2"}));
}
