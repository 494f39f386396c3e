"""Prints include/xgrad/detail/lanes_coefficients.hpp (needs mpmath); pass it through clang-format.

Each is the Chebyshev interpolant of the named function on the interval its argument reduction leaves, turned into
powers in 120-digit arithmetic and rounded once.
"""
from mpmath import asin, atan, atanh, cos, digamma, erf, erfc, exp, findroot, log, mp, mpf, nstr, pi, sin, sqrt

mp.dps = 120


def interpolant(f, a, b, degree):
    """Power coefficients, lowest first, of f's interpolant at the Chebyshev nodes of [a, b]."""
    n = degree + 1
    a, b = mpf(a), mpf(b)
    angles = [pi * (2 * k + 1) / (2 * n) for k in range(n)]
    values = [f((a + b) / 2 + (b - a) / 2 * cos(t)) for t in angles]
    cheb = [(mpf(2) if j else mpf(1)) / n * sum(v * cos(j * t) for v, t in zip(values, angles)) for j in range(n)]
    # Chebyshev series to powers of u in [-1, 1], then u = (2 x - a - b) / (b - a).
    powers = [[mpf(1)], [mpf(0), mpf(1)]]
    while len(powers) < n:
        t1, t0 = powers[-1], powers[-2]
        nxt = [mpf(0)] + [2 * c for c in t1]
        for i, c in enumerate(t0):
            nxt[i] -= c
        powers.append(nxt)
    in_u = [sum(cheb[j] * powers[j][i] for j in range(n) if i < len(powers[j])) for i in range(n)]
    slope, offset = 2 / (b - a), -(a + b) / (b - a)
    result = [mpf(0)] * n
    for c in reversed(in_u):  # Horner on polynomials
        shifted = [mpf(0)] * n
        for i in range(n):
            shifted[i] += offset * result[i]
            if i:
                shifted[i] += slope * result[i - 1]
        shifted[0] += c
        result = shifted
    return result


half_log2 = log(2) / 2
root = findroot(digamma, mpf('1.4616321449683623'))
K = mpf(3)


def erfcx(x):
    return exp(x * x) * erfc(x)


def from_t(t):
    return K * (1 + t) / (1 - t)


# name, meaning, function, interval, degree for double, degree for float (None: double only)
TINY = mpf(10)**-30
QUADRANT = (pi / 4 * mpf('1.01'))**2
TABLE = [
    ('exp_tail', '(e^r - 1 - r) / r^2', lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > TINY else (1 + r / 3) / 2, -half_log2 * mpf('1.01'),
     half_log2 * mpf('1.01'), 10, 5),
    ('log_tail', '(2 atanh(s) / s - 2) / z, z = s^2', lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, TINY,
     mpf('0.0297'), 7, 3),
    ('sin_tail', '(sin(r) - r) / r^3 in r^2', lambda z: (sin(sqrt(z)) - sqrt(z)) / sqrt(z)**3, TINY, QUADRANT, 6, 3),
    ('cos_tail', '(cos(r) - 1 + r^2 / 2) / r^4 in r^2', lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, TINY, QUADRANT, 6,
     3),
    ('atan_tail', '(atan(s) - s) / s^3 in s^2', lambda z: (atan(sqrt(z)) - sqrt(z)) / sqrt(z)**3, TINY,
     mpf('0.1717'), 11, 5),
    ('asin_tail', '(asin(s) - s) / s^3 in s^2', lambda z: (asin(sqrt(z)) - sqrt(z)) / sqrt(z)**3, TINY,
     mpf('0.2501'), 13, 5),
    ('erf_tail', '(erf(x) / x - 2 / sqrt(pi)) / z, z = x^2', lambda z: (erf(sqrt(z)) / sqrt(z) - 2 / sqrt(pi)) / z, TINY,
     mpf(1), 11, 6),
    ('erfcx_scaled', '(1 + 2 x) e^(x^2) erfc(x) in t = (x - 3) / (x + 3), x in [0.5, 28]',
     lambda t: (1 + 2 * from_t(t)) * erfcx(from_t(t)), (mpf('0.5') - K) / (mpf('0.5') + K), (28 - K) / (28 + K), 22, 9),
    ('digamma_ratio', 'digamma(x) / (x - root) in x - root, x in [1, 2]', lambda d: digamma(d + root) / d, 1 - root,
     2 - root, 22, None),
]

HEAD = """#pragma once

// Written by scripts/lanes_coefficients.py.

namespace xgrad::detail {

// Polynomial coefficients, lowest power first: near-minimax on the interval that the argument reduction leaves.
template <class T>
struct LaneCoefficients;
"""


def main():
    print(HEAD)
    for kind, digits, suffix in (('double', 17, ''), ('float', 9, 'f')):
        print(f'template <>\nstruct LaneCoefficients<{kind}> {{')
        for name, meaning, f, a, b, *degrees in TABLE:
            degree = degrees[kind == 'float']
            if degree is None:
                continue
            c = interpolant(f, a, b, degree)
            points = [a + (b - a) * (i + mpf('0.37')) / 400 for i in range(400)]
            worst = max(abs(sum(k * x**i for i, k in enumerate(c)) - f(x)) for x in points)
            words = [nstr(k, digits, min_fixed=-3, max_fixed=3) + suffix for k in c]
            print(f'  // {meaning}; error {nstr(worst, 2)}')
            print(f'  static constexpr {kind} {name}[] = {{' + ', '.join(words) + '};')
        print('};\n')
    print('}  // namespace xgrad::detail')


if __name__ == '__main__':
    main()
