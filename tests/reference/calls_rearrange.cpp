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

  calls.add("fliplr", [](const Inputs& in) { return TensorList{xg::fliplr(in["input"])}; });
  calls.add("flipud", [](const Inputs& in) { return TensorList{xg::flipud(in["input"])}; });
  calls.add("rot90", [](const Inputs& in) {
    return TensorList{xg::rot90(in["input"], in.attr<std::int64_t>("k", 1),
                                in.has("dims") ? in.ints("dims") : std::vector<std::int64_t>{0, 1})};
  });
  calls.add("repeat_interleave", [](const Inputs& in) {
    const auto dim = in.optional<std::int64_t>("dim");
    if (const Tensor repeats = in["repeats"]; repeats.defined())
      return TensorList{xg::repeat_interleave(in["input"], repeats, dim)};
    return TensorList{xg::repeat_interleave(in["input"], in.attr<std::int64_t>("repeats"), dim)};
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
  calls.add("tensor_split", [](const Inputs& in) {
    const auto parts = in.ints("indices_or_sections");
    const auto dim = in.attr<std::int64_t>("dim", 0);
    return in.raw("indices_or_sections").is_array() ? xg::tensor_split(in["input"], parts, dim)
                                                    : xg::tensor_split(in["input"], parts.at(0), dim);
  });
  const auto add_split = [&](const char* name, auto split) {
    calls.add(name, [split](const Inputs& in) {
      const auto parts = in.ints("indices_or_sections");
      return in.raw("indices_or_sections").is_array() ? split(in["input"], xg::Shape(parts))
                                                      : split(in["input"], parts.at(0));
    });
  };
  add_split("hsplit", [](const Tensor& x, const auto& parts) { return xg::hsplit(x, parts); });
  add_split("vsplit", [](const Tensor& x, const auto& parts) { return xg::vsplit(x, parts); });
  add_split("dsplit", [](const Tensor& x, const auto& parts) { return xg::dsplit(x, parts); });
  calls.add("meshgrid",
            [](const Inputs& in) { return xg::meshgrid(in.list(), in.attr<std::string>("indexing", "ij")); });
  calls.add("cartesian_prod", [](const Inputs& in) { return TensorList{xg::cartesian_prod(in.list())}; });
  calls.add("combinations", [](const Inputs& in) {
    return TensorList{xg::combinations(in["input"], in.attr<std::int64_t>("r", 2), in.attr("with_replacement", false))};
  });
}

}  // namespace reference
