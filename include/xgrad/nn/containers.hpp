// Modules and parameters in lists and dictionaries.
#pragma once
#include <xgrad/nn/module.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad::detail {
// Positions from the front, or negative ones from the back. IndexError out of range.
std::size_t wrap_position(const char* container, std::int64_t position, std::size_t size, Here here);
[[noreturn]] void raise_no_such_key(const char* container, std::string_view key, Here here);
void check_new_key(const char* container, bool taken, std::string_view key, Here here);

// Walks through owned elements as references to them.
template <class Pointer>
class ElementIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = typename std::pointer_traits<Pointer>::element_type;
  using difference_type = std::ptrdiff_t;
  using pointer = value_type*;
  using reference = value_type&;

  ElementIterator() = default;
  explicit ElementIterator(const Pointer* position) noexcept : position_(position) {}
  reference operator*() const noexcept { return **position_; }
  pointer operator->() const noexcept { return position_->get(); }
  ElementIterator& operator++() noexcept {
    ++position_;
    return *this;
  }
  ElementIterator operator++(int) noexcept { return ElementIterator(position_++); }
  friend bool operator==(ElementIterator a, ElementIterator b) noexcept { return a.position_ == b.position_; }

 private:
  const Pointer* position_ = nullptr;
};
}  // namespace xgrad::detail

namespace xgrad::nn {

// Modules in a list, named "0", "1", ...: of one type, or with M = Layer of different ones.
//   nn::ModuleList<nn::Linear> hidden = register_module("hidden", nn::ModuleList<nn::Linear>());
//   for (int i = 0; i < depth; ++i) hidden.push_back(nn::Linear(64, 64));
//   for (nn::Linear& layer : hidden) x = relu(layer(x));
// It has no forward of its own. Elements stay where they are when the list moves.
template <std::derived_from<Module> M = Layer>
class ModuleList : public Module {
  using Elements = std::vector<std::unique_ptr<M>>;

 public:
  ModuleList() = default;
  template <class... Modules>
  requires(sizeof...(Modules) > 0 && (std::derived_from<Modules, M> && ...) &&
           !(std::same_as<Modules, ModuleList> || ...)) explicit ModuleList(Modules&&... modules) {
    (push_back(std::move(modules)), ...);
  }

  // Adds a module, moved in, at the end.
  template <std::derived_from<M> D>
  requires(!std::is_lvalue_reference_v<D>) ModuleList& push_back(D&& module, Here here = {}) {
    elements_.push_back(std::make_unique<D>(register_module(std::to_string(size()), std::move(module), here)));
    return *this;
  }
  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }
  // Negative positions count from the end. IndexError out of range.
  M& operator[](std::int64_t position) const { return at(position); }
  M& at(std::int64_t position, Here here = {}) const {
    return *elements_[xgrad::detail::wrap_position("ModuleList", position, size(), here)];
  }
  using Iterator = xgrad::detail::ElementIterator<std::unique_ptr<M>>;
  Iterator begin() const noexcept { return Iterator(elements_.data()); }
  Iterator end() const noexcept { return Iterator(elements_.data() + elements_.size()); }

 private:
  Elements elements_;
};

// Modules by name, in the order in which they came. ValueError: a name that is taken (insert) or not there (at).
template <std::derived_from<Module> M = Layer>
class ModuleDict : public Module {
 public:
  template <std::derived_from<M> D>
  requires(!std::is_lvalue_reference_v<D>) ModuleDict& insert(const std::string& key, D&& module, Here here = {}) {
    xgrad::detail::check_new_key("ModuleDict", contains(key), key, here);
    elements_.push_back(std::make_unique<D>(register_module(key, std::move(module), here)));
    keys_.push_back(key);
    return *this;
  }
  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }
  bool contains(std::string_view key) const noexcept { return find(key) < size(); }
  M& operator[](std::string_view key) const { return at(key); }
  M& at(std::string_view key, Here here = {}) const {
    const std::size_t position = find(key);
    if (position == size()) xgrad::detail::raise_no_such_key("ModuleDict", key, here);
    return *elements_[position];
  }
  const std::vector<std::string>& keys() const noexcept { return keys_; }
  using Iterator = xgrad::detail::ElementIterator<std::unique_ptr<M>>;
  Iterator begin() const noexcept { return Iterator(elements_.data()); }
  Iterator end() const noexcept { return Iterator(elements_.data() + elements_.size()); }

 private:
  std::size_t find(std::string_view key) const noexcept {
    std::size_t position = 0;
    while (position < size() && keys_[position] != key) ++position;
    return position;
  }
  std::vector<std::string> keys_;
  std::vector<std::unique_ptr<M>> elements_;
};

// Parameters in a list, named "0", "1", ... Each is made to require grad, as by register_parameter.
class ParameterList : public Module {
 public:
  explicit ParameterList(const TensorList& parameters = {}, Here here = {});
  ParameterList& push_back(const Tensor& parameter, Here here = {});
  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }
  // Negative positions count from the end. IndexError out of range.
  const Tensor& operator[](std::int64_t position) const { return at(position); }
  const Tensor& at(std::int64_t position, Here here = {}) const;
  TensorList::const_iterator begin() const noexcept { return elements_.begin(); }
  TensorList::const_iterator end() const noexcept { return elements_.end(); }

 private:
  TensorList elements_;
};

// Parameters by name, in the order in which they came. ValueError: a name that is taken (insert) or not there (at).
class ParameterDict : public Module {
 public:
  explicit ParameterDict(const NamedTensors& parameters = {}, Here here = {});
  ParameterDict& insert(const std::string& key, const Tensor& parameter, Here here = {});
  std::size_t size() const noexcept { return elements_.size(); }
  bool empty() const noexcept { return elements_.empty(); }
  bool contains(std::string_view key) const noexcept;
  const Tensor& operator[](std::string_view key) const { return at(key); }
  const Tensor& at(std::string_view key, Here here = {}) const;
  NamedTensors::const_iterator begin() const noexcept { return elements_.begin(); }
  NamedTensors::const_iterator end() const noexcept { return elements_.end(); }

 private:
  NamedTensors elements_;
};

}  // namespace xgrad::nn
