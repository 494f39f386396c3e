// Connectionist temporal classification: a loss of sequences whose alignment is not known.
#pragma once
#include <xgrad/ops/loss.hpp>

#include <initializer_list>
#include <vector>

namespace xgrad {

struct CtcLossOptions {
  std::int64_t blank = 0;
  Reduction reduction = Reduction::mean;
  bool zero_infinity = false;
};

// How long the sequences of a batch are: a list, a number, or a tensor of an integer dtype.
class SequenceLengths {
 public:
  SequenceLengths(int length) : list_{length} {}
  SequenceLengths(std::int64_t length) : list_{length} {}
  SequenceLengths(std::initializer_list<std::int64_t> lengths) : list_(lengths) {}
  SequenceLengths(std::vector<std::int64_t> lengths) : list_(std::move(lengths)) {}
  // DtypeError unless integer.
  SequenceLengths(const Tensor& lengths, Here here = {});
  const std::vector<std::int64_t>& list() const noexcept { return list_; }

 private:
  std::vector<std::int64_t> list_;
};

// -log of the summed probability of all ways to write the target over the time steps of the input, where labels may be
// repeated and blanks come between (Graves et al., ICML 2006, equations 6 to 8); infinite where the steps are too few.
// log_probs: logarithms of probabilities (log_softmax), [T, N, C], or [T, C] for one sequence. targets: labels, of an
// integer dtype, [N, S], or one after another [sum of target_lengths]; [S] for one sequence. input_lengths and
// target_lengths: N numbers of at most T and S. What lies beyond them does not count.
// Reduction::none gives [N] ([] for one sequence); Reduction::mean divides each loss by its target length, at least 1,
// first. zero_infinity puts 0 for infinite losses. Their gradient is 0 either way.
// The gradient is that by log_probs; PyTorch's is larger by exp(log_probs), which log_softmax's gradient takes away.
// DtypeError, ShapeError for other arguments; IndexError for a label outside 0..C-1; ValueError for a length out of
// range, a blank outside 0..C-1, and Reduction::batchmean.
Tensor ctc_loss(const Arg& log_probs, const Arg& targets, const SequenceLengths& input_lengths,
                const SequenceLengths& target_lengths, const CtcLossOptions& options = {});

}  // namespace xgrad
