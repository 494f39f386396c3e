// Rearranged and joined elements.
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/rearrange.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

void rearrange(Calls& calls) {
  calls.add("flip", [](const Inputs& in) { return TensorList{xg::flip(in["input"], in.ints("dims"))}; });
  calls.add("roll",
            [](const Inputs& in) { return TensorList{xg::roll(in["input"], in.ints("shifts"), in.ints("dims"))}; });
  calls.add("tile", [](const Inputs& in) { return TensorList{xg::tile(in["input"], in.ints("dims"))}; });
  calls.add("repeat", [](const Inputs& in) { return TensorList{xg::repeat(in["input"], in.ints("repeats"))}; });
  calls.add("tril",
            [](const Inputs& in) { return TensorList{xg::tril(in["input"], in.attr<std::int64_t>("diagonal", 0))}; });
  calls.add("triu",
            [](const Inputs& in) { return TensorList{xg::triu(in["input"], in.attr<std::int64_t>("diagonal", 0))}; });
  calls.add("pad", [](const Inputs& in) {
    const xg::Scalar value = in.has("value") ? xg::Scalar(in.attr<double>("value")) : xg::Scalar(0);
    return TensorList{xg::pad(in["input"], in.ints("pad"), in.attr<std::string>("mode", "constant"), value)};
  });

  calls.add("cat", [](const Inputs& in) { return TensorList{xg::cat(in.list(), in.attr<std::int64_t>("dim", 0))}; });
  calls.add("stack",
            [](const Inputs& in) { return TensorList{xg::stack(in.list(), in.attr<std::int64_t>("dim", 0))}; });
  calls.add("chunk", [](const Inputs& in) {
    return xg::chunk(in["input"], in.attr<std::int64_t>("chunks"), in.attr<std::int64_t>("dim", 0));
  });
  calls.add("split", [](const Inputs& in) {
    const auto sizes = in.ints("split_size_or_sections");
    const auto dim = in.attr<std::int64_t>("dim", 0);
    return in.raw("split_size_or_sections").is_array() ? xg::split(in["input"], sizes, dim)
                                                       : xg::split(in["input"], sizes.at(0), dim);
  });
}

}  // namespace reference
