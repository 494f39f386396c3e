#include <xgrad/autograd.hpp>
#include <xgrad/checkpoint.hpp>
#include <xgrad/nn/parametrizations.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <memory>

#include "core/check.hpp"
#include "core/replace.hpp"
#include "core/tensor_impl.hpp"
#include "nn/module_state.hpp"
#include "tape/node.hpp"

namespace xgrad {
namespace detail {

Parametrization::Parametrization(const char* kind, std::string name, Tensor value, nn::NamedTensors sources,
                                 bool always, Compute compute)
    : kind_(kind), name_(std::move(name)), value_(std::move(value)), always_(always), compute_(std::move(compute)) {
  for (auto& [key, tensor] : sources) {
    names_.push_back(key);
    sources_.push_back(tensor);
  }
}

bool Parametrization::owns(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::vector<std::int64_t> Parametrization::versions() const {
  std::vector<std::int64_t> result;
  for (const Tensor& source : sources_) result.push_back(source.version());
  return result;
}

Tensor Parametrization::present(Here here) const {
  const NoGradGuard no_grad;
  return compute_(sources_, false, here);
}

void Parametrization::renew(bool training, Here here) {
  std::lock_guard lock(mutex_);
  const bool recorded = is_grad_enabled() && std::any_of(sources_.begin(), sources_.end(),
                                                         [](const Tensor& source) { return source.requires_grad(); });
  if (!recorded && !(always_ && training) && versions() == seen_) return;
  detail::renew(value_, compute_(sources_, training, here));
  seen_ = versions();
}

const Parametrization* find_parametrization(const nn::Module& module, const std::string& name) {
  for (const auto& entry : ModuleAccess::state(module).parametrizations)
    if (entry->name() == name) return entry.get();
  return nullptr;
}

void remove_parametrization(nn::Module& module, const Parametrization& parametrization, Here here) {
  ModuleState& state = ModuleAccess::state(module);
  const Tensor value = parametrization.value();
  const std::string name = parametrization.name();
  renew(value, parametrization.present(here));
  settle(value);
  bool trained = false;
  for (const auto& [key, tensor] : state.parameters)
    trained = trained || (parametrization.owns(key) && tensor.requires_grad());
  std::erase_if(state.parameters, [&](const auto& entry) { return parametrization.owns(entry.first); });
  std::erase_if(state.buffers, [&](const auto& buffer) { return parametrization.owns(buffer.name); });
  std::erase_if(state.parametrizations, [&](const auto& entry) { return entry.get() == &parametrization; });
  module.register_parameter(name, value, trained, here);
}

}  // namespace detail

namespace nn::utils {

using namespace xgrad::detail;

namespace {

// The parameter that is to be replaced by others of these names.
Tensor replaceable(const char* op, const Module& module, const std::string& name, const std::vector<std::string>& fresh,
                   Here here) {
  ModuleAccess::check_alive(module, here);
  const ModuleState& state = ModuleAccess::state(module);
  if (const Parametrization* other = find_parametrization(module, name))
    raise<ValueError>(here, "{}: \"{}\" of {} has a {} already", op, name, module.type_name(), other->kind());
  Tensor weight;
  for (const auto& [key, tensor] : state.parameters)
    if (key == name) weight = tensor;
  check<ValueError>(weight.defined(), here, "{}: {} has no parameter \"{}\" of its own", op, module.type_name(), name);
  check<ValueError>(!is_uninitialized(state, weight), here,
                    "{}: \"{}\" of {} has no shape yet; call the layer once before", op, name, module.type_name());
  const auto pruned = [&](const ModuleState::Pruned& entry) { return entry.name == name; };
  check<ValueError>(std::none_of(state.pruned.begin(), state.pruned.end(), pruned), here,
                    "{}: \"{}\" of {} is pruned; prune its \"{}\" in place of it", op, name, module.type_name(),
                    fresh.back());
  for (const std::string& key : fresh) {
    const bool taken =
        std::any_of(state.parameters.begin(), state.parameters.end(), [&](const auto& e) { return e.first == key; }) ||
        std::any_of(state.buffers.begin(), state.buffers.end(), [&](const auto& e) { return e.name == key; }) ||
        std::any_of(state.children.begin(), state.children.end(), [&](const auto& e) { return e.first == key; });
    check<ValueError>(!taken, here, "{}: {} has a \"{}\" of its own", op, module.type_name(), key);
  }
  return weight;
}

// Puts parameters and buffers in the place of a parameter, which becomes the computed value.
struct Replacement {
  Module& module;
  std::string name;
  Tensor weight;
  NamedTensors sources{};

  // The weight's memory as a parameter of its own, with what was asked of the weight.
  void add_weight(const std::string& key, Here here) { add_parameter(key, make_alias(weight), here); }
  void add_parameter(const std::string& key, const Tensor& tensor, Here here) {
    sources.emplace_back(key, module.register_parameter(key, tensor, weight.requires_grad(), here));
  }
  void add_buffer(const std::string& key, const Tensor& tensor, Here here) {
    sources.emplace_back(key, module.register_buffer(key, tensor, true, here));
  }
  void finish(const char* kind, bool always, Parametrization::Compute compute) {
    ModuleState& state = ModuleAccess::state(module);
    state.type = module.type_name();
    std::erase_if(state.parameters, [&](const auto& entry) { return entry.first == name; });
    const NoGradGuard no_grad;
    renew(weight, make_alias(weight).clone());
    state.parametrizations.push_back(
        std::make_shared<Parametrization>(kind, name, weight, sources, always, std::move(compute)));
  }
};

void remove(const char* kind, Module& module, const std::string& name, Here here) {
  ModuleAccess::check_alive(module, here);
  const Parametrization* found = find_parametrization(module, name);
  check<ValueError>(found && found->kind() == std::string_view(kind), here, "remove_{}: \"{}\" of {} has no {}", kind,
                    name, module.type_name(), kind);
  remove_parametrization(module, *found, here);
}

// The norm of each slice along a dimension, with 1 in place of the other sizes; of the whole without one.
Tensor norm_except(const Tensor& v, std::optional<std::int64_t> dim, Here here) {
  if (!dim) return v.norm(2, {}, here);
  ReduceOptions options{.keepdim = true};
  for (std::int64_t d = 0; d < v.dim(); ++d)
    if (d != *dim) options.dim.push_back(d);
  return options.dim.empty() ? v.abs(here) : v.norm(2, options, here);
}

// With the slices along dim as rows.
Tensor as_matrix(const Tensor& weight, std::int64_t dim, Here here) {
  return weight.movedim(dim, 0, here).reshape({weight.size(dim), weight.numel() / weight.size(dim)}, here);
}

}  // namespace

void weight_norm(Module& module, const std::string& name, std::optional<std::int64_t> dim, Here here) {
  const std::string g = name + "_g", v = name + "_v";
  const Tensor weight = replaceable("weight_norm", module, name, {g, v}, here);
  if (dim == -1) dim.reset();
  check<IndexError>(!dim || (*dim >= 0 && *dim < weight.dim()), here,
                    "weight_norm: dim must be a dimension of \"{}\" {} or -1, got {}", name, weight.sizes(),
                    dim.value_or(-1));
  Replacement replacement{module, name, weight};
  replacement.add_parameter(g, norm_except(weight.detach(here), dim, here), here);
  replacement.add_weight(v, here);
  replacement.finish("weight_norm", false, [dim](const TensorList& sources, bool, Here here) {
    const Tensor &g = sources[0], &v = sources[1];
    return v.mul({g.div({norm_except(v, dim, here), here}), here});
  });
}

void remove_weight_norm(Module& module, const std::string& name, Here here) {
  remove("weight_norm", module, name, here);
}

void spectral_norm(Module& module, const std::string& name, std::int64_t n_power_iterations, double eps,
                   std::optional<std::int64_t> dim, Here here) {
  const std::string orig = name + "_orig", u = name + "_u", v = name + "_v";
  const Tensor weight = replaceable("spectral_norm", module, name, {u, v, orig}, here);
  check<ValueError>(n_power_iterations > 0, here, "spectral_norm: n_power_iterations must be above 0, got {}",
                    n_power_iterations);
  check<ValueError>(weight.numel() > 0, here, "spectral_norm: \"{}\" has no elements: {}", name, weight.sizes());
  const std::int64_t rows_dim = dim.value_or(module.type_name().starts_with("ConvTranspose") ? 1 : 0);
  check<IndexError>(rows_dim >= -weight.dim() && rows_dim < weight.dim(), here,
                    "spectral_norm: dim must be a dimension of \"{}\" {}, got {}", name, weight.sizes(), rows_dim);
  const std::int64_t rows = weight.size(rows_dim);
  const auto unit = [&](std::int64_t size) {
    const NoGradGuard no_grad;
    return normalize({make_tensor({size}, weight.dtype()).normal_(0, 1, here), here}, 2, 0, eps);
  };
  Replacement replacement{module, name, weight};
  replacement.add_weight(orig, here);
  replacement.add_buffer(u, unit(rows), here);
  replacement.add_buffer(v, unit(weight.numel() / rows), here);
  replacement.finish("spectral_norm", true, [=](const TensorList& sources, bool training, Here here) {
    const Tensor matrix = as_matrix(sources[0], rows_dim, here);
    Tensor u = sources[1], v = sources[2];
    if (training) {
      const NoGradGuard no_grad;
      for (std::int64_t i = 0; i < n_power_iterations && !is_recomputing(); ++i) {
        v.copy_(normalize({mv({matrix.t(here), here}, {u, here}), here}, 2, 0, eps), here);
        u.copy_(normalize({mv({matrix, here}, {v, here}), here}, 2, 0, eps), here);
      }
      // A graph keeps those of its call.
      u = u.clone(here), v = v.clone(here);
    }
    const Tensor sigma = dot({u, here}, {mv({matrix, here}, {v, here}), here});
    return sources[0].div({sigma, here});
  });
}

void remove_spectral_norm(Module& module, const std::string& name, Here here) {
  remove("spectral_norm", module, name, here);
}

}  // namespace nn::utils
}  // namespace xgrad
