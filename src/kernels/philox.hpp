// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): a counter and a key
// give four words, without any state.
#pragma once
#include <array>
#include <cstdint>

namespace xgrad::detail {

inline constexpr int philox_lanes = 16;
// Words of philox_lanes blocks, word by word: word[j][l] is word j of block l.
struct PhiloxWords {
  alignas(64) std::uint32_t word[4][philox_lanes];
};

// Ten rounds on the counters (c0[l], c1[l], c2[l], c3[l]) with the key (k0, k1).
inline void philox_rounds(PhiloxWords& counter, std::uint32_t k0, std::uint32_t k1) noexcept {
  auto& [c0, c1, c2, c3] = counter.word;
  for (int round = 0; round < 10; ++round) {
    for (int l = 0; l < philox_lanes; ++l) {
      const std::uint64_t a = std::uint64_t{0xD2511F53u} * c0[l];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c2[l];
      c0[l] = static_cast<std::uint32_t>(b >> 32) ^ c1[l] ^ k0;
      c1[l] = static_cast<std::uint32_t>(b);
      c2[l] = static_cast<std::uint32_t>(a >> 32) ^ c3[l] ^ k1;
      c3[l] = static_cast<std::uint32_t>(a);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// The blocks first, first + 1, ... first + philox_lanes - 1 of a seed; a block's counter is its 64-bit number.
inline void philox_group(std::uint64_t seed, std::uint64_t first, PhiloxWords& words) noexcept {
  for (int l = 0; l < philox_lanes; ++l) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(l);
    words.word[0][l] = static_cast<std::uint32_t>(block);
    words.word[1][l] = static_cast<std::uint32_t>(block >> 32);
    words.word[2][l] = 0;
    words.word[3][l] = 0;
  }
  philox_rounds(words, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

}  // namespace xgrad::detail
