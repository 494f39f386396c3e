// StateDict: tensors by name, in order: what a model's state is, and what a safetensors file holds.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace xgrad {

// An ordered list of (name, tensor) with look-up by name. Names are unique and not empty, tensors are defined. Copies
// share their tensors; clone() copies them.
class StateDict {
 public:
  using value_type = std::pair<std::string, Tensor>;
  using const_iterator = std::vector<value_type>::const_iterator;

  StateDict() = default;
  StateDict(std::initializer_list<value_type> entries, Here here = {});
  // From any range of (name, tensor) pairs, such as a std::map.
  template <class Iterator>
  StateDict(Iterator first, Iterator last, Here here = {}) {
    for (; first != last; ++first) insert(first->first, first->second, here);
  }

  // Adds an entry at the end. ValueError: an empty name, a name that is there already, an undefined tensor.
  void insert(std::string name, Tensor tensor, Here here = {});
  // Replaces the tensor of a name, or adds it at the end.
  void insert_or_assign(std::string name, Tensor tensor, Here here = {});
  // Removes an entry; false when there was none.
  bool erase(std::string_view name);

  bool contains(std::string_view name) const { return find(name) != end(); }
  // The entry of a name, or end().
  const_iterator find(std::string_view name) const;
  // The tensor of a name. ValueError that names what is missing.
  Tensor at(std::string_view name, Here here = {}) const;
  // The same.
  Tensor operator[](std::string_view name) const { return at(name, Here{nullptr, 0}); }

  const_iterator begin() const noexcept { return entries_.begin(); }
  const_iterator end() const noexcept { return entries_.end(); }
  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  std::vector<std::string> keys() const;
  // Moves the entries out, in their order; nothing is left here.
  std::vector<value_type> release() &&;
  // The same names over copies of the tensors, without history.
  StateDict clone() const;

  // ---- the same tensors under other names, in the same order. ValueError, which names them: two tensors that would
  // get one name, or one that would get none.

  // Every name with text before it: with_prefix("model.").
  StateDict with_prefix(std::string_view prefix, Here here = {}) const;
  // Names that begin with the prefix without it, the others as they are: without_prefix("module.").
  StateDict without_prefix(std::string_view prefix, Here here = {}) const;
  // Only the tensors whose names begin with the prefix, without it: part("encoder.").
  StateDict part(std::string_view prefix, Here here = {}) const;
  // Every name as a function gives it.
  StateDict renamed(const std::function<std::string(const std::string&)>& rename, Here here = {}) const;
  // From one name to another: of tensors, or of what stands before a dot, so that {"backbone", "encoder"} makes
  // "encoder.0.weight" of "backbone.0.weight" and leaves "backbone2.weight". The first pair that fits a name counts.
  // ValueError: a pair that fits no name.
  StateDict renamed(const std::vector<std::pair<std::string, std::string>>& names, Here here = {}) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::vector<value_type> entries_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places_;
};

}  // namespace xgrad
