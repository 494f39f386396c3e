// Sums of products over named dimensions, by products of stacks of matrices.
#include <xgrad/ops/einsum.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "core/check.hpp"
#include "ops/product.hpp"

namespace xgrad {
namespace {

using namespace detail;

// A name of a dimension: a letter, or a number from `unnamed` on for one of "...", counted from the right.
using Name = int;
using Names = std::vector<Name>;
constexpr Name unnamed = 256;

bool has(const Names& names, Name name) { return std::find(names.begin(), names.end(), name) != names.end(); }
std::int64_t place(const Names& names, Name name) {
  return std::find(names.begin(), names.end(), name) - names.begin();
}

struct Named {
  Tensor x;
  Names names;
  std::int64_t size(Name name) const { return x.size(place(names, name)); }
};

// ---- two operands

// Without the dimensions that nobody else needs.
Named summed(const Named& a, const Names& kept, Here here) {
  std::vector<std::int64_t> gone;
  Named result{a.x, {}};
  for (std::size_t d = 0; d < a.names.size(); ++d) {
    if (has(kept, a.names[d]))
      result.names.push_back(a.names[d]);
    else
      gone.push_back(static_cast<std::int64_t>(d));
  }
  if (!gone.empty()) result.x = a.x.sum(gone, false, here);
  return result;
}

// With the dimensions of several lists as one each.
Tensor grouped(const Named& a, const std::vector<Names>& groups, Here here) {
  Shape order, shape;
  for (const Names& group : groups) {
    std::int64_t size = 1;
    for (const Name name : group) {
      order.push_back(place(a.names, name));
      size *= a.size(name);
    }
    shape.push_back(size);
  }
  return a.x.permute(order, here).reshape(shape, here);
}

// The product, summed over names that are not kept. No name of both has size 1 in only one of them.
Named contracted(const char* op, const Named& first, const Named& second, const Names& kept, Here here) {
  const auto needed_beside = [&](const Named& other) {
    Names names = kept;
    names.insert(names.end(), other.names.begin(), other.names.end());
    return names;
  };
  const Named a = summed(first, needed_beside(second), here), b = summed(second, needed_beside(first), here);
  Names batch, inner, left, right;
  for (const Name name : a.names) (!has(b.names, name) ? left : has(kept, name) ? batch : inner).push_back(name);
  for (const Name name : b.names)
    if (!has(a.names, name)) right.push_back(name);

  Named result{{}, batch};
  result.names.insert(result.names.end(), left.begin(), left.end());
  result.names.insert(result.names.end(), right.begin(), right.end());
  if (inner.empty()) {
    const auto spread = [&](const Named& x) {
      Shape order, shape;
      for (const Name name : result.names) {
        const bool own = has(x.names, name);
        if (own) order.push_back(place(x.names, name));
        shape.push_back(own ? x.size(name) : 1);
      }
      return x.x.permute(order, here).reshape(shape, here);
    };
    result.x = spread(a).mul({spread(b), here});
    return result;
  }
  Shape shape;
  for (const Name name : result.names) shape.push_back(has(a.names, name) ? a.size(name) : b.size(name));
  const Tensor y =
      product(op, here, grouped(a, {batch, left, inner}, here), grouped(b, {batch, inner, right}, here), false, false);
  result.x = y.reshape(shape, here);
  return result;
}

// ---- the equation

struct Equation {
  std::vector<std::string> operands;
  std::string result;
  bool has_result = false;
};

// "..." becomes one '.'.
std::string side_of(std::string_view text, Here here) {
  std::string side;
  bool dotted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      check<ValueError>(text.substr(i, 3) == "..." && !dotted, here,
                        "einsum: expected \"...\" at most once in \"{}\" of the equation", text);
      dotted = true;
      i += 2;
    } else {
      check<ValueError>(std::isalpha(static_cast<unsigned char>(text[i])) != 0, here,
                        "einsum: expected letters, \"...\", \",\" and \"->\" in the equation, got '{}'", text[i]);
    }
    side.push_back(text[i]);
  }
  return side;
}

Equation read(std::string_view equation, std::size_t count, Here here) {
  std::string text;
  for (const char c : equation)
    if (c != ' ') text.push_back(c);
  Equation e;
  std::string_view left = text;
  if (const std::size_t arrow = left.find("->"); arrow != std::string_view::npos) {
    e.has_result = true;
    e.result = side_of(left.substr(arrow + 2), here);
    left = left.substr(0, arrow);
  }
  for (bool more = true; more;) {
    const std::size_t comma = left.find(',');
    more = comma != std::string_view::npos;
    e.operands.push_back(side_of(left.substr(0, comma), here));
    if (more) left.remove_prefix(comma + 1);
  }
  check<ValueError>(e.operands.size() == count, here, "einsum: expected as many operands as in \"{}\", {}, got {}",
                    equation, e.operands.size(), count);
  return e;
}

// An operand with the names of its dimensions, each once: a diagonal where one occurs more often.
Named named(const Tensor& x, const std::string& side, std::size_t number, Here here) {
  const std::int64_t dots = x.dim() - static_cast<std::int64_t>(side.size()) + 1;
  const bool dotted = side.find('.') != std::string::npos;
  check<ShapeError>(dotted ? dots >= 0 : dots == 1, here, "einsum: operand {} is {}, where the equation has {} names{}",
                    number, x.sizes(), side.size() - (dotted ? 1 : 0), dotted ? " beside \"...\"" : "");
  Named result{x, {}};
  Names all;
  for (const char c : side) {
    if (c != '.')
      all.push_back(c);
    else
      for (std::int64_t k = dots; k-- > 0;) all.push_back(unnamed + static_cast<Name>(k));
  }
  for (const Name name : all) {
    const auto at = static_cast<std::int64_t>(result.names.size());
    if (!has(result.names, name)) {
      result.names.push_back(name);
      continue;
    }
    const std::int64_t before = place(result.names, name);
    check<ShapeError>(result.x.size(before) == result.x.size(at), here,
                      "einsum: name {} occurs twice in operand {}, with sizes {} and {}", static_cast<char>(name),
                      number, result.x.size(before), result.x.size(at));
    result.x = result.x.diagonal(0, before, at, here).movedim(-1, before, here);
  }
  return result;
}

// The names of the result: as written, or those of "..." and then what occurs once.
Names result_names(const Equation& e, const std::vector<Named>& operands, Here here) {
  Names dots, names;
  for (const Named& operand : operands)
    for (const Name name : operand.names)
      if (name >= unnamed && !has(dots, name)) dots.push_back(name);
  std::sort(dots.rbegin(), dots.rend());
  if (e.has_result) {
    for (const char c : e.result) {
      if (c == '.') {
        names.insert(names.end(), dots.begin(), dots.end());
        continue;
      }
      check<ValueError>(!has(names, c), here, "einsum: name {} occurs twice in the result", c);
      check<ValueError>(std::any_of(operands.begin(), operands.end(), [&](const Named& o) { return has(o.names, c); }),
                        here, "einsum: name {} of the result is in no operand", c);
      names.push_back(c);
    }
    return names;
  }
  names = dots;
  std::string all;
  for (const std::string& side : e.operands) all += side;
  std::sort(all.begin(), all.end());
  for (const char c : all)
    if (c != '.' && std::count(all.begin(), all.end(), c) == 1) names.push_back(c);
  return names;
}

// Drops dimensions of size 1 that broadcast. ShapeError where sizes differ otherwise.
void match_sizes(std::vector<Named>& operands, Here here) {
  for (Named& operand : operands) {
    for (std::size_t d = operand.names.size(); d-- > 0;) {
      const auto dim = static_cast<std::int64_t>(d);
      const Name name = operand.names[d];
      for (const Named& other : operands) {
        if (!has(other.names, name)) continue;
        const std::int64_t size = operand.x.size(dim), wanted = other.size(name);
        check<ShapeError>(size == wanted || size == 1 || wanted == 1, here,
                          "einsum: sizes {} and {} of {} do not broadcast", size, wanted,
                          name < unnamed ? std::string(1, static_cast<char>(name)) : "\"...\"");
        if (size != 1 || wanted == 1) continue;
        operand.x = operand.x.squeeze(dim, here);
        operand.names.erase(operand.names.begin() + dim);
        break;
      }
    }
  }
}

}  // namespace

Tensor einsum(std::string_view equation, const TensorList& given, Here here) {
  check<ValueError>(!given.empty(), here, "einsum: expected at least one operand, got none");
  for (const Tensor& x : given) {
    if (!x.defined()) raise_undefined(here);
    check_same_dtype("einsum", given[0], x, here);
  }
  const Equation e = read(equation, given.size(), here);
  std::vector<Named> operands;
  for (std::size_t i = 0; i < given.size(); ++i) operands.push_back(named(given[i], e.operands[i], i, here));
  const Names names = result_names(e, operands, here);
  match_sizes(operands, here);

  Named so_far = operands[0];
  for (std::size_t i = 1; i < operands.size(); ++i) {
    Names kept = names;
    for (std::size_t later = i + 1; later < operands.size(); ++later)
      kept.insert(kept.end(), operands[later].names.begin(), operands[later].names.end());
    so_far = contracted("einsum", so_far, operands[i], kept, here);
  }
  so_far = summed(so_far, names, here);
  Shape order;
  for (const Name name : names) order.push_back(place(so_far.names, name));
  return so_far.x.permute(order, here);
}

Tensor tensordot(const Arg& a, const Arg& b, std::int64_t dims) {
  check<ValueError>(dims >= 0 && dims <= a->dim() && dims <= b->dim(), a.here(),
                    "tensordot: expected dims between 0 and the number of dimensions of both, got {} for a {} and b {}",
                    dims, a->sizes(), b->sizes());
  std::vector<std::int64_t> last, first;
  for (std::int64_t d = 0; d < dims; ++d) {
    last.push_back(a->dim() - dims + d);
    first.push_back(d);
  }
  return tensordot(a, b, Dims(last), Dims(first));
}

Tensor tensordot(const Arg& a, const Arg& b, const Dims& dims_a, const Dims& dims_b) {
  constexpr const char* op = "tensordot";
  const Here here = a.here();
  const std::vector<std::int64_t>&from_a = dims_a.list(), &from_b = dims_b.list();
  check<ValueError>(from_a.size() == from_b.size(), here, "{}: expected lists of as many dimensions, got {} and {}", op,
                    Shape(from_a), Shape(from_b));
  check_same_dtype(op, a.tensor(), b.tensor(), here);
  const auto distinct = [&](const Tensor& x, const std::vector<std::int64_t>& dims) {
    if (!dims.empty()) wrap_dims(op, dims, x.dim(), here);
  };
  distinct(a.tensor(), from_a);
  distinct(b.tensor(), from_b);
  std::vector<Named> operands{{a.tensor(), {}}, {b.tensor(), {}}};
  Names kept;
  for (Named& operand : operands)
    for (std::int64_t d = 0; d < operand.x.dim(); ++d) {
      operand.names.push_back(static_cast<Name>(kept.size()));
      kept.push_back(operand.names.back());
    }
  for (std::size_t k = 0; k < from_a.size(); ++k) {
    const auto left = static_cast<std::size_t>(wrap_dim(op, from_a[k], a->dim(), here));
    const auto right = static_cast<std::size_t>(wrap_dim(op, from_b[k], b->dim(), here));
    const std::int64_t size = a->sizes()[left], other = b->sizes()[right];
    check<ShapeError>(size == other || size == 1 || other == 1, here,
                      "{}: sizes differ: dimension {} of a {} and dimension {} of b {}", op, left, a->sizes(), right,
                      b->sizes());
    std::erase(kept, operands[0].names[left]);
    std::erase(kept, operands[1].names[right]);
    operands[1].names[right] = operands[0].names[left];
  }
  match_sizes(operands, here);
  return contracted(op, operands[0], operands[1], kept, here).x;
}

}  // namespace xgrad
