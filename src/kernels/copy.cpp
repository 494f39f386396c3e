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

// to[c][r] = from[r][c] for 16 x 16 elements of four bytes. Interleaving the halves of a list of rows, four times over,
// transposes it.
void transpose_block(const std::uint32_t* from, std::int64_t from_row, std::uint32_t* to, std::int64_t to_row) {
  using Row [[gnu::vector_size(64)]] = std::uint32_t;
  Row rows[16], mixed[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&rows[i], from + i * from_row, sizeof(Row));
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      mixed[2 * i] =
          __builtin_shufflevector(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      mixed[2 * i + 1] =
          __builtin_shufflevector(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    std::copy(mixed, mixed + 16, rows);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(to + i * to_row, &rows[i], sizeof(Row));
}

// Rows first..last of a plane that is transposed between the two: blocks that fit the first cache.
template <class To, class From>
void copy_plane(To* to, const From* from, const Pair& p, std::size_t a, std::size_t b, std::int64_t first,
                std::int64_t last) {
  constexpr std::int64_t block = plane_block;
  [[maybe_unused]] const bool flat = p.to[b] == 1 && p.from[a] == 1;
  for (std::int64_t i = first; i < last; i += block)
    for (std::int64_t j = 0; j < p.shape[b]; j += block) {
      const std::int64_t rows = std::min(block, last - i), columns = std::min(block, p.shape[b] - j);
      if constexpr (std::is_same_v<To, std::uint32_t> && std::is_same_v<From, std::uint32_t>)
        if (flat && rows == block && columns == block) {
          transpose_block(from + i * p.from[a] + j * p.from[b], p.from[b], to + i * p.to[a] + j * p.to[b], p.to[a]);
          continue;
        }
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c)
          to[(i + r) * p.to[a] + (j + c) * p.to[b]] = convert<To>(from[(i + r) * p.from[a] + (j + c) * p.from[b]]);
    }
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
