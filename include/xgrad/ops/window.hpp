// Sizes of windows: a number for each dimension of a line, an image or a volume.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xgrad {

// One number for all dimensions, or one for each of them; nothing where it is left out.
template <class T>
class PerDimension {
 public:
  PerDimension() = default;
  PerDimension(T all) : list_{all}, all_(true) {}
  PerDimension(std::initializer_list<T> list) : list_(list) {}
  PerDimension(std::vector<T> list) : list_(std::move(list)) {}
  bool given() const noexcept { return all_ || !list_.empty(); }
  // A number for each of `count` dimensions; the list as it is where one was given.
  std::vector<T> list(std::size_t count) const { return all_ ? std::vector<T>(count, list_.front()) : list_; }

 private:
  std::vector<T> list_{};
  bool all_ = false;
};

// Height and width: one number for both, or {height, width}.
struct IntPair {
  constexpr IntPair(std::int64_t both) noexcept : h(both), w(both) {}
  constexpr IntPair(std::int64_t height, std::int64_t width) noexcept : h(height), w(width) {}
  friend constexpr bool operator==(const IntPair&, const IntPair&) noexcept = default;

  std::int64_t h, w;
};

// Depth, height and width: one number for all, or {depth, height, width}.
struct IntTriple {
  constexpr IntTriple(std::int64_t all) noexcept : d(all), h(all), w(all) {}
  constexpr IntTriple(std::int64_t depth, std::int64_t height, std::int64_t width) noexcept
      : d(depth), h(height), w(width) {}
  friend constexpr bool operator==(const IntTriple&, const IntTriple&) noexcept = default;

  std::int64_t d, h, w;
};

// An IntPair that may be left out: {} or nothing, a number, or {height, width}.
class OptionalIntPair {
 public:
  constexpr OptionalIntPair() noexcept = default;
  constexpr OptionalIntPair(std::int64_t both) noexcept : pair_(both) {}
  constexpr OptionalIntPair(std::int64_t height, std::int64_t width) noexcept : pair_(IntPair(height, width)) {}
  constexpr OptionalIntPair(IntPair pair) noexcept : pair_(pair) {}
  constexpr IntPair value_or(IntPair otherwise) const noexcept { return pair_.value_or(otherwise); }

 private:
  std::optional<IntPair> pair_{};
};

// An IntTriple that may be left out.
class OptionalIntTriple {
 public:
  constexpr OptionalIntTriple() noexcept = default;
  constexpr OptionalIntTriple(std::int64_t all) noexcept : triple_(all) {}
  constexpr OptionalIntTriple(std::int64_t depth, std::int64_t height, std::int64_t width) noexcept
      : triple_(IntTriple(depth, height, width)) {}
  constexpr OptionalIntTriple(IntTriple triple) noexcept : triple_(triple) {}
  constexpr IntTriple value_or(IntTriple otherwise) const noexcept { return triple_.value_or(otherwise); }

 private:
  std::optional<IntTriple> triple_{};
};

// The padding of a convolution: numbers, or "valid" (none) or "same" (the output is as large as the input; where the
// padding is odd, the larger half comes at the end).
template <class Sizes>
class ConvPadding {
 public:
  template <std::integral... N>
  requires(sizeof...(N) > 0 && std::constructible_from<Sizes, N...>) constexpr ConvPadding(N... sizes)
      : sizes_(static_cast<std::int64_t>(sizes)...) {}
  constexpr ConvPadding(Sizes sizes) : sizes_(sizes) {}
  template <std::convertible_to<std::string_view> Word>
  ConvPadding(Word word) : word_(std::string_view(word)) {}
  const Sizes& sizes() const noexcept { return sizes_; }
  // Empty where the padding is given by numbers.
  const std::string& word() const noexcept { return word_; }

 private:
  Sizes sizes_ = 0;
  std::string word_{};
};

// The output size of adaptive pooling: one number for both, or {height, width}, either of which may be left out
// (std::nullopt) to keep the input's.
struct AdaptivePair {
  using Size = std::optional<std::int64_t>;
  constexpr AdaptivePair(std::int64_t both) noexcept : h(both), w(both) {}
  constexpr AdaptivePair(Size height, Size width) noexcept : h(height), w(width) {}
  constexpr AdaptivePair(IntPair pair) noexcept : h(pair.h), w(pair.w) {}

  Size h, w;
};

// The same for volumes: {depth, height, width}.
struct AdaptiveTriple {
  using Size = std::optional<std::int64_t>;
  constexpr AdaptiveTriple(std::int64_t all) noexcept : d(all), h(all), w(all) {}
  constexpr AdaptiveTriple(Size depth, Size height, Size width) noexcept : d(depth), h(height), w(width) {}
  constexpr AdaptiveTriple(IntTriple triple) noexcept : d(triple.d), h(triple.h), w(triple.w) {}

  Size d, h, w;
};

}  // namespace xgrad
