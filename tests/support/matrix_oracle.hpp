// Linear algebra in plain loops, for oracles.
#pragma once
#include <functional>
#include <vector>

#include "support/op_table.hpp"

namespace oracle {

struct Matrix {
  std::int64_t rows = 0, cols = 0;
  std::vector<double> v;

  Matrix() = default;
  Matrix(std::int64_t m, std::int64_t n) : rows(m), cols(n), v(static_cast<std::size_t>(m * n), 0.0) {}
  double& operator()(std::int64_t i, std::int64_t j) { return v[static_cast<std::size_t>(i * cols + j)]; }
  double operator()(std::int64_t i, std::int64_t j) const { return v[static_cast<std::size_t>(i * cols + j)]; }
};
using Matrices = std::vector<Matrix>;

Matrix identity(std::int64_t n);
Matrix transposed(const Matrix& a);
Matrix operator*(const Matrix& a, const Matrix& b);
Matrix operator*(double factor, Matrix a);
Matrix operator+(Matrix a, const Matrix& b);
// X of A X = B, and det A, by elimination.
Matrix solve(Matrix a, Matrix b);
double det(Matrix a);
Matrix inverse(const Matrix& a);

// Of a symmetric matrix, ascending, by Jacobi's rotations; vectors in columns.
struct Eigen {
  std::vector<double> values;
  Matrix vectors;
};
Eigen eigen(Matrix a);
// V diag(f(w)) V^T of a symmetric matrix.
Matrix map_symmetric(const Matrix& a, const std::function<double(double)>& f);
// Descending; as many as the smaller size.
std::vector<double> singular_values(const Matrix& a);

// One result for each matrix: their sizes and numbers.
table::Array array(const Matrix& a);
table::Array array(const std::vector<double>& numbers);
table::Array array(double number);

// f of the matrices in the last two dimensions of all inputs, for each index of the broadcast other ones.
table::Oracle stacks(std::function<table::Arrays(const Matrices&)> f);

// With 3, 6, 9 ... added to the diagonal, so that singular values lie apart.
xgrad::Tensor heavy(const xgrad::Tensor& a);
Matrix heavy(Matrix a);

}  // namespace oracle
