#include "kernels/taps.hpp"

#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"

namespace xgrad::detail {

Taps transposed(const Taps& taps) {
  Taps result(taps.count());
  result.first.assign(static_cast<std::size_t>(taps.size) + 1, 0);
  for (const std::int64_t at : taps.index) ++result.first[static_cast<std::size_t>(at) + 1];
  for (std::size_t i = 1; i < result.first.size(); ++i) result.first[i] += result.first[i - 1];
  result.index.resize(taps.index.size());
  result.weight.resize(taps.index.size());
  std::vector<std::int64_t> next = result.first;
  for (std::int64_t i = 0; i < taps.count(); ++i)
    for (auto k = static_cast<std::size_t>(taps.first[static_cast<std::size_t>(i)]);
         k < static_cast<std::size_t>(taps.first[static_cast<std::size_t>(i) + 1]); ++k) {
      const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(taps.index[k])]++);
      result.index[to] = i;
      result.weight[to] = taps.weight[k];
    }
  return result;
}

template <class T>
void apply_taps(const Taps& taps, std::int64_t outer, std::int64_t inner, const T* input, T* output) noexcept {
  const std::int64_t count = taps.count(),
                     work = outer * inner * (static_cast<std::int64_t>(taps.index.size()) + count);
  const std::int64_t *first = taps.first.data(), *index = taps.index.data();
  const double* weight = taps.weight.data();
  const std::int64_t rows_per_range = std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, inner));
  if (inner > 1) {
    parallel_for(outer * count, rows_per_range, work, [=, size = taps.size](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t i = row % count;
        const T* from = input + row / count * size * inner;
        T* to = output + row * inner;
        for_lanes<T>(inner, [&](std::int64_t at, std::int64_t n) {
          Lanes<T> sum = 0;
          for (std::int64_t k = first[i]; k < first[i + 1]; ++k)
            sum += static_cast<T>(weight[k]) * load_part(from + index[k] * inner + at, n);
          store_part(sum, to + at, n);
        });
      }
    });
    return;
  }
  parallel_for(outer, std::max<std::int64_t>(1, 4096 / std::max<std::int64_t>(1, count)), work,
               [=, size = taps.size](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t o = begin; o < end; ++o)
                   for (std::int64_t i = 0; i < count; ++i) {
                     T sum = 0;
                     for (std::int64_t k = first[i]; k < first[i + 1]; ++k)
                       sum += static_cast<T>(weight[k]) * input[o * size + index[k]];
                     output[o * count + i] = sum;
                   }
               });
}
template void apply_taps(const Taps&, std::int64_t, std::int64_t, const float*, float*) noexcept;
template void apply_taps(const Taps&, std::int64_t, std::int64_t, const double*, double*) noexcept;

}  // namespace xgrad::detail
