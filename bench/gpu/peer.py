"""The programs of programs.mjs in PyTorch, timed on the GPU: with inputs resident, with the result copied out as well, and with inputs copied in, too."""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

if not torch.cuda.is_available() and "--cpu" not in sys.argv:
    sys.exit("PyTorch sees no GPU")
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
randn, rand = torch.randn, torch.rand


def mixture(x, means, times):
    for t in times:
        decay = torch.exp(-t)
        variance = 1 - 0.96 * decay**2
        away = x[:, None] - decay * means
        weights = torch.softmax(-(away**2).sum(-1) / (2 * variance), -1)
        score = -(weights[..., None] * away).sum(1) / variance
        x = x + 2.98 / 49 * (x + score)
    return x


def robust(law, reward):
    v = torch.zeros(law.shape[0], device=law.device)
    for _ in range(300):
        order = torch.argsort(v, descending=True)
        mass = law[:, :, order]
        before = mass.cumsum(2) - mass
        taken = torch.minimum(mass, torch.clamp(0.2 - before, min=0))
        worst = ((mass - taken) * v[order]).sum(-1) + taken.sum(-1) * v.min()
        v = (reward + 0.9 * worst).max(-1).values
    return v


def training(x, y, w1, w2):
    w1, w2 = w1.clone().requires_grad_(), w2.clone().requires_grad_()
    for _ in range(20):
        loss = -(y * F.log_softmax(F.relu(x @ w1) @ w2, 1)).sum(1).mean()
        da, db = torch.autograd.grad(loss, [w1, w2])
        with torch.no_grad():
            w1 -= 0.1 * da
            w2 -= 0.1 * db
    return w2.detach()


def chain10(x, w):
    for _ in range(10):
        x = torch.tanh(x @ w / w.shape[0] ** 0.5)
    return x


def feed_forward(x, gate, up, down, chosen):
    g, u, w = gate[chosen], up[chosen], down[chosen]
    return (F.silu(x @ g.T) * (x @ u.T)) @ w


def score(x, data):
    bias = -(data**2).sum(1)
    return (torch.softmax(2 * x @ data.T + bias, -1) @ data - x) / 0.5


PROGRAMS = {
    "chain": (lambda n: [randn(n) for _ in range(3)], lambda a, b, c: torch.tanh(a * b + c) * torch.exp(-a * a)),
    "sum": (lambda n: [rand(n)], lambda x: x.sum()),
    "softmax": (lambda rows, cols: [randn(rows, cols)], lambda x: torch.softmax(x, -1)),
    "gemm": (lambda n: [randn(n, n), randn(n, n)], lambda a, b: a @ b),
    "gemmChain": (lambda n: [randn(n, n), randn(n, n)], chain10),
    "attention": (
        lambda heads, t, d, blockSize: [randn(heads, t, d) for _ in range(3)],
        lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0],
    ),
    "attentionUnstored": (
        lambda heads, t, d: [randn(heads, t, d) for _ in range(3)],
        lambda q, k, v: F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0],
    ),
    "empiricalScore": (lambda n, data, d, chunk: [randn(n, d), randn(data, d)], score),
    "conv2d": (
        lambda batch, c, side, filters: [randn(batch, c, side, side), randn(filters, c, 3, 3)],
        lambda x, w: F.relu(F.conv2d(x, w, padding=1)),
    ),
    "gatheredFeedForward": (
        lambda t, d, neurons: [randn(t, d)] + [0.02 * randn(neurons, d) for _ in range(3)] + [torch.randperm(neurons)[: neurons // 2]],
        feed_forward,
    ),
    "mixtureSampler": (
        lambda particles, modes: [randn(particles, 2), 2 * randn(modes, 2), torch.linspace(3, 0.02, 50)],
        mixture,
    ),
    "robustValueIteration": (
        lambda states, actions: [torch.softmax(rand(states, actions, states), -1), rand(states, actions)],
        robust,
    ),
    "training": (
        lambda batch, inputs, hidden: [
            randn(batch, inputs),
            F.one_hot(torch.randint(10, (batch,)), 10).float(),
            0.05 * randn(inputs, hidden),
            0.05 * randn(hidden, 10),
        ],
        training,
    ),
}


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def median_ms(run):
    run()
    times, total = [], 0.0
    while len(times) < 3 or (total < 2 and len(times) < 50):
        wait()
        start = time.perf_counter()
        run()
        wait()
        times.append(time.perf_counter() - start)
        total += times[-1]
    return 1000 * statistics.median(times)


results = {}
for name, extents in json.load(sys.stdin).items():
    make, f = PROGRAMS[name]
    args = make(**extents)
    there = [x.to(device) for x in args]
    results[name] = {
        "residentMs": median_ms(lambda: f(*there)),
        "resultMs": median_ms(lambda: f(*there).cpu()),
        "copiedMs": median_ms(lambda: f(*[x.to(device) for x in args]).cpu()),
    }
name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
print(json.dumps({"version": torch.__version__, "device": name, "float32": torch.get_float32_matmul_precision(), "results": results}))
