// Compares schedules with the sequences of a book.
#pragma once
#include "reference/book.hpp"

namespace reference {

// Follows a case, once straight and once for each epoch at which everything goes on in a new optimizer and schedule.
// Throws std::runtime_error where a rate or a momentum differs, and for an unknown schedule or attribute.
void check_schedule(const json& entry);

}  // namespace reference
