#include "reference/calls.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <stdexcept>

namespace reference {

Tensor Inputs::operator[](const std::string& name) const {
  asked_.insert(name);
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name) return list_[i];
  return {};
}

const TensorList& Inputs::list() const {
  asked_.insert(names_.begin(), names_.end());
  return list_;
}

bool Inputs::has(const std::string& name) const { return !raw(name).is_null(); }

const json& Inputs::raw(const std::string& name) const {
  static const json nothing;
  asked_attrs_.insert(name);
  return attrs_.contains(name) ? attrs_.at(name) : nothing;
}

const json& Inputs::required(const std::string& name) const {
  if (!has(name)) throw std::runtime_error("attribute " + name + " is missing");
  return raw(name);
}

double Inputs::number(const json& word) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (word == "inf") return inf;
  if (word == "-inf") return -inf;
  throw std::runtime_error("not a number: " + word.dump());
}

std::vector<std::int64_t> Inputs::ints(const std::string& name) const {
  const json& value = raw(name);
  if (value.is_null()) return {};
  return value.is_array() ? value.get<std::vector<std::int64_t>>() : std::vector{value.get<std::int64_t>()};
}

std::vector<std::int64_t> Inputs::ints(const std::string& name, std::size_t count, std::int64_t otherwise) const {
  std::vector<std::int64_t> list = ints(name);
  if (list.size() < 2) list.resize(count, list.empty() ? otherwise : list[0]);
  if (list.size() != count) throw std::runtime_error(fmt::format("attribute {} has {} entries", name, list.size()));
  return list;
}

std::string Inputs::unused() const {
  std::vector<std::string> left;
  for (const std::string& name : names_)
    if (!asked_.contains(name)) left.push_back("input " + name);
  for (const auto& [name, value] : attrs_.items())
    if (!asked_attrs_.contains(name)) left.push_back("attribute " + name);
  return left.empty() ? "" : fmt::format("not known to the call: {}", fmt::join(left, ", "));
}

void Calls::add(const std::string& op, Call call) {
  if (!calls_.emplace(op, std::move(call)).second) throw std::runtime_error("two calls for " + op);
}

const Call* Calls::find(const std::string& op) const {
  const auto found = calls_.find(op);
  return found == calls_.end() ? nullptr : &found->second;
}

const Calls& all_calls() {
  static const Calls calls = [] {
    Calls all;
    for (const auto& family : {activation, distance, gather, image, layer, linalg, loss, norm, order, pointwise,
                               rearrange, recurrent, reduce, shape})
      family(all);
    return all;
  }();
  return calls;
}

}  // namespace reference
