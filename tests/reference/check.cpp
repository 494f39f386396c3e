#include "reference/check.hpp"

#include <xgrad/autograd.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/pointwise.hpp>

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <vector>

#include "reference/initials.hpp"
#include "reference/schedules.hpp"
#include "reference/trajectories.hpp"

namespace reference {
namespace {

struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Tensor apply_view(const Tensor& x, const json& view) {
  const std::string kind = view.begin().key();
  const auto list = view.begin().value().get<std::vector<std::int64_t>>();
  if (kind == "permute") return x.permute(list);
  if (kind == "expand") return x.expand(list);
  if (kind == "select") return x.select(list.at(0), list.at(1));
  if (kind == "slice") return x.slice(list.at(0), list.at(1), list.at(2), list.at(3));
  throw Mismatch("unknown view " + kind);
}

bool tagged(const json& entry, const char* tag) {
  const json tags = entry.value("tags", json::array());
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

// A case of kind "op" in one dtype. Everything throws what is wrong.
class Operation {
 public:
  Operation(const Book& book, const json& entry, const Call& call, xgrad::Dtype dtype)
      : book_(book), entry_(entry), call_(call), dtype_(dtype) {
    if (dtype == xgrad::float32) tolerance_ = {2e-4, 2e-5};
  }

  void run(Verdict& verdict) {
    Inputs inputs(entry_.at("attrs"));
    for (const json& input : entry_.at("inputs")) {
      Tensor value = stored(input.at("tensor"));
      if (input.value("requires_grad", false)) {
        value.requires_grad_();
        leaves_.push_back(value);
        names_.push_back(input.at("name"));
      }
      for (const json& view : input.value("views", json::array())) value = apply_view(value, view);
      inputs.add(input.at("name"), value);
    }
    const TensorList results = call_(inputs);
    if (const std::string unused = inputs.unused(); !unused.empty()) throw Mismatch(unused);
    const json& wanted = entry_.at("outputs");
    if (results.size() != wanted.size())
      throw Mismatch(fmt::format("{} outputs instead of {}", results.size(), wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      expect(results[i], wanted[i].at("tensor"), fmt::format("output {}", i));
      cotangent_of_.push_back(cotangents_.size());
      if (!wanted[i].contains("cotangent")) continue;
      outputs_.push_back(results[i]);
      cotangents_.push_back(stored(wanted[i].at("cotangent")).requires_grad_());
    }
    verdict.value = true;
    if (!entry_.contains("grads") || entry_.at("grads").empty()) return;
    first_order(verdict);
  }

 private:
  Tensor stored(const json& name) const {
    const Tensor value = book_.tensor(name);
    return value.is_floating_point() ? value.to(dtype_) : value;
  }
  void expect(const Tensor& actual, const json& name, const std::string& what) const {
    const Tensor expected = book_.tensor(name);
    if (actual.defined() && (actual.is_floating_point() ? dtype_ : actual.dtype()) != actual.dtype())
      throw Mismatch(fmt::format("{}: of dtype {}", what, xgrad::name(actual.dtype())));
    const std::string wrong = difference(actual, expected, tolerance_);
    if (!wrong.empty()) throw Mismatch(what + ": " + wrong);
  }
  std::size_t leaf(const std::string& name) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) throw Mismatch("no input that requires grad: " + name);
    return static_cast<std::size_t>(found - names_.begin());
  }
  // A gradient that did not arrive is zero.
  TensorList gradients(bool create_graph) const {
    TensorList list = xgrad::grad(
        outputs_, leaves_,
        {.grad_outputs = cotangents_, .retain_graph = true, .create_graph = create_graph, .allow_unused = true});
    for (std::size_t i = 0; i < list.size(); ++i)
      if (!list[i].defined()) list[i] = xgrad::zeros_like(leaves_[i]);
    return list;
  }

  void first_order(Verdict& verdict) {
    const TensorList plain = gradients(false), recorded = gradients(true);
    for (const json& part : entry_.at("grads")) {
      const std::string name = part.at("input");
      expect(plain[leaf(name)], part.at("tensor"), "gradient of " + name);
      expect(recorded[leaf(name)], part.at("tensor"), "recorded gradient of " + name);
    }
    verdict.gradient = true;
    // In float32 nobody measured what to allow at second order.
    if (dtype_ != xgrad::float64 || !entry_.contains("second_order")) return;
    const json& order = entry_.at("second_order");
    if (order == "zero")
      second_order_vanishes(recorded);
    else
      second_order(recorded, order);
    verdict.second_order = true;
  }

  // With S = the sum of <gradient, direction>: its derivatives by the inputs and by the cotangents.
  TensorList products(const TensorList& gradients, const TensorList& directions) const {
    TensorList paths, along, by = leaves_;
    by.insert(by.end(), cotangents_.begin(), cotangents_.end());
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].requires_grad()) continue;
      paths.push_back(gradients[i]);
      along.push_back(directions[i]);
    }
    TensorList list(by.size());
    if (!paths.empty()) list = xgrad::grad(paths, by, {.grad_outputs = along, .allow_unused = true});
    for (std::size_t i = 0; i < by.size(); ++i)
      if (!list[i].defined()) list[i] = xgrad::zeros_like(by[i]);
    return list;
  }

  void second_order(const TensorList& gradients, const json& order) const {
    TensorList directions;
    for (const Tensor& x : leaves_) directions.push_back(xgrad::zeros_like(x));
    for (const json& part : order) directions[leaf(part.at("input"))] = stored(part.at("direction"));
    const TensorList list = products(gradients, directions);
    for (const json& part : order)
      expect(list[leaf(part.at("input"))], part.at("tensor"), "second order of " + part.at("input").get<std::string>());
    for (const json& part : entry_.value("jvp", json::array())) {
      const std::size_t output = part.at("output");
      expect(list[leaves_.size() + cotangent_of_.at(output)], part.at("tensor"), fmt::format("jvp of {}", output));
    }
  }

  void second_order_vanishes(const TensorList& gradients) const {
    TensorList directions;
    // Any will do; these are not in proportion to anything.
    for (const Tensor& x : leaves_)
      directions.push_back(xgrad::cos(xgrad::arange(1, x.numel() + 1, {.dtype = dtype_}) * 2.4).reshape(x.sizes()));
    const TensorList list = products(gradients, directions);
    for (std::size_t i = 0; i < leaves_.size(); ++i) {
      const std::string wrong = difference(list[i], xgrad::zeros_like(list[i]), tolerance_);
      if (!wrong.empty()) throw Mismatch("second order of " + names_[i] + ": " + wrong);
    }
  }

  const Book& book_;
  const json& entry_;
  const Call& call_;
  xgrad::Dtype dtype_;
  Tolerance tolerance_{};
  TensorList leaves_, outputs_, cotangents_;
  std::vector<std::string> names_;
  std::vector<std::size_t> cotangent_of_;  // of output i, where it has one
};

void check_operation(const Book& book, const json& entry, const Calls& calls, Verdict& verdict) {
  const std::string op = entry.at("op");
  const Call* call = calls.find(op);
  if (call == nullptr) throw Mismatch("unknown operation " + op);
  Operation(book, entry, *call, xgrad::float64).run(verdict);
  if (tagged(entry, "float64_only")) return;
  Verdict single;
  try {
    Operation(book, entry, *call, xgrad::float32).run(single);
  } catch (const std::exception& error) {
    throw Mismatch(std::string("float32: ") + error.what());
  }
  verdict.single = true;
}

}  // namespace

Verdict check(const Book& book, const json& entry, const Calls& calls) {
  Verdict verdict;
  try {
    const std::string kind = entry.at("kind");
    if (kind == "op")
      check_operation(book, entry, calls, verdict);
    else if (kind == "optimizer")
      check_trajectory(book, entry);
    else if (kind == "lr_scheduler")
      check_schedule(entry);
    else if (kind == "init_stats")
      check_initialiser(entry);
    else
      throw Mismatch("unknown kind " + kind);
  } catch (const std::exception& error) {
    verdict.failure = error.what();
    if (verdict.failure.empty()) verdict.failure = "an exception without words";
  }
  return verdict;
}

}  // namespace reference
