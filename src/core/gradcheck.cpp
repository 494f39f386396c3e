#include "core/gradcheck.hpp"

#include <xgrad/autograd.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::detail {
namespace {

std::vector<double> values_of(const Tensor& x) {
  const Tensor contiguous = dense(x);
  const double* begin = data<double>(contiguous);
  return {begin, begin + x.numel()};
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor x = dense(a), y = dense(b);
  return a.numel() == 0 ||
         std::memcmp(impl(x).raw(), impl(y).raw(), static_cast<std::size_t>(a.numel() * element_size(a.dtype()))) == 0;
}

std::string index_of(std::int64_t flat, const Shape& shape) {
  Shape index(shape.size(), 0);
  for (std::size_t d = shape.size(); d-- > 0;) {
    index[d] = flat % shape[d];
    flat /= shape[d];
  }
  return to_string(index);
}

// Worst disagreement between analytical and numerical entries; NaN is worse than anything.
struct Worst {
  double excess = 0, analytical = 0, numerical = 0, allowed = 0;
  std::size_t row = 0, column = 0, count = 0;
};

class Gradcheck {
 public:
  Gradcheck(const GradcheckProblem& problem, const GradcheckOptions& options) : problem_(problem), options_(options) {
    for (const GradcheckVariable& v : problem.variables) {
      column_begin_.push_back(columns_);
      columns_ += static_cast<std::size_t>(v.taped.numel());
    }
  }

  std::string run() {
    EnableGradGuard enabled;
    for (const Tensor& x : problem_.dense) originals_.push_back(copy_dense(x));
    outputs_ = call(problem_.strided);
    choose_outputs();
    std::string failure = check_repeatable();
    if (failure.empty()) failure = check_backward();
    if (!failure.empty()) return failure;
    analytical_jacobian();
    numerical_jacobian();
    return worst_.count == 0 ? std::string() : describe();
  }

 private:
  struct Output {
    std::size_t number;
    Tensor tensor;
    std::size_t row_begin;
  };

  template <class... Args>
  std::string fail(fmt::format_string<Args...> format, Args&&... args) const {
    return fmt::format("{}: {}", problem_.op, fmt::format(format, std::forward<Args>(args)...));
  }
  std::string name_of(std::size_t output) const {
    return problem_.output_names.empty() ? fmt::format("output {}", output) : problem_.output_names.at(output);
  }

  TensorList call(const TensorList& arguments) const {
    TensorList outputs = problem_.f(arguments);
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      check<ValueError>(outputs[o].defined(), problem_.here, "{}: {} is undefined", problem_.op, name_of(o));
      check<DtypeError>(!outputs[o].is_floating_point() || outputs[o].dtype() == float64, problem_.here,
                        "{}: {} is {}; differences need float64 throughout", problem_.op, name_of(o),
                        outputs[o].dtype());
    }
    return outputs;
  }

  void choose_outputs() {
    const bool any = std::any_of(outputs_.begin(), outputs_.end(), [](const Tensor& y) { return y.requires_grad(); });
    for (std::size_t o = 0; o < outputs_.size(); ++o) {
      const Tensor& y = outputs_[o];
      if (!y.is_floating_point() || (any && !problem_.keep_unrecorded && !y.requires_grad())) continue;
      chosen_.push_back({o, y, rows_});
      rows_ += static_cast<std::size_t>(y.numel());
    }
  }

  // All chosen outputs' values for the present contents of the dense arguments.
  std::vector<double> evaluate() const {
    const TensorList outputs = call(problem_.dense);
    check<ValueError>(outputs.size() == outputs_.size(), problem_.here,
                      "{}: the function returned {} tensors, then {}; it must return as many each time", problem_.op,
                      outputs_.size(), outputs.size());
    std::vector<double> all;
    all.reserve(rows_);
    for (const Output& output : chosen_) {
      const Tensor& y = outputs[output.number];
      check<ShapeError>(y.sizes() == output.tensor.sizes(), problem_.here,
                        "{}: {} was {}, then {}; its shape must not change", problem_.op, name_of(output.number),
                        output.tensor.sizes(), y.sizes());
      const std::vector<double> values = values_of(y);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  std::string check_repeatable() const {
    for (std::size_t i = 0; i < originals_.size(); ++i)
      if (!same_bytes(problem_.strided[i], originals_[i])) return fail("the function changed its input {}", i);
    const std::vector<double> again = evaluate();
    for (std::size_t i = 0; i < originals_.size(); ++i)
      if (!same_bytes(problem_.dense[i], originals_[i])) return fail("the function changed its input {}", i);
    for (const Output& output : chosen_) {
      const std::vector<double> first = values_of(output.tensor);
      double scale = 1;
      for (double v : first)
        if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
      for (std::size_t k = 0; k < first.size(); ++k) {
        const double a = first[k], b = again[output.row_begin + k];
        if (a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-9 * scale) continue;
        return fail(
            "{}, element {} was {:.10g}, then {:.10g} for a contiguous copy of the same inputs; the function must "
            "depend on nothing but their values (no random numbers: call eval() on a module with dropout)",
            name_of(output.number), index_of(static_cast<std::int64_t>(k), output.tensor.sizes()), a, b);
      }
    }
    return {};
  }

  // One backward with these cotangents: all gradients in one row.
  std::vector<double> backward(const TensorList& outputs, const TensorList& cotangents) const {
    TensorList by;
    for (const GradcheckVariable& v : problem_.variables) by.push_back(v.taped);
    const TensorList gradients =
        grad(outputs, by, {.grad_outputs = cotangents, .retain_graph = true, .allow_unused = true}, problem_.here);
    std::vector<double> row;
    row.reserve(columns_);
    for (std::size_t v = 0; v < by.size(); ++v) {
      if (!gradients[v].defined()) {
        row.insert(row.end(), static_cast<std::size_t>(by[v].numel()), 0.0);
        continue;
      }
      check<AutogradError>(gradients[v].sizes() == by[v].sizes() && gradients[v].dtype() == float64, problem_.here,
                           "{}: the gradient of {} is {} {}, expected {} float64", problem_.op,
                           problem_.variables[v].name, gradients[v].sizes(), gradients[v].dtype(), by[v].sizes());
      const std::vector<double> values = values_of(gradients[v]);
      row.insert(row.end(), values.begin(), values.end());
    }
    return row;
  }

  std::string differing(const std::vector<double>& a, const std::vector<double>& b, double tolerance,
                        const char* what) const {
    for (std::size_t v = 0; v < problem_.variables.size(); ++v) {
      const Tensor& x = problem_.variables[v].taped;
      const std::size_t begin = column_begin_[v], end = begin + static_cast<std::size_t>(x.numel());
      double scale = 0;
      for (std::size_t j = begin; j < end; ++j)
        if (std::isfinite(a[j])) scale = std::max(scale, std::abs(a[j]));
      for (std::size_t j = begin; j < end; ++j)
        if (a[j] != b[j] && !(std::isnan(a[j]) && std::isnan(b[j])) && !(std::abs(a[j] - b[j]) <= tolerance * scale))
          return fail("{}: {}, element {}: {:.10g} and {:.10g}", what, problem_.variables[v].name,
                      index_of(static_cast<std::int64_t>(j - begin), x.sizes()), a[j], b[j]);
    }
    return {};
  }

  std::string check_backward() const {
    TensorList outputs, random, zero, ones, expanded;
    for (const Output& output : chosen_) {
      if (!output.tensor.requires_grad()) continue;
      const Shape& shape = output.tensor.sizes();
      outputs.push_back(output.tensor);
      random.push_back(random_of(shape, 17 + output.number));
      zero.push_back(zeros_of(shape));
      ones.push_back(zeros_of(shape));
      std::fill_n(data<double>(ones.back()), ones.back().numel(), 1.0);
      const Tensor one = zeros_of({});
      *data<double>(one) = 1;
      expanded.push_back(make_alias(make_view(one, shape, Shape(shape.size(), 0), 0)));
    }
    if (outputs.empty()) return {};
    const std::vector<double> first = backward(outputs, random);
    std::string failure = differing(first, backward(outputs, random), 1e-12,
                                    "a second backward gives other values than the first one");
    if (!failure.empty()) return failure;
    const std::vector<double> nothing = backward(outputs, zero);
    failure = differing(std::vector<double>(columns_, 0.0), nothing, 0, "the zero cotangent does not give zero");
    if (!failure.empty()) return failure;
    return differing(backward(outputs, ones), backward(outputs, expanded), 1e-9,
                     "a cotangent that is an expanded view gives another gradient than a contiguous one");
  }

  void analytical_jacobian() {
    jacobian_.assign(rows_ * columns_, 0.0);
    for (const Output& output : chosen_) {
      if (!output.tensor.requires_grad()) continue;
      for (std::int64_t k = 0; k < output.tensor.numel(); ++k) {
        const Tensor unit = zeros_of(output.tensor.sizes());
        data<double>(unit)[k] = 1;
        const std::vector<double> row = backward({output.tensor}, {unit});
        std::copy(row.begin(), row.end(),
                  jacobian_.begin() +
                      static_cast<std::ptrdiff_t>((output.row_begin + static_cast<std::size_t>(k)) * columns_));
      }
    }
  }

  // Moves one element while it lives.
  class Moved {
   public:
    explicit Moved(double* place) : place_(place), value_(*place) {}
    ~Moved() { *place_ = value_; }
    Moved(const Moved&) = delete;
    Moved& operator=(const Moved&) = delete;
    double value() const { return value_; }
    void to(double value) { *place_ = value; }

   private:
    double* place_;
    double value_;
  };

  // (f(x + h) - f(x - h)) / 2h, with the h that rounding left.
  std::vector<double> difference(Moved& moved, double h) const {
    const double up = moved.value() + h, down = moved.value() - h;
    moved.to(up);
    std::vector<double> column = evaluate();
    moved.to(down);
    const std::vector<double> below = evaluate();
    for (std::size_t i = 0; i < rows_; ++i) column[i] = (column[i] - below[i]) / (up - down);
    return column;
  }

  void numerical_jacobian() {
    for (std::size_t v = 0; v < problem_.variables.size(); ++v) {
      const Tensor& x = problem_.variables[v].moved;
      for (std::int64_t j = 0; j < x.numel(); ++j) {
        Moved moved(reinterpret_cast<double*>(element(x, j)));
        const double h = options_.eps * std::max(1.0, std::abs(moved.value()));
        std::vector<double> column = difference(moved, h);
        if (options_.order == 4) {
          const std::vector<double> wide = difference(moved, 2 * h);
          for (std::size_t i = 0; i < rows_; ++i) column[i] = (4 * column[i] - wide[i]) / 3;
        }
        for (std::size_t i = 0; i < rows_; ++i) compare(i, column_begin_[v] + static_cast<std::size_t>(j), column[i]);
      }
    }
  }

  void compare(std::size_t row, std::size_t column, double numerical) {
    const double analytical = jacobian_[row * columns_ + column];
    const double allowed = options_.atol + options_.rtol * std::abs(numerical);
    const double difference = std::abs(analytical - numerical);
    if (difference <= allowed && std::isfinite(difference)) return;
    const double excess = std::isfinite(difference) ? difference - allowed : std::numeric_limits<double>::infinity();
    if (worst_.count++ == 0 || excess > worst_.excess)
      worst_ = {excess, analytical, numerical, allowed, row, column, worst_.count};
  }

  std::string describe() const {
    std::size_t v = problem_.variables.size() - 1;
    while (column_begin_[v] > worst_.column) --v;
    // An empty variable begins where the next one does.
    while (problem_.variables[v].taped.numel() == 0) --v;
    auto output = std::find_if(chosen_.rbegin(), chosen_.rend(),
                               [&](const Output& o) { return o.row_begin <= worst_.row && o.tensor.numel() > 0; });
    return fail(
        "{}, element {}, by {}, element {}: analytical {:.10g}, numerical {:.10g}; they differ by {:.4g}, allowed is "
        "{:.4g} ({} of {} entries fail)",
        name_of(output->number),
        index_of(static_cast<std::int64_t>(worst_.row - output->row_begin), output->tensor.sizes()),
        problem_.variables[v].name,
        index_of(static_cast<std::int64_t>(worst_.column - column_begin_[v]), problem_.variables[v].taped.sizes()),
        worst_.analytical, worst_.numerical, std::abs(worst_.analytical - worst_.numerical), worst_.allowed,
        worst_.count, rows_ * columns_);
  }

  const GradcheckProblem& problem_;
  const GradcheckOptions& options_;
  TensorList originals_, outputs_;
  std::vector<Output> chosen_;
  std::vector<std::size_t> column_begin_;
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<double> jacobian_;
  Worst worst_;
};

}  // namespace

std::string run_gradcheck(const GradcheckProblem& problem, const GradcheckOptions& options) {
  return Gradcheck(problem, options).run();
}

}  // namespace xgrad::detail
