// The states of schedules, as tensors.
#pragma once
#include <xgrad/state_dict.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.hpp"
#include "core/tensor_impl.hpp"

namespace xgrad::optim {

template <class T>
Tensor state_number(T value) {
  const Tensor x = detail::make_tensor({}, dtype_of<T>);
  *detail::data<T>(x) = value;
  return x;
}
inline Tensor state_list(const std::vector<double>& values) {
  const Tensor x = detail::make_tensor({static_cast<std::int64_t>(values.size())}, Dtype::float64);
  std::copy(values.begin(), values.end(), detail::data<double>(x));
  return x;
}

// Entries of a state. ValueError where one is missing or another thing.
struct StateReader {
  const StateDict& state;
  Here here;

  template <class T>
  T number(const std::string& key) const {
    const Tensor value = entry(key, dtype_of<T>, 1);
    return *detail::data<T>(value);
  }
  std::vector<double> list(const std::string& key, std::size_t count) const {
    const Tensor values = entry(key, Dtype::float64, static_cast<std::int64_t>(count));
    return {detail::data<double>(values), detail::data<double>(values) + count};
  }
  void nothing_else(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : state)
      detail::check<ValueError>(std::find(keys.begin(), keys.end(), key) != keys.end(), here,
                                "load_state_dict: a schedule has no place for {}", key);
  }

 private:
  Tensor entry(const std::string& key, Dtype dtype, std::int64_t count) const {
    const auto found = state.find(key);
    detail::check<ValueError>(found != state.end(), here, "load_state_dict: a schedule needs {}, the state has none",
                              key);
    const Tensor& value = found->second;
    detail::check<ValueError>(value.numel() == count && value.dtype() == dtype, here,
                              "load_state_dict: {} must be {} of {}, it is {} {}", key, count, dtype, value.sizes(),
                              value.dtype());
    return detail::dense(value);
  }
};

}  // namespace xgrad::optim
