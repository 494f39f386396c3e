#include "ops/product.hpp"

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/work.hpp"
#include "kernels/blas.hpp"
#include "kernels/copy.hpp"
#include "kernels/gemm_onednn.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

// One operand's matrix: sizes after its flag, and the steps along them.
struct Side {
  std::int64_t rows, cols, row, col;
};
Side side(const Tensor& x, bool transpose) {
  const TensorImpl& t = impl(x);
  const std::size_t rank = t.shape.size();
  const Side plain = rank == 1 ? Side{1, t.shape[0], t.shape[0], t.strides[0]}
                               : Side{t.shape[rank - 2], t.shape[rank - 1], t.strides[rank - 2], t.strides[rank - 1]};
  return transpose ? Side{plain.cols, plain.rows, plain.col, plain.row} : plain;
}

bool folds(const Tensor& a, const Tensor& b, bool transpose_a) {
  return impl(a).shape.size() > 2 && impl(b).shape.size() == 2 && !transpose_a;
}

template <class T>
void multiply_stacks(const Tensor& out, const Tensor& a, const Tensor& b, Product<T> first) {
  const TensorImpl& c = impl(out);
  const std::int64_t matrix = first.m * first.n, count = matrix > 0 ? c.numel / matrix : 0, work = matrix * first.k;
  auto run = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      Product<T> p = first;
      p.a += stack_offset(a, c.shape, index);
      p.b += stack_offset(b, c.shape, index);
      p.c += index * matrix;
      gemm(p);
    }
  };
  // Large ones are worth several threads each.
  constexpr std::int64_t large = std::int64_t{1} << 24;
  if (work >= large) return run(0, count);
  parallel_for(count, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, work)), count * work, run);
}

Shape product_shape(const char* name, Here here, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  const Shape &left = impl(a).shape, &right = impl(b).shape;
  const std::size_t rank = std::max(left.size(), right.size());
  Shape shape(rank, 1);
  for (std::size_t d = 0; d + 2 < rank; ++d) {
    const std::int64_t size_a = d + left.size() >= rank ? left[d + left.size() - rank] : 1;
    const std::int64_t size_b = d + right.size() >= rank ? right[d + right.size() - rank] : 1;
    check<ShapeError>(size_a == size_b || size_a == 1 || size_b == 1, here,
                      "{}: batch dimensions do not broadcast: a is {}, b is {} ({} and {})", name, left, right, size_a,
                      size_b);
    shape[d] = size_a == 1 ? size_b : size_a;
  }
  shape[rank - 2] = side(a, transpose_a).rows;
  shape[rank - 1] = side(b, transpose_b).cols;
  return shape;
}

Tensor multiply(const char* name, Here here, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Tensor out = make_tensor(product_shape(name, here, a, b, transpose_a, transpose_b), impl(a).dtype);
  multiply_into(out, a, b, transpose_a, transpose_b, false);
  return out;
}

}  // namespace

std::int64_t stack_offset(const Tensor& operand, const Shape& out, std::int64_t index) {
  const TensorImpl& t = impl(operand);
  std::int64_t offset = 0;
  const std::size_t batch = out.size() - 2, lacking = out.size() - t.shape.size();
  for (std::size_t d = batch; d-- > 0;) {
    const std::int64_t at = index % out[d];
    index /= out[d];
    if (d >= lacking && t.shape[d - lacking] != 1) offset += at * t.strides[d - lacking];
  }
  return offset;
}

Tensor blas_ready(const Tensor& x) {
  const Side s = side(x, false);
  return is_blas_matrix(s.rows, s.cols, s.row, s.col) ? x : dense(x);
}

Tensor fold_rows(const Tensor& x, Here here, bool recorded) {
  const Shape& shape = impl(x).shape;
  if (shape.size() == 2) return x;
  const std::int64_t width = shape.back();
  std::int64_t rows = 1;
  for (std::size_t d = 0; d + 1 < shape.size(); ++d) rows *= shape[d];
  if (recorded) return x.reshape({rows, width}, here);
  const Tensor values = dense(x);
  return make_view(values, {rows, width}, {width, 1}, impl(values).offset);
}

namespace {

// oneDNN is faster than either BLAS where B is not transposed. Many rows are worth turning it round first.
template <class T>
bool turning_pays(const Product<T>& p) {
  constexpr std::int64_t many = 256;
  return std::is_same_v<T, float> && p.b_row == 1 && p.b_col != 1 && p.m >= many && onednn::turning_pays(p.m, p.n, p.k);
}

}  // namespace

void multiply_into(const Tensor& out, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b,
                   bool accumulate, const Tensor& bias) {
  const bool fold = folds(a, b, transpose_a);
  const Tensor left = fold ? fold_rows(a, Here{nullptr, 0}, false) : blas_ready(a), right = blas_ready(b);
  const Side sa = side(left, transpose_a), sb = side(right, transpose_b);
  multiply_adds += impl(out).numel * sa.cols;
  dispatch_numeric(impl(out).dtype, [&]<class T>() {
    Product<T> p{.m = sa.rows,
                 .n = sb.cols,
                 .k = sa.cols,
                 .a = data<T>(left),
                 .a_row = sa.row,
                 .a_col = sa.col,
                 .b = data<T>(right),
                 .b_row = sb.row,
                 .b_col = sb.col,
                 .c = data<T>(out),
                 .c_row = sb.cols,
                 .accumulate = accumulate};
    if (bias.defined()) {
      p.bias = data<T>(bias);
      p.bias_col = impl(bias).strides[0];
    }
    Tensor turned;
    if (fold || impl(out).shape.size() <= 2) {
      if (turning_pays(p)) {
        turned = make_tensor({p.k, p.n}, impl(right).dtype);
        copy_elements(turned, make_view(right, {p.k, p.n}, {p.b_row, p.b_col}, impl(right).offset));
        p.b = data<T>(turned);
        p.b_row = p.n;
        p.b_col = 1;
      }
      gemm(p);
    } else
      multiply_stacks(out, left, right, p);
  });
}

void give_product(Backward& bw, std::size_t input, const char* name, const Tensor& a, const Tensor& b, bool transpose_a,
                  bool transpose_b) {
  if (bw.create_graph()) return bw.give(input, product(name, bw.here(), a, b, transpose_a, transpose_b));
  const Tensor pending = bw.pending(input);
  if (pending.defined() && impl(pending).shape == product_shape(name, bw.here(), a, b, transpose_a, transpose_b))
    return multiply_into(pending, a, b, transpose_a, transpose_b, true);
  bw.give(input, multiply(name, bw.here(), a, b, transpose_a, transpose_b));
}

// C = op(A) op(B): d op(A) = dC op(B)^T, d op(B) = op(A)^T dC; the gradient of a transposed operand is the transpose
// of that. Summing over the rows of a folded stack happens inside the product.
Tensor product(const char* name, Here here, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  Tensor out = multiply(name, here, a, b, transpose_a, transpose_b);
  return record(name, here, std::move(out), {&a, &b}, [&] {
    return [name, a = Saved::input_if(requires_grad(b), a), b = Saved::input_if(requires_grad(a), b), transpose_a,
            transpose_b, fold = folds(a, b, transpose_a)](Backward& bw) {
      const Tensor g = bw.create_graph() ? bw.grad() : blas_ready(bw.grad());
      if (bw.needs(0)) {
        const Tensor other = bw.load(b);
        if (transpose_a)
          give_product(bw, 0, name, other, g, transpose_b, true);
        else
          give_product(bw, 0, name, g, other, false, !transpose_b);
      }
      if (bw.needs(1)) {
        const Tensor saved = bw.load(a);
        const Tensor other = fold ? fold_rows(saved, bw.here(), bw.create_graph()) : saved;
        const Tensor rows = fold ? fold_rows(g, bw.here(), bw.create_graph()) : g;
        if (transpose_b)
          give_product(bw, 1, name, rows, other, true, transpose_a);
        else
          give_product(bw, 1, name, other, rows, !transpose_a, false);
      }
    };
  });
}

}  // namespace xgrad::detail
