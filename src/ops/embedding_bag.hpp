// Errors of embedding_bag, for what changes the table before it is read.
#pragma once
#include <xgrad/ops/embedding_bag.hpp>

namespace xgrad::detail {

// Throws what embedding_bag of the same arguments would.
void check_embedding_bag(const Arg& input, const Arg& weight, const Tensor& offsets,
                         const EmbeddingBagOptions& options);

}  // namespace xgrad::detail
