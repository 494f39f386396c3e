// Tensor: an n-dimensional array that records what is done to it.
//
// A Tensor is a shared handle with identity: copies of the handle are the same tensor, with the same data, gradient and
// history. clone() copies data; detach() shares data without history. Methods do what the function of the same name in
// ops/*.hpp does; shapes, dtypes and errors are documented there.
#pragma once
#include <xgrad/dtype.hpp>
#include <xgrad/error.hpp>
#include <xgrad/shape.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace xgrad {

class Tensor;
class Operand;
class TensorIndex;
using TensorList = std::vector<Tensor>;

// Options of reductions: {.dim = {0, -1}, .keepdim = true}. No dim means all of them.
struct ReduceOptions {
  std::vector<std::int64_t> dim{};
  bool keepdim = false;
};
// Options of var and std. correction 1 is Bessel's (the sum of squares is divided by n - 1).
struct VarOptions {
  std::vector<std::int64_t> dim{};
  std::int64_t correction = 1;
  bool keepdim = false;
};
// Options of allclose: |a - b| <= atol + rtol |b|.
struct AllcloseOptions {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = false;
};

namespace detail {
struct TensorImpl;

// True until the process starts a second thread: counting then needs no locked instructions, as in std::shared_ptr.
inline bool has_one_thread() noexcept {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded;
#else
  return false;
#endif
}

// What a handle needs to see of what it holds: the count of handles.
class Counted {
 public:
  void add_handle() const noexcept {
    if (has_one_thread())
      references_.store(references() + 1, std::memory_order_relaxed);
    else
      references_.fetch_add(1, std::memory_order_relaxed);
  }
  // True when this was the last one.
  bool drop_handle() const noexcept {
    if (!has_one_thread()) return references_.fetch_sub(1, std::memory_order_acq_rel) == 1;
    const std::uint32_t left = references() - 1;
    references_.store(left, std::memory_order_relaxed);
    return left == 0;
  }
  bool is_shared() const noexcept { return references_.load(std::memory_order_acquire) != 1; }

 private:
  std::uint32_t references() const noexcept { return references_.load(std::memory_order_relaxed); }
  mutable std::atomic<std::uint32_t> references_{0};
};
void destroy(const TensorImpl* impl) noexcept;
[[noreturn]] void raise_undefined(Here here);
}  // namespace detail

class Tensor {
 public:
  // An undefined tensor: holds nothing; defined() is false; any use but assignment is an Error.
  Tensor() noexcept : impl_(nullptr) {}
  Tensor(const Tensor& other) noexcept : impl_(other.impl_) { retain(); }
  Tensor(Tensor&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept {
    Tensor(other).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor(std::move(other)).swap(*this);
    return *this;
  }
  ~Tensor() { release(); }
  void swap(Tensor& other) noexcept { std::swap(impl_, other.impl_); }

  // ---- what it is
  bool defined() const noexcept { return impl_ != nullptr; }
  // True when both handles are the same tensor.
  bool is_same(const Tensor& other) const noexcept { return impl_ == other.impl_; }
  Dtype dtype() const;
  const Shape& sizes() const;
  // Elements (not bytes) from one index to the next along each dimension; may be 0 or negative in views.
  const Shape& strides() const;
  std::int64_t dim() const;
  std::int64_t numel() const;
  // Size of one dimension; negative counts from the end. IndexError when out of range.
  std::int64_t size(std::int64_t dim, Here here = {}) const;
  std::int64_t stride(std::int64_t dim, Here here = {}) const;
  // True when the elements lie in row-major order without gaps.
  bool is_contiguous() const;
  bool is_floating_point() const;

  // ---- its numbers
  // The address of the first element. DtypeError unless T is the tensor's element type. Elements of a tensor that is
  // not contiguous lie at data() + sum(index * stride). Writing through it is not recorded and not noticed.
  template <Element T>
  T* data(Here here = {}) const;
  // The elements as a span, without a copy. DtypeError as data; ShapeError unless contiguous.
  template <Element T>
  std::span<T> span(Here here = {}) const;
  // The value of a tensor with one element, converted to T. ShapeError otherwise.
  template <Element T>
  T item(Here here = {}) const;
  // All elements in row-major order, converted to T.
  template <Element T>
  std::vector<T> to_vector(Here here = {}) const;
  // NumPy-like text, as operator<< and fmt write it.
  std::string to_string() const;

  // ---- gradients
  bool requires_grad() const noexcept;
  // Asks for gradients (or no longer does) and returns the same tensor. AutogradError on a tensor that is the result of
  // a recorded operation; DtypeError unless floating.
  Tensor requires_grad_(bool requires_grad = true, Here here = {}) const;
  // True unless the tensor is the result of a recorded operation.
  bool is_leaf() const noexcept;
  // The name of the operation that made it, empty for a leaf.
  std::string grad_fn() const;
  // The gradient that backward() accumulated; undefined when there is none.
  Tensor grad() const;
  // Replaces the gradient; an undefined tensor drops it. ShapeError, DtypeError unless like the tensor.
  void set_grad(const Tensor& grad, Here here = {}) const;
  // Drops the gradient, so that the next backward() starts afresh.
  void zero_grad() const;
  // Keeps the gradient of a tensor that is not a leaf, to be read with grad().
  Tensor retain_grad(Here here = {}) const;
  bool retains_grad() const noexcept;
  // Calls `hook` with this tensor's whole gradient during backward; a defined result replaces the gradient. Returns a
  // number for remove_hook.
  std::int64_t register_hook(std::function<Tensor(const Tensor&)> hook, Here here = {}) const;
  void remove_hook(std::int64_t id) const;
  // Gradients of this tensor by every leaf it came from, accumulated into their grad(). `gradient` is this tensor's own
  // gradient, 1 where left out. AutogradError unless the tensor has one element or a gradient is given, when nothing
  // was recorded, and when the graph was freed by an earlier call without retain_graph. create_graph records the
  // backward pass itself, for gradients of gradients; a leaf and its gradient then hold each other until zero_grad(),
  // which grad() avoids.
  void backward(const Tensor& gradient = {}, std::optional<bool> retain_graph = {}, bool create_graph = false,
                Here here = {}) const;
  // The same data without history.
  Tensor detach(Here here = {}) const;
  Tensor detach_(Here here = {}) const;
  // True when the tensor is a view of another one's data.
  bool is_view() const noexcept;
  // How often the storage was changed in place.
  std::int64_t version() const;

  // ---- copies and conversion
  Tensor clone(Here here = {}) const;
  // The tensor itself where it is contiguous, else a row-major copy. Recorded.
  Tensor contiguous(Here here = {}) const;
  // Converted to dtype; the tensor itself where it already has it. Recorded between floating types.
  Tensor to(Dtype dtype, Here here = {}) const;

  // ---- in place; recorded, but an AutogradError on a leaf that requires grad (or a view of one) while recording
  Tensor copy_(const Tensor& source, Here here = {}) const;
  Tensor fill_(Scalar value, Here here = {}) const;
  Tensor zero_(Here here = {}) const;
  Tensor add_(const Operand& other, Scalar alpha = 1) const;
  Tensor sub_(const Operand& other, Scalar alpha = 1) const;
  Tensor mul_(const Operand& other) const;
  Tensor div_(const Operand& other) const;
  Tensor pow_(const Operand& exponent) const;
  Tensor exp_(Here here = {}) const;
  Tensor log_(Here here = {}) const;
  Tensor sqrt_(Here here = {}) const;
  Tensor neg_(Here here = {}) const;
  Tensor abs_(Here here = {}) const;
  Tensor tanh_(Here here = {}) const;
  Tensor sigmoid_(Here here = {}) const;
  Tensor relu_(Here here = {}) const;
  Tensor clamp_(std::optional<Scalar> min, std::optional<Scalar> max = {}, Here here = {}) const;
  Tensor masked_fill_(const Tensor& mask, Scalar value, Here here = {}) const;
  Tensor index_put_(std::initializer_list<TensorIndex> indices, const Operand& value, bool accumulate = false) const;
  Tensor index_put_(const std::vector<TensorIndex>& indices, const Operand& value, bool accumulate = false) const;
  Tensor operator+=(const Operand& other) const;
  Tensor operator-=(const Operand& other) const;
  Tensor operator*=(const Operand& other) const;
  Tensor operator/=(const Operand& other) const;
  // Random fill from the default generator.
  Tensor uniform_(double from = 0, double to = 1, Here here = {}) const;
  Tensor normal_(double mean = 0, double std = 1, Here here = {}) const;
  Tensor bernoulli_(double p = 0.5, Here here = {}) const;

  // ---- pointwise (ops/pointwise.hpp, ops/arithmetic.hpp)
  Tensor add(const Operand& other, Scalar alpha = 1) const;
  Tensor sub(const Operand& other, Scalar alpha = 1) const;
  Tensor mul(const Operand& other) const;
  Tensor div(const Operand& other) const;
  Tensor pow(const Operand& exponent) const;
  Tensor maximum(const Operand& other) const;
  Tensor minimum(const Operand& other) const;
  Tensor fmod(const Operand& other) const;
  Tensor remainder(const Operand& other) const;
  Tensor eq(const Operand& other) const;
  Tensor ne(const Operand& other) const;
  Tensor lt(const Operand& other) const;
  Tensor le(const Operand& other) const;
  Tensor gt(const Operand& other) const;
  Tensor ge(const Operand& other) const;
  Tensor logical_and(const Operand& other) const;
  Tensor logical_or(const Operand& other) const;
  Tensor logical_xor(const Operand& other) const;
  Tensor logical_not(Here here = {}) const;
  Tensor isnan(Here here = {}) const;
  Tensor isinf(Here here = {}) const;
  Tensor isfinite(Here here = {}) const;
  Tensor clamp(std::optional<Scalar> min, std::optional<Scalar> max = {}, Here here = {}) const;
  Tensor neg(Here here = {}) const;
  Tensor abs(Here here = {}) const;
  Tensor sign(Here here = {}) const;
  Tensor floor(Here here = {}) const;
  Tensor ceil(Here here = {}) const;
  Tensor round(std::int64_t decimals = 0, Here here = {}) const;
  Tensor trunc(Here here = {}) const;
  Tensor square(Here here = {}) const;
  Tensor sqrt(Here here = {}) const;
  Tensor rsqrt(Here here = {}) const;
  Tensor reciprocal(Here here = {}) const;
  Tensor exp(Here here = {}) const;
  Tensor exp2(Here here = {}) const;
  Tensor expm1(Here here = {}) const;
  Tensor log(Here here = {}) const;
  Tensor log2(Here here = {}) const;
  Tensor log10(Here here = {}) const;
  Tensor log1p(Here here = {}) const;
  Tensor sin(Here here = {}) const;
  Tensor cos(Here here = {}) const;
  Tensor tan(Here here = {}) const;
  Tensor asin(Here here = {}) const;
  Tensor acos(Here here = {}) const;
  Tensor atan(Here here = {}) const;
  Tensor sinh(Here here = {}) const;
  Tensor cosh(Here here = {}) const;
  Tensor tanh(Here here = {}) const;
  Tensor asinh(Here here = {}) const;
  Tensor acosh(Here here = {}) const;
  Tensor atanh(Here here = {}) const;
  Tensor erf(Here here = {}) const;
  Tensor erfc(Here here = {}) const;
  Tensor lgamma(Here here = {}) const;
  Tensor digamma(Here here = {}) const;
  Tensor sigmoid(Here here = {}) const;
  Tensor relu(Here here = {}) const;

  // ---- reductions (ops/reduce.hpp). The positional forms are templates so that g++ prefers options for {.dim = {1}}.
  Tensor sum(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor sum(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return sum(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor mean(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor mean(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return mean(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor prod(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor prod(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return prod(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor var(const VarOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor var(const Dims& dim, std::int64_t correction = 1, bool keepdim = false, Here here = {}) const {
    return var(VarOptions{dim.list(), correction, keepdim}, here);
  }
  Tensor std(const VarOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor std(const Dims& dim, std::int64_t correction = 1, bool keepdim = false, Here here = {}) const {
    return std(VarOptions{dim.list(), correction, keepdim}, here);
  }
  Tensor norm(Scalar p = 2, const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor norm(Scalar p, const Dims& dim, bool keepdim = false, Here here = {}) const {
    return norm(p, ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor amax(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor amax(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return amax(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor amin(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor amin(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return amin(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor max(Here here = {}) const;
  std::pair<Tensor, Tensor> max(std::int64_t dim, bool keepdim = false, Here here = {}) const;
  Tensor min(Here here = {}) const;
  std::pair<Tensor, Tensor> min(std::int64_t dim, bool keepdim = false, Here here = {}) const;
  Tensor argmax(std::optional<std::int64_t> dim = {}, bool keepdim = false, Here here = {}) const;
  Tensor argmin(std::optional<std::int64_t> dim = {}, bool keepdim = false, Here here = {}) const;
  Tensor all(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor all(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return all(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor any(const ReduceOptions& options = {}, Here here = {}) const;
  template <class = void>
  Tensor any(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return any(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor logsumexp(const ReduceOptions& options, Here here = {}) const;
  template <class = void>
  Tensor logsumexp(const Dims& dim, bool keepdim = false, Here here = {}) const {
    return logsumexp(ReduceOptions{dim.list(), keepdim}, here);
  }
  Tensor softmax(std::int64_t dim, Here here = {}) const;
  Tensor log_softmax(std::int64_t dim, Here here = {}) const;
  Tensor cumsum(std::int64_t dim, Here here = {}) const;
  Tensor cumprod(std::int64_t dim, Here here = {}) const;
  // Order: ops/order.hpp. Values and places along a dimension; median() of all elements.
  std::pair<Tensor, Tensor> sort(std::int64_t dim = -1, bool descending = false, bool stable = false,
                                 Here here = {}) const;
  Tensor argsort(std::int64_t dim = -1, bool descending = false, bool stable = false, Here here = {}) const;
  std::pair<Tensor, Tensor> topk(std::int64_t k, std::int64_t dim = -1, bool largest = true, bool sorted = true,
                                 Here here = {}) const;
  Tensor median(Here here = {}) const;
  std::pair<Tensor, Tensor> median(std::int64_t dim, bool keepdim = false, Here here = {}) const;

  // ---- shape (ops/shape.hpp): views where the strides allow it
  Tensor reshape(const Shape& shape, Here here = {}) const;
  Tensor view(const Shape& shape, Here here = {}) const;
  Tensor flatten(std::int64_t start_dim = 0, std::int64_t end_dim = -1, Here here = {}) const;
  Tensor unflatten(std::int64_t dim, const Shape& sizes, Here here = {}) const;
  Tensor squeeze(Here here = {}) const;
  Tensor squeeze(std::int64_t dim, Here here = {}) const;
  Tensor unsqueeze(std::int64_t dim, Here here = {}) const;
  Tensor transpose(std::int64_t dim0, std::int64_t dim1, Here here = {}) const;
  Tensor t(Here here = {}) const;
  Tensor permute(const Shape& dims, Here here = {}) const;
  Tensor movedim(std::int64_t source, std::int64_t destination, Here here = {}) const;
  Tensor expand(const Shape& shape, Here here = {}) const;
  Tensor expand_as(const Tensor& other, Here here = {}) const;
  Tensor broadcast_to(const Shape& shape, Here here = {}) const;
  Tensor narrow(std::int64_t dim, std::int64_t start, std::int64_t length, Here here = {}) const;
  Tensor slice(std::int64_t dim, std::optional<std::int64_t> start = {}, std::optional<std::int64_t> end = {},
               std::int64_t step = 1, Here here = {}) const;
  Tensor select(std::int64_t dim, std::int64_t index, Here here = {}) const;
  Tensor diagonal(std::int64_t offset = 0, std::int64_t dim1 = 0, std::int64_t dim2 = 1, Here here = {}) const;
  // The windows of `size` elements that begin at 0, step, 2 step, ... of a dimension, as a view: [.., n, ..] becomes
  // [.., (n - size) / step + 1, .., size]. ShapeError for a size above n, ValueError unless step is positive.
  // (nn::functional::unfold takes patches of images.)
  Tensor unfold(std::int64_t dimension, std::int64_t size, std::int64_t step, Here here = {}) const;
  TensorList unbind(std::int64_t dim = 0, Here here = {}) const;
  TensorList chunk(std::int64_t chunks, std::int64_t dim = 0, Here here = {}) const;
  TensorList split(std::int64_t size, std::int64_t dim = 0, Here here = {}) const;
  Tensor flip(const Dims& dims, Here here = {}) const;
  Tensor repeat(const Shape& repeats, Here here = {}) const;
  Tensor tril(std::int64_t diagonal = 0, Here here = {}) const;
  Tensor triu(std::int64_t diagonal = 0, Here here = {}) const;

  // ---- indexing (ops/index.hpp)
  // x[2], x[xgrad::slice(0, 3)], x[mask]
  Tensor operator[](const TensorIndex& index) const;
  // x.index({2, xgrad::ellipsis, xgrad::slice(0, 3), xgrad::newaxis, indices})
  Tensor index(std::initializer_list<TensorIndex> indices) const;
  Tensor index(const std::vector<TensorIndex>& indices) const;
  Tensor index_select(std::int64_t dim, const Tensor& index, Here here = {}) const;
  Tensor gather(std::int64_t dim, const Tensor& index, Here here = {}) const;
  Tensor scatter_add(std::int64_t dim, const Tensor& index, const Tensor& source, Here here = {}) const;
  Tensor index_add(std::int64_t dim, const Tensor& index, const Tensor& source, Here here = {}) const;
  Tensor masked_fill(const Tensor& mask, Scalar value, Here here = {}) const;
  Tensor masked_select(const Tensor& mask, Here here = {}) const;

  // ---- linear algebra (ops/linalg.hpp, ops/linalg_solve.hpp, ops/diag.hpp)
  Tensor matmul(const Tensor& other, Here here = {}) const;
  Tensor mm(const Tensor& other, Here here = {}) const;
  Tensor bmm(const Tensor& other, Here here = {}) const;
  Tensor dot(const Tensor& other, Here here = {}) const;
  Tensor trace(Here here = {}) const;
  Tensor diag(std::int64_t diagonal = 0, Here here = {}) const;
  Tensor det(Here here = {}) const;
  Tensor inverse(Here here = {}) const;

  // For the library itself: a handle on an implementation, and the implementation of a handle.
  static Tensor adopt(detail::TensorImpl* impl) noexcept;
  detail::TensorImpl* unsafe_impl() const noexcept { return reinterpret_cast<detail::TensorImpl*>(impl_); }

 private:
  void retain() const noexcept {
    if (impl_) impl_->add_handle();
  }
  void release() noexcept {
    if (impl_ && impl_->drop_handle()) detail::destroy(unsafe_impl());
  }

  // TensorImpl begins with its Counted; the rest is the library's own.
  detail::Counted* impl_;
};

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

}  // namespace xgrad

// Arg, Operand and TensorIndex need the whole class, and whoever calls a method needs them.
#include <xgrad/argument.hpp>
