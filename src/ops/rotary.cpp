#include "ops/rotary.hpp"

#include <xgrad/ops/rotary.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/dispatch.hpp"
#include "kernels/parallel.hpp"
#include "kernels/rows.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

struct Rotation {
  std::int64_t length, row_size, pairs;
  bool interleaved, back;
};

// (a, b) -> (a c - b s, a s + b c); with -s it is turned back.
template <bool interleaved, class T>
void turn_row(const T* __restrict x, const T* __restrict cosine, const T* __restrict sine, T sign, std::int64_t pairs,
              T* __restrict y) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + pairs;
    const T a = x[first], b = x[second], c = cosine[i], s = sign * sine[i];
    y[first] = a * c - b * s;
    y[second] = a * s + b * c;
  }
}

// Orthogonal, so that the gradient is turned back.
Tensor turned(const Tensor& x, const Tensor& waves, const Rotation& rotation, Here here) {
  const Tensor from = dense(x), y = make_tensor(x.sizes(), x.dtype());
  const auto [length, row_size, pairs, interleaved, back] = rotation;
  const std::int64_t rows = row_size == 0 ? 0 : x.numel() / row_size;
  dispatch_floating(x.dtype(), [&, length = length, row_size = row_size, pairs = pairs, interleaved = interleaved,
                                back = back]<class T>() {
    const T *const cosine = data<T>(waves), *const sine = cosine + length * pairs;
    const auto turn = interleaved ? &turn_row<true, T> : &turn_row<false, T>;
    const std::int64_t grain = 8192 / (row_size + 1) + 1;
    parallel_for(rows, grain, x.numel() * 2, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t angle = row % length * pairs;
        const T* const in = data<T>(from) + row * row_size;
        T* const out = data<T>(y) + row * row_size;
        turn(in, cosine + angle, sine + angle, static_cast<T>(back ? -1 : 1), pairs, out);
        std::copy(in + 2 * pairs, in + row_size, out + 2 * pairs);
      }
    });
  });
  return record("rotary_embedding", here, y, {&x}, [&] {
    return [waves, rotation](Backward& bw) {
      Rotation reverse = rotation;
      reverse.back = !rotation.back;
      bw.give(0, turned(bw.grad(), waves, reverse, bw.here()));
    };
  });
}

}  // namespace

Tensor detail::position_waves(std::int64_t length, std::int64_t pairs, std::int64_t size, double base,
                              std::int64_t offset, Dtype dtype) {
  Tensor waves = make_tensor({2, length, pairs}, dtype);
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < pairs; ++i)
    frequencies.push_back(std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size)));
  dispatch_floating(dtype, [&]<class T>() {
    parallel_for(length, 256 / (pairs + 1) + 1, length * pairs * 40, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        T* const cosine = data<T>(waves) + p * pairs;
        T* const sine = cosine + length * pairs;
        const Lanes<double> position(offset + p);
        for_lanes<double>(pairs, [&](std::int64_t i, std::int64_t n) {
          const Lanes<double> angle = position * load_part(frequencies.data() + i, n);
          double both[2][Lanes<double>::size];
          cos(angle).store(both[0]);
          sin(angle).store(both[1]);
          std::copy(both[0], both[0] + n, cosine + i);
          std::copy(both[1], both[1] + n, sine + i);
        });
      }
    });
  });
  return waves;
}

Tensor rotary_embedding(const Arg& x, const RotaryOptions& options) {
  const Here here = x.here();
  check<ShapeError>(x->dim() >= 2, here, "rotary_embedding: expected x of shape [..., length, D], got {}", x->sizes());
  check_floating("rotary_embedding", x.tensor(), here);
  const std::int64_t row_size = x->size(-1), length = x->size(-2), dim = options.dim.value_or(row_size);
  check<ValueError>(dim >= 0 && dim <= row_size && dim % 2 == 0, here,
                    "rotary_embedding: expected an even dim of at most {}, got {} for x of {}", row_size, dim,
                    x->sizes());
  check<ValueError>(options.base > 0 && std::isfinite(options.base), here,
                    "rotary_embedding: expected a positive base, got {}", options.base);
  check<ValueError>(options.offset >= 0, here, "rotary_embedding: offset must not be negative, got {}", options.offset);
  const Tensor waves = position_waves(length, dim / 2, dim, options.base, options.offset, x->dtype());
  return turned(x.tensor(), waves, {length, row_size, dim / 2, options.interleaved, false}, here);
}

}  // namespace xgrad
