// Everything light: tensors, the tape, operations, layers, optimizers, data and files. elementwise.hpp and xtensor.hpp
// are included on their own, because they bring heavy headers along.
#pragma once
#include <xgrad/autograd.hpp>
#include <xgrad/data/csv.hpp>
#include <xgrad/data/dataset.hpp>
#include <xgrad/data/idx.hpp>
#include <xgrad/data/loader.hpp>
#include <xgrad/data/mnist.hpp>
#include <xgrad/functional.hpp>
#include <xgrad/io/safetensors.hpp>
#include <xgrad/memory.hpp>
#include <xgrad/nn/utils.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/ops/index.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/optim/adam.hpp>
#include <xgrad/optim/lr_scheduler.hpp>
#include <xgrad/optim/optimizer.hpp>
#include <xgrad/optim/rmsprop.hpp>
#include <xgrad/optim/sgd.hpp>
#include <xgrad/state_dict.hpp>
#include <xgrad/tensor.hpp>
#include <xgrad/testing.hpp>
#include <xgrad/threads.hpp>
