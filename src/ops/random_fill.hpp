// Filling memory with random numbers: groups of Philox blocks, converted.
#pragma once
#include <xgrad/random.hpp>

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/parallel.hpp"
#include "kernels/philox.hpp"

namespace xgrad::detail {

// Elements that one group of blocks gives: a 32-bit word each for T of four bytes or less, two words for others.
template <class T>
inline constexpr int random_per_group = philox_lanes*(sizeof(T) <= 4 ? 4 : 2);

inline std::uint64_t random_word64(const PhiloxWords& words, int i) noexcept {
  const int j = i / philox_lanes * 2, l = i % philox_lanes;
  return std::uint64_t{words.word[j][l]} << 32 | words.word[j + 1][l];
}
// 0 ... range - 1 from a word: the upper half of their product.
inline std::uint64_t random_below(std::uint64_t word, std::uint64_t range) noexcept {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(word) * range >> 64);
}
// [0, 1)
template <class T>
T random_unit(const PhiloxWords& words, int i) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(words.word[i / philox_lanes][i % philox_lanes] >> 8) * 0x1p-24f;
  else
    return static_cast<double>(random_word64(words, i) >> 11) * 0x1p-53;
}
// (0, 1], with all the bits there are: for logarithms.
template <class T>
T random_unit_above_zero(const PhiloxWords& words, int i) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(words.word[i / philox_lanes][i % philox_lanes]) * 0x1p-32f + 0x1p-33f;
  else
    return static_cast<double>((random_word64(words, i) >> 11) + 1) * 0x1p-53;
}

// out[0..count) from convert(words, values), which makes random_per_group<T> values of Stored from a group.
template <class T, class Stored, class Convert>
void random_fill(Generator& generator, Stored* out, std::int64_t count, std::int64_t cost, const Convert& convert) {
  constexpr std::int64_t per_group = random_per_group<T>;
  const std::int64_t groups = (count + per_group - 1) / per_group;
  const auto [seed, offset] = generator.reserve(static_cast<std::uint64_t>(groups) * philox_lanes);
  parallel_for(groups, 64, count * cost, [&, seed = seed, offset = offset](std::int64_t begin, std::int64_t end) {
    PhiloxWords words;
    for (std::int64_t g = begin; g < end; ++g) {
      philox_group(seed, offset + static_cast<std::uint64_t>(g) * philox_lanes, words);
      const std::int64_t first = g * per_group;
      if (first + per_group <= count) {
        convert(words, out + first);
      } else {
        Stored last[per_group];
        convert(words, last);
        for (std::int64_t i = first; i < count; ++i) out[i] = last[i - first];
      }
    }
  });
}

template <class T>
void random_uniform(Generator& generator, T* out, std::int64_t count, double from, double to) {
  const T base = static_cast<T>(from), width = static_cast<T>(to - from);
  // Rounding may reach the end of the interval, which does not belong to it.
  const T last = from < to ? std::nextafter(static_cast<T>(to), base) : base;
  random_fill<T>(generator, out, count, 4, [=](const PhiloxWords& words, T* values) {
    for (int i = 0; i < random_per_group<T>; ++i) {
      const T value = base + width * random_unit<T>(words, i);
      values[i] = value < last ? value : last;
    }
  });
}

// 1 with probability p.
template <class T, class Stored>
void random_bernoulli(Generator& generator, Stored* out, std::int64_t count, double p) {
  const T threshold = static_cast<T>(p);
  random_fill<T>(generator, out, count, 4, [=](const PhiloxWords& words, Stored* values) {
    for (int i = 0; i < random_per_group<T>; ++i) values[i] = static_cast<Stored>(random_unit<T>(words, i) < threshold);
  });
}

}  // namespace xgrad::detail
