// Weights that are computed from other parameters before each call of their layer: with a length of their own
// (weight_norm), or with a largest singular value of 1 (spectral_norm).
//
//   nn::Linear fc = register_module("fc", nn::utils::weight_norm(nn::Linear(20, 40)));
//   nn::utils::spectral_norm(net.conv, "weight");
//
// Any layer with such a parameter of its own takes part, recurrent ones (weight_hh_l0) too. The layer's member keeps
// its place, but is no parameter any more: it holds what was computed for the last call by operator(), after the
// pre-hooks of the layer; forward() called directly uses it as it is. Calls that are not recorded compute it only where
// something has changed. Parameters, their names and their order are PyTorch's (torch.nn.utils.weight_norm and
// spectral_norm), so that state dicts move both ways. Make optimizers afterwards: one that held the weight trains
// nothing of it. Not for a weight that is tied to another module's, which would share what is computed.
// nn::quantization takes the computed weight. Threads may call such a layer at the same time only where
// nothing is recorded and a spectral norm is in eval mode.
//
// ValueError: the module itself has no such parameter, or one without a shape yet, a pruned one, one that has been
// replaced already, or a parameter or buffer by a name that is needed. Nothing is changed then.
#pragma once
#include <xgrad/nn/module.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace xgrad::nn::utils {

// w = g v / |v|: direction and length of a weight are trained apart. The norm is that of each slice along dim (rows of
// a Linear, output channels of a convolution: dim 0), or without dim, or with -1, of the whole. The parameter NAME
// gives way to NAME_g, the norms, with 1 in place of the other sizes ([] without dim), and NAME_v, of the weight's
// shape, which give the same weight at first. IndexError: dim out of range. Salimans, Kingma, Weight normalization
// (2016).
void weight_norm(Module& module, const std::string& name = "weight", std::optional<std::int64_t> dim = 0,
                 Here here = {});
// The same of a new layer, which it gives back.
template <class M>
requires(!std::is_lvalue_reference_v<M> && std::derived_from<M, Module>) M
    weight_norm(M&& module, const std::string& name = "weight", std::optional<std::int64_t> dim = 0, Here here = {}) {
  weight_norm(static_cast<Module&>(module), name, dim, here);
  return std::forward<M>(module);
}
// Ends it: the weight as it is now is the parameter NAME again. ValueError: it has no such norm.
void remove_weight_norm(Module& module, const std::string& name = "weight", Here here = {});

// w = W / sigma, sigma = u^T W v, with W as a matrix whose rows are the slices along dim. In training each call first
// makes n_power_iterations steps v = W^T u / max(|W^T u|, eps), u = W v / max(|W v|, eps), without recording, so that
// sigma comes near the largest singular value; in eval mode, and where a checkpoint runs again, u and v stay. dim: 1
// for transposed convolutions, 0 for others, where left out.
// The parameter NAME gives way to NAME_orig, W, and the buffers NAME_u and NAME_v, random at first.
// ValueError: n_power_iterations below 1; IndexError: dim out of range.
// Miyato, Kataoka, Koyama, Yoshida, Spectral normalization for generative adversarial networks (2018).
void spectral_norm(Module& module, const std::string& name = "weight", std::int64_t n_power_iterations = 1,
                   double eps = 1e-12, std::optional<std::int64_t> dim = {}, Here here = {});
// The same of a new layer, which it gives back.
template <class M>
requires(!std::is_lvalue_reference_v<M> && std::derived_from<M, Module>) M
    spectral_norm(M&& module, const std::string& name = "weight", std::int64_t n_power_iterations = 1,
                  double eps = 1e-12, std::optional<std::int64_t> dim = {}, Here here = {}) {
  spectral_norm(static_cast<Module&>(module), name, n_power_iterations, eps, dim, here);
  return std::forward<M>(module);
}
// Ends it: the weight W / sigma, with u and v as they are, is the parameter NAME again. ValueError: it has no such
// norm.
void remove_spectral_norm(Module& module, const std::string& name = "weight", Here here = {});

}  // namespace xgrad::nn::utils
