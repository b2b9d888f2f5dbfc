"""PyTorch's side of a contest: reads one JSON request a line, answers one JSON line. One thread."""
import json
import sys
import time

import torch

torch.set_num_threads(1)
torch.set_grad_enabled(False)


def matmul(dtype, n):
    a = torch.rand(n, n, dtype=getattr(torch, dtype))
    b = torch.rand(n, n, dtype=getattr(torch, dtype))
    return lambda: a @ b


def matvec(n):
    x, w = torch.rand(1, n), torch.rand(n, n)
    return lambda: x @ w


def unary(name, n):
    x = torch.rand(n) * 8 - 4
    f = getattr(torch, name)
    return lambda: f(x)


def softmax(n):
    x = torch.rand(n, n)
    return lambda: torch.softmax(x, -1)


def conv2d(n, c, h, w, o, k):
    x, f = torch.rand(n, c, h, w), torch.rand(o, c, k, k)
    return lambda: torch.nn.functional.conv2d(x, f, padding=k // 2)


def add(n):
    x, y = torch.rand(n), torch.rand(n)
    return lambda: x + y


def svd(n):
    a = torch.rand(n, n, dtype=torch.float64)
    return lambda: torch.linalg.svd(a)


def eigh(n):
    a = torch.rand(n, n, dtype=torch.float64)
    a = a + a.T
    return lambda: torch.linalg.eigh(a)


def tv_sweep(states, actions, sigma):
    """One robust Bellman sweep in vectorised NumPy: worst cases in total variation of all rows, with one sort."""
    import numpy as np

    rng = np.random.default_rng(0)
    p = rng.random((states * actions, states))
    p /= p.sum(1, keepdims=True)
    r, v = rng.random((states, actions)), rng.random(states)

    def run():
        order = np.argsort(-v)
        sorted_p = p[:, order]
        before = np.cumsum(sorted_p, 1) - sorted_p
        moved = np.minimum(sorted_p, np.maximum(0, sigma - before))
        worst = p @ v - moved @ (v[order] - v.min())
        return (r + 0.9 * worst.reshape(states, actions)).max(1)

    return run


def vpo(n):
    """Offline VPO with its gradients by automatic differentiation, float64."""
    torch.manual_seed(0)
    parts = [(-100 * torch.rand(n, dtype=torch.float64)).requires_grad_() for _ in range(4)]

    def run():
        with torch.enable_grad():
            a, b, a0, b0 = parts
            u = a - a0
            z = 0.1 * (u - (b - b0))
            loss = (torch.nn.functional.softplus(-z) - 0.02 * u).mean()
            return torch.autograd.grad(loss, parts)

    return run


OPERATIONS = {f.__name__: f for f in (matmul, matvec, unary, softmax, conv2d, add, svd, eigh, tv_sweep, vpo)}
prepared = {}
print(json.dumps({"version": torch.__version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    slot = json.dumps(request["operation"])
    if slot not in prepared:
        name, *args = request["operation"]
        prepared[slot] = OPERATIONS[name](*args)
    run = prepared[slot]
    start = time.perf_counter()
    for _ in range(request["times"]):
        run()
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
