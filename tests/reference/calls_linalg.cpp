// Products and linear algebra.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/diag.hpp>
#include <xgrad/ops/einsum.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/linalg_factor.hpp>
#include <xgrad/ops/linalg_norm.hpp>
#include <xgrad/ops/linalg_solve.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/shape.hpp>

#include <stdexcept>

#include "reference/calls.hpp"

namespace reference {

namespace xg = xgrad;

namespace {

xg::AddmmOptions factors(const Inputs& in) { return {.beta = in.attr("beta", 1.0), .alpha = in.attr("alpha", 1.0)}; }

xg::Dims dims(const Inputs& in, const xg::Dims& otherwise) {
  return in.has("dim") ? xg::Dims(in.ints("dim")) : otherwise;
}

xg::linalg::MatrixOrd ord_of(const Inputs& in, const std::string& name, const xg::linalg::MatrixOrd& otherwise) {
  if (!in.has(name)) return otherwise;
  const json& value = in.raw(name);
  if (value == "fro") return "fro";
  if (value == "nuc") return "nuc";
  return in.attr<double>(name);
}

xg::linalg::RankOptions rank_options(const Inputs& in) {
  return {.atol = in.optional<double>("atol"),
          .rtol = in.optional<double>(in.has("rcond") ? "rcond" : "rtol"),
          .hermitian = in.attr("hermitian", false)};
}

char uplo(const Inputs& in) { return in.attr<std::string>("UPLO", "L").at(0); }

// (X + X^T) / 2
Tensor symmetrized(const Tensor& x) { return (x + x.transpose(-2, -1)) / 2; }

TensorList tensordot(const Inputs& in) {
  const Tensor a = in.list()[0], b = in.list()[1];
  const json& of = in.raw("dims");
  if (!of.is_array()) return {xg::tensordot(a, b, in.attr<std::int64_t>("dims", 2))};
  using List = std::vector<std::int64_t>;
  const auto list = [](const json& value) {
    return value.is_array() ? value.get<List>() : List{value.get<std::int64_t>()};
  };
  return {xg::tensordot(a, b, list(of.at(0)), list(of.at(1)))};
}

void products(Calls& calls) {
  calls.add("matmul", [](const Inputs& in) { return TensorList{xg::matmul(in["input"], in["other"])}; });
  calls.add("mm", [](const Inputs& in) { return TensorList{xg::mm(in["input"], in["mat2"])}; });
  calls.add("mv", [](const Inputs& in) { return TensorList{xg::mv(in["input"], in["vec"])}; });
  calls.add("bmm", [](const Inputs& in) { return TensorList{xg::bmm(in["input"], in["mat2"])}; });
  calls.add("dot", [](const Inputs& in) { return TensorList{xg::dot(in["input"], in["tensor"])}; });
  calls.add("inner", [](const Inputs& in) { return TensorList{xg::inner(in["input"], in["other"])}; });
  calls.add("outer", [](const Inputs& in) { return TensorList{xg::outer(in["input"], in["vec2"])}; });
  calls.add("linear", [](const Inputs& in) { return TensorList{xg::linear(in["input"], in["weight"], in["bias"])}; });
  calls.add("addmm",
            [](const Inputs& in) { return TensorList{xg::addmm(in["input"], in["mat1"], in["mat2"], factors(in))}; });
  calls.add("addmv",
            [](const Inputs& in) { return TensorList{xg::addmv(in["input"], in["mat"], in["vec"], factors(in))}; });
  calls.add("baddbmm", [](const Inputs& in) {
    return TensorList{xg::baddbmm(in["input"], in["batch1"], in["batch2"], factors(in))};
  });
  calls.add("addbmm", [](const Inputs& in) {
    return TensorList{xg::addbmm(in["input"], in["batch1"], in["batch2"], factors(in))};
  });
  calls.add("kron", [](const Inputs& in) { return TensorList{xg::kron(in["input"], in["other"])}; });
  calls.add("cross", [](const Inputs& in) {
    return TensorList{xg::cross(in["input"], in["other"], in.optional<std::int64_t>("dim"))};
  });
  calls.add("einsum",
            [](const Inputs& in) { return TensorList{xg::einsum(in.attr<std::string>("equation"), in.list())}; });
  calls.add("tensordot", tensordot);
  calls.add("multi_dot", [](const Inputs& in) { return TensorList{xg::linalg::multi_dot(in.list())}; });
  calls.add("chain_matmul", [](const Inputs& in) { return TensorList{xg::linalg::multi_dot(in.list())}; });
  calls.add("matrix_power",
            [](const Inputs& in) { return TensorList{xg::matrix_power(in["input"], in.attr<std::int64_t>("n"))}; });
}

void diagonals(Calls& calls) {
  calls.add("trace", [](const Inputs& in) { return TensorList{xg::trace(in["input"])}; });
  calls.add("diag",
            [](const Inputs& in) { return TensorList{xg::diag(in["input"], in.attr<std::int64_t>("diagonal", 0))}; });
  calls.add("diag_embed", [](const Inputs& in) {
    return TensorList{xg::diag_embed(in["input"], in.attr<std::int64_t>("offset", 0), in.attr<std::int64_t>("dim1", -2),
                                     in.attr<std::int64_t>("dim2", -1))};
  });
  calls.add("block_diag", [](const Inputs& in) { return TensorList{xg::block_diag(in.list())}; });
}

void systems(Calls& calls) {
  for (const char* name : {"inv", "inverse"})
    calls.add(name, [](const Inputs& in) { return TensorList{xg::linalg::inv(in["input"])}; });
  calls.add("det", [](const Inputs& in) { return TensorList{xg::det(in["input"])}; });
  calls.add("logdet", [](const Inputs& in) { return TensorList{xg::logdet(in["input"])}; });
  calls.add("slogdet", [](const Inputs& in) {
    const auto [sign, l] = xg::slogdet(in["input"]);
    return TensorList{sign, l};
  });
  calls.add("solve", [](const Inputs& in) {
    return TensorList{xg::linalg::solve(in["A"], in["B"], {.left = in.attr("left", true)})};
  });
  calls.add("solve_triangular", [](const Inputs& in) {
    return TensorList{xg::linalg::solve_triangular(in["A"], in["B"],
                                                   {.upper = in.attr<bool>("upper"),
                                                    .left = in.attr("left", true),
                                                    .unitriangular = in.attr("unitriangular", false)})};
  });
  calls.add("cholesky", [](const Inputs& in) {
    return TensorList{xg::linalg::cholesky(symmetrized(in["input"]), {.upper = in.attr("upper", false)})};
  });
  calls.add("cholesky_solve", [](const Inputs& in) {
    return TensorList{xg::cholesky_solve(in.list()[0], in.list()[1], in.attr("upper", false))};
  });
}

TensorList eigh(const Inputs& in) {
  const auto [w, v] = xg::linalg::eigh(symmetrized(in["input"]), uplo(in));
  return {w, xg::matmul(v * xg::exp(w).unsqueeze(-2), v.transpose(-2, -1))};
}

TensorList qr(const Inputs& in) {
  const std::string mode = in.attr<std::string>("mode", "reduced");
  using xg::linalg::QrMode;
  const auto [q, r] = xg::linalg::qr(in["input"], mode == "complete" ? QrMode::complete
                                                  : mode == "r"      ? QrMode::r
                                                                     : QrMode::reduced);
  const Tensor sign = xg::sign(r.diagonal(0, -2, -1)).detach();
  return {q * sign.unsqueeze(-2), r * sign.unsqueeze(-1)};
}

TensorList svd(const Inputs& in) {
  const auto [u, s, vh] = xg::linalg::svd(in["input"], false);
  return {s, xg::matmul(u, vh)};
}

void factors_of(Calls& calls) {
  calls.add("eigh", eigh);
  calls.add("eigvalsh",
            [](const Inputs& in) { return TensorList{xg::linalg::eigvalsh(symmetrized(in["input"]), uplo(in))}; });
  calls.add("qr", qr);
  calls.add("svd", svd);
  calls.add("svdvals", [](const Inputs& in) { return TensorList{xg::linalg::svdvals(in["input"])}; });
  for (const char* name : {"pinv", "pinverse"})
    calls.add(name, [](const Inputs& in) { return TensorList{xg::linalg::pinv(in["input"], rank_options(in))}; });
  calls.add("matrix_rank",
            [](const Inputs& in) { return TensorList{xg::linalg::matrix_rank(in["input"], rank_options(in))}; });
  calls.add("lstsq", [](const Inputs& in) {
    return TensorList{
        std::get<0>(xg::linalg::lstsq(in.list()[0], in.list()[1], {.rcond = in.optional<double>("rcond")}))};
  });
}

void norms(Calls& calls) {
  calls.add("vector_norm", [](const Inputs& in) {
    return TensorList{
        xg::linalg::vector_norm(in.list()[0], in.attr("ord", 2.0), dims(in, {}), in.attr("keepdim", false))};
  });
  calls.add("matrix_norm", [](const Inputs& in) {
    return TensorList{
        xg::linalg::matrix_norm(in["input"], ord_of(in, "ord", "fro"), dims(in, {-2, -1}), in.attr("keepdim", false))};
  });
  calls.add("cond", [](const Inputs& in) { return TensorList{xg::linalg::cond(in["input"], ord_of(in, "p", 2))}; });
}

}  // namespace

void linalg(Calls& calls) {
  products(calls);
  diagonals(calls);
  systems(calls);
  factors_of(calls);
  norms(calls);
}

}  // namespace reference
