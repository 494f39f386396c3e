// Safetensors files as the format's description lays them out.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace test {

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
inline std::string safetensors(const std::string& header, const std::string& data = "") {
  return bytes_of(std::vector<std::uint64_t>{header.size()}) + header + data;
}

}  // namespace test
