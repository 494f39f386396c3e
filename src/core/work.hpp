// How much arithmetic was asked for.
#pragma once
#include <cstdint>

namespace xgrad::detail {

// Multiply-adds of the products, convolutions, attentions and recurrent steps that this thread has called so far.
inline constinit thread_local std::int64_t multiply_adds = 0;

}  // namespace xgrad::detail
