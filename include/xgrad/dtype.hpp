// Element types, scalars and the options of creation functions.
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace xgrad {

// Element types. float32, float64, int64 and bool take part in arithmetic; int32 and uint8 are storage, converted with
// Tensor::to.
enum class Dtype : std::uint8_t { float32, float64, int64, boolean, int32, uint8 };

inline constexpr Dtype float32 = Dtype::float32;
inline constexpr Dtype float64 = Dtype::float64;
inline constexpr Dtype int64 = Dtype::int64;
inline constexpr Dtype int32 = Dtype::int32;
inline constexpr Dtype uint8 = Dtype::uint8;
inline constexpr Dtype bool_ = Dtype::boolean;

// "float32", "int64", "bool", ...
const char* name(Dtype dtype) noexcept;
// Bytes of one element.
constexpr std::int64_t element_size(Dtype dtype) noexcept {
  if (dtype == float32 || dtype == int32) return 4;
  return dtype == float64 || dtype == int64 ? 8 : 1;
}
// float32 and float64.
constexpr bool is_floating_point(Dtype dtype) noexcept { return dtype == float32 || dtype == float64; }

// The dtype of floating literals and of creation functions; float32 unless changed. Per process.
Dtype get_default_dtype() noexcept;
// Sets it. DtypeError unless float32 or float64.
void set_default_dtype(Dtype dtype);

namespace detail {
template <class T>
struct DtypeOf;
template <>
struct DtypeOf<float> : std::integral_constant<Dtype, Dtype::float32> {};
template <>
struct DtypeOf<double> : std::integral_constant<Dtype, Dtype::float64> {};
template <>
struct DtypeOf<bool> : std::integral_constant<Dtype, Dtype::boolean> {};
template <>
struct DtypeOf<std::int64_t> : std::integral_constant<Dtype, Dtype::int64> {};
template <>
struct DtypeOf<std::int32_t> : std::integral_constant<Dtype, Dtype::int32> {};
template <>
struct DtypeOf<std::uint8_t> : std::integral_constant<Dtype, Dtype::uint8> {};
}  // namespace detail

// A C++ type that a tensor's elements can have: float, double, bool, int64, int32 and uint8 of <cstdint>.
template <class T>
concept Element = requires {
  detail::DtypeOf<T>::value;
};
// The Dtype of a C++ element type: dtype_of<float> == float32.
template <class T>
inline constexpr Dtype dtype_of = detail::DtypeOf<std::remove_cv_t<T>>::value;

// A number with the kind it was written in: 2 is an integer, 2.0 is floating, true is a bool.
class Scalar {
 public:
  enum class Kind : std::uint8_t { floating, integer, boolean };

  template <std::floating_point T>
  constexpr Scalar(T value) noexcept : floating_(static_cast<double>(value)), integer_(0), kind_(Kind::floating) {}
  template <std::integral T>
  constexpr Scalar(T value) noexcept
      : floating_(static_cast<double>(value)),
        integer_(static_cast<std::int64_t>(value)),
        kind_(std::is_same_v<T, bool> ? Kind::boolean : Kind::integer) {}

  constexpr Kind kind() const noexcept { return kind_; }
  constexpr bool is_floating_point() const noexcept { return kind_ == Kind::floating; }
  // The value as T. An integer keeps all 64 bits.
  template <class T>
  constexpr T to() const noexcept {
    if constexpr (std::is_same_v<T, bool>) return kind_ == Kind::floating ? floating_ != 0 : integer_ != 0;
    return kind_ == Kind::floating ? static_cast<T>(floating_) : static_cast<T>(integer_);
  }

 private:
  double floating_;
  std::int64_t integer_;
  Kind kind_;
};

// Options of creation functions, as designated initialisers: {.dtype = xgrad::float64, .requires_grad = true}.
struct TensorOptions {
  std::optional<Dtype> dtype{};  // the function's own default where empty
  bool requires_grad = false;
};

}  // namespace xgrad
