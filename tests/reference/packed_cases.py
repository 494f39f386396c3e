"""Recurrent layers on packed sequences, by PyTorch 1.13 in float64.

    /usr/bin/python3 tests/reference/packed_cases.py

writes tests/reference/packed: cases.json, one case a line, and cases.safetensors, in which a case ID has
  ID/x                padded input, and ID/h_0, ID/c_0 where there is a state
  ID/weight/KEY       parameters under PyTorch's keys
  ID/data, ID/batch_sizes, ID/sorted_indices (where it was sorted)      what packing gives
  ID/out/data         the packed output; ID/out/padded and ID/out/lengths after padding; ID/out/h_n, ID/out/c_n
  ID/cot/...          factors of ID/out/padded, h_n and c_n in the sum whose gradients are
  ID/grad/x, ID/grad/h_0, ID/grad/c_0, ID/grad/KEY
"""
import pathlib

import torch
from torch import nn
from torch.nn.utils import rnn

from generate import Store

FOLDER = pathlib.Path(__file__).parent / "packed"
INPUT = 3

# layer, hidden size, options of the layer, lengths, how it is packed and padded
CASES = [
    ("LSTM", 5, {}, [4, 3, 1], {}),
    ("LSTM", 5, {"bias": False}, [2, 5, 1, 5, 3], {"sort": True, "state": True}),
    ("LSTM", 4, {"bidirectional": True}, [1, 4, 2], {"sort": True, "state": True}),
    ("LSTM", 6, {"num_layers": 2, "bidirectional": True, "batch_first": True}, [3, 1, 5, 2, 5, 4, 1, 6],
     {"sort": True, "state": True, "padding_value": -1.5}),
    ("LSTM", 6, {"num_layers": 2, "bidirectional": True, "proj_size": 2}, [5, 2, 2, 1], {"state": True}),
    ("LSTM", 7, {"proj_size": 3, "batch_first": True}, [1, 3, 2], {"sort": True, "total_length": 6}),
    ("LSTM", 33, {}, [7, 7, 6, 6, 6, 5, 5, 4, 4, 4, 3, 2, 2, 1, 1, 1], {"state": True}),
    ("LSTM", 5, {}, [3, 3, 3], {"sort": True}),
    ("LSTM", 5, {"bidirectional": True}, [1, 1], {"state": True}),
    ("LSTM", 5, {}, [4], {}),
    ("GRU", 5, {}, [4, 2, 2, 1], {"state": True}),
    ("GRU", 6, {"num_layers": 2, "bidirectional": True, "batch_first": True}, [2, 1, 4, 3], {"sort": True}),
    ("GRU", 17, {"bidirectional": True, "bias": False}, [1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4],
     {"sort": True, "state": True}),
    ("GRU", 4, {}, [2, 2], {}),
    ("RNN", 5, {}, [4, 3, 1], {"state": True}),
    ("RNN", 6, {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}, [1, 3, 5, 2],
     {"sort": True, "state": True}),
    ("RNN", 5, {"bidirectional": True, "batch_first": True}, [5, 3, 1, 1, 1, 1, 1], {"total_length": 7}),
]


def produce(number, kind, hidden, options, lengths, how, store):
    torch.manual_seed(number)
    name = f"{kind.lower()}/{number}"
    put = lambda key, tensor: store.put(f"{name}/{key}", tensor)
    layer = getattr(nn, kind)(INPUT, hidden, **options)
    first = options.get("batch_first", False)
    shape = [len(lengths), max(lengths) + 1, INPUT] if first else [max(lengths) + 1, len(lengths), INPUT]
    x = torch.randn(shape, requires_grad=True)
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    sizes = [options.get("proj_size") or hidden] + ([hidden] if kind == "LSTM" else [])
    states = [torch.randn(count, len(lengths), size, requires_grad=True) for size in sizes] if how.get("state") else []
    inputs = dict(zip(["x", "h_0", "c_0"], [x] + states))
    for key, tensor in inputs.items():
        put(key, tensor)
    for key, tensor in layer.named_parameters():
        put(f"weight/{key}", tensor)

    packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), first, enforce_sorted=not how.get("sort"))
    put("data", packed.data)
    put("batch_sizes", packed.batch_sizes)
    if how.get("sort"):
        put("sorted_indices", packed.sorted_indices)
    out, last = layer(packed, (tuple(states) if kind == "LSTM" else states[0]) if states else None)
    last = last if kind == "LSTM" else (last,)
    padded, again = rnn.pad_packed_sequence(out, first, how.get("padding_value", 0.0), how.get("total_length"))
    put("out/data", out.data)
    put("out/lengths", again)
    total = 0
    for key, tensor in zip(["padded", "h_n", "c_n"], (padded,) + last):
        put(f"out/{key}", tensor)
        factor = torch.randn_like(tensor)
        put(f"cot/{key}", factor)
        total = total + (tensor * factor).sum()
    named = list(inputs.items()) + list(layer.named_parameters())
    for (key, _), gradient in zip(named, torch.autograd.grad(total, [tensor for _, tensor in named])):
        put(f"grad/{key}", gradient)
    return {"id": name, "layer": kind, "hidden_size": hidden, "options": options, "lengths": lengths, **how}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    store = Store()
    cases = [produce(number, *case, store) for number, case in enumerate(CASES)]
    store.write_book(FOLDER, cases)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
