// Compares optimizers with the trajectories of a book.
#pragma once
#include "reference/book.hpp"

namespace reference {

// Follows a case in float64, from memory with gaps, going on in a new optimizer after three steps, and in float32.
// Throws std::runtime_error where parameters differ, and for an unknown optimizer or option.
void check_trajectory(const Book& book, const json& entry);

}  // namespace reference
