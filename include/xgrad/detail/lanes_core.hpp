#pragma once

// What the function families of Lanes share: bits, signs, exact products, polynomials, lane-by-lane calls.

#include <xgrad/detail/lanes_coefficients.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

// g++ 12 takes the operands that its AVX-512 intrinsics leave undefined for forgotten initialisers.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// Sanitizers turn each inlined temporary into stack memory and take minutes to compile the result; the arithmetic, which
// touches no memory, is left out of what they watch. Loads and stores are xsimd's functions and stay in.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define XGRAD_LANES_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(XGRAD_LANES_SANITIZED)
#define XGRAD_LANES_INLINE __attribute__((no_sanitize("address", "thread", "undefined"))) inline
#else
#define XGRAD_LANES_INLINE __attribute__((always_inline)) inline
#endif

namespace xgrad {

template <class T, class Arch>
class Lanes;

namespace detail {

template <class T, class Arch>
struct LaneExp;
template <class T, class Arch>
struct LaneLog;
template <class T, class Arch>
struct LanePow;
template <class T, class Arch>
struct LaneTrig;
template <class T, class Arch>
struct LaneErf;
template <class T, class Arch>
struct LaneGamma;
template <class T, class Arch>
struct LaneRounding;
template <class T, class Arch>
struct LaneDivision;

template <class T>
struct LaneFormat;

template <>
struct LaneFormat<float> {
  using Word = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Word low_half = 0xfff;
};

template <>
struct LaneFormat<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Word low_half = 0x7ffffff;
};

// The compiler's own vectors rather than batches of integers: g++ 12 warns of uninitialised values inside its AVX-512
// shift intrinsics, and xsimd's bitwise_cast changed its template arguments between releases.
template <class T, class Arch>
struct LaneWordsOf {
  typedef typename LaneFormat<T>::Word type __attribute__((vector_size(sizeof(T) * xsimd::batch<T, Arch>::size)));
};
template <class T, class Arch>
using LaneWords = typename LaneWordsOf<T, Arch>::type;

template <class T, class Arch>
XGRAD_LANES_INLINE LaneWords<T, Arch> to_bits(Lanes<T, Arch> x) {
  return std::bit_cast<LaneWords<T, Arch>>(x.raw());
}

template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> from_bits(LaneWords<T, Arch> bits) {
  return Lanes<T, Arch>(std::bit_cast<xsimd::batch<T, Arch>>(bits));
}

/// The bits of a number, to be joined with the words of any lane.
template <class T>
constexpr typename LaneFormat<T>::Word bits_of(T value) {
  return std::bit_cast<typename LaneFormat<T>::Word>(value);
}

template <class T>
constexpr auto sign_bit = bits_of(T(-0.0));

template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> flip_sign(Lanes<T, Arch> x) {
  return from_bits<T, Arch>(to_bits(x) ^ sign_bit<T>);
}

template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> clear_sign(Lanes<T, Arch> x) {
  return from_bits<T, Arch>(to_bits(x) & ~sign_bit<T>);
}

/// x with the sign of `sign` joined in: x must be non-negative or have that sign already.
template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> give_sign(Lanes<T, Arch> x, Lanes<T, Arch> sign) {
  return from_bits<T, Arch>(to_bits(x) | (to_bits(sign) & sign_bit<T>));
}

/// Whether the sign bit is set, in -0 too.
template <class T, class Arch>
XGRAD_LANES_INLINE auto is_negative(Lanes<T, Arch> x) {
  return from_bits<T, Arch>((to_bits(x) & sign_bit<T>) | bits_of(T(1))) < 0;
}

template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> fused(Lanes<T, Arch> a, Lanes<T, Arch> b, Lanes<T, Arch> c) {
  return Lanes<T, Arch>(xsimd::fma(a.raw(), b.raw(), c.raw()));
}

template <class T, class Arch, class C, std::size_t... I>
XGRAD_LANES_INLINE Lanes<T, Arch> horner(Lanes<T, Arch> x, const C& c, std::index_sequence<I...>) {
  constexpr std::size_t last = sizeof...(I);
  Lanes<T, Arch> sum(c[last]);
  ((sum = fused(sum, x, Lanes<T, Arch>(c[last - 1 - I]))), ...);
  return sum;
}

/// c[0] + c[1] x + c[2] x^2 + ...
template <class T, class Arch, std::size_t N>
XGRAD_LANES_INLINE Lanes<T, Arch> polynomial(Lanes<T, Arch> x, const T (&c)[N]) {
  return horner(x, c, std::make_index_sequence<N - 1>());
}

// g++ merges the product into a later sum where the machine has a fused multiply-add; the parts of an exact product
// must be those that were rounded.
template <class T, class Arch>
XGRAD_LANES_INLINE Lanes<T, Arch> rounded_here(Lanes<T, Arch> x) {
  auto value = x.raw().data;
#if defined(__x86_64__) || defined(__i386__)
  asm("" : "+x"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#endif
  return Lanes<T, Arch>(xsimd::batch<T, Arch>(value));
}

/// A value and its rounding error, high + low.
template <class T, class Arch>
struct LanePair {
  Lanes<T, Arch> high, low;
};

/// a b as the rounded product and its error; halves of the words, so that no fused multiply-add is needed.
template <class T, class Arch>
XGRAD_LANES_INLINE LanePair<T, Arch> exact_product(Lanes<T, Arch> a, Lanes<T, Arch> b) {
  constexpr auto mask = static_cast<typename LaneFormat<T>::Word>(~LaneFormat<T>::low_half);
  const auto a_high = from_bits<T, Arch>(to_bits(a) & mask);
  const auto b_high = from_bits<T, Arch>(to_bits(b) & mask);
  const auto a_low = a - a_high;
  const auto b_low = b - b_high;
  const auto product = rounded_here(a * b);
  return {product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
}

// Never inlined: the rare path should not fill the registers and the code of the common one.
template <class Arch, class T, class F>
__attribute__((noinline)) void replace_lanes(const T* a, const T* b, const bool* chosen, T* out, std::size_t n, F f) {
  for (std::size_t i = 0; i < n; ++i) {
    if (chosen[i]) out[i] = f(a[i], b[i]);
  }
}

/// f(a, b) computed one lane at a time where `chosen` holds, `other` elsewhere.
template <class T, class Arch, class M, class F>
XGRAD_LANES_INLINE Lanes<T, Arch> lane_by_lane(M chosen, Lanes<T, Arch> a, Lanes<T, Arch> b, Lanes<T, Arch> other,
                                               F f) {
  if (!chosen.any()) return other;
  constexpr std::size_t n = Lanes<T, Arch>::size;
  T in_a[n], in_b[n], out[n];
  bool flags[n];
  a.store(in_a);
  b.store(in_b);
  other.store(out);
  chosen.store(flags);
  replace_lanes<Arch>(in_a, in_b, flags, out, n, f);
  return Lanes<T, Arch>::load(out);
}

/// f on the values widened to double, rounded once: for float functions that need more digits inside.
template <class Arch, class F>
XGRAD_LANES_INLINE Lanes<float, Arch> through_double(Lanes<float, Arch> a, Lanes<float, Arch> b, F f) {
  using Wide = Lanes<double, Arch>;
  constexpr std::size_t n = Lanes<float, Arch>::size;
  static_assert(n == 2 * Wide::size);
  float narrow_a[n], narrow_b[n];
  double wide_a[n], wide_b[n];
  a.store(narrow_a);
  b.store(narrow_b);
  for (std::size_t i = 0; i < n; ++i) {
    wide_a[i] = narrow_a[i];
    wide_b[i] = narrow_b[i];
  }
  for (std::size_t i = 0; i < n; i += Wide::size) f(Wide::load(wide_a + i), Wide::load(wide_b + i)).store(wide_a + i);
  for (std::size_t i = 0; i < n; ++i) narrow_a[i] = static_cast<float>(wide_a[i]);
  return Lanes<float, Arch>::load(narrow_a);
}

}  // namespace detail
}  // namespace xgrad
