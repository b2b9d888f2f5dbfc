/** Loops and choices on gpu.js: whole trajectories, value iteration and training as single pipelines. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { checkpoint, compile, cond, explain, scan, whileLoop } from "@provably/core-tensor/compile";
import { cholesky } from "@provably/core-tensor/linalg";
import { type Device, webasm, webgpu } from "@provably/core-tensor/gpu";
import { key, normal, uniform } from "@provably/core-tensor/random";
import { dawn, missing } from "./dawn.js";

/** Root of the mean squared difference, in units of the root of the mean square. */
function relative(x: NdArray, y: NdArray): number {
  return p.item(p.norm(p.sub(x, y))) / p.item(p.norm(y));
}

describe.each([
  { kind: "webasm", skip: false, open: webasm },
  { kind: "webgpu", skip: missing !== undefined, open: async () => webgpu({ gpu: await dawn() }) },
])("$kind", ({ skip, open }) => {
  let device: Device;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => (skip ? undefined : device.close()));

  it.skipIf(skip)("runs a loop with rows in, rows out and a state", async () => {
    const f = (c: NdArray, xs: NdArray): [NdArray, NdArray] =>
      scan((s, x) => [p.add(p.mul(0.5, s), p.sum(x)), p.mul(s, x)], c, xs);
    const [c, xs] = [normal(key(1), []), normal(key(2), [7, 3])];
    const [last, all] = await compile(f, { device })(c, xs);
    const [wantLast, wantAll] = f(c, xs);
    expect(relative(last, wantLast)).toBeLessThan(1e-6);
    expect(relative(all, wantAll)).toBeLessThan(1e-6);
  });

  it.skipIf(skip)("runs loops backwards, and gradients of loops", async () => {
    const f = (w: NdArray, xs: NdArray): NdArray => {
      const [last, all] = scan(
        (s: NdArray, x: NdArray) => [p.tanh(p.add(p.matmul(s, w), x)), s],
        p.zeros([2, 3]),
        xs,
        { reverse: true },
      );
      return p.add(p.sum(p.square(last)), p.sum(p.mul(all, all)));
    };
    const [w, xs] = [normal(key(3), [3, 3]), normal(key(4), [6, 2, 3])];
    const g = p.grad(f);
    expect(relative(await compile(g, { device })(w, xs), g(w, xs))).toBeLessThan(1e-5);
  });

  it.skipIf(skip)("chooses between branches", async () => {
    const f = (x: NdArray): NdArray =>
      cond(
        p.greater(p.sum(x), 0),
        (v) => p.mul(v, 2),
        (v) => p.neg(v),
        x,
      );
    const g = compile(f, { device });
    expect(p.toNested(await g(p.array([1, 2])))).toEqual([2, 4]);
    expect(p.toNested(await g(p.array([-1, -2])))).toEqual([1, 2]);
  });

  it.skipIf(skip)(
    "fills a cache at computed places, batched too, and moves back a block that would reach beyond it",
    async () => {
      const fill = (cache: NdArray, rows: NdArray): [readonly [NdArray, NdArray], NdArray] =>
        scan(
          ([c, t], row) => {
            const next = p.dynamicUpdateSlice(c, p.reshape(row, [1, 3]), [t, 0]);
            return [
              [next, p.add(t, p.array(1, { dtype: "int32" }))],
              p.dynamicSlice(next, [t, 1], [1, 2]),
            ];
          },
          [cache, p.array(-4, { dtype: "int32" })] as readonly [NdArray, NdArray],
          rows,
        );
      const [cache, rows] = [normal(key(5), [6, 3]), normal(key(6), [4, 3])];
      const [[got], taken] = await compile(fill, { device })(cache, rows);
      const [[want], wantTaken] = fill(cache, rows);
      expect(p.toNested(got)).toEqual(p.toNested(want));
      expect(p.toNested(taken)).toEqual(p.toNested(wantTaken));
      const each = p.vmap((c: NdArray, u: NdArray, t: NdArray) =>
        p.dynamicUpdateSlice(c, u, [t, 0]),
      );
      const [many, blocks, places] = [
        normal(key(7), [5, 4, 3]),
        normal(key(8), [5, 2, 3]),
        p.array([0, 2, 1, -2, -4], { dtype: "int32" }),
      ];
      expect(p.toNested(await compile(each, { device })(many, blocks, places))).toEqual(
        p.toNested(each(many, blocks, places)),
      );
      const place = compile(
        (x: NdArray, t: NdArray) => [p.dynamicSlice(x, t, [2]), p.dynamicUpdateSlice(x, [8, 9], t)],
        { device },
      );
      const [slice, updated] = await place(p.array([1, 2, 3, 4]), p.array([3], { dtype: "int32" }));
      expect([p.toNested(slice!), p.toNested(updated!)]).toEqual([[3, 4], [1, 2, 8, 9]]); // prettier-ignore
    },
  );

  it.skipIf(skip)(
    "runs loops of unknown length, several steps at a time, and what comes before, between and after them",
    async () => {
      // Newton's method for √a: how long it takes depends on a
      const root = (a: NdArray, tolerance: NdArray): NdArray => {
        const start = p.add(p.mul(a, 0.5), 1);
        const [x, steps] = whileLoop(
          ([y, _]: readonly [NdArray, NdArray]) =>
            p.greater(p.max(p.abs(p.sub(p.square(y), a))), tolerance),
          ([y, n]) => [p.mul(0.5, p.add(y, p.div(a, y))), p.add(n, 1)] as const,
          [start, p.array(0)] as readonly [NdArray, NdArray],
        );
        const [doubled] = whileLoop(
          ([z]: readonly [NdArray]) => p.less(p.max(z), 1e4),
          ([z]) => [p.mul(z, 2)] as const,
          [p.add(x, steps)] as readonly [NdArray],
        );
        return p.concat([p.reshape(steps, [1]), x, p.tanh(x), doubled]);
      };
      const f = compile(root, { device });
      for (const a of [
        [1, 1.1],
        [4e4, 9, 2],
      ].map((list) => p.array(list))) {
        // prettier-ignore
        const want = root(a, p.array(1e-2));
        const got = await f(a, p.array(1e-2));
        expect(p.item(p.take(got, 0))).toBe(p.item(p.take(want, 0)));
        expect(relative(got, want)).toBeLessThan(1e-5);
      }
      expect(explain(f)).toMatch(/while, 16 steps a run, \d+ runs last time/);
      // no step at all, and overlapping calls
      const [none, some] = await Promise.all([
        f(p.array([1]), p.array(1e9)),
        f(p.array([16]), p.array(1e-2)),
      ]);
      expect(p.item(p.take(none, 0))).toBe(0);
      expect(p.item(p.take(some, 1))).toBeCloseTo(4, 4);
    },
  );

  it.skipIf(skip)(
    "runs loops of unknown length whose state has several types, many steps and rows of a batch",
    async () => {
      const count = (limit: NdArray): readonly [NdArray, NdArray, NdArray] =>
        whileLoop(
          ([n, , on]: readonly [NdArray, NdArray, NdArray]) => p.logicalAnd(on, p.less(n, 1000)),
          ([n, total]) =>
            [
              p.add(n, p.array(1, { dtype: "int32" })),
              p.add(total, p.asType(n, "float32")),
              p.less(n, limit),
            ] as const,
          [p.array(0, { dtype: "int32" }), p.array(0), p.array(true)] as readonly [
            NdArray,
            NdArray,
            NdArray,
          ],
        );
      for (const limit of [0, 15, 16, 300, 5000]) {
        const [got, want] = [
          await compile(count, { device })(p.array(limit, { dtype: "int32" })),
          count(p.array(limit, { dtype: "int32" })),
        ];
        got.forEach((y, k) =>
          expect([y.dtype, p.item(y)]).toEqual([want[k]!.dtype, p.item(want[k]!)]),
        );
      }
      // each member of a batch with its own number of steps
      const halve = (x: NdArray): NdArray => whileLoop((s: NdArray) => p.greater(s, 1), (s) => p.mul(s, 0.5), x); // prettier-ignore
      const batch = p.array([0.5, 3, 1000]);
      expect(p.toNested(await compile(p.vmap(halve), { device })(batch))).toEqual(
        p.toNested(p.vmap(halve)(batch)),
      );
    },
  );

  it.skipIf(skip)(
    "runs loops of unknown length inside loops, branches and one another",
    async () => {
      const upTo = (x: NdArray, limit: p.ArrayInput): NdArray => whileLoop((s: NdArray) => p.less(p.max(s), limit), (s) => p.mul(s, 2), x); // prettier-ignore
      const same = async (
        f: (...args: NdArray[]) => readonly NdArray[],
        ...args: NdArray[]
      ): Promise<string> => {
        const compiled = compile(f, { device });
        expect((await compiled(...args)).map((y) => p.toNested(y))).toEqual(
          f(...args).map((y) => p.toNested(y)),
        );
        return explain(compiled);
      };
      const [x, limits] = [p.array([3, 5]), p.array([10, 100, 40, 7])];
      // in a scan, with rows in, rows out and a constant of the loop
      const rowwise = (s: NdArray, rows: NdArray): NdArray[] => {
        const [last, all] = scan(
          (c: NdArray, row: NdArray) => [upTo(p.mul(c, 0.25), row), p.add(p.tanh(c), s)],
          s,
          rows,
          { reverse: true },
        );
        return [last, all, p.neg(last)];
      };
      expect(await same(rowwise, x, limits)).toMatch(
        /scan, one of 4 steps a run:\n(.*\n)* {2}while, 16 steps a run/,
      );
      await same(rowwise, x, p.zeros([0]));
      // in a branch
      const branch = (s: NdArray): NdArray[] => [
      cond(p.greater(p.sum(s), 0), (v: NdArray) => upTo(v, 50), (v: NdArray) => p.mul(v, v), s),
    ]; // prettier-ignore
      expect(await same(branch, x)).toMatch(/cond, one branch a run/);
      await same(branch, p.neg(x));
      // in the body and in the condition of another, and in a loop inside that
      const nested = (s: NdArray, limit: NdArray): NdArray[] => [
      whileLoop((v: NdArray) => p.less(p.sum(upTo(v, 20)), limit), (v) => scan((c: NdArray) => [upTo(p.mul(c, 0.25), 4), null], p.mul(v, 9), null, { length: 2 })[0], s),
    ]; // prettier-ignore
      expect(await same(nested, x, p.array(60))).toMatch(
        /while, one step a run, \d+ last time; condition, then body:/,
      );
    },
  );

  it.skipIf(skip)(
    "sees through custom derivatives and checkpoints inside loops and branches",
    async () => {
      const layer = checkpoint((v: NdArray) => p.tanh(p.mul(v, 0.5)));
      const f = (s: NdArray): NdArray =>
        scan((c: NdArray) => [cond(p.greater(p.sum(c), 0), layer, p.neg, c), null], s, null, {
          length: 3,
        })[0];
      const x = normal(key(11), [7]);
      expect(relative(await compile(f, { device })(x), f(x))).toBeLessThan(1e-6);
      const g = p.grad((s: NdArray) => p.sum(f(s)));
      expect(relative(await compile(g, { device })(x), g(x))).toBeLessThan(1e-5);
    },
  );

  it.skipIf(skip)(
    "names what has no form also inside a loop of unknown length, and keeps nothing of what it had prepared",
    async () => {
      const f = compile((x: NdArray) => whileLoop((s: NdArray) => p.less(p.sum(s), 9), (s) => cholesky(p.exp(s)), p.tanh(x)), { device }); // prettier-ignore
      await expect(f(p.ones([2, 2]))).rejects.toMatchObject({
        name: "DeviceError",
        message: expect.stringMatching(/cholesky has no form/) as string,
      });
    },
  );

  it.skipIf(skip)("samples a Gaussian mixture in 50 steps as one pipeline", async () => {
    // reverse-time probability flow of dx = −x dt + √2 dw from t = 3 with the mixture's exact score
    const means = p.array([
      [2, 0],
      [-1, 1.5],
      [-1, -1.5],
    ]);
    const steps = 50;
    const times = p.linspace(3, 0.02, steps);
    const dt = (3 - 0.02) / (steps - 1);
    const sampler = (x: NdArray): NdArray => {
      const [last] = scan(
        (state: NdArray, t: NdArray) => {
          const decay = p.exp(p.neg(t));
          const variance = p.sub(1, p.mul(0.96, p.square(decay)));
          const away = p.sub(p.expandDims(state, 1), p.mul(decay, means));
          const weights = p.softmax(
            p.div(p.sum(p.square(away), { axis: -1 }), p.mul(-2, variance)),
          );
          const score = p.neg(
            p.div(p.sum(p.mul(p.expandDims(weights, -1), away), { axis: 1 }), variance),
          );
          return [p.add(state, p.mul(dt, p.add(state, score))), null];
        },
        x,
        times,
      );
      return last;
    };
    const x = normal(key(5), [1024, 2]);
    const compiled = compile(sampler, { device });
    const got = await compiled(x);
    const want = sampler(p.asType(x, "float64"));
    expect(relative(got, p.asType(want, "float32"))).toBeLessThan(1e-4);
    expect(explain(compiled)).toMatch(/\d+ kernels/);
    // a second call runs the recorded pipeline to the same bits
    expect(p.toNested(await compiled(x))).toEqual(p.toNested(got));
  });

  it.skipIf(skip)("iterates a robust Bellman operator 300 times as one pipeline", async () => {
    // total variation ball of radius r around each row: the worst law moves mass r/2 from the best states to the worst one
    const [states, actions, radius, discount] = [12, 3, 0.4, 0.9];
    const raw = uniform(key(6), [states, actions, states]);
    const transition = p.div(raw, p.sum(raw, { axis: -1, keepDims: true }));
    const reward = uniform(key(7), [states, actions]);
    const backup = (law: NdArray, pay: NdArray, v: NdArray): NdArray => {
      const order = p.argsort(v, { descending: true });
      const sorted = p.take(v, order);
      const mass = p.take(law, order, { axis: 2 });
      // mass taken from the k-th best state: what is left of r/2 after the better ones
      const before = p.sub(p.cumsum(mass, { axis: 2 }), mass);
      const taken = p.minimum(mass, p.maximum(p.sub(radius / 2, before), 0));
      const worst = p.sub(
        p.sum(p.mul(p.sub(mass, taken), sorted), { axis: -1 }),
        p.mul(p.sum(taken, { axis: -1 }), p.neg(p.min(v))),
      );
      return p.max(p.add(pay, p.mul(discount, worst)), { axis: -1 });
    };
    const iterate = (law: NdArray, pay: NdArray): NdArray =>
      scan(
        (v: NdArray) => [backup(law, pay, v), null],
        p.zeros([states], { dtype: law.dtype }),
        null,
        { length: 300 },
      )[0];
    const got = await compile(iterate, { device })(transition, reward);
    const want = iterate(p.asType(transition, "float64"), p.asType(reward, "float64"));
    expect(relative(got, p.asType(want, "float32"))).toBeLessThan(1e-5);
  });

  it.skipIf(skip)("trains a network of two layers for 20 steps as one pipeline", async () => {
    type Params = { w1: NdArray; b1: NdArray; w2: NdArray };
    const x = normal(key(8), [32, 4]);
    const y = p.sin(p.sum(x, { axis: 1, keepDims: true }));
    const loss = (q: Params, xs: NdArray, ys: NdArray): NdArray =>
      p.mean(p.square(p.sub(p.matmul(p.tanh(p.add(p.matmul(xs, q.w1), q.b1)), q.w2), ys)));
    const train = (q: Params, xs: NdArray, ys: NdArray): [Params, NdArray] =>
      scan(
        (params: Params) => {
          const [value, gradient] = p.valueAndGrad(loss)(params, xs, ys) as [NdArray, Params];
          const next = {
            w1: p.sub(params.w1, p.mul(0.1, gradient.w1)),
            b1: p.sub(params.b1, p.mul(0.1, gradient.b1)),
            w2: p.sub(params.w2, p.mul(0.1, gradient.w2)),
          };
          return [next, value] as [Params, NdArray];
        },
        q,
        null,
        { length: 20 },
      );
    const start = {
      w1: normal(key(9), [4, 16]),
      b1: p.zeros([16]),
      w2: p.mul(0.3, normal(key(10), [16, 1])),
    };
    const [trained, losses] = await compile(train, { device })(start, x, y);
    const [wantTrained, wantLosses] = train(start, x, y);
    expect(losses.shape).toEqual([20]);
    expect(relative(losses, wantLosses)).toBeLessThan(1e-5);
    expect(relative(trained.w1, wantTrained.w1)).toBeLessThan(1e-4);
    expect(losses.get(19)).toBeLessThan(0.5 * losses.get(0));
  });
});
