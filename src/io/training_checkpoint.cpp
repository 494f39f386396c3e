#include <xgrad/io/training_checkpoint.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <set>
#include <unordered_map>

#include "core/check.hpp"
#include "io/file.hpp"
#include "nn/module_state.hpp"
#include "state_reader.hpp"

namespace xgrad {

using detail::check;
using detail::FileTask;

namespace {

bool is_lazy(const detail::ModuleState& module) {
  return !module.uninitialized.empty() || std::any_of(module.children.begin(), module.children.end(),
                                                      [](const auto& child) { return is_lazy(*child.second); });
}

constexpr const char* number_key = "value";

Tensor number_tensor(const Scalar& value) {
  switch (value.kind()) {
    case Scalar::Kind::floating:
      return detail::state_number(value.to<double>());
    case Scalar::Kind::boolean:
      return detail::state_number(value.to<bool>());
    default:
      return detail::state_number(value.to<std::int64_t>());
  }
}
Scalar read_number(const StateDict& state, Here here) {
  detail::StateReader read(state, here, "a number");
  const auto entry = state.find(number_key);
  const Dtype dtype = entry == state.end() ? int64 : entry->second.dtype();
  const Scalar value = dtype == float64 ? Scalar(read.number<double>(number_key))
                       : dtype == bool_ ? Scalar(read.number<bool>(number_key))
                                        : Scalar(read.number<std::int64_t>(number_key));
  read.nothing_else();
  return value;
}

// Seeds and offsets are 64 bits, of which int64 has as many.
Generator::State read_generator(const StateDict& state, Here here) {
  detail::StateReader read(state, here, "a generator");
  const Generator::State result{std::bit_cast<std::uint64_t>(read.number<std::int64_t>("seed")),
                                std::bit_cast<std::uint64_t>(read.number<std::int64_t>("offset"))};
  read.nothing_else();
  return result;
}

// Names the file and the part in what is thrown while it lives.
class PartScope final : public detail::ErrorContext {
 public:
  PartScope(const FileTask& task, const std::string& part) : task_(task), part_(part) {
    outer = std::exchange(detail::error_context(), this);
  }
  ~PartScope() { detail::error_context() = outer; }
  PartScope(const PartScope&) = delete;
  PartScope& operator=(const PartScope&) = delete;
  std::string text() const override { return fmt::format("{}: {}: \"{}\": ", task_.op, task_.path, part_); }

 private:
  const FileTask& task_;
  const std::string& part_;
};

}  // namespace

CheckpointPart::CheckpointPart(std::string name, nn::Module& module) : name_(std::move(name)) {
  detail::ModuleAccess::check_alive(module, Here{nullptr, 0});
  const auto state = detail::ModuleAccess::pointer(module);
  const auto handle = [state] { return detail::ModuleAccess::handle(state); };
  get_ = [handle] { return handle().state_dict(); };
  check_ = [handle](const StateDict& given, Here here) { detail::check_load(handle(), given, here); };
  set_ = [handle](StateDict&& given, Here here) { handle().load_state_dict(std::move(given), {}, here); };
  // The states of optimizers of lazy layers have the shapes that these will take, so such a module goes first.
  undo_ = [handle, state]() -> std::function<void()> {
    if (!is_lazy(*state)) return {};
    return [handle, before = handle().state_dict().clone()] { handle().load_state_dict(before, {.strict = false}); };
  };
}

CheckpointPart::CheckpointPart(std::string name, Generator& generator)
    : name_(std::move(name)),
      get_([&generator] {
        const Generator::State state = generator.get_state();
        return StateDict{{"seed", detail::state_number(std::bit_cast<std::int64_t>(state.seed))},
                         {"offset", detail::state_number(std::bit_cast<std::int64_t>(state.offset))}};
      }),
      check_([](const StateDict& state, Here here) { read_generator(state, here); }),
      set_([&generator](StateDict&& state, Here here) { generator.set_state(read_generator(state, here)); }) {}

CheckpointPart::CheckpointPart(std::string name, std::function<Scalar()> get, std::function<bool(const Scalar&)> fits,
                               std::function<void(const Scalar&)> set)
    : name_(std::move(name)),
      get_([get = std::move(get)] {
        return StateDict{{number_key, number_tensor(get())}};
      }),
      check_([fits = std::move(fits)](const StateDict& state, Here here) {
        const Scalar value = read_number(state, here);
        const Tensor shown = number_tensor(value);
        check<ValueError>(fits(value), here, "the number is {} ({}) in the file, the program's is of another type",
                          value.to<double>(), shown.dtype());
      }),
      set_([set = std::move(set)](StateDict&& state, Here here) { set(read_number(state, here)); }) {}

Checkpoint::Checkpoint(std::vector<CheckpointPart> parts, Here here) : parts_(std::move(parts)) {
  check<ValueError>(!parts_.empty(), here, "Checkpoint: expected parts, there are none");
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::string& name = parts_[i].name_;
    check<ValueError>(!name.empty() && name.find('.') == std::string::npos, here,
                      "Checkpoint: the name of a part must not be empty or have a dot, got \"{}\"", name);
    for (std::size_t k = 0; k < i; ++k)
      check<ValueError>(parts_[k].name_ != name, here, "Checkpoint: two parts have the name \"{}\"", name);
  }
}

void Checkpoint::save(const std::string& path, const Metadata& metadata, Here here) const {
  StateDict all;
  for (const CheckpointPart& part : parts_)
    for (const auto& [key, tensor] : part.get_()) all.insert(part.name_ + '.' + key, tensor, here);
  xgrad::save(all, path, metadata, here);
}

void Checkpoint::load(const std::string& path, Here here) const {
  const FileTask task{"Checkpoint.load", path, here};
  std::unordered_map<std::string, StateDict> states;
  for (const CheckpointPart& part : parts_) states[part.name_];
  std::vector<std::string> missing;
  std::set<std::string> other;
  for (auto& [key, tensor] : xgrad::load(path, here).release()) {
    const std::size_t dot = key.find('.');
    const auto state = states.find(key.substr(0, dot));
    if (dot == std::string::npos || dot + 1 == key.size() || state == states.end())
      other.insert(key.substr(0, dot));
    else
      state->second.insert(key.substr(dot + 1), std::move(tensor), here);
  }
  for (const CheckpointPart& part : parts_)
    if (states[part.name_].empty() && !part.get_().empty()) missing.push_back(part.name_);
  check<ValueError>(missing.empty() && other.empty(), here,
                    "{}: {}: the parts must be the file's: missing in the file [{}], unexpected [{}]", task.op, path,
                    fmt::join(missing.begin(), missing.end(), ", "), fmt::join(other.begin(), other.end(), ", "));

  for (const CheckpointPart& part : parts_) {
    const PartScope scope(task, part.name_);
    if (part.check_) part.check_(states[part.name_], here);
  }
  // Lazy modules, then what only its own load_state_dict can check, then what fits for certain.
  std::vector<std::pair<const CheckpointPart*, std::function<void()>>> early;
  std::vector<const CheckpointPart*> late;
  for (const CheckpointPart& part : parts_) {
    std::function<void()> undo = part.undo_ ? part.undo_() : nullptr;
    if (!undo)
      late.push_back(&part);
    else
      early.emplace_back(&part, std::move(undo));
  }
  std::stable_partition(early.begin(), early.end(), [](const auto& entry) { return bool(entry.first->check_); });
  std::size_t done = 0;
  try {
    for (; done < early.size(); ++done) {
      const CheckpointPart& part = *early[done].first;
      const PartScope scope(task, part.name_);
      part.set_(std::move(states[part.name_]), here);
    }
  } catch (...) {
    while (done > 0) early[--done].second();
    throw;
  }
  for (const CheckpointPart* part : late) part->set_(std::move(states[part->name_]), here);
}

}  // namespace xgrad
