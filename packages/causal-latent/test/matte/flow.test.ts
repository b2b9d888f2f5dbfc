import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  array,
  exp,
  grad,
  mul,
  reshape,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import { checkGrads } from "@provably/core-tensor/testing";
import { key, normal, uniform } from "@provably/core-tensor/random";
import {
  type ScalarFlow,
  denseSigmoidalFlow,
  rationalLinearSpline,
  rationalQuadraticSpline,
  scalarFlow,
} from "../../src/matte/index.js";
import { expectNear, f64, flat, load } from "./fixtures.js";

interface Golden {
  readonly spline: readonly Record<string, number[]>[];
  readonly ddsf: {
    readonly hidden: number;
    readonly layers: readonly {
      readonly a: number[];
      readonly b: number[];
      readonly w: number[][];
      readonly u: number[][];
    }[];
    readonly cases: readonly { readonly x: number; readonly y: number; readonly logDet: number }[];
  };
}
const golden = load<Golden>("flows");
/** One raw vector for each of `n` elements. */
const rows = (raw: number[], n: number): NdArray => f64(Array.from({ length: n }, () => raw));

describe("golden flows", () => {
  it.each((golden?.spline ?? []).map((c, i) => [i, c] as const))(
    "rational-linear spline %i",
    (_, c) => {
      const flow = rationalLinearSpline({
        bins: c["bins"] as unknown as number,
        bound: c["bound"] as unknown as number,
      });
      const raw = rows(
        [...c["rawWidths"]!, ...c["rawHeights"]!, ...c["rawDerivatives"]!, ...c["rawLambdas"]!],
        c["x"]!.length,
      );
      const there = flow.forward(f64(c["x"]!), raw);
      expectNear(there.value, c["y"]!, 1e-9);
      expectNear(there.logDet, c["logDet"]!, 1e-9);
      const back = flow.inverse(f64(c["y"]!), raw);
      expectNear(back.value, c["inverseOfY"]!, 1e-8);
      expectNear(back.logDet, c["inverseLogDet"]!, 1e-8);
    },
  );

  it("dense sigmoidal", () => {
    const { hidden, layers, cases } = golden.ddsf;
    const raw = layers.flatMap(({ a, b, w, u }) => [...a, ...b, ...w.flat(), ...u.flat()]);
    const flow = denseSigmoidalFlow({ hidden, layers: layers.length });
    const { value, logDet } = flow.forward(f64(cases.map((c) => c.x)), rows(raw, cases.length));
    expectNear(
      value,
      cases.map((c) => c.y),
      1e-9,
    );
    expectNear(
      logDet,
      cases.map((c) => c.logDet),
      1e-9,
    );
  });
});

const families: [string, ScalarFlow, number][] = [
  ["rational-linear", rationalLinearSpline({ bins: 6, bound: 3 }), 4],
  ["rational-quadratic", rationalQuadraticSpline({ bins: 6, bound: 3 }), 4],
  ["sigmoidal of two layers", denseSigmoidalFlow({ hidden: 5 }), 2],
  ["sigmoidal of three layers", denseSigmoidalFlow({ hidden: 3, layers: 3 }), 2],
];
describe.each(families)("%s", (_, flow, span) => {
  const n = 200;
  const x = uniform(key(1), [n], { low: -span, high: span, dtype: "float64" });
  const raw = normal(key(2), [n, flow.numParams], { dtype: "float64" });

  it("is undone by its inverse, whose log-determinant is the negative", () => {
    const there = flow.forward(x, raw);
    const back = flow.inverse(there.value, raw);
    expectNear(back.value, x, 0, 2e-10);
    expectNear(back.logDet, mul(-1, there.logDet), 0, 1e-8);
  });

  it("has the slope it says", () => {
    const slope = grad((at: NdArray) => sum(flow.forward(at, raw).value))(x);
    expectNear(slope, exp(flow.forward(x, raw).logDet), 1e-9);
    expect(Math.min(...flat(slope))).toBeGreaterThan(0);
  });

  it("has derivatives in its parameters", () => {
    const few = {
      x: f64([-1.7, 0.3, 1.1]),
      raw: normal(key(3), [3, flow.numParams], { dtype: "float64" }),
    };
    checkGrads((r: NdArray) => flow.forward(few.x, r).logDet, [few.raw]);
    checkGrads((at: NdArray, r: NdArray) => flow.forward(at, r).value, [few.x, few.raw]);
  });

  it("is nearly the identity at its neutral parameters", () => {
    const { value, logDet } = flow.forward(x, rows([...flow.neutral], n));
    expectNear(value, x, 0, 1e-3); // inner slopes of the splines are 1.001; δ of the sigmoidal flow is magnified by 1/(p(1 − p)) ≤ 60
    expectNear(logDet, mul(0, x), 0, 2e-3);
  });

  it("increases", () => {
    const grid = Array.from({ length: 400 }, (_, i) => -span + (2 * span * i) / 399);
    const y = toTypedArray(
      flow.forward(
        f64(grid),
        rows(flat(reshape(normal(key(9), [flow.numParams], { dtype: "float64" }), [-1])), 400),
      ).value,
    );
    for (let i = 1; i < y.length; i++) expect(y[i]!).toBeGreaterThan(y[i - 1]!);
  });
});

describe("splines", () => {
  it("pass what lies beyond the bound through unchanged", () => {
    for (const flow of [
      rationalLinearSpline({ bound: 2 }),
      rationalQuadraticSpline({ bound: 2 }),
    ]) {
      const raw = normal(key(4), [3, flow.numParams], { dtype: "float64" });
      const { value, logDet } = flow.forward(f64([-40, 2.5, 1e9]), raw);
      expect(flat(value)).toEqual([-40, 2.5, 1e9]);
      expect(flat(logDet)).toEqual([0, 0, 0]);
    }
  });

  it("meet at the knots and at the bound", () => {
    const flow = rationalLinearSpline();
    const raw = add(0, normal(key(5), [flow.numParams], { dtype: "float64" }));
    const at = (x: number): number[] => {
      const { value, logDet } = flow.forward(array(x, { dtype: "float64" }), raw);
      return [...flat(value), ...flat(logDet)];
    };
    for (const end of [-5, 5]) at(end).forEach((v, i) => expect(v).toBeCloseTo([end, 0][i]!, 10));
  });
});

describe("bad flows", () => {
  it.each([
    ["bins", () => rationalLinearSpline({ bins: 2000 })],
    ["bound", () => rationalQuadraticSpline({ bound: 0 })],
    ["hidden", () => denseSigmoidalFlow({ hidden: 0 })],
    ["kind", () => scalarFlow({ kind: "cubic" } as never)],
    ["raw", () => rationalLinearSpline().forward([0], [[1, 2]])],
    [
      "y",
      () => denseSigmoidalFlow({ hidden: 1, layers: 1 }).inverse(f64([50]), f64([[0, 0, 0, 0]])),
    ],
  ])("name %s", (name, run) => {
    expect(run).toThrow(new RegExp(`: .*${name}`));
  });
});
