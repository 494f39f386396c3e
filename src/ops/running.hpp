// The running statistics of norms.
#pragma once
#include <xgrad/tensor.hpp>

#include <vector>

namespace xgrad::detail {

// running = (1 - momentum) running + momentum factor now, in place, where it is defined; not recorded. Nothing while a
// checkpoint is recomputed, as that has moved them.
void move_running(const Tensor& running, const std::vector<double>& now, double factor, double momentum, Here here);

}  // namespace xgrad::detail
