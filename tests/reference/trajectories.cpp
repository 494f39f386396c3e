#include "reference/trajectories.hpp"

#include <xgrad/optim/lbfgs.hpp>
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace reference {
namespace {

namespace optim = xgrad::optim;

// Takes options out of a case's list; what is left at the end was unknown.
class Hyper {
 public:
  explicit Hyper(const json& values) : values_(values) {
    for (const auto& [key, value] : values.items()) left_.insert(key);
  }
  Hyper& read(const char* key, double& value) {
    return take(key, [&](const json& j) { value = j.get<double>(); });
  }
  Hyper& read(const char* key, bool& value) {
    return take(key, [&](const json& j) { value = j.get<bool>(); });
  }
  Hyper& read(const char* key, std::int64_t& value) {
    return take(key, [&](const json& j) { value = j.get<std::int64_t>(); });
  }
  template <class T>
  Hyper& read(const char* key, std::optional<T>& value) {
    return take(key, [&](const json& j) { value = j.get<T>(); });
  }
  Hyper& read(const char* key, std::pair<double, double>& value) {
    return take(key, [&](const json& j) { value = {j.at(0).get<double>(), j.at(1).get<double>()}; });
  }
  Hyper& pass_over(const char* key) {
    return take(key, [](const json&) {});
  }
  void nothing_left() const {
    if (!left_.empty()) throw std::runtime_error("unknown option " + *left_.begin());
  }

 private:
  template <class F>
  Hyper& take(const char* key, const F& f) {
    if (values_.contains(key)) f(values_.at(key));
    left_.erase(key);
    return *this;
  }
  const json& values_;
  std::set<std::string> left_;
};

void read(Hyper& h, optim::SGDOptions& o) {
  h.read("lr", o.lr).read("momentum", o.momentum).read("dampening", o.dampening);
  h.read("weight_decay", o.weight_decay).read("nesterov", o.nesterov).read("maximize", o.maximize);
}
template <class AdamLike>
void read_adam(Hyper& h, AdamLike& o) {
  h.read("lr", o.lr).read("betas", o.betas).read("eps", o.eps).read("weight_decay", o.weight_decay);
  h.read("maximize", o.maximize);
}
void read(Hyper& h, optim::AdamOptions& o) { read_adam(h, o), h.read("amsgrad", o.amsgrad); }
void read(Hyper& h, optim::AdamWOptions& o) { read_adam(h, o), h.read("amsgrad", o.amsgrad); }
void read(Hyper& h, optim::AdamaxOptions& o) { read_adam(h, o); }
void read(Hyper& h, optim::NAdamOptions& o) {
  read_adam(h, o);
  h.read("momentum_decay", o.momentum_decay).read("decoupled_weight_decay", o.decoupled_weight_decay);
}
void read(Hyper& h, optim::RAdamOptions& o) {
  read_adam(h, o);
  h.read("decoupled_weight_decay", o.decoupled_weight_decay);
}
void read(Hyper& h, optim::LionOptions& o) {
  h.read("lr", o.lr).read("betas", o.betas).read("weight_decay", o.weight_decay).read("maximize", o.maximize);
}
// PyTorch takes initial_accumulator_value from the constructor and passes over a group's, as a case has it.
void read(Hyper& h, optim::AdagradOptions& o) {
  h.read("lr", o.lr).read("lr_decay", o.lr_decay).read("weight_decay", o.weight_decay);
  h.read("eps", o.eps).read("maximize", o.maximize).pass_over("initial_accumulator_value");
}
void read(Hyper& h, optim::AdadeltaOptions& o) {
  h.read("lr", o.lr).read("rho", o.rho).read("eps", o.eps).read("weight_decay", o.weight_decay);
  h.read("maximize", o.maximize);
}
void read(Hyper& h, optim::RMSpropOptions& o) {
  h.read("lr", o.lr).read("alpha", o.alpha).read("eps", o.eps).read("weight_decay", o.weight_decay);
  h.read("momentum", o.momentum).read("centered", o.centered).read("maximize", o.maximize);
}
void read(Hyper& h, optim::RpropOptions& o) {
  h.read("lr", o.lr).read("etas", o.etas).read("step_sizes", o.step_sizes).read("maximize", o.maximize);
}
void read(Hyper& h, optim::ASGDOptions& o) {
  h.read("lr", o.lr).read("lambd", o.lambd).read("alpha", o.alpha).read("t0", o.t0);
  h.read("weight_decay", o.weight_decay).read("maximize", o.maximize);
}

void read(Hyper& h, optim::LBFGSOptions& o) {
  h.read("lr", o.lr).read("max_iter", o.max_iter).read("max_eval", o.max_eval);
  h.read("tolerance_grad", o.tolerance_grad).read("tolerance_change", o.tolerance_change);
  h.read("history_size", o.history_size).read("line_search_fn", o.line_search_fn);
}

// One parameter of a case, with its gradients where they are stored.
struct Trained {
  std::string name;
  Tensor value;
  std::vector<double> gradients;
  void feed(int step) const {
    const auto count = static_cast<std::ptrdiff_t>(value.numel());
    const std::vector<double> now(gradients.begin() + step * count, gradients.begin() + (step + 1) * count);
    value.set_grad(xgrad::tensor(std::span<const double>(now), value.sizes()).to(value.dtype()));
  }
};

template <class O, class Options>
std::unique_ptr<optim::Optimizer> build(const json& entry, const std::vector<Trained>& parameters) {
  std::vector<optim::ParameterGroup<Options>> groups;
  for (const json& group : entry.at("groups")) {
    groups.emplace_back();
    for (const json& name : group.at("params"))
      for (const Trained& p : parameters)
        if (p.name == name) groups.back().parameters.push_back(p.value);
    Hyper hyper(group.at("hyper"));
    read(hyper, groups.back().options);
    hyper.nothing_left();
  }
  if (groups.size() == 1) return std::make_unique<O>(groups[0].parameters, groups[0].options);
  if constexpr (std::is_constructible_v<O, decltype(groups)>)
    return std::make_unique<O>(groups);
  else
    throw std::runtime_error("groups of an optimizer that has one");
}

std::unique_ptr<optim::Optimizer> build(const json& entry, const std::vector<Trained>& parameters) {
  const std::string name = entry.at("optimizer");
  if (name == "SGD") return build<optim::SGD, optim::SGDOptions>(entry, parameters);
  if (name == "Adam") return build<optim::Adam, optim::AdamOptions>(entry, parameters);
  if (name == "AdamW") return build<optim::AdamW, optim::AdamWOptions>(entry, parameters);
  if (name == "RMSprop") return build<optim::RMSprop, optim::RMSpropOptions>(entry, parameters);
  if (name == "Adagrad") return build<optim::Adagrad, optim::AdagradOptions>(entry, parameters);
  if (name == "Adadelta") return build<optim::Adadelta, optim::AdadeltaOptions>(entry, parameters);
  if (name == "Adamax") return build<optim::Adamax, optim::AdamaxOptions>(entry, parameters);
  if (name == "NAdam") return build<optim::NAdam, optim::NAdamOptions>(entry, parameters);
  if (name == "RAdam") return build<optim::RAdam, optim::RAdamOptions>(entry, parameters);
  if (name == "Rprop") return build<optim::Rprop, optim::RpropOptions>(entry, parameters);
  if (name == "ASGD") return build<optim::ASGD, optim::ASGDOptions>(entry, parameters);
  if (name == "Lion") return build<optim::Lion, optim::LionOptions>(entry, parameters);
  if (name == "LBFGS") return build<optim::LBFGS, optim::LBFGSOptions>(entry, parameters);
  throw std::runtime_error("unknown optimizer " + name);
}

// The same values in memory that is not contiguous: every second element of something transposed.
Tensor scattered(const Tensor& x) {
  xgrad::Shape shape;
  for (std::int64_t d = x.dim(); d-- > 0;) shape.push_back(x.size(d));
  shape.push_back(2);
  Tensor view = xgrad::zeros(shape, {.dtype = x.dtype()}).select(-1, 0);
  std::vector<std::int64_t> order;
  for (std::int64_t d = x.dim(); d-- > 0;) order.push_back(d);
  view = view.permute(order).detach();
  view.copy_(x);
  return view;
}

struct Way {
  const char* name;
  xgrad::Dtype dtype;
  bool apart;
  int resume;
  Tolerance tolerance;
};

// A case on one way.
class Trajectory {
 public:
  Trajectory(const Book& book, const json& entry, const Way& way) : book_(book), entry_(entry), way_(way) {}

  void follow() {
    for (const json& p : entry_.at("params")) {
      const Tensor initial = stored(p.at("initial"));
      parameters_.push_back({p.at("name"), (way_.apart ? scattered(initial) : initial.clone()).requires_grad_(), {}});
      if (p.contains("gradients"))
        parameters_.back().gradients = book_.tensor(p.at("gradients")).to_vector<double>();
      else if (!entry_.contains("problem"))
        throw std::runtime_error("no gradients of " + parameters_.back().name);
    }
    auto optimizer = build(entry_, parameters_);
    int done = 0;
    for (const json& checkpoint : entry_.at("expected")) {
      Tensor loss;
      for (; done < checkpoint.at("step").get<int>(); ++done) {
        if (done == way_.resume) {
          const xgrad::StateDict state = optimizer->state_dict().clone();
          for (Trained& p : parameters_) p.value = p.value.clone().detach().requires_grad_();
          optimizer = build(entry_, parameters_);
          optimizer->load_state_dict(state);
        }
        loss = step(*optimizer);
      }
      for (const json& p : checkpoint.at("params"))
        expect(done, p.at("name"), parameter(p.at("name")), book_.tensor(p.at("tensor")));
      if (checkpoint.contains("loss"))
        expect(done, "loss", loss, xgrad::full({}, checkpoint.at("loss").get<double>(), {.dtype = xgrad::float64}));
      if (checkpoint.contains("func_evals") &&
          optimizer->state_dict().at("state.0.func_evals").item<std::int64_t>() != checkpoint.at("func_evals"))
        throw std::runtime_error("step " + std::to_string(done) + ": another number of evaluations");
    }
    if (done == 0) throw std::runtime_error("nothing to compare");
  }

 private:
  Tensor stored(const json& name) const { return book_.tensor(name).to(way_.dtype); }
  const Tensor& parameter(const std::string& name) const {
    for (const Trained& one : parameters_)
      if (one.name == name) return one.value;
    throw std::runtime_error("no parameter " + name);
  }
  void expect(int step, const std::string& what, const Tensor& actual, const Tensor& expected) const {
    const std::string wrong = difference(actual, expected, way_.tolerance);
    if (!wrong.empty())
      throw std::runtime_error(std::string(way_.name) + ", step " + std::to_string(step) + ", " + what + ": " + wrong);
  }

  Tensor step(optim::Optimizer& optimizer) {
    if (entry_.contains("problem"))
      return optimizer.step([&] {
        optimizer.zero_grad();
        Tensor loss = problem(entry_.at("problem"));
        loss.backward();
        return loss.detach();
      });
    for (const Trained& p : parameters_) p.feed(steps_);
    ++steps_;
    optimizer.step();
    return {};
  }
  Tensor problem(const json& of) const {
    if (of.at("name") == "rosenbrock") {
      const Tensor& x = parameter("x");
      const Tensor a = x.slice(0, {}, -1), b = x.slice(0, 1);
      return (100 * (b - a.square()).square() + (1 - a).square()).sum();
    }
    if (of.at("name") == "waves") {
      const Tensor& x = parameter("x");
      return (stored(of.at("a")) * x.square() + stored(of.at("b")) * (stored(of.at("c")) * x).sin()).sum();
    }
    if (of.at("name") == "network") {
      const Tensor hidden = (stored(of.at("input")).matmul(parameter("weight1").t()) + parameter("bias1")).tanh();
      return (hidden.matmul(parameter("weight2").t()) - stored(of.at("target"))).square().mean();
    }
    throw std::runtime_error("unknown problem " + of.at("name").get<std::string>());
  }

  const Book& book_;
  const json& entry_;
  const Way& way_;
  std::vector<Trained> parameters_{};
  int steps_ = 0;
};

}  // namespace

void check_trajectory(const Book& book, const json& entry) {
  const json tags = entry.value("tags", json::array());
  const bool single = std::find(tags.begin(), tags.end(), "float64_only") == tags.end();
  for (const Way& way :
       {Way{"float64", xgrad::float64, false, -1, {}}, Way{"with gaps", xgrad::float64, true, -1, {}},
        Way{"resumed", xgrad::float64, false, 3, {}}, Way{"float32", xgrad::float32, false, -1, {2e-4, 2e-5}}})
    if (single || way.dtype == xgrad::float64) Trajectory(book, entry, way).follow();
}

}  // namespace reference
