"""Layers with weight_norm and spectral_norm, by PyTorch 1.13 in float64.

    /usr/bin/python3 tests/reference/parametrization_cases.py

writes tests/reference/parametrizations: cases.json, one case a line, and cases.safetensors, in which a case ID has
  ID/x/0, ID/x/1      inputs of two calls in training, before the one backward pass of both
  ID/before/KEY       the state dict before
  ID/out/0, ID/out/1  outputs (the first one of a recurrent layer), and ID/cot/0, ID/cot/1 their factors in the sum whose
  ID/grad/KEY         gradients are
  ID/after/KEY        the state dict after the calls, and after three steps of SGD with momentum on each call's sum
  ID/eval             the output of x/0 in eval mode then
  ID/removed          the weight once the norm is removed
The keys' order is in cases.json.
"""
import pathlib

import torch
from torch import nn
from torch.nn.utils import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

from generate import Store

FOLDER = pathlib.Path(__file__).parent / "parametrizations"

# id, norm, layer, the norm's arguments, shape of x (None: indices of an embedding)
CASES = [
    ("linear", "weight", lambda: nn.Linear(4, 3), {}, [5, 4]),
    ("linear_columns", "weight", lambda: nn.Linear(4, 3, bias=False), {"dim": 1}, [5, 4]),
    ("linear_whole", "weight", lambda: nn.Linear(4, 3), {"dim": None}, [5, 4]),
    ("conv1d", "weight", lambda: nn.Conv1d(2, 3, 2), {}, [2, 2, 5]),
    ("conv2d", "weight", lambda: nn.Conv2d(2, 4, 3, groups=2), {}, [2, 2, 5, 5]),
    ("conv_transpose2d", "weight", lambda: nn.ConvTranspose2d(2, 3, 2), {"dim": 1}, [2, 2, 3, 3]),
    ("embedding", "weight", lambda: nn.Embedding(6, 3), {}, None),
    ("lstm", "weight", lambda: nn.LSTM(3, 4), {"name": "weight_hh_l0"}, [3, 2, 3]),
    ("linear", "spectral", lambda: nn.Linear(4, 3), {}, [5, 4]),
    ("linear_columns", "spectral", lambda: nn.Linear(4, 3), {"dim": 1, "n_power_iterations": 3}, [5, 4]),
    ("conv2d", "spectral", lambda: nn.Conv2d(2, 3, 3), {"eps": 1e-6}, [2, 2, 5, 5]),
    ("conv_transpose1d", "spectral", lambda: nn.ConvTranspose1d(2, 3, 2), {}, [2, 2, 5]),
    ("embedding", "spectral", lambda: nn.Embedding(6, 3), {}, None),
    ("gru", "spectral", lambda: nn.GRU(3, 4), {"name": "weight_ih_l0"}, [3, 2, 3]),
]


def produce(number, id, norm, make, arguments, shape, store):
    torch.manual_seed(number)
    id = f"{norm}/{id}"
    put = lambda key, tensor: store.put(f"{id}/{key}", tensor)
    layer = (weight_norm if norm == "weight" else spectral_norm)(make(), **arguments)
    for key, tensor in layer.state_dict().items():
        put(f"before/{key}", tensor)
    xs = [torch.randn(shape) if shape else torch.randint(6, (4,)) for _ in range(2)]
    call = lambda x: (lambda y: y[0] if isinstance(y, tuple) else y)(layer(x))
    outputs = [call(x) for x in xs]
    factors = [torch.randn_like(y) for y in outputs]
    for i in range(2):
        put(f"x/{i}", xs[i]), put(f"out/{i}", outputs[i]), put(f"cot/{i}", factors[i])
    sum((y * c).sum() for y, c in zip(outputs, factors)).backward()
    for key, parameter in layer.named_parameters():
        put(f"grad/{key}", parameter.grad)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.02, momentum=0.9)
    for step in range(3):
        optimizer.zero_grad()
        (call(xs[step % 2]) * factors[step % 2]).sum().backward()
        optimizer.step()
    for key, tensor in layer.state_dict().items():
        put(f"after/{key}", tensor)
    layer.eval()
    with torch.no_grad():
        put("eval", call(xs[0]))
    name = arguments.get("name", "weight")
    (remove_weight_norm if norm == "weight" else remove_spectral_norm)(layer, name)
    put("removed", getattr(layer, name))
    keys = [key.split("/")[-1] for key in store.arrays if key.startswith(f"{id}/before/")]
    return {"id": id, "arguments": arguments, "keys": keys}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    store = Store()
    cases = [produce(number, *case, store) for number, case in enumerate(CASES)]
    store.write_book(FOLDER, cases)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
