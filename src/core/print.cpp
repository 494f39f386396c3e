#include <xgrad/print.hpp>

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <mutex>
#include <ostream>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace {

std::mutex options_mutex;
PrintOptions print_options;

class Printer {
 public:
  Printer(const Tensor& tensor, const PrintOptions& options)
      : tensor_(tensor),
        impl_(detail::impl(tensor)),
        rank_(impl_.shape.size()),
        options_(options),
        summarize_(impl_.numel > options.threshold) {}

  std::string print() {
    std::string text = "tensor(";
    if (impl_.numel == 0) {
      text += "[]";
    } else {
      choose_notation();
      for_visible(0, impl_.offset, [&](std::int64_t at) { width_ = std::max(width_, element(at).size()); });
      text += rank_ == 0 ? element(impl_.offset) : block(0, impl_.offset, text.size());
    }
    const std::size_t line = text.size() - std::min(text.size(), text.rfind('\n') + 1);
    const std::string suffixes = attributes();
    if (suffixes.empty()) return text + ")";
    const bool fits = line + suffixes.size() + 3 <= static_cast<std::size_t>(options_.linewidth);
    return text + (fits ? ", " : ",\n       ") + suffixes + ")";
  }

 private:
  std::int64_t size(std::size_t level) const { return impl_.shape[level]; }
  // Whether the middle of a dimension is left out.
  bool cut(std::size_t level) const { return summarize_ && size(level) > 2 * options_.edgeitems; }
  // The next index shown after i.
  std::int64_t next(std::size_t level, std::int64_t i) const {
    return cut(level) && i + 1 == options_.edgeitems ? size(level) - options_.edgeitems : i + 1;
  }
  std::int64_t step(std::size_t level) const { return impl_.strides[level]; }

  // visit(offset) for every element that is shown.
  template <class F>
  void for_visible(std::size_t level, std::int64_t at, F&& visit) const {
    if (level == rank_) return visit(at);
    for (std::int64_t i = 0; i < size(level); i = next(level, i)) for_visible(level + 1, at + i * step(level), visit);
  }

  double number(std::int64_t at) const {
    return detail::dispatch_floating(impl_.dtype, [&]<class T>() {
      return static_cast<double>(reinterpret_cast<const T*>(impl_.storage->data)[at]);
    });
  }

  // As whole numbers, with a fixed point, or in scientific notation: by the magnitudes of what is shown.
  void choose_notation() {
    if (!is_floating_point(impl_.dtype)) return;
    double largest = 0, smallest = std::numeric_limits<double>::infinity();
    for_visible(0, impl_.offset, [&](std::int64_t at) {
      const double x = std::abs(number(at));
      if (x == 0 || !std::isfinite(x)) return;
      largest = std::max(largest, x);
      smallest = std::min(smallest, x);
      whole_ = whole_ && x == std::ceil(x);
    });
    const bool spread = largest > 0 && (largest / smallest > 1000 || largest > 1e8 || (!whole_ && smallest < 1e-4));
    scientific_ = options_.sci_mode.value_or(spread);
  }

  std::string element(std::int64_t at) const {
    if (!is_floating_point(impl_.dtype))
      return detail::dispatch_all(impl_.dtype, [&]<class T>() {
        const T value = reinterpret_cast<const T*>(impl_.storage->data)[at];
        if constexpr (std::is_same_v<T, bool>) return std::string(value ? "true" : "false");
        return fmt::format("{}", static_cast<std::int64_t>(value));
      });
    const double value = number(at);
    if (!std::isfinite(value)) return fmt::format("{}", value);
    if (scientific_) return fmt::format("{:.{}e}", value, options_.precision);
    return whole_ ? fmt::format("{:.0f}.", value) : fmt::format("{:.{}f}", value, options_.precision);
  }

  // The bracketed text of one slice whose first bracket stands at column `indent`.
  std::string block(std::size_t level, std::int64_t at, std::size_t indent) const {
    return level + 1 == rank_ ? row(at, indent) : rows(level, at, indent);
  }
  std::string rows(std::size_t level, std::int64_t at, std::size_t indent) const {
    std::string separator(1, ',');
    separator.append(rank_ - level - 1, '\n').append(indent + 1, ' ');
    std::string text = "[";
    for (std::int64_t i = 0; i < size(level); i = next(level, i)) {
      if (i > 0) text += separator;
      if (cut(level) && i == size(level) - options_.edgeitems) text.append("...").append(separator);
      text += block(level + 1, at + i * step(level), indent + 1);
    }
    return text + "]";
  }
  std::string row(std::int64_t at, std::size_t indent) const {
    const std::size_t level = rank_ - 1, space = static_cast<std::size_t>(options_.linewidth);
    const std::size_t per_line = std::max<std::size_t>(1, (space - std::min(space, indent)) / (width_ + 2));
    std::string text = "[";
    std::size_t count = 0;
    const auto append = [&](const std::string& item) {
      if (count > 0 && count % per_line == 0)
        text.append(",\n").append(indent + 1, ' ');
      else if (count > 0)
        text += ", ";
      text += item;
      ++count;
    };
    for (std::int64_t i = 0; i < size(level); i = next(level, i)) {
      if (cut(level) && i == size(level) - options_.edgeitems) append(" ...");
      append(fmt::format("{:>{}}", element(at + i * step(level)), width_));
    }
    return text + "]";
  }

  std::string attributes() const {
    std::string text;
    const auto append = [&](const std::string& item) {
      if (!text.empty()) text += ", ";
      text += item;
    };
    if (impl_.numel == 0 && rank_ != 1) append(fmt::format("size={}", impl_.shape));
    if (impl_.dtype != get_default_dtype() && impl_.dtype != int64 && impl_.dtype != bool_)
      append(fmt::format("dtype={}", impl_.dtype));
    if (const std::string operation = tensor_.grad_fn(); !operation.empty())
      append(fmt::format("grad_fn=<{}>", operation));
    else if (tensor_.requires_grad())
      append("requires_grad=true");
    return text;
  }

  const Tensor& tensor_;
  const detail::TensorImpl& impl_;
  std::size_t rank_;
  PrintOptions options_;
  bool summarize_, whole_ = true, scientific_ = false;
  std::size_t width_ = 1;
};

}  // namespace

void set_print_options(const PrintOptions& options, Here here) {
  detail::check<ValueError>(options.precision >= 0 && options.precision <= 17, here,
                            "set_print_options: expected a precision from 0 to 17, got {}", options.precision);
  detail::check<ValueError>(options.edgeitems >= 1, here, "set_print_options: expected edgeitems of at least 1, got {}",
                            options.edgeitems);
  detail::check<ValueError>(options.threshold >= 0 && options.linewidth >= 0, here,
                            "set_print_options: threshold and linewidth must not be negative, got {} and {}",
                            options.threshold, options.linewidth);
  const std::lock_guard lock(options_mutex);
  print_options = options;
}
PrintOptions get_print_options() {
  const std::lock_guard lock(options_mutex);
  return print_options;
}

std::string Tensor::to_string() const {
  if (!defined()) return "tensor(undefined)";
  return Printer(*this, get_print_options()).print();
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << tensor.to_string(); }
std::ostream& operator<<(std::ostream& stream, const Shape& shape) { return stream << to_string(shape); }
std::ostream& operator<<(std::ostream& stream, Dtype dtype) { return stream << name(dtype); }

}  // namespace xgrad
