// States of a few numbers and tensors, such as those of optimizers, schedules and loaders.
#pragma once
#include <xgrad/state_dict.hpp>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::detail {

template <class T>
Tensor state_number(T value) {
  const Tensor x = make_tensor({}, dtype_of<T>);
  *data<T>(x) = value;
  return x;
}
inline Tensor state_list(const std::vector<double>& values) {
  const Tensor x = make_tensor({static_cast<std::int64_t>(values.size())}, Dtype::float64);
  std::copy(values.begin(), values.end(), data<double>(x));
  return x;
}

// Entries of a state. ValueError where one is missing or another thing.
class StateReader {
 public:
  StateReader(const StateDict& state, Here here, const char* owner = "a schedule")
      : state_(state), here_(here), owner_(owner) {}

  template <class T>
  T number(const std::string& key) {
    const Tensor value = entry(key);
    check_kind(key, value, dtype_of<T>, 1);
    return *data<T>(dense(value));
  }
  // As many as there are.
  std::vector<double> list(const std::string& key) { return list(key, entry(key).numel()); }
  std::vector<double> list(const std::string& key, std::int64_t count) {
    const Tensor values = entry(key);
    check_kind(key, values, Dtype::float64, count);
    const Tensor all = dense(values);
    return {data<double>(all), data<double>(all) + count};
  }
  // A copy in this dtype. ShapeError, DtypeError unless of this shape and floating.
  Tensor floating(const std::string& key, const Shape& shape, Dtype dtype) {
    const Tensor value = entry(key);
    check<ShapeError>(value.sizes() == shape, here_, "load_state_dict: {} is {}, {} expects {}", key, value.sizes(),
                      owner_, shape);
    check<DtypeError>(value.is_floating_point(), here_, "load_state_dict: {} is {}, expected a floating dtype", key,
                      value.dtype());
    return value.detach().to(dtype).clone();
  }
  // ValueError where there is an entry that was not read.
  void nothing_else() const {
    for (const auto& [key, value] : state_)
      check<ValueError>(read_.contains(key), here_, "load_state_dict: {} has no place for {}", owner_, key);
  }

 private:
  Tensor entry(const std::string& key) {
    const auto found = state_.find(key);
    check<ValueError>(found != state_.end(), here_, "load_state_dict: {} needs {}, the state has none", owner_, key);
    read_.insert(key);
    return found->second;
  }
  void check_kind(const std::string& key, const Tensor& value, Dtype dtype, std::int64_t count) const {
    check<ValueError>(value.numel() == count && value.dtype() == dtype, here_,
                      "load_state_dict: {} must be {} of {}, it is {} {}", key, count, dtype, value.sizes(),
                      value.dtype());
  }

  const StateDict& state_;
  Here here_;
  const char* owner_;
  std::set<std::string> read_{};
};

}  // namespace xgrad::detail
