// Attention over a stack of matrices: products and softmax block by block, so that no whole matrix of scores is kept.
#pragma once
#include <xgrad/random.hpp>
#include <xgrad/shape.hpp>

#include <cstdint>

namespace xgrad::detail {

// One matrix for each index of a batch: its first element lies sum(steps[d] * index[d]) from data. Null where there is
// none.
template <class T>
struct MatrixStack {
  T* data = nullptr;
  Shape steps{};
  std::int64_t row = 0, col = 0;

  explicit operator bool() const noexcept { return data != nullptr; }
  T* at(const Shape& batch, std::int64_t index) const noexcept {
    std::int64_t offset = 0;
    for (std::size_t d = batch.size(); d-- > 0; index /= batch[d]) offset += index % batch[d] * steps[d];
    return data + offset;
  }
};

// Elements of the probabilities that are left out, and the factor of the others. Element (i, j) of matrix n takes word
// j % 64 of group (n * queries + i) * groups + j / 64 of the stream, so that any block can be drawn again.
struct AttentionDropout {
  bool active = false;
  double p = 0;
  Generator::State stream{};

  static constexpr std::int64_t per_group = 64;
  static constexpr std::int64_t blocks_per_group = 16;
  static std::int64_t groups(std::int64_t keys) noexcept { return (keys + per_group - 1) / per_group; }
  // What the stream must give.
  static std::uint64_t blocks(std::int64_t rows, std::int64_t keys) noexcept {
    return static_cast<std::uint64_t>(rows * groups(keys) * blocks_per_group);
  }
};

// For each matrix of the batch: query [queries, width], key [keys, width], value [keys, value_width], all readable by
// gemm, and perhaps a mask [queries, keys]: `bias` is added to the scores, `keep` says which take part. With `causal`
// key j takes part for query i where j <= i.
template <class T>
struct Attention {
  Shape batch;
  std::int64_t count, queries, keys, width, value_width;
  MatrixStack<const T> query, key, value, bias;
  MatrixStack<const bool> keep;
  T scale;
  bool causal;
  AttentionDropout dropout;
};

// What the forward pass leaves for the backward pass, [count, queries] each: the largest score of a row, and one over
// its sum of exp(score - largest); both 0 where no key takes part.
template <class T>
struct AttentionRows {
  T* largest;
  T* inverse;
};

template <class T>
void attention_forward(const Attention<T>& attention, const MatrixStack<T>& output, const AttentionRows<T>& rows);

// Gradients, only of those that are not null. Their columns are adjacent.
template <class T>
struct AttentionGradients {
  MatrixStack<T> query, key, value, bias;
};
template <class T>
void attention_backward(const Attention<T>& attention, const MatrixStack<const T>& output, const AttentionRows<T>& rows,
                        const MatrixStack<const T>& gradient, const AttentionGradients<T>& result);

// 1 / (1 - p) where an element stays and 0 where it is left out, as the kernels do: [count * queries, keys].
template <class T>
void attention_dropout(const AttentionDropout& dropout, std::int64_t rows, std::int64_t keys, T* factors);

}  // namespace xgrad::detail
