import { describe, expect, it } from "vitest";
import {
  DomainError,
  type NdArray,
  ShapeError,
  concat,
  div,
  item,
  mean,
  slice,
  toNested,
  toTypedArray,
  variance,
} from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type Model,
  acceleratedSde,
  ddpm,
  empiricalDistribution,
  gaussianMixture,
  theorySchedule,
  pfOde,
  sample,
  sampleAsync,
  scheduleOf,
} from "../src/index.js";
import { ddim } from "../src/samplers/index.js";

const law = gaussianMixture({ weights: [0.4, 0.6], means: [[-2], [1]], variances: [0.2, 0.1] });

describe("sample", () => {
  it("gives the same bits for the same key, and other samples for another", () => {
    const run = (seed: number): unknown =>
      toNested(sample(ddpm, law, key(seed), { shape: [3, 1], numSteps: 30 }).samples);
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it("gives a batch in parts the same points as in one piece, trajectory or not", () => {
    const options = { numSteps: 30 };
    const whole = sample(acceleratedSde, law, key(5), {
      shape: [7, 1],
      ...options,
      trajectory: true,
    }).samples;
    const parts = [
      [0, 3],
      [3, 4],
    ].map(
      ([firstRow, n]) =>
        sample(acceleratedSde, law, key(5), { shape: [n!, 1], firstRow: firstRow!, ...options })
          .samples,
    );
    expect(toNested(concat(parts))).toEqual(toNested(whole));
  });

  it("gives large batches in parts the same bits too, on whatever path they are computed", () => {
    const plane = gaussianMixture({ weights: [1, 2, 1], means: [[-1, 0], [1, 0.5], [0, 2]], variances: [0.1, 0.2, 0.3] }); // prettier-ignore
    const draw = (firstRow: number, n: number): NdArray =>
      sample(ddim({ eta: 1 }), plane, key(5), { shape: [n, 2], firstRow, numSteps: 20 }).samples;
    expect(toNested(concat([draw(0, 1), draw(1, 998), draw(999, 2001)]))).toEqual(
      toNested(draw(0, 3000)),
    );
  });

  it("gives the same numbers when the model answers later", async () => {
    const later = {
      prediction: law.prediction,
      evaluate: (...args: Parameters<Model["evaluate"]>) => Promise.resolve(law.evaluate(...args)),
    };
    const options = { shape: [4, 1], numSteps: 25 };
    const [now, then] = [
      sample(ddim({ eta: 1 }), law, key(2), options),
      await sampleAsync(ddim({ eta: 1 }), later, key(2), options),
    ];
    expect(toNested(then.samples)).toEqual(toNested(now.samples));
    expect(then.numEvaluations).toBe(25);
  });

  it("reproduces mean and variance of a mixture", () => {
    // 4000 draws of variance about 2.3: the mean has standard error 0.024, the variance about 0.04; 5 of each
    const { samples } = sample(acceleratedSde, law, key(3), {
      shape: [4000, 1],
      schedule: theorySchedule(200, { c0: 2 }),
    });
    const m = 0.4 * -2 + 0.6 * 1;
    const v = 0.4 * (4 + 0.2) + 0.6 * (1 + 0.1) - m * m;
    expect(Math.abs(item(mean(samples)) - m)).toBeLessThan(0.12);
    expect(Math.abs(item(variance(samples)) - v)).toBeLessThan(0.2);
  });

  it("ends on a data point when the law is a data set", () => {
    const data = [
      [0, 0],
      [3, 1],
      [-2, 5],
    ];
    const { samples } = sample(ddim(), empiricalDistribution(data), key(4), {
      shape: [6, 2],
      numSteps: 60,
    });
    const points = toNested(samples) as number[][];
    for (const p of points)
      expect(Math.min(...data.map((d) => Math.hypot(d[0]! - p[0]!, d[1]! - p[1]!)))).toBeLessThan(
        1e-6,
      );
  });

  it("returns an empty batch for an empty shape", () => {
    expect(sample(pfOde, law, key(0), { shape: [0, 1], numSteps: 20 }).samples.shape).toEqual([
      0, 1,
    ]);
  });

  it("reports progress after every step and stops when asked", () => {
    const seen: number[] = [];
    const stop = new AbortController();
    const run = (): unknown =>
      sample(pfOde, law, key(0), {
        shape: [2, 1],
        numSteps: 20,
        signal: stop.signal,
        onProgress: ({ iteration, total }) => {
          seen.push(iteration);
          expect(total).toBe(20);
          if (iteration === 3) stop.abort(new Error("enough"));
        },
      });
    expect(run).toThrow("enough");
    expect(seen).toEqual([1, 2, 3]);
  });

  it("leaves its arguments as they were", () => {
    const start = slice(sample(pfOde, law, key(0), { shape: [2, 1], numSteps: 20 }).samples, [0]);
    const before = [...toTypedArray(start)];
    sample(ddpm, law, key(0), { start, numSteps: 20 });
    expect([...toTypedArray(start)]).toEqual(before);
  });

  it("names what is wrong with its input", () => {
    expect(() => sample(pfOde, law, key(0), {})).toThrow(DomainError);
    expect(() => sample(pfOde, law, key(0), { shape: [3] })).toThrow(ShapeError);
    expect(() => sample(pfOde, law, key(0), { shape: [3, 2], numSteps: 20 })).toThrow(
      /x must be \[n, 1\]/,
    );
    expect(() => sample(ddpm, law, key(0), { shape: [3, 1], numSteps: 20, noise: [] })).toThrow(
      /noise/,
    );
    const short: Model = { prediction: "eps", evaluate: (x) => slice(x, [0], [1]) };
    expect(() => sample(pfOde, short, key(0), { shape: [3, 1], numSteps: 20 })).toThrow(
      /shape of its input/,
    );
  });

  it("stops at the step where the model goes wrong", () => {
    let calls = 0;
    const failing: Model = { prediction: "eps", evaluate: (x) => (++calls === 4 ? div(x, 0) : x) };
    expect(() => sample(pfOde, failing, key(0), { shape: [3, 1], numSteps: 20 })).toThrow(/step 4/);
  });
});

describe("schedules and mixtures refuse what they cannot use", () => {
  it("names the argument", () => {
    expect(() => theorySchedule(1)).toThrow(/numSteps/);
    expect(() => theorySchedule(8)).toThrow(/must be below 1/);
    expect(() => theorySchedule(100, { c0: 4, c1: 4 })).toThrow(/c1 must exceed c0/);
    expect(() => scheduleOf([0.1, 1.5])).toThrow(/beta\[1\]/);
    expect(() =>
      gaussianMixture({ weights: [-1, 1], means: [[0], [1]], variances: [1, 1] }),
    ).toThrow(/weights/);
    expect(() =>
      gaussianMixture({
        weights: [1],
        means: [[0, 0]],
        covariances: [
          [
            [1, 2],
            [2, 1],
          ],
        ],
      }),
    ).toThrow(/covariances\[0\]/);
    expect(() => empiricalDistribution([[NaN]])).toThrow(/finite/);
  });
});
