// Products made of other products: powers, chains, Kronecker's and the vector product.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/einsum.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/rearrange.hpp>

#include <limits>
#include <vector>

#include "ops/matrices.hpp"

namespace xgrad {
namespace {

using namespace detail;

Shape with_ones_in_front(const Shape& shape, std::size_t rank) {
  Shape longer(rank - shape.size(), 1);
  for (const std::int64_t size : shape) longer.push_back(size);
  return longer;
}

// c_i = a_(i+1) b_(i+2) - a_(i+2) b_(i+1), indices modulo 3
Tensor vector_product(const char* op, const Arg& a, const Arg& b, std::int64_t dim) {
  const Here here = a.here();
  check<ShapeError>(a->dim() == b->dim(), here, "{}: expected operands of as many dimensions, got a {} and b {}", op,
                    a->sizes(), b->sizes());
  const std::int64_t at = wrap_dim(op, dim, a->dim(), here);
  check<ShapeError>(a->dim() > 0 && a->size(at) == 3 && b->size(at) == 3, here,
                    "{}: expected size 3 in dimension {}, got a {} and b {}", op, dim, a->sizes(), b->sizes());
  const auto next = [&](const Arg& x, std::int64_t steps) { return roll({x.tensor(), here}, -steps, at); };
  const Tensor first = next(a, 1).mul({next(b, 2), here});
  return first.sub({next(a, 2).mul({next(b, 1), here}), here});
}

}  // namespace

Tensor inner(const Arg& a, const Arg& b) {
  if (a->dim() == 0 || b->dim() == 0) return a->mul({b.tensor(), a.here()});
  check<ShapeError>(a->size(-1) == b->size(-1), a.here(), "inner: last dimensions differ: a is {}, b is {}", a->sizes(),
                    b->sizes());
  return tensordot(a, b, {-1}, {-1});
}

Tensor kron(const Arg& a, const Arg& b) {
  const Here here = a.here();
  check_same_dtype("kron", a.tensor(), b.tensor(), here);
  const std::size_t rank = std::max(a->sizes().size(), b->sizes().size());
  const Shape left = with_ones_in_front(a->sizes(), rank), right = with_ones_in_front(b->sizes(), rank);
  Shape outer, inner, result;
  for (std::size_t d = 0; d < rank; ++d) {
    outer.push_back(left[d]);
    outer.push_back(1);
    inner.push_back(1);
    inner.push_back(right[d]);
    result.push_back(left[d] * right[d]);
  }
  return a->reshape(outer, here).mul({b->reshape(inner, here), here}).reshape(result, here);
}

Tensor cross(const Arg& a, const Arg& b, std::optional<std::int64_t> dim) {
  if (!dim) {
    for (std::int64_t d = a->dim() - 1; d >= 0; --d)
      if (a->size(d) == 3) dim = d;
    check<ShapeError>(dim.has_value(), a.here(), "cross: expected a dimension of size 3, got a {} and b {}", a->sizes(),
                      b->sizes());
  }
  return vector_product("cross", a, b, *dim);
}

namespace linalg {

Tensor cross(const Arg& a, const Arg& b, std::int64_t dim) { return vector_product("linalg::cross", a, b, dim); }

Tensor matrix_power(const Arg& A, std::int64_t n) {
  const Here here = A.here();
  const Stack stack = square_stack_of("linalg::matrix_power", A.tensor(), here);
  if (n == 0) {
    // Constant, and yet a function of A.
    const Tensor nothing = A->masked_fill(ones({}, {.dtype = bool_}), 0, here);
    return nothing.add({identity(stack.rows, A->dtype()), here});
  }
  Tensor square = n < 0 ? inv({A.tensor(), here}) : A.tensor(), result;
  for (auto rest = n < 0 ? -static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n); rest > 0; rest /= 2) {
    if (rest % 2 == 1) result = result.defined() ? times(here, result, square) : square;
    if (rest > 1) square = times(here, square, square);
  }
  return result.is_same(A.tensor()) ? result.clone(here) : result;
}

Tensor multi_dot(const TensorList& tensors, Here here) {
  constexpr const char* name = "linalg::multi_dot";
  const std::size_t count = tensors.size();
  check<ValueError>(count >= 2, here, "{}: expected at least two tensors, got {}", name, count);
  for (const Tensor& x : tensors)
    if (!x.defined()) raise_undefined(here);
  TensorList list = tensors;
  const bool row = list.front().dim() == 1, column = list.back().dim() == 1;
  if (row) list.front() = list.front().unsqueeze(0, here);
  if (column) list.back() = list.back().unsqueeze(-1, here);
  std::vector<double> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    check<ShapeError>(list[i].dim() == 2, here, "{}: expected matrices, and vectors at the ends only; number {} is {}",
                      name, i, tensors[i].sizes());
    check_same_dtype(name, list[0], list[i], here);
    check<ShapeError>(i == 0 || list[i - 1].size(1) == list[i].size(0), here,
                      "{}: inner dimensions differ: number {} is {}, number {} is {}", name, i - 1,
                      tensors[i > 0 ? i - 1 : 0].sizes(), i, tensors[i].sizes());
    sizes.push_back(static_cast<double>(list[i].size(0)));
  }
  sizes.push_back(static_cast<double>(list.back().size(1)));

  // cost[i][j]: that of the product of numbers i to j, cut after number cuts[i][j].
  std::vector<std::vector<double>> cost(count, std::vector<double>(count, 0));
  std::vector<std::vector<std::size_t>> cuts(count, std::vector<std::size_t>(count, 0));
  for (std::size_t length = 1; length < count; ++length)
    for (std::size_t i = 0; i + length < count; ++i) {
      const std::size_t j = i + length;
      cost[i][j] = std::numeric_limits<double>::infinity();
      for (std::size_t k = i; k < j; ++k) {
        const double total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (total >= cost[i][j]) continue;
        cost[i][j] = total;
        cuts[i][j] = k;
      }
    }
  const auto multiply = [&](const auto& self, std::size_t i, std::size_t j) -> Tensor {
    if (i == j) return list[i];
    return mm({self(self, i, cuts[i][j]), here}, {self(self, cuts[i][j] + 1, j), here});
  };
  Tensor result = multiply(multiply, 0, count - 1);
  if (column) result = result.squeeze(-1, here);
  return row ? result.squeeze(0, here) : result;
}

}  // namespace linalg
}  // namespace xgrad
