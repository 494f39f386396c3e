#include "support/matrix_oracle.hpp"

#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace oracle {

using xgrad::Shape;

Matrix identity(std::int64_t n) {
  Matrix a(n, n);
  for (std::int64_t i = 0; i < n; ++i) a(i, i) = 1;
  return a;
}

Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  return t;
}

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t k = 0; k < a.cols; ++k)
      for (std::int64_t j = 0; j < b.cols; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}
Matrix operator*(double factor, Matrix a) {
  for (double& x : a.v) x *= factor;
  return a;
}
Matrix operator+(Matrix a, const Matrix& b) {
  for (std::size_t i = 0; i < a.v.size(); ++i) a.v[i] += b.v[i];
  return a;
}

namespace {

// Gauss and Jordan: a becomes the identity, b the solution. The determinant of a.
double eliminate(Matrix& a, Matrix& b) {
  const std::int64_t n = a.rows;
  double product = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    if (a(pivot, k) == 0) return 0;
    if (pivot != k) {
      for (std::int64_t j = 0; j < n; ++j) std::swap(a(k, j), a(pivot, j));
      for (std::int64_t j = 0; j < b.cols; ++j) std::swap(b(k, j), b(pivot, j));
      product = -product;
    }
    product *= a(k, k);
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < n; ++j) a(i, j) -= factor * a(k, j);
      for (std::int64_t j = 0; j < b.cols; ++j) b(i, j) -= factor * b(k, j);
    }
  }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < b.cols; ++j) b(i, j) /= a(i, i);
  return product;
}

}  // namespace

Matrix solve(Matrix a, Matrix b) {
  eliminate(a, b);
  return b;
}
double det(Matrix a) {
  Matrix nothing(a.rows, 0);
  return eliminate(a, nothing);
}
Matrix inverse(const Matrix& a) { return solve(a, identity(a.rows)); }

Eigen eigen(Matrix a) {
  const std::int64_t n = a.rows;
  Matrix v = identity(n);
  for (int sweep = 0; sweep < 60; ++sweep)
    for (std::int64_t p = 0; p < n; ++p)
      for (std::int64_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        const double angle = 0.5 * std::atan2(2 * a(p, q), a(q, q) - a(p, p)), c = std::cos(angle), s = std::sin(angle);
        for (std::int64_t k = 0; k < n; ++k) {
          const double x = a(k, p), y = a(k, q);
          a(k, p) = c * x - s * y;
          a(k, q) = s * x + c * y;
        }
        for (std::int64_t k = 0; k < n; ++k) {
          const double x = a(p, k), y = a(q, k);
          a(p, k) = c * x - s * y;
          a(q, k) = s * x + c * y;
        }
        for (std::int64_t k = 0; k < n; ++k) {
          const double x = v(k, p), y = v(k, q);
          v(k, p) = c * x - s * y;
          v(k, q) = s * x + c * y;
        }
        a(p, q) = a(q, p) = 0;
      }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) { return a(i, i) < a(j, j); });
  Eigen result{{}, Matrix(n, n)};
  for (std::int64_t j = 0; j < n; ++j) {
    const std::int64_t from = order[static_cast<std::size_t>(j)];
    result.values.push_back(a(from, from));
    for (std::int64_t i = 0; i < n; ++i) result.vectors(i, j) = v(i, from);
  }
  return result;
}

Matrix map_symmetric(const Matrix& a, const std::function<double(double)>& f) {
  const Eigen e = eigen(a);
  Matrix scaled = e.vectors;
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.rows; ++j) scaled(i, j) *= f(e.values[static_cast<std::size_t>(j)]);
  return scaled * transposed(e.vectors);
}

std::vector<double> singular_values(const Matrix& a) {
  std::vector<double> values = eigen(a.rows < a.cols ? a * transposed(a) : transposed(a) * a).values;
  std::reverse(values.begin(), values.end());
  for (double& x : values) x = std::sqrt(std::max(0.0, x));
  return values;
}

table::Array array(const Matrix& a) { return {{a.rows, a.cols}, a.v}; }
table::Array array(const std::vector<double>& numbers) {
  return {{static_cast<std::int64_t>(numbers.size())}, numbers};
}
table::Array array(double number) { return {{}, {number}}; }

table::Oracle stacks(std::function<table::Arrays(const Matrices&)> f) {
  return [f](const table::Arrays& in) {
    Shape batch;
    for (const table::Array& x : in) {
      Shape own(x.shape.data(), x.shape.size() - 2);
      while (batch.size() < own.size()) batch.insert(0, 1);
      while (own.size() < batch.size()) own.insert(0, 1);
      for (std::size_t d = 0; d < own.size(); ++d)
        if (own[d] != 1) batch[d] = own[d];
    }
    const auto matrices_at = [&](std::int64_t index) {
      Matrices list;
      for (const table::Array& x : in) {
        Matrix a(x.shape[x.shape.size() - 2], x.shape.back());
        std::int64_t number = 0, rest = index, step = 1;
        for (std::size_t d = batch.size(); d-- > 0;) {
          const std::int64_t at = rest % std::max<std::int64_t>(1, batch[d]);
          rest /= std::max<std::int64_t>(1, batch[d]);
          const std::size_t lacking = batch.size() + 2 - x.shape.size();
          const std::int64_t size = d < lacking ? 1 : x.shape[d - lacking];
          number += size == 1 ? 0 : at * step;
          step *= size;
        }
        const auto begin = static_cast<std::size_t>(number) * a.v.size();
        if (begin + a.v.size() <= x.values.size())
          std::copy_n(x.values.begin() + static_cast<std::ptrdiff_t>(begin), a.v.size(), a.v.begin());
        list.push_back(a);
      }
      return list;
    };
    // Of no matrices at all, the sizes are those for any.
    table::Arrays out = f(matrices_at(0));
    const std::int64_t count = xgrad::numel(batch);
    for (std::size_t o = 0; o < out.size(); ++o) {
      Shape shape = batch;
      for (const std::int64_t size : out[o].shape) shape.push_back(size);
      out[o].shape = shape;
      out[o].values.clear();
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const table::Arrays each = f(matrices_at(i));
      for (std::size_t o = 0; o < out.size(); ++o)
        out[o].values.insert(out[o].values.end(), each[o].values.begin(), each[o].values.end());
    }
    return out;
  };
}

xgrad::Tensor heavy(const xgrad::Tensor& a) {
  const std::int64_t m = a.size(-2), n = a.size(-1);
  return a + xgrad::eye(m, n, {.dtype = a.dtype()}) * xgrad::arange(1, n + 1).to(a.dtype()) * 3;
}
Matrix heavy(Matrix a) {
  for (std::int64_t i = 0; i < std::min(a.rows, a.cols); ++i) a(i, i) += 3.0 * static_cast<double>(i + 1);
  return a;
}

}  // namespace oracle
