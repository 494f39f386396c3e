#include <xgrad/nn/fold.hpp>

#include "nn/description.hpp"

namespace xgrad::nn {

using namespace xgrad::detail;

namespace {

std::string text(IntPair kernel_size, const FoldOptions& options) {
  return fmt::format("kernel_size={}, dilation={}, padding={}, stride={}", short_text(kernel_size),
                     short_text(options.dilation), short_text(options.padding), short_text(options.stride));
}

}  // namespace

Unfold::Unfold(IntPair kernel_size, const FoldOptions& options) : kernel_size_(kernel_size), options_(options) {
  set_description(text(kernel_size, options));
}
Tensor Unfold::forward(const Arg& x) const {
  check_alive(x.here());
  return unfold(x, kernel_size_, options_);
}

Fold::Fold(IntPair output_size, IntPair kernel_size, const FoldOptions& options)
    : output_size_(output_size), kernel_size_(kernel_size), options_(options) {
  set_description(fmt::format("output_size={}, {}", short_text(output_size), text(kernel_size, options)));
}
Tensor Fold::forward(const Arg& x) const {
  check_alive(x.here());
  return fold(x, output_size_, kernel_size_, options_);
}

}  // namespace xgrad::nn
