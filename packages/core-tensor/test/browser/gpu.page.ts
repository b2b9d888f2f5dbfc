/** What is checked of devices inside a browser. Each check throws when it fails. */
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain, scan } from "@provably/core-tensor/compile";
import { type Device, auto, webasm, webgpu } from "@provably/core-tensor/gpu";
import { key, normal } from "@provably/core-tensor/random";

type F = (...args: NdArray[]) => NdArray;

async function agrees(device: Device, f: F, ...args: NdArray[]): Promise<void> {
  const [got, want] = [await compile(f, { device })(...args), f(...args)];
  const error = p.item(p.max(p.abs(p.sub(got, want)))) / (1 + p.item(p.max(p.abs(want))));
  if (!(error < 1e-4)) throw new Error(`largest difference ${error}`);
}

const elementwise = [
  p.exp,
  p.tanh,
  p.sin,
  p.erf,
  p.gelu,
  p.softplus,
  p.sigmoid,
  p.lgamma,
  p.sqrt,
  p.log1p,
] as const;

/** The checks that hold on every device. */
const everywhere: Readonly<Record<string, (device: Device) => Promise<void>>> = {
  "elementwise functions": async (device) => {
    const x = p.add(p.abs(normal(key(1), [3, 50])), 0.1);
    for (const f of elementwise) await agrees(device, (a) => f(a), x);
  },
  "a broadcast chain and its gradient": async (device) => {
    const f: F = (a, b, c) =>
      p.sum(p.mul(p.tanh(p.add(p.mul(a, b), c)), p.exp(p.neg(p.square(a)))));
    const args = [normal(key(2), [64, 48]), normal(key(3), [48]), normal(key(4), [64, 1])];
    await agrees(device, f, ...args);
    await agrees(device, (a, b, c) => p.grad((x: NdArray) => f(x, b, c))(a), ...args);
  },
  reductions: async (device) => {
    const x = normal(key(5), [37, 129]);
    for (const f of [p.sum, p.mean, p.max, p.std, p.logSumExp] as const) {
      await agrees(device, (a) => f(a, { axis: 1 }), x);
      await agrees(device, (a) => f(a), x);
    }
  },
  "matrix products": async (device) => {
    await agrees(
      device,
      (a, b) => p.relu(p.matmul(a, b)),
      normal(key(6), [70, 33]),
      normal(key(7), [33, 51]),
    );
    await agrees(
      device,
      (a, b) => p.matmul(a, p.matrixTranspose(b)),
      normal(key(8), [2, 7, 5]),
      normal(key(9), [4, 5]),
    );
  },
  "softmax and attention": async (device) => {
    await agrees(device, (x) => p.softmax(x), normal(key(10), [9, 300]));
    const [q, k, v] = [1, 2, 3].map((s) => normal(key(s), [2, 20, 8]));
    await agrees(
      device,
      (a, b, c) => p.attention(a, b, c, { causal: true, blockSize: 8 }),
      q!,
      k!,
      v!,
    );
  },
  convolution: async (device) => {
    await agrees(
      device,
      (x, w) => p.conv2d(x, w, { padding: 1, stride: 2 }),
      normal(key(11), [2, 3, 11, 9]),
      normal(key(12), [4, 3, 3, 3]),
    );
  },
  "a trajectory of 50 steps": async (device) => {
    const f: F = (x) =>
      scan(
        (s: NdArray, t: NdArray) => [p.sub(s, p.mul(0.02, p.add(p.mul(s, t), p.tanh(s)))), null],
        x,
        p.linspace(1, 0, 50),
      )[0];
    await agrees(device, f, normal(key(13), [500, 2]));
  },
};

let opened: Promise<Device> | undefined;

function named(prefix: string, open: () => Promise<Device>): Record<string, () => Promise<void>> {
  return Object.fromEntries(
    Object.entries(everywhere).map(([name, check]) => [
      `${prefix}: ${name}`,
      async () => check(await (opened ??= open())),
    ]),
  );
}

export const checks: Readonly<Record<string, () => Promise<void>>> = {
  ...named("webgpu", () => webgpu()),
  "webgpu: the device names its adapter": async () => {
    const { name } = await (opened ??= webgpu());
    if (!/swiftshader/i.test(name)) throw new Error(name);
  },
  "webasm: a chain and its gradient": async () =>
    everywhere["a broadcast chain and its gradient"]!(await webasm()),
  "auto: chooses and tells": async () => {
    const f = compile((x: NdArray) => p.exp(x), { device: await auto() });
    await f(p.array([1]));
    if (!/auto: on the (CPU|device) \(measured/.test(explain(f))) throw new Error(explain(f));
  },
};
