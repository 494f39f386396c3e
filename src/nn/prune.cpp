#include <xgrad/autograd.hpp>
#include <xgrad/nn/prune.hpp>
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <numeric>
#include <span>

#include "core/check.hpp"
#include "nn/module_state.hpp"

namespace xgrad::nn::utils::prune {

using namespace xgrad::detail;

namespace {

// A parameter of the module itself, with its mask: ones where it has none yet.
struct Target {
  Module& module;
  std::string name;
  Tensor parameter;
  std::vector<double> values, mask;

  Target(const char* op, Module& m, const std::string& parameter_name, Here here) : module(m), name(parameter_name) {
    for (const auto& [key, tensor] : module.named_parameters(false))
      if (key == name) parameter = tensor;
    check<ValueError>(parameter.defined(), here, "{}: {} has no parameter \"{}\" of its own", op, module.type_name(),
                      name);
    values = parameter.detach().to_vector<double>();
    mask.assign(values.size(), 1);
    for (const auto& [key, tensor] : module.named_buffers(false))
      if (key == mask_name()) mask = tensor.to_vector<double>();
  }
  std::string mask_name() const { return name + "_mask"; }
  std::vector<std::size_t> kept() const {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < mask.size(); ++i)
      if (mask[i] != 0) places.push_back(i);
    return places;
  }
};

// What an optimizer with momentum moved since the gradient is masked.
void set_pruned_to_zero(const Tensor& parameter, const Tensor& mask) {
  const NoGradGuard no_grad;
  const Tensor pruned = mask.eq(0);
  if (parameter.ne(0).logical_and(pruned).any().item<bool>()) parameter.masked_fill_(pruned, 0);
}

Tensor apply(const Target& target, Here here) {
  const NoGradGuard no_grad;
  ModuleState& state = ModuleAccess::state(target.module);
  const Tensor& parameter = target.parameter;
  const Tensor fresh = tensor(std::span<const double>(target.mask), parameter.sizes()).to(parameter.dtype());
  Tensor mask;
  for (const auto& [key, buffer] : target.module.named_buffers(false))
    if (key == target.mask_name()) mask = buffer;
  if (mask.defined()) {
    mask.copy_(fresh);
  } else {
    mask = target.module.register_buffer(target.mask_name(), fresh, true, here);
    const std::int64_t on_gradient =
        parameter.register_hook([mask](const Tensor& gradient) { return gradient.mul(mask); }, here);
    // Looking costs more than many a layer: only where the parameter has changed since.
    const auto looked_at = std::make_shared<std::atomic<std::int64_t>>(-1);
    const std::int64_t on_forward = target.module.register_forward_pre_hook(
        [parameter, mask, looked_at](const Module&, const TensorList&) {
          if (looked_at->load() != parameter.version()) {
            set_pruned_to_zero(parameter, mask);
            looked_at->store(parameter.version());
          }
          return TensorList();
        },
        here);
    state.pruned.push_back({target.name, on_gradient, on_forward});
  }
  set_pruned_to_zero(parameter, mask);
  return mask;
}

// The first `count` of `candidates` by importance; of equal ones those that come first.
template <class Importance>
std::vector<std::size_t> least(std::vector<std::size_t> candidates, std::int64_t count, const Importance& importance) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return importance(a) < importance(b); });
  candidates.resize(static_cast<std::size_t>(count));
  return candidates;
}

std::vector<std::size_t> any_of(const std::vector<std::size_t>& candidates, std::int64_t count, Generator& generator) {
  const auto order = randperm(static_cast<std::int64_t>(candidates.size()), {}, generator).to_vector<std::int64_t>();
  std::vector<std::size_t> chosen;
  for (std::int64_t i = 0; i < count; ++i)
    chosen.push_back(candidates[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  return chosen;
}

Tensor prune_elements(Target& target, const std::vector<std::size_t>& elements, Here here) {
  for (const std::size_t i : elements) target.mask[i] = 0;
  return apply(target, here);
}

// The slices of a parameter along one dimension.
struct Slices {
  std::size_t count = 0, stride = 1;
  Slices(const char* op, const Target& target, std::int64_t dim, Here here) {
    const Shape& shape = target.parameter.sizes();
    check<ShapeError>(!shape.empty(), here, "{}: \"{}\" has no dimensions", op, target.name);
    const auto d = static_cast<std::size_t>(wrap_dim(op, dim, static_cast<std::int64_t>(shape.size()), here));
    count = static_cast<std::size_t>(shape[d]);
    for (std::size_t i = d + 1; i < shape.size(); ++i) stride *= static_cast<std::size_t>(shape[i]);
  }
  std::size_t of(std::size_t element) const { return element / stride % count; }
};

// Those with an element that is not pruned.
std::vector<std::size_t> kept(const Slices& slices, const Target& target) {
  std::vector<bool> seen(slices.count);
  for (const std::size_t i : target.kept()) seen[slices.of(i)] = true;
  std::vector<std::size_t> places;
  for (std::size_t s = 0; s < slices.count; ++s)
    if (seen[s]) places.push_back(s);
  return places;
}

Tensor prune_slices(Target& target, const Slices& slices, const std::vector<std::size_t>& chosen, Here here) {
  std::vector<bool> gone(slices.count);
  for (const std::size_t s : chosen) gone[s] = true;
  for (std::size_t i = 0; i < target.mask.size(); ++i)
    if (gone[slices.of(i)]) target.mask[i] = 0;
  return apply(target, here);
}

std::int64_t size_of(const std::vector<std::size_t>& list) { return static_cast<std::int64_t>(list.size()); }

}  // namespace

std::int64_t Amount::of(std::int64_t total, const char* op, Here here) const {
  if (count_ < 0) {
    check<ValueError>(share_ >= 0 && share_ <= 1, here, "{}: amount must be a share in [0, 1] or a number, got {}", op,
                      share_);
    return std::llround(share_ * static_cast<double>(total));
  }
  check<ValueError>(count_ <= total, here, "{}: amount is {}, there are {} left to prune", op, count_, total);
  return count_;
}

Tensor l1_unstructured(Module& module, const std::string& name, Amount amount, Here here) {
  Target target("l1_unstructured", module, name, here);
  const std::vector<std::size_t> candidates = target.kept();
  const std::int64_t count = amount.of(size_of(candidates), "l1_unstructured", here);
  return prune_elements(target, least(candidates, count, [&](std::size_t i) { return std::abs(target.values[i]); }),
                        here);
}

Tensor random_unstructured(Module& module, const std::string& name, Amount amount, Generator& generator, Here here) {
  Target target("random_unstructured", module, name, here);
  const std::vector<std::size_t> candidates = target.kept();
  const std::int64_t count = amount.of(size_of(candidates), "random_unstructured", here);
  return prune_elements(target, any_of(candidates, count, generator), here);
}

Tensor ln_structured(Module& module, const std::string& name, Amount amount, double n, std::int64_t dim, Here here) {
  Target target("ln_structured", module, name, here);
  check<ValueError>(n > 0, here, "ln_structured: n must be positive, got {}", n);
  const Slices slices("ln_structured", target, dim, here);
  const std::vector<std::size_t> candidates = kept(slices, target);
  const std::int64_t count = amount.of(size_of(candidates), "ln_structured", here);
  std::vector<double> norms(slices.count);  // to the n-th power, which has the same order
  for (const std::size_t i : target.kept()) {
    double& norm = norms[slices.of(i)];
    const double size = std::abs(target.values[i]);
    norm = std::isinf(n) ? std::max(norm, size) : norm + std::pow(size, n);
  }
  return prune_slices(target, slices, least(candidates, count, [&](std::size_t s) { return norms[s]; }), here);
}

Tensor random_structured(Module& module, const std::string& name, Amount amount, std::int64_t dim, Generator& generator,
                         Here here) {
  Target target("random_structured", module, name, here);
  const Slices slices("random_structured", target, dim, here);
  const std::vector<std::size_t> candidates = kept(slices, target);
  const std::int64_t count = amount.of(size_of(candidates), "random_structured", here);
  return prune_slices(target, slices, any_of(candidates, count, generator), here);
}

void global_l1_unstructured(const Parameters& parameters, Amount amount, Here here) {
  std::vector<Target> targets;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::vector<std::size_t> candidates;
  for (const auto& [module, name] : parameters) {
    check<ValueError>(module != nullptr, here, "global_l1_unstructured: there is no module for \"{}\"", name);
    targets.emplace_back("global_l1_unstructured", *module, name, here);
    for (std::size_t i = 0; i + 1 < targets.size(); ++i)
      check<ValueError>(!targets[i].parameter.is_same(targets.back().parameter), here,
                        "global_l1_unstructured: \"{}\" of {} comes twice", name, module->type_name());
    for (const std::size_t i : targets.back().kept()) {
      candidates.push_back(places.size());
      places.emplace_back(targets.size() - 1, i);
    }
  }
  const std::int64_t count = amount.of(size_of(candidates), "global_l1_unstructured", here);
  const auto importance = [&](std::size_t c) { return std::abs(targets[places[c].first].values[places[c].second]); };
  for (const std::size_t c : least(candidates, count, importance)) targets[places[c].first].mask[places[c].second] = 0;
  for (const Target& target : targets) apply(target, here);
}

Tensor custom_from_mask(Module& module, const std::string& name, const Tensor& mask, Here here) {
  Target target("custom_from_mask", module, name, here);
  check<ShapeError>(mask.defined() && mask.sizes() == target.parameter.sizes(), here,
                    "custom_from_mask: the mask must have the shape {} of \"{}\", got {}", target.parameter.sizes(),
                    name, mask.defined() ? mask.sizes() : Shape{});
  const std::vector<double> given = mask.detach().to(float64).to_vector<double>();
  for (std::size_t i = 0; i < given.size(); ++i)
    if (given[i] == 0) target.mask[i] = 0;
  return apply(target, here);
}

void remove(Module& module, const std::string& name, Here here) {
  const Target target("remove", module, name, here);
  ModuleState& state = ModuleAccess::state(module);
  const auto entry = std::find_if(state.pruned.begin(), state.pruned.end(),
                                  [&](const ModuleState::Pruned& pruned) { return pruned.name == name; });
  check<ValueError>(entry != state.pruned.end(), here, "remove: \"{}\" of {} is not pruned", name, module.type_name());
  set_pruned_to_zero(target.parameter, module.get_buffer(target.mask_name()));
  target.parameter.remove_hook(entry->gradient_hook);
  module.remove_hook(entry->forward_hook);
  std::erase_if(state.buffers, [&](const ModuleState::Buffer& buffer) { return buffer.name == target.mask_name(); });
  state.pruned.erase(entry);
}

bool is_pruned(const Module& module) {
  const NamedModules modules = module.named_modules();
  return std::any_of(modules.begin(), modules.end(),
                     [](const auto& entry) { return !ModuleAccess::state(entry.second).pruned.empty(); });
}

double sparsity(const TensorList& parameters) {
  std::int64_t zero = 0, all = 0;
  for (const Tensor& parameter : parameters) {
    const NoGradGuard no_grad;
    zero += parameter.eq(0).sum().item<std::int64_t>();
    all += parameter.numel();
  }
  return all == 0 ? 0 : static_cast<double>(zero) / static_cast<double>(all);
}

}  // namespace xgrad::nn::utils::prune
