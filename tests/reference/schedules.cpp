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

// An optimizer and what changes its rate.
struct Setting {
  std::unique_ptr<optim::SGD> optimizer;
  std::vector<std::unique_ptr<optim::LRScheduler>> parts;
  std::unique_ptr<optim::LRScheduler> schedule;
  std::optional<optim::ReduceLROnPlateau> plateau;

  explicit Setting(const json& entry)
      : optimizer(std::make_unique<optim::SGD>(xgrad::TensorList{xgrad::ones({1}, {.requires_grad = true})},
                                               optim::SGDOptions{.lr = entry.at("base_lr"), .momentum = 0.9})) {
    Attributes attrs(entry.at("attrs"));
    if (entry.at("scheduler") == "ReduceLROnPlateau")
      plateau.emplace(*optimizer,
                      optim::ReduceLROnPlateauOptions{.mode = attrs.get<std::string>("mode", "min"),
                                                      .factor = attrs.get("factor", 0.1),
                                                      .patience = attrs.get<std::int64_t>("patience", 10),
                                                      .threshold = attrs.get("threshold", 1e-4),
                                                      .threshold_mode = attrs.get<std::string>("threshold_mode", "rel"),
                                                      .cooldown = attrs.get<std::int64_t>("cooldown", 0),
                                                      .min_lr = attrs.get("min_lr", 0.0),
                                                      .eps = attrs.get("eps", 1e-8)});
    else
      schedule = build(entry.at("scheduler"), attrs);
    attrs.nothing_left();
  }

  std::unique_ptr<optim::LRScheduler> build(const std::string& name, Attributes& a) {
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
          *optimizer, a.need<double>("base_lr"), a.need<double>("max_lr"),
          optim::CyclicLROptions{.step_size_up = a.get<std::int64_t>("step_size_up", 2000),
                                 .mode = a.get<std::string>("mode", "triangular"),
                                 .gamma = a.get("gamma", 1.0),
                                 .base_momentum = a.get("base_momentum", 0.8),
                                 .max_momentum = a.get("max_momentum", 0.9)});
    if (name == "OneCycleLR")
      return std::make_unique<optim::OneCycleLR>(
          *optimizer, a.need<double>("max_lr"),
          optim::OneCycleLROptions{.total_steps = a.need<std::int64_t>("total_steps"),
                                   .pct_start = a.get("pct_start", 0.3),
                                   .anneal_strategy = a.get<std::string>("anneal_strategy", "cos"),
                                   .base_momentum = a.get("base_momentum", 0.85),
                                   .max_momentum = a.get("max_momentum", 0.95),
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
  const auto rates = entry.at("lr").get<std::vector<double>>();
  const auto momenta = entry.value("momentum", std::vector<double>{});
  const auto metrics = entry.value("metrics", std::vector<double>{});
  for (std::size_t k = 0; k < rates.size(); ++k) {
    expect(setting->optimizer->lr(), rates[k], "lr", k);
    if (!momenta.empty()) expect(setting->optimizer->options().momentum, momenta.at(k), "momentum", k);
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
