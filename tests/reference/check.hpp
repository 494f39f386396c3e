// Compares the library with a case of a book.
#pragma once
#include <string>

#include "reference/book.hpp"
#include "reference/calls.hpp"

namespace reference {

// What came of a case, and which parts of it there were to compare.
struct Verdict {
  std::string failure;  // empty: passed
  bool value = false, gradient = false, second_order = false, single = false;
};

// Of an operation: outputs, gradients (recorded and not) and second-order products in float64, outputs and gradients in
// float32. An unknown kind or operation, and an input or attribute that the call did not ask for, fail. Throws nothing.
Verdict check(const Book& book, const json& entry, const Calls& calls);

}  // namespace reference
