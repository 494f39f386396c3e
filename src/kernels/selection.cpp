#include "kernels/selection.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

std::vector<std::int64_t> unrolled(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::vector<std::int64_t> offsets{0};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::vector<std::int64_t> longer;
    longer.reserve(offsets.size() * static_cast<std::size_t>(shape[d]));
    for (const std::int64_t offset : offsets)
      for (std::int64_t i = 0; i < shape[d]; ++i) longer.push_back(offset + i * strides[d]);
    offsets = std::move(longer);
  }
  return offsets;
}

namespace {

constexpr std::int64_t elements_per_range = 16384;

// The selection as three plain lists; the innermost one is left out where it is a row of neighbours.
struct Lists {
  std::vector<std::int64_t> outer, inner;
  const std::int64_t* places;
  std::int64_t outer_count, count, inner_count;

  explicit Lists(const Selection& selection)
      : outer(unrolled(selection.outer, selection.outer_strides)),
        places(data<std::int64_t>(selection.places)),
        outer_count(static_cast<std::int64_t>(outer.size())),
        count(impl(selection.places).numel),
        inner_count(numel(selection.inner)) {
    if (!is_contiguous(selection.inner, selection.inner_strides))
      inner = unrolled(selection.inner, selection.inner_strides);
  }
  std::int64_t total() const { return outer_count * count * inner_count; }
};

template <class T>
void read_all(T* values, const T* source, const Lists& lists) {
  const std::int64_t n = lists.count, row = lists.inner_count;
  parallel_for(lists.outer_count * n, elements_per_range / row + 1, lists.total(),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t r = begin; r < end;) {
                   const std::int64_t o = r / n, first = r % n, last = std::min(n, first + end - r);
                   const T* from = source + lists.outer[static_cast<std::size_t>(o)];
                   T* to = values + r * row;
                   r += last - first;
                   if (row == 1) {
                     for (std::int64_t k = first; k < last; ++k)
                       *to++ = lists.places[k] < 0 ? T(0) : from[lists.places[k]];
                     continue;
                   }
                   for (std::int64_t k = first; k < last; ++k, to += row) {
                     const std::int64_t place = lists.places[k];
                     if (place < 0)
                       std::memset(to, 0, static_cast<std::size_t>(row) * sizeof(T));
                     else if (lists.inner.empty())
                       std::memcpy(to, from + place, static_cast<std::size_t>(row) * sizeof(T));
                     else
                       for (std::int64_t i = 0; i < row; ++i)
                         to[i] = from[place + lists.inner[static_cast<std::size_t>(i)]];
                   }
                 }
               });
}

struct Assign {
  template <class T>
  static void apply(T& target, T value) {
    target = value;
  }
};
struct Add {
  template <class T>
  static void apply(T& target, T value) {
    if constexpr (std::is_same_v<T, bool>)
      target = target || value;
    else
      target += value;
  }
};
template <bool raise>
struct Extreme {
  template <class T>
  static void apply(T& target, T value) {
    if ((raise ? value > target : value < target) || value != value) target = value;
  }
};

// One task has an outer element and a band of the places. Every task goes through the whole list in its order: a place
// belongs to one band only.
template <class Rule, class T>
void write_all(T* target, const T* values, const Lists& lists) {
  const std::int64_t n = lists.count, row = lists.inner_count, total = lists.total();
  const bool worth_bands = lists.outer_count < 8 && row >= 16 && total >= 4 * elements_per_range;
  const std::int64_t bands = worth_bands ? 8 : 1;
  const std::int64_t highest = *std::max_element(lists.places, lists.places + n);
  const std::int64_t width = highest / bands + 1;
  const std::int64_t tasks = lists.outer_count * bands;
  const std::int64_t grain = std::max<std::int64_t>(1, elements_per_range / std::max<std::int64_t>(1, total / tasks));
  parallel_for(tasks, grain, total, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t o = task / bands, low = task % bands * width, high = low + width;
      const T* from = values + o * n * row;
      T* to = target + lists.outer[static_cast<std::size_t>(o)];
      for (std::int64_t k = 0; k < n; ++k, from += row) {
        const std::int64_t place = lists.places[k];
        if (place < low || place >= high) continue;
        T* at = to + place;
        if (lists.inner.empty())
          for (std::int64_t i = 0; i < row; ++i) Rule::apply(at[i], from[i]);
        else
          for (std::int64_t i = 0; i < row; ++i) Rule::apply(at[lists.inner[static_cast<std::size_t>(i)]], from[i]);
      }
    }
  });
}

}  // namespace

void read_places(const Tensor& values, const Tensor& source, const Selection& selection) {
  if (impl(values).numel == 0) return;
  const Lists lists(selection);
  dispatch_size(impl(values).dtype,
                [&]<class T>() { read_all(data<T>(values), data<T>(source) + selection.offset, lists); });
}

void write_places(const Tensor& target, const Tensor& values, const Selection& selection) {
  if (impl(values).numel == 0) return;
  const Lists lists(selection);
  dispatch_size(impl(values).dtype,
                [&]<class T>() { write_all<Assign>(data<T>(target) + selection.offset, data<T>(values), lists); });
}

template <bool raise>
static void extreme_places(const Tensor& target, const Tensor& values, const Selection& selection) {
  if (impl(values).numel == 0) return;
  const Lists lists(selection);
  dispatch_numeric(impl(values).dtype, [&]<class T>() {
    write_all<Extreme<raise>>(data<T>(target) + selection.offset, data<T>(values), lists);
  });
}
void raise_places(const Tensor& target, const Tensor& values, const Selection& selection) {
  extreme_places<true>(target, values, selection);
}
void lower_places(const Tensor& target, const Tensor& values, const Selection& selection) {
  extreme_places<false>(target, values, selection);
}

void add_places(const Tensor& target, const Tensor& values, const Selection& selection) {
  if (impl(values).numel == 0) return;
  const Lists lists(selection);
  dispatch_computing(impl(values).dtype,
                     [&]<class T>() { write_all<Add>(data<T>(target) + selection.offset, data<T>(values), lists); });
}

}  // namespace xgrad::detail
