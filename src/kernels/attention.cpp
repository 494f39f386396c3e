#include "kernels/attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

#include "core/tensor_impl.hpp"
#include "kernels/attention_rows.hpp"
#include "kernels/copy.hpp"
#include "kernels/gemm_onednn.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {
namespace {

// A block of scores stays in the cache between the products that make and use it.
constexpr std::int64_t row_block = 128, key_block = 512;
static_assert(key_block % AttentionDropout::per_group == 0);

// ---- what one thread works in: `tiles` blocks of scores, a block of keys, and two rows

template <class T>
class Space {
 public:
  Space(const Attention<T>& a, int tiles)
      : threads_(available_threads()),
        tile_(std::min(a.queries, row_block) * std::min(a.keys, key_block)),
        size_(tiles * tile_ + std::min(a.keys, key_block) * std::max(a.width, a.value_width) + 2 * key_block),
        memory_(make_tensor({threads_ * size_}, dtype_of<T>)) {}
  T* tile(int index) const noexcept { return mine() + index * tile_; }
  // After the tiles: a block of keys or values, turned round.
  T* turned(int tiles) const noexcept { return tile(tiles); }
  T* row(int index) const noexcept { return mine() + size_ - (index + 1) * key_block; }

 private:
  T* mine() const noexcept { return data<T>(memory_) + (threads_ > 1 ? thread_index() : 0) * size_; }

  std::int64_t threads_, tile_, size_;
  Tensor memory_;
};

// C[m, n] = A B^T, by way of B^T itself where that is faster.
template <class T>
void multiply_by_rows(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix<const T>& a,
                      const Matrix<const T>& b, const Matrix<T>& c, T* turned) {
  if constexpr (std::is_same_v<T, float>) {
    constexpr std::int64_t many = 96;
    if (m >= many && b.col == 1 && onednn::turning_pays(m, n, k)) {
      transpose_matrix(n, k, b.data, b.row, turned, n);
      return multiply<T>(m, n, k, a, {turned, n, 1}, c, false);
    }
  }
  multiply<T>(m, n, k, a, b.transposed(), c, false);
}

// ---- forward: a block of rows, over the blocks of keys with a running maximum and sum

// Keys that the query sees in a block of them.
template <class T>
std::int64_t visible(const Attention<T>& a, std::int64_t query, std::int64_t first, std::int64_t count) {
  return a.causal ? std::clamp<std::int64_t>(query + 1 - first, 0, count) : count;
}

template <class T>
void forward_block(const Attention<T>& a, std::int64_t n, std::int64_t first, std::int64_t last, const Matrix<T>& out,
                   const AttentionRows<T>& rows, const Space<T>& space) {
  const Operands<T> of(a, n);
  const DropoutRows dropout(a.dropout, a.keys);
  std::array<T, row_block> top, sum;
  top.fill(attention_hidden<T>);
  sum.fill(0);
  const std::int64_t height = last - first, seen = visible(a, last - 1, 0, a.keys);
  for (std::int64_t begin = 0; begin < seen; begin += key_block) {
    const std::int64_t width = std::min(key_block, seen - begin);
    const Matrix<T> scores{space.tile(0), width, 1};
    multiply_by_rows<T>(height, width, a.width, of.query.from(first), of.key.from(begin), scores, space.turned(1));
    for (std::int64_t i = 0; i < height; ++i) {
      const std::int64_t part = visible(a, first + i, begin, width);
      T* s = scores.at(i);
      std::fill(s + part, s + width, T(0));
      if (part == 0) continue;
      const auto at = static_cast<std::size_t>(i);
      const T largest = scale_row(s, part, a.scale, mask_row(of, first + i, begin, part, space.row(0)));
      const T now = larger(top[at], largest), base = now == attention_hidden<T> ? T(0) : now;
      const T before = begin == 0 ? T(0) : std::exp(top[at] - base);
      sum[at] = sum[at] * before + exp_row(s, part, base);
      top[at] = now;
      if (begin > 0 && before != 1) multiply_row(out.at(first + i), a.value_width, before);
      if (!a.dropout.active) continue;
      dropout(n * a.queries + first + i, begin, part, space.row(1));
      for (std::int64_t j = 0; j < part; ++j) s[j] *= space.row(1)[j];
    }
    multiply<T>(height, a.value_width, width, scores, of.value.from(begin), out.from(first), begin > 0);
  }
  if (seen <= 0) fill_zero(out.from(first), height, a.value_width);
  for (std::int64_t i = 0; i < height; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const T inverse = sum[at] == 0 ? T(0) : 1 / sum[at];
    multiply_row(out.at(first + i), a.value_width, inverse);
    rows.largest[n * a.queries + first + i] = top[at] == attention_hidden<T> ? T(0) : top[at];
    rows.inverse[n * a.queries + first + i] = inverse;
  }
}

// ---- backward: with O = P V and D = sum(dO O) of each row, dP = dO V^T, dS = P (dP - D),
//      dV = P^T dO, dQ = scale dS K, dK = scale dS^T Q

template <class T>
struct BackwardPart {
  const Attention<T>& a;
  Operands<T> of;
  std::int64_t n, first, last;
  Matrix<const T> output, gradient;
  const AttentionRows<T>& rows;
  Matrix<T> d_query, d_key, d_value, d_bias;
  const Space<T>& space;

  void operator()() const {
    const bool untouched = a.causal || first == last;
    if (untouched && d_key) fill_zero(d_key, a.keys, a.width);
    if (untouched && d_value) fill_zero(d_value, a.keys, a.value_width);
    for (std::int64_t begin = first; begin < last; begin += row_block) block(begin, std::min(last, begin + row_block));
  }

 private:
  void block(std::int64_t top, std::int64_t bottom) const {
    const std::int64_t height = bottom - top, seen = visible(a, bottom - 1, 0, a.keys);
    const bool scores_too = d_query || d_key || d_bias, more = a.causal || top > first;
    std::array<T, row_block> delta{};
    for (std::int64_t i = 0; scores_too && i < height; ++i)
      delta[static_cast<std::size_t>(i)] =
          row_product(output.at(top + i), gradient.at(top + i), gradient.col, a.value_width);
    for (std::int64_t begin = 0; begin < seen; begin += key_block) {
      const std::int64_t width = std::min(key_block, seen - begin);
      const Matrix<T> p{space.tile(0), width, 1}, ds{scores_too ? space.tile(1) : nullptr, width, 1};
      multiply_by_rows<T>(height, width, a.width, of.query.from(top), of.key.from(begin), p, space.turned(2));
      if (scores_too)
        multiply_by_rows<T>(height, width, a.value_width, gradient.from(top), of.value.from(begin), ds,
                            space.turned(2));
      for (std::int64_t i = 0; i < height; ++i) row(top + i, begin, width, delta[static_cast<std::size_t>(i)], i);
      if (d_value)
        multiply<T>(width, a.value_width, height, p.transposed(), gradient.from(top), d_value.from(begin), more);
      if (d_query) multiply<T>(height, a.width, width, ds, of.key.from(begin), d_query.from(top), begin > 0);
      if (d_key) multiply<T>(width, a.width, height, ds.transposed(), of.query.from(top), d_key.from(begin), more);
    }
    if (d_query && seen <= 0) fill_zero(d_query.from(top), height, a.width);
    for (std::int64_t i = top; d_bias && i < bottom; ++i) {
      const std::int64_t part = visible(a, i, 0, a.keys);
      std::fill(d_bias.at(i) + part, d_bias.at(i) + a.keys, T(0));
    }
  }

  void row(std::int64_t query, std::int64_t first_key, std::int64_t width, T delta, std::int64_t i) const {
    const std::int64_t part = visible(a, query, first_key, width), index = n * a.queries + query;
    const bool scores_too = d_query || d_key || d_bias;
    T *s = space.tile(0) + i * width, *g = scores_too ? space.tile(1) + i * width : nullptr;
    const T* mask = mask_row(of, query, first_key, part, space.row(0));
    if (a.dropout.active) DropoutRows(a.dropout, a.keys)(index, first_key, part, space.row(1));
    GradientRow<T>{.s = s,
                   .g = g,
                   .bias = d_bias ? d_bias.at(query) + first_key : nullptr,
                   .mask = mask,
                   .factor = a.dropout.active ? space.row(1) : nullptr,
                   .scale = a.scale,
                   .top = rows.largest[index],
                   .inverse = rows.inverse[index],
                   .delta = delta}(part);
    std::fill(s + part, s + width, T(0));
    if (g) std::fill(g + part, g + width, T(0));
  }
};

// Into how many parts the rows of a matrix are divided when there are few matrices. Each part has its own sums for key
// and value, which are added up at the end.
template <class T>
std::int64_t parts_of(const Attention<T>& a) {
  constexpr std::int64_t wanted = 16;
  const std::int64_t blocks = (a.queries + row_block - 1) / row_block;
  return std::clamp<std::int64_t>((wanted + a.count - 1) / a.count, 1, std::max<std::int64_t>(1, blocks));
}
template <class T>
std::int64_t part_begin(const Attention<T>& a, std::int64_t parts, std::int64_t part) {
  const std::int64_t blocks = (a.queries + row_block - 1) / row_block;
  return std::min(a.queries, blocks * part / parts * row_block);
}

// [parts, count, keys, width] sums to `to`.
template <class T>
void add_parts(const Attention<T>& a, const Tensor& sums, std::int64_t parts, std::int64_t width,
               const MatrixStack<T>& to) {
  const std::int64_t size = a.keys * width;
  parallel_for(a.count, 1, parts * a.count * size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const Matrix<T> out = matrix(to, a, n);
      for (std::int64_t part = 0; part < parts; ++part) {
        const T* from = data<T>(sums) + (part * a.count + n) * size;
        for (std::int64_t i = 0; i < a.keys; ++i, from += width) {
          T* row = out.at(i);
          if (part == 0)
            std::copy(from, from + width, row);
          else
            for (std::int64_t j = 0; j < width; ++j) row[j] += from[j];
        }
      }
    }
  });
}

// Tasks together worth a change of thread.
constexpr std::int64_t grain_of(std::int64_t work) { return std::max<std::int64_t>(1, 131072 / (work + 1)); }

}  // namespace

template <class T>
void attention_forward(const Attention<T>& a, const MatrixStack<T>& output, const AttentionRows<T>& rows) {
  if (a.count == 0 || a.queries == 0) return;
  const Space<T> space(a, 1);
  const std::int64_t blocks = (a.queries + row_block - 1) / row_block;
  const std::int64_t work = std::min(a.queries, row_block) * a.keys * (a.width + a.value_width + 8);
  parallel_for(a.count * blocks, grain_of(work), a.count * blocks * work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t n = task / blocks, first = task % blocks * row_block;
      forward_block(a, n, first, std::min(a.queries, first + row_block), matrix(output, a, n), rows, space);
    }
  });
}

template <class T>
void attention_backward(const Attention<T>& a, const MatrixStack<const T>& output, const AttentionRows<T>& rows,
                        const MatrixStack<const T>& gradient, const AttentionGradients<T>& result) {
  if (a.count == 0) return;
  const Space<T> space(a, 2);
  const std::int64_t parts = parts_of(a);
  Tensor key_sums, value_sums;
  if (parts > 1 && result.key) key_sums = make_tensor({parts, a.count, a.keys, a.width}, dtype_of<T>);
  if (parts > 1 && result.value) value_sums = make_tensor({parts, a.count, a.keys, a.value_width}, dtype_of<T>);
  const std::int64_t work = a.queries / parts * a.keys * (3 * a.width + 2 * a.value_width + 12);
  parallel_for(parts * a.count, grain_of(work), parts * a.count * work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t part = task / a.count, n = task % a.count;
      const auto own = [&](const Tensor& sums, std::int64_t width, const MatrixStack<T>& whole) {
        return sums.defined() ? Matrix<T>{data<T>(sums) + task * a.keys * width, width, 1} : matrix(whole, a, n);
      };
      const BackwardPart<T> run{.a = a,
                                .of = Operands<T>(a, n),
                                .n = n,
                                .first = part_begin(a, parts, part),
                                .last = part_begin(a, parts, part + 1),
                                .output = matrix(output, a, n),
                                .gradient = matrix(gradient, a, n),
                                .rows = rows,
                                .d_query = matrix(result.query, a, n),
                                .d_key = own(key_sums, a.width, result.key),
                                .d_value = own(value_sums, a.value_width, result.value),
                                .d_bias = matrix(result.bias, a, n),
                                .space = space};
      run();
    }
  });
  if (key_sums.defined()) add_parts(a, key_sums, parts, a.width, result.key);
  if (value_sums.defined()) add_parts(a, value_sums, parts, a.value_width, result.value);
}

template <class T>
void attention_dropout(const AttentionDropout& dropout, std::int64_t rows, std::int64_t keys, T* factors) {
  const DropoutRows draw(dropout, keys);
  parallel_for(rows, std::max<std::int64_t>(1, 16384 / (keys + 1)), rows * keys * 4,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end; ++r) draw(r, 0, keys, factors + r * keys);
               });
}

template void attention_forward(const Attention<float>&, const MatrixStack<float>&, const AttentionRows<float>&);
template void attention_forward(const Attention<double>&, const MatrixStack<double>&, const AttentionRows<double>&);
template void attention_backward(const Attention<float>&, const MatrixStack<const float>&, const AttentionRows<float>&,
                                 const MatrixStack<const float>&, const AttentionGradients<float>&);
template void attention_backward(const Attention<double>&, const MatrixStack<const double>&,
                                 const AttentionRows<double>&, const MatrixStack<const double>&,
                                 const AttentionGradients<double>&);
template void attention_dropout(const AttentionDropout&, std::int64_t, std::int64_t, float*);
template void attention_dropout(const AttentionDropout&, std::int64_t, std::int64_t, double*);

}  // namespace xgrad::detail
