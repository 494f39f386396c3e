"""Optimizers and options that the shared cases lack, by PyTorch 1.13: python3 optimizer_cases.py optimizers

Writes cases of kind "optimizer" in the format of generate.py.  What PyTorch 1.13 has not is written here: Lion, and
decoupled_weight_decay and maximize of NAdam and RAdam, as PyTorch 2 has them.  Beyond the format:
  * LBFGS evaluates a loss: instead of gradients there is "problem", {"name": "rosenbrock"} or {"name": "waves", "a",
    "b", "c"} of the parameter x, or {"name": "network", "input", "target"} of weight1, bias1, weight2 and unused (see
    loss_of); each entry of "expected" has "loss", what step() returned, and "func_evals" beside the parameters.
"""

import sys

import numpy as np
import torch

import generate
from generate import Book, Store, random_state

book = Book("optimizers")
STEPS = 5


class Lion(torch.optim.Optimizer):
    """Chen et al., Symbolic discovery of optimization algorithms (2023), algorithm 2."""

    def __init__(self, params):
        super().__init__(params, dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                g = (-p.grad if group["maximize"] else p.grad).numpy()
                m = self.state[p].get("m", np.zeros_like(g))
                direction = np.sign(beta1 * m + (1 - beta1) * g) + group["weight_decay"] * p.numpy()
                p.copy_(torch.from_numpy(np.asarray(p.numpy() - group["lr"] * direction)))
                self.state[p]["m"] = beta2 * m + (1 - beta2) * g


def with_options_of_torch_2(base):
    class Extended(base):
        @torch.no_grad()
        def step(self):
            kept = [(g, g["weight_decay"]) for g in self.param_groups]
            for group, decay in kept:
                for p in group["params"]:
                    if group.get("maximize"):
                        p.grad = -p.grad
                    if group.get("decoupled_weight_decay"):
                        p.mul_(1 - group["lr"] * decay)
                if group.get("decoupled_weight_decay"):
                    group["weight_decay"] = 0
            super().step()
            for group, decay in kept:
                group["weight_decay"] = decay
    return Extended


torch.optim.Lion = Lion
torch.optim.NAdam = with_options_of_torch_2(torch.optim.NAdam)
torch.optim.RAdam = with_options_of_torch_2(torch.optim.RAdam)

UP = {"maximize": True}
CASES = {
    "Lion": [{}, {"lr": 0.05}, {"lr": 0.02, "betas": (0.6, 0.8), "weight_decay": 0.5}, {"lr": 0.03, **UP},
             [{"lr": 0.1}, {"lr": 0.01, "weight_decay": 2.0}, {"lr": 0.03, "betas": (0.0, 0.5)}]],
    "ASGD": [{}, {"lr": 0.1, "lambd": 1e-2, "alpha": 0.6, "t0": 3.0, "weight_decay": 0.05},
             {"lr": 0.1, "lambd": 0.1, "alpha": 1.0, "t0": 0.0}, {"lr": 0.05, **UP}, [{"lr": 0.1}, {"t0": 2.0}, {}]],
    "Rprop": [{}, {"lr": 0.05, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.2)}, {"lr": 0.05, "step_sizes": (1e-6, 0.02)},
              {"lr": 0.02, **UP}, [{"lr": 0.1}, {"etas": (0.7, 1.1)}, {"lr": 0.0}]],
    "RAdam": [{}, {"lr": 0.05, "betas": (0.7, 0.99), "eps": 1e-3, "weight_decay": 0.2},
              {"lr": 0.05, "betas": (0.9, 0.5)}, {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True},
              {"lr": 0.05, "weight_decay": 0.1, **UP},
              [{"lr": 0.1}, {"betas": (0.5, 0.9)}, {"lr": 0.1, "eps": 0.1}]],
    "NAdam": [{}, {"lr": 0.05, "betas": (0.7, 0.99), "eps": 1e-3, "weight_decay": 0.2, "momentum_decay": 0.1},
              {"lr": 0.05, "momentum_decay": 0.0}, {"lr": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True},
              {"lr": 0.05, "weight_decay": 0.1, **UP}, [{"lr": 0.1}, {"momentum_decay": 0.5}, {"betas": (0.5, 0.9)}]],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.1, "weight_decay": 0.2}, {"lr": 0.05, **UP},
               [{"lr": 0.1}, {"betas": (0.5, 0.6)}, {"eps": 1.0}]],
    "Adadelta": [{}, {"lr": 3.0, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.2}, {"lr": 2.0, **UP},
                 [{"lr": 2.0}, {"rho": 0.5}, {"eps": 0.01}]],
    "Adagrad": [{}, {"lr": 0.3, "lr_decay": 0.2, "weight_decay": 0.1, "eps": 0.1}, {"lr": 0.1, **UP}],
    "RMSprop": [{}, {"lr": 0.02, "alpha": 0.8, "eps": 0.1, "weight_decay": 0.2, "momentum": 0.6, "centered": True},
                {"lr": 0.01, "momentum": 0.3, **UP}],
    "Adam": [{}, {"lr": 0.05, "betas": (0.7, 0.9), "eps": 0.1, "weight_decay": 0.2, "amsgrad": True},
             {"lr": 0.05, "weight_decay": 0.1, **UP}],
    "AdamW": [{}, {"lr": 0.05, "betas": (0.7, 0.9), "eps": 0.1, "weight_decay": 0.5, "amsgrad": True},
              {"lr": 0.05, **UP}],
    "SGD": [{"lr": 0.05, "momentum": 0.7, "dampening": 0.2, "weight_decay": 0.1},
            {"lr": 0.05, "momentum": 0.7, "weight_decay": 0.1, "nesterov": True}],
}
for name, settings in CASES.items():
    for hyper in settings:
        ascent = isinstance(hyper, dict) and hyper.get("maximize", False)
        book.optimizer(name, hyper, shapes=((2, 2), (3,), ()), ascent=ascent)

WOLFE = {"line_search_fn": "strong_wolfe"}
CLOSURES = [
    ("rosenbrock", {"max_iter": 3, **WOLFE}),
    ("rosenbrock", {"lr": 0.5, "max_iter": 4, "history_size": 2, **WOLFE}),
    ("rosenbrock", {"lr": 4.0, "max_iter": 3, "max_eval": 4, **WOLFE}),
    ("rosenbrock", {"lr": 0.05, "max_iter": 6}),
    ("rosenbrock", {"lr": 0.2, "max_iter": 5, "max_eval": 3, "history_size": 1}),
    ("rosenbrock", {"max_iter": 8, "tolerance_grad": 20.0, **WOLFE}),
    ("rosenbrock", {"max_iter": 8, "tolerance_change": 0.05, **WOLFE}),
    ("network", {"lr": 0.5, "max_iter": 3}),
    ("network", {"max_iter": 5, **WOLFE}),
    ("network", {"lr": 0.3, "max_iter": 4, "history_size": 3}),
    ("network", {"lr": 30.0, "max_iter": 2, "history_size": 5, **WOLFE}),
    ("network", {"lr": 0.05, "max_iter": 6, "tolerance_change": 0.02}),
    ("network", {"max_iter": 1}),
    ("network", {"max_iter": 0}),
    # For the corners of the search.
    ("waves", {"lr": 10.0, "max_iter": 4, "max_eval": 200, **WOLFE}),
    ("waves", {"lr": 50.0, "max_iter": 4, "max_eval": 200, "tolerance_change": 1e-3, **WOLFE}),
    ("waves", {"lr": 10.0, "max_iter": 3, "max_eval": 200, **WOLFE}),
    ("waves", {"lr": 0.05, "max_iter": 1, "tolerance_change": 0.1, **WOLFE}),
]
# x, a, b, c of the cases of waves, in their order.
WAVES = [([-1.0, 1.7], [0.01, 0.45], [0.7, 1.8], [0.8, 4.7]), ([-0.1, 0.1], [0.39, 0.11], [3.4, 2.2], [3.5, 1.4]),
         ([14.083], [0.017], [2.4], [1.9]), ([0.3], [0.0], [1.0], [100.0])]


def start_of(id, problem):
    state = random_state(book, id)
    if problem == "rosenbrock":
        return {"x": np.array([-1.2, 1.0, 0.4])}, {}
    if problem == "waves":
        x, a, b, c = map(np.array, WAVES[int(id.split("/")[-1]) - len(CLOSURES)])
        return {"x": x}, {"a": a, "b": b, "c": c}
    params = {"weight1": state.standard_normal((4, 3)), "bias1": state.standard_normal(4),
              "weight2": state.standard_normal((1, 4)), "unused": state.standard_normal(2)}
    return params, {"input": state.standard_normal((8, 3)), "target": state.standard_normal((8, 1))}


def loss_of(problem, params, data):
    if problem == "waves":
        x = params["x"]
        return (data["a"] * x ** 2 + data["b"] * torch.sin(data["c"] * x)).sum()
    if problem == "rosenbrock":
        a, b = params["x"][:-1], params["x"][1:]
        return (100 * (b - a ** 2) ** 2 + (1 - a) ** 2).sum()
    hidden = torch.tanh(data["input"] @ params["weight1"].T + params["bias1"])
    return ((hidden @ params["weight2"].T - data["target"]) ** 2).mean()


def train(problem, hyper, start, data, dtype):
    """The parameters, the loss and the number of evaluations after each step."""
    params = {n: torch.nn.Parameter(torch.tensor(v, dtype=dtype)) for n, v in start.items()}
    data = {n: torch.tensor(v, dtype=dtype) for n, v in data.items()}
    optimizer = torch.optim.LBFGS(params.values(), **hyper)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(problem, params, data)
        loss.backward()
        return loss
    trace = []
    for _ in range(STEPS):
        loss = optimizer.step(closure).item()
        evaluations = next(iter(optimizer.state.values()))["func_evals"]
        trace.append(({n: p.detach().double().clone() for n, p in params.items()}, loss, evaluations))
    return trace


def agree(trace, other, rtol, atol):
    for (params, loss, count), (others, other_loss, other_count) in zip(trace, other):
        for name, p in params.items():
            if not ((others[name] - p).abs() <= atol * max(1, p.abs().max()) + rtol * p.abs()).all():
                return False
        if count != other_count or not abs(loss - other_loss) <= atol * max(1, abs(loss)) + rtol * abs(loss):
            return False
    return True


def produce_closure(store, id, problem, hyper):
    start, data = start_of(id, problem)
    trace = train(problem, hyper, start, data, torch.float64)
    # A case must not hang on the last bits.
    for factor in (1 + 2.3e-16, 1 - 1.2e-16, 1 + 6e-16):
        moved = {n: v * factor for n, v in start.items()}
        assert agree(trace, train(problem, hyper, moved, data, torch.float64), 5e-10, 5e-12), id
    entry = {"id": id, "kind": "optimizer", "optimizer": "LBFGS",
             "problem": {"name": problem, **{n: store.put(f"{id}/{n}", torch.tensor(v)) for n, v in data.items()}},
             "groups": [{"hyper": hyper, "params": list(start)}],
             "params": [{"name": n, "initial": store.put(f"{id}/initial/{n}", torch.tensor(v))}
                        for n, v in start.items()],
             "expected": [{"step": k + 1, "loss": loss, "func_evals": count, "params": [
                 {"name": n, "tensor": store.put(f"{id}/step{k + 1}/{n}", p)} for n, p in params.items()]}
                 for k, (params, loss, count) in enumerate(trace)]}
    if not agree(trace, train(problem, hyper, start, data, torch.float32), 5e-5, 5e-6):
        entry["tags"] = ["float64_only"]
    return entry


def main(folder):
    store, cases = Store(), []
    for entry in book.entries:
        cases.append(generate.produce_optimizer(book, store, *entry[1:]))
    for k, (problem, hyper) in enumerate(CLOSURES):
        cases.append(produce_closure(store, f"optimizer/LBFGS/{k}", problem, hyper))
    store.write_book(folder, cases)
    for case in cases:
        if "problem" in case:
            print(case["id"], case.get("tags", ""), [(e["loss"], e["func_evals"]) for e in case["expected"]])
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1])
