// Opt-in: modules in fmt's format strings, as operator<< writes them. Includes fmt.
#pragma once
#include <xgrad/nn/module.hpp>

#include <concepts>
#include <fmt/format.h>
#include <string>

template <std::derived_from<xgrad::nn::Module> M>
struct fmt::formatter<M, char> : fmt::formatter<std::string> {
  template <class Context>
  auto format(const M& module, Context& context) const {
    return fmt::formatter<std::string>::format(module.to_string(), context);
  }
};
