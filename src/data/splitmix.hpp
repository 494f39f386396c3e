// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the random numbers of orders
// of data, functions of a seed and a stream.
#pragma once
#include <cstdint>

namespace xgrad::detail {

class SplitMix {
 public:
  SplitMix(std::uint64_t seed, std::uint64_t stream) noexcept : state_(mix(mix(seed + step) ^ (stream * step))) {}

  std::uint64_t next() noexcept { return mix(state_ += step); }
  // Uniform in 0 ... bound - 1 (Lemire's method, without its bias).
  std::uint64_t below(std::uint64_t bound) noexcept {
    const std::uint64_t least = (0 - bound) % bound;
    for (;;) {
      const Wide product = static_cast<Wide>(next()) * bound;
      if (static_cast<std::uint64_t>(product) >= least) return static_cast<std::uint64_t>(product >> 64);
    }
  }
  // Uniform in [0, 1), in steps of 2^-53.
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t step = 0x9e3779b97f4a7c15ULL;
  // The finaliser: a counter becomes a random number.
  static std::uint64_t mix(std::uint64_t x) noexcept {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  std::uint64_t state_;
};

}  // namespace xgrad::detail
