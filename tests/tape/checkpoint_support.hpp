// What the tests of checkpoints share.
#pragma once
#include <xgrad/checkpoint.hpp>
#include <xgrad/xgrad.hpp>

#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;
using Values = std::vector<double>;

inline constexpr xg::TensorOptions f64{.dtype = xg::float64};
inline constexpr xg::TensorOptions wanted{.dtype = xg::float64, .requires_grad = true};
inline Tensor numbers() { return xg::tensor({0.3, -1.2, 0.7, 2.0}, wanted); }
inline Values values(const Tensor& tensor) { return tensor.to_vector<double>(); }
