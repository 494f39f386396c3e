// Sequences of several lengths: padded to one length, or packed without padding for recurrent layers.
//
// B sequences [L_b, *] of one dtype and the same further sizes * come
//   as a list of B tensors,
//   padded: [T, B, *], or [B, T, *] with batch_first, where T is at least the greatest length,
//   packed: a PackedSequence, whose sum of L_b rows hold no padding, so that a layer works on none.
// All functions are differentiable by the numbers of floating sequences; others (int64 tokens) go the same ways.
//
//   const auto packed = nn::utils::rnn::pack_padded_sequence(x, lengths, {.batch_first = true, .enforce_sorted =
//   false}); const auto [output, state] = lstm(packed); const auto [padded, same_lengths] =
//   nn::utils::rnn::pad_packed_sequence(output, {.batch_first = true});
#pragma once
#include <xgrad/argument.hpp>
#include <xgrad/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

namespace xgrad::nn::utils::rnn {

// Rows of the longest sequence first: time by time, of each time one row of every sequence that is long enough.
//   data [S, *]: the rows of time 0, then those of time 1, and so on; S is the sum of the lengths
//   batch_sizes [T], int64: how many sequences have a row at each time; never increasing
//   sorted_indices [B]: the places of the sequences in the order they were given in, longest first; undefined where
//     they were given so
//   unsorted_indices [B]: its inverse: the place of each given sequence among the sorted ones
// Functions and layers check what they are given.
struct PackedSequence {
  PackedSequence() = default;
  // Where only one of the permutations is given the other one is made. Errors: as invert_permutation.
  PackedSequence(Tensor data, Tensor batch_sizes, Tensor sorted_indices = {}, Tensor unsorted_indices = {},
                 Here here = {});
  // With the data converted. Recorded between floating types.
  PackedSequence to(Dtype dtype, Here here = {}) const;

  Tensor data, batch_sizes, sorted_indices, unsorted_indices;

  // For hooks, which are told four tensors.
  operator TensorList() const { return {data, batch_sizes, sorted_indices, unsorted_indices}; }
  static PackedSequence from_list(const TensorList& list, std::size_t& next);
};

// The lengths of sequences: numbers, or an int64 tensor [B].
class Lengths {
 public:
  Lengths(std::initializer_list<std::int64_t> lengths) : list_(lengths) {}
  Lengths(std::vector<std::int64_t> lengths) : list_(std::move(lengths)) {}
  Lengths(Tensor lengths) : tensor_(std::move(lengths)) {}
  // DtypeError, ShapeError for another tensor.
  std::vector<std::int64_t> list(const char* op, Here here) const;

 private:
  std::vector<std::int64_t> list_{};
  Tensor tensor_{};
};

// Options of pack_padded_sequence. enforce_sorted: the sequences come longest first; otherwise they are sorted, and the
// packed sequence remembers how.
struct PackPaddedSequenceOptions {
  bool batch_first = false;
  bool enforce_sorted = true;
};
// Packs a padded input; what lies beyond the lengths is left out and gets no gradient. Sequences of equal length keep
// their order. ShapeError: fewer than two dimensions, another number of lengths than B; ValueError: no sequence, a
// length that is not in 1..T, lengths that increase with enforce_sorted.
PackedSequence pack_padded_sequence(const Arg& input, const Lengths& lengths,
                                    const PackPaddedSequenceOptions& options = {});

// Options of pad_packed_sequence. total_length: T of the result, the greatest length where left out.
struct PadPackedSequenceOptions {
  bool batch_first = false;
  double padding_value = 0;
  std::optional<std::int64_t> total_length{};
};
// {padded, lengths [B]}, the sequences in the order in which they were given before packing: the inverse of
// pack_padded_sequence. ValueError: total_length below the greatest length, batch_sizes that are below 1, increase, or
// have another sum than S.
std::pair<Tensor, Tensor> pad_packed_sequence(const PackedSequence& sequence,
                                              const PadPackedSequenceOptions& options = {}, Here here = {});

// Options of pad_sequence.
struct PadSequenceOptions {
  bool batch_first = false;
  double padding_value = 0;
};
// Pads a list of sequences, which may be empty ones [0, *], to the greatest length. ValueError: an empty list;
// ShapeError, DtypeError: sequences that differ in more than their length.
Tensor pad_sequence(const TensorList& sequences, const PadSequenceOptions& options = {}, Here here = {});
// The sequences of a padded tensor: views of its parts. ShapeError: fewer than two dimensions, another number of
// lengths than B; ValueError: a length that is not in 0..T.
TensorList unpad_sequence(const Arg& padded_sequences, const Lengths& lengths, bool batch_first = false);

// Packs a list of sequences. Errors: as pad_sequence and pack_padded_sequence.
PackedSequence pack_sequence(const TensorList& sequences, bool enforce_sorted = true, Here here = {});
// The sequences of a packed one, in the order in which they were given. Errors: as pad_packed_sequence.
TensorList unpack_sequence(const PackedSequence& packed_sequences, Here here = {});

// The inverse of a permutation: y[p[i]] = i. ShapeError, DtypeError unless int64 [n]; ValueError unless 0..n-1 are
// there once each. Undefined for an undefined one.
Tensor invert_permutation(const Tensor& permutation, Here here = {});

}  // namespace xgrad::nn::utils::rnn
