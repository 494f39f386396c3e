#include "ops/taps.hpp"

#include <memory>

#include "core/dispatch.hpp"
#include "tape/node.hpp"

namespace xgrad::detail {
namespace {

// A linear map and its transpose, each other's gradients.
struct Maps {
  Taps taps, adjoint;
};
using Shared = std::shared_ptr<const Maps>;

Tensor apply(const char* name, const Tensor& x, std::size_t dim, const Shared& maps, bool adjoint, Here here) {
  const Taps& taps = adjoint ? maps->adjoint : maps->taps;
  Shape shape = impl(x).shape;
  std::int64_t outer = 1, inner = 1;
  for (std::size_t d = 0; d < dim; ++d) outer *= shape[d];
  for (std::size_t d = dim + 1; d < shape.size(); ++d) inner *= shape[d];
  shape[dim] = taps.count();
  Tensor y = make_tensor(shape, impl(x).dtype);
  const Tensor from = dense(x);
  dispatch_floating(impl(x).dtype, [&]<class T>() { apply_taps(taps, outer, inner, data<T>(from), data<T>(y)); });
  return record(name, here, std::move(y), {&x}, [&] {
    return [name, dim, maps, adjoint](Backward& bw) {
      bw.give(0, apply(name, bw.grad(), dim, maps, !adjoint, bw.here()));
    };
  });
}

}  // namespace

Tensor weighted_sums(const char* name, const Tensor& x, std::size_t dim, Taps taps, Here here) {
  Taps adjoint = transposed(taps);
  return apply(name, x, dim, std::make_shared<const Maps>(Maps{std::move(taps), std::move(adjoint)}), false, here);
}

}  // namespace xgrad::detail
