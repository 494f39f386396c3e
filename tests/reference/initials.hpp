// Compares initialisers with the statistics of a book.
#pragma once
#include "reference/book.hpp"

namespace reference {

// Draws until a mean, a deviation and bounds can be told from others. Throws std::runtime_error where they differ, and
// for an unknown initialiser, attribute or property.
void check_initialiser(const json& entry);

}  // namespace reference
