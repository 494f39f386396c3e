#include <xgrad/autograd.hpp>
#include <xgrad/optim/optimizer.hpp>

#include <cmath>
#include <string>
#include <utility>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"
#include "state_reader.hpp"
#include "tape/node.hpp"

namespace xgrad::optim {

using detail::check;
using detail::state_number;
using detail::StateReader;

namespace {

void check_lr(const char* op, double lr, Here here) {
  check<ValueError>(lr >= 0, here, "{}: lr must not be negative, it is {}", op, lr);
}

}  // namespace

void Optimizer::check_group(std::size_t group, const char* what, Here here) const {
  check<IndexError>(group < groups_.size(), here, "{}: group {} is out of range, there are {}", what, group,
                    groups_.size());
}

void Optimizer::add_parameters(const TensorList& parameters, Here here) {
  check<ValueError>(!parameters.empty(), here, "{}: expected parameters, the list is empty", name_);
  const auto among = [](const Tensor& p, const TensorList& list, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (list[i].is_same(p)) return true;
    return false;
  };
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i];
    check<ValueError>(p.defined(), here, "{}: parameter {} is undefined", name_, i);
    check<ValueError>(p.is_leaf(), here, "{}: parameter {} is the result of {}; only leaves can be optimized", name_, i,
                      p.grad_fn());
    check<DtypeError>(p.is_floating_point(), here, "{}: parameter {} is {}, expected a floating dtype", name_, i,
                      p.dtype());
    bool known = among(p, parameters, i);
    for (const Group& group : groups_) known = known || among(p, group.parameters, group.parameters.size());
    check<ValueError>(!known, here, "{}: parameter {} is there twice; give each one once", name_, i);
  }
  groups_.push_back({parameters, std::vector<ParameterState>(parameters.size())});
}

void Optimizer::step(Here) {
  NoGradGuard no_grad;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const Tensor& parameter = groups_[g].parameters[i];
      ParameterState& state = groups_[g].states[i];
      const detail::GradCell* cell = detail::impl(parameter).cell.get();
      if (!cell || !(cell->rows || cell->grad.defined())) continue;
      if (state.step == 0) {
        state.tensors = make_state(parameter, g);
        state.numbers = make_numbers(g);
      }
      for (auto& [name, tensor] : state.tensors)
        if (tensor.dtype() != parameter.dtype()) tensor = tensor.to(parameter.dtype());
      ++state.step;
      if (cell->rows && parameter.is_contiguous() && update_rows(parameter, *cell->rows, state, g)) continue;
      update(parameter, parameter.grad(), state, g);
    }
  }
}

Tensor Optimizer::step(const Closure& closure, Here here) {
  check<ValueError>(static_cast<bool>(closure), here, "{}: there is no closure", name_);
  Tensor loss;
  {
    const EnableGradGuard recording;
    loss = closure();
  }
  step(here);
  return loss;
}

std::vector<std::pair<std::string, double>> Optimizer::make_numbers(std::size_t) const { return {}; }

bool Optimizer::update_rows(const Tensor&, const detail::RowGradient&, ParameterState&, std::size_t) { return false; }

void Optimizer::zero_grad() {
  for (const Group& group : groups_)
    for (const Tensor& parameter : group.parameters) parameter.zero_grad();
}

const TensorList& Optimizer::parameters(std::size_t group, Here here) const {
  check_group(group, name_, here);
  return groups_[group].parameters;
}

double Optimizer::lr(std::size_t group, Here here) const {
  check_group(group, "lr", here);
  return const_cast<Optimizer*>(this)->learning_rate(group);
}

double Optimizer::initial_lr(std::size_t group, Here here) {
  check_group(group, "initial_lr", here);
  std::optional<double>& initial = groups_[group].initial_lr;
  if (!initial) initial = learning_rate(group);
  return *initial;
}

double* Optimizer::momentum(std::size_t) { return nullptr; }

void Optimizer::set_lr(double lr, Here here) {
  check_lr("set_lr", lr, here);
  for (std::size_t g = 0; g < groups_.size(); ++g) learning_rate(g) = lr;
}

void Optimizer::set_group_lr(std::size_t group, double lr, Here here) {
  check_group(group, "set_group_lr", here);
  check_lr("set_group_lr", lr, here);
  learning_rate(group) = lr;
}

StateDict Optimizer::state_dict() const {
  StateDict dict;
  std::size_t index = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) dict.insert(fmt::format("groups.{}.lr", g), state_number(lr(g)));
  for (const Group& group : groups_) {
    for (const ParameterState& state : group.states) {
      if (state.step > 0) {
        dict.insert(fmt::format("state.{}.step", index), state_number(state.step));
        for (const auto& [name, tensor] : state.tensors) dict.insert(fmt::format("state.{}.{}", index, name), tensor);
        for (const auto& [name, value] : state.numbers)
          dict.insert(fmt::format("state.{}.{}", index, name), state_number(value));
      }
      ++index;
    }
  }
  return dict;
}

void Optimizer::load_state_dict(const StateDict& dict, Here here) {
  StateReader read(dict, here, name_);
  std::vector<double> rates;
  std::vector<std::vector<ParameterState>> states;
  std::size_t index = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    rates.push_back(read.number<double>(fmt::format("groups.{}.lr", g)));
    check_lr("load_state_dict", rates.back(), here);
    states.emplace_back();
    for (const Tensor& parameter : groups_[g].parameters) {
      ParameterState& state = states.back().emplace_back();
      const std::string prefix = fmt::format("state.{}.", index++);
      if (!dict.contains(prefix + "step")) continue;
      state.step = read.number<std::int64_t>(prefix + "step");
      check<ValueError>(state.step > 0, here, "load_state_dict: {}step must be positive, it is {}", prefix, state.step);
      state.tensors = make_state(parameter, g);
      for (auto& [name, tensor] : state.tensors)
        tensor = read.floating(prefix + name, tensor.sizes(), parameter.dtype());
      state.numbers = make_numbers(g);
      for (auto& [name, value] : state.numbers) value = read.number<double>(prefix + name);
    }
  }
  read.nothing_else();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    learning_rate(g) = rates[g];
    groups_[g].states = std::move(states[g]);
  }
}

}  // namespace xgrad::optim
