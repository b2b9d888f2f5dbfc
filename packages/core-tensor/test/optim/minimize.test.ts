import { item, toNested } from "@provably/core-tensor";
import { type Objective, minimize } from "@provably/core-tensor/optim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const nested = (x: Parameters<typeof toNested>[0]): number[] => toNested(x) as number[];

/** ½ xᵀ A x − b·x of a 2 × 2 matrix. */
const quadratic =
  (a: readonly number[], b: readonly number[]): Objective =>
  (x, gradient, hessian) => {
    const ax = [a[0]! * x[0]! + a[1]! * x[1]!, a[2]! * x[0]! + a[3]! * x[1]!];
    for (let i = 0; i < 2; i++) gradient[i] = ax[i]! - b[i]!;
    hessian?.set(a);
    return 0.5 * (x[0]! * ax[0]! + x[1]! * ax[1]!) - b[0]! * x[0]! - b[1]! * x[1]!;
  };

/** ln(1 + eˣ) − p x, least at logit(p). */
const logistic =
  (p: number): Objective =>
  (x, gradient, hessian) => {
    const s = 1 / (1 + Math.exp(-x[0]!));
    gradient[0] = s - p;
    if (hessian) hessian[0] = s * (1 - s);
    return Math.log1p(Math.exp(-Math.abs(x[0]!))) + Math.max(x[0]!, 0) - p * x[0]!;
  };

describe("Newton's method", () => {
  it("solves a quadratic form in one step", () => {
    const { x, iterations, converged } = minimize(quadratic([2, 1, 1, 3], [1, 2]), [10, -10]);
    expect(nested(x)[0]).toBeCloseTo(0.2, 10);
    expect(nested(x)[1]).toBeCloseTo(0.6, 10);
    expect([iterations <= 2, converged]).toEqual([true, true]);
  });

  it("finds the logit of a share from far away, where undamped steps diverge", () => {
    for (const p of [0.001, 0.3, 0.9])
      for (const start of [-20, 0, 30]) {
        const { x, converged } = minimize(logistic(p), [start], { maxStep: 10 });
        expect(nested(x)[0]).toBeCloseTo(Math.log(p / (1 - p)), 6);
        expect(converged).toBe(true);
      }
  });

  it("descends where the Hessian is negative", () => {
    // x⁴ − 2x² has minima at ±1 and a maximum at 0
    const wells: Objective = (x, gradient, hessian) => {
      const [v] = [x[0]!];
      gradient[0] = 4 * v ** 3 - 4 * v;
      if (hessian) hessian[0] = 12 * v * v - 4;
      return v ** 4 - 2 * v * v;
    };
    expect(nested(minimize(wells, [0.1]).x)[0]).toBeCloseTo(1, 8);
    expect(nested(minimize(wells, [-0.1]).x)[0]).toBeCloseTo(-1, 8);
  });

  it("ends where the Hessian is singular, on the minimum nearest to the start", () => {
    const { x, converged } = minimize(quadratic([1, 1, 1, 1], [2, 2]), [0, 0]);
    expect(nested(x)[0]).toBeCloseTo(1, 8);
    expect(nested(x)[1]).toBeCloseTo(1, 8);
    expect(converged).toBe(true);
  });

  it("never goes up, and its gradient at the end is the one of the objective", () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.double({ min: 0.1, max: 5, noNaN: true }), fc.double({ min: 0.1, max: 5, noNaN: true }), fc.double({ min: -0.9, max: 0.9, noNaN: true })), // prettier-ignore
        ([a, d, c]) => {
          const off = c * Math.sqrt(a * d);
          const { history, gradient } = minimize(quadratic([a, off, off, d], [1, -1]), [3, 4]);
          const values = nested(history);
          values.slice(1).forEach((v, i) => expect(v).toBeLessThanOrEqual(values[i]! + 1e-12));
          for (const g of nested(gradient)) expect(Math.abs(g)).toBeLessThanOrEqual(1e-10);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("stops where it is told to, and says that it did not converge", () => {
    const certain = minimize(logistic(1), [0], { stop: (x) => x[0]! > 15 });
    expect(certain.converged).toBe(false);
    expect(nested(certain.x)[0]).toBeGreaterThan(15);
    expect(minimize(logistic(0.2), [0], { maxIterations: 1 }).iterations).toBe(1);
  });
});

describe("projected gradient", () => {
  const box = (x: Float64Array) => x.map((v) => Math.min(1, Math.max(-1, v)));

  it("finds the nearest point of a box to the free minimum of a sphere", () => {
    const { x, converged } = minimize(quadratic([1, 0, 0, 1], [3, -0.5]), [0, 0], {
      method: "gradient",
      project: box,
    });
    expect(nested(x)).toEqual([1, -0.5]);
    expect(converged).toBe(true);
  });

  it("satisfies the conditions of optimality on a box for coupled coordinates", () => {
    // on the face x₀ = 1 the other coordinate is least at (b₁ − a₁₀)/a₁₁
    const { x } = minimize(quadratic([2, 1, 1, 3], [9, 2]), [0, 0], {
      method: "gradient",
      project: box,
    });
    expect(nested(x)[0]).toBe(1);
    expect(nested(x)[1]).toBeCloseTo(1 / 3, 8);
  });

  it("does not claim to have converged on a function that is undefined around the start", () => {
    const cliff: Objective = (x, gradient) => {
      gradient[0] = 1;
      return x[0] === 0 ? 0 : NaN;
    };
    expect(minimize(cliff, [0], { method: "gradient" }).converged).toBe(false);
  });
});

describe("both methods", () => {
  it("refuse what they do not read or cannot start from", () => {
    const f = quadratic([1, 0, 0, 1], [0, 0]);
    expect(() => minimize(f, [[0, 0]])).toThrow(/minimize: start must be a vector/);
    expect(() => minimize(f, [0, 0], { project: box2 })).toThrow(/project is not read by method "newton"/); // prettier-ignore
    expect(() => minimize(f, [0, 0], { method: "gradient", maxStep: 1 })).toThrow(/maxStep is not read/); // prettier-ignore
    expect(() => minimize(() => NaN, [0])).toThrow(/objective must be finite at start, got NaN/);
    expect(() => minimize(f, [0, 0], { tolerence: 1 } as never)).toThrow(/tolerance/);
    expect(() => minimize(3 as never, [0])).toThrow(/minimize: objective/);
  });

  it("report their steps and stop at an abort", () => {
    const seen: number[] = [];
    minimize(logistic(0.9), [0], { onProgress: ({ iteration }) => seen.push(iteration) });
    expect(seen).toEqual(seen.map((_, i) => i + 1));
    const signal = AbortSignal.abort();
    for (const method of ["newton", "gradient"] as const)
      expect(() => minimize(logistic(0.9), [0], { method, signal })).toThrow(/abort/i);
    expect(item(minimize(logistic(0.5), [0]).x)).toBe(0);
  });
});

const box2 = (x: Float64Array): Float64Array => x;
