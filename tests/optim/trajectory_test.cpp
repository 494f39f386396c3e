// Optimizers: trajectories computed by PyTorch.
#include <xgrad/ops/creation.hpp>
#include <xgrad/optim/adagrad.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/sgd.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor_impl.hpp"
#include "reference/book.hpp"

namespace xg = xgrad;
namespace optim = xgrad::optim;
using Json = reference::json;
using xg::Tensor;

namespace {

void read(const Json& hyper, const char* key, double& value) {
  if (hyper.contains(key)) value = hyper.at(key).get<double>();
}
void read(const Json& hyper, const char* key, bool& value) {
  if (hyper.contains(key)) value = hyper.at(key).get<bool>();
}
void read(const Json& hyper, const char* key, std::pair<double, double>& value) {
  if (hyper.contains(key)) value = {hyper.at(key).at(0).get<double>(), hyper.at(key).at(1).get<double>()};
}
void read_options(const Json& h, optim::SGDOptions& o) {
  read(h, "lr", o.lr), read(h, "momentum", o.momentum), read(h, "dampening", o.dampening);
  read(h, "weight_decay", o.weight_decay), read(h, "nesterov", o.nesterov), read(h, "maximize", o.maximize);
}
template <class AdamLike>
void read_options(const Json& h, AdamLike& o) {
  read(h, "lr", o.lr), read(h, "betas", o.betas), read(h, "eps", o.eps), read(h, "weight_decay", o.weight_decay);
  read(h, "amsgrad", o.amsgrad), read(h, "maximize", o.maximize);
}
// Not initial_accumulator_value: PyTorch takes it from the constructor and passes over a group's, as a case has it.
void read_options(const Json& h, optim::AdagradOptions& o) {
  read(h, "lr", o.lr), read(h, "lr_decay", o.lr_decay), read(h, "weight_decay", o.weight_decay);
  read(h, "eps", o.eps), read(h, "maximize", o.maximize);
}
void read_options(const Json& h, optim::RMSpropOptions& o) {
  read(h, "lr", o.lr), read(h, "alpha", o.alpha), read(h, "eps", o.eps), read(h, "weight_decay", o.weight_decay);
  read(h, "momentum", o.momentum), read(h, "centered", o.centered);
}

// One parameter of a case, with its 25 gradients.
struct Trained {
  std::string name;
  Tensor value;
  std::vector<double> gradients;
  void feed(int step) const {
    const auto count = static_cast<std::ptrdiff_t>(value.numel());
    const std::vector<double> now(gradients.begin() + step * count, gradients.begin() + (step + 1) * count);
    value.set_grad(xg::tensor(std::span<const double>(now), value.sizes()).to(value.dtype()));
  }
};

template <class O, class Options>
std::unique_ptr<optim::Optimizer> build(const Json& one, const std::vector<Trained>& parameters) {
  std::vector<optim::ParameterGroup<Options>> groups;
  for (const Json& group : one.at("groups")) {
    groups.emplace_back();
    for (const Json& name : group.at("params"))
      for (const Trained& p : parameters)
        if (p.name == name) groups.back().parameters.push_back(p.value);
    read_options(group.at("hyper"), groups.back().options);
  }
  if (groups.size() == 1) return std::make_unique<O>(groups[0].parameters, groups[0].options);
  return std::make_unique<O>(groups);
}
std::unique_ptr<optim::Optimizer> build(const Json& one, const std::vector<Trained>& parameters) {
  const std::string name = one.at("optimizer");
  if (name == "SGD") return build<optim::SGD, optim::SGDOptions>(one, parameters);
  if (name == "Adam") return build<optim::Adam, optim::AdamOptions>(one, parameters);
  if (name == "AdamW") return build<optim::AdamW, optim::AdamWOptions>(one, parameters);
  if (name == "RMSprop") return build<optim::RMSprop, optim::RMSpropOptions>(one, parameters);
  if (name == "Adagrad") return build<optim::Adagrad, optim::AdagradOptions>(one, parameters);
  return nullptr;
}

// Memory that is not contiguous: transposed, or every second element.
Tensor scattered(const Tensor& x) {
  const std::int64_t n = x.numel();
  const Tensor memory = xg::zeros({2 * n}, {.dtype = x.dtype()});
  xg::Shape strides(x.sizes().size(), 0);
  std::int64_t step = 2;
  for (std::size_t d = 0; d < strides.size(); ++d) {
    strides[d] = step;
    step *= x.sizes()[d];
  }
  const Tensor view = xg::detail::make_alias(xg::detail::make_view(memory, x.sizes(), strides, 0));
  view.copy_(x);
  return view;
}

std::vector<Trained> parameters_of(const Json& one, xg::Dtype dtype, bool apart) {
  std::vector<Trained> parameters;
  for (const Json& p : one.at("params")) {
    Tensor initial = reference::own_book().tensor(p.at("initial")).to(dtype);
    if (apart)
      initial = scattered(initial);
    else
      initial = initial.clone();
    parameters.push_back(
        {p.at("name"), initial.requires_grad_(), reference::own_book().tensor(p.at("gradients")).to_vector<double>()});
  }
  return parameters;
}

// Runs a case and compares at its checkpoints; after `resume` steps everything goes on in a new optimizer.
int follow(const Json& one, xg::Dtype dtype, bool apart, int resume, const reference::Tolerance& tolerance) {
  std::vector<Trained> parameters = parameters_of(one, dtype, apart);
  auto optimizer = build(one, parameters);
  if (!optimizer) return 0;
  INFO(one.at("id").get<std::string>());
  int done = 0;
  for (const Json& checkpoint : one.at("expected")) {
    for (; done < checkpoint.at("step").get<int>(); ++done) {
      if (done == resume) {
        const xg::StateDict state = optimizer->state_dict().clone();
        for (Trained& p : parameters) p.value = p.value.clone().detach().requires_grad_();
        optimizer = build(one, parameters);
        optimizer->load_state_dict(state);
      }
      for (const Trained& p : parameters) p.feed(done);
      optimizer->step();
    }
    for (const Json& p : checkpoint.at("params"))
      for (const Trained& mine : parameters)
        if (mine.name == p.at("name"))
          CHECK(reference::difference(mine.value, reference::own_book().tensor(p.at("tensor")), tolerance) == "");
  }
  return 1;
}

}  // namespace

TEST_CASE("trajectories are PyTorch's, in float64 and float32, for any layout, and after resuming") {
  int followed = 0;
  for (const Json& one : reference::own_book().cases()) {
    if (one.at("kind") != "optimizer") continue;
    followed += follow(one, xg::float64, false, -1, {});
    follow(one, xg::float64, true, -1, {});
    follow(one, xg::float64, false, 3, {});
    follow(one, xg::float32, false, -1, {2e-4, 2e-5});
  }
  CHECK(followed == 21);
}
