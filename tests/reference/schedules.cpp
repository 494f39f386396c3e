#include "reference/schedules.hpp"

#include <xgrad/xgrad.hpp>

#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace reference {
namespace {

namespace optim = xgrad::optim;

std::vector<double> numbers(const json& value) {
  return value.is_array() ? value.get<std::vector<double>>() : std::vector{value.get<double>()};
}

// The attributes of a schedule; one that nobody asked for is an error.
class Attributes {
 public:
  explicit Attributes(const json& values) : values_(values) {}
  template <class T>
  T need(const std::string& key) {
    asked_.insert(key);
    return values_.at(key).get<T>();
  }
  template <class T>
  T get(const std::string& key, T otherwise) {
    asked_.insert(key);
    return values_.value(key, otherwise);
  }
  // A number or a list of them.
  optim::PerGroup per_group(const std::string& key) {
    asked_.insert(key);
    return numbers(values_.at(key));
  }
  optim::PerGroup per_group(const std::string& key, double otherwise) {
    return values_.contains(key) ? per_group(key) : optim::PerGroup(otherwise);
  }
  template <class T>
  std::optional<T> optional(const std::string& key) {
    asked_.insert(key);
    return values_.contains(key) ? std::optional<T>(values_.at(key).get<T>()) : std::nullopt;
  }
  // For each of b the function b^n; one for all groups as it stands.
  std::vector<optim::LRFunction> powers(const std::string& key) {
    asked_.insert(key);
    std::vector<optim::LRFunction> functions;
    for (const double b : numbers(values_.at(key)))
      functions.emplace_back([b](std::int64_t n) { return std::pow(b, static_cast<double>(n)); });
    return functions;
  }
  const json& list(const std::string& key) {
    asked_.insert(key);
    return values_.at(key);
  }
  void nothing_left() const {
    for (const auto& [key, value] : values_.items())
      if (!asked_.contains(key)) throw std::runtime_error("unknown attribute " + key);
  }

 private:
  const json& values_;
  std::set<std::string> asked_;
};

template <class O, class Options>
std::unique_ptr<optim::Optimizer> over_groups(const json& entry, Options options) {
  std::vector<optim::ParameterGroup<Options>> groups;
  for (const double lr : numbers(entry.at("base_lr"))) {
    options.lr = lr;
    groups.push_back({{xgrad::ones({1}, {.requires_grad = true})}, options});
  }
  return std::make_unique<O>(groups);
}
std::unique_ptr<optim::Optimizer> optimizer_of(const json& entry) {
  const std::string name = entry.value("optimizer", "SGD");
  if (name == "SGD") return over_groups<optim::SGD>(entry, optim::SGDOptions{.momentum = 0.9});
  if (name == "Adam") return over_groups<optim::Adam>(entry, optim::AdamOptions{});
  throw std::runtime_error("unknown optimizer " + name);
}

// An optimizer and what changes its rate.
struct Setting {
  std::unique_ptr<optim::Optimizer> optimizer;
  std::vector<std::unique_ptr<optim::LRScheduler>> parts;
  std::unique_ptr<optim::LRScheduler> schedule;
  std::optional<optim::ReduceLROnPlateau> plateau;

  explicit Setting(const json& entry) : optimizer(optimizer_of(entry)) {
    Attributes attrs(entry.at("attrs"));
    if (entry.at("scheduler") == "ReduceLROnPlateau")
      plateau.emplace(*optimizer,
                      optim::ReduceLROnPlateauOptions{.mode = attrs.get<std::string>("mode", "min"),
                                                      .factor = attrs.get("factor", 0.1),
                                                      .patience = attrs.get<std::int64_t>("patience", 10),
                                                      .threshold = attrs.get("threshold", 1e-4),
                                                      .threshold_mode = attrs.get<std::string>("threshold_mode", "rel"),
                                                      .cooldown = attrs.get<std::int64_t>("cooldown", 0),
                                                      .min_lr = attrs.per_group("min_lr", 0.0),
                                                      .eps = attrs.get("eps", 1e-8)});
    else
      schedule = build(entry.at("scheduler"), attrs);
    attrs.nothing_left();
  }

  std::unique_ptr<optim::LRScheduler> build(const std::string& name, Attributes& a) {
    if (name == "LambdaLR" || name == "MultiplicativeLR") {
      auto f = a.powers("lr_lambda");
      if (name == "LambdaLR" && f.size() == 1) return std::make_unique<optim::LambdaLR>(*optimizer, f[0]);
      if (name == "LambdaLR") return std::make_unique<optim::LambdaLR>(*optimizer, f);
      if (f.size() == 1) return std::make_unique<optim::MultiplicativeLR>(*optimizer, f[0]);
      return std::make_unique<optim::MultiplicativeLR>(*optimizer, f);
    }
    if (name == "StepLR")
      return std::make_unique<optim::StepLR>(*optimizer, a.need<std::int64_t>("step_size"), a.get("gamma", 0.1));
    if (name == "MultiStepLR")
      return std::make_unique<optim::MultiStepLR>(*optimizer, a.need<std::vector<std::int64_t>>("milestones"),
                                                  a.get("gamma", 0.1));
    if (name == "ConstantLR")
      return std::make_unique<optim::ConstantLR>(*optimizer, a.get("factor", 1.0 / 3),
                                                 a.get<std::int64_t>("total_iters", 5));
    if (name == "LinearLR")
      return std::make_unique<optim::LinearLR>(
          *optimizer, optim::LinearLROptions{.start_factor = a.get("start_factor", 1.0 / 3),
                                             .end_factor = a.get("end_factor", 1.0),
                                             .total_iters = a.get<std::int64_t>("total_iters", 5)});
    if (name == "ExponentialLR") return std::make_unique<optim::ExponentialLR>(*optimizer, a.need<double>("gamma"));
    if (name == "PolynomialLR")
      return std::make_unique<optim::PolynomialLR>(*optimizer, a.get<std::int64_t>("total_iters", 5),
                                                   a.get("power", 1.0));
    if (name == "CosineAnnealingLR")
      return std::make_unique<optim::CosineAnnealingLR>(*optimizer, a.need<std::int64_t>("T_max"),
                                                        a.get("eta_min", 0.0));
    if (name == "CosineAnnealingWarmRestarts")
      return std::make_unique<optim::CosineAnnealingWarmRestarts>(
          *optimizer, a.need<std::int64_t>("T_0"), a.get<std::int64_t>("T_mult", 1), a.get("eta_min", 0.0));
    if (name == "CyclicLR")
      return std::make_unique<optim::CyclicLR>(
          *optimizer, a.per_group("base_lr"), a.per_group("max_lr"),
          optim::CyclicLROptions{.step_size_up = a.get<std::int64_t>("step_size_up", 2000),
                                 .step_size_down = a.optional<std::int64_t>("step_size_down"),
                                 .mode = a.get<std::string>("mode", "triangular"),
                                 .gamma = a.get("gamma", 1.0),
                                 .cycle_momentum = a.get("cycle_momentum", true),
                                 .base_momentum = a.per_group("base_momentum", 0.8),
                                 .max_momentum = a.per_group("max_momentum", 0.9)});
    if (name == "OneCycleLR")
      return std::make_unique<optim::OneCycleLR>(
          *optimizer, a.per_group("max_lr"),
          optim::OneCycleLROptions{.total_steps = a.optional<std::int64_t>("total_steps"),
                                   .epochs = a.optional<std::int64_t>("epochs"),
                                   .steps_per_epoch = a.optional<std::int64_t>("steps_per_epoch"),
                                   .pct_start = a.get("pct_start", 0.3),
                                   .anneal_strategy = a.get<std::string>("anneal_strategy", "cos"),
                                   .cycle_momentum = a.get("cycle_momentum", true),
                                   .base_momentum = a.per_group("base_momentum", 0.85),
                                   .max_momentum = a.per_group("max_momentum", 0.95),
                                   .div_factor = a.get("div_factor", 25.0),
                                   .final_div_factor = a.get("final_div_factor", 1e4),
                                   .three_phase = a.get("three_phase", false)});
    if (name == "SequentialLR" || name == "ChainedScheduler") {
      std::vector<optim::LRScheduler*> pointers;
      for (const json& part : a.list("schedulers")) {
        Attributes attrs(part.at("attrs"));
        parts.push_back(build(part.at("scheduler"), attrs));
        attrs.nothing_left();
        pointers.push_back(parts.back().get());
      }
      if (name == "ChainedScheduler") return std::make_unique<optim::ChainedScheduler>(pointers);
      return std::make_unique<optim::SequentialLR>(*optimizer, pointers,
                                                   a.need<std::vector<std::int64_t>>("milestones"));
    }
    throw std::runtime_error("unknown scheduler " + name);
  }

  xgrad::StateDict state() const { return (plateau ? plateau->state_dict() : schedule->state_dict()).clone(); }
  void resume(const Setting& from) {
    optimizer->load_state_dict(from.optimizer->state_dict());
    if (plateau)
      plateau->load_state_dict(from.state());
    else
      schedule->load_state_dict(from.state());
  }
};

void expect(double actual, double expected, const char* what, std::size_t epoch) {
  if (!(std::abs(actual - expected) <= 1e-12 * std::abs(expected) + 1e-15))
    throw std::runtime_error(std::string(what) + " of epoch " + std::to_string(epoch) + " is " +
                             std::to_string(actual) + ", expected " + std::to_string(expected));
}

void follow(const json& entry, std::size_t resume) {
  auto setting = std::make_unique<Setting>(entry);
  const json& rates = entry.at("lr");
  const json momenta = entry.value("momentum", json::array());
  const auto metrics = entry.value("metrics", std::vector<double>{});
  for (std::size_t k = 0; k < rates.size(); ++k) {
    const std::vector<double> lr = numbers(rates.at(k));
    if (lr.size() != setting->optimizer->group_count()) throw std::runtime_error("another number of groups");
    for (std::size_t g = 0; g < lr.size(); ++g) {
      expect(setting->optimizer->lr(g), lr[g], "lr", k);
      if (!momenta.empty()) expect(*setting->optimizer->momentum(g), numbers(momenta.at(k)).at(g), "momentum", k);
    }
    if (k + 1 == rates.size()) break;
    if (setting->plateau)
      setting->plateau->step(metrics.at(k));
    else
      setting->schedule->step();
    if (k == resume) {
      auto next = std::make_unique<Setting>(entry);
      next->resume(*setting);
      setting = std::move(next);
    }
  }
}

}  // namespace

void check_schedule(const json& entry) {
  const std::size_t epochs = entry.at("lr").size();
  if (epochs == 0) throw std::runtime_error("nothing to compare");
  follow(entry, epochs);
  for (std::size_t k = 0; k < epochs; ++k) follow(entry, k);
}

}  // namespace reference
