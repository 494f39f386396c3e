#!/usr/bin/env python3
"""The other side of interchange_test.cpp: interchange.py DIRECTORY.

For each model: loads the weights that xgrad wrote (NAME.weights) with strict=True, and compares the outputs for
NAME.inputs with xgrad's (NAME.outputs); then writes weights of its own (NAME.torch_weights) and its outputs with them
(NAME.torch_outputs). All in float64. The files are safetensors, read and written here as their format is described, so
that no package of it is needed. Ends with 1 and says which where a model disagrees.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

TYPES = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "BOOL": np.bool_}


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    result = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        array = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
        result[name] = torch.from_numpy(array.copy())
    return result


def save(tensors, path):
    names = {np.dtype(kind): name for name, kind in TYPES.items()}
    header, data = {}, b""
    for name, tensor in tensors.items():
        array = np.asarray(tensor.detach().numpy(), order="C")
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def call(model, given):
    """The inputs are named in the order of forward's arguments."""
    return model(*given.values())


def with_state(model, given):
    """An LSTM takes its states as a pair."""
    return model(given["x"], (given["h"], given["c"]))


def flat(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for part in outputs for tensor in flat(part)]


LAYER = dict(dim_feedforward=12, dropout=0.0)
MODELS = {
    "linear": (nn.Linear(5, 3), call),
    "mlp": (nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 2)), call),
    "conv_batchnorm": (
        nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 6, 3, dilation=2, groups=2, bias=False),
        ),
        call,
    ),
    "conv_transpose": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), call),
    "conv1d": (nn.Sequential(nn.Conv1d(2, 4, 3, padding=1, padding_mode="circular"), nn.LayerNorm([7])), call),
    "lstm": (nn.LSTM(3, 4, num_layers=2, bidirectional=True), with_state),
    "lstm_projections": (nn.LSTM(3, 6, num_layers=2, bidirectional=True, proj_size=2), call),
    "gru": (nn.GRU(3, 5, num_layers=2, batch_first=True), call),
    "lstm_cell": (nn.LSTMCell(3, 4), call),
    "embedding": (nn.Embedding(10, 4, padding_idx=2), call),
    "embedding_bag": (nn.EmbeddingBag(10, 4), call),
    "layer_norm": (nn.LayerNorm([3, 4]), call),
    "multihead_attention": (nn.MultiheadAttention(8, 2), call),
    "multihead_attention_sizes": (nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=6, vdim=5), call),
    "transformer_encoder": (
        nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, activation="gelu", norm_first=True, **LAYER), 2, nn.LayerNorm(8)
        ),
        call,
    ),
    "transformer_decoder": (nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, **LAYER), 2), call),
    "transformer": (nn.Transformer(8, 2, 1, 2, batch_first=True, **LAYER), call),
    "prelu": (nn.PReLU(3), call),
    "bilinear": (nn.Bilinear(3, 4, 5), call),
}


def other_weights(model):
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point():
                tensor.uniform_(-0.6, 0.6)
            else:
                tensor.fill_(11)


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(7)
    wrong = [f"{path.stem}: no such model here" for path in folder.glob("*.weights") if path.stem not in MODELS]
    for name, (model, forward) in MODELS.items():
        model.double().eval()
        try:
            model.load_state_dict(load(folder / f"{name}.weights"), strict=True)
            given = load(folder / f"{name}.inputs")
            expected = list(load(folder / f"{name}.outputs").values())
            got = flat(forward(model, given))
            assert len(got) == len(expected), f"{len(got)} outputs, not {len(expected)}"
            for mine, theirs in zip(got, expected):
                torch.testing.assert_close(theirs, mine, rtol=1e-9, atol=1e-12)
            other_weights(model)
            save(model.state_dict(), folder / f"{name}.torch_weights")
            outputs = flat(forward(model, given))
            save({f"{i:02}": output for i, output in enumerate(outputs)}, folder / f"{name}.torch_outputs")
        except Exception as problem:  # each model says what is wrong with it
            wrong.append(f"{name}: {problem}")
    print("\n".join(wrong) if wrong else f"PyTorch {torch.__version__} agrees on {len(MODELS)} models")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
