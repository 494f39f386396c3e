#include "kernels/copy.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <type_traits>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {
namespace {

// Two geometries over one shape, neighbouring dimensions that run on joined and sizes of 1 left out; the last dimension
// is the target's fastest.
struct Pair {
  Shape shape, to, from;
};

Pair coalesce(const TensorImpl& target, const TensorImpl& source) {
  Pair p;
  const std::size_t missing = target.shape.size() - source.shape.size();
  Shape order(target.shape.size(), 0);
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (!target.contiguous)
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return std::abs(target.strides[static_cast<std::size_t>(a)]) >
             std::abs(target.strides[static_cast<std::size_t>(b)]);
    });
  for (const std::int64_t next : order) {
    const auto d = static_cast<std::size_t>(next);
    if (target.shape[d] == 1) continue;
    const bool broadcast = d < missing || source.shape[d - missing] == 1;
    const std::int64_t from = broadcast ? 0 : source.strides[d - missing];
    const std::int64_t to = target.strides[d];
    if (!p.shape.empty() && p.to.back() == to * target.shape[d] && p.from.back() == from * target.shape[d]) {
      p.shape[p.shape.size() - 1] *= target.shape[d];
      p.to[p.to.size() - 1] = to;
      p.from[p.from.size() - 1] = from;
    } else {
      p.shape.push_back(target.shape[d]);
      p.to.push_back(to);
      p.from.push_back(from);
    }
  }
  if (p.shape.empty()) {
    p.shape.push_back(1);
    p.to.push_back(1);
    p.from.push_back(1);
  }
  return p;
}

template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) return value != From(0);
  // A cast of NaN or of a number out of range is undefined in C++; it gives the smallest integer here.
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr double limit = 9223372036854775808.0;
    const auto wide = static_cast<double>(value);
    if (!(wide >= -limit && wide < limit)) return static_cast<To>(INT64_MIN);
    return static_cast<To>(static_cast<std::int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

template <class To, class From>
void copy_run(To* to, std::int64_t to_stride, const From* from, std::int64_t from_stride, std::int64_t count) {
  if (to_stride == 1 && from_stride == 1) {
    if constexpr (std::is_same_v<To, From>)
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(To));
    else
      for (std::int64_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
  } else if (from_stride == 0) {
    const To value = convert<To>(*from);
    for (std::int64_t i = 0; i < count; ++i) to[i * to_stride] = value;
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i * to_stride] = convert<To>(from[i * from_stride]);
  }
}

constexpr std::int64_t plane_block = 16;

// Vectors of n elements of four bytes, and how many a register has.
template <int n>
using Row [[gnu::vector_size(4 * n)]] = std::uint32_t;
constexpr int row_size = static_cast<int>(lane_count<float>);

// Four elements of a row, of the row n / 2 after it, and so on, side by side.
template <int n>
[[gnu::always_inline]] inline Row<n> load_pieces(const std::uint32_t* from, std::int64_t from_row) {
  if constexpr (n == 4) {
    Row<4> piece;
    std::memcpy(&piece, from, sizeof(piece));
    return piece;
  } else {
    const auto low = load_pieces<n / 2>(from, from_row), high = load_pieces<n / 2>(from + n / 2 * from_row, from_row);
    return [&]<int... I>(std::integer_sequence<int, I...>) { return __builtin_shufflevector(low, high, I...); }
    (std::make_integer_sequence<int, n>());
  }
}
// The first (or second) two of every four elements of a and b, in turn.
template <int second>
[[gnu::always_inline]] inline Row<row_size> interleave(Row<row_size> a, Row<row_size> b) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (I / 4 * 4 + I % 4 / 2 + 2 * second + I % 2 * row_size)...);
  }
  (std::make_integer_sequence<int, row_size>());
}

// to[c][r] = from[r][c] for row_size x row_size elements of four bytes: squares of 4 x 4 are transposed side by side.
[[gnu::always_inline]] inline void transpose_block(const std::uint32_t* from, std::int64_t from_row, std::uint32_t* to,
                                                   std::int64_t to_row) {
  const auto load = [&](int row, int column) {
    return load_pieces<row_size>(from + row * from_row + column, from_row);
  };
  const auto store = [&](Row<row_size> row, int column) { std::memcpy(to + column * to_row, &row, sizeof(row)); };
#pragma GCC unroll 4
  for (int column = 0; column < row_size; column += 4) {
    const auto a = load(0, column), b = load(1, column), c = load(2, column), d = load(3, column);
    const auto ac = interleave<0>(a, c), bd = interleave<0>(b, d);
    store(interleave<0>(ac, bd), column);
    store(interleave<1>(ac, bd), column + 1);
    const auto ac2 = interleave<1>(a, c), bd2 = interleave<1>(b, d);
    store(interleave<0>(ac2, bd2), column + 2);
    store(interleave<1>(ac2, bd2), column + 3);
  }
}

// A piece of a plane, by whole blocks as far as they go. All of a column's cache line is used before the next column,
// which often lies a power of two away and takes its place in the cache.
template <class To, class From>
void copy_block(To* to, std::int64_t to_row, std::int64_t to_column, const From* from, std::int64_t from_row,
                std::int64_t from_column, std::int64_t rows, std::int64_t columns) {
  std::int64_t whole_rows = 0, whole_columns = 0;
  if constexpr (std::is_same_v<To, std::uint32_t> && std::is_same_v<From, std::uint32_t>)
    if (to_column == 1 && from_row == 1) {
      whole_rows = rows / row_size * row_size;
      whole_columns = columns / row_size * row_size;
      for (std::int64_t c = 0; c < whole_columns; c += row_size)
        for (std::int64_t r = 0; r < whole_rows; r += row_size)
          transpose_block(from + r + c * from_column, from_column, to + r * to_row + c, to_row);
    }
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c)
      to[r * to_row + c * to_column] = convert<To>(from[r * from_row + c * from_column]);
}

// Rows first..last of a plane that is transposed between the two: blocks that fit the first cache.
template <class To, class From>
void copy_plane(To* to, const From* from, const Pair& p, std::size_t a, std::size_t b, std::int64_t first,
                std::int64_t last) {
  constexpr std::int64_t block = plane_block;
  for (std::int64_t j = 0; j < p.shape[b]; j += block)
    for (std::int64_t i = first; i < last; i += block)
      copy_block(to + i * p.to[a] + j * p.to[b], p.to[a], p.to[b], from + i * p.from[a] + j * p.from[b], p.from[a],
                 p.from[b], std::min(block, last - i), std::min(block, p.shape[b] - j));
}

template <class To, class From>
void copy_strided(To* to, const From* from, const Pair& p) {
  const std::size_t rank = p.shape.size();
  const bool transposed = rank >= 2 && p.from[rank - 1] != 1 && p.from[rank - 1] != 0 && p.from[rank - 2] == 1;
  const std::size_t inner = transposed ? 2 : 1;
  if (rank == 1) {
    const std::int64_t count = p.shape[0];
    parallel_for(count, 1 << 16, count, [&](std::int64_t begin, std::int64_t end) {
      copy_run(to + begin * p.to[0], p.to[0], from + begin * p.from[0], p.from[0], end - begin);
    });
    return;
  }
  std::int64_t outer = 1, run = 1;
  for (std::size_t d = 0; d < rank - inner; ++d) outer *= p.shape[d];
  for (std::size_t d = rank - inner; d < rank; ++d) run *= p.shape[d];
  // Planes are cut into strips, so that several threads share a large one.
  constexpr std::int64_t strip = 4 * plane_block;
  const std::int64_t height = transposed ? p.shape[rank - 2] : 1,
                     strips = transposed ? (height + strip - 1) / strip : 1;
  run = run / std::max<std::int64_t>(1, height) * std::min(height, strip);
  outer *= strips;
  const std::int64_t grain = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(run, 1));
  parallel_for(outer, grain, outer * run, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      std::int64_t rest = o / strips, to_at = 0, from_at = 0;
      for (std::size_t d = rank - inner; d-- > 0;) {
        const std::int64_t i = rest % p.shape[d];
        rest /= p.shape[d];
        to_at += i * p.to[d];
        from_at += i * p.from[d];
      }
      if (transposed)
        copy_plane(to + to_at, from + from_at, p, rank - 2, rank - 1, o % strips * strip,
                   std::min(height, (o % strips + 1) * strip));
      else
        copy_run(to + to_at, p.to[rank - 1], from + from_at, p.from[rank - 1], p.shape[rank - 1]);
    }
  });
}

}  // namespace

void copy_elements(const Tensor& target, const Tensor& source) {
  const TensorImpl& t = impl(target);
  const TensorImpl& s = impl(source);
  if (t.numel == 0) return;
  const Pair p = coalesce(t, s);
  if (t.dtype == s.dtype) {
    dispatch_size(t.dtype, [&]<class T>() { copy_strided(data<T>(target), data<T>(source), p); });
    return;
  }
  dispatch_all(t.dtype, [&]<class To>() {
    dispatch_all(s.dtype, [&]<class From>() { copy_strided(data<To>(target), data<From>(source), p); });
  });
}

namespace {
// A line that is written whole past the caches need not be read first: a third less moves.
void stream_bytes(std::byte* to, const std::byte* from, std::int64_t bytes) {
  std::int64_t at = 0;
#ifdef __SSE2__
  constexpr std::int64_t line = 64;
  at = std::min(bytes, -reinterpret_cast<std::intptr_t>(to) & (line - 1));
  std::memcpy(to, from, static_cast<std::size_t>(at));
  for (; at + line <= bytes; at += line)
    for (int i = 0; i < line; i += 16)
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + at + i),
                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at + i)));
  _mm_sfence();
#endif
  std::memcpy(to + at, from + at, static_cast<std::size_t>(bytes - at));
}
}  // namespace

void stream_elements(const Tensor& target, const Tensor& source) {
  const TensorImpl& t = impl(target);
  const TensorImpl& s = impl(source);
  // Less than this is of use in a cache all the same.
  constexpr std::int64_t large = std::int64_t{1} << 20;
  const std::int64_t bytes = t.numel * element_size(t.dtype);
  if (bytes < large || t.dtype != s.dtype || !t.contiguous || !s.contiguous || t.numel != s.numel)
    return copy_elements(target, source);
  parallel_for(bytes, 1 << 18, bytes, [&](std::int64_t begin, std::int64_t end) {
    stream_bytes(t.raw() + begin, s.raw() + begin, end - begin);
  });
}

void fill_elements(const Tensor& target, Scalar value) {
  const TensorImpl& t = impl(target);
  if (t.numel == 0) return;
  if (t.contiguous) {
    dispatch_all(t.dtype, [&]<class T>() {
      T* to = data<T>(target);
      const T v = value.to<T>();
      parallel_for(t.numel, 1 << 16, t.numel,
                   [&](std::int64_t begin, std::int64_t end) { std::fill(to + begin, to + end, v); });
    });
    return;
  }
  Tensor one = make_tensor({}, t.dtype);
  fill_elements(one, value);
  copy_elements(target, one);
}

template <class T>
void transpose_matrix(std::int64_t rows, std::int64_t cols, const T* from, std::int64_t from_row, T* to,
                      std::int64_t to_row) noexcept {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const Pair p{{cols, rows}, {to_row, 1}, {1, from_row}};
  copy_plane(reinterpret_cast<Bits*>(to), reinterpret_cast<const Bits*>(from), p, 0, 1, 0, cols);
}
template void transpose_matrix(std::int64_t, std::int64_t, const float*, std::int64_t, float*, std::int64_t) noexcept;
template void transpose_matrix(std::int64_t, std::int64_t, const double*, std::int64_t, double*, std::int64_t) noexcept;

bool has_nan(const Tensor& tensor) {
  if (!is_floating_point(impl(tensor).dtype)) return false;
  const Tensor values = dense(tensor);
  return dispatch_floating(impl(values).dtype, [&]<class T>() {
    const T* x = data<T>(values);
    for (std::int64_t i = 0; i < impl(values).numel; ++i)
      if (std::isnan(x[i])) return true;
    return false;
  });
}

}  // namespace xgrad::detail
