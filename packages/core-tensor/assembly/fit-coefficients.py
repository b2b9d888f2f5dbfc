"""Prints the minimax polynomials of `coefficients.mjs`. Needs mpmath; run it only to change a degree or an interval.

Each is the polynomial p of given degree that minimises max |w(x) (p(x) - f(x))|, found by the exchange algorithm of Remez in
60 digits, with the weight that makes the error relative to the function that p serves.
"""
from mpmath import mp, mpf, matrix, lu_solve, exp, log, erf, erfc, sqrt, pi, cos, expm1

mp.dps = 60


def remez(f, w, low, high, degree, rounds=12, grid=3000):
    low, high = mpf(low), mpf(high)
    count = degree + 2
    nodes = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / (count - 1)) for i in range(count)]
    points = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / grid) for i in range(grid + 1)]
    values = [(x, f(x), w(x)) for x in points]
    for _ in range(rounds):
        a = matrix(count, count)
        b = matrix(count, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                a[i, j] = x**j
            a[i, degree + 1] = (-1) ** i / w(x)
            b[i] = f(x)
        c = lu_solve(a, b)
        poly = list(c)[: degree + 1]
        errors = []
        for x, y, weight in values:
            p = mpf(0)
            for coefficient in reversed(poly):
                p = p * x + coefficient
            errors.append((x, weight * (p - y)))
        peaks = []
        for x, e in errors:
            if peaks and (e >= 0) == (peaks[-1][1] >= 0):
                if abs(e) > abs(peaks[-1][1]):
                    peaks[-1] = (x, e)
            else:
                peaks.append((x, e))
        while len(peaks) > count:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        if len(peaks) < count:
            break
        nodes = [x for x, _ in peaks]
    return poly, max(abs(e) for _, e in errors)


def show(name, bits, fitted):
    poly, error = fitted
    print(f"{name} float{bits}: error {mp.nstr(error, 3)}")
    print("  [" + ", ".join(mp.nstr(c, 9 if bits == 32 else 17) for c in reversed(poly)) + "]")


half = log(2) / 2 * mpf("1.0001")
# e^t = 1 + t + t^2 q(t); the error is relative to e^t - 1
tail = lambda t: (exp(t) - 1 - t) / t**2 if abs(t) > mpf("1e-20") else mpf(1) / 2
tail_weight = lambda t: max(abs(t**2 / expm1(t)), mpf("0.01")) if t else mpf("0.01")  # a floor keeps the exchange regular
for bits, degree in ((32, 4), (64, 9)):
    show(f"expTail[{degree}]", bits, remez(tail, tail_weight, -half, half, degree))

# log((1 + s) / (1 - s)) = 2 s + s z r(z), z = s^2; the error is relative to 2 s
top = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * mpf("1.0001")
series = lambda z: (log((1 + sqrt(z)) / (1 - sqrt(z))) / sqrt(z) - 2) / z if z > mpf("1e-20") else mpf(2) / 3
for bits, degree in ((32, 2), (64, 6)):
    show(f"logTail[{degree}]", bits, remez(series, lambda z: max(z / 2, top / 100), 0, top, degree))

# (1 + 2 a) exp(a^2) erfc(a) as a polynomial in u = (a - K) / (a + K)
for bits, degree, K, top in ((32, 10, mpf("3.75"), 11), (64, 22, mpf("3.75"), 28)):
    def scaled(u):
        a = K * (1 + u) / (1 - u)
        return (1 + 2 * a) * exp(a * a) * erfc(a)
    show(f"erfcScaled[{degree}]", bits, remez(scaled, lambda u: 1 / scaled(u), -1, (top - K) / (top + K), degree, rounds=6, grid=1500))

# erf(x) = x + x p(x^2) for |x| <= 3/4
edge = mpf("0.75") ** 2
ratio = lambda z: erf(sqrt(z)) / sqrt(z) - 1 if z > mpf("1e-20") else 2 / sqrt(pi) - 1
for bits, degree in ((32, 5), (64, 10)):
    show(f"erfNear[{degree}]", bits, remez(ratio, lambda z: 1 / (1 + ratio(z)), 0, edge, degree))
