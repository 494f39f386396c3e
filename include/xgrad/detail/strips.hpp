// Kernels of the pointwise loop from formulas over a value type V: V::size elements at a time, the rest of a strip
// padded to that length, through one copy of the code, so that results do not depend on an element's position.
#pragma once
#include <xgrad/detail/loop.hpp>

#include <array>
#include <type_traits>
#include <utility>

namespace xgrad::detail {

// What an element of V (or of the result of a comparison of V) is in memory.
template <class V, class R>
using Stored = std::conditional_t<std::is_same_v<R, V>, typename V::value_type, bool>;

// Memory of one V. It is apart from the pointers below, so that they can stay in registers while it is written.
template <class T, std::size_t width>
struct alignas(64) StripBuffer {
  T at[width];
};

// The elements from the second on, which a strip of one has not. Apart from the kernels, which it would bloat.
template <class T>
[[gnu::noinline]] void copy_further(const T* from, T* to, std::size_t count) {
  for (std::size_t i = 1; i < count; ++i) to[i] = from[i];
}
template <class T>
void copy_few(const T* from, T* to, std::size_t count) {
  to[0] = from[0];
  if (count > 1) copy_further(from, to, count);
}
// The sum of a V in memory, which is lost.
template <class T, std::size_t width>
T sum_up(StripBuffer<T, width>& values) {
  for (std::size_t half = width / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) values.at[i] += values.at[i + half];
  return values.at[0];
}

// An input of a strip, read V by V.
template <class V>
class StripInput {
 public:
  using T = typename V::value_type;
  using Buffer = StripBuffer<T, V::size>;

  StripInput(const Strip& strip, std::size_t operand, Buffer& buffer)
      : at_(reinterpret_cast<const T*>(strip.data[operand])),
        advance_(strip.step[operand] * static_cast<std::int64_t>(V::size)) {
    if (advance_ != 0) return;
    V(*at_).store(buffer.at);
    at_ = buffer.at;
  }
  V take() {
    const V value = V::load(at_);
    at_ += advance_;
    return value;
  }
  // From here on only `left` elements are there; the first of them stands for those missing in the last take().
  void pad(std::size_t left, Buffer& buffer) {
    if (advance_ == 0) return;
    V(*at_).store(buffer.at);
    if (left > 1) copy_further(at_, buffer.at, left);
    at_ = buffer.at;
  }

 private:
  const T* at_;
  std::int64_t advance_;
};

// out = f(in...): operand 0 is the output, the others are the inputs.
template <class V, std::size_t N, class F>
void value_strip(const Strip& strip, const F& f) {
  constexpr std::size_t width = V::size;
  [&]<std::size_t... K>(std::index_sequence<K...>) {
    using R = std::remove_cvref_t<decltype(f((static_cast<void>(K), std::declval<const V&>())...))>;
    using Out = Stored<V, R>;
    typename StripInput<V>::Buffer buffers[N];
    StripBuffer<Out, width> last;
    std::array<StripInput<V>, N> in{StripInput<V>(strip, K + 1, buffers[K])...};
    Out* place = reinterpret_cast<Out*>(strip.data[0]);
    Out* end = nullptr;
    std::size_t left = static_cast<std::size_t>(strip.count);
    const std::size_t rest = left % width;
    left -= rest;
    for (;;) {
      for (; left > 0; left -= width) {
        // A braced list evaluates in order.
        const std::array<V, N> x{in[K].take()...};
        const R y = f(x[K]...);
        y.store(place);
        place += width;
      }
      if (rest == 0 || end) break;
      (in[K].pad(rest, buffers[K]), ...);
      end = place;
      place = last.at;
      left = width;
    }
    if (rest > 0) copy_few(last.at, end, rest);
  }
  (std::make_index_sequence<N>());
}

// One gradient that a strip writes, adds to or sums. To write is to add to -0.0, which leaves every number as it is.
template <class V>
class StripGradient {
 public:
  using T = typename V::value_type;
  struct Buffers {
    StripBuffer<T, V::size> own, last;
  };

  StripGradient(const Strip& strip, std::size_t operand, Buffers& buffers)
      : out_(reinterpret_cast<T*>(strip.data[operand])),
        sums_(strip.step[operand] == 0),
        adds_(!sums_ && strip.add[operand]) {
    nothing(buffers.own);
    place_ = sums_ ? buffers.own.at : out_;
    advance_ = sums_ ? 0 : static_cast<std::int64_t>(V::size);
    old_ = adds_ ? out_ : buffers.own.at;
    old_advance_ = adds_ ? advance_ : 0;
  }
  void put(const V& gradient) {
    (V::load(old_) + gradient).store(place_);
    place_ += advance_;
    old_ += old_advance_;
  }
  // The next put() is the last one, and only its first `left` elements count.
  void pad(std::size_t left, Buffers& buffers) {
    end_ = place_;
    if (adds_) {
      V(0).store(buffers.last.at);
      copy_few(old_, buffers.last.at, left);
      old_ = buffers.last.at;
    } else if (sums_) {
      old_ = nothing(buffers.last);
    }
    place_ = buffers.last.at;
  }
  // Ends the strip; `left` as in pad, 0 where that was not called.
  void finish(std::size_t left, Buffers& buffers) {
    if (sums_) {
      if (left > 0) {
        for (std::size_t i = left; i < V::size; ++i) buffers.last.at[i] = 0;
        (V::load(buffers.own.at) + V::load(buffers.last.at)).store(buffers.own.at);
      }
      *out_ += sum_up(buffers.own);
    } else if (left > 0) {
      copy_few(buffers.last.at, end_, left);
    }
  }

 private:
  static const T* nothing(StripBuffer<T, V::size>& buffer) {
    V(T(-0.0)).store(buffer.at);
    return buffer.at;
  }

  T* out_;
  bool sums_, adds_;
  T* place_;
  T* end_ = nullptr;
  const T* old_;
  std::int64_t advance_, old_advance_;
};

// Gradients in one pass, f(std::array<V, Ins>) -> std::array<V, Outs>; the arrays say which operands they are.
template <class V, std::size_t Outs, std::size_t Ins, class F>
void gradient_strip(const Strip& strip, const std::array<std::size_t, Outs>& outputs,
                    const std::array<std::size_t, Ins>& inputs, const F& f) {
  [&]<std::size_t... O, std::size_t... I>(std::index_sequence<O...>, std::index_sequence<I...>) {
    typename StripInput<V>::Buffer in_buffers[Ins];
    typename StripGradient<V>::Buffers out_buffers[Outs];
    std::array<StripInput<V>, Ins> in{StripInput<V>(strip, inputs[I], in_buffers[I])...};
    std::array<StripGradient<V>, Outs> out{StripGradient<V>(strip, outputs[O], out_buffers[O])...};
    std::size_t left = static_cast<std::size_t>(strip.count);
    const std::size_t rest = left % V::size;
    left -= rest;
    for (bool padded = false;; padded = true) {
      for (; left > 0; left -= V::size) {
        const std::array<V, Ins> x{in[I].take()...};
        const std::array<V, Outs> gradient = f(x);
        (out[O].put(gradient[O]), ...);
      }
      if (rest == 0 || padded) break;
      (in[I].pad(rest, in_buffers[I]), ...);
      (out[O].pad(rest, out_buffers[O]), ...);
      left = V::size;
    }
    (out[O].finish(rest, out_buffers[O]), ...);
  }
  (std::make_index_sequence<Outs>(), std::make_index_sequence<Ins>());
}

}  // namespace xgrad::detail
