#include "kernels/softmax.hpp"

#include <xgrad/ops/softmax.hpp>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace {

using namespace detail;

SoftmaxShape around(const Shape& shape, std::int64_t dim) {
  SoftmaxShape result{1, shape.empty() ? 1 : shape[static_cast<std::size_t>(dim)], 1};
  for (std::int64_t d = 0; d < static_cast<std::int64_t>(shape.size()); ++d)
    if (d != dim) (d < dim ? result.outer : result.inner) *= shape[static_cast<std::size_t>(d)];
  return result;
}

template <class Rule>
Tensor forward(const char* name, const Arg& x, std::int64_t& dim) {
  check_floating(name, x.tensor(), x.here());
  dim = wrap_dim(name, dim, x->dim(), x.here());
  const Tensor packed = dense(x.tensor()), y = make_tensor(x->sizes(), x->dtype());
  if (y.numel() == 0) return y;
  dispatch_floating(y.dtype(),
                    [&]<class T>() { softmax_forward<Rule>(around(y.sizes(), dim), data<T>(packed), data<T>(y)); });
  return y;
}

// The first-order gradient, in the memory of dy where nobody else has it.
template <class Rule>
Tensor gradient(Backward& bw, const Tensor& y, std::int64_t dim) {
  Tensor dy = bw.take_grad();
  const bool reuse = impl(dy).contiguous && is_exclusive(dy);
  if (!reuse) dy = dense(dy);
  const Tensor dx = reuse ? dy : make_tensor(y.sizes(), y.dtype());
  const Tensor values = dense(y);
  if (dx.numel() > 0)
    dispatch_floating(y.dtype(), [&]<class T>() {
      softmax_backward<Rule>(around(y.sizes(), dim), data<T>(dy), data<T>(values), data<T>(dx));
    });
  return dx;
}

}  // namespace

// y_i = exp(x_i) / sum_j exp(x_j); dx = y (dy - sum(dy y))
Tensor softmax(const Arg& x, std::int64_t dim) {
  const Tensor y = forward<SoftmaxRule>("softmax", x, dim);
  return record("softmax", x.here(), y, {&x.tensor()}, [&] {
    return [y = Saved::output(y), dim](Backward& bw) {
      const Tensor values = bw.load(y);
      if (!bw.create_graph()) return bw.give(0, gradient<SoftmaxGradient>(bw, values, dim));
      const Here here = bw.here();
      const Tensor sum = bw.grad().mul({values, here}).sum(Dims(dim), true, here);
      bw.give(0, bw.grad().sub({sum, here}).mul({values, here}));
    };
  });
}

// y_i = x_i - log(sum_j exp(x_j)); dx = dy - exp(y) sum(dy)
Tensor log_softmax(const Arg& x, std::int64_t dim) {
  const Tensor y = forward<LogSoftmaxRule>("log_softmax", x, dim);
  return record("log_softmax", x.here(), y, {&x.tensor()}, [&] {
    return [y = Saved::output(y), dim](Backward& bw) {
      const Tensor values = bw.load(y);
      if (!bw.create_graph()) return bw.give(0, gradient<LogSoftmaxGradient>(bw, values, dim));
      const Here here = bw.here();
      const Tensor sum = bw.grad().sum(Dims(dim), true, here);
      bw.give(0, bw.grad().sub({values.exp(here).mul({sum, here}), here}));
    };
  });
}

Tensor softmin(const Arg& x, std::int64_t dim) {
  check_floating("softmin", x.tensor(), x.here());
  wrap_dim("softmin", dim, x->dim(), x.here());
  return x->neg(x.here()).softmax(dim, x.here());
}

Tensor Tensor::softmax(std::int64_t dim, Here here) const { return xgrad::softmax({*this, here}, dim); }
Tensor Tensor::log_softmax(std::int64_t dim, Here here) const { return xgrad::log_softmax({*this, here}, dim); }

}  // namespace xgrad
