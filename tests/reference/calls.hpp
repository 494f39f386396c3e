// Which call of the library a case means, by PyTorch's name of the operation.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reference/book.hpp"

namespace reference {

// A case's inputs under their names, after its views, and its attributes. What a call did not ask for is a failure of
// the case: it would pass for the wrong reason.
class Inputs {
 public:
  explicit Inputs(const json& attributes) : attrs_(attributes) {}
  void add(const std::string& name, Tensor tensor) {
    names_.push_back(name);
    list_.push_back(std::move(tensor));
  }

  // Undefined for a name that the case has not.
  Tensor operator[](const std::string& name) const;
  // All inputs in order.
  const TensorList& list() const;
  const std::vector<std::string>& names() const { return names_; }

  // Whether an attribute is given, and not null.
  bool has(const std::string& name) const;
  // An attribute as it stands; null for one that is not given.
  const json& raw(const std::string& name) const;
  // A required attribute; std::runtime_error where it is missing. "inf" and "-inf" are numbers.
  template <class T>
  T attr(const std::string& name) const {
    return converted<T>(required(name));
  }
  template <class T>
  T attr(const std::string& name, T otherwise) const {
    return has(name) ? converted<T>(raw(name)) : otherwise;
  }
  template <class T>
  std::optional<T> optional(const std::string& name) const {
    return has(name) ? std::optional<T>(converted<T>(raw(name))) : std::nullopt;
  }
  // A number or a list of them; empty where it is not given.
  std::vector<std::int64_t> ints(const std::string& name) const;
  // The same with a number repeated, or a value for what is not given, up to `count` of them.
  std::vector<std::int64_t> ints(const std::string& name, std::size_t count, std::int64_t otherwise) const;

  // What nobody asked for, in words; empty where nothing is left.
  std::string unused() const;

 private:
  const json& required(const std::string& name) const;
  template <class T>
  static T converted(const json& value) {
    if constexpr (std::is_same_v<T, double>)
      if (value.is_string()) return number(value);
    return value.get<T>();
  }
  static double number(const json& word);

  const json& attrs_;
  std::vector<std::string> names_;
  TensorList list_;
  mutable std::set<std::string> asked_, asked_attrs_;
};

using Call = std::function<TensorList(const Inputs&)>;

class Calls {
 public:
  // std::runtime_error for a name that is there already.
  void add(const std::string& op, Call call);
  // nullptr for an unknown operation.
  const Call* find(const std::string& op) const;

 private:
  std::map<std::string, Call> calls_;
};

// One file each, calls_<family>.cpp.
void activation(Calls&);
void distance(Calls&);
void gather(Calls&);
void image(Calls&);
void layer(Calls&);
void linalg(Calls&);
void loss(Calls&);
void norm(Calls&);
void order(Calls&);
void pointwise(Calls&);
void rearrange(Calls&);
void recurrent(Calls&);
void reduce(Calls&);
void shape(Calls&);

// All of them.
const Calls& all_calls();

}  // namespace reference
