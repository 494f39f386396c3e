"""Norm layers, computed by PyTorch in float64: three inputs in training, then one in evaluation.

    /usr/bin/python3 tests/reference/norm_layers.py

writes tests/reference/norm_layers.safetensors. Of each layer NAME: its state at first ("NAME/initial/KEY", under
PyTorch's keys) and after each step ("NAME/STEP/state/KEY", STEP = 0, 1, 2 and "eval"), and of each step x, y, a
cotangent, and the gradients ("NAME/STEP/grad/x", "NAME/STEP/grad/weight", ...). Numbers that are given, not computed,
are multiples of 1/1024.
"""
import pathlib

import torch
from torch import nn

from curves import given
from generate import Store


class RMSNorm(nn.Module):
    """PyTorch 1.13 has none."""
    def __init__(self, normalized_shape, eps=None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(normalized_shape))
        self.dims = tuple(range(-len(normalized_shape), 0))
        self.eps = torch.finfo(torch.float64).eps if eps is None else eps

    def forward(self, x):
        return x * torch.rsqrt((x * x).mean(self.dims, keepdim=True) + self.eps) * self.weight


LAYERS = {
    "batch1d": (nn.BatchNorm1d(3), [(4, 3), (3, 3), (5, 3), (2, 3)]),
    "batch1d_mean": (nn.BatchNorm1d(3, momentum=None), [(4, 3, 2), (1, 3, 5), (2, 3, 1), (1, 3, 1)]),
    "batch2d": (nn.BatchNorm2d(2, eps=1e-3, momentum=0.3, affine=False), [(2, 2, 3, 2)] * 4),
    "batch3d": (nn.BatchNorm3d(2), [(2, 2, 2, 3, 2), (1, 2, 2, 2, 2), (3, 2, 1, 2, 3), (1, 2, 1, 1, 1)]),
    "batch3d_own": (nn.BatchNorm3d(2, track_running_stats=False), [(2, 2, 2, 3, 2)] * 4),
    "instance1d": (nn.InstanceNorm1d(3), [(2, 3, 4), (1, 3, 5), (3, 4), (2, 3, 2)]),
    "instance1d_both": (nn.InstanceNorm1d(3, affine=True, track_running_stats=True), [(3, 4), (2, 3, 3), (3, 5), (3, 1)]),
    "instance2d_affine": (nn.InstanceNorm2d(2, eps=0.01, affine=True), [(2, 2, 3, 2), (2, 3, 2), (1, 2, 2, 2), (2, 2, 3)]),
    "instance2d_both": (nn.InstanceNorm2d(2, momentum=0.25, affine=True, track_running_stats=True),
                        [(2, 2, 3, 2), (2, 3, 2), (3, 2, 2, 2), (2, 2, 3, 1)]),
    "instance3d_running": (nn.InstanceNorm3d(2, track_running_stats=True),
                           [(2, 2, 2, 3, 2), (2, 2, 3, 2), (3, 2, 1, 2, 2), (2, 1, 1, 1)]),
    "group": (nn.GroupNorm(2, 6), [(2, 6), (2, 6, 3), (1, 6, 2, 3), (2, 6, 1, 2, 2)]),
    "group_plain": (nn.GroupNorm(3, 6, eps=0.1, affine=False), [(2, 6), (2, 6, 3), (1, 6, 2, 3), (2, 6, 1, 2, 2)]),
    "response": (nn.LocalResponseNorm(3), [(2, 5, 3), (1, 2, 2, 3), (2, 4, 1, 2, 2), (1, 1, 3)]),
    "response_options": (nn.LocalResponseNorm(2, alpha=0.5, beta=1.25, k=2.0), [(2, 5, 3)] * 4),
    "layer": (nn.LayerNorm((2, 3)), [(2, 2, 3), (2, 3), (4, 1, 2, 3), (3, 2, 3)]),
    "rms": (RMSNorm((2, 3)), [(2, 2, 3), (2, 3), (4, 1, 2, 3), (3, 2, 3)]),
    "rms_eps": (RMSNorm((4,), eps=0.25), [(3, 4), (4,), (2, 1, 4), (5, 4)]),
}


def main():
    torch.manual_seed(1)
    store = Store()
    for name, (layer, shapes) in LAYERS.items():
        layer.double()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(given(*parameter.shape) + 1)
        put = lambda place, tensors: [store.put(f"{name}/{place}/{key}", value) for key, value in tensors.items()]
        put("initial", layer.state_dict())
        for step, shape in zip([0, 1, 2, "eval"], shapes):
            layer.train(step != "eval")
            x = (given(*shape).double() * 2 + 0.5).requires_grad_()
            y = layer(x)
            cotangent = given(*y.shape).double()
            inputs = {"x": x, **dict(layer.named_parameters())}
            gradients = torch.autograd.grad(y, list(inputs.values()), cotangent)
            put(step, {"x": x, "y": y, "cotangent": cotangent})
            put(f"{step}/grad", dict(zip(inputs, gradients)))
            put(f"{step}/state", layer.state_dict())
    store.write(pathlib.Path(__file__).parent / "norm_layers.safetensors")


if __name__ == "__main__":
    main()
