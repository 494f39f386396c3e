// All that a training needs to go on with the same numbers, in one file.
//
//   std::int64_t epoch = 0;
//   Checkpoint checkpoint({{"model", net},
//                          {"optimizer", optimizer},
//                          {"scheduler", schedule},
//                          {"average", average},
//                          {"loader", loader},
//                          {"random", default_generator()},
//                          {"epoch", epoch}});
//   if (std::filesystem::exists(path)) checkpoint.load(path);
//   while (epoch < 90) {
//     for (auto [x, y] : loader) ...
//     schedule.step();
//     ++epoch;
//     checkpoint.save(path);
//   }
//
// It is a safetensors file in which the tensors of a part are named "part.name"; the weights alone are
// net.load_state_dict(load(path).part("model.")).
#pragma once
#include <xgrad/io/safetensors.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/optim/averaged.hpp>
#include <xgrad/optim/optimizer.hpp>
#include <xgrad/random.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace xgrad {

// What has a state as optimizers, schedules, averages and loaders have it: load_state_dict() throws before it changes
// anything.
template <class T>
concept Stateful = requires(T& object, const StateDict& state) {
  { object.state_dict() } -> std::convertible_to<StateDict>;
  object.load_state_dict(state);
};
// A number of the program: an epoch, the best loss, whether something has happened.
template <class T>
concept CheckpointNumber = std::is_arithmetic_v<T> && !std::is_const_v<T>;

// A part of a training under its name. Refers to the object, which must outlive it and stay where it is; a Module may
// move.
class CheckpointPart {
 public:
  CheckpointPart(std::string name, nn::Module& module);
  CheckpointPart(std::string name, Generator& generator);
  template <class T>
  requires(Stateful<T> && !std::derived_from<T, nn::Module>) CheckpointPart(std::string name, T& object)
      : name_(std::move(name)),
        get_([&object] { return StateDict(object.state_dict()); }),
        set_([&object](StateDict&& state, Here here) {
          if constexpr (requires { object.load_state_dict(state, here); })
            object.load_state_dict(state, here);
          else
            object.load_state_dict(state);
        }),
        undo_([&object] {
          // Those two never write into what their state_dict() gave.
          constexpr bool replaces =
              std::derived_from<T, optim::Optimizer> || std::derived_from<T, optim::WeightAverage>;
          StateDict before = object.state_dict();
          if constexpr (!replaces) before = before.clone();
          return [&object, before = std::move(before)] { object.load_state_dict(before); };
        }) {}
  template <CheckpointNumber T>
  CheckpointPart(std::string name, T& number)
      : CheckpointPart(
            std::move(name), [&number] { return Scalar(number); },
            [](const Scalar& value) {
              if (value.kind() != Scalar(T()).kind()) return false;
              if constexpr (!std::is_integral_v<T> || sizeof(T) == sizeof(std::int64_t)) return true;
              const auto integer = value.template to<std::int64_t>();
              return integer >= static_cast<std::int64_t>(std::numeric_limits<T>::min()) &&
                     integer <= static_cast<std::int64_t>(std::numeric_limits<T>::max());
            },
            [&number](const Scalar& value) { number = value.template to<T>(); }) {}

 private:
  friend class Checkpoint;
  CheckpointPart(std::string name, std::function<Scalar()> get, std::function<bool(const Scalar&)> fits,
                 std::function<void(const Scalar&)> set);

  std::string name_;
  std::function<StateDict()> get_;
  // Throws where set_ would; none where only set_ knows.
  std::function<void(const StateDict&, Here)> check_{};
  std::function<void(StateDict&&, Here)> set_;
  // Gives what makes a set_ undone; none where check_ is enough.
  std::function<std::function<void()>()> undo_{};
};

// Named parts of a training, saved and restored together.
class Checkpoint {
 public:
  // ValueError: no parts, a name that is empty, has a dot, or is there twice.
  explicit Checkpoint(std::vector<CheckpointPart> parts, Here here = {});

  // Writes the present state of all parts, as xgrad::save does: the file appears whole or not at all. Error: averages
  // that are swapped in. IoError: whatever the system refuses.
  void save(const std::string& path, const Metadata& metadata = {}, Here here = {}) const;
  // Brings all parts to the state of the file, or none: where one does not fit, all are as they were (a lazy layer may
  // have got its shape). ValueError that lists parts of which either side has none; what the parts' load_state_dict
  // throws, with the part's name, and ValueError for a number of another kind or size. IoError as xgrad::load.
  void load(const std::string& path, Here here = {}) const;

 private:
  std::vector<CheckpointPart> parts_;
};

}  // namespace xgrad
