"""Schedules that the shared cases lack, by PyTorch 1.13: python3 schedule_cases.py schedules

Writes cases.json of kind "lr_scheduler" in the format of generate.py, and an empty cases.safetensors. Beyond it:
  * "optimizer": "Adam" instead of SGD with momentum 0.9; "momentum" is its first beta then;
  * "base_lr" is a list where there are several groups, and then so is each entry of "lr" and "momentum";
  * "lr_lambda" is a number b, or one for each group: the function of n that is b^n.
"""

import sys
import warnings

import torch

from generate import Store

warnings.simplefilter("ignore")
STEPS = 40
METRICS = [0.1, 0.3, 0.35, 0.36, 0.2, 0.361, 0.37, 0.5, 0.5, 0.5, 0.55, 0.54, 0.53, 0.52, 0.56, 0.57, 0.58, 0.9, 0.89,
           0.91, 0.91, 0.91, 0.91, 0.91, 0.91, 0.91, 0.95, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]


def part(name, **attrs):
    return {"scheduler": name, "attrs": attrs}


# name, base_lr, attrs, optimizer, metrics
CASES = [
    ("ConstantLR", 0.1, dict(), "SGD", None),
    ("ConstantLR", 0.2, dict(factor=0.7, total_iters=12), "SGD", None),
    ("LinearLR", 0.1, dict(), "SGD", None),
    ("MultiStepLR", 0.1, dict(milestones=[20, 3, 3, 11]), "SGD", None),
    ("CosineAnnealingLR", 0.1, dict(T_max=7, eta_min=0.002), "SGD", None),
    ("CosineAnnealingWarmRestarts", 0.1, dict(T_0=3, T_mult=3, eta_min=0.001), "SGD", None),
    ("LambdaLR", 0.1, dict(lr_lambda=0.93), "SGD", None),
    ("LambdaLR", [0.1, 0.02], dict(lr_lambda=[0.93, 0.8]), "SGD", None),
    ("MultiplicativeLR", 0.1, dict(lr_lambda=0.995), "SGD", None),
    ("MultiplicativeLR", [0.1, 0.02], dict(lr_lambda=[0.995, 0.99]), "SGD", None),
    ("CyclicLR", 0.1, dict(base_lr=0.01, max_lr=0.1, step_size_up=3, step_size_down=7), "SGD", None),
    ("CyclicLR", 0.1, dict(base_lr=0.01, max_lr=0.1, step_size_up=6, mode="exp_range", gamma=0.97, base_momentum=0.6,
                           max_momentum=0.99), "SGD", None),
    ("CyclicLR", 0.1, dict(base_lr=0.01, max_lr=0.1, step_size_up=4, cycle_momentum=False), "SGD", None),
    ("CyclicLR", [0.1, 0.2], dict(base_lr=[0.01, 0.02], max_lr=[0.1, 0.3], step_size_up=4, step_size_down=5,
                                  mode="triangular2", base_momentum=[0.8, 0.7], max_momentum=[0.9, 0.95]), "SGD", None),
    ("OneCycleLR", 0.1, dict(max_lr=0.5, total_steps=45, three_phase=True), "SGD", None),
    ("OneCycleLR", 0.1, dict(max_lr=0.5, epochs=9, steps_per_epoch=5, pct_start=0.25, anneal_strategy="linear",
                             div_factor=10.0, final_div_factor=100.0, three_phase=True), "SGD", None),
    ("OneCycleLR", 0.1, dict(max_lr=0.5, total_steps=41, cycle_momentum=False), "SGD", None),
    ("OneCycleLR", 0.1, dict(max_lr=0.5, total_steps=40), "SGD", None),
    ("OneCycleLR", 0.1, dict(max_lr=0.5, total_steps=60, base_momentum=0.7, max_momentum=0.99), "Adam", None),
    ("OneCycleLR", [0.1, 0.2], dict(max_lr=[0.5, 0.3], total_steps=50, base_momentum=[0.85, 0.8],
                                    max_momentum=[0.95, 0.9]), "Adam", None),
    ("ReduceLROnPlateau", 0.1, dict(mode="max", factor=0.5, patience=2, threshold=0.01, threshold_mode="abs"), "SGD",
     METRICS),
    ("ReduceLROnPlateau", 0.1, dict(mode="max", factor=0.3, patience=1, threshold=0.1, cooldown=2), "SGD", METRICS),
    ("ReduceLROnPlateau", 0.1, dict(mode="min", factor=0.3, patience=1, threshold=0.0, threshold_mode="abs", eps=1e-3),
     "SGD", METRICS),
    ("ReduceLROnPlateau", [0.1, 0.02], dict(factor=0.3, patience=1, min_lr=[0.01, 0.005]), "SGD", METRICS),
    ("SequentialLR", 0.1, dict(schedulers=[part("ConstantLR", factor=0.1, total_iters=20),
                                           part("ExponentialLR", gamma=0.9), part("StepLR", step_size=4, gamma=0.5)],
                               milestones=[5, 17]), "SGD", None),
    ("SequentialLR", 0.1, dict(schedulers=[part("LinearLR", start_factor=0.2, total_iters=6),
                                           part("CyclicLR", base_lr=0.02, max_lr=0.2, step_size_up=3),
                                           part("PolynomialLR", total_iters=20, power=1.5)], milestones=[6, 20]),
     "SGD", None),
    ("SequentialLR", 0.1, dict(schedulers=[part("MultiplicativeLR", lr_lambda=0.99),
                                           part("ConstantLR", factor=0.25, total_iters=4)], milestones=[9]),
     "SGD", None),
    ("SequentialLR", [0.1, 0.02], dict(schedulers=[part("LinearLR", total_iters=4),
                                                   part("CosineAnnealingLR", T_max=30)], milestones=[4]), "SGD", None),
    ("ChainedScheduler", 0.1, dict(schedulers=[part("ConstantLR", factor=0.1, total_iters=8),
                                               part("ExponentialLR", gamma=0.95)]), "SGD", None),
    ("ChainedScheduler", [0.1, 0.02], dict(schedulers=[part("LinearLR", total_iters=6), part("StepLR", step_size=5),
                                                       part("MultiStepLR", milestones=[7, 9], gamma=2.0)]),
     "SGD", None),
]


def power(base):
    return lambda n: base ** n


def build(name, optimizer, attrs):
    attrs = dict(attrs)
    schedules = torch.optim.lr_scheduler
    if "lr_lambda" in attrs:
        bases = attrs["lr_lambda"]
        attrs["lr_lambda"] = [power(b) for b in bases] if isinstance(bases, list) else power(bases)
    if "schedulers" in attrs:
        parts = [build(p["scheduler"], optimizer, p["attrs"]) for p in attrs["schedulers"]]
        if name == "ChainedScheduler":
            return schedules.ChainedScheduler(parts)
        return schedules.SequentialLR(optimizer, parts, milestones=attrs["milestones"])
    return getattr(schedules, name)(optimizer, **attrs)


def produce(id, name, base_lr, attrs, method, metrics):
    groups = []
    for lr in base_lr if isinstance(base_lr, list) else [base_lr]:
        weight = torch.nn.Parameter(torch.zeros(1))
        weight.grad = torch.zeros(1)
        groups.append({"params": [weight], "lr": lr})
    optimizer = torch.optim.Adam(groups) if method == "Adam" else torch.optim.SGD(groups, lr=1.0, momentum=0.9)
    schedule = build(name, optimizer, attrs)

    def read(of):
        values = [float(of(g)) for g in optimizer.param_groups]
        return values if isinstance(base_lr, list) else values[0]

    def momentum(group):
        return group["betas"][0] if method == "Adam" else group["momentum"]

    lr, momenta = [read(lambda g: g["lr"])], [read(momentum)]
    for k in range(STEPS):
        optimizer.step()
        schedule.step(metrics[k]) if metrics else schedule.step()
        lr.append(read(lambda g: g["lr"]))
        momenta.append(read(momentum))
    entry = {"id": id, "kind": "lr_scheduler", "scheduler": name, "base_lr": base_lr, "attrs": attrs, "lr": lr}
    if method != "SGD":
        entry["optimizer"] = method
    if any(m != momenta[0] for m in momenta):
        entry["momentum"] = momenta
    if metrics:
        entry["metrics"] = metrics
    return entry


def main(folder):
    cases, counts = [], {}
    for name, *rest in CASES:
        counts[name] = counts.get(name, -1) + 1
        cases.append(produce(f"lr_scheduler/{name}/{counts[name]}", name, *rest))
    Store().write_book(folder, cases)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1])
