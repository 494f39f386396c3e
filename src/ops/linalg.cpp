#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/linalg.hpp>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "core/work.hpp"
#include "kernels/blas.hpp"
#include "kernels/parallel.hpp"
#include "ops/product.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

void check_product_dtypes(const char* op, const Tensor& a, const Tensor& b, Here here) {
  check_same_dtype(op, a, b, here);
  const Dtype dtype = impl(a).dtype;
  check<DtypeError>(is_floating_point(dtype) || dtype == int64, here, "{}: expected float32, float64 or int64, got {}",
                    op, dtype);
}
void check_inner(const char* op, const Tensor& a, const Tensor& b, std::int64_t inner_a, std::int64_t inner_b,
                 Here here) {
  check<ShapeError>(inner_a == inner_b, here, "{}: inner dimensions differ: a is {}, b is {} ({} != {})", op, a.sizes(),
                    b.sizes(), inner_a, inner_b);
}
void check_ranks(const char* op, const Tensor& a, const Tensor& b, std::int64_t rank_a, std::int64_t rank_b,
                 Here here) {
  check<ShapeError>(a.dim() == rank_a && b.dim() == rank_b, here,
                    "{}: expected a with {} and b with {} dimensions, got {} and {}", op, rank_a, rank_b, a.sizes(),
                    b.sizes());
}

// ---- vectors: y = op(A) x, C = a b^T and a . b are each other's gradients
//   y = op(A) x:  dA = dy x^T (transposed where A is), dx = op(A)^T dy
//   C = a b^T:    da = dC b,                            db = dC^T a
//   s = a . b:    da = ds b,                            db = ds a

Tensor outer_product(const char* name, Here here, const Tensor& a, const Tensor& b);

Tensor matrix_vector(const char* name, Here here, const Tensor& matrix, const Tensor& x, bool transposed) {
  const Tensor a = blas_ready(matrix), v = impl(x).numel > 1 && impl(x).strides[0] < 1 ? dense(x) : x;
  const TensorImpl& m = impl(a);
  const std::size_t out = transposed ? 1 : 0, in = 1 - out;
  Tensor y = make_tensor({m.shape[out]}, m.dtype);
  multiply_adds += m.numel;
  dispatch_numeric(m.dtype, [&]<class T>() {
    gemm(Product<T>{.m = m.shape[out],
                    .n = 1,
                    .k = m.shape[in],
                    .a = data<T>(a),
                    .a_row = m.strides[out],
                    .a_col = m.strides[in],
                    .b = data<T>(v),
                    .b_row = impl(v).strides[0],
                    .b_col = 1,
                    .c = data<T>(y),
                    .c_row = 1});
  });
  return record(name, here, std::move(y), {&matrix, &x}, [&] {
    return [name, matrix = Saved::input_if(requires_grad(x), matrix), x = Saved::input_if(requires_grad(matrix), x),
            transposed](Backward& bw) {
      const Tensor& g = bw.grad();
      if (bw.needs(0)) {
        const Tensor v = bw.load(x);
        bw.give(0, transposed ? outer_product(name, bw.here(), v, g) : outer_product(name, bw.here(), g, v));
      }
      if (bw.needs(1)) bw.give(1, matrix_vector(name, bw.here(), bw.load(matrix), g, !transposed));
    };
  });
}

Tensor outer_product(const char* name, Here here, const Tensor& a, const Tensor& b) {
  const std::int64_t m = impl(a).shape[0], n = impl(b).shape[0];
  Tensor c = make_tensor({m, n}, impl(a).dtype);
  multiply_adds += m * n;
  dispatch_numeric(impl(a).dtype, [&]<class T>() {
    const T *from_a = data<T>(a), *from_b = data<T>(b);
    T* to = data<T>(c);
    const std::int64_t step_a = impl(a).strides[0], step_b = impl(b).strides[0];
    parallel_for(m, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, n)), m * n,
                 [=](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     const T factor = from_a[i * step_a];
                     if (step_b == 1)
                       for (std::int64_t j = 0; j < n; ++j) to[i * n + j] = factor * from_b[j];
                     else
                       for (std::int64_t j = 0; j < n; ++j) to[i * n + j] = factor * from_b[j * step_b];
                   }
                 });
  });
  return record(name, here, std::move(c), {&a, &b}, [&] {
    return [name, a = Saved::input_if(requires_grad(b), a), b = Saved::input_if(requires_grad(a), b)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, matrix_vector(name, bw.here(), bw.grad(), bw.load(b), false));
      if (bw.needs(1)) bw.give(1, matrix_vector(name, bw.here(), bw.grad(), bw.load(a), true));
    };
  });
}

Tensor scalar_product(const char* name, Here here, const Tensor& a, const Tensor& b) {
  Tensor s = make_tensor({}, impl(a).dtype);
  multiply_adds += impl(a).numel;
  dispatch_numeric(impl(a).dtype, [&]<class T>() {
    *data<T>(s) = dot(impl(a).numel, data<T>(a), impl(a).strides[0], data<T>(b), impl(b).strides[0]);
  });
  return record(name, here, std::move(s), {&a, &b}, [&] {
    return [a = Saved::input_if(requires_grad(b), a), b = Saved::input_if(requires_grad(a), b)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, bw.load(b).mul({bw.grad(), bw.here()}));
      if (bw.needs(1)) bw.give(1, bw.load(a).mul({bw.grad(), bw.here()}));
    };
  });
}

// ---- linear: y = x W^T + b, dx = dy W, dW = dy^T x, db = the sum of dy's rows

void linear_gradients(Backward& bw, const Saved& input, const Saved& weight) {
  const Tensor& g = bw.grad();
  if (bw.create_graph()) {
    if (bw.needs(0)) bw.give(0, product("linear", bw.here(), g, bw.load(weight), false, false));
    if (bw.needs(1))
      bw.give(1, product("linear", bw.here(), fold_rows(g, bw.here(), true), fold_rows(bw.load(input), bw.here(), true),
                         true, false));
    if (bw.needs(2)) bw.give(2, g);
    return;
  }
  const Tensor values = dense(g), rows = fold_rows(values, bw.here(), false);
  if (bw.needs(0)) give_product(bw, 0, "linear", values, bw.load(weight), false, false);
  if (bw.needs(1)) give_product(bw, 1, "linear", rows, fold_rows(bw.load(input), bw.here(), false), true, false);
  if (bw.needs(2)) {
    const Tensor pending = bw.pending(2);
    const std::int64_t count = impl(rows).shape[0], width = impl(rows).shape[1];
    Tensor sum = pending.defined() ? pending : make_tensor({width}, impl(rows).dtype);
    dispatch_floating(impl(rows).dtype, [&]<class T>() {
      sum_rows(count, width, data<T>(rows), width, data<T>(sum), pending.defined());
    });
    if (!pending.defined()) bw.give(2, std::move(sum));
  }
}

}  // namespace
}  // namespace detail

Tensor matmul(const Arg& a, const Arg& b) {
  using namespace detail;
  const Here here = a.here();
  const Tensor &x = a.tensor(), &y = b.tensor();
  const Shape &left = impl(x).shape, &right = impl(y).shape;
  check<ShapeError>(!left.empty() && !right.empty(), here,
                    "matmul: expected operands with at least one dimension, got a {} and b {}", left, right);
  check_product_dtypes("matmul", x, y, here);
  check_inner("matmul", x, y, left.back(), right.size() == 1 ? right[0] : right[right.size() - 2], here);
  if (left.size() == 1 && right.size() == 1) return scalar_product("matmul", here, x, y);
  if (left.size() == 2 && right.size() == 1) return matrix_vector("matmul", here, x, y, false);
  if (left.size() == 1 && right.size() == 2) return matrix_vector("matmul", here, y, x, true);
  if (left.size() == 1) return product("matmul", here, x.unsqueeze(0, here), y, false, false).squeeze(-2, here);
  if (right.size() == 1) return product("matmul", here, x, y.unsqueeze(1, here), false, false).squeeze(-1, here);
  return product("matmul", here, x, y, false, false);
}

Tensor mm(const Arg& a, const Arg& b) {
  detail::check_ranks("mm", a.tensor(), b.tensor(), 2, 2, a.here());
  detail::check_product_dtypes("mm", a.tensor(), b.tensor(), a.here());
  detail::check_inner("mm", a.tensor(), b.tensor(), a->size(1), b->size(0), a.here());
  return detail::product("mm", a.here(), a.tensor(), b.tensor(), false, false);
}

Tensor bmm(const Arg& a, const Arg& b) {
  detail::check_ranks("bmm", a.tensor(), b.tensor(), 3, 3, a.here());
  detail::check_product_dtypes("bmm", a.tensor(), b.tensor(), a.here());
  detail::check<ShapeError>(a->size(0) == b->size(0), a.here(),
                            "bmm: batch sizes differ: a is {}, b is {}; matmul broadcasts", a->sizes(), b->sizes());
  detail::check_inner("bmm", a.tensor(), b.tensor(), a->size(2), b->size(1), a.here());
  return detail::product("bmm", a.here(), a.tensor(), b.tensor(), false, false);
}

Tensor mv(const Arg& a, const Arg& b) {
  detail::check_ranks("mv", a.tensor(), b.tensor(), 2, 1, a.here());
  detail::check_product_dtypes("mv", a.tensor(), b.tensor(), a.here());
  detail::check_inner("mv", a.tensor(), b.tensor(), a->size(1), b->size(0), a.here());
  return detail::matrix_vector("mv", a.here(), a.tensor(), b.tensor(), false);
}

Tensor dot(const Arg& a, const Arg& b) {
  detail::check_ranks("dot", a.tensor(), b.tensor(), 1, 1, a.here());
  detail::check_product_dtypes("dot", a.tensor(), b.tensor(), a.here());
  detail::check_inner("dot", a.tensor(), b.tensor(), a->size(0), b->size(0), a.here());
  return detail::scalar_product("dot", a.here(), a.tensor(), b.tensor());
}

Tensor outer(const Arg& a, const Arg& b) {
  detail::check_ranks("outer", a.tensor(), b.tensor(), 1, 1, a.here());
  detail::check_product_dtypes("outer", a.tensor(), b.tensor(), a.here());
  return detail::outer_product("outer", a.here(), a.tensor(), b.tensor());
}

namespace {

// beta input + alpha product
Tensor scaled_sum(const char* op, const Arg& input, const Tensor& product, const AddmmOptions& o) {
  using namespace detail;
  const Here here = input.here();
  check<ShapeError>(broadcast_shapes(op, input->sizes(), product.sizes(), here) == product.sizes(), here,
                    "{}: expected input that broadcasts to {}, got {}", op, product.sizes(), input->sizes());
  const auto times = [&](Scalar factor, const Tensor& x) {
    return factor.to<double>() == 1 ? x : x.mul({factor, here});
  };
  // What is not looked at may be NaN.
  const Tensor x = o.beta.to<double>() == 0 ? input->masked_fill(ones({}, {.dtype = bool_}), 0, here)
                                            : times(o.beta, input.tensor());
  return times(o.alpha, product).add({x, here});
}

}  // namespace

Tensor addmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options) {
  const Here here = input.here();
  detail::check_ranks("addmm", a.tensor(), b.tensor(), 2, 2, here);
  detail::check_product_dtypes("addmm", a.tensor(), b.tensor(), here);
  detail::check_same_dtype("addmm", input.tensor(), a.tensor(), here);
  detail::check_inner("addmm", a.tensor(), b.tensor(), a->size(1), b->size(0), here);
  return scaled_sum("addmm", input, detail::product("addmm", here, a.tensor(), b.tensor(), false, false), options);
}

Tensor addmv(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options) {
  const Here here = input.here();
  detail::check_ranks("addmv", a.tensor(), b.tensor(), 2, 1, here);
  detail::check_product_dtypes("addmv", a.tensor(), b.tensor(), here);
  detail::check_same_dtype("addmv", input.tensor(), a.tensor(), here);
  detail::check_inner("addmv", a.tensor(), b.tensor(), a->size(1), b->size(0), here);
  return scaled_sum("addmv", input, detail::matrix_vector("addmv", here, a.tensor(), b.tensor(), false), options);
}

namespace {

void check_stacks(const char* op, const Arg& input, const Arg& a, const Arg& b) {
  const Here here = input.here();
  detail::check_ranks(op, a.tensor(), b.tensor(), 3, 3, here);
  detail::check_product_dtypes(op, a.tensor(), b.tensor(), here);
  detail::check_same_dtype(op, input.tensor(), a.tensor(), here);
  detail::check<ShapeError>(a->size(0) == b->size(0), here, "{}: batch sizes differ: a is {}, b is {}", op, a->sizes(),
                            b->sizes());
  detail::check_inner(op, a.tensor(), b.tensor(), a->size(2), b->size(1), here);
}

}  // namespace

Tensor baddbmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options) {
  check_stacks("baddbmm", input, a, b);
  return scaled_sum("baddbmm", input, detail::product("baddbmm", input.here(), a.tensor(), b.tensor(), false, false),
                    options);
}

// sum_i A_i B_i = [A_0 A_1 ...] [B_0; B_1; ...]
Tensor addbmm(const Arg& input, const Arg& a, const Arg& b, const AddmmOptions& options) {
  check_stacks("addbmm", input, a, b);
  const Here here = input.here();
  const std::int64_t inner = a->size(0) * a->size(2);
  const Tensor row = a->transpose(0, 1, here).reshape({a->size(1), inner}, here);
  const Tensor column = b->reshape({inner, b->size(2)}, here);
  return scaled_sum("addbmm", input, detail::product("addbmm", here, row, column, false, false), options);
}

Tensor linear(const Arg& input, const Arg& weight, const Tensor& bias) {
  using namespace detail;
  const Here here = input.here();
  const Tensor &x = input.tensor(), &w = weight.tensor();
  const Shape &in = impl(x).shape, &ws = impl(w).shape;
  check<ShapeError>(ws.size() == 2 || ws.size() == 1, here,
                    "linear: expected weight of shape [out, in] or [in], got {}", ws);
  check<ShapeError>(!in.empty() && in.back() == ws.back(), here,
                    "linear: expected input with {} features (weight is {}), got {}", ws.back(), ws, in);
  check_floating("linear", x, here);
  check_same_dtype("linear", x, w, here);
  if (bias.defined()) {
    const Shape wanted = ws.size() == 1 ? Shape{} : Shape{ws[0]};
    check<ShapeError>(bias.sizes() == wanted, here, "linear: expected bias of shape {} (weight is {}), got {}", wanted,
                      ws, bias.sizes());
    check_same_dtype("linear", x, bias, here);
  }
  if (ws.size() == 1) {
    const Tensor y = x.matmul(w, here);
    return bias.defined() ? y.add({bias, here}) : y;
  }
  Shape shape = in;
  shape[shape.size() - 1] = ws[0];
  Tensor y = make_tensor(shape, impl(x).dtype);
  multiply_into(y, x, w, false, true, false, bias);
  return record("linear", here, std::move(y), {&x, &w, &bias}, [&] {
    return [x = Saved::input_if(requires_grad(w), x), w = Saved::input_if(requires_grad(x), w)](Backward& bw) {
      linear_gradients(bw, x, w);
    };
  });
}

Tensor Tensor::matmul(const Tensor& other, Here here) const { return xgrad::matmul({*this, here}, {other, here}); }
Tensor Tensor::mm(const Tensor& other, Here here) const { return xgrad::mm({*this, here}, {other, here}); }
Tensor Tensor::bmm(const Tensor& other, Here here) const { return xgrad::bmm({*this, here}, {other, here}); }
Tensor Tensor::dot(const Tensor& other, Here here) const { return xgrad::dot({*this, here}, {other, here}); }

}  // namespace xgrad
