#include <xgrad/state_dict.hpp>

#include <optional>
#include <unordered_map>
#include <utility>

#include "core/check.hpp"

namespace xgrad {

namespace {
void check_entry(const char* op, const std::string& name, const Tensor& tensor, Here here) {
  detail::check<ValueError>(!name.empty(), here, "{}: the name of a tensor is empty", op);
  detail::check<ValueError>(tensor.defined(), here, "{}: the tensor \"{}\" is undefined", op, name);
}

// Calls rename(name), an optional name, for each entry: those that get one, under it.
template <class F>
StateDict rename_all(const char* op, const StateDict& state, Here here, const F& rename) {
  StateDict result;
  std::unordered_map<std::string, std::string> old_names;
  for (const auto& [name, tensor] : state) {
    const std::optional<std::string> now = rename(name);
    if (!now) continue;
    detail::check<ValueError>(!now->empty(), here, "{}: nothing would be left of the name \"{}\"", op, name);
    const auto [other, is_new] = old_names.emplace(*now, name);
    detail::check<ValueError>(is_new, here, "{}: \"{}\" and \"{}\" would both be \"{}\"", op, other->second, name,
                              *now);
    result.insert(*now, tensor, here);
  }
  return result;
}
}  // namespace

StateDict::StateDict(std::initializer_list<value_type> entries, Here here)
    : StateDict(entries.begin(), entries.end(), here) {}

void StateDict::insert(std::string name, Tensor tensor, Here here) {
  check_entry("StateDict.insert", name, tensor, here);
  detail::check<ValueError>(!places_.contains(name), here,
                            "StateDict.insert: the name \"{}\" is there already; insert_or_assign replaces it", name);
  entries_.emplace_back(name, std::move(tensor));
  places_.emplace(std::move(name), entries_.size() - 1);
}

void StateDict::insert_or_assign(std::string name, Tensor tensor, Here here) {
  check_entry("StateDict.insert_or_assign", name, tensor, here);
  const auto place = places_.find(name);
  if (place == places_.end())
    insert(std::move(name), std::move(tensor), here);
  else
    entries_[place->second].second = std::move(tensor);
}

bool StateDict::erase(std::string_view name) {
  const auto found = places_.find(name);
  if (found == places_.end()) return false;
  const std::size_t place = found->second;
  places_.erase(found);
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  for (auto& [other, index] : places_)
    if (index > place) --index;
  return true;
}

StateDict::const_iterator StateDict::find(std::string_view name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? entries_.end() : entries_.begin() + static_cast<std::ptrdiff_t>(place->second);
}

Tensor StateDict::at(std::string_view name, Here here) const {
  const auto entry = find(name);
  if (entry == end())
    detail::raise<ValueError>(here, "StateDict.at: there is no tensor \"{}\" among the {} here", name, size());
  return entry->second;
}

std::vector<std::string> StateDict::keys() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, tensor] : entries_) names.push_back(name);
  return names;
}

std::vector<StateDict::value_type> StateDict::release() && {
  places_.clear();
  return std::exchange(entries_, {});
}

StateDict StateDict::clone() const {
  StateDict copy;
  for (const auto& [name, tensor] : entries_) copy.insert(name, tensor.detach().clone());
  return copy;
}

StateDict StateDict::with_prefix(std::string_view prefix, Here here) const {
  return rename_all("StateDict.with_prefix", *this, here,
                    [&](const std::string& name) { return std::optional(std::string(prefix) + name); });
}

StateDict StateDict::without_prefix(std::string_view prefix, Here here) const {
  return rename_all("StateDict.without_prefix", *this, here, [&](const std::string& name) {
    return std::optional(name.starts_with(prefix) ? name.substr(prefix.size()) : name);
  });
}

StateDict StateDict::part(std::string_view prefix, Here here) const {
  return rename_all("StateDict.part", *this, here, [&](const std::string& name) {
    return name.starts_with(prefix) ? std::optional(name.substr(prefix.size())) : std::nullopt;
  });
}

StateDict StateDict::renamed(const std::function<std::string(const std::string&)>& rename, Here here) const {
  detail::check<ValueError>(static_cast<bool>(rename), here, "StateDict.renamed: there is no function");
  return rename_all("StateDict.renamed", *this, here,
                    [&](const std::string& name) { return std::optional(rename(name)); });
}

StateDict StateDict::renamed(const std::vector<std::pair<std::string, std::string>>& names, Here here) const {
  std::vector<bool> used(names.size());
  StateDict result = rename_all("StateDict.renamed", *this, here, [&](const std::string& name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& [from, to] = names[i];
      if (!name.starts_with(from) || (name.size() > from.size() && name[from.size()] != '.')) continue;
      used[i] = true;
      return std::optional(to + name.substr(from.size()));
    }
    return std::optional(name);
  });
  for (std::size_t i = 0; i < names.size(); ++i)
    detail::check<ValueError>(used[i], here, "StateDict.renamed: \"{}\" fits none of the {} names here", names[i].first,
                              size());
  return result;
}

}  // namespace xgrad
