// How precisely float32 matrix products and convolutions are computed.
#pragma once
#include <xgrad/error.hpp>

#include <string>
#include <string_view>

namespace xgrad {

// For the whole process, as PyTorch's function of this name, but of convolutions too, which PyTorch's leaves alone.
// Tensors stay float32 whatever it says.
//   "highest"  the default: float32 throughout
//   "high"     the same here (PyTorch: TF32, or bfloat16 three times)
//   "medium"   operands may be rounded to bfloat16, which keeps 8 bits of 24; their products are summed in float32
// With "medium", rounding moves an element c = sum of a[i] b[i] by at most (2^-7 + 2^-16) sum of |a[i] b[i]|, and a
// number beyond 3.39e38 becomes infinite. It applies, forward and backward, to float32 products of which no matrix is
// small or narrow (matmul, linear, those inside of lstm_layer and attention), and to convolutions, where oneDNN is
// there and the processor multiplies bfloat16 (AVX512-BF16 or AMX). Elsewhere it changes nothing: build_info() says
// what is in use. Products then still do not depend on the number of threads; use_deterministic_algorithms(true) leaves
// out the convolutions that do, and a BLAS that manage_blas_threads(false) left to itself computes in float32.
// ValueError: any other text.
void set_float32_matmul_precision(std::string_view precision, Here here = {});
// "highest", "high" or "medium".
std::string get_float32_matmul_precision();

}  // namespace xgrad
