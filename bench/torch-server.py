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


def chain(n):
    a, b, c = (torch.rand(n) * 2 - 1 for _ in range(3))
    return lambda: torch.tanh(a * b + c) * torch.exp(-(a * a))


def mlp_step(inputs, hidden, classes, batch):
    """One step of gradient descent of a perceptron with one hidden layer."""
    sizes = [(inputs, hidden), (hidden,), (hidden, classes), (classes,)]
    params = [(0.05 * torch.randn(s)).requires_grad_() for s in sizes]
    x, y = torch.rand(batch, inputs), torch.arange(batch) % classes

    def run():
        w1, b1, w2, b2 = params
        with torch.enable_grad():
            loss = torch.nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, y)
        for p, g in zip(params, torch.autograd.grad(loss, params)):
            p.sub_(0.1 * g)

    return run


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


def empirical_score(dtype, queries, points, d):
    """Score of a data set smoothed by noise: attention over the data, in one piece."""
    t = getattr(torch, dtype)
    data, x = torch.rand(points, d, dtype=t), torch.rand(queries, d, dtype=t)
    alpha, sigma2 = 0.8, 0.36
    bias = -(alpha * alpha) / (2 * sigma2) * (data * data).sum(1)

    def run():
        weights = torch.softmax((alpha / sigma2) * (x @ data.T) + bias, -1)
        return (alpha * (weights @ data) - x) / sigma2

    return run


def mixture_sampling(particles, components, d, steps):
    """Deterministic DDIM steps in vectorised NumPy with the exact score of a mixture of full covariances, factorised once."""
    import numpy as np

    rng = np.random.default_rng(0)
    weights = np.full(components, 1 / components)
    means = rng.standard_normal((components, d))
    roots = rng.standard_normal((components, d, d)) / 3
    values, vectors = np.linalg.eigh(roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(d))
    x0 = rng.standard_normal((particles, d))
    lambdas = np.linspace(-5, 4, steps)
    alphas = np.append(1 / np.sqrt(1 + np.exp(-2 * lambdas)), 1)
    sigmas = np.append(1 / np.sqrt(1 + np.exp(2 * lambdas)), 0)

    def score(x, alpha, sigma):
        variances = alpha * alpha * values + sigma * sigma
        coordinates = (x - alpha * means[:, None, :]) @ vectors
        scaled = coordinates / variances[:, None, :]
        logits = (np.log(weights) - 0.5 * np.log(variances).sum(1))[:, None] - 0.5 * (coordinates * scaled).sum(2)
        logits -= logits.max(0)
        r = np.exp(logits)
        r /= r.sum(0)
        return -((r[:, :, None] * scaled) @ vectors.transpose(0, 2, 1)).sum(0)

    def run():
        x = x0
        for i in range(steps):
            a, s, to_a, to_s = alphas[i], sigmas[i], alphas[i + 1], sigmas[i + 1]
            eps = -s * score(x, a, s)
            x = (to_a / a) * (x - s * eps) + to_s * eps
        return x

    return run


def llama_prefill(layers, hidden, ff, heads, kv_heads, head_dim, vocab, tokens):
    """A Llama of random weights reads a prompt; the head sees the last token only."""
    F = torch.nn.functional
    w = lambda *shape: 0.02 * torch.randn(shape)
    embed = w(vocab, hidden)
    blocks = [
        (w(heads * head_dim, hidden), w(kv_heads * head_dim, hidden), w(kv_heads * head_dim, hidden), w(hidden, heads * head_dim),
         w(ff, hidden), w(ff, hidden), w(hidden, ff))
        for _ in range(layers)
    ]
    ids = torch.arange(tokens) * 7919 % vocab
    rates = 10000.0 ** (-torch.arange(0, head_dim, 2) / head_dim)
    angles = torch.outer(torch.arange(tokens).float(), rates).repeat(1, 2)
    cos, sin = angles.cos(), angles.sin()
    norm = lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)

    def split(x, n):
        return x.view(tokens, n, head_dim).transpose(0, 1)

    def rotate(x):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    def run():
        x = embed[ids]
        for q, k, v, o, gate, up, down in blocks:
            h = norm(x)
            keys, values = rotate(split(F.linear(h, k), kv_heads)), split(F.linear(h, v), kv_heads)
            group = heads // kv_heads
            mixed = F.scaled_dot_product_attention(
                rotate(split(F.linear(h, q), heads))[None], keys.repeat_interleave(group, 0)[None], values.repeat_interleave(group, 0)[None], is_causal=True
            )[0]
            x = x + F.linear(mixed.transpose(0, 1).reshape(tokens, -1), o)
            h = norm(x)
            x = x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)
        return F.linear(norm(x[-1:]), embed)

    return run


def score_network_step(batch, side, channels):
    """One step of training the score network of this repository: loss, gradients, clipping, Adam, average of the weights."""
    nn, F = torch.nn, torch.nn.functional
    wide, half = 2 * channels, side // 2

    class Residual(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.conv0, self.conv1 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
            self.modulate = nn.Linear(wide, 2 * o)
            self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

        def forward(self, x, time):
            h = self.conv0(F.silu(F.group_norm(x, 8)))
            scale, shift = self.modulate(time)[:, :, None, None].chunk(2, 1)
            h = F.group_norm(h, 8) * (1 + scale) + shift
            return self.skip(x) + self.conv1(F.silu(h))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.time0, self.time1 = nn.Linear(channels, wide), nn.Linear(wide, wide)
            self.first, self.last = nn.Conv2d(4, channels, 3, padding=1), nn.Conv2d(channels, 4, 3, padding=1)
            self.down = nn.ModuleList([Residual(channels, channels), Residual(channels, channels)])
            self.middle = nn.ModuleList([Residual(wide, wide), Residual(wide, wide)])
            self.up = nn.ModuleList([Residual(wide, channels), Residual(channels, channels)])
            self.shrink, self.grow = nn.Conv2d(channels, wide, 3, 2, 1), nn.Conv2d(wide, channels, 3, padding=1)
            self.qkv, self.out = nn.Linear(wide, 3 * wide), nn.Linear(wide, wide)

        def attend(self, x):
            n, c, h, w = x.shape
            q, k, v = self.qkv(F.group_norm(x, 8).reshape(n, c, h * w).transpose(1, 2)).unsqueeze(1).chunk(3, -1)
            mixed = self.out(F.scaled_dot_product_attention(q, k, v).squeeze(1))
            return x + mixed.transpose(1, 2).reshape(x.shape)

        def forward(self, x, angle):
            frequencies = torch.exp(-torch.arange(channels // 2) * (9.21 / (channels // 2)))
            waves = torch.outer(angle, frequencies)
            time = F.silu(self.time1(F.silu(self.time0(torch.cat([waves.sin(), waves.cos()], -1)))))
            h = self.first(F.pixel_unshuffle(x, 2))
            for block in self.down:
                h = block(h, time)
            fine = h
            h = self.attend(self.middle[0](self.shrink(fine), time))
            h = F.interpolate(self.middle[1](h, time), scale_factor=2)
            h = torch.cat([self.grow(h), fine], 1)
            for block in self.up:
                h = block(h, time)
            return F.pixel_shuffle(self.last(F.silu(F.group_norm(h, 8))), 2)

    network, average = Network(), Network()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    x0 = torch.rand(batch, 1, side, side) * 2 - 1

    def run():
        with torch.enable_grad():
            angle = torch.rand(batch) * 1.55 + 0.01
            alpha, sigma = angle.cos()[:, None, None, None], angle.sin()[:, None, None, None]
            eps = torch.randn_like(x0)
            loss = ((network(alpha * x0 + sigma * eps, angle * 636.6) - alpha * eps + sigma * x0) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1)
            optimizer.step()
        for kept, new in zip(average.parameters(), network.parameters()):
            kept.lerp_(new, 0.002)
        return loss

    return run


def mae_theory(patches, clusters, global_size, local_size, batch):
    """Loss and exact gradient of masked reconstruction by one-layer attention in vectorised NumPy: all samples and queries at once."""
    import numpy as np

    rng = np.random.default_rng(0)
    sizes = [global_size] + [local_size] * ((patches - global_size) // local_size)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    area_of = np.stack([rng.permutation(labels) for _ in range(clusters)])
    areas = len(sizes)
    onehot = np.eye(areas)[area_of]
    phi = rng.standard_normal((patches, clusters, areas)) / 2
    upsilon = rng.standard_normal((patches, patches)) / 2
    k = rng.integers(0, clusters, batch)
    z = rng.uniform(0.8, 1.2, (batch, areas))
    masked = np.stack([rng.permutation(patches)[: patches // 2] for _ in range(batch)])
    seen = np.ones((batch, patches))
    np.put_along_axis(seen, masked, 0, 1)

    def run():
        area = area_of[k]
        zq = np.take_along_axis(z, area, 1)
        phi_b = phi[masked, k[:, None]]
        s = upsilon[masked] + (seen * zq)[:, None, :] * np.take_along_axis(phi_b, np.broadcast_to(area[:, None, :], (batch, masked.shape[1], patches)), 2)
        e = np.exp(s - s.max(2, keepdims=True))
        a = e / e.sum(2, keepdims=True)
        unmasked = onehot[k] * seen[:, :, None]
        attention = a @ unmasked
        own = onehot[k[:, None], masked]
        c = z[:, None, :] ** 2 * (attention - own)
        loss = 0.5 * ((z[:, None, :] * (attention - own)) ** 2).sum() / batch
        mean = (c * attention).sum(2, keepdims=True)
        grad_phi, grad_upsilon = np.zeros_like(phi), np.zeros_like(upsilon)
        np.add.at(grad_phi, (masked, k[:, None]), z[:, None, :] * attention * (c - mean) / batch)
        np.add.at(grad_upsilon, masked, a * (c @ unmasked.transpose(0, 2, 1) - mean) / batch)
        return loss, grad_phi, grad_upsilon

    return run


def mae_step(batch, patch):
    """A training step of the small masked autoencoder for 28 by 28 digits, AdamW included."""
    nn, f = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    tokens, pixels = (28 // patch) ** 2, patch * patch
    seen = tokens // 4

    class Block(nn.Module):
        def __init__(self, dim, heads=4):
            super().__init__()
            self.heads = heads
            self.n1, self.n2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
            self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
            self.f1, self.f2 = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

        def forward(self, x):
            b, t, d = x.shape
            q, k, v = self.qkv(self.n1(x)).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
            weights = (q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5).softmax(-1)
            x = x + self.proj((weights @ v).transpose(1, 2).reshape(b, t, d))
            return x + self.f2(f.gelu(self.f1(self.n2(x))))

    net = nn.ModuleDict({"embed": nn.Linear(pixels, 64), "b0": Block(64), "b1": Block(64), "norm": nn.LayerNorm(64, eps=1e-6), "dembed": nn.Linear(64, 48), "d0": Block(48), "dnorm": nn.LayerNorm(48, eps=1e-6), "pred": nn.Linear(48, pixels)})
    token = nn.Parameter(torch.zeros(48))
    places, dplaces, data = torch.rand(tokens, 64), torch.rand(tokens, 48), torch.rand(1024, tokens, pixels)
    optimizer = torch.optim.AdamW([*net.parameters(), token], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05)

    def run():
        with torch.enable_grad():
            x = data[torch.randperm(1024)[:batch]]
            order = torch.rand(batch, tokens).argsort(1)
            restore, keep = order.argsort(1), order[:, :seen]
            y = net["embed"](torch.gather(x, 1, keep[:, :, None].expand(-1, -1, pixels))) + places[keep]
            y = net["dembed"](net["norm"](net["b1"](net["b0"](y))))
            y = torch.cat([y, token.expand(batch, tokens - seen, 48)], 1)
            y = torch.gather(y, 1, restore[:, :, None].expand(-1, -1, 48)) + dplaces
            y = net["pred"](net["dnorm"](net["d0"](y)))
            mask = (restore >= seen).float()
            loss = (((y - x) ** 2).mean(-1) * mask).sum() / mask.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


OPERATIONS = {f.__name__: f for f in (matmul, matvec, unary, chain, mlp_step, softmax, conv2d, add, svd, eigh, tv_sweep, vpo, empirical_score, mixture_sampling, score_network_step, llama_prefill, mae_theory, mae_step)}
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
