#include "data/image.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::detail {

Images::Images(const char* op, const Tensor& x, Here here) {
  if (!x.defined()) raise_undefined(here);
  check<ShapeError>(x.dim() == 3 || x.dim() == 4, here, "{}: images are [C, H, W] or [N, C, H, W], got {}", op,
                    x.sizes());
  data = dense(x);
  if (x.dim() == 4) count = x.size(0);
  channels = x.size(-3);
  height = x.size(-2);
  width = x.size(-1);
}
Shape Images::shape_for(std::int64_t new_height, std::int64_t new_width) const {
  return data.dim() == 4 ? Shape{count, channels, new_height, new_width} : Shape{channels, new_height, new_width};
}

AxisMap whole_axis(std::int64_t size) {
  AxisMap axis(static_cast<std::size_t>(size));
  std::iota(axis.begin(), axis.end(), std::int64_t{0});
  return axis;
}

bool is_padding_mode(const std::string& mode) {
  return mode == "constant" || mode == "edge" || mode == "reflect" || mode == "symmetric";
}

AxisMap pad_axis(const char* op, const AxisMap& axis, std::int64_t before, std::int64_t after, const std::string& mode,
                 Here here) {
  if (before == 0 && after == 0) return axis;
  const auto size = static_cast<std::int64_t>(axis.size());
  const std::int64_t least = mode == "reflect"     ? std::max(before, after) + 1
                             : mode == "symmetric" ? std::max(before, after)
                             : mode == "edge"      ? 1
                                                   : 0;
  check<ShapeError>(size >= least, here, "{}: the mode \"{}\" does not give an axis of {} borders of {} and {}", op,
                    mode, size, before, after);
  // How far behind the first place an axis is mirrored: at the place itself or at its outer edge.
  const std::int64_t edge = mode == "symmetric";
  AxisMap padded;
  padded.reserve(static_cast<std::size_t>(before + size + after));
  for (std::int64_t i = -before; i < size + after; ++i) {
    std::int64_t from = i;
    if (i < 0 || i >= size) {
      if (mode == "constant") {
        padded.push_back(-1);
        continue;
      }
      if (mode == "edge")
        from = std::clamp<std::int64_t>(i, 0, size - 1);
      else
        from = i < 0 ? -i - edge : 2 * (size - 1) - i + edge;
    }
    padded.push_back(axis[static_cast<std::size_t>(from)]);
  }
  return padded;
}

namespace {
template <class T>
bool is_value_of(double value) {
  if constexpr (std::numeric_limits<T>::is_integer)
    return std::trunc(value) == value && std::abs(value) <= 0x1p53 &&
           value >= static_cast<double>(std::numeric_limits<T>::lowest()) &&
           value <= static_cast<double>(std::numeric_limits<T>::max());
  return true;
}
}  // namespace

void check_value(const char* op, double value, Dtype dtype, Here here) {
  const bool good = dispatch_all(dtype, [&]<class T>() { return is_value_of<T>(value); });
  check<DtypeError>(good, here, "{}: {} is no value of {}", op, value, dtype);
}

namespace {
// A long run of columns that follow each other, forward or backward.
struct Run {
  std::size_t begin = 0, end = 0;
  bool backward = false;
};
Run longest_run(std::span<const std::int64_t> columns) {
  Run best;
  for (std::size_t begin = 0, end = 0; begin < columns.size(); begin = end) {
    end = begin + 1;
    if (columns[begin] < 0) continue;
    const std::int64_t step = end < columns.size() ? columns[end] - columns[begin] : 0;
    if (step == 1 || step == -1)
      while (end < columns.size() && columns[end] >= 0 && columns[end] - columns[end - 1] == step) ++end;
    if (end - begin > best.end - best.begin) best = {begin, end, step == -1};
  }
  return best;
}

template <class T>
void move_row(const T* from, T* to, std::span<const std::int64_t> columns, const Run& run, T fill) {
  auto gather = [&](std::size_t begin, std::size_t end) {
    for (std::size_t x = begin; x < end; ++x) to[x] = columns[x] < 0 ? fill : from[columns[x]];
  };
  gather(0, run.begin);
  if (run.end > run.begin) {
    const std::int64_t first = columns[run.begin], last = columns[run.end - 1];
    if (run.backward)
      std::reverse_copy(from + last, from + first + 1, to + run.begin);
    else
      std::copy(from + first, from + last + 1, to + run.begin);
  }
  gather(run.end, columns.size());
}
}  // namespace

Tensor move_images(const char* op, const Images& images, std::int64_t height, std::int64_t width,
                   const std::vector<ImageMaps>& maps, double fill, Here here) {
  check_value(op, fill, images.data.dtype(), here);
  const Tensor result = make_tensor(images.shape_for(height, width), images.data.dtype());
  dispatch_all(images.data.dtype(), [&]<class T>() {
    const T* source = data<T>(images.data);
    T* target = data<T>(result);
    const T value = static_cast<T>(fill);
    parallel_for(images.count, 1, result.numel(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const ImageMaps& map = maps[static_cast<std::size_t>(i)];
        const Run run = longest_run(map.columns);
        for (std::int64_t c = i * images.channels; c < (i + 1) * images.channels; ++c) {
          const T* from = source + c * images.height * images.width;
          T* to = target + c * height * width;
          for (const std::int64_t row : map.rows) {
            if (row < 0)
              std::fill(to, to + width, value);
            else
              move_row(from + row * images.width, to, map.columns, run, value);
            to += width;
          }
        }
      }
    });
  });
  return result;
}

}  // namespace xgrad::detail
