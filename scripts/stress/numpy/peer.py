"""Evaluates calls with NumPy (and SciPy, where it is installed): one JSON object a line in, one a line out.

In:  {"op", "inputs": [{"dtype", "shape", "data": base64}], "attrs"}
Out: {"dtype", "shape", "data": base64 of float64, "scale": base64 of float64 or null} or {"refused": text}

`scale` is the sum of magnitudes behind each element of a sum: the rounding error of any order of summation is a small multiple of it.
"""
import base64
import json
import sys
import warnings

import numpy as np

try:
    import scipy.special as special
except ImportError:
    special = None

warnings.filterwarnings("ignore")
np.seterr(all="ignore")
TYPES = {"float64": "<f8", "float32": "<f4", "int32": "<i4", "uint8": "u1", "int8": "i1", "bool": "?"}


def decode(a):
    x = np.frombuffer(base64.b64decode(a["data"]), dtype=TYPES[a["dtype"]]).reshape(a["shape"])
    return x.copy()


def f64(x):
    return np.asarray(x, dtype=np.float64)


def as_float(x):
    """Integers become float32 here, and what that rounds away is not the function's error."""
    return f64(np.asarray(x, dtype=np.float32)) if x.dtype.kind in "iub" else f64(x)


def axis_of(attrs):
    axis = attrs.get("axis")
    return tuple(axis) if isinstance(axis, list) else axis


def wide(x):
    """Integers and bool as they are, floats in double precision: the truth before rounding."""
    return f64(x) if x.dtype.kind == "f" else x


def lgamma(x):
    """ln |gamma|, with the poles and the smallest numbers that SciPy gives up on."""
    y = special.gammaln(x)
    y = np.where((x <= 0) & (x == np.floor(x)), np.inf, y)
    return np.where((np.abs(x) < 1e-300) & (x != 0), -np.log(np.abs(x)), y)


def digamma(x):
    """psi; below zero by reflection with the distance to the pole exact, where SciPy loses digits of it."""
    near = x - np.round(x)
    below = special.psi(1 - x) - np.pi / np.tan(np.pi * near)
    return np.where((x < 0) & (near != 0), below, special.psi(x))


def expm(a):
    """e^A in extended precision by its series: SciPy is 5e-13 off for some matrices of two rows."""
    scaled = a.astype(np.longdouble) / 2**10
    term = total = np.broadcast_to(np.eye(a.shape[-1], dtype=np.longdouble), a.shape)
    for k in range(1, 30):
        term = term @ scaled / k
        total = total + term
    for _ in range(10):
        total = total @ total
    return total.astype("f8")


# float functions: evaluated in double precision from the numbers given
UNARY = {
    name: getattr(np, name)
    for name in ["sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh"]
}
UNARY.update(asin=np.arcsin, acos=np.arccos, atan=np.arctan, asinh=np.arcsinh, acosh=np.arccosh, atanh=np.arctanh)
UNARY.update(reciprocal=lambda x: 1 / x, rsqrt=lambda x: 1 / np.sqrt(x))
if special is not None:
    UNARY.update(sigmoid=special.expit, erf=special.erf, erfc=special.erfc, erfinv=special.erfinv, ndtr=special.ndtr,
                 ndtri=special.ndtri, lgamma=lgamma, digamma=digamma)

# exact in any type
EXACT = {"abs": np.abs, "neg": np.negative, "sign": np.sign, "square": np.square, "floor": np.floor, "ceil": np.ceil,
         "trunc": np.trunc, "round": lambda x: np.rint(x) if x.dtype.kind == "f" else x, "isNan": np.isnan, "isFinite": np.isfinite, "logicalNot": np.logical_not}
BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "maximum": np.maximum, "minimum": np.minimum,
          "equal": np.equal, "notEqual": np.not_equal, "less": np.less, "lessEqual": np.less_equal, "greater": np.greater,
          "greaterEqual": np.greater_equal, "logicalAnd": np.logical_and, "logicalOr": np.logical_or}
FLOAT_BINARY = {"div": np.divide, "mod": np.mod, "fmod": np.fmod, "pow": np.power, "hypot": np.hypot, "atan2": np.arctan2,
                "logAddExp": np.logaddexp}
COMPARE = {"equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"}


def exact_mod(a, b):
    """The exact remainder with the divisor's sign, rounded once: np.mod adds the divisor to a rounded remainder."""
    from fractions import Fraction
    if not (np.isfinite(a) and np.isfinite(b)) or b == 0:
        return np.mod(a, b)
    r = Fraction(float(a)) % Fraction(float(b))
    return float(r) if r != 0 else np.copysign(0.0, b)


def reduce_scale(x, attrs):
    return np.sum(np.abs(f64(x)), axis=axis_of(attrs), keepdims=attrs.get("keepDims", False))


def evaluate(op, xs, attrs):
    x = xs[0]
    axis, keep = axis_of(attrs), attrs.get("keepDims", False)
    if op in EXACT:
        return EXACT[op](x), None
    if op in UNARY:
        return UNARY[op](as_float(x)), None
    if op in BINARY:
        a, b = xs[:2]
        if op in COMPARE and {a.dtype.kind, b.dtype.kind} & {"f"}:
            a, b = f64(a), f64(b)
        return BINARY[op](a, b), None
    if op == "mod" and "f" in {x.dtype.kind, xs[1].dtype.kind}:
        a, b = np.broadcast_arrays(f64(x), f64(xs[1]))
        return np.array([exact_mod(p, q) for p, q in zip(a.flat, b.flat)]).reshape(a.shape), None
    if op in FLOAT_BINARY:
        a, b = xs[:2]
        if op in {"mod", "fmod", "pow"} and a.dtype.kind in "iu" and b.dtype.kind in "iu":
            return FLOAT_BINARY[op](a, b), None
        return FLOAT_BINARY[op](f64(a), f64(b)), None
    if op == "where":
        return np.where(x.astype(bool), xs[1], xs[2]), None
    if op == "clip":
        return np.clip(wide(x), attrs["min"], attrs["max"]), None
    if op == "sum" and x.dtype.kind != "f":
        return np.sum(x, axis=axis, keepdims=keep), None
    if op in {"sum", "mean"}:
        return getattr(np, op)(f64(x), axis=axis, keepdims=keep), reduce_scale(x, attrs)
    if op == "prod":
        return np.prod(f64(x), axis=axis, keepdims=keep), None
    if op in {"max", "min", "all", "any"}:
        return getattr(np, {"max": "amax", "min": "amin"}.get(op, op))(x, axis=axis, keepdims=keep), None
    if op in {"std", "variance"}:
        f = np.std if op == "std" else np.var
        return f(f64(x), axis=axis, keepdims=keep, ddof=attrs.get("correction", 0)), reduce_scale(np.square(f64(x)), attrs)
    if op in {"argmax", "argmin"}:
        return getattr(np, op)(x, axis=axis), None
    if op == "logSumExp":
        return np.logaddexp.reduce(f64(x), axis=axis, keepdims=keep), None
    if op == "norm":
        return np.sqrt(np.sum(np.square(f64(x)), axis=axis, keepdims=keep)), None
    if op in {"cumsum", "cumprod"}:
        return getattr(np, op)(f64(x), axis=attrs["axis"]), np.cumsum(np.abs(f64(x)), axis=attrs["axis"]) if op == "cumsum" else None
    if op == "median":
        return np.median(f64(x), axis=axis), None
    if op == "quantile":
        return np.quantile(f64(x), attrs["q"], axis=axis, method=attrs["interpolation"]), None
    if op == "softmax":
        y = np.exp(f64(x) - np.max(f64(x), axis=axis, keepdims=True))
        return y / y.sum(axis=axis, keepdims=True), None
    if op == "reshape":
        return x.reshape(attrs["shape"]), None
    if op == "transpose":
        return np.transpose(x, attrs.get("axes")), None
    if op == "expandDims":
        return np.expand_dims(x, attrs["axis"]), None
    if op == "squeeze":
        return np.squeeze(x), None
    if op == "moveAxis":
        return np.moveaxis(x, attrs["from"], attrs["to"]), None
    if op == "broadcastTo":
        return np.broadcast_to(x, attrs["shape"]), None
    if op in {"concat", "stack"}:
        return (np.concatenate if op == "concat" else np.stack)(xs, axis=attrs["axis"]), None
    if op == "repeat":
        return np.repeat(x, attrs["repeats"], axis=attrs["axis"]), None
    if op == "tile":
        return np.tile(x, attrs["reps"]), None
    if op == "roll":
        return np.roll(x, attrs["shift"], axis=attrs["axis"]), None
    if op == "flip":
        return np.flip(x, axis), None
    if op == "pad":
        return np.pad(x, attrs["pads"], constant_values=attrs["value"]), None
    if op == "slice":
        return x[tuple(slice(*s) for s in attrs["slices"])], None
    if op == "take":
        return np.take(x, xs[1], axis=attrs["axis"]), None
    if op == "takeAlongAxis":
        return np.take_along_axis(x, xs[1], axis=attrs["axis"]), None
    if op == "scatterAdd":
        y = wide(x).copy()
        np.add.at(y, xs[1], wide(xs[2]))
        return y, np.full(y.shape, np.abs(f64(x)).sum() + np.abs(f64(xs[2])).sum())
    if op in {"diag", "diagonal"}:
        return (np.diag if op == "diag" else np.diagonal)(x), None
    if op in {"tril", "triu"}:
        return getattr(np, op)(x, attrs["k"]), None
    if op in {"sort", "argsort"}:
        f = np.sort if op == "sort" else np.argsort
        if attrs["descending"]:
            order = np.argsort(-f64(x), axis=attrs["axis"], kind="stable")
            return (np.take_along_axis(x, order, attrs["axis"]) if op == "sort" else order), None
        return f(x, axis=attrs["axis"], kind="stable"), None
    if op == "searchSorted":
        return np.searchsorted(x, xs[1], side=attrs["side"]), None
    if op in {"matmul", "dot"}:
        f = getattr(np, op)
        return f(f64(x), f64(xs[1])), f(np.abs(f64(x)), np.abs(f64(xs[1])))
    if op == "outer":
        return np.outer(f64(x), f64(xs[1])), None
    if op == "einsum":
        return np.einsum(attrs["equation"], *map(f64, xs)), np.einsum(attrs["equation"], *[np.abs(f64(y)) for y in xs])
    if op == "arange":
        return np.arange(attrs["start"], attrs["stop"], attrs["step"], dtype=np.float64), None
    if op == "linspace":
        return np.linspace(attrs["start"], attrs["stop"], attrs["num"]), None
    return linalg(op, xs, attrs)


def linalg(op, xs, attrs):
    """Decompositions: the scale is the conditioning, so that the bound is relative to it."""
    a = f64(xs[0])
    with np.errstate(all="ignore"):
        condition = np.linalg.cond(a) if np.isfinite(a).all() and a.size else np.array(np.inf)
    if op == "det":
        y = np.linalg.det(a)
        return y, np.prod(np.linalg.norm(a, axis=-1), axis=-1)
    if op == "inv":
        y = np.linalg.inv(a)
        return y, np.broadcast_to((condition * np.abs(y).max(axis=(-1, -2)))[..., None, None], y.shape)
    if op == "solve":
        y = np.linalg.solve(a, f64(xs[1]))
        return y, np.full(y.shape, condition.max() * np.abs(y).max())
    if op == "cholesky":
        y = np.linalg.cholesky(a)
        return y, np.full(y.shape, condition.max() * np.abs(y).max())
    if op == "svdvals":
        y = np.linalg.svd(a, compute_uv=False)
        return y, np.broadcast_to(y.max(axis=-1, keepdims=True), y.shape)
    if op == "eigvalsh":
        y = np.linalg.eigvalsh(a)
        return y, np.broadcast_to(np.abs(y).max(axis=-1, keepdims=True), y.shape)
    if op == "pinv":
        y = np.linalg.pinv(a, rcond=1e-10)
        return y, np.full(y.shape, condition.max() * np.abs(y).max())
    if op == "matrixExp" and special is not None:
        y = expm(a)
        return y, np.full(y.shape, np.exp(np.abs(a).sum(axis=-1).max()))
    raise KeyError(op)


def encode(y, scale):
    y = np.asarray(y)
    out = {"dtype": str(y.dtype), "shape": list(y.shape), "data": base64.b64encode(np.ascontiguousarray(f64(y)).tobytes()).decode()}
    if scale is not None:
        out["scale"] = base64.b64encode(np.ascontiguousarray(np.broadcast_to(f64(scale), y.shape)).tobytes()).decode()
    return out


print(json.dumps({"numpy": np.__version__, "scipy": special is not None}), flush=True)
for line in sys.stdin:
    call = json.loads(line)
    try:
        result = encode(*evaluate(call["op"], [decode(a) for a in call["inputs"]], call["attrs"]))
    except (TypeError, ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError, np.exceptions.AxisError) as error:
        result = {"refused": f"{type(error).__name__}: {error}"}
    except KeyError as error:
        result = {"unknown": str(error)}
    print(json.dumps(result), flush=True)
