"""Runs the left-hand columns of docs/from_pytorch.md, one block after the other."""
import os
import re
import sys
import tempfile

import numpy
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset, TensorDataset

try:
    from safetensors.torch import load_file, save_file
except ImportError:
    load_file, save_file = torch.load, torch.save

page = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
if len(blocks) < 20:
    sys.exit(f"only {len(blocks)} blocks in {sys.argv[1]}")
names = {
    "numpy": numpy, "torch": torch, "nn": nn, "F": nn.functional, "Dataset": Dataset, "DataLoader": DataLoader,
    "CosineAnnealingLR": CosineAnnealingLR, "ReduceLROnPlateau": ReduceLROnPlateau, "AveragedModel": AveragedModel,
    "load_file": load_file, "save_file": save_file,
    "train": TensorDataset(torch.randn(64, 1, 8, 8), torch.randint(0, 10, (64,))), "epochs": 1,
}
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for block in blocks:
        try:
            exec(compile(block, "block", "exec"), names)
        except Exception as error:
            sys.exit(f"{type(error).__name__}: {error}\nin\n{block}")
print(f"{len(blocks)} blocks run")
