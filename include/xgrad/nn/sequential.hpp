// Sequential: layers and functions, one after the other.
#pragma once
#include <xgrad/detail/callable.hpp>
#include <xgrad/nn/module.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace xgrad::detail {

// A callable of a tensor, whatever its type.
struct Step {
  virtual ~Step() = default;
  virtual Tensor call(const Tensor& x, Here here) = 0;
  virtual void* get(const std::type_info& type) noexcept = 0;
};

template <class F>
struct StepOf final : Step {
  explicit StepOf(F f) : callable(std::move(f)) {}
  Tensor call(const Tensor& x, Here here) override { return call_at(here, callable, x); }
  void* get(const std::type_info& type) noexcept override { return type == typeid(F) ? &callable : nullptr; }
  F callable;
};

}  // namespace xgrad::detail

namespace xgrad::nn {

// A layer of a Sequential with a name of its own in place of its number: nn::named("head", nn::Linear(2, 1)).
template <class F>
struct Named {
  std::string name;
  F layer;
};
template <class F>
Named<std::decay_t<F>> named(std::string name, F&& layer) {
  return {std::move(name), std::forward<F>(layer)};
}

// Calls layers one after the other, each with the result of the one before it:
//   nn::Sequential net(nn::Linear(784, 64), xgrad::relu, nn::Linear(64, 10), [](const Tensor& x) { return x / 10; });
// A layer is anything that takes a Tensor and gives one: a module (moved in), a function, a lambda, another Sequential.
// Their names are "0", "1", ... in the order given, functions counted, unless named().
class Sequential : public Layer {
 public:
  Sequential();
  template <class First, class... Rest>
  requires(sizeof...(Rest) > 0 ||
           !std::same_as<std::remove_cvref_t<First>, Sequential>) explicit Sequential(First&& first, Rest&&... rest)
      : Sequential() {
    push_back(std::forward<First>(first));
    (push_back(std::forward<Rest>(rest)), ...);
  }

  // Adds a layer at the end. ValueError for a name that is taken.
  template <class F>
  Sequential& push_back(F&& layer) {
    return push_back(std::to_string(size()), std::forward<F>(layer));
  }
  template <class F>
  Sequential& push_back(Named<F> layer) {
    return push_back(layer.name, std::move(layer.layer));
  }
  template <class F>
  Sequential& push_back(const std::string& name, F&& layer) {
    using Layer = std::decay_t<F>;
    if constexpr (std::derived_from<Layer, Module>) {
      static_assert(!std::is_lvalue_reference_v<F>, "Sequential takes modules by std::move");
      check_free(name);
      add(std::make_unique<detail::StepOf<Layer>>(register_module(name, std::move(layer))));
    } else {
      add_function(name, std::make_unique<detail::StepOf<Layer>>(std::forward<F>(layer)));
    }
    return *this;
  }

  Tensor forward(const Arg& x) const override;
  // x through the layers at begin, begin + 1 ... end - 1 only. IndexError unless begin <= end <= size().
  Tensor forward_range(std::size_t begin, std::size_t end, const Arg& x) const;

  std::size_t size() const noexcept { return steps_.size(); }
  // The layer at a position, whose type must be known: net.at<nn::Linear>(0).weight. IndexError out of range,
  // ValueError for another type.
  template <class Layer>
  Layer& at(std::size_t position) const {
    return *static_cast<Layer*>(get(position, typeid(Layer)));
  }

 private:
  void check_free(const std::string& name) const;
  void add(std::unique_ptr<detail::Step> step);
  void add_function(const std::string& name, std::unique_ptr<detail::Step> step);
  void* get(std::size_t position, const std::type_info& type) const;

  std::vector<std::unique_ptr<detail::Step>> steps_;
};

}  // namespace xgrad::nn
