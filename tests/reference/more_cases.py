"""More cases of every operation: attributes, combinations of them and corners that the public cases leave out.

Sizes stay small, so that a failing case can be worked by hand.  Each operation starts with plain variations and ends
with its corners: views, size-0 and size-1 axes, no axes, extreme magnitudes, infinities, kinks and ties.
"""

import itertools
import math

from generate import (Book, attention_weights, away, batch_stats, bools, convolution, diagonally_heavy, distinct,
                      encoder_layer, flags, integers, invertible, ints, log_probabilities, normal, operands,
                      probabilities, qkv, recurrent, scale_shift, signs, spd, uniform, values, zero_one, zeros)

book = Book("more")
op = book.op
INF = math.inf
EMPTY = {"tags": "empty"}
# Results with infinities have no differences to compare with.
INFINITE = {"tags": "nonfinite", "check": False, "second": False}
INFINITE_KINK = {"tags": "kink nonfinite"}

# ---------------------------------------------------------------- elementwise, two operands

for name in ("add", "sub", "mul", "div"):
    def divisor(*shape):
        return away(*shape, gap=0.4)
    op(name, {"input": normal(2, 1, 3, 1), "other": divisor(1, 4, 1, 2)}, note="broadcast on every axis")
    op(name, {"input": normal(), "other": divisor()})
    op(name, {"input": normal(0, 3), "other": divisor(1, 3)}, **EMPTY)
    op(name, {"input": normal(3, 1).expanded(3, 4), "other": divisor(6, 4).sliced(0, 1, 6, 2)})
    op(name, {"input": normal(2, 3, 4).permuted(2, 1, 0), "other": divisor(3, 4, 2).permuted(1, 0, 2).selected(0, 1)})
    op(name, {"input": normal(2, 3)}, {"other": -4})
    op(name, {"other": divisor()}, {"input": 3})
    op(name, {"input": normal(2, 3).frozen(), "other": divisor(3)})
    op(name, {"input": values([1e150, -1e-150, 3.0, 1e-100]), "other": values([1e-50, 1e50, 1e100, -1e40])},
       tags="extreme")
op("add", {"input": normal(2, 3)}, {"other": 1.5, "alpha": 2})
op("add", {"input": normal(2, 1), "other": normal(3)}, {"alpha": 0})
op("add", {"other": normal(2, 3)}, {"input": 2.0, "alpha": -0.5})
op("sub", {"input": normal(2, 3)}, {"other": 1.5, "alpha": -3})
op("sub", {"other": normal(3)}, {"input": 0.0, "alpha": 0.25})
op("mul", {"input": normal(2, 3)}, {"other": 0.0})
op("mul", {"input": values([0.0, 1.0, 0.0]), "other": values([0.0, 0.0, 2.0])})
op("div", {"input": away(2, 3, scale=5.0), "other": values([1.3, -0.7, 2.1])}, {"rounding_mode": "floor"},
   check=False, note="piecewise constant")
op("div", {"input": away(2, 3, scale=5.0), "other": values([1.3, -0.7, 2.1])}, {"rounding_mode": "trunc"},
   check=False, note="piecewise constant")
op("div", {"input": values([7.0, -7.0, 6.0, -6.0])}, {"other": 3.0, "rounding_mode": "floor"}, tags="kink")
op("div", {"input": values([7.0, -7.0, 6.0, -6.0])}, {"other": -3.0, "rounding_mode": "trunc"}, tags="kink")
op("div", {"input": values([1.0, -2.0, 3.0]), "other": values([INF, -INF, 2.0]).frozen()})

op("pow", {"input": uniform(2, 1, 2, low=0.3, high=2.5), "exponent": normal(3, 1)})
op("pow", {"input": uniform(low=0.3, high=2.5), "exponent": normal(2, 2)})
op("pow", {"input": normal(2, 3)}, {"exponent": 0}, note="constant 1, gradient 0")
op("pow", {"input": values([-2.0, 0.0, 3.0])}, {"exponent": 1})
op("pow", {"input": values([-2.0, 0.0, 3.0])}, {"exponent": 2})
op("pow", {"input": values([-2.0, 0.0, 0.5])}, {"exponent": 5})
op("pow", {"input": uniform(5, low=0.3, high=2.5)}, {"exponent": 0.5})
op("pow", {"input": away(5, gap=0.4)}, {"exponent": -1})
op("pow", {"input": away(5, gap=0.4)}, {"exponent": -2})
op("pow", {"input": away(2, 3, gap=0.3), "exponent": values([2.0, 3.0, -1.0]).frozen()}, note="negative bases")
op("pow", {"exponent": normal(2, 2)}, {"input": 0.5})
op("pow", {"exponent": normal()}, {"input": 3})
op("pow", {"exponent": normal(3)}, {"input": 1.0})
op("pow", {"input": uniform(3, 4, low=0.3, high=2.5).permuted(1, 0), "exponent": normal(4, 6).sliced(1, 0, 6, 2)})
op("pow", {"input": uniform(0, 2, low=0.3, high=2.5), "exponent": normal(2)}, **EMPTY)
op("pow", {"input": values([1e100, 1e-100, -1e90])}, {"exponent": 3}, tags="extreme")
op("pow", {"input": values([0.0, 0.0, 0.0, 2.0]), "exponent": values([2.0, 1.0, 3.5, 2.0])}, tags="kink",
   note="a base of 0: the exponent's gradient is 0")
op("pow", {"exponent": values([2.0, 1.0, 0.5])}, {"input": 0.0}, tags="kink")
op("pow", {"input": values([0.0, 4.0])}, {"exponent": 0.5}, **INFINITE_KINK)
op("pow", {"input": values([0.0, 0.0, 2.0]), "exponent": values([0.0, 0.0, 0.0])}, tags="kink")

op("atan2", {"input": away(), "other": away()})
op("atan2", {"input": away(2, 1, 3), "other": away(2, 1)})
op("atan2", {"other": away(2, 3)}, {"input": 1.5})
op("atan2", {"input": values([0.0, 2.0, -3.0]), "other": values([1.0, 0.0, 0.0])}, note="on the axes")
op("atan2", {"input": away(4, 3).permuted(1, 0), "other": away(3, 8).sliced(1, 1, 8, 2)})
op("atan2", {"input": away(0, 2), "other": away(1, 2)}, **EMPTY)
op("atan2", {"input": values([1e60, 1e-60, -1e-50, 1e-60]), "other": values([1e59, -1e-59, 1e-51, 1.0])},
   tags="extreme")
op("atan2", {"input": values([0.0, -0.0, 0.0]), "other": values([-1.0, -2.0, 1.0])}, tags="kink",
   note="both sides of the branch cut")

for name in ("maximum", "minimum"):
    op(name, {"input": distinct(2, 1, 3), "other": distinct(2, 1, spacing=0.35)})
    op(name, {"input": normal(), "other": normal(3)})
    op(name, {"other": away(2, 3, points=[0.25])}, {"input": 0.25})
    op(name, {"input": normal(4, 3).permuted(1, 0), "other": normal(1, 4).expanded(3, 4)})
    op(name, {"input": normal(0, 3), "other": normal(3)}, **EMPTY)
    op(name, {"input": values([1e300, -1e300, 1e-300]), "other": values([1e299, 1e299, -1e-300])}, tags="extreme")
    op(name, {"input": values([INF, -INF, 1.0]).frozen(), "other": values([2.0, 3.0, 4.0])}, **INFINITE)
    op(name, {"input": values([[1.0, 2.0], [2.0, 1.0]]), "other": values([2.0, 1.0])}, tags="tie",
       note="ties after broadcasting")
    op(name, {"input": values([0.0, 1.0]), "other": values(0.0)}, tags="tie")

op("where", {"condition": flags(True), "input": normal(), "other": normal()})
op("where", {"condition": flags([[1, 0, 1, 0]]), "input": normal(2, 1), "other": normal()})
op("where", {"condition": bools(3, 2).permuted(1, 0), "input": normal(3, 2).permuted(1, 0), "other": normal(2, 3)})
op("where", {"condition": bools(2, 3), "input": normal(2, 3).frozen(), "other": normal(2, 3)})
op("where", {"condition": bools(2, 3), "input": normal(3), "other": zeros().frozen()})
op("where", {"condition": bools(0, 3), "input": normal(3), "other": normal(1, 1)}, **EMPTY)
op("where", {"condition": flags([1, 0, 1]), "input": values([1.0, 2.0, 3.0]),
             "other": values([INF, 5.0, -INF]).frozen()}, note="infinities that are not chosen")
op("where", {"condition": flags([0, 0]), "input": normal(2), "other": normal(4, 2).sliced(0, 0, 4, 3)})

op("remainder", {"input": away(2, 1, scale=4.0), "other": uniform(3, low=1.1, high=2.0)})
op("remainder", {"input": values([5.3, -5.3, 7.1])}, {"other": -2})
op("remainder", {"other": values([2.3, -2.3, 3.1])}, {"input": 7.5})
op("remainder", {"input": values(5.5), "other": values(2.0)})
op("remainder", {"input": values([[5.3, -4.9], [1.2, 0.3]]).permuted(1, 0), "other": values([1.5, -0.7])})
op("remainder", {"input": normal(0, 3)}, {"other": 1.5}, **EMPTY)
op("remainder", {"input": values([4.0, -4.0, 0.0, 6.0])}, {"other": 2.0}, tags="kink", note="exact multiples")
op("remainder", {"input": values([1e-300, -1e-20, 1e-5])}, {"other": 3.0}, tags="extreme")
op("remainder", {"input": values([3.5, 2.0, -1.25]), "other": values([5.0, 1e30, 1e3])}, tags="extreme")

# ---------------------------------------------------------------- elementwise, one operand

SMOOTH = {
    "neg": normal, "exp": normal, "expm1": normal, "square": normal, "sin": normal, "cos": normal, "atan": normal,
    "sinh": normal, "cosh": normal, "asinh": normal, "erf": normal, "erfc": normal, "sigmoid": normal, "tanh": normal,
    "silu": normal, "mish": normal, "softplus": normal, "logsigmoid": normal, "tanhshrink": away,
    "log": lambda *s: uniform(*s, low=0.2, high=4.0), "log1p": lambda *s: uniform(*s, low=-0.8, high=3.0),
    "sqrt": lambda *s: uniform(*s, low=0.2, high=4.0), "rsqrt": lambda *s: uniform(*s, low=0.2, high=4.0),
    "reciprocal": lambda *s: away(*s, gap=0.4), "tan": lambda *s: uniform(*s, low=-1.2, high=1.2),
    "asin": lambda *s: uniform(*s, low=-0.9, high=0.9), "acos": lambda *s: uniform(*s, low=-0.9, high=0.9),
    "acosh": lambda *s: uniform(*s, low=1.2, high=4.0), "atanh": lambda *s: uniform(*s, low=-0.9, high=0.9),
    "lgamma": lambda *s: uniform(*s, low=0.3, high=5.0), "gelu": normal,
}
# Nine elements are one more than a register of eight lanes holds.
EXTREMES = {
    "neg": [1e300, -1e300, 5e-324, 0.0], "exp": [-745.0, -700.0, 700.0, 1e-300], "expm1": [-1e-300, 1e-16, 1e-5, 700.0],
    "square": [1e150, -1e150, 1e-150, -1e-200], "sin": [50.0, -1000.0, 1e-300, 3.0],
            "cos": [50.0, -1000.0, 1e-300, 0.0],
    "atan": [1e300, -1e300, 1e10, 1e-300], "sinh": [700.0, -700.0, 1e-300, 1e-5], "cosh": [700.0, -700.0, 1e-300, 0.0],
    "asinh": [1e10, -1e10, 1e-300, 1e-9], "erf": [30.0, -30.0, 1e-300, 4.0], "erfc": [30.0, -30.0, 1e-300, 20.0],
    "sigmoid": [-745.0, 36.0, 1e-300, 1e300], "tanh": [400.0, -400.0, 1e-300, 18.0],
            "silu": [800.0, -800.0, -40.0, 1e-300],
    "mish": [300.0, -700.0, -40.0, 1e-300], "softplus": [800.0, -800.0, -40.0, 19.5],
            "logsigmoid": [1e300, -1e300, 36.0, -36.0],
    "tanhshrink": [1e10, -400.0, 1e-3, 1e-300], "log": [1e-150, 1e150, 1.0 + 1e-10, 1.0],
            "log1p": [1e150, 1e-300, -1e-16, 1e-5],
    "sqrt": [1e-200, 1e200, 1e-100, 1.0], "rsqrt": [1e-100, 1e100, 1e-80, 1.0],
            "reciprocal": [1e-100, -1e-100, 1e200, -1e-90],
    "tan": [1.5, -1.5, 100.0, 1e-300], "asin": [0.99, -0.99, 1e-300, 1e-9], "acos": [0.99, -0.99, 1e-300, 0.0],
    "acosh": [1.0001, 1e10, 1e100, 20.0], "atanh": [0.99, -0.99, 1e-300, 1e-9], "lgamma": [1e-10, 1e10, 171.5, 1e-100],
    "gelu": [1e100, -1e100, -38.0, 1e-300],
}
for name, data in SMOOTH.items():
    op(name, data(9))
    op(name, data(0, 3), **EMPTY)
    op(name, data(1, 3, 2).permuted(2, 0, 1).expanded(2, 2, 3))
    op(name, values(EXTREMES[name]), tags="extreme")
op("exp", values([-INF, INF, 0.0]), **INFINITE)
op("expm1", values([-INF, 0.0]), second=False)
op("log", values([0.0, 1.0]), **INFINITE)
op("log1p", values([-1.0, 0.0]), **INFINITE)
op("sqrt", values([0.0, 4.0]), **INFINITE_KINK)
op("rsqrt", values([0.0, 4.0]), **INFINITE_KINK)
op("rsqrt", values([INF, 4.0]), second=False)
op("reciprocal", values([0.0, -0.0, 2.0]), **INFINITE)
op("asin", values([1.0, -1.0]), **INFINITE_KINK)
op("acos", values([1.0, -1.0]), **INFINITE_KINK)
op("acosh", values([1.0, 2.0]), **INFINITE_KINK)
op("atanh", values([1.0, -1.0, 0.0]), **INFINITE)
op("lgamma", values([1.0, 2.0, 3.0, 0.5, 1.5]))
op("lgamma", values([-0.1, -2.5, -10.3, 100.0]))
op("mish", values([800.0, -800.0]), tags="extreme", second=False)
op("tanh", values([INF, -INF, 0.0]), second=False)
op("sigmoid", values([INF, -INF, 0.0]), second=False)
op("atan", values([INF, -INF, 0.0]), second=False)
op("erf", values([INF, -INF, 0.0]), second=False)
op("erfc", values([INF, -INF, 0.0]), second=False)
op("softplus", normal(2, 3, scale=4.0), {"beta": 0.3})
op("softplus", values([-900.0, 3.9, 4.5, 900.0]), {"beta": 2, "threshold": 8}, tags="extreme")
op("softplus", values([1.0, 2.0, 3.0]), {"beta": 1.0, "threshold": 2.0}, tags="kink",
   note="at the threshold itself it is not yet linear")
op("softplus", normal(2, 3, scale=4.0), {"threshold": 1})
op("softplus", values([-0.5, 0.3, 0.9]), {"beta": 5.0, "threshold": 0.5})

KINKED = {
    "abs": [0.0], "sign": [0.0], "relu": [0.0], "leaky_relu": [0.0], "elu": [0.0], "selu": [0.0], "celu": [0.0],
    "hardtanh": [-1.0, 1.0], "hardsigmoid": [-3.0, 3.0], "hardswish": [-3.0, 3.0], "relu6": [0.0, 6.0],
    "softsign": [0.0], "softshrink": [-0.5, 0.5],
    "floor": [float(i) for i in range(-6, 7)], "ceil": [float(i) for i in range(-6, 7)],
    "round": [i + 0.5 for i in range(-7, 7)],
}
WIDE = {"hardsigmoid": 3.0, "hardswish": 3.0, "relu6": 5.0}
for name, points in KINKED.items():
    def smooth(*shape):
        return away(*shape, points=points, scale=WIDE.get(name, 1.5))
    op(name, smooth())
    op(name, smooth(2, 0), **EMPTY)
    op(name, smooth(2, 4, 1).sliced(1, 1, 4, 2).expanded(2, 2, 2))
    op(name, values([1e300, -1e300, 1e-300, -1e-300]) if name not in ("floor", "ceil",
                                                                      "round") else values([1e-300, -1e-300, 0.25]),
       tags="extreme")
    op(name, values(points[0]), tags="kink", note="a tensor without axes")
for slope in (0.0, 1, -0.5):
    op("leaky_relu", away(2, 3), {"negative_slope": slope})
op("leaky_relu", values([-1.0, 0.0, 1.0]), {"negative_slope": 0.3}, tags="kink")
op("elu", values([-800.0, -1e-10, 1e-10, 2.0]), {"alpha": 0.5}, tags="extreme")
op("elu", values([-1.0, 0.0, 1.0]), {"alpha": 2.5}, tags="kink")
op("elu", away(2, 3), {"alpha": 2})
op("celu", away(2, 3), {"alpha": 3.0})
op("celu", values([-1.0, 0.0, 1.0]), {"alpha": 2.5}, tags="kink")
op("celu", values([-800.0, -1e-10, 2.0]), {"alpha": 0.5}, tags="extreme")
op("hardtanh", away(2, 3, points=[0.0, 6.0], scale=4.0), {"min_val": 0, "max_val": 6})
op("hardtanh", values([-2.0, -0.5, 0.0, 2.0, 3.0]), {"min_val": -0.5, "max_val": 2.0}, tags="kink")
op("hardtanh", away(2, 3, points=[-3.0, 1.0], scale=3.0), {"min_val": -3.0})
op("softshrink", away(2, 3), {"lambd": 0.0})
op("softshrink", away(2, 3, points=[-1.5, 1.5]), {"lambd": 1.5})
op("softshrink", values([-1.5, -1.0, 0.0, 1.5]), {"lambd": 1.5}, tags="kink")
op("round", values([1.234, -5.678, 0.059]), {"decimals": 2})
op("round", values([14.0, -16.0, 123.0]), {"decimals": -1})
op("round", values([0.25, 0.75, -0.25, 2.5]), {"decimals": 1}, tags="kink")
op("round", values([0.49999999999999994, -0.49999999999999994, 4503599627370495.5]), tags="extreme kink")
op("floor", values([-0.5, -0.0, 1e15 + 0.5, 4503599627370496.0]), tags="extreme kink")
op("ceil", values([-0.5, -0.0, 1e15 + 0.5, 4503599627370496.0]), tags="extreme kink")
op("sign", values([INF, -INF, -0.0]), tags="kink")
op("relu", values([INF, -INF, 1.0]), **INFINITE)
op("abs", values([INF, -INF, 1.0]), **INFINITE)

op("gelu", values([-38.0, -6.0, 6.0, 38.0]), {"approximate": "tanh"}, tags="extreme")
op("gelu", normal(0, 2), {"approximate": "tanh"}, **EMPTY)
op("gelu", normal(), {"approximate": "tanh"})

op("prelu", {"input": away(2, 3, 2, 2), "weight": normal(3)})
op("prelu", {"input": away(1, 2), "weight": normal(2)})
op("prelu", {"input": away(), "weight": normal(1)})
op("prelu", {"input": away(2, 3, 2), "weight": normal(1)})
op("prelu", {"input": away(4, 3, 2).permuted(2, 1, 0), "weight": normal(6).sliced(0, 0, 6, 2)})
op("prelu", {"input": away(0, 3), "weight": normal(3)}, **EMPTY)
op("prelu", {"input": values([[-1.0, 0.0], [0.0, 2.0]]), "weight": values([0.25, -0.5])}, tags="kink")
op("prelu", {"input": away(2, 3).frozen(), "weight": normal(3)})
op("threshold", away(), {"threshold": 0, "value": 1})
op("threshold", away(0, 2), {"threshold": 0.1, "value": 20}, **EMPTY)
op("threshold", away(4, 3, points=[-0.5]).permuted(1, 0), {"threshold": -0.5, "value": 3.5})
op("threshold", values([0.0, -0.0, 1e-300, -1e-300]), {"threshold": 0.0, "value": -7.0}, tags="kink")
op("threshold", values([INF, -INF, 0.0]), {"threshold": 1.0, "value": 2.0}, **INFINITE)
op("threshold", away(2, 3, points=[1.0]), {"threshold": 1.0, "value": 1.0})
op("clamp", away(), {"min": 0.0})
op("clamp", away(2, 3), {"max": 0})
op("clamp", away(0, 3), {"min": -1, "max": 1}, **EMPTY)
op("clamp", away(3, 4, points=[-0.5, 0.5]).permuted(1, 0), {"min": -0.5, "max": 0.5})
op("clamp", away(2, 3, points=[0.5, 1.0]), {"min": 1.0, "max": 0.5}, note="min above max: max wins everywhere")
op("clamp", {"input": distinct(2, 3), "min": distinct(2, 3, spacing=0.15), "max": uniform(2, 3, low=1.0, high=1.5)},
   note="bounds are tensors, differentiated too")
op("clamp", {"input": away(2, 3, points=[-0.5, 0.5]), "min": values([-0.5]), "max": values([[0.5], [0.6]])},
   tags="kink", note="bounds broadcast")
op("clamp", {"input": away(2, 3), "min": normal(3)})
op("clamp", {"input": values([-1.0, 0.0, 1.0]), "min": values([0.0, 0.0, 0.0]), "max": values([1.0, 1.0, 1.0])},
   tags="kink")
op("clamp", values([-INF, 0.0, INF]), {"min": -2.0, "max": 2.0}, second=False)
op("clamp", values([1e300, -1e300, 1e-300]), {"min": -1e30, "max": 1e30}, tags="extreme")
op("clamp", values([0.0, 0.5]), {"min": 0.0}, tags="kink")
op("clamp", values([0.0, 0.5]), {"max": 0.5}, tags="kink")

# ---------------------------------------------------------------- reductions and scans

for name in ("sum", "mean"):
    op(name, normal(2, 3, 4), {"dim": [-1, -3]})
    op(name, normal(2, 3, 4), {"dim": [0, 1, 2], "keepdim": True})
    op(name, normal(2, 3), {"dim": []}, note="no dims: all of them")
    op(name, normal(2, 1, 3, 2), {"dim": -3, "keepdim": True})
    op(name, normal())
    op(name, normal(), {"dim": 0})
    op(name, normal(2, 1).expanded(2, 3), {"dim": -1})
    op(name, normal(5, 4, 3).permuted(2, 0, 1).sliced(1, 0, 5, 2), {"dim": [0, 2]})
    op(name, normal(0, 3), {"dim": 1}, **EMPTY)
    op(name, values([[1e6 + 1, 1e6 - 3, 1e6 + 2], [1e-300, -1e-300, 1e-308]]), {"dim": 1}, tags="extreme")
op("sum", normal(0, 3), **EMPTY)
op("sum", normal(2, 0, 3), {"dim": [1, -1], "keepdim": True}, **EMPTY)
op("sum", values([1e300, 1e300, -1e300]), tags="extreme")
op("mean", normal(2, 0, 3), {"dim": 2, "keepdim": True}, **EMPTY)
op("sum", values([[1.0, INF], [-INF, 2.0]]), {"dim": 0}, **INFINITE)

op("prod", normal())
op("prod", normal(2, 3, 2), {"dim": -2, "keepdim": True})
op("prod", normal(2, 3))
op("prod", normal(1, 3), {"dim": 0})
op("prod", normal(0, 3), {"dim": 0}, note="the empty product is 1", **EMPTY)
op("prod", normal(0, 3), **EMPTY)
op("prod", normal(2, 0), {"dim": 0, "keepdim": True}, **EMPTY)
op("prod", values([2.0, 0.0, 3.0]), note="one zero factor")
op("prod", values([2.0, 0.0, 0.0, 3.0]), note="two zero factors")
op("prod", values([[0.0, 0.0, 2.0], [0.0, 3.0, 2.0], [0.0, 0.0, 0.0]]), {"dim": -1, "keepdim": True})
op("prod", values(0.0), {"dim": 0})
op("prod", values([[1.5, 0.0], [2.0, 0.0], [0.5, 3.0]]).permuted(1, 0), {"dim": 1})
op("prod", normal(4, 3).permuted(1, 0).sliced(1, 0, 4, 2), {"dim": 1})
op("prod", normal(2, 1).expanded(2, 3), {"dim": 1}, note="the cube of an element")
op("prod", values([1e60, 1e-60, 1e50, -1e-40]), tags="extreme", second=False)

for name in ("var", "std"):
    op(name, normal(2, 3, 4), {"dim": [-1, 0], "unbiased": True})
    op(name, normal(2, 3, 4), {"dim": [0, 1, 2], "unbiased": False, "keepdim": True})
    op(name, normal(3, 4), {"unbiased": False})
    op(name, normal(3, 4), {"dim": 1, "correction": 0})
    op(name, normal(3, 4), {"dim": 1, "correction": 1, "keepdim": True})
    op(name, normal(3, 5), {"dim": [1], "correction": 2})
    op(name, normal(2, 3), {"dim": None, "correction": 3})
    op(name, normal(2, 3), {"dim": 1})
    op(name, normal(4, 6, 2).permuted(2, 0, 1).sliced(2, 0, 6, 2), {"dim": [-1], "unbiased": True, "keepdim": True})
    op(name, normal(2, 4, scale=1e-100), {"dim": 1, "unbiased": True}, tags="extreme")
    op(name, normal(2, 4, scale=1e100), {"dim": 1, "unbiased": False}, tags="extreme", second=False)
    op(name, normal(2, 5, shift=1e4), {"dim": 1, "unbiased": True}, note="far from zero")
    op(name, values([[1e6 + 1.0, 1e6 + 2.0, 1e6 + 6.0], [-1e8, -1e8 - 3.0, -1e8 + 6.0]]), {"dim": 1}, tags="extreme",
       check=False, note="far from zero; mean and deviations are exact in float64")
    op(name, normal(0, 3), {"dim": 1, "unbiased": False}, **EMPTY)
    op(name, normal(1, 4).expanded(3, 4), {"dim": [1], "unbiased": True})
op("var", values([[3.0, 3.0, 3.0], [1.0, 2.0, 4.0]]), {"dim": 1, "unbiased": True}, note="a constant row")
op("var", normal(3, 1), {"dim": 1, "unbiased": False}, note="one value")
op("var", normal(), {"unbiased": False})
op("std", values([[3.0, 3.0, 3.0], [1.0, 2.0, 4.0]]), {"dim": 1, "unbiased": True}, tags="kink",
   note="a constant row has gradient 0")
op("std", values([[3.0], [1.0]]), {"dim": 1, "unbiased": False}, tags="kink")
op("std", values([0.0, 0.0, 0.0]), {"unbiased": True}, tags="kink")

for name in ("amax", "amin"):
    op(name, distinct(2, 3))
    op(name, distinct(2, 3), {"dim": []})
    op(name, distinct(2, 3, 2), {"dim": -2, "keepdim": True})
    op(name, distinct(2, 3, 2), {"dim": [-1, 0, 1], "keepdim": True})
    op(name, distinct(), {"dim": 0})
    op(name, distinct(3, 1), {"dim": [1]})
    op(name, distinct(0, 3), {"dim": 1}, **EMPTY)
    op(name, distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
    op(name, values([[1.0, 3.0, 1.0], [1.0, 3.0, 3.0]]), tags="tie")
    op(name, values([[[1.0, 3.0], [3.0, 1.0]], [[2.0, 2.0], [2.0, 2.0]]]), {"dim": [0, 2]}, tags="tie")
    op(name, values([[2.0], [5.0]]).expanded(2, 3), {"dim": 1}, tags="tie", note="equal because expanded")
    op(name, values([[-INF, -INF], [INF, INF], [1.0, INF], [-INF, 2.0]]), {"dim": 1}, tags="tie nonfinite")
    op(name, values([[1e300, -1e300, 1e-300], [-5e-324, 5e-324, 0.0]]), {"dim": 1}, tags="extreme", check=False,
       note="subnormal numbers are told from zero")
for name in ("max", "min"):
    op(name, distinct(2, 3, 2), {"dim": -2})
    op(name, distinct(2, 3, 2), {"dim": -1, "keepdim": True})
    op(name, distinct())
    op(name, distinct(), {"dim": 0})
    op(name, distinct(1, 1, 1))
    op(name, distinct(0, 3), {"dim": 1}, **EMPTY)
    op(name, distinct(2, 1, 3), {"dim": 1, "keepdim": True})
    op(name, distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
    op(name, values([1.0, 3.0, 1.0, 3.0, 3.0]), tags="tie", note="without dim the gradient is split evenly")
    op(name, values([[2.0, 5.0], [2.0, 5.0], [1.0, 5.0], [1.0, 7.0]]), {"dim": 0, "keepdim": True}, tags="tie")
    op(name, values([[-INF, -INF], [INF, INF], [1.0, INF], [-INF, 2.0]]), {"dim": 1}, tags="tie nonfinite")
op("argmax", distinct(2, 3, 2).frozen(), {"dim": -2})
op("argmax", distinct(2, 3).frozen(), {"dim": None, "keepdim": True})
op("argmax", distinct().frozen())
op("argmax", distinct(3, 1).frozen(), {"dim": 1})
op("argmax", distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2).frozen(), {"dim": -1})
op("argmax", distinct(4, 6).permuted(1, 0).frozen(), note="flat position in the permuted tensor")
op("argmax", values([1.0, 3.0, 3.0, 0.0]).frozen(), tags="tie")
op("argmax", values([[-INF, -INF], [1.0, INF]]).frozen(), {"dim": 1, "keepdim": True}, tags="tie")
op("argmax", distinct(0, 3).frozen(), {"dim": 1}, **EMPTY)
op("argmax", values([[0.0, -0.0, 0.0]]).frozen(), {"dim": 1}, tags="tie")

op("logsumexp", normal(), {"dim": 0})
op("logsumexp", normal(2, 3, 2), {"dim": -2})
op("logsumexp", normal(2, 3, 2), {"dim": [-1, 0, 1]})
op("logsumexp", normal(3, 1), {"dim": 1, "keepdim": True}, note="one term")
op("logsumexp", normal(0, 3), {"dim": 1}, **EMPTY)
op("logsumexp", normal(0, 3), {"dim": 0}, tags="empty nonfinite", note="log of an empty sum")
op("logsumexp", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": [0]})
op("logsumexp", values([[-INF, 0.5, 2.0], [1.0, -INF, -INF]]), {"dim": 1})
op("logsumexp", values([[1e300, -1e300], [700.0, 710.0], [-745.0, -746.0]]), {"dim": 1}, tags="extreme")
op("logsumexp", normal(2, 1).expanded(2, 3), {"dim": 1})

for p in (0.5, 1.5, 3, 4, -1, -2.0):
    op("norm", away(2, 3, gap=0.3), {"p": p})
    op("norm", away(2, 3, 2, gap=0.3),
       {"p": p, "dim": [0, -1]} if p in (0.5, 3, -1) else {"p": p, "dim": -2, "keepdim": True})
op("norm", normal(2, 3), note="default: the Frobenius norm")
op("norm", normal(2, 3, 2), {"dim": [0, 2]})
op("norm", normal(2, 3), {"p": "fro", "dim": [0, 1], "keepdim": True})
op("norm", diagonally_heavy(3, 3), {"p": "nuc"})
op("norm", diagonally_heavy(2, 3, 3).permuted(1, 0, 2), {"p": "nuc", "dim": [0, 2], "keepdim": True})
op("norm", distinct(2, 3, 2), {"p": -INF, "dim": [0, 1]})
op("norm", distinct(2, 3), {"p": -INF})
op("norm", distinct(2, 3, 2), {"p": INF, "dim": -1, "keepdim": True})
op("norm", away(2, 3), {"p": 0, "dim": 1}, note="counts what is not zero")
op("norm", away(), {"p": 2})
op("norm", away(3, 1), {"p": 1, "dim": 1})
op("norm", normal(0, 3), {"p": 2, "dim": 1}, **EMPTY)
op("norm", normal(0, 3), {"p": 2}, **EMPTY)
op("norm", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"p": 2, "dim": 0})
op("norm", normal(2, 1).expanded(2, 3), {"p": 3, "dim": 1})
for p in (0, 0.5, 1, 1.5, 2, 3, INF):
    op("norm", values([[0.0, 0.0, 0.0], [0.0, 2.0, -1.0]]), {"p": p, "dim": 1}, tags="kink",
       note="a zero row has gradient 0")
op("norm", values([0.0, 0.0]), tags="kink")
op("norm", values([[3.0, -3.0, 1.0], [2.0, 2.0, 2.0]]), {"p": INF, "dim": 1}, tags="tie", note="split evenly")
op("norm", values([[3.0, -3.0, 5.0], [2.0, 2.0, 2.0]]), {"p": -INF, "dim": 1}, tags="tie")
op("norm", values([[3.0, -3.0], [-3.0, 1.0]]), {"p": INF}, tags="tie")
op("norm", values([1e100, -1e100, 1e90]), {"p": 2}, tags="extreme")
op("norm", values([1e300, -1e300, 1e290]), {"p": INF}, tags="extreme")
op("norm", values([1e300, -1e299, 1e-300]), {"p": 1}, tags="extreme")

op("cumsum", normal(), {"dim": 0})
op("cumsum", normal(2, 3, 2), {"dim": -3})
op("cumsum", normal(3, 1), {"dim": 1})
op("cumsum", normal(0, 3), {"dim": 0}, **EMPTY)
op("cumsum", normal(0, 3), {"dim": 1}, **EMPTY)
op("cumsum", normal(2, 1).expanded(2, 4), {"dim": 1})
op("cumsum", normal(6, 4, 2).permuted(2, 0, 1).sliced(1, 0, 6, 2), {"dim": -1})
op("cumsum", values([1e300, -1e300, 1e-300, 1.0]), {"dim": 0}, tags="extreme")
op("cumprod", normal(), {"dim": 0})
op("cumprod", normal(2, 3, 2), {"dim": -2})
op("cumprod", normal(3, 1), {"dim": 1})
op("cumprod", normal(0, 3), {"dim": 0}, **EMPTY)
op("cumprod", normal(0, 3), {"dim": -1}, **EMPTY)
op("cumprod", normal(6, 4).permuted(1, 0).sliced(1, 0, 6, 2), {"dim": -1})
op("cumprod", normal(2, 1).expanded(2, 3), {"dim": 1})
op("cumprod", values([0.0, 1.5, -2.0, 3.0]), {"dim": 0}, note="a zero at the start")
op("cumprod", values([1.5, -2.0, 3.0, 0.0]), {"dim": 0}, note="a zero at the end")
op("cumprod", values([[1.5, 0.0, 2.0, 0.0, 3.0], [0.0, 0.0, 1.0, 2.0, 0.5]]), {"dim": 1}, note="two zero factors")
op("cumprod", values([[1.5, 0.0], [0.0, 2.0], [3.0, -1.0]]), {"dim": 0})
op("cumprod", values(0.0), {"dim": 0})
op("cumprod", values([1e60, 1e60, 1e-90, 1e-30]), {"dim": 0}, tags="extreme", second=False)

op("median", distinct(6), note="of an even number the lower one")
op("median", distinct(2, 3, 2))
op("median", distinct())
op("median", distinct(), {"dim": 0})
op("median", distinct(2, 5, 2), {"dim": -2, "keepdim": True})
op("median", distinct(3, 1), {"dim": -1})
op("median", distinct(1, 4), {"dim": 0, "keepdim": True})
op("median", distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
op("median", distinct(0, 3), {"dim": 1}, **EMPTY)
op("median", values([3.0, 3.0, 1.0, 3.0]), tags="tie", note="without dim the gradient is split evenly")
op("median", values([[1.0, INF, -INF], [INF, INF, 0.5]]).frozen(), {"dim": 0}, tags="nonfinite")
op("median", values([[-1e300, 1e300, 1e-300, 0.0, -1e-300]]), {"dim": 1}, tags="extreme", check=False)
op("sort", distinct(5), note="default: the last dim, ascending")
op("sort", distinct(2, 3, 4), {"dim": -2, "descending": True})
op("sort", distinct(2, 3, 4), {"dim": 0})
op("sort", distinct(), {"dim": 0})
op("sort", distinct(3, 1), {"dim": -1, "descending": True})
op("sort", distinct(0, 3), {"dim": 0}, **EMPTY)
op("sort", distinct(2, 0), {"dim": 1, "descending": True}, **EMPTY)
op("sort", distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
op("sort", values([[2.0, 1.0, 2.0, 1.0, 2.0]]), {"dim": 1, "descending": True, "stable": True}, tags="tie")
op("sort", values([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), {"dim": 0, "descending": True, "stable": True}, tags="tie")
op("sort", values([0.0, -0.0, 0.0]), {"stable": True, "dim": 0}, tags="tie")
op("sort", values([INF, 1.0, -INF, 0.0]), {"dim": 0, "stable": True}, tags="nonfinite", check=False)
op("sort", distinct(40), {"dim": 0, "descending": True})
op("topk", distinct(6), {"k": 1})
op("topk", distinct(2, 5), {"k": 5, "largest": False})
op("topk", distinct(2, 5, 3), {"k": 2, "dim": -2})
op("topk", distinct(2, 5, 3), {"k": 1, "dim": 0, "largest": False, "sorted": True})
op("topk", distinct(), {"k": 1})
op("topk", distinct(2, 3), {"k": 0, "dim": 1}, check=False)
op("topk", distinct(0, 3), {"k": 2}, **EMPTY)
op("topk", distinct(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"k": 2, "dim": 0})
op("topk", distinct(3, 1), {"k": 1, "dim": 1, "sorted": True})
op("topk", values([1.0, INF, -INF, 3.0]), {"k": 2, "dim": 0}, tags="nonfinite", check=False)

# ---------------------------------------------------------------- shapes and indexing

op("reshape", normal(2, 3, 4), {"shape": [-1]})
op("reshape", normal(), {"shape": [1, 1]})
op("reshape", normal(1), {"shape": []})
op("reshape", normal(0, 3), {"shape": [3, 0, 2]}, **EMPTY)
op("reshape", normal(2, 3, 4).permuted(2, 0, 1), {"shape": [4, -1]})
op("reshape", normal(2, 1).expanded(2, 3), {"shape": [3, 2]})
op("reshape", normal(4, 6).sliced(1, 0, 6, 2), {"shape": [2, 2, 3, 1]})
op("transpose", normal(2, 3, 4, 2), {"dim0": 1, "dim1": -1})
op("transpose", normal(2, 3), {"dim0": 1, "dim1": 1})
op("transpose", normal(), {"dim0": 0, "dim1": -1})
op("transpose", normal(0, 3), {"dim0": 0, "dim1": 1}, **EMPTY)
op("transpose", normal(2, 1).expanded(2, 3), {"dim0": 0, "dim1": 1})
op("permute", normal(2, 3, 4, 1), {"dims": [3, -2, 0, 1]})
op("permute", normal(), {"dims": []})
op("permute", normal(3), {"dims": [0]})
op("permute", normal(2, 0, 3), {"dims": [1, 2, 0]}, **EMPTY)
op("permute", normal(2, 1, 3).expanded(2, 4, 3), {"dims": [1, 2, 0]})
op("squeeze", normal(1, 1))
op("squeeze", normal(), {"dim": 0})
op("squeeze", normal(2, 1, 3), {"dim": -2})
op("squeeze", normal(1, 0, 1), {"dim": 0}, **EMPTY)
op("squeeze", normal(1, 3, 2).permuted(1, 0, 2), {"dim": 1})
op("squeeze", normal(2, 3))
op("unsqueeze", normal(2, 3), {"dim": -3})
op("unsqueeze", normal(2, 3), {"dim": 2})
op("unsqueeze", normal(), {"dim": -1})
op("unsqueeze", normal(0), {"dim": 1}, **EMPTY)
op("unsqueeze", normal(3, 4).permuted(1, 0), {"dim": 1})
op("expand", normal(3), {"size": [2, 2, 3]})
op("expand", normal(1, 3, 1), {"size": [2, -1, 4]})
op("expand", normal(2, 3), {"size": [-1, -1]})
op("expand", normal(1, 3), {"size": [0, 3]}, note="expanded to nothing: gradient 0")
op("expand", normal(0, 1), {"size": [0, 2]}, **EMPTY)
op("expand", normal(4, 3).permuted(1, 0).sliced(1, 1, 2), {"size": [3, 2]})
op("broadcast_to", normal(), {"size": [3]})
op("broadcast_to", normal(), {"size": []})
op("broadcast_to", normal(1, 3, 1), {"size": [2, 3, 2]})
op("broadcast_to", normal(2, 1), {"size": [2, -1]})
op("broadcast_to", normal(1), {"size": [0]}, note="broadcast to nothing: gradient 0")
op("broadcast_to", normal(2, 3).permuted(1, 0), {"size": [2, 3, 2]})
op("cat", [normal(2, 3)], {"dim": -1}, note="one tensor")
op("cat", [normal(2, 3), normal(2, 3)], note="default dim 0")
op("cat", [normal(2, 1), normal(0, 1), normal(1, 1)], {"dim": 0}, **EMPTY)
op("cat", [normal(0), normal(2, 3)], {"dim": 1}, note="a tensor of shape [0] is skipped", **EMPTY)
op("cat", [normal(2, 2, 3).permuted(2, 0, 1), normal(3, 2, 4).sliced(2, 0, 4, 2), normal(3, 1, 2).expanded(3, 2, 2)],
   {"dim": -1})
op("cat", [normal(2, 2).frozen(), normal(1, 2)], {"dim": 0})
op("cat", [normal(2), normal(1), normal(3), normal(4)], {"dim": 0})
op("stack", [normal(2, 3)], {"dim": 1})
op("stack", [normal(2, 3), normal(2, 3)], {"dim": 2})
op("stack", [normal(2, 3), normal(2, 3)], {"dim": -2})
op("stack", [normal(), normal(), normal()], {"dim": -1})
op("stack", [normal(0, 2), normal(0, 2)], {"dim": 0}, **EMPTY)
op("stack", [normal(3, 2).permuted(1, 0), normal(2, 1).expanded(2, 3)])
op("split", normal(5), {"split_size_or_sections": 7}, note="longer than the axis")
op("split", normal(3, 2), {"split_size_or_sections": [0, 1, 2]}, note="an empty piece")
op("split", normal(2, 3, 4), {"split_size_or_sections": 1, "dim": -2})
op("split", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"split_size_or_sections": [1, 3], "dim": 1})
op("split", normal(0, 2), {"split_size_or_sections": 2, "dim": 1}, **EMPTY)
op("split", normal(6), {"split_size_or_sections": [1, 2, 3], "dim": -1})
op("chunk", normal(5), {"chunks": 1})
op("chunk", normal(3, 2), {"chunks": 5, "dim": 0}, note="more chunks than rows")
op("chunk", normal(2, 3, 4), {"chunks": 2, "dim": -2})
op("chunk", normal(9), {"chunks": 4, "dim": 0}, note="three pieces only")
op("chunk", normal(6, 4).permuted(1, 0), {"chunks": 3, "dim": 1})
op("chunk", normal(0, 2), {"chunks": 2, "dim": 1}, **EMPTY)
op("slice", normal(5), {"dim": 0, "start": 3, "end": 100}, note="an end beyond the axis")
op("slice", normal(5), {"dim": 0, "start": -100, "end": 2})
op("slice", normal(5), {"dim": 0, "start": 3, "end": 2}, check=False, note="nothing")
op("slice", normal(2, 5), {"dim": 1, "start": 1, "end": None, "step": 10})
op("slice", normal(2, 5, 3), {"dim": -2, "start": None, "end": -1, "step": 3})
op("slice", normal(0, 3), {"dim": 0, "start": 0, "end": 2}, **EMPTY)
op("slice", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0, "start": 1, "end": 3})
op("slice", normal(2, 1).expanded(2, 4), {"dim": 1, "start": 1, "end": 4, "step": 2})
op("index_select", {"input": normal(), "index": ints([0])}, {"dim": 0})
op("index_select", {"input": normal(4), "index": ints(2)}, {"dim": 0}, note="an index without axes")
op("index_select", {"input": normal(3, 2), "index": integers(0, low=0, high=1)}, {"dim": 0}, **EMPTY)
op("index_select", {"input": normal(2, 3, 4), "index": ints([1, 1, 1, 0])}, {"dim": -2})
op("index_select", {"input": normal(4, 3).permuted(1, 0), "index": ints([2, 2, 0, 1]).sliced(0, 0, 4, 2)}, {"dim": 1})
op("index_select", {"input": normal(3, 1).expanded(3, 4), "index": ints([3, 0, 3])}, {"dim": 1})
op("gather", {"input": normal(), "index": ints(0)}, {"dim": 0})
op("gather", {"input": normal(2, 3, 4), "index": integers(1, 3, 2, low=0, high=4)}, {"dim": 2})
op("gather", {"input": normal(2, 3, 4), "index": integers(2, 5, 3, low=0, high=3)}, {"dim": -2})
op("gather", {"input": normal(3, 4), "index": integers(0, 4, low=0, high=3)}, {"dim": 0}, **EMPTY)
op("gather", {"input": normal(4, 3).permuted(1, 0), "index": integers(2, 3, low=0, high=4).permuted(1, 0)}, {"dim": 1})
op("gather", {"input": normal(5), "index": ints([4, 4, 4, 0, 0])}, {"dim": 0}, note="repeated indices")
op("gather", {"input": normal(2, 1).expanded(2, 3), "index": ints([[0, 2], [1, 1]])}, {"dim": 1})
op("scatter_add", {"input": normal(), "index": ints(0), "src": normal()}, {"dim": 0})
op("scatter_add", {"input": normal(2, 3, 4), "index": integers(2, 3, 2, low=0, high=4), "src": normal(2, 3, 2)},
   {"dim": -1})
op("scatter_add", {"input": normal(3, 2, 2), "index": integers(4, 1, 2, low=0, high=3), "src": normal(4, 1, 2)},
   {"dim": 0})
op("scatter_add", {"input": normal(4, 3).permuted(1, 0), "index": integers(2, 2, low=0, high=4).permuted(1, 0),
                   "src": normal(2, 2).permuted(1, 0)}, {"dim": 1})
op("scatter_add", {"input": zeros(3).frozen(), "index": ints([0, 2, 0, 2]), "src": normal(4)}, {"dim": 0})
op("scatter_add", {"input": normal(3), "index": integers(0, low=0, high=1), "src": normal(0)}, {"dim": 0}, **EMPTY)
op("take", {"input": normal(), "index": ints([0, 0])})
op("take", {"input": normal(2, 3), "index": ints(4)})
op("take", {"input": normal(2, 3), "index": integers(0, low=0, high=1)}, **EMPTY)
op("take", {"input": normal(2, 3, 2), "index": ints([[-1, -12], [11, 0]])})
op("take", {"input": normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), "index": ints([[0, 5, 11]]).permuted(1, 0)})
op("take", {"input": normal(2, 1).expanded(2, 3), "index": ints([0, 1, 5])})
op("masked_fill", {"input": normal(2, 3), "mask": flags([[False] * 3] * 2)}, {"value": 1.0})
op("masked_fill", {"input": normal(2, 3), "mask": flags(True)}, {"value": 2})
op("masked_fill", {"input": normal(3), "mask": flags([[1, 0, 0], [0, 1, 0]])}, {"value": -3.0},
   note="the input broadcasts")
op("masked_fill", {"input": normal(2, 3), "mask": bools(2, 3), "value": normal()}, note="the value is a tensor")
op("masked_fill", {"input": normal(2, 2), "mask": flags([[1, 0], [0, 1]])}, {"value": -INF}, **INFINITE)
op("masked_fill", {"input": normal(0, 3), "mask": bools(3)}, {"value": 1.0}, **EMPTY)
op("masked_fill", {"input": normal(3, 2).permuted(1, 0), "mask": bools(3, 4).permuted(1, 0).sliced(0, 0, 4, 2)},
   {"value": 0.5})
op("masked_fill", {"input": normal(), "mask": flags([True, False])}, {"value": 0.5})
op("masked_select", {"input": normal(2, 3), "mask": flags([[0, 0, 0], [0, 0, 0]])}, check=False, note="nothing")
op("masked_select", {"input": normal(), "mask": flags(True)})
op("masked_select", {"input": normal(3), "mask": flags([[1, 0, 1], [0, 1, 1]])}, note="an element taken several times")
op("masked_select", {"input": normal(2, 1, 3), "mask": flags([[[1], [0]], [[1], [1]]])})
op("masked_select", {"input": normal(0, 3), "mask": bools(3)}, **EMPTY)
op("masked_select", {"input": normal(4, 2).sliced(0, 0, 4, 2), "mask": flags([[1, 0], [1, 1]]).permuted(1, 0)})
op("flip", normal(2, 3), {"dims": []})
op("flip", normal(), {"dims": []})
op("flip", normal(2, 3, 4), {"dims": [-2, 2, 0]})
op("flip", normal(0, 3), {"dims": [1]}, **EMPTY)
op("flip", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dims": [1]})
op("flip", normal(1, 3, 1), {"dims": [0, 2]})
op("roll", normal(5), {"shifts": -7, "dims": 0})
op("roll", normal(2, 3, 4), {"shifts": [1, 1, 1], "dims": [-1, 0, 2]}, note="an axis given twice")
op("roll", normal(), {"shifts": 3})
op("roll", normal(0, 3), {"shifts": 1, "dims": 1}, **EMPTY)
op("roll", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"shifts": [2], "dims": [1]})
op("roll", normal(4, 3).permuted(1, 0), {"shifts": -5}, note="flattened in logical order")
op("roll", normal(3), {"shifts": [0], "dims": [0]})
op("tile", normal(2, 3), {"dims": []})
op("tile", normal(), {"dims": [2, 3]})
op("tile", normal(2, 1, 2), {"dims": [1, 2, 3]})
op("tile", normal(2, 3), {"dims": [0, 2]}, note="repeated zero times: gradient 0")
op("tile", normal(0, 2), {"dims": [2, 2]}, **EMPTY)
op("tile", normal(3, 2).permuted(1, 0), {"dims": [3, 1, 2]})
op("tile", normal(1, 2).expanded(2, 2), {"dims": [2]})
op("repeat", normal(), {"repeats": [3]})
op("repeat", normal(), {"repeats": []})
op("repeat", normal(2, 3), {"repeats": [2, 1, 1, 3]})
op("repeat", normal(2, 3), {"repeats": [1, 0]}, note="repeated zero times: gradient 0")
op("repeat", normal(2, 0), {"repeats": [2, 2]}, **EMPTY)
op("repeat", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 3), {"repeats": [2, 2]})
op("pad", normal(2, 2, 1), {"pad": [1, 1, 0, 2, 2, 0], "value": -0.5})
op("pad", normal(2, 4, 5), {"pad": [-1, -2, 1, -1]}, note="crops and pads at once")
op("pad", normal(2, 3), {"pad": [0, 0]})
op("pad", normal(3), {"pad": [2, 0], "value": 3})
op("pad", normal(2, 3), {"pad": [-1, -2]}, check=False, note="nothing remains")
op("pad", normal(0, 3), {"pad": [1, 1]}, **EMPTY)
op("pad", normal(0, 3), {"pad": [0, 0, 1, 1], "value": 2.0}, **EMPTY)
op("pad", normal(2, 2), {"pad": [1, 0, 0, 1], "value": INF}, **INFINITE)
op("pad", normal(3, 2, 2).permuted(2, 1, 0), {"pad": [1, 2, 0, 1]})
op("pad", normal(3, 4), {"pad": [3, 3], "mode": "reflect"}, note="as far as it goes; no batch axis")
op("pad", normal(1, 3, 4), {"pad": [1, 3, 2, 1], "mode": "reflect"}, note="no batch axis")
op("pad", normal(1, 1, 2, 3, 3), {"pad": [2, 1, 0, 2, 1, 0], "mode": "reflect"})
op("pad", normal(1, 3, 2, 3).permuted(0, 2, 3, 1), {"pad": [2, 0, 0, 1], "mode": "reflect"})
op("pad", normal(2, 1), {"pad": [0, 3], "mode": "replicate"}, note="one element; no batch axis")
op("pad", normal(1, 2, 3), {"pad": [1, 1, 4, 0], "mode": "replicate"}, note="no batch axis")
op("pad", normal(1, 1, 2, 2, 2), {"pad": [1, 2, 0, 1, 2, 0], "mode": "replicate"})
op("pad", normal(1, 2, 2, 4).permuted(0, 1, 3, 2), {"pad": [1, 1, 2, 0], "mode": "replicate"})
op("pad", normal(1, 2, 4), {"pad": [1, 2], "mode": "circular"})
op("pad", normal(2, 1, 3), {"pad": [3, 3], "mode": "circular"}, note="a whole turn on each side")
op("pad", normal(1, 1, 3, 4), {"pad": [2, 1, 0, 3], "mode": "circular"})
op("pad", normal(1, 1, 2, 3, 2), {"pad": [1, 0, 0, 1, 2, 0], "mode": "circular"})
op("pad", normal(1, 4, 3, 2).permuted(0, 3, 2, 1), {"pad": [0, 1, 2, 2], "mode": "circular"})
for name in ("tril", "triu"):
    op(name, normal(3, 4), {"diagonal": 2})
    op(name, normal(3, 4), {"diagonal": -2})
    op(name, normal(2, 3), {"diagonal": 5})
    op(name, normal(2, 3), {"diagonal": -5})
    op(name, normal(1, 1))
    op(name, normal(0, 3), **EMPTY)
    op(name, normal(2, 0, 2, 2), {"diagonal": 1}, **EMPTY)
    op(name, normal(2, 2, 3, 3), {"diagonal": -1})
    op(name, normal(4, 3, 2).permuted(2, 0, 1), {"diagonal": 1})
    op(name, normal(1, 3).expanded(3, 3))
op("diag", normal(4, 3), {"diagonal": -2})
op("diag", normal(3, 4), {"diagonal": 3})
op("diag", normal(3), {"diagonal": 2})
op("diag", normal(3, 4), {"diagonal": 4}, check=False, note="nothing")
op("diag", normal(1))
op("diag", normal(0), **EMPTY)
op("diag", normal(0), {"diagonal": 1}, **EMPTY)
op("diag", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"diagonal": -1})
op("diag", normal(6).sliced(0, 1, 6, 2), {"diagonal": -2})
op("diagonal", normal(3, 4), {"offset": 2})
op("diagonal", normal(3, 4), {"offset": -1})
op("diagonal", normal(2, 3, 4, 3), {"offset": 0, "dim1": -1, "dim2": 1})
op("diagonal", normal(2, 3, 4), {"offset": -2, "dim1": 2, "dim2": 1})
op("diagonal", normal(2, 3), {"offset": 5}, check=False, note="nothing")
op("diagonal", normal(0, 2, 2), {"dim1": 1, "dim2": 2}, **EMPTY)
op("diagonal", normal(2, 3, 4).permuted(2, 1, 0), {"dim1": -2, "dim2": -1, "offset": 1})
op("diagonal", normal(3, 1).expanded(3, 3))
op("trace", normal(1, 1))
op("trace", normal(0, 0), **EMPTY)
op("trace", normal(0, 3), **EMPTY)
op("trace", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2))
op("trace", normal(1, 3).expanded(3, 3))
op("trace", normal(3, 1).expanded(3, 2))

# ---------------------------------------------------------------- products

for a, b in (((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 1, 3), (3, 2)), ((3, 2), (2, 2, 4)),
             ((1, 2, 2, 3), (2, 1, 3, 2)),
             ((2, 1, 1, 2, 3), (3, 1, 3, 2)), ((3,), (2, 1, 3, 2)), ((2, 1, 2, 3), (3,)), ((1,), (1,)),
             ((1, 1), (1, 4)),
             ((2, 7), (7, 2)), ((3, 2, 2), (1, 2, 3))):
    op("matmul", operands(a, b))
for a, b in (((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)), ((0,), (0,)), ((0, 2, 3), (3, 2)),
             ((2, 0, 3), (2, 3, 2)), ((0, 1, 2, 3), (2, 3, 2)), ((2, 2, 0), (0,))):
    op("matmul", operands(a, b), **EMPTY)
op("matmul", {"input": normal(2, 3).frozen(), "other": normal(3, 2)})
op("matmul", {"input": normal(4, 3, 2).permuted(2, 0, 1), "other": normal(3, 2).expanded(2, 3, 2)})
op("matmul", {"input": normal(1, 3).expanded(4, 3), "other": normal(3, 1).expanded(3, 2)})
op("matmul", {"input": normal(4, 3).selected(1, 1), "other": normal(4, 4, 6).sliced(2, 0, 6, 2).selected(0, 1)})
op("matmul", {"input": values([[1e150, 1e-150]]), "other": values([[1e100, 1.0], [1e250, -1.0]])}, tags="extreme")
op("bmm", {"input": normal(2, 3, 1), "mat2": normal(2, 1, 2)})
op("bmm", {"input": normal(3, 1, 4), "mat2": normal(3, 4, 1)})
op("bmm", {"input": normal(0, 2, 3), "mat2": normal(0, 3, 2)}, **EMPTY)
op("bmm", {"input": normal(2, 2, 0), "mat2": normal(2, 0, 2)}, **EMPTY)
op("bmm", {"input": normal(2, 3).expanded(2, 2, 3), "mat2": normal(6, 3, 2).sliced(0, 0, 6, 3)})
op("bmm", {"input": normal(2, 2, 3), "mat2": normal(2, 2, 3).permuted(0, 2, 1)})
op("addmm", {"input": normal(), "mat1": normal(2, 3), "mat2": normal(3, 4)}, {"beta": 2})
op("addmm", {"input": normal(1, 4), "mat1": normal(2, 3), "mat2": normal(3, 4)}, {"beta": -1.5, "alpha": 0.5})
op("addmm", {"input": normal(2, 4), "mat1": normal(2, 3), "mat2": normal(3, 4)}, {"beta": 0})
op("addmm", {"input": normal(2, 4), "mat1": normal(2, 3), "mat2": normal(3, 4)}, {"alpha": 0})
op("addmm", {"input": normal(2, 4), "mat1": normal(2, 0), "mat2": normal(0, 4)}, {"beta": 0.5}, **EMPTY)
op("addmm", {"input": normal(0, 4), "mat1": normal(0, 3), "mat2": normal(3, 4)}, **EMPTY)
op("addmm", {"input": normal(4, 2).permuted(1, 0), "mat1": normal(3, 2).permuted(1, 0),
             "mat2": normal(3, 8).sliced(1, 0, 8, 2)})
op("addmm", {"input": values([[INF, -INF], [1.0, 2.0]]).frozen(), "mat1": normal(2, 3), "mat2": normal(3, 2)},
   {"beta": 0}, note="with beta 0 the input is not looked at")
op("outer", {"input": normal(5), "vec2": normal(1)})
op("outer", {"input": normal(0), "vec2": normal(3)}, **EMPTY)
op("outer", {"input": normal(2), "vec2": normal(0)}, **EMPTY)
op("outer", {"input": normal(1).expanded(3), "vec2": normal(6).sliced(0, 1, 6, 2)})
op("outer", {"input": normal(3).frozen(), "vec2": normal(2)})
op("dot", {"input": normal(0), "tensor": normal(0)}, **EMPTY)
op("dot", {"input": normal(20), "tensor": normal(20)})
op("dot", {"input": normal(1).expanded(4), "tensor": normal(4, 3).selected(1, 2)})
op("dot", {"input": normal(3), "tensor": normal(3).frozen()})
op("dot", {"input": values([1e150, 1e-150]), "tensor": values([1e100, 1e-100])}, tags="extreme")
for equation, shapes in (
        ("ba", [(2, 3)]),
        ("ij,jk", [(2, 3), (3, 2)]),
        ("ij,ji", [(2, 3), (3, 2)]),
        ("ij,ij->ij", [(2, 3), (2, 3)]),
        ("ij,kl->ijkl", [(2, 3), (1, 2)]),
        ("ij,kl->", [(2, 2), (3, 2)]),
        ("iij->j", [(2, 2, 3)]),
        ("iii->i", [(2, 2, 2)]),
        ("iijj->ij", [(2, 2, 3, 3)]),
        ("ii,ij->j", [(2, 2), (2, 3)]),
        ("iij,jk->ik", [(2, 2, 3), (3, 2)]),
        ("bi,bj->bij", [(3, 2), (3, 4)]),
        ("bn,anm,bm->ba", [(2, 3), (2, 3, 2), (2, 2)]),
        ("ij,jk,kl,lm->im", [(2, 3), (3, 2), (2, 2), (2, 3)]),
        ("i,j,k->kji", [(2,), (3,), (2,)]),
        ("ij,jk->ik", [(2, 1), (3, 4)]),
        ("bij,bjk->bik", [(1, 2, 3), (4, 3, 2)]),
        ("ij,ij->i", [(2, 3), (1, 3)]),
        ("...", [(2, 3)]),
        ("...ij->...ji", [(2, 2, 3)]),
        ("i...j->j...", [(2, 3, 2)]),
        ("...ii->...i", [(2, 3, 3)]),
        ("...ij,...jk->...ik", [(2, 1, 2, 3), (3, 3, 2)]),
        ("...ij,jk->ik...", [(3, 2, 1), (1, 2)]),
        ("...,...->...", [(2, 1, 3), (4, 1)]),
        ("...i,...i->...", [(2, 3, 2), (3, 2)]),
        (",ij->ij", [(), (2, 2)]),
        ("->", [()]),
        (",->", [(), ()]),
        ("i,->i", [(3,), ()]),
        (" i j , j k -> i k ", [(2, 3), (3, 2)]),
        ("Ij,jK->IK", [(2, 3), (3, 2)]),
        ("bhqk,bkhd->bqhd", [(1, 2, 2, 1), (1, 1, 2, 2)])):
    op("einsum", [normal(*s) for s in shapes], {"equation": equation})
op("einsum", [normal(0, 3), normal(3, 2)], {"equation": "ij,jk->ik"}, **EMPTY)
op("einsum", [normal(2, 0), normal(0, 2)], {"equation": "ij,jk->ik"}, **EMPTY)
op("einsum", [normal(2, 0)], {"equation": "ij->i"}, **EMPTY)
op("einsum", [normal(3, 2).permuted(1, 0), normal(3, 1).expanded(3, 2)], {"equation": "ij,jk->ki"})
op("einsum", [normal(3, 4, 3).permuted(0, 2, 1)], {"equation": "iij->ij"})
op("einsum", [normal(2, 3).frozen(), normal(3, 2)], {"equation": "ij,jk->ik"})

# ---------------------------------------------------------------- linear algebra

op("inv", invertible(1, 1))
op("inv", invertible(2, 3, 2, 2))
op("inv", invertible(8, 8))
op("inv", invertible(0, 3, 3), **EMPTY)
op("inv", invertible(2, 0, 0), **EMPTY)
op("inv", invertible(2, 3, 3).permuted(0, 2, 1))
op("inv", invertible(2, 2).expanded(3, 2, 2))
op("inv", diagonally_heavy(2, 4, 4).selected(0, 1))
op("inv", values([[0.0, 2.0], [-4.0, 0.0]]), note="needs a pivot")
op("inv", values([[1e100, 0.0], [0.0, 2e100]]), tags="extreme", second=False)
op("det", invertible(1, 1))
op("det", invertible(8, 8))
op("det", invertible(2, 3, 2, 2))
op("det", invertible(0, 2, 2), **EMPTY)
op("det", normal(2, 3, 3).permuted(0, 2, 1))
op("det", invertible(2, 2).expanded(2, 2, 2))
op("det", values([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [3.0, 0.0, 0.0]]), note="a scaled permutation")
op("det", values([[1.0, 2.0], [2.0, 3.0]]))
op("slogdet", values([[-2.5]]))
op("slogdet", invertible(5, 5))
op("slogdet", invertible(2, 1, 2, 2))
op("slogdet", invertible(0, 2, 2), **EMPTY)
op("slogdet", invertible(2, 0, 0), **EMPTY)
op("slogdet", invertible(2, 3, 3).permuted(0, 2, 1))
op("slogdet", values([[1.0, 2.0], [2.0, 4.0]]).frozen(), tags="nonfinite", note="a singular matrix: (0, -inf)")
op("slogdet", values([[1e200, 0.0], [0.0, -1e200]]), tags="extreme", note="the determinant itself overflows")
op("solve", {"A": invertible(1, 1), "B": normal(1, 3)})
op("solve", {"A": invertible(8, 8), "B": normal(8)})
op("solve", {"A": invertible(2, 3, 3), "B": normal(2, 3)}, note="a batch of vectors")
op("solve", {"A": invertible(2, 1, 2, 2), "B": normal(3, 2, 2)}, note="batches broadcast")
op("solve", {"A": invertible(3, 3), "B": normal(4, 3, 2)})
op("solve", {"A": invertible(2, 3, 3), "B": normal(3, 2)})
op("solve", {"A": invertible(2, 2, 2), "B": normal(2)}, note="one vector for all matrices")
op("solve", {"A": invertible(2, 1, 2, 2), "B": normal(2, 1, 2)})
op("solve", {"A": invertible(3, 3, 3), "B": normal(3, 3)}, note="shaped like a batch of vectors, so it is one")
op("solve", {"A": invertible(3, 3).permuted(1, 0), "B": normal(2, 3).permuted(1, 0)})
op("solve", {"A": invertible(3, 3).frozen(), "B": normal(3, 2)})
op("solve", {"A": invertible(3, 3), "B": normal(3, 2).frozen()})
op("solve", {"A": invertible(0, 3, 3), "B": normal(0, 3, 2)}, **EMPTY)
op("solve", {"A": invertible(3, 3), "B": normal(3, 0)}, **EMPTY)
op("solve", {"A": invertible(2, 0, 0), "B": normal(2, 0, 2)}, **EMPTY)
op("cholesky", spd(1, 1))
op("cholesky", spd(8, 8))
op("cholesky", spd(2, 3, 2, 2), {"upper": True})
op("cholesky", spd(2, 3, 3), {"upper": False})
op("cholesky", spd(0, 3, 3), **EMPTY)
op("cholesky", spd(2, 0, 0), {"upper": True}, **EMPTY)
op("cholesky", spd(2, 3, 3).permuted(0, 2, 1), {"upper": True})
op("cholesky", values([[4.0, 1.0], [3.0, 5.0]]), note="not symmetric: the symmetric part counts")
op("cholesky", values([[1e30, 1e-2], [1e-2, 1e-30]]).frozen(), tags="extreme")
for name in ("eigvalsh", "eigh"):
    op(name, spd(1, 1))
    op(name, spd(5, 5))
    op(name, spd(2, 3, 2, 2))
    op(name, spd(0, 3, 3), **EMPTY)
    op(name, spd(2, 0, 0), **EMPTY)
    op(name, spd(2, 3, 3).permuted(0, 2, 1))
    op(name, values([[3.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 0.5]]), note="diagonal, not in order")
    op(name, values([[0.0, 4.0], [0.0, 0.0]]), note="symmetrized")
    op(name, values([[2.0, 0.3, -0.2, 0.1], [0.0, -1.0, 0.4, 0.2], [0.1, 0.0, 0.5, -0.6], [0.0, 0.0, 0.0, 4.0]]))
    op(name, spd(3, 3).expanded(2, 3, 3))
op("qr", values([[-2.5]]))
op("qr", normal(4, 1), note="one column")
op("qr", diagonally_heavy(5, 5))
op("qr", diagonally_heavy(5, 5).sliced(1, 0, 3))
op("qr", diagonally_heavy(2, 3, 4, 4).sliced(3, 0, 2))
op("qr", diagonally_heavy(0, 3, 3), **EMPTY)
op("qr", normal(3, 0), **EMPTY)
op("qr", diagonally_heavy(2, 3, 3).permuted(0, 2, 1))
op("qr", values([[1.0, 0.3], [0.2, -2.0], [0.5, 0.4]]))
op("qr", diagonally_heavy(3, 3).sliced(0, 0, 2), note="wide")
op("svd", values([[-2.5]]))
op("svd", values([[3.0], [4.0], [1.0]]), note="one column")
op("svd", values([[3.0, 4.0, 1.0]]), note="one row")
op("svd", diagonally_heavy(2, 3, 3))
op("svd", diagonally_heavy(5, 5))
op("svd", diagonally_heavy(2, 2, 4, 4).sliced(3, 0, 2), note="a batch of tall ones")
op("svd", diagonally_heavy(2, 4, 4).sliced(1, 0, 2), note="a batch of wide ones")
op("svd", diagonally_heavy(0, 3, 3), **EMPTY)
op("svd", normal(0, 3), **EMPTY)
op("svd", diagonally_heavy(3, 3).permuted(1, 0))
op("svd", values([[0.0, -3.0], [0.5, 0.0]]))
for upper, left in itertools.product((True, False), (True, False)):
    shape = (2, 1) if left else (1, 2)
    op("solve_triangular", {"A": diagonally_heavy(2, 2, 2), "B": normal(2, *shape)}, {"upper": upper, "left": left})
    op("solve_triangular", {"A": diagonally_heavy(2, 2), "B": normal(*shape)},
       {"upper": upper, "left": left, "unitriangular": True})
op("solve_triangular", {"A": diagonally_heavy(2, 1, 2, 2), "B": normal(3, 2, 1)}, {"upper": True},
   note="batches broadcast")
op("solve_triangular", {"A": diagonally_heavy(3, 3), "B": normal(2, 2, 3)}, {"upper": False, "left": False})
op("solve_triangular", {"A": diagonally_heavy(1, 1), "B": normal(1, 1)}, {"upper": True})
op("solve_triangular", {"A": diagonally_heavy(5, 5), "B": normal(5, 2)}, {"upper": False})
op("solve_triangular", {"A": diagonally_heavy(3, 3).permuted(1, 0), "B": normal(2, 3).permuted(1, 0)}, {"upper": True})
op("solve_triangular", {"A": diagonally_heavy(0, 2, 2), "B": normal(0, 2, 3)}, {"upper": True}, **EMPTY)
op("solve_triangular", {"A": diagonally_heavy(2, 2), "B": normal(2, 0)}, {"upper": False}, **EMPTY)
op("solve_triangular", {"A": diagonally_heavy(3, 3).frozen(), "B": normal(3, 1)}, {"upper": True})
for order in ("fro", "nuc", INF, -INF, 1, -1, 2, -2):
    def matrix(*shape):
        return away(*shape) if order in (INF, -INF, 1, -1) else diagonally_heavy(*shape)
    op("matrix_norm", matrix(2, 3, 3), {"ord": order})
    op("matrix_norm", matrix(2, 3, 3).permuted(1, 0, 2), {"ord": order, "dim": [0, 2], "keepdim": True})
    op("matrix_norm", matrix(3, 3).sliced(0, 0, 2), {"ord": order, "dim": [-1, -2]}, note="the transpose's")
    if order in ("nuc", 1, -1, 2):
        op("matrix_norm", matrix(1, 1), {"ord": order, "keepdim": True})
    else:
        op("matrix_norm", matrix(0, 3, 3), {"ord": order}, **EMPTY)
    if order in ("fro", 1, INF):
        op("matrix_norm", matrix(2, 2, 2, 2), {"ord": order, "dim": [1, 3]})
op("matrix_norm", normal(2, 3), note="default: fro")
op("matrix_norm", diagonally_heavy(4, 4).sliced(1, 0, 2), {"ord": "nuc"}, note="tall")
op("matrix_norm", diagonally_heavy(4, 4).sliced(0, 0, 2), {"ord": 2}, note="wide")
op("matrix_norm", values([[0.0, 0.0], [0.0, 0.0]]), {"ord": "fro"}, tags="kink")
op("matrix_norm", values([[1.0, -2.0], [2.0, 1.0]]), {"ord": 1}, tags="tie", note="split evenly between the columns")
op("matrix_norm", values([[1.0, -2.0], [2.0, 1.0]]), {"ord": INF}, tags="tie")
op("matrix_norm", values([[1.0, 0.0], [0.0, -3.0]]), {"ord": 1}, tags="kink")
op("matrix_norm", values([[1.0, 0.0], [0.0, 1.0]]), {"ord": 2}, tags="tie")
op("matrix_norm", values([[1.0, 0.0], [0.0, 1.0]]), {"ord": "nuc"}, second=False)
op("kron", operands((2,), (2, 2)))
op("kron", operands((2, 2), (3,)))
op("kron", operands((2, 1, 2), (2, 2)))
op("kron", operands((2, 2, 1), (1, 2, 3)))
op("kron", operands((), (2, 2)))
op("kron", operands((2,), ()))
op("kron", operands((1, 1), (1, 1)))
op("kron", operands((0, 2), (2, 2)), **EMPTY)
op("kron", {"input": normal(3, 2).permuted(1, 0), "other": normal(2, 4).sliced(1, 0, 4, 2)})
op("kron", {"input": normal(2, 2), "other": normal(2, 2).frozen()})

# ---------------------------------------------------------------- softmax

for name in ("softmax", "log_softmax"):
    op(name, normal(), {"dim": 0})
    op(name, normal(3, 1), {"dim": 1}, note="one class")
    op(name, normal(2, 3, 2, 2), {"dim": 1})
    op(name, normal(2, 3, 2), {"dim": -3})
    op(name, normal(2, 3, 2), {"dim": -2})
    op(name, normal(0, 3), {"dim": 1}, **EMPTY)
    op(name, normal(0, 3), {"dim": 0}, **EMPTY)
    op(name, normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
    op(name, normal(2, 1).expanded(2, 3), {"dim": 1})
    op(name, values([[1e300, -1e300, 0.0], [1e-300, 0.0, -1e-300]]), {"dim": 1}, tags="extreme")
    op(name, values([[40.0, -700.0, -745.0]]), {"dim": 1}, tags="extreme")
    op(name, normal(20, scale=10.0), {"dim": 0})
op("softmax", values([[-INF, 1.0, 2.0], [0.5, -INF, -INF]]), {"dim": 1}, note="masked entries")
op("log_softmax", values([[-INF, 1.0, 2.0], [0.5, -INF, 0.5]]), {"dim": 1}, **INFINITE)

# ---------------------------------------------------------------- convolution and pooling

def conv(name, input, weight, attrs=None, bias=True, **more):
    op(name, convolution(input, weight, bias), attrs, **more)


def transposed(name, input, weight, attrs=None, bias=True, **more):
    groups = (attrs or {}).get("groups", 1)
    op(name, convolution(input, weight, bias, transposed_groups=groups), attrs, **more)


conv("conv1d", (1, 1, 1), (1, 1, 1), note="one number")
conv("conv1d", (2, 3, 4), (2, 3, 4), note="a kernel as long as the input")
conv("conv1d", (2, 2, 3), (3, 2, 1), note="kernel 1")
conv("conv1d", (2, 4, 6), (4, 1, 3), {"groups": 4, "padding": 1}, note="depthwise")
conv("conv1d", (2, 2, 6), (6, 1, 2), {"groups": 2, "stride": 2, "dilation": 2}, note="several outputs a channel")
conv("conv1d", (1, 2, 5), (2, 2, 2), {"padding": "same"}, note="an even kernel: the extra zero is at the end")
conv("conv1d", (1, 2, 6), (2, 2, 4), {"padding": "same", "dilation": 3}, bias=False)
conv("conv1d", (1, 2, 6), (2, 2, 3), {"padding": "valid", "stride": 3})
conv("conv1d", (1, 2, 3), (2, 2, 3), {"padding": [4], "stride": [2]}, note="more zeros than the kernel is long")
conv("conv1d", (3, 6), (2, 3, 3), {"padding": "same"}, bias=False, note="no batch axis")
conv("conv1d", (2, 7), (4, 1, 2), {"groups": 2, "stride": 2, "padding": 1, "dilation": 3}, note="no batch axis")
conv("conv1d", (1, 1, 9), (2, 1, 2), {"stride": 4})
conv("conv1d", (0, 2, 5), (2, 2, 3), **EMPTY)
op("conv1d", {"input": normal(6, 2, 4).permuted(2, 1, 0), "weight": normal(3, 2, 3).permuted(0, 1, 2),
              "bias": normal(3)})
op("conv1d", {"input": normal(1, 2, 12).sliced(2, 0, 12, 2), "weight": normal(3, 2, 2).permuted(2, 1, 0)},
   {"stride": 2})
op("conv1d", {"input": normal(1, 2, 5).frozen(), "weight": normal(2, 2, 3), "bias": normal(2)})
op("conv1d", {"input": normal(1, 2, 5), "weight": normal(2, 2, 3).frozen(), "bias": normal(2).frozen()})

conv("conv2d", (1, 1, 1, 1), (2, 1, 1, 1))
conv("conv2d", (2, 2, 3, 2), (2, 2, 3, 2), note="a kernel as large as the input")
conv("conv2d", (1, 2, 3, 4), (2, 2, 2, 2), {"padding": "same"}, note="an even kernel: the extra zeros are at the end")
conv("conv2d", (1, 2, 3, 4), (2, 1, 4, 3), {"padding": "same", "groups": 2, "dilation": [1, 2]}, bias=False)
conv("conv2d", (1, 1, 5, 5), (1, 1, 3, 3), {"padding": "valid", "dilation": 2})
conv("conv2d", (2, 4, 4), (3, 2, 3, 3), {"padding": 1}, note="no batch axis")
conv("conv2d", (2, 4, 5), (4, 1, 3, 2), {"groups": 2, "stride": [2, 3], "padding": [0, 1]}, bias=False)
conv("conv2d", (1, 2, 5, 4), (2, 1, 3, 3), {"groups": 2, "stride": 2, "padding": [2, 1], "dilation": [2, 1]})
conv("conv2d", (1, 4, 3, 4), (2, 2, 1, 3), {"groups": 2})
conv("conv2d", (1, 2, 5, 4), (4, 1, 3, 3), {"groups": 2, "stride": 2, "padding": 1}, note="depthwise, two outputs each")
conv("conv2d", (2, 2, 4, 4), (2, 2, 1, 1), {"stride": 2})
conv("conv2d", (1, 1, 3, 3), (1, 1, 2, 2), {"padding": 3})
conv("conv2d", (1, 2, 1, 7), (2, 2, 1, 3), {"padding": [0, 1]}, note="one row")
conv("conv2d", (1, 2, 7, 1), (2, 2, 3, 1), {"stride": [3, 1]}, note="one column")
conv("conv2d", (1, 1, 5, 5), (1, 1, 5, 5), {"padding": 2, "stride": 3})
conv("conv2d", (0, 2, 4, 4), (2, 2, 3, 3), **EMPTY)
op("conv2d", {"input": normal(1, 2, 4, 8).sliced(3, 0, 8, 2), "weight": normal(3, 3, 2, 2).permuted(3, 2, 0, 1),
              "bias": normal(2)})
op("conv2d", {"input": normal(1, 1, 4, 4).expanded(2, 1, 4, 4), "weight": normal(2, 1, 1, 3).expanded(2, 1, 3, 3)})
op("conv2d", {"input": normal(1, 2, 4, 4).frozen(), "weight": normal(2, 2, 3, 3), "bias": normal(2)})
op("conv2d", {"input": normal(1, 2, 4, 4), "weight": normal(2, 2, 3, 3).frozen()}, {"padding": 1})

conv("conv3d", (1, 1, 1, 1, 1), (1, 1, 1, 1, 1))
conv("conv3d", (1, 2, 2, 3, 1), (2, 2, 2, 3, 1), note="a kernel as large as the input")
conv("conv3d", (1, 1, 3, 2, 3), (2, 1, 2, 2, 3), {"padding": "same"})
conv("conv3d", (1, 1, 3, 3, 3), (1, 1, 2, 2, 2), {"padding": "valid", "stride": 2, "dilation": [2, 1, 1]})
conv("conv3d", (2, 2, 2, 3), (1, 2, 2, 2, 2), {"padding": [0, 1, 0]}, note="no batch axis")
conv("conv3d", (1, 2, 3, 3, 2), (4, 1, 2, 1, 2), {"groups": 2, "stride": [1, 2, 1], "padding": 1})
conv("conv3d", (1, 2, 2, 2, 3), (3, 2, 1, 1, 1), bias=False)
conv("conv3d", (1, 1, 4, 3, 5), (1, 1, 2, 2, 3), {"dilation": [2, 1, 2], "padding": [1, 1, 2], "stride": [2, 1, 2]})
conv("conv3d", (0, 1, 2, 2, 2), (1, 1, 2, 2, 2), **EMPTY)
op("conv3d", {"input": normal(1, 2, 2, 3, 2).permuted(0, 4, 1, 2, 3), "weight": normal(2, 2, 2, 2, 2),
              "bias": normal(2)})

transposed("conv_transpose1d", (1, 1, 1), (1, 1, 1))
transposed("conv_transpose1d", (2, 3, 4), (3, 2, 1), note="kernel 1")
transposed("conv_transpose1d", (2, 4, 3), (4, 1, 3), {"groups": 4, "padding": 1}, note="depthwise")
transposed("conv_transpose1d", (1, 4, 3), (4, 3, 2), {"groups": 2, "stride": 3, "output_padding": 2}, bias=False)
transposed("conv_transpose1d", (2, 3), (2, 3, 3), {"stride": 2}, note="no batch axis")
transposed("conv_transpose1d", (1, 2, 3), (2, 2, 3), {"dilation": 2, "padding": 2, "output_padding": 1})
transposed("conv_transpose1d", (1, 2, 4), (2, 2, 3),
           {"padding": 2, "stride": [3], "output_padding": [1], "dilation": [2]})
transposed("conv_transpose1d", (1, 2, 4), (2, 2, 4), {"padding": 3})
transposed("conv_transpose1d", (0, 2, 3), (2, 2, 2), **EMPTY)
op("conv_transpose1d",
   {"input": normal(1, 4, 2).permuted(0, 2, 1), "weight": normal(2, 2, 6).sliced(2, 0, 6, 2), "bias": normal(2)},
   {"stride": 2})
op("conv_transpose1d", {"input": normal(1, 2, 3).frozen(), "weight": normal(2, 2, 2), "bias": normal(2)})
transposed("conv_transpose2d", (1, 1, 1, 1), (1, 2, 2, 3))
transposed("conv_transpose2d", (1, 2, 3, 2), (2, 2, 1, 1), {"stride": 2, "output_padding": 1})
transposed("conv_transpose2d", (1, 2, 2, 3), (2, 1, 3, 3), {"groups": 2, "padding": 1}, note="depthwise")
transposed("conv_transpose2d", (2, 2, 3), (2, 2, 2, 3), {"stride": [1, 2]}, note="no batch axis")
transposed("conv_transpose2d", (1, 4, 2, 2), (4, 1, 3, 2), {"groups": 2, "stride": [3, 2], "padding": [1, 0],
                                                            "output_padding": [2, 1]}, bias=False)
transposed("conv_transpose2d", (1, 2, 2, 3), (2, 1, 2, 2), {"dilation": [2, 3], "padding": 1})
transposed("conv_transpose2d", (1, 1, 3, 3), (1, 2, 3, 3), {"padding": 2, "stride": 1})
transposed("conv_transpose2d", (1, 2, 2, 2), (2, 2, 3, 3),
           {"stride": 2, "padding": 1, "output_padding": 1, "dilation": 2})
transposed("conv_transpose2d", (0, 2, 2, 2), (2, 2, 2, 2), **EMPTY)
op("conv_transpose2d",
   {"input": normal(1, 3, 2, 2).permuted(0, 3, 1, 2), "weight": normal(2, 2, 4, 2).sliced(2, 0, 4, 2)}, {"stride": 2})

op("max_pool1d", distinct(2, 2, 7), {"kernel_size": 3, "stride": 2, "ceil_mode": True})
op("max_pool1d", distinct(1, 2, 6), {"kernel_size": 2, "return_indices": True})
op("max_pool1d", distinct(2, 7), {"kernel_size": 2, "stride": 3}, note="no batch axis")
op("max_pool1d", distinct(1, 1, 5), {"kernel_size": 5})
op("max_pool1d", distinct(1, 1, 5), {"kernel_size": 1, "stride": 2})
op("max_pool1d", distinct(1, 2, 8),
   {"kernel_size": [3], "stride": [2], "padding": [1], "dilation": [2], "ceil_mode": True,
                                     "return_indices": True})
op("max_pool1d", distinct(2, 6, 2).permuted(0, 2, 1), {"kernel_size": 4, "padding": 2, "stride": 1})
op("max_pool1d", distinct(1, 1, 6), {"kernel_size": 2, "stride": None})
op("max_pool1d", distinct(0, 1, 4), {"kernel_size": 2}, **EMPTY)
op("max_pool1d", values([[[1.0, 1.0, 1.0, 2.0, 2.0, 1.0]]]), {"kernel_size": 3, "stride": 1, "return_indices": True},
   tags="tie", note="the first of equals")
op("max_pool1d", values([[[-INF, -INF, 1.0, -INF]]]), {"kernel_size": 2}, tags="nonfinite tie")
op("max_pool2d", distinct(1, 2, 5, 5), {"kernel_size": 3, "stride": 1, "padding": 1})
op("max_pool2d", distinct(2, 4, 5), {"kernel_size": [1, 2], "stride": [2, 1]}, note="no batch axis")
op("max_pool2d", distinct(1, 1, 6, 7), {"kernel_size": 2, "dilation": [2, 3], "stride": 1, "return_indices": True})
op("max_pool2d", distinct(1, 2, 5, 7),
   {"kernel_size": [2, 3], "padding": [1, 1], "ceil_mode": True, "return_indices": True})
op("max_pool2d", distinct(1, 1, 5, 4), {"kernel_size": [5, 4]})
op("max_pool2d", distinct(1, 1, 7, 7), {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True, "dilation": 2})
op("max_pool2d", distinct(1, 1, 3, 3), {"kernel_size": 1, "stride": 2})
op("max_pool2d", distinct(1, 4, 4, 2).permuted(0, 3, 1, 2), {"kernel_size": 2})
op("max_pool2d", distinct(1, 1, 6, 4).sliced(2, 0, 6, 2), {"kernel_size": 2, "stride": 1, "return_indices": True})
op("max_pool2d", distinct(0, 1, 4, 4), {"kernel_size": 2}, **EMPTY)
op("max_pool2d", values([[[[1.0, 2.0, 2.0], [2.0, 2.0, 1.0], [0.0, 0.0, 2.0]]]]), {"kernel_size": 2, "stride": 1,
                                                                                "return_indices": True}, tags="tie")
op("max_pool2d", zeros(1, 1, 4, 4), {"kernel_size": 3, "stride": 2, "padding": 1}, tags="tie")
op("avg_pool1d", normal(2, 2, 7), {"kernel_size": 3, "stride": 2, "ceil_mode": True})
op("avg_pool1d", normal(2, 7), {"kernel_size": 2, "stride": 3}, note="no batch axis")
op("avg_pool1d", normal(1, 1, 7),
   {"kernel_size": 4, "stride": 2, "padding": 2, "ceil_mode": True, "count_include_pad": False})
op("avg_pool1d", normal(1, 1, 7),
   {"kernel_size": 4, "stride": 3, "padding": 1, "ceil_mode": True, "count_include_pad": True})
op("avg_pool1d", normal(1, 2, 5), {"kernel_size": 5})
op("avg_pool1d", normal(1, 2, 5), {"kernel_size": [1], "stride": [2]})
op("avg_pool1d", normal(2, 6, 2).permuted(0, 2, 1), {"kernel_size": 3, "padding": 1})
op("avg_pool1d", normal(0, 1, 4), {"kernel_size": 2}, **EMPTY)
op("avg_pool1d", normal(1, 2, 12).sliced(2, 0, 12, 2), {"kernel_size": 2, "stride": 1})
op("avg_pool2d", normal(2, 4, 5), {"kernel_size": [1, 2], "stride": [2, 1]}, note="no batch axis")
op("avg_pool2d", normal(1, 2, 5, 5), {"kernel_size": 3, "stride": 1, "padding": 1})
op("avg_pool2d", normal(1, 1, 5, 6),
   {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False})
op("avg_pool2d", normal(1, 1, 5, 6), {"kernel_size": [4, 3], "stride": [3, 2], "padding": [2, 1], "ceil_mode": True})
op("avg_pool2d", normal(1, 1, 5, 5), {"kernel_size": 2, "padding": 1, "divisor_override": 7, "ceil_mode": True})
op("avg_pool2d", normal(1, 1, 4, 4),
   {"kernel_size": 3, "padding": 1, "divisor_override": 1, "count_include_pad": False})
op("avg_pool2d", normal(1, 1, 4, 3), {"kernel_size": [4, 3]})
op("avg_pool2d", normal(1, 4, 4, 2).permuted(0, 3, 1, 2), {"kernel_size": 2, "stride": None})
op("avg_pool2d", normal(0, 1, 4, 4), {"kernel_size": 2}, **EMPTY)
op("adaptive_avg_pool2d", normal(1, 2, 4, 5), {"output_size": [None, 2]}, note="null keeps the size")
op("adaptive_avg_pool2d", normal(1, 1, 2, 3), {"output_size": [3, 5]}, note="more windows than elements")
op("adaptive_avg_pool2d", normal(2, 5, 7), {"output_size": [2, 3]}, note="no batch axis")
op("adaptive_avg_pool2d", normal(1, 1, 7, 1), {"output_size": [4, 1]})
op("adaptive_avg_pool2d", normal(1, 5, 4, 2).permuted(0, 3, 1, 2), {"output_size": [3, 2]})
op("adaptive_avg_pool2d", normal(0, 1, 4, 4), {"output_size": 2}, **EMPTY)
op("adaptive_avg_pool2d", normal(1, 1, 3, 4), {"output_size": [3, None]})
op("adaptive_max_pool2d", distinct(1, 2, 4, 5), {"output_size": [None, 2], "return_indices": True})
op("adaptive_max_pool2d", distinct(1, 1, 2, 3), {"output_size": [3, 5]}, note="more windows than elements")
op("adaptive_max_pool2d", distinct(2, 5, 7), {"output_size": [2, 3], "return_indices": True}, note="no batch axis")
op("adaptive_max_pool2d", distinct(1, 1, 7, 1), {"output_size": [4, 1]})
op("adaptive_max_pool2d", distinct(1, 5, 4, 2).permuted(0, 3, 1, 2), {"output_size": [3, 2], "return_indices": True})
op("adaptive_max_pool2d", distinct(0, 1, 4, 4), {"output_size": 2}, **EMPTY)
op("adaptive_max_pool2d", values([[[[1.0, 2.0, 2.0], [2.0, 1.0, 0.0]]]]),
   {"output_size": [1, 2], "return_indices": True}, tags="tie")

# Resampling: every mode with a size, a scale of each kind and the corner alignments it has.
SPATIAL = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,), "bicubic": (2,),
           "trilinear": (3,), "area": (1, 2, 3)}
for mode, ranks in SPATIAL.items():
    aligned = ({"align_corners": True}, {"align_corners": False}) if mode.endswith(("linear", "cubic")) else ({},)
    for rank in ranks:
        shape, up, down = (3, 3, 2)[-rank:], [5, 5, 3][:rank], [2, 4, 1][:rank]
        for align in aligned:
            a = {"mode": mode, **align}
            op("interpolate", normal(1, 1, *shape), {"size": up, **a})
            if rank == 2:
                op("interpolate", normal(1, 1, *shape), {"size": down, **a})
                op("interpolate", normal(1, 1, *shape), {"scale_factor": 1.7, **a})
            op("interpolate", normal(1, 1, *shape), {"scale_factor": [1.5, 0.7, 2.6][:rank], **a})
            if rank != 1 or mode == "linear":
                op("interpolate", normal(1, 1, *shape), {"scale_factor": [1.6, 0.75, 2.0][:rank],
                                                         "recompute_scale_factor": True, **a})
# Where an axis keeps its length, and for nearest also where it doubles, PyTorch ignores the scale (nearest in one
# dimension and bicubic contradict themselves there, and are left out).
for mode in ("nearest", "nearest-exact", "bilinear"):
    op("interpolate", normal(1, 1, 3, 3), {"scale_factor": [1.3, 2.3], "mode": mode})
for mode in ("nearest", "trilinear"):
    op("interpolate", normal(1, 1, 2, 3, 3), {"scale_factor": [1.4, 1.3, 2.3], "mode": mode})
op("interpolate", normal(1, 1, 3), {"scale_factor": 1.3, "mode": "linear"})
op("interpolate", normal(1, 1, 3), {"scale_factor": 1.3, "mode": "nearest-exact"})
op("interpolate", normal(1, 1, 3, 3), {"size": 5}, note="one number for both axes; default mode nearest")
op("interpolate", normal(2, 2, 3), {"scale_factor": 2})
op("interpolate", normal(1, 1, 4, 4), {"scale_factor": 0.5, "mode": "bilinear"}, note="align_corners defaults to false")
op("interpolate", normal(1, 1, 1, 1), {"size": [3, 2], "mode": "bilinear", "align_corners": True})
op("interpolate", normal(1, 1, 1, 1), {"size": [3, 2], "mode": "bicubic", "align_corners": False})
op("interpolate", normal(1, 1, 3, 4), {"size": [1, 1], "mode": "bicubic", "align_corners": True})
op("interpolate", normal(1, 1, 3, 4), {"size": [3, 4], "mode": "bicubic", "align_corners": False}, note="the same size")
op("interpolate", normal(1, 1, 9, 10), {"size": [3, 4], "mode": "area"})
op("interpolate", normal(1, 1, 5), {"scale_factor": 2.5, "mode": "linear", "recompute_scale_factor": False})
op("interpolate", normal(1, 4, 3, 2).permuted(0, 3, 1, 2), {"scale_factor": 2, "mode": "bilinear"})
op("interpolate", normal(1, 1, 6, 4).sliced(2, 0, 6, 2), {"size": [5, 3], "mode": "bicubic", "align_corners": True})
op("interpolate", normal(0, 1, 3, 3), {"scale_factor": 2}, **EMPTY)
op("interpolate", normal(0, 1, 3, 3), {"size": [4, 4], "mode": "bilinear"}, **EMPTY)
op("pixel_shuffle", normal(1, 4, 1, 1), {"upscale_factor": 2})
op("pixel_shuffle", normal(1, 3, 2, 2), {"upscale_factor": 1})
op("pixel_shuffle", normal(2, 2, 4, 1, 2), {"upscale_factor": 2}, note="several batch axes")
op("pixel_shuffle", normal(1, 2, 2, 8).permuted(0, 3, 1, 2), {"upscale_factor": 2})
op("pixel_shuffle", normal(9, 2, 4).sliced(2, 0, 4, 2), {"upscale_factor": 3})
op("unfold", normal(2, 3, 4), {"kernel_size": [2, 2]}, note="no batch axis")
op("unfold", normal(1, 1, 5, 6), {"kernel_size": [2, 3], "dilation": [2, 1], "padding": [1, 2], "stride": [1, 3]})
op("unfold", normal(1, 2, 3, 3), {"kernel_size": 3})
op("unfold", normal(1, 2, 2, 3), {"kernel_size": 1, "stride": 2})
op("unfold", normal(1, 1, 2, 2), {"kernel_size": 3, "padding": 2, "stride": 2})
op("unfold", normal(1, 4, 3, 2).permuted(0, 3, 1, 2), {"kernel_size": 2, "stride": [2, 1]})
op("unfold", normal(0, 1, 3, 3), {"kernel_size": 2}, **EMPTY)
op("fold", normal(4, 9), {"output_size": 4, "kernel_size": 2}, note="no batch axis")
op("fold", normal(1, 6, 10),
   {"output_size": [5, 6], "kernel_size": [2, 3], "dilation": [2, 1], "padding": [1, 1], "stride": [1, 3]})
op("fold", normal(1, 9, 1), {"output_size": [3, 3], "kernel_size": 3})
op("fold", normal(2, 3, 4), {"output_size": [3, 3], "kernel_size": 1, "stride": 2},
   note="elements that no block covers are 0")
op("fold", normal(1, 4, 4).permuted(0, 2, 1), {"output_size": [4, 4], "kernel_size": [2, 2], "stride": [2, 2]})
op("fold", normal(1, 9, 4), {"output_size": [2, 2], "kernel_size": 3, "padding": 2, "stride": 2})
op("fold", normal(0, 4, 4), {"output_size": 3, "kernel_size": 2}, **EMPTY)

# ---------------------------------------------------------------- normalization and distance

TRAINING = {"training": True}
op("batch_norm", {"input": normal(2, 2, 3), **batch_stats(2), **scale_shift(2)}, {**TRAINING, "momentum": 0.5})
op("batch_norm", {"input": normal(2, 2, 2, 2, 2), **batch_stats(2), **scale_shift(2)}, TRAINING, note="five axes")
op("batch_norm", {"input": normal(1, 2, 4), **batch_stats(2)}, TRAINING, note="a batch of one")
op("batch_norm", {"input": normal(4, 3), **batch_stats(3), "weight": normal(3)}, {**TRAINING, "eps": 0.1},
   note="no bias")
op("batch_norm", {"input": normal(4, 3), "bias": normal(3)}, TRAINING, second=False, note="no weight")
op("batch_norm", {"input": normal(4, 3), **batch_stats(3)}, {**TRAINING, "momentum": 0.0})
op("batch_norm", {"input": normal(4, 3), **batch_stats(3)}, note="evaluation is the default")
op("batch_norm", {"input": normal(1, 3), **batch_stats(3), **scale_shift(3)}, {"eps": 0.5})
op("batch_norm", {"input": normal(2, 3, 2, 2), **batch_stats(3), **scale_shift(3)},
   {"training": False, "momentum": 0.7})
op("batch_norm", {"input": normal(2, 2, 2, 1, 2), **batch_stats(2), "weight": normal(2)}, {"training": False})
op("batch_norm", {"input": normal(2, 2, 2, 2).permuted(0, 3, 1, 2), **batch_stats(2), **scale_shift(2)}, TRAINING)
op("batch_norm", {"input": normal(3, 4).sliced(1, 0, 4, 2), **batch_stats(2), **scale_shift(2)}, {"training": False})
op("batch_norm", {"input": normal(0, 3), **batch_stats(3), **scale_shift(3)}, **EMPTY)
op("batch_norm", {"input": normal(6, 2, shift=100.0), **batch_stats(2)}, TRAINING)
op("batch_norm", {"input": normal(4, 3).frozen(), **batch_stats(3), **scale_shift(3)}, TRAINING)
op("batch_norm", {"input": values([[2.0, 1.0], [2.0, 3.0], [2.0, -1.0]])}, {**TRAINING, "eps": 0.1},
   note="a constant channel")
op("layer_norm", {"input": normal(2, 3, 4), "weight": normal(4)}, {"normalized_shape": [4]}, note="no bias")
op("layer_norm", {"input": normal(2, 3), "bias": normal(3)}, {"normalized_shape": [3], "eps": 0.1}, second=False,
   note="no weight")
op("layer_norm", {"input": normal(2, 3, 2), **scale_shift(2, 3, 2)}, {"normalized_shape": [2, 3, 2]})
op("layer_norm", {"input": normal(4), **scale_shift(4)}, {"normalized_shape": [4]}, note="one row")
op("layer_norm", {"input": normal(3, 1), **scale_shift(1)}, {"normalized_shape": [1]},
   note="one element a row: the bias")
op("layer_norm", {"input": normal(0, 3), **scale_shift(3)}, {"normalized_shape": [3]}, **EMPTY)
op("layer_norm", {"input": normal(4, 3, 2).permuted(2, 0, 1), **scale_shift(3)}, {"normalized_shape": [3]})
op("layer_norm", {"input": normal(2, 5, shift=100.0)}, {"normalized_shape": [5]})
op("layer_norm", {"input": values([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]]), **scale_shift(3)},
   {"normalized_shape": [3], "eps": 0.1}, note="a constant row")
op("layer_norm", {"input": normal(1, 20), **scale_shift(20)}, {"normalized_shape": [20]})
op("group_norm", {"input": normal(2, 4, 3), **scale_shift(4)}, {"num_groups": 4}, note="a group a channel")
op("group_norm", {"input": normal(2, 4), **scale_shift(4)}, {"num_groups": 2, "eps": 0.01}, note="no spatial axes")
op("group_norm", {"input": normal(2, 4, 3), "weight": normal(4)}, {"num_groups": 2})
op("group_norm", {"input": normal(1, 2, 2, 1, 2), **scale_shift(2)}, {"num_groups": 1})
op("group_norm", {"input": normal(2, 3, 4).permuted(0, 2, 1), **scale_shift(4)}, {"num_groups": 2})
op("group_norm", {"input": normal(0, 4, 3), **scale_shift(4)}, {"num_groups": 2}, **EMPTY)
op("group_norm", {"input": normal(2, 6, 2), **scale_shift(6)}, {"num_groups": 3, "eps": 0.5})
op("group_norm", {"input": normal(2, 2, 4, shift=100.0)}, {"num_groups": 2})
op("instance_norm", {"input": normal(2, 2, 3, 2), **batch_stats(2)},
   {"use_input_stats": True, "momentum": 0.5, "eps": 1e-3})
op("instance_norm", {"input": normal(2, 2, 3), **batch_stats(2), **scale_shift(2)}, {"use_input_stats": False})
op("instance_norm", {"input": normal(1, 3, 2, 2), **batch_stats(3), "weight": normal(3)},
   {"use_input_stats": False, "eps": 0.1})
op("instance_norm", {"input": normal(2, 2, 2, 2, 2), **scale_shift(2)}, note="five axes")
op("instance_norm", {"input": normal(2, 2, 3), "weight": normal(2)})
op("instance_norm", {"input": normal(2, 2, 3), "bias": normal(2)}, second=False)
op("instance_norm", {"input": normal(3, 4, 2).permuted(0, 2, 1), **scale_shift(2)}, {"eps": 0.01})
op("instance_norm", {"input": normal(0, 2, 3)}, **EMPTY)
op("instance_norm", {"input": normal(2, 2, 4), **batch_stats(2)}, {"use_input_stats": True, "momentum": 0.0})
op("instance_norm", {"input": normal(2, 2, 1), **batch_stats(2)}, {"use_input_stats": False})
op("rms_norm", {"input": normal(5), "weight": normal(5)}, {"normalized_shape": [5], "eps": 0.1})
op("rms_norm", {"input": normal(2, 3, 2)}, {"normalized_shape": [2, 3, 2], "eps": 1e-5})
op("rms_norm", {"input": normal(3, 1), "weight": normal(1)}, {"normalized_shape": [1], "eps": 1e-2})
op("rms_norm", {"input": normal(0, 3), "weight": normal(3)}, {"normalized_shape": [3], "eps": 1e-5}, **EMPTY)
op("rms_norm", {"input": normal(4, 3, 2).permuted(2, 0, 1), "weight": normal(3)},
   {"normalized_shape": [3], "eps": 1e-6})
op("rms_norm", {"input": values([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])}, {"normalized_shape": [3], "eps": 0.01},
   note="a zero row")
op("rms_norm", {"input": normal(2, 4, scale=1e100)}, {"normalized_shape": [4], "eps": 1e-5}, tags="extreme")
op("rms_norm", {"input": normal(2, 4, scale=1e-100)}, {"normalized_shape": [4], "eps": 1e-2}, tags="extreme")
op("local_response_norm", normal(2, 3, 4), {"size": 1, "alpha": 0.5})
op("local_response_norm", normal(1, 3, 2, 2), {"size": 4, "alpha": 1.0, "beta": 1.0}, note="an even size")
op("local_response_norm", normal(1, 2, 3), {"size": 7, "alpha": 2.0, "k": 0.5}, note="wider than the channels")
op("local_response_norm", normal(1, 3, 2, 1, 2), {"size": 3, "alpha": 0.7, "beta": 0.25, "k": 2})
op("local_response_norm", normal(2, 1, 3), {"size": 2, "alpha": 1.0})
op("local_response_norm", normal(1, 3, 4).permuted(0, 2, 1), {"size": 2, "alpha": 0.9, "beta": 2.0})
op("local_response_norm", normal(0, 2, 3), {"size": 2}, **EMPTY)
op("local_response_norm", normal(1, 4, 3), {"size": 3, "alpha": 1.0, "beta": 0.0})
for p in (0.5, 1, 1.5, 3, 4.0):
    op("normalize", away(2, 4, gap=0.3), {"p": p})
op("normalize", distinct(2, 4), {"p": INF, "dim": 1})
op("normalize", normal(2, 3, 2), {"p": 2, "dim": [0, 2]}, note="the norm over several axes")
op("normalize", normal(2, 3, 2), {"dim": -2})
op("normalize", normal(3), {"dim": 0})
op("normalize", normal(2, 4), {"dim": 1, "eps": 10.0}, note="shorter than eps: divided by eps")
op("normalize", values([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]]), {"dim": 1, "eps": 0.5}, note="a zero row", second=False)
op("normalize", values([[0.0, 0.0], [3.0, 4.0]]), {"dim": 1}, tags="kink",
   note="a zero row divides its gradient by eps")
op("normalize", away(3, 1), {"dim": 1}, note="one element: its sign", second=False)
op("normalize", normal(0, 3), {"dim": 1}, **EMPTY)
op("normalize", normal(4, 6).permuted(1, 0).sliced(0, 0, 6, 2), {"dim": 0})
op("normalize", values([[1e100, -2e100], [1e-100, 3e-100]]), {"dim": 1, "eps": 1e-200}, tags="extreme", second=False)
op("cosine_similarity", {"x1": normal(4), "x2": normal(4)}, {"dim": 0})
op("cosine_similarity", {"x1": normal(2, 3), "x2": normal(2, 3)}, note="default dim 1")
op("cosine_similarity", {"x1": normal(2, 1, 4), "x2": normal(3, 4)}, {"dim": 2}, note="broadcast")
op("cosine_similarity", {"x1": normal(2, 3, 4), "x2": normal(3, 1)}, {"dim": -2})
op("cosine_similarity", {"x1": normal(4, 3).permuted(1, 0), "x2": normal(3, 8).sliced(1, 0, 8, 2)}, {"dim": 1})
op("cosine_similarity", {"x1": normal(0, 3), "x2": normal(0, 3)}, {"dim": 1}, **EMPTY)
op("cosine_similarity", {"x1": normal(2, 3), "x2": normal(2, 3).frozen()}, {"dim": 0, "eps": 1e-4})
op("cosine_similarity", {"x1": away(3, 1), "x2": away(3, 1)}, {"dim": 1}, second=False,
   note="one element: the product of the signs")
op("cosine_similarity", {"x1": values([[0.0, 0.0], [1.0, 2.0]]), "x2": values([[1.0, 2.0], [3.0, -1.0]])},
   {"dim": 1, "eps": 0.5}, second=False, note="a zero vector")
op("cosine_similarity", {"x1": values([[1.0, 2.0]]), "x2": values([[2.0, 4.0]])}, {"dim": 1}, note="parallel")
for p in (0.5, 1, 1.5, 4, INF):
    op("pairwise_distance", {"x1": distinct(2, 3), "x2": distinct(2, 3, spacing=0.35)}, {"p": p})
op("pairwise_distance", {"x1": normal(4), "x2": normal(4)}, note="one pair")
op("pairwise_distance", {"x1": normal(2, 3, 2), "x2": normal(3, 2)}, {"p": 2, "keepdim": True, "eps": 0.1})
op("pairwise_distance", {"x1": normal(3, 1), "x2": normal(1, 1)}, {"p": 2.0})
op("pairwise_distance", {"x1": normal(2, 1, 3), "x2": normal(4, 3)}, {"p": 3, "eps": 0.0})
op("pairwise_distance", {"x1": normal(0, 3), "x2": normal(0, 3)}, **EMPTY)
op("pairwise_distance", {"x1": normal(4, 3).permuted(1, 0), "x2": normal(3, 8).sliced(1, 0, 8, 2)},
   {"p": 1, "eps": 1e-3})
op("pairwise_distance", {"x1": values([[1.0, 2.0], [3.0, 4.0]]), "x2": values([[1.0, 2.0], [3.0, 5.0]])}, {"eps": 0.0},
   tags="kink", note="equal points: gradient 0")
op("pairwise_distance", {"x1": values([[1.0, 2.0], [3.0, 4.0]]), "x2": values([[1.0, 2.0], [3.0, 5.0]])}, {"eps": 1e-6},
   tags="kink", note="equal points: the gradient is the direction of (eps, eps)")
for p in (0.5, 1, 1.5, 2, 3, INF):
    op("cdist", {"x1": distinct(3, 4), "x2": distinct(2, 4, spacing=0.35)}, {"p": p})
op("cdist", {"x1": normal(3, 2), "x2": normal(2, 2)}, note="default: p = 2")
op("cdist", {"x1": normal(2, 3), "x2": normal(3, 3)}, {"p": 0.0}, note="counts the coordinates that differ")
op("cdist", {"x1": normal(2, 1, 3, 2), "x2": normal(3, 2, 2)}, {"p": 2.0}, note="batches broadcast")
op("cdist", {"x1": normal(3, 2), "x2": normal(2, 2, 2)}, {"p": 1.0}, note="batches broadcast")
op("cdist", {"x1": normal(2, 2, 3, 2), "x2": normal(2, 2, 2, 2)}, {"p": 3.0})
op("cdist", {"x1": normal(1, 1), "x2": normal(1, 1)}, {"p": 2.0})
op("cdist", {"x1": normal(0, 2), "x2": normal(3, 2)}, {"p": 2.0}, **EMPTY)
op("cdist", {"x1": normal(2, 0), "x2": normal(3, 0)}, {"p": 1.0}, **EMPTY)
op("cdist", {"x1": normal(4, 3).permuted(1, 0), "x2": normal(2, 8).sliced(1, 0, 8, 2)}, {"p": 2.0})
op("cdist", {"x1": normal(3, 2), "x2": normal(2, 2)}, {"p": 2.0, "compute_mode": "donot_use_mm_for_euclid_dist"})
op("cdist", {"x1": normal(3, 2), "x2": normal(2, 2)}, {"p": 2.0, "compute_mode": "use_mm_for_euclid_dist"})
for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF):
    op("cdist", {"x1": values([[1.0, 2.0], [3.0, 4.0]]), "x2": values([[1.0, 2.0], [3.0, 5.5]])}, {"p": p}, tags="kink",
       note="equal points and equal coordinates: gradient 0")
op("cdist", {"x1": values([[2.0, -2.0]]), "x2": values([[0.0, 0.0], [2.0, 1.0]])}, {"p": INF}, tags="tie",
   note="every one of the largest coordinates has the whole gradient")

# ---------------------------------------------------------------- layers

op("linear", {"input": normal(1), "weight": normal(1, 1), "bias": normal(1)})
op("linear", {"input": normal(2, 1, 2, 3), "weight": normal(2, 3), "bias": normal(2)})
op("linear", {"input": normal(0, 3), "weight": normal(2, 3), "bias": normal(2)}, **EMPTY)
op("linear", {"input": normal(2, 0), "weight": normal(3, 0), "bias": normal(3)}, **EMPTY)
op("linear", {"input": normal(4, 2, 3).permuted(1, 0, 2), "weight": normal(4, 6).sliced(1, 0, 6, 2)})
op("linear", {"input": normal(1, 3).expanded(4, 3), "weight": normal(2, 1).expanded(2, 3),
              "bias": normal(1).expanded(2)})
op("linear", {"input": normal(5, 8), "weight": normal(6, 8), "bias": normal(6)})
op("linear", {"input": normal(2, 3).frozen(), "weight": normal(2, 3), "bias": normal(2)})
op("linear", {"input": normal(2, 3), "weight": normal(2, 3).frozen(), "bias": normal(2)})
op("linear", {"input": normal(2, 3), "weight": normal(3)}, note="a vector as weight: one number a row")
op("bilinear", {"input1": normal(3), "input2": normal(2), "weight": normal(2, 3, 2), "bias": normal(2)},
   note="no batch axis")
op("bilinear",
   {"input1": normal(2, 1, 2, 2), "input2": normal(2, 1, 2, 3), "weight": normal(2, 2, 3), "bias": normal(2)})
op("bilinear", {"input1": normal(0, 2), "input2": normal(0, 3), "weight": normal(2, 2, 3), "bias": normal(2)}, **EMPTY)
op("bilinear",
   {"input1": normal(2, 3).permuted(1, 0), "input2": normal(3, 4).sliced(1, 0, 4, 2),
    "weight": normal(2, 2, 3).permuted(2, 0, 1)})
op("bilinear", {"input1": normal(3, 2), "input2": normal(3, 2).frozen(), "weight": normal(1, 2, 2), "bias": normal(1)})
DEFINED = {"check": False}      # gradients that are not derivatives, by definition
op("embedding", {"input": ints(2), "weight": normal(4, 3)}, note="an index without axes")
op("embedding", {"input": integers(2, 1, 3, low=0, high=3), "weight": normal(3, 2)})
op("embedding", {"input": integers(0, low=0, high=1), "weight": normal(3, 2)}, second=False, **EMPTY)
op("embedding", {"input": ints([[1, 0], [2, 2]]).permuted(1, 0), "weight": normal(2, 3).permuted(1, 0)})
op("embedding", {"input": ints([0, 1, 1, 1, 2]), "weight": normal(3, 2)}, {"scale_grad_by_freq": True}, **DEFINED,
   second=False, note="gradients divided by how often the row occurs")
op("embedding", {"input": ints([0, 0]), "weight": normal(3, 2)}, {"padding_idx": 0}, **DEFINED)
op("embedding", {"input": ints([1, 0, 2]), "weight": normal(3, 1)}, {"padding_idx": -2}, **DEFINED)
BAG = ints([0, 2, 1, 2, 3, 0])
for mode in ("sum", "mean", "max"):
    a = {"mode": mode}
    op("embedding_bag", {"input": BAG, "weight": distinct(4, 3), "offsets": ints([0, 0, 3, 6])}, a,
       note="empty bags, first and last")
    op("embedding_bag", {"input": BAG, "weight": distinct(4, 3), "offsets": ints([0, 2, 2, 6])},
       {**a, "include_last_offset": True})
    op("embedding_bag", {"input": BAG, "weight": distinct(4, 3), "offsets": ints([0, 2, 4])}, {**a, "padding_idx": 2},
       **DEFINED)
    op("embedding_bag", {"input": ints([[1, 0, 1], [3, 1, 2]]), "weight": distinct(4, 3)}, {**a, "padding_idx": -3},
       **DEFINED)
    op("embedding_bag", {"input": ints([[3], [1], [3]]), "weight": distinct(4, 2)}, a, note="bags of one")
    op("embedding_bag", {"input": ints([1, 1, 1]), "weight": distinct(4, 2), "offsets": ints([0, 3])},
       {**a, "padding_idx": 1}, **DEFINED, note="a bag of padding only")
    op("embedding_bag", {"input": integers(0, low=0, high=1), "weight": distinct(4, 2), "offsets": ints([0, 0])}, a,
       **EMPTY)
op("embedding_bag", {"input": ints([[0, 1], [2, 2]]), "weight": normal(3, 2)}, note="default mode mean")
op("embedding_bag", {"input": ints([[0, 2, 1], [3, 3, 0]]), "weight": normal(4, 2), "per_sample_weights": normal(2, 3)},
   {"mode": "sum"})
op("embedding_bag",
   {"input": BAG, "weight": normal(4, 2), "offsets": ints([0, 1, 4, 6]), "per_sample_weights": normal(6)},
   {"mode": "sum", "include_last_offset": True})
op("embedding_bag", {"input": BAG, "weight": normal(4, 2), "offsets": ints([0, 0, 4]), "per_sample_weights": normal(6)},
   {"mode": "sum", "padding_idx": 2}, **DEFINED)
op("embedding_bag", {"input": BAG, "weight": normal(3, 4).permuted(1, 0), "offsets": ints([0, 3])}, {"mode": "mean"})
op("embedding_bag",
   {"input": ints([0, 1, 2]), "weight": values([[1.0, 3.0], [2.0, 3.0], [2.0, 1.0]]), "offsets": ints([0])},
   {"mode": "max"}, tags="tie", note="the first of equals")

SDPA = "scaled_dot_product_attention"


def attention(query, key, value):
    return {"query": normal(*query), "key": normal(*key), "value": normal(*value)}


op(SDPA, attention((3, 4), (2, 4), (2, 5)), note="no batch axis, wider values")
op(SDPA, attention((1, 1), (1, 1), (1, 1)))
op(SDPA, attention((2, 3, 4), (2, 3, 4), (2, 3, 4)), {"scale": 0.3})
op(SDPA, attention((2, 3, 2), (2, 5, 2), (2, 5, 2)), {"is_causal": True, "scale": 1.0}, note="more keys than queries")
op(SDPA, attention((2, 5, 2), (2, 3, 2), (2, 3, 1)), {"is_causal": True}, note="fewer keys than queries")
op(SDPA, {**attention((1, 2, 3, 2), (1, 2, 3, 2), (1, 2, 3, 2)), "attn_mask": flags([[1, 0, 0], [1, 1, 0], [0, 1, 1]])})
op(SDPA, {**attention((2, 2, 2, 1), (2, 2, 3, 1), (2, 2, 3, 2)), "attn_mask": flags([[[[1, 1, 0]]], [[[0, 1, 1]]]])},
   note="a mask a batch entry")
op(SDPA, {**attention((2, 2, 2, 2), (2, 2, 3, 2), (2, 2, 3, 1)), "attn_mask": normal(2, 1, 2, 3)},
   note="real mask, differentiated")
op(SDPA, {**attention((2, 3, 2), (2, 3, 2), (2, 3, 2)), "attn_mask": normal(3, 3)}, {"is_causal": True},
   note="both at once")
op(SDPA, {**attention((2, 3), (3, 3), (3, 2)), "attn_mask": values([[0.0, -INF, 1.0], [-INF, 0.5, 0.0]]).frozen()},
   note="a real mask with -inf")
op(SDPA, attention((0, 3, 2), (0, 3, 2), (0, 3, 2)), **EMPTY)
op(SDPA, attention((2, 0, 2), (2, 3, 2), (2, 3, 2)), **EMPTY)
op(SDPA, {"query": normal(2, 3, 2, 4).permuted(0, 2, 1, 3), "key": normal(2, 4, 2, 4).permuted(0, 2, 1, 3),
          "value": normal(2, 4, 2, 3).permuted(0, 2, 1, 3)}, note="heads split off by a permutation")
op(SDPA, attention((2, 1, 3, 2), (1, 2, 3, 2), (1, 2, 3, 2)), note="batch axes broadcast")
op(SDPA, {"query": normal(2, 3, scale=30.0), "key": normal(3, 3, scale=30.0), "value": normal(3, 2)}, tags="extreme",
   second=False)

MHA = "multi_head_attention_forward"
HIDDEN = flags([[0, 0, 1], [1, 0, 0]])      # keys left out, for a batch of two and three keys


def separate(embed, key_width, value_width):
    return {"q_proj_weight": normal(embed, embed, scale=0.5), "k_proj_weight": normal(embed, key_width, scale=0.5),
            "v_proj_weight": normal(embed, value_width, scale=0.5), "in_proj_bias": normal(3 * embed, scale=0.3),
            "out_proj.weight": normal(embed, embed, scale=0.5), "out_proj.bias": normal(embed, scale=0.3)}


def extra(embed):
    return {"bias_k": normal(1, 1, embed), "bias_v": normal(1, 1, embed)}


op(MHA, {**qkv(2, 3, 2, 3), **attention_weights(3), "key_padding_mask": HIDDEN}, {"num_heads": 3, "need_weights": True})
op(MHA, {**qkv(2, 3, 1, 2), **attention_weights(2), "attn_mask": normal(2, 3)}, {"num_heads": 2},
   note="real mask, differentiated")
op(MHA, {**qkv(2, 3, 2, 2), **attention_weights(2), "attn_mask": normal(4, 2, 3).frozen()},
   {"num_heads": 2, "need_weights": True, "average_attn_weights": False}, note="a mask for every head")
op(MHA, {**qkv(2, 3, 1, 2), **attention_weights(2),
         "attn_mask": flags([[[0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0]]])}, {"num_heads": 2})
op(MHA, {**qkv(2, 3, 2, 2), **attention_weights(2), "attn_mask": flags([[0, 1, 0], [0, 0, 0]]),
         "key_padding_mask": HIDDEN},
   {"num_heads": 2, "need_weights": True}, note="both masks")
op(MHA, {**qkv(2, 3, 2, 2), **attention_weights(2), "attn_mask": normal(2, 3).frozen(), "key_padding_mask": HIDDEN},
   {"num_heads": 1})
op(MHA, {"query": normal(2, 1, 4), "key": normal(3, 1, 1), "value": normal(3, 1, 3), **separate(4, 1, 3)},
   {"num_heads": 2, "need_weights": True}, note="keys and values of other widths")
op(MHA, {**qkv(2, 3, 2, 2), **{k: v for k, v in separate(2, 2, 2).items() if "bias" not in k},
         "key_padding_mask": HIDDEN}, {"num_heads": 2})
op(MHA, {**qkv(2, 2, 1, 2), **attention_weights(2), **extra(2)}, {"num_heads": 2, "need_weights": True},
   note="bias_k, bias_v")
op(MHA, {**qkv(2, 3, 2, 2), **attention_weights(2), **extra(2), "attn_mask": flags([[0, 1, 0], [1, 0, 0]]),
         "key_padding_mask": HIDDEN},
   {"num_heads": 1, "add_zero_attn": True, "need_weights": True, "average_attn_weights": False})
op(MHA, {"query": normal(2, 2, 2), "key": normal(2, 3, 3), "value": normal(2, 3, 1), **separate(2, 3, 1), **extra(2),
         "key_padding_mask": HIDDEN}, {"num_heads": 2, "batch_first": True})
op(MHA, {**qkv(1, 1, 1, 2), **attention_weights(2)}, {"num_heads": 2, "need_weights": True}, note="one query, one key")
op(MHA, {"query": normal(2, 2), "key": normal(3, 2), "value": normal(3, 2), **attention_weights(2)},
   {"num_heads": 2, "need_weights": True}, note="no batch axis")

for kind in ("rnn_tanh", "rnn_relu", "lstm", "gru"):
    op(kind, *recurrent(kind, 1, 1, length=1, batch=1))
    op(kind, *recurrent(kind, 2, 1, length=1, batch=2, bidirectional=True, bias=False))
    op(kind, *recurrent(kind, 2, 2, length=6, batch=1))
    op(kind, *recurrent(kind, 1, 1, length=2, batch=1, layers=3, bias=False))
    op(kind, *recurrent(kind, 1, 1, length=2, batch=2, layers=2, bidirectional=True, bias=False))
    op(kind, *recurrent(kind, 1, 2, length=3, batch=2, bidirectional=True, batch_first=True))
    inputs, attrs = recurrent(kind, 2, 2, length=3, batch=2)
    op(kind, {**inputs, "input": normal(2, 2, 3).permuted(2, 0, 1), "hx": normal(1, 2, 4).sliced(2, 0, 4, 2)}, attrs)
    op(kind, {**inputs, "input": inputs["input"].frozen(), "hx": zeros(1, 2, 2).frozen()}, attrs,
       note="only hidden weights and biases")
    op(kind, {**inputs, "input": normal(3, 0, 2), "hx": normal(1, 0, 2),
              **({"cx": normal(1, 0, 2)} if kind == "lstm" else {})}, attrs,
       **EMPTY)
    inputs, attrs = recurrent(kind, 2, 2, length=2, batch=1)
    if kind != "rnn_relu":
        op(kind, {**inputs, "input": normal(2, 1, 2, scale=60.0)}, attrs, note="saturated")

inputs, attrs = recurrent("lstm", 2, 3, length=2, batch=2)
op("lstm", {**inputs, "hx": normal(1, 2, 2), "weight_hh_l0": normal(12, 2, scale=0.6),
            "weight_hr_l0": normal(2, 3, scale=0.6)},
   {**attrs, "proj_size": 2}, note="the hidden state is projected to fewer numbers")

LAYER = "transformer_encoder_layer"
PADDED = flags([[0, 0, 1], [0, 0, 0]])
op(LAYER, {"src": normal(3, 2, 2), "src_key_padding_mask": PADDED, **encoder_layer(2, 3)},
   {"d_model": 2, "nhead": 2, "dim_feedforward": 3, "activation": "gelu"})
op(LAYER, {"src": normal(2, 3, 4), "src_mask": normal(3, 3).frozen(), "src_key_padding_mask": PADDED,
           **encoder_layer(4, 3)},
   {"d_model": 4, "nhead": 4, "dim_feedforward": 3, "activation": "gelu", "batch_first": True, "norm_first": True})
op(LAYER, {"src": normal(3, 1, 2), "src_mask": normal(2, 3, 3), **encoder_layer(2, 4)},
   {"d_model": 2, "nhead": 2, "dim_feedforward": 4, "activation": "gelu", "layer_norm_eps": 0.1},
   note="a mask for every head")
op(LAYER, {"src": normal(2, 1, 2), **encoder_layer(2, 3)}, {"d_model": 2, "nhead": 1, "dim_feedforward": 3},
   note="default activation relu, norm last")
op(LAYER, {"src": normal(1, 1, 2), **encoder_layer(2, 1)},
   {"d_model": 2, "nhead": 1, "dim_feedforward": 1, "activation": "gelu", "layer_norm_eps": 0.01},
   note="a sequence of one")
op(LAYER, {"src": normal(3, 2), **encoder_layer(2, 3)},
   {"d_model": 2, "nhead": 1, "dim_feedforward": 3, "activation": "gelu"}, note="no batch axis")
op(LAYER, {"src": normal(2, 2, 3).permuted(2, 0, 1), "src_mask": flags([[0, 1, 1], [0, 0, 1], [0, 0, 0]]),
           "src_key_padding_mask": flags([[0, 0, 1], [0, 0, 0]]), **encoder_layer(2, 2)},
   {"d_model": 2, "nhead": 2, "dim_feedforward": 2, "activation": "relu", "norm_first": True})

# ---------------------------------------------------------------- losses

def targets(*shape, classes):
    return integers(*shape, low=0, high=classes)


def weights(*shape):
    return uniform(*shape, low=0.3, high=2.0).frozen()


for reduction in ("none", "mean", "sum"):
    r = {"reduction": reduction}
    op("mse_loss", {"input": normal(2, 1, 3, 2), "target": normal(2, 1, 3, 2).frozen()}, r)
    op("l1_loss", {"input": values([1.0, 2.0, -1.0]), "target": values([1.0, 3.0, -1.0])}, r, tags="kink",
       note="equal: gradient 0")
    op("smooth_l1_loss", {"input": values([0.0, 0.5, -0.5, 0.25, 2.0]), "target": zeros(5)}, {**r, "beta": 0.5},
       tags="kink")
    op("huber_loss", {"input": values([0.0, 0.5, -0.5, 0.25, 2.0]), "target": zeros(5)}, {**r, "delta": 0.5},
       tags="kink")
    op("cross_entropy", {"input": normal(2, 3, 4), "target": targets(2, 4, classes=3), "weight": weights(3)},
       {**r, "label_smoothing": 0.3})
    op("cross_entropy", {"input": normal(4, 3), "target": ints([2, 1, 0, 1]), "weight": weights(3)},
       {**r, "ignore_index": 1})
    op("cross_entropy", {"input": normal(4, 3), "target": ints([2, -100, 0, 1]), "weight": weights(3)},
       {**r, "label_smoothing": 0.1})
    op("cross_entropy", {"input": normal(3, 4), "target": probabilities(3, 4), "weight": weights(4)},
       {**r, "label_smoothing": 0.2}, note="class probabilities, differentiated too")
    op("cross_entropy", {"input": normal(3), "target": ints(1), "weight": weights(3)}, r, note="no batch axis")
    op("nll_loss", {"input": log_probabilities(2, 3, 4, dim=1), "target": ints([[0, -100, 1, 2], [1, 1, -100, 0]])}, r)
    op("nll_loss", {"input": log_probabilities(4), "target": ints(2)}, r, note="no batch axis")
    op("binary_cross_entropy",
       {"input": uniform(2, 3, 2, low=0.05, high=0.95), "target": uniform(2, 3, 2, low=0.0, high=1.0).frozen(),
                                "weight": weights(2, 1, 2)}, r, note="soft targets, weights broadcast")
    op("binary_cross_entropy_with_logits", {"input": normal(2, 3), "target": uniform(2, 3, low=0.0, high=1.0).frozen(),
                                            "weight": weights(2, 1), "pos_weight": weights(3)}, r)
    op("kl_div", {"input": normal(2, 3), "target": uniform(2, 3, low=0.1, high=2.0)}, r,
       note="any positive target, differentiated too")
    op("margin_ranking_loss", {"input1": values([1.0, 2.0, 0.0]), "input2": values([1.0, 1.5, 0.5]),
                               "target": values([1.0, -1.0, 1.0]).frozen()}, {**r, "margin": 0.0}, tags="kink")
    op("cosine_embedding_loss",
       {"input1": normal(2, 4), "input2": normal(2, 4), "target": values([1.0, -1.0]).frozen()}, {**r, "margin": -0.5})
    op("multi_margin_loss", {"input": distinct(3, 4, spacing=0.2), "target": ints([3, 0, 1]), "weight": weights(4)},
       {**r, "p": 2, "margin": 1.3})
    op("multi_margin_loss", {"input": values([[2.0, 1.0, 1.5], [1.0, 1.0, 0.0]]), "target": ints([0, 1])}, r,
       tags="kink")
    op("multilabel_margin_loss",
       {"input": values([[2.0, 1.0, 1.0], [1.0, 0.0, 0.5]]), "target": ints([[0, -1, 1], [0, 2, -1]])}, r, tags="kink")
    op("soft_margin_loss",
       {"input": values([800.0, -800.0, 40.0, -40.0]), "target": values([1.0, -1.0, -1.0, 1.0]).frozen()}, r,
       tags="extreme")
    op("poisson_nll_loss", {"input": normal(2, 3), "target": values([[0.0, 0.5, 1.0], [2.0, 3.0, 7.5]]).frozen()},
       {**r, "log_input": True, "full": True}, note="Stirling's term only where the target is above 1")
    op("gaussian_nll_loss", {"input": normal(2, 3), "target": normal(2, 3), "var": uniform(2, 1, low=0.3, high=2.0)},
       {**r, "full": True, "eps": 1e-3})
for reduction in ("none", "sum"):
    r = {"reduction": reduction}
    op("cross_entropy",
       {"input": normal(2, 3, 2, 2), "target": probabilities(2, 3, 2, 2, dim=1).frozen(), "weight": weights(3)}, r)
    op("nll_loss",
       {"input": log_probabilities(2, 3, 2, 2, dim=1), "target": targets(2, 2, 2, classes=3), "weight": weights(3)}, r)
    op("binary_cross_entropy_with_logits", {"input": normal(2, 3), "target": uniform(2, 3, low=0.1, high=0.9)}, r,
       note="targets differentiated too")
    op("kl_div", {"input": log_probabilities(2, 3), "target": log_probabilities(2, 3).frozen()},
       {**r, "log_target": True})
    op("hinge_embedding_loss",
       {"input": values([0.0, 1.5, 2.0, 0.0]), "target": values([1.0, -1.0, -1.0, -1.0]).frozen()},
       {**r, "margin": 1.5}, tags="kink")
    op("triplet_margin_loss",
       {"anchor": distinct(2, 4, spacing=0.3), "positive": normal(2, 4), "negative": normal(2, 4)},
       {**r, "margin": 2.0, "p": 1})
    op("triplet_margin_loss", {"anchor": normal(2, 4), "positive": normal(2, 4), "negative": normal(2, 4)},
       {**r, "margin": 3.0, "p": 3.0, "swap": True})
    op("poisson_nll_loss",
       {"input": uniform(2, 3, low=0.2, high=3.0), "target": uniform(2, 3, low=0.1, high=4.0).frozen()},
       {**r, "log_input": False, "eps": 0.1})
    op("gaussian_nll_loss", {"input": normal(2, 3), "target": normal(2, 3), "var": uniform(2, low=0.3, high=2.0)}, r,
       note="one variance a row")
    op("ctc_loss", {"logits": normal(6, 3, 4), "targets": ints([1, 1, 3, 3, 1, 3]), "input_lengths": ints([6, 5, 4]),
                    "target_lengths": ints([3, 1, 2])}, {**r, "blank": 2}, note="concatenated targets, another blank")
    op("ctc_loss", {"logits": normal(5, 2, 3), "targets": ints([[1, 1], [2, 0]]), "input_lengths": ints([4, 5]),
                    "target_lengths": ints([2, 0])}, {**r, "blank": 0}, note="an empty target")
    op("ctc_loss", {"logits": normal(3, 2, 3), "targets": ints([[1, 1, 1], [2, 1, 2]]), "input_lengths": ints([3, 3]),
                    "target_lengths": ints([3, 3])}, {**r, "blank": 0, "zero_infinity": True},
       note="the first does not fit: it counts as 0")

PAIRED = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
for name in PAIRED:
    op(name, {"input": normal(), "target": normal()})
    op(name, {"input": normal(0, 3), "target": normal(0, 3)}, {"reduction": "sum"}, **EMPTY)
    op(name, {"input": normal(3, 4).permuted(1, 0), "target": normal(4, 6).sliced(1, 0, 6, 2)})
    op(name, {"input": normal(2, 3), "target": normal(3)}, {"reduction": "none"}, note="the target broadcasts")
    op(name, {"input": values([1e100, -1e100, 1e-100]), "target": values([-1e100, 1e99, -1e-100])},
       {"reduction": "none"}, tags="extreme")
op("smooth_l1_loss", {"input": normal(2, 3), "target": normal(2, 3)}, {"beta": 0.0, "reduction": "sum"},
   note="beta 0 is l1")
op("huber_loss", {"input": normal(2, 3, scale=4.0), "target": normal(2, 3)}, note="default delta 1")

op("cross_entropy", {"input": normal(3), "target": probabilities(3).frozen()},
   note="no batch axis, class probabilities")
op("cross_entropy", {"input": normal(3), "target": ints(2)}, {"label_smoothing": 0.4})
op("cross_entropy", {"input": normal(2, 1), "target": ints([0, 0])}, second=False, note="one class: 0")
op("cross_entropy", {"input": normal(2, 3, 1, 2, 2), "target": targets(2, 1, 2, 2, classes=3)}, {"reduction": "sum"})
op("cross_entropy", {"input": normal(0, 3), "target": integers(0, low=0, high=1)}, {"reduction": "sum"}, **EMPTY)
op("cross_entropy", {"input": normal(0, 3), "target": integers(0, low=0, high=1)}, {"reduction": "none"}, **EMPTY)
op("cross_entropy", {"input": normal(3, 2).permuted(1, 0), "target": ints([0, 1, 2, 1]).sliced(0, 0, 4, 2)})
op("cross_entropy", {"input": values([[800.0, -800.0, 0.0], [1000.0, 999.0, -1000.0]]), "target": ints([1, 0])},
   {"reduction": "none"}, tags="extreme")
op("cross_entropy", {"input": values([[-INF, 1.0, 2.0], [0.5, -INF, 0.0]]), "target": ints([1, 2])},
   note="classes masked out")
op("cross_entropy", {"input": normal(3, 4), "target": ints([0, 3, 3])}, {"label_smoothing": 1.0})
op("cross_entropy", {"input": normal(3, 4), "target": ints([0, 3, 3]), "weight": values([1.0, 0.5, 2.0, 0.0]).frozen()},
   note="a weight of 0")
op("cross_entropy", {"input": normal(2, 3), "target": ints([5, 1])}, {"ignore_index": 5})
op("nll_loss", {"input": normal(3, 4), "target": ints([0, 3, 3]), "weight": weights(4)},
   {"reduction": "none", "ignore_index": 0})
op("nll_loss", {"input": normal(0, 3), "target": integers(0, low=0, high=1)}, {"reduction": "sum"}, **EMPTY)
op("nll_loss", {"input": normal(3, 2).permuted(1, 0), "target": ints([2, 0])})
op("nll_loss", {"input": normal(2, 3, 1, 2, 2), "target": targets(2, 1, 2, 2, classes=3), "weight": weights(3)},
   {"ignore_index": 2})
op("nll_loss", {"input": normal(2, 3), "target": ints([-1, 1])}, {"ignore_index": -1, "reduction": "sum"})
op("binary_cross_entropy",
   {"input": values([0.0, 1.0, 1.0, 0.0]).frozen(), "target": values([0.0, 1.0, 0.0, 1.0]).frozen()},
   {"reduction": "none"}, tags="extreme", note="the logarithm is clamped at -100")
op("binary_cross_entropy", {"input": uniform(low=0.1, high=0.9), "target": uniform(low=0.1, high=0.9)},
   note="target differentiated")
op("binary_cross_entropy", {"input": uniform(0, 2, low=0.1, high=0.9), "target": zero_one(0, 2)}, {"reduction": "sum"},
   **EMPTY)
op("binary_cross_entropy",
   {"input": uniform(3, 4, low=0.1, high=0.9).permuted(1, 0), "target": zero_one(4, 3), "weight": weights(4, 3)},
   {"reduction": "sum"})
op("binary_cross_entropy", {"input": values([1e-10, 0.999]), "target": values([1.0, 0.0]).frozen()},
   {"reduction": "none"}, tags="extreme", second=False)
op("binary_cross_entropy_with_logits", {"input": normal(), "target": zero_one()})
op("binary_cross_entropy_with_logits", {"input": normal(0, 2), "target": zero_one(0, 2)}, {"reduction": "sum"}, **EMPTY)
op("binary_cross_entropy_with_logits",
   {"input": normal(3, 2).permuted(1, 0), "target": zero_one(2, 3), "weight": weights(3)})
op("binary_cross_entropy_with_logits",
   {"input": normal(2, 3, 2), "target": zero_one(2, 3, 2), "pos_weight": weights(3, 1)}, {"reduction": "sum"})
op("binary_cross_entropy_with_logits",
   {"input": values([-800.0, 800.0, 0.0]), "target": values([1.0, 0.0, 0.5]).frozen(),
                                        "pos_weight": values(2.5).frozen()}, {"reduction": "none"}, tags="extreme")
op("kl_div", {"input": normal(2, 3), "target": probabilities(2, 3).frozen()}, {"reduction": "batchmean"})
op("kl_div", {"input": normal(2, 3, 2), "target": normal(2, 3, 2)}, {"reduction": "batchmean", "log_target": True})
op("kl_div", {"input": normal(3), "target": values([0.0, 0.25, 0.75]).frozen()}, {"reduction": "none"},
   note="a probability of 0 adds 0")
op("kl_div", {"input": normal(2, 3), "target": probabilities(3).frozen()}, {"reduction": "sum"},
   note="the target broadcasts")
op("kl_div", {"input": normal(), "target": uniform(low=0.1, high=1.0)})
op("kl_div", {"input": normal(0, 2), "target": probabilities(0, 2).frozen()}, {"reduction": "sum"}, **EMPTY)
op("kl_div", {"input": normal(4, 3).permuted(1, 0), "target": probabilities(3, 4).frozen()}, {"reduction": "batchmean"})
op("hinge_embedding_loss", {"input": away(2, 2, points=[1.0]), "target": signs(2, 2)}, note="default margin 1")
op("hinge_embedding_loss", {"input": away(), "target": values(-1.0).frozen()}, {"margin": 3.0})
op("hinge_embedding_loss", {"input": away(0, 2), "target": signs(0, 2)}, {"reduction": "sum"}, **EMPTY)
op("hinge_embedding_loss", {"input": away(3, 2, points=[0.5]).permuted(1, 0), "target": signs(2, 3)},
   {"margin": 0.5, "reduction": "none"})
op("hinge_embedding_loss", {"input": away(2, 3, points=[2.0]), "target": values([1.0, -1.0, -1.0]).frozen()},
   {"margin": 2, "reduction": "sum"})
op("margin_ranking_loss", {"input1": distinct(2, 3), "input2": distinct(2, 3, spacing=0.3), "target": signs(2, 3)},
   note="two axes, margin 0")
op("margin_ranking_loss", {"input1": normal(), "input2": normal(), "target": values(1.0).frozen()}, {"margin": 2.0})
op("margin_ranking_loss", {"input1": distinct(2, 3), "input2": distinct(2, 1, spacing=0.3), "target": signs(1, 3)},
   {"reduction": "sum"}, note="all broadcast")
op("margin_ranking_loss", {"input1": normal(0), "input2": normal(0), "target": signs(0)}, {"reduction": "sum"}, **EMPTY)
op("margin_ranking_loss", {"input1": normal(4, 3).permuted(1, 0), "input2": normal(3, 4), "target": signs(3, 4)},
   {"margin": -0.5})
op("cosine_embedding_loss", {"input1": normal(4), "input2": normal(4), "target": values(1.0).frozen()},
   note="no batch axis")
op("cosine_embedding_loss", {"input1": normal(4), "input2": normal(4), "target": values(-1.0).frozen()},
   {"margin": -1.5})
op("cosine_embedding_loss", {"input1": normal(2, 3), "input2": normal(2, 3), "target": ints([1, -1])}, {"margin": -0.9},
   note="integer targets")
op("cosine_embedding_loss", {"input1": normal(0, 3), "input2": normal(0, 3), "target": signs(0)}, {"reduction": "sum"},
   **EMPTY)
op("cosine_embedding_loss",
   {"input1": normal(4, 3).permuted(1, 0), "input2": normal(3, 8).sliced(1, 0, 8, 2), "target": signs(3)},
   {"margin": -0.8, "reduction": "none"})
op("triplet_margin_loss", {"anchor": normal(4), "positive": normal(4), "negative": normal(4)}, {"margin": 3.0},
   note="no batch axis")
op("triplet_margin_loss", {"anchor": normal(2, 3, 2), "positive": normal(2, 3, 2), "negative": normal(2, 3, 2)},
   {"margin": 2, "reduction": "none", "eps": 0.1}, note="three axes")
op("triplet_margin_loss",
   {"anchor": distinct(2, 3), "positive": distinct(2, 3, spacing=0.3), "negative": distinct(2, 3, spacing=0.35)},
   {"margin": 4.0, "p": INF})
op("triplet_margin_loss", {"anchor": normal(2, 3), "positive": normal(2, 3), "negative": normal(2, 3)},
   {"p": 1.5, "margin": 0.0})
op("triplet_margin_loss",
   {"anchor": values([[0.0, 0.0]]), "positive": values([[3.0, 4.0]]), "negative": values([[4.0, 3.0]])},
   {"margin": 0.0, "eps": 0.0}, tags="kink", note="equally far, without a margin")
op("triplet_margin_loss",
   {"anchor": values([[1.0, 2.0]]), "positive": values([[1.0, 2.0]]), "negative": values([[1.5, 2.0]])},
   {"margin": 1.0, "eps": 0.0}, tags="kink", note="the anchor is the positive")
op("triplet_margin_loss",
   {"anchor": values([[0.0, 0.0]]), "positive": values([[3.0, 4.0]]), "negative": values([[0.0, 5.0]])},
   {"margin": 1.0, "eps": 0.0, "swap": True, "p": 2}, note="swapped")
op("triplet_margin_loss",
   {"anchor": values([[0.0, 0.0]]), "positive": values([[6.0, 0.0]]), "negative": values([[3.0, 4.0]])},
   {"margin": 2.0, "eps": 0.0, "swap": True}, tags="tie", note="a tie of the two negative distances")
op("multi_margin_loss", {"input": distinct(4, spacing=0.2), "target": ints(2)}, note="no batch axis")
op("multi_margin_loss", {"input": distinct(2, 3, spacing=0.2), "target": ints([0, 2]), "weight": weights(3)},
   {"reduction": "none"})
op("multi_margin_loss", {"input": distinct(2, 1), "target": ints([0, 0])}, {"reduction": "sum"}, note="one class: 0")
op("multi_margin_loss", {"input": distinct(3, 2).permuted(1, 0), "target": ints([2, 1])}, {"p": 1, "margin": 2.0})
op("multi_margin_loss", {"input": values([[2.0, 1.0, 1.5], [1.0, 1.0, 0.0]]), "target": ints([0, 1])},
   {"p": 2, "reduction": "none"}, tags="kink")
op("multilabel_margin_loss", {"input": distinct(4, spacing=0.2), "target": ints([2, 0, -1, 3])}, note="no batch axis")
op("multilabel_margin_loss", {"input": distinct(2, 3, spacing=0.2), "target": ints([[-1, 0, 1], [1, 2, 0]])},
   {"reduction": "sum"}, note="no targets in the first row, all in the second")
op("multilabel_margin_loss", {"input": distinct(2, 3, spacing=0.2), "target": ints([[2, -1, 2], [0, 1, -1]])})
op("multilabel_margin_loss",
   {"input": distinct(4, 2, spacing=0.2).permuted(1, 0), "target": ints([[3, 0, -1, 1], [1, -1, 0, 2]])},
   {"reduction": "none"})
op("multilabel_margin_loss", {"input": distinct(2, 1), "target": ints([[0], [-1]])}, {"reduction": "none"},
   note="one class")
op("soft_margin_loss", {"input": normal(), "target": values(1.0).frozen()})
op("soft_margin_loss", {"input": normal(0, 2), "target": signs(0, 2)}, {"reduction": "sum"}, **EMPTY)
op("soft_margin_loss", {"input": normal(3, 2).permuted(1, 0), "target": signs(2, 3)})
op("soft_margin_loss", {"input": normal(2, 3), "target": normal(2, 3).frozen()}, {"reduction": "none"},
   note="any real target")
op("soft_margin_loss", {"input": normal(2, 2, 2, scale=10.0), "target": signs(2, 2, 2)}, {"reduction": "sum"})
op("poisson_nll_loss", {"input": normal(), "target": values(2.0).frozen()})
op("poisson_nll_loss", {"input": normal(0, 2), "target": normal(0, 2).frozen()}, {"reduction": "sum"}, **EMPTY)
op("poisson_nll_loss", {"input": normal(3, 2).permuted(1, 0), "target": uniform(2, 3, low=0.1, high=4.0).frozen()})
op("poisson_nll_loss", {"input": values([0.0, 0.5, 0.0]), "target": values([0.0, 2.0, 1.0]).frozen()},
   {"log_input": False, "eps": 0.5}, note="a rate of 0")
op("poisson_nll_loss", {"input": normal(2, 3), "target": uniform(2, 3, low=2.0, high=4.0)}, {"full": True},
   note="target differentiated")
op("poisson_nll_loss",
   {"input": uniform(2, 3, low=0.5, high=2.0), "target": values([[1.0, 1.0, 0.0], [2.0, 5.0, 30.0]]).frozen()},
   {"log_input": False, "full": True, "reduction": "none"})
op("gaussian_nll_loss", {"input": normal(4), "target": normal(4), "var": uniform(4, low=0.3, high=2.0)})
op("gaussian_nll_loss",
   {"input": normal(2, 2, 3), "target": normal(2, 2, 3), "var": uniform(2, 2, 1, low=0.3, high=2.0)},
   {"reduction": "none"})
op("gaussian_nll_loss", {"input": normal(3), "target": normal(3), "var": values([0.2, 0.5, 1.5])},
   {"eps": 0.5, "reduction": "none"}, tags="kink", note="variances below eps count as eps, but have a gradient")
op("gaussian_nll_loss", {"input": normal(3), "target": normal(3), "var": values([0.0, 1.0, 2.0])},
   {"eps": 0.01, "full": True}, tags="kink")
op("gaussian_nll_loss", {"input": normal(0, 2), "target": normal(0, 2), "var": uniform(0, 2, low=0.3, high=2.0)},
   {"reduction": "sum"}, **EMPTY)
op("gaussian_nll_loss",
   {"input": normal(3, 2).permuted(1, 0), "target": normal(2, 3),
    "var": uniform(2, 6, low=0.3, high=2.0).sliced(1, 0, 6, 2)},
   {"full": True, "reduction": "sum"})
op("gaussian_nll_loss",
   {"input": normal(2, 3), "target": normal(2, 3), "var": uniform(2, 3, low=0.3, high=2.0).frozen()}, {"full": False})


def ctc(logits, targets, input_lengths, target_lengths):
    return {"logits": normal(*logits), "targets": ints(targets), "input_lengths": ints(input_lengths),
            "target_lengths": ints(target_lengths)}


op("ctc_loss", ctc((1, 1, 2), [[1]], [1], [1]))
op("ctc_loss", ctc((5, 1, 3), [[1, 1, 2, 2]], [5], [3]), {"reduction": "sum"}, note="padding after the target")
op("ctc_loss", ctc((7, 2, 5), [[4, 4, 4], [0, 1, 0]], [7, 6], [3, 3]), {"blank": 3}, note="repeated labels")
op("ctc_loss", ctc((4, 2, 3), [[0, 1], [1, 0]], [4, 3], [2, 1]), {"blank": 2, "reduction": "none"},
   note="the last label is the blank")
op("ctc_loss", ctc((4, 2, 3), [2, 1], [2, 4], [1, 1]), {"reduction": "sum"}, note="concatenated targets of one")
op("ctc_loss", ctc((3, 2, 3), [[1, 2], [1, 2]], [3, 3], [0, 0]), {"reduction": "none"},
   note="empty targets: blanks only")
op("ctc_loss", ctc((4, 3, 3), [[1, 2, 1], [1, 1, 1], [2, 2, 1]], [4, 4, 3], [3, 3, 3]),
   {"zero_infinity": True, "reduction": "mean"}, note="two of three do not fit")
op("ctc_loss", ctc((4, 2, 3), [1, 2, 2, 1], [4, 3], [2, 2]), {"zero_infinity": True, "blank": 0, "reduction": "sum"})
op("ctc_loss",
   {"logits": normal(2, 1, 3).frozen(), "targets": ints([[1, 1]]), "input_lengths": ints([2]),
    "target_lengths": ints([2])},
   {"reduction": "none"}, tags="nonfinite", note="does not fit: infinite")
op("ctc_loss",
   {"logits": normal(2, 4, 3).permuted(1, 0, 2), "targets": ints([[1, 2], [2, 2]]), "input_lengths": ints([4, 4]),
                "target_lengths": ints([2, 2])})
op("ctc_loss", {"logits": normal(4, 3), "targets": ints([1, 2]), "input_lengths": ints(4), "target_lengths": ints(2)},
   {"reduction": "none"}, note="no batch axis")
op("ctc_loss", {"logits": normal(12, 1, 3, scale=30.0), "targets": ints([[1, 2, 1]]), "input_lengths": ints([12]),
                "target_lengths": ints([3])},
   tags="extreme")
