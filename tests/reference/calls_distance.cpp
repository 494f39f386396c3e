// Distances.
#include "reference/calls.hpp"

namespace reference {

void distance(Calls&) {}

}  // namespace reference
