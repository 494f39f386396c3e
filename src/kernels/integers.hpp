// The value types of formulas over int64 and bool: arithmetic that wraps around, and logic.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace xgrad::detail {

// Sums are "or", products "and".
class Boolean {
 public:
  using value_type = bool;
  static constexpr std::size_t size = 1;
  Boolean() = default;
  template <class S>
  requires std::is_arithmetic_v<S> Boolean(S value) : value_(value != 0) {}
  static Boolean load(const bool* in) { return *in; }
  void store(bool* out) const { *out = value_; }
  bool value() const { return value_; }

  friend Boolean operator+(Boolean a, Boolean b) { return a.value_ || b.value_; }
  friend Boolean operator*(Boolean a, Boolean b) { return a.value_ && b.value_; }
  friend Boolean operator&&(Boolean a, Boolean b) { return a.value_ && b.value_; }
  friend Boolean operator||(Boolean a, Boolean b) { return a.value_ || b.value_; }
  friend Boolean operator!(Boolean a) { return !a.value_; }
  friend Boolean operator==(Boolean a, Boolean b) { return a.value_ == b.value_; }
  friend Boolean operator!=(Boolean a, Boolean b) { return a.value_ != b.value_; }
  friend Boolean operator<(Boolean a, Boolean b) { return a.value_ < b.value_; }
  friend Boolean operator<=(Boolean a, Boolean b) { return a.value_ <= b.value_; }
  friend Boolean operator>(Boolean a, Boolean b) { return a.value_ > b.value_; }
  friend Boolean operator>=(Boolean a, Boolean b) { return a.value_ >= b.value_; }
  friend Boolean maximum(Boolean a, Boolean b) { return a || b; }
  friend Boolean minimum(Boolean a, Boolean b) { return a && b; }
  friend Boolean sign(Boolean a) { return a; }
  friend Boolean isnan(Boolean) { return false; }
  friend Boolean isinf(Boolean) { return false; }
  friend Boolean isfinite(Boolean) { return true; }
  friend Boolean where(Boolean mask, Boolean a, Boolean b) { return mask.value_ ? a : b; }

 private:
  bool value_;
};

class Integer {
 public:
  using value_type = std::int64_t;
  static constexpr std::size_t size = 1;
  Integer() = default;
  template <class S>
  requires std::is_arithmetic_v<S> Integer(S value) : value_(static_cast<std::int64_t>(value)) {}
  static Integer load(const std::int64_t* in) { return *in; }
  void store(std::int64_t* out) const { *out = value_; }
  std::int64_t value() const { return value_; }

  friend Integer operator+(Integer a, Integer b) { return wrap(a.bits() + b.bits()); }
  friend Integer operator-(Integer a, Integer b) { return wrap(a.bits() - b.bits()); }
  friend Integer operator*(Integer a, Integer b) { return wrap(a.bits() * b.bits()); }
  friend Integer operator-(Integer a) { return wrap(-a.bits()); }
  friend Boolean operator==(Integer a, Integer b) { return a.value_ == b.value_; }
  friend Boolean operator!=(Integer a, Integer b) { return a.value_ != b.value_; }
  friend Boolean operator<(Integer a, Integer b) { return a.value_ < b.value_; }
  friend Boolean operator<=(Integer a, Integer b) { return a.value_ <= b.value_; }
  friend Boolean operator>(Integer a, Integer b) { return a.value_ > b.value_; }
  friend Boolean operator>=(Integer a, Integer b) { return a.value_ >= b.value_; }
  friend Integer where(Boolean mask, Integer a, Integer b) { return mask.value() ? a : b; }
  friend Integer maximum(Integer a, Integer b) { return a.value_ > b.value_ ? a : b; }
  friend Integer minimum(Integer a, Integer b) { return a.value_ < b.value_ ? a : b; }
  friend Boolean isnan(Integer) { return false; }
  friend Boolean isinf(Integer) { return false; }
  friend Boolean isfinite(Integer) { return true; }
  friend Integer abs(Integer a) { return a.value_ < 0 ? -a : a; }
  friend Integer sign(Integer a) { return (a.value_ > 0) - (a.value_ < 0); }
  friend Integer floor(Integer a) { return a; }
  friend Integer ceil(Integer a) { return a; }
  friend Integer round(Integer a) { return a; }
  friend Integer trunc(Integer a) { return a; }
  friend Integer relu(Integer a) { return a.value_ < 0 ? Integer(0) : a; }
  friend Integer square(Integer a) { return a * a; }
  // Divisors are not 0; -1 is apart because the quotient of the least number does not exist.
  friend Integer fmod(Integer a, Integer b) { return b.value_ == -1 ? 0 : a.value_ % b.value_; }
  friend Integer remainder(Integer a, Integer b) {
    const Integer rest = fmod(a, b);
    return rest.value_ != 0 && (rest.value_ < 0) != (b.value_ < 0) ? rest + b : rest;
  }
  // Exponents are not negative.
  friend Integer pow(Integer base, Integer exponent) {
    Integer result = 1;
    for (std::int64_t rest = exponent.value_; rest > 0; rest >>= 1, base = base * base)
      if (rest & 1) result = result * base;
    return result;
  }

 private:
  std::uint64_t bits() const { return static_cast<std::uint64_t>(value_); }
  static Integer wrap(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }

  std::int64_t value_;
};

}  // namespace xgrad::detail
