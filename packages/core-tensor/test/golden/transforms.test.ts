/** Whole transforms against golden values: gradients, Hessian-vector products, Jacobians, Hessians, batched gradients, and an Adam run. */
import { existsSync, readFileSync } from "node:fs";
import {
  type NdArray,
  add,
  concat,
  exp,
  expandDims,
  grad,
  hessian,
  hvp,
  item,
  jacrev,
  jvp,
  logSumExp,
  matmul,
  mean,
  mul,
  reshape,
  sin,
  slice,
  square,
  stack,
  sub,
  sum,
  tanh,
  vmap,
} from "@provably/core-tensor";
import { adam, applyUpdates } from "@provably/core-tensor/optim";
import { describe, expect, it } from "vitest";
import { type Case, decode, expectClose, fixture } from "./cases.js";

const file = fixture("transforms");
const missing = !existsSync(file);
const cases = missing ? [] : (JSON.parse(readFileSync(file, "utf8")) as { cases: Case[] }).cases;

const network = (
  x: NdArray,
  y: NdArray,
  w1: NdArray,
  b1: NdArray,
  w2: NdArray,
  b2: NdArray,
): NdArray => mean(square(sub(add(matmul(tanh(add(matmul(x, w1), b1)), w2), b2), y)));
const at = (x: NdArray, i: number): NdArray => reshape(slice(x, [i], [i + 1]), []);
const vector = (x: NdArray): NdArray =>
  stack([mul(at(x, 0), sin(at(x, 1))), mul(exp(at(x, 2)), at(x, 0)), sum(square(x))]);
const scalar = (x: NdArray): NdArray => add(logSumExp(x), tanh(mul(at(x, 0), at(x, 1))));

/** Results of one case, in the order of its golden outputs. */
const runs: Readonly<Record<string, (c: Case, inputs: NdArray[]) => NdArray[]>> = {
  grad: (_, inputs) => [network(...(inputs as Parameters<typeof network>))],
  hvp: (c, inputs) =>
    hvp(
      network,
      inputs as Parameters<typeof network>,
      c.tangents!.map(decode) as Parameters<typeof network>,
    ),
  jacobian: (_, [x]) => [jacrev(vector)(x!)],
  hessian: (_, [x]) => [hessian(scalar)(x!)],
  "vmap(grad)": (_, [x]) => [vmap(grad(scalar))(x!)],
  adam: (c, [start, centre]) => {
    const { lr, b1, b2, eps } = c.attrs as { lr: number; b1: number; b2: number; eps: number };
    const loss = (p: NdArray): NdArray =>
      sum(add(square(square(sub(p, centre!))), mul(0.05, square(p))));
    const { init, update } = adam(lr, { beta1: b1, beta2: b2, epsilon: eps });
    let params = start!;
    let state = init(params);
    const path: NdArray[] = [];
    for (let i = 0; i < c.outputs[0]!.shape[0]!; i++) {
      const [step, next] = update(grad(loss)(params), state, params);
      [params, state] = [applyUpdates(params, step), next];
      path.push(expandDims(params, 0));
    }
    return [concat(path)];
  },
};

describe.skipIf(missing)("golden transforms", () => {
  if (missing) it("has no fixture file here", () => undefined);
  it.each(cases.map((c) => [c.op, c] as const))("%s", (op, c) => {
    const inputs = c.inputs.map(decode);
    const outputs = runs[op]!(c, inputs);
    c.outputs.forEach((g, i) => expectClose(outputs[i]!, g, 1e-9, `output ${i}`));
    if (op === "grad") {
      const gradients = grad(network, { argnums: [0, 1, 2, 3, 4, 5] })(
        ...(inputs as Parameters<typeof network>),
      );
      const weight = item(decode(c.cotangents![0]!));
      c.grads!.forEach((g, i) =>
        expectClose(mul(weight, gradients[i]!), g, 1e-11, `gradient ${i}`),
      );
      const [, along] = jvp(
        network,
        inputs as Parameters<typeof network>,
        c.tangents!.map(decode) as Parameters<typeof network>,
      );
      expectClose(along, c.jvp![0]!, 1e-11, "directional derivative");
    }
    expect(outputs.length).toBe(c.outputs.length);
  });
});
