// The table's rows of pooling over windows at random places, which are given here.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pool.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/windows.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

// A number of [0, 1) for dimension d of a plane.
double sample(std::int64_t plane, std::int64_t d, std::int64_t rank) {
  const double x = 0.115 + 0.37 * static_cast<double>(plane * rank + d);
  return x - std::floor(x);
}
xg::FractionalMaxPoolOptions options(const Tensor& x, std::int64_t rank, xg::PerDimension<std::int64_t> size) {
  const bool batched = x.dim() == rank + 2;
  const std::int64_t batch = batched ? x.size(0) : 1, channels = x.size(batched ? 1 : 0);
  std::vector<double> numbers;
  for (std::int64_t plane = 0; plane < batch * channels; ++plane)
    for (std::int64_t d = 0; d < rank; ++d) numbers.push_back(sample(plane, d, rank));
  return {.output_size = size, .random_samples = xg::tensor(numbers).reshape({batch, channels, rank}).to(x.dtype())};
}

// The largest element of each window, and its place in the plane where wanted.
Oracle largest(const Index& kernel, const Index& out, bool place) {
  const std::size_t rank = kernel.size();
  const auto shape = [=](const Arrays& in) {
    Shape shape = in[0].shape;
    std::copy(out.begin(), out.end(), shape.end() - rank);
    return shape;
  };
  return batched(
      rank, indexed(shape, [=](const Arrays& in, const Index& i) {
        const Index sizes = last(in[0].shape, rank);
        const std::int64_t plane = i[0] * in[0].shape[1] + i[1], dims = static_cast<std::int64_t>(rank);
        Index begin;
        for (std::size_t d = 0; d < rank; ++d) {
          const auto n = static_cast<std::int64_t>(d);
          const double u = sample(plane, rank == 2 ? 1 - n : n, dims);
          const std::int64_t room = sizes[d] - kernel[d], w = i[d + 2];
          const double a = static_cast<double>(room) / static_cast<double>(std::max<std::int64_t>(1, out[d] - 1));
          begin.push_back(w == out[d] - 1 ? room
                                          : static_cast<std::int64_t>(std::floor((static_cast<double>(w) + u) * a) -
                                                                      std::floor(u * a)));
        }
        double best = -1e300, at_best = 0;
        each_index(kernel, [&](Index inside) {
          double flat = 0;
          for (std::size_t d = 0; d < rank; ++d) {
            inside[d] += begin[d];
            flat = flat * static_cast<double>(sizes[d]) + static_cast<double>(inside[d]);
          }
          const double value = at(in[0], joined({i[0], i[1]}, inside));
          if (value > best) best = value, at_best = flat;
        });
        return place ? at_best : best;
      }));
}

Oracle both(const Index& kernel, const Index& out) {
  return [=](const Arrays& in) {
    return Arrays{largest(kernel, out, false)(in)[0], largest(kernel, out, true)(in)[0]};
  };
}

const Shapes images{{{2, 2, 5, 7}}, {{3, 5, 6}}, {{0, 2, 4, 5}}, {{1, 1, 4, 5}}};
const Shapes volumes{{{1, 2, 4, 3, 5}}, {{2, 3, 4, 4}}};

template <class F>
std::vector<Misuse> misuse(const std::string& name, F f, std::int64_t rank) {
  const Tensor x = some(Shape(static_cast<std::size_t>(rank) + 2, 4));
  const xg::FractionalMaxPoolOptions two{.output_size = 2};
  return {{[=] {
             f(some({4, 4}), 2, two);
           },
           {name, "[4, 4]"}},
          {[=] { f(x.to(xg::int64), 2, two); }, {name, "int64"}},
          {[=] { f(x, 0, two); }, {name, "kernel_size", "0"}},
          {[=] { f(x, 4, two); }, {name, "2 windows", "4, 4"}},
          {[=] { f(x, 2, {.output_size = 0}); }, {name, "0 windows"}},
          {[=] { f(x, 2, {}); }, {name, "output_size", "output_ratio"}},
          {[=] { f(x, 2, {.output_size = 2, .output_ratio = 0.5}); }, {name, "output_size", "output_ratio"}},
          {[=] { f(x, 2, {.output_size = {2}}); }, {name, "got 1"}},
          {[=] { f(x, 2, {.output_ratio = 1.5}); }, {name, "1.5"}},
          {[=] { f(x, 2, {.output_size = 2, .random_samples = some({2})}); }, {name, "random_samples", "[2]"}},
          {[=] {
             f(x, 2, {.output_size = 2, .random_samples = some({4, 4, rank}).to(xg::float64)});
           },
           {name, "float64"}},
          {[=] {
             f(x, 2, {.output_size = 2, .random_samples = some({4, 4, rank})});
           },
           {name, "[0, 1)", "1"}}};
}

}  // namespace

TEST_CASE("maxima of windows at random steps") {
  using T = const Tensor&;
  using Options = const xg::FractionalMaxPoolOptions&;
  run({"fractional_max_pool2d",
       on([](T x) { return xg::fractional_max_pool2d(x, 2, options(x, 2, 3)); }),
       images,
       largest({2, 2}, {3, 3}, false),
       {{}},
       misuse(
           "fractional_max_pool2d", [](T x, int k, Options o) { xg::fractional_max_pool2d(x, k, o); }, 2)});
  run({"fractional_max_pool2d_with_indices",
       [](const xg::TensorList& in) {
         const auto [y, i] = xg::fractional_max_pool2d_with_indices(in[0], {1, 3}, options(in[0], 2, {4, 1}));
         return xg::TensorList{y, i};
       },
       images, both({1, 3}, {4, 1})});
  run({"fractional_max_pool3d",
       on([](T x) { return xg::fractional_max_pool3d(x, 2, options(x, 3, 2)); }),
       volumes,
       largest({2, 2, 2}, {2, 2, 2}, false),
       {{}},
       misuse(
           "fractional_max_pool3d", [](T x, int k, Options o) { xg::fractional_max_pool3d(x, k, o); }, 3)});
  run({"fractional_max_pool3d_with_indices",
       [](const xg::TensorList& in) {
         const auto [y, i] = xg::fractional_max_pool3d_with_indices(in[0], {2, 1, 2}, options(in[0], 3, {2, 3, 3}));
         return xg::TensorList{y, i};
       },
       volumes, both({2, 1, 2}, {2, 3, 3})});
}
