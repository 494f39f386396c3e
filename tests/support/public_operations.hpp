// The operations that include/xgrad/ops declares.
#pragma once
#include <map>
#include <string>

namespace test {

// By name, with their header (reduce.hpp, say). Creation and random numbers are not among them: nothing there has a
// derivative.
std::map<std::string, std::string> public_operations();

}  // namespace test
