// The state of modules, out and in.
#include <xgrad/autograd.hpp>
#include <xgrad/nn/module.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <unordered_set>
#include <utility>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "kernels/copy.hpp"
#include "nn/module_state.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {
namespace {

// A parameter or buffer that belongs to the state, and the module that has no shape for it yet.
struct Saved {
  std::string name;
  Tensor tensor;
  ModuleState* shapeless;
};

// Tied tensors come under each name.
void append_saved(ModuleState& module, const std::string& prefix, std::vector<Saved>& all) {
  const auto add = [&](const std::string& name, const Tensor& tensor) {
    if (tensor.defined()) all.push_back({prefix + name, tensor, is_uninitialized(module, tensor) ? &module : nullptr});
  };
  for (const auto& [name, tensor] : module.parameters) add(name, tensor);
  for (const auto& buffer : module.buffers)
    if (buffer.persistent) add(buffer.name, buffer.tensor);
  for (auto& [name, child] : module.children) append_saved(*child, prefix + name + '.', all);
}
std::vector<Saved> saved_tensors(ModuleState& module) {
  std::vector<Saved> all;
  append_saved(module, "", all);
  return all;
}

std::string quoted(const std::vector<std::string>& names) {
  return fmt::format("\"{}\"", fmt::join(names.begin(), names.end(), "\", \""));
}

// -1 among the sizes stands for any.
bool fits(const Shape& shape, const Shape& sizes) {
  return std::equal(shape.begin(), shape.end(), sizes.begin(), sizes.end(),
                    [](std::int64_t a, std::int64_t b) { return a == b || b == -1; });
}

// What goes where: for each of the module's tensors the place of its value in the state, or one past the state's end.
struct LoadPlan {
  std::vector<Saved> mine;
  std::vector<std::size_t> places;
  nn::LoadReport report;
};

// The sizes that a value must have; none where any will do. A tied lazy tensor takes one shape only, that of its first
// name's value.
std::optional<Shape> sizes_for(const LoadPlan& plan, std::size_t place, const StateDict& given) {
  const auto& [name, tensor, shapeless] = plan.mine[place];
  if (!shapeless) return tensor.sizes();
  for (std::size_t i = 0; i < place; ++i)
    if (plan.mine[i].tensor.is_same(tensor) && plan.places[i] < given.size())
      return given.begin()[static_cast<std::ptrdiff_t>(plan.places[i])].second.sizes();
  const Shape& known = known_sizes(*shapeless, tensor);
  return known.empty() ? std::nullopt : std::optional(known);
}

[[noreturn]] void refuse(const nn::LoadReport& report, const std::vector<std::string>& dtypes, bool shapes, bool names,
                         Here here) {
  std::vector<std::string> problems;
  if (shapes)
    for (const auto& [name, expected, got] : report.mismatched)
      problems.push_back(fmt::format("\"{}\" has shape {} in the state, the module's is {}", name, got, expected));
  problems.insert(problems.end(), dtypes.begin(), dtypes.end());
  if (names) {
    std::string what;
    if (!report.missing_keys.empty()) what = "missing " + quoted(report.missing_keys);
    if (!report.unexpected_keys.empty())
      what += (what.empty() ? "unexpected " : "; unexpected ") + quoted(report.unexpected_keys);
    problems.push_back(fmt::format("the names must be the module's: {}; {{.strict = false}} ignores them", what));
  }
  const std::string text = fmt::format("{}", fmt::join(problems.begin(), problems.end(), "; "));
  if (shapes) raise<ShapeError>(here, "load_state_dict: {}", text);
  if (!dtypes.empty()) raise<DtypeError>(here, "load_state_dict: {}", text);
  raise<ValueError>(here, "load_state_dict: {}", text);
}

LoadPlan plan_load(ModuleState& module, const StateDict& given, const nn::LoadOptions& options, Here here) {
  LoadPlan plan{saved_tensors(module), {}, {}};
  nn::LoadReport& report = plan.report;
  std::vector<std::string> dtypes;
  std::unordered_set<std::string_view> names;
  for (std::size_t i = 0; i < plan.mine.size(); ++i) {
    const auto& [name, tensor, shapeless] = plan.mine[i];
    names.insert(name);
    plan.places.push_back(given.size());
    const auto found = given.find(name);
    if (found == given.end()) {
      report.missing_keys.push_back(name);
      continue;
    }
    const Tensor& value = found->second;
    const std::optional<Shape> sizes = sizes_for(plan, i, given);
    if (sizes && !fits(value.sizes(), *sizes))
      report.mismatched.push_back({name, *sizes, value.sizes()});
    else if (value.dtype() != tensor.dtype() && !(value.is_floating_point() && tensor.is_floating_point()))
      dtypes.push_back(
          fmt::format("\"{}\" is {} in the state, the module's is {}", name, value.dtype(), tensor.dtype()));
    else
      plan.places.back() = static_cast<std::size_t>(found - given.begin());
  }
  for (const auto& [name, tensor] : given)
    if (!names.contains(name)) report.unexpected_keys.push_back(name);

  const bool wrong_shapes = !options.ignore_mismatched_sizes && !report.mismatched.empty();
  const bool wrong_names = options.strict && !(report.missing_keys.empty() && report.unexpected_keys.empty());
  if (wrong_shapes || wrong_names || !dtypes.empty()) refuse(report, dtypes, wrong_shapes, wrong_names, here);

  const NoGradGuard no_grad;
  for (std::size_t i = 0; i < plan.mine.size(); ++i)
    if (plan.places[i] < given.size() && !plan.mine[i].shapeless)
      check_inplace(fmt::format("load_state_dict: \"{}\"", plan.mine[i].name).c_str(), plan.mine[i].tensor, here);
  return plan;
}

// copy_ of one shape, without recording, for a model that is used when all of it is loaded.
void overwrite(const Saved& saved, const Tensor& value, Here here) {
  const Tensor& target = saved.tensor;
  if (target.is_same(value)) return;
  // A tied one has its shape already when its second name's turn comes.
  if (saved.shapeless && is_uninitialized(*saved.shapeless, target))
    materialize(*saved.shapeless, target, value.sizes());
  stream_elements(target, impl(value).storage == impl(target).storage ? value.clone(here) : value);
  bump_version(target);
}

}  // namespace

void check_load(const nn::Module& module, const StateDict& state, Here here) {
  plan_load(ModuleAccess::state(module), state, {}, here);
}

}  // namespace detail

namespace nn {

StateDict Module::state_dict() const {
  NoGradGuard no_grad;
  StateDict result;
  for (const auto& [name, tensor, shapeless] : detail::saved_tensors(state()))
    if (!shapeless) result.insert(name, tensor.detach());
  return result;
}

LoadReport Module::load_state_dict(const StateDict& given, const LoadOptions& options, Here here) {
  return load_state_dict(StateDict(given), options, here);
}

LoadReport Module::load_state_dict(StateDict&& given, const LoadOptions& options, Here here) {
  detail::LoadPlan plan = detail::plan_load(state(), given, options, here);
  auto entries = std::move(given).release();
  NoGradGuard no_grad;
  for (std::size_t i = 0; i < plan.mine.size(); ++i)
    if (plan.places[i] < entries.size())
      detail::overwrite(plan.mine[i], std::exchange(entries[plan.places[i]].second, {}), here);
  return std::move(plan.report);
}

}  // namespace nn
}  // namespace xgrad
