// Other shapes of the same elements, and parts.
#include <xgrad/ops/shape.hpp>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

void shape(Calls& calls) {
  calls.add("reshape", [](const Inputs& in) { return TensorList{xg::reshape(in["input"], in.ints("shape"))}; });
  calls.add("transpose", [](const Inputs& in) {
    return TensorList{xg::transpose(in["input"], in.attr<std::int64_t>("dim0"), in.attr<std::int64_t>("dim1"))};
  });
  calls.add("swapaxes", [](const Inputs& in) {
    return TensorList{xg::swapaxes(in["input"], in.attr<std::int64_t>("axis0"), in.attr<std::int64_t>("axis1"))};
  });
  calls.add("swapdims", [](const Inputs& in) {
    return TensorList{xg::swapdims(in["input"], in.attr<std::int64_t>("dim0"), in.attr<std::int64_t>("dim1"))};
  });
  calls.add("permute", [](const Inputs& in) { return TensorList{xg::permute(in["input"], in.ints("dims"))}; });
  calls.add("squeeze", [](const Inputs& in) {
    const auto dim = in.optional<std::int64_t>("dim");
    return TensorList{dim ? xg::squeeze(in["input"], *dim) : xg::squeeze(in["input"])};
  });
  calls.add("unsqueeze",
            [](const Inputs& in) { return TensorList{xg::unsqueeze(in["input"], in.attr<std::int64_t>("dim"))}; });
  calls.add("expand", [](const Inputs& in) { return TensorList{xg::expand(in["input"], in.ints("size"))}; });
  calls.add("broadcast_to",
            [](const Inputs& in) { return TensorList{xg::broadcast_to(in["input"], in.ints("size"))}; });
  calls.add("slice", [](const Inputs& in) {
    return TensorList{xg::slice(in["input"], in.attr<std::int64_t>("dim", 0), in.optional<std::int64_t>("start"),
                                in.optional<std::int64_t>("end"), in.attr<std::int64_t>("step", 1))};
  });
  calls.add("diagonal", [](const Inputs& in) {
    return TensorList{xg::diagonal(in["input"], in.attr<std::int64_t>("offset", 0), in.attr<std::int64_t>("dim1", 0),
                                   in.attr<std::int64_t>("dim2", 1))};
  });
}

}  // namespace reference
