// Compares optimizers with the trajectories of a book.
#pragma once
#include "reference/book.hpp"

namespace reference {

// Follows a case in float64, from memory with gaps, going on in a new optimizer after three steps, and in float32. Of
// one with a loss to evaluate, the loss and the number of evaluations are compared as well.
// Throws std::runtime_error where something differs, and for an unknown optimizer, option or loss.
void check_trajectory(const Book& book, const json& entry);

}  // namespace reference
