// Loops over tensors [N, C, S] by channel, with a number per channel at hand.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {

struct Channels {
  std::int64_t batch, channels, size;
};

// Channels are independent and go to threads. With size 1 a channel is a column, and lanes are neighbouring channels;
// else they are neighbours in a channel.

// out = f(lanes of in..., lanes of per_channel...) element by element.
//   in: arrays [N, C, S]; per_channel: arrays [C].
template <class T, std::size_t I, std::size_t P, class F>
void map_channels(const Channels& shape, const T* const (&in)[I], const T* const (&per_channel)[P], T* out,
                  const F& f) {
  using L = Lanes<T>;
  const auto [batch, channels, size] = shape;
  const std::int64_t work = batch * channels * size * 4;
  if (size == 1) {
    parallel_for(channels, 4 * lane_count<T>, work, [&, batch = batch, channels = channels](auto begin, auto end) {
      for_lanes<T>(end - begin, [&](std::int64_t c, std::int64_t n) {
        c += begin;
        L p[P], v[I];
        for (std::size_t k = 0; k < P; ++k) p[k] = load_part(per_channel[k] + c, n);
        for (std::int64_t b = 0; b < batch; ++b) {
          for (std::size_t k = 0; k < I; ++k) v[k] = load_part(in[k] + b * channels + c, n);
          store_part(f(v, p), out + b * channels + c, n);
        }
      });
    });
    return;
  }
  parallel_for(channels, 1, work, [&, batch = batch, channels = channels, size = size](auto begin, auto end) {
    for (std::int64_t c = begin; c < end; ++c) {
      L p[P];
      for (std::size_t k = 0; k < P; ++k) p[k] = L(per_channel[k][c]);
      for (std::int64_t b = 0; b < batch; ++b) {
        const std::int64_t row = (b * channels + c) * size;
        for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
          L v[I];
          for (std::size_t k = 0; k < I; ++k) v[k] = load_part(in[k] + row + i, n);
          store_part(f(v, p), out + row + i, n);
        });
      }
    }
  });
}

// sums[k][c] = sum over N and S of f(lanes of in..., lanes of per_channel..., out)'s out[k].
template <std::size_t K, class T, std::size_t I, std::size_t P, class F>
void sum_channels(const Channels& shape, const T* const (&in)[I], const T* const (&per_channel)[P],
                  std::vector<double> (&sums)[K], const F& f) {
  using L = Lanes<T>;
  const auto [batch, channels, size] = shape;
  const std::int64_t work = batch * channels * size * 4;
  for (auto& sum : sums) sum.assign(static_cast<std::size_t>(channels), 0);
  if (size == 1) {
    parallel_for(channels, 4 * lane_count<T>, work, [&, batch = batch, channels = channels](auto begin, auto end) {
      for_lanes<T>(end - begin, [&](std::int64_t c, std::int64_t n) {
        c += begin;
        L p[P], v[I], term[K], sum[K];
        for (std::size_t k = 0; k < P; ++k) p[k] = load_part(per_channel[k] + c, n);
        for (std::int64_t first = 0; first < batch; first += 256) {
          for (L& s : sum) s = 0;
          for (std::int64_t b = first; b < std::min(batch, first + 256); ++b) {
            for (std::size_t k = 0; k < I; ++k) v[k] = load_part(in[k] + b * channels + c, n);
            f(v, p, term);
            for (std::size_t k = 0; k < K; ++k) sum[k] += term[k];
          }
          for (std::size_t k = 0; k < K; ++k) {
            T values[L::size];
            sum[k].store(values);
            for (std::int64_t l = 0; l < n; ++l)
              sums[k][static_cast<std::size_t>(c + l)] += static_cast<double>(values[l]);
          }
        }
      });
    });
    return;
  }
  parallel_for(channels, 1, work, [&, batch = batch, channels = channels, size = size](auto begin, auto end) {
    for (std::int64_t c = begin; c < end; ++c) {
      L p[P];
      for (std::size_t k = 0; k < P; ++k) p[k] = L(per_channel[k][c]);
      for (std::int64_t b = 0; b < batch; ++b) {
        const std::int64_t row = (b * channels + c) * size;
        L sum[K];
        for (L& s : sum) s = 0;
        for_lanes<T>(size, [&](std::int64_t i, std::int64_t n) {
          L v[I], term[K];
          for (std::size_t k = 0; k < I; ++k) v[k] = load_part(in[k] + row + i, n);
          f(v, p, term);
          for (std::size_t k = 0; k < K; ++k) sum[k] += keep_part(term[k], n);
        });
        for (std::size_t k = 0; k < K; ++k)
          sums[k][static_cast<std::size_t>(c)] += static_cast<double>(sum_lanes(sum[k]));
      }
    }
  });
}

}  // namespace xgrad::detail
