"""Loss curves of four small models, computed by PyTorch in float64: 200 steps each from the same weights and data.

    /usr/bin/python3 tests/reference/curves.py

writes tests/reference/curves/NAME.safetensors: the weights at first ("initial.KEY") and at last ("final.KEY") under
PyTorch's keys, the data, and the loss of every step. Mini-batches are taken in order, round and round. Numbers that are
given, not computed, are multiples of 1/1024.
"""
import pathlib

import torch
from torch import nn

from generate import Store

STEPS = 200
FOLDER = pathlib.Path(__file__).parent / "curves"

def given(*shape, scale=1.0):
    return (torch.randn(*shape) * scale * 1024).round() / 1024


def round_weights(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter * 1024).round() / 1024)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 24), nn.Tanh(), nn.Linear(24, 16), nn.GELU(), nn.Linear(16, 3))

    def forward(self, x):
        return self.net(x)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, bias=False)
        self.norm2 = nn.BatchNorm2d(8, momentum=None)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.norm1(self.conv1(x))), 2)
        x = torch.relu(self.norm2(self.conv2(x)))
        return self.fc(x.mean((2, 3)))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.lstm = nn.LSTM(8, 10, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(20, 12)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0]).flatten(0, 1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(5, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(16))
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        return self.head(self.encoder(self.project(x)).mean(1))


def train(name, model, x, y, loss_of, optimizer, schedule=None, clip=None, batch=16):
    store = Store()
    store.put("x", x)
    store.put("y", y)
    for key, value in model.state_dict().items():
        store.put("initial." + key, value)
    losses = []
    for step in range(STEPS):
        at = step * batch % len(x)
        optimizer.zero_grad()
        loss = loss_of(model(x[at : at + batch]), y[at : at + batch])
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if schedule and step % 20 == 19:
            schedule.step()
        losses.append(loss.item())
    for key, value in model.state_dict().items():
        store.put("final." + key, value)
    store.put("losses", torch.tensor(losses))
    store.write(FOLDER / f"{name}.safetensors")
    print(f"{name}: loss {losses[0]:.6f} to {losses[-1]:.6f}")


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)

    torch.manual_seed(1)
    model = Mlp()
    round_weights(model)
    x = given(64, 6)
    y = (torch.stack([x[:, 0] * x[:, 1], x[:, 2].sin(), x[:, 3:].mean(1)], 1) * 1024).round() / 1024
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True)
    train("mlp", model, x, y, nn.functional.mse_loss, sgd, torch.optim.lr_scheduler.StepLR(sgd, 3, 0.5))

    torch.manual_seed(2)
    model = Cnn()
    round_weights(model)
    x, y = given(64, 1, 9, 9), torch.randint(4, (64,))
    x += y[:, None, None, None] * torch.linspace(-0.5, 0.5, 9).mul(1024).round().div(1024)
    adamw = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    train("cnn", model, x, y, nn.CrossEntropyLoss(label_smoothing=0.1), adamw,
          torch.optim.lr_scheduler.CosineAnnealingLR(adamw, 10))

    torch.manual_seed(3)
    model = Lstm()
    round_weights(model)
    x = torch.randint(12, (64, 7))
    y = x.roll(1, 1)
    adam = torch.optim.Adam(model.parameters(), lr=5e-3)
    train("lstm", model, x, y, lambda out, target: nn.functional.cross_entropy(out, target.flatten()), adam, clip=0.5)

    torch.manual_seed(4)
    model = Encoder()
    round_weights(model)
    x, y = given(64, 6, 5), torch.zeros(64, dtype=torch.int64)
    y = (x[:, :, 0].amax(1) > 1).long()
    # The attention's key bias has no influence: its gradient is rounding alone, which a small eps would make steps of.
    adam = torch.optim.Adam(model.parameters(), lr=2e-3, eps=1e-4, amsgrad=True, weight_decay=1e-3)
    train("encoder", model, x, y, nn.functional.cross_entropy, adam, torch.optim.lr_scheduler.ExponentialLR(adam, 0.8))


if __name__ == "__main__":
    main()
