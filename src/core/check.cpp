#include "core/check.hpp"

#include <algorithm>
#include <atomic>

#include "core/tensor_impl.hpp"

namespace xgrad {
namespace {
std::atomic<Dtype> default_dtype{Dtype::float32};
}

const char* name(Dtype dtype) noexcept {
  switch (dtype) {
    case Dtype::float32:
      return "float32";
    case Dtype::float64:
      return "float64";
    case Dtype::int64:
      return "int64";
    case Dtype::boolean:
      return "bool";
    case Dtype::int32:
      return "int32";
    case Dtype::uint8:
      return "uint8";
  }
  return "unknown";
}
Dtype get_default_dtype() noexcept { return default_dtype.load(std::memory_order_relaxed); }
void set_default_dtype(Dtype dtype) {
  detail::check<DtypeError>(is_floating_point(dtype), Here{nullptr, 0},
                            "set_default_dtype: expected float32 or float64, got {}", dtype);
  default_dtype.store(dtype, std::memory_order_relaxed);
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", ")); }

std::int64_t numel(const Shape& shape) noexcept {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, Here here) {
  return detail::broadcast_shapes("broadcast_shapes", a, b, here);
}

namespace detail {

std::string at(Here here) { return here.file ? fmt::format(" at {}:{}", here.file, here.line) : std::string(); }

const ErrorContext*& error_context() noexcept {
  thread_local const ErrorContext* context = nullptr;
  return context;
}
std::string error_context_text() { return error_context() ? error_context()->text() : std::string(); }

void raise_undefined(Here here) {
  raise<ValueError>(here, "tensor: expected a tensor, got an undefined one; it was default-constructed or moved from");
}

std::int64_t wrap_dim(const char* op, std::int64_t dim, std::int64_t rank, Here here) {
  const std::int64_t bound = std::max<std::int64_t>(rank, 1);
  check<IndexError>(dim >= -bound && dim < bound, here,
                    "{}: dim {} is out of range for a tensor of {} dimension{}; expected {} to {}", op, dim, rank,
                    rank == 1 ? "" : "s", -bound, bound - 1);
  return dim < 0 ? dim + bound : dim;
}

Shape wrap_dims(const char* op, const std::vector<std::int64_t>& dims, std::int64_t rank, Here here) {
  Shape result;
  if (dims.empty()) {
    for (std::int64_t d = 0; d < rank; ++d) result.push_back(d);
    return result;
  }
  for (const std::int64_t dim : dims) {
    const std::int64_t d = wrap_dim(op, dim, rank, here);
    check<ValueError>(std::find(result.begin(), result.end(), d) == result.end(), here,
                      "{}: expected each dimension once, dim {} comes twice", op, dim);
    if (rank > 0) result.push_back(d);
  }
  std::sort(result.begin(), result.end());
  return result;
}

void check_floating(const char* op, const Tensor& tensor, Here here) {
  check<DtypeError>(is_floating_point(tensor.dtype()), here,
                    "{}: expected a floating tensor, got {}; convert with to()", op, tensor.dtype());
}

void check_same_dtype(const char* op, const Tensor& a, const Tensor& b, Here here) {
  check<DtypeError>(a.dtype() == b.dtype(), here, "{}: expected equal dtypes, got {} and {}; convert one with to()", op,
                    a.dtype(), b.dtype());
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b, Here here) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank, 1);
  for (std::size_t i = 1; i <= rank; ++i) {
    const std::int64_t x = i <= a.size() ? a[a.size() - i] : 1;
    const std::int64_t y = i <= b.size() ? b[b.size() - i] : 1;
    check<ShapeError>(x == y || x == 1 || y == 1, here,
                      "{}: shapes do not broadcast: a is {}, b is {}; sizes must be equal or 1, counted from the end "
                      "({} != {})",
                      op, a, b, x, y);
    result[rank - i] = x == 1 ? y : x;
  }
  return result;
}

namespace {
bool computes(Dtype dtype) noexcept { return dtype != Dtype::int32 && dtype != Dtype::uint8; }
}  // namespace

Dtype promote(const char* op, const Operand& a, const Operand& b, Here here) {
  for (const Operand* operand : {&a, &b})
    if (operand->is_tensor() && !computes(impl(operand->tensor()).dtype))
      raise<DtypeError>(here, "{}: {} is a storage type; convert with to() first", op, operand->tensor().dtype());
  if (a.is_tensor() && b.is_tensor()) {
    const Dtype x = impl(a.tensor()).dtype, y = impl(b.tensor()).dtype;
    if (x == y) return x;
    const bool fx = is_floating_point(x), fy = is_floating_point(y);
    if (fx && fy) check_same_dtype(op, a.tensor(), b.tensor(), here);
    if (fx || fy) return fx ? x : y;
    return Dtype::int64;
  }
  if (!a.is_tensor() && !b.is_tensor()) {
    if (a.scalar().is_floating_point() || b.scalar().is_floating_point()) return get_default_dtype();
    const bool both_bool = a.scalar().kind() == Scalar::Kind::boolean && b.scalar().kind() == Scalar::Kind::boolean;
    return both_bool ? Dtype::boolean : Dtype::int64;
  }
  const Dtype dtype = impl(a.is_tensor() ? a.tensor() : b.tensor()).dtype;
  const Scalar scalar = a.is_tensor() ? b.scalar() : a.scalar();
  if (is_floating_point(dtype)) return dtype;
  if (scalar.is_floating_point()) return get_default_dtype();
  if (dtype == Dtype::boolean && scalar.kind() == Scalar::Kind::integer) return Dtype::int64;
  return dtype;
}

}  // namespace detail
}  // namespace xgrad
