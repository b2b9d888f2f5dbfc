import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  allClose,
  div,
  item,
  mean,
  mul,
  square,
  sub,
  toNested,
  zeros,
} from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { adam, sgd } from "@provably/core-tensor/optim";
import { key, normal } from "@provably/core-tensor/random";
import {
  type LossWeight,
  type Network,
  type Prediction,
  type ScoreNetworkParams,
  type TrainingState,
  convertPrediction,
  cosineLevel,
  denoisingLoss,
  gaussian,
  gaussianMixture,
  lossWeight,
  mixtureSamples,
  networkModel,
  scoreNetwork,
  trainScore,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

/** A network that is a model at the levels of its batch, row by row. */
function exactNetwork(
  prediction: Prediction,
  law = gaussian({
    mean: [0.5, -1],
    covariance: [
      [1, 0.3],
      [0.3, 0.5],
    ],
  }),
): Network {
  // prettier-ignore
  return {
    prediction,
    apply(_, x, { alpha, sigma }) {
      const [a, s] = [alpha as NdArray, sigma as NdArray];
      const rows = Array.from({ length: x.shape[0]! }, (__, i) => {
        const level = { alpha: a.get(i), sigma: s.get(i) };
        const row = f64([[x.get(i, 0), x.get(i, 1)]]);
        return toNested(convertPrediction(law.evaluate(row, level), "score", prediction, row, level)) as number[][];
      });
      return f64(rows.flat());
    },
  };
}
const data = mixtureSamples(gaussian({ mean: [0.5, -1], covariance: [[1, 0.3], [0.3, 0.5]] }), key(9), 500); // prettier-ignore

describe("denoisingLoss", () => {
  it.each(["eps", "snr", "min-snr", "truncated-snr", "v", "edm"] as const)(
    "weight %s: the same whatever the network predicts",
    (weight: LossWeight) => {
      const losses = (["score", "eps", "x0", "v"] as const).map((prediction) =>
        item(denoisingLoss(exactNetwork(prediction), {}, data, key(1), { weight })),
      );
      for (const loss of losses) expect(Math.abs(loss / losses[0]! - 1)).toBeLessThan(1e-4);
    },
  );

  it("is least for the true score", () => {
    const law = gaussian({ mean: [0.5, -1], covariance: [[1, 0.3], [0.3, 0.5]] }); // prettier-ignore
    const off = gaussian({ mean: [0.3, -1], covariance: [[1, 0.3], [0.3, 0.5]] }); // prettier-ignore
    expect(item(denoisingLoss(exactNetwork("eps", law), {}, data, key(1)))).toBeLessThan(
      item(denoisingLoss(exactNetwork("eps", off), {}, data, key(1))),
    );
  });

  it("weights are those of their formulas", () => {
    const at = { alpha: 0.6, sigma: 0.8 };
    const snr = 0.5625;
    expect(lossWeight("eps", at)).toBe(1);
    expect(lossWeight("snr", at)).toBeCloseTo(snr, 12);
    expect(lossWeight("min-snr", { alpha: 1, sigma: 0.1 }, { gamma: 4 })).toBeCloseTo(4 / 100, 12);
    expect(lossWeight("truncated-snr", at)).toBeCloseTo(1 / snr, 12);
    expect(lossWeight("v", at)).toBeCloseTo((1 + snr) / snr, 12);
    // EDM's (s² + s_d²)/(s s_d)² on the clean point is this on the noise: one is s² times the other
    const s = 0.8 / 0.6;
    expect(lossWeight("edm", at) / s ** 2).toBeCloseTo((s ** 2 + 0.25) / (s * 0.5) ** 2, 10);
    expect(() => lossWeight("eps", { alpha: 0, sigma: 1 })).toThrow(/alpha/);
    expect(() => lossWeight("best" as LossWeight, at)).toThrow(/best/);
  });
});

const small = scoreNetwork({ side: 8, channels: 8 });
const images = normal(key(2), [40, 64]);
const options = { numSteps: 6, optimizer: adam(1e-3), batchSize: 8 };

/** A state through bytes, as a run that was killed would find it. */
function throughFile(state: TrainingState<ScoreNetworkParams>): TrainingState<ScoreNetworkParams> {
  const { step, params, average, optimizer } = state;
  const { mean: first, square: second } = optimizer as {
    mean: ScoreNetworkParams;
    square: ScoreNetworkParams;
  };
  const named = (prefix: string, tree: ScoreNetworkParams): ScoreNetworkParams =>
    Object.fromEntries(Object.entries(tree).map(([name, x]) => [`${prefix}/${name}`, x]));
  const tensors = {
    ...named("params", params),
    ...named("average", average),
    ...named("mean", first),
    ...named("square", second),
  };
  const read = decodeSafetensors(encodeSafetensors(tensors, { step: String(step) }));
  const tree = (prefix: string): ScoreNetworkParams =>
    Object.fromEntries(
      Object.entries(read.tensors)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, x]) => [name.slice(prefix.length + 1), x]),
    );
  const stored = Number(read.metadata["step"]);
  return {
    step: stored,
    params: tree("params"),
    average: tree("average"),
    optimizer: { step: stored, mean: tree("mean"), square: tree("square") },
  };
}

const bits = (params: ScoreNetworkParams): unknown =>
  Object.entries(params).map(([name, x]) => [name, toNested(x)]);

describe("trainScore", () => {
  it("goes on from a stored state to the same bits", () => {
    const start = small.init(key(0));
    const whole = trainScore(small, start, images, key(1), options);
    let saved: TrainingState<ScoreNetworkParams> | undefined;
    const stop = new AbortController();
    expect(() =>
      trainScore(small, start, images, key(1), {
        ...options,
        signal: stop.signal,
        onProgress({ iteration, state }) {
          saved = state;
          if (iteration === 3) stop.abort(new Error("killed"));
        },
      }),
    ).toThrow("killed");
    expect(saved!.step).toBe(3);
    const resumed = trainScore(small, start, images, key(1), {
      ...options,
      state: throughFile(saved!),
    });
    expect(bits(resumed.params)).toEqual(bits(whole.params));
    expect(bits(resumed.average)).toEqual(bits(whole.average));
    expect(resumed.losses).toEqual(whole.losses.slice(3));
  });

  it("takes the gradients of the loss", () => {
    const start = small.init(key(0));
    const { params } = trainScore(small, start, images, key(1), {
      numSteps: 1,
      optimizer: sgd(1),
      batchSize: 8,
      maxNorm: 1e9,
      averageDecay: 0,
    });
    // the only weights that move first are those of the last layer, from which everything else starts at 0
    const moved = Object.keys(params).filter(
      (name) => item(mean(square(sub(params[name]!, start[name]!)))) > 0,
    );
    expect(moved).toContain("out.weight");
    expect(moved).not.toContain("in.weight");
  });

  it("averages weights with a decay that warms up", () => {
    const gain: Network<NdArray> = { prediction: "eps", apply: (p, x) => mul(p, x) };
    const seen: number[] = [];
    const averages: number[] = [];
    trainScore(gain, zeros([]), images, key(1), {
      numSteps: 4,
      optimizer: sgd(0.1),
      averageDecay: 0.5,
      onProgress({ state }) {
        seen.push(item(state.params));
        averages.push(item(state.average));
      },
    });
    let expected = 0;
    seen.forEach((value, k) => {
      const decay = Math.min(0.5, (1 + k) / (10 + k));
      expected = decay * expected + (1 - decay) * value;
      expect(averages[k]!).toBeCloseTo(expected, 5);
    });
  });

  it("learns what its network can express", () => {
    // the best constant guess of the clean point is the mean of the data
    const learnt: Network<NdArray> = { prediction: "x0", apply: (p, x) => add(mul(0, x), p) };
    const { average } = trainScore(learnt, zeros([2]), data, key(3), {
      numSteps: 300,
      optimizer: adam(0.05),
      batchSize: 64,
      weight: "snr",
    });
    expect(
      allClose(average, mean(data, { axis: 0 }), { relativeTolerance: 0, absoluteTolerance: 0.15 }),
    ).toBe(true);
  });

  it("names what it cannot use", () => {
    const gain: Network<NdArray> = { prediction: "eps", apply: (p, x) => mul(p, x) };
    const train = (more: object, rows = images): unknown =>
      trainScore(gain, zeros([]), rows, key(0), { numSteps: 1, optimizer: sgd(0.1), ...more });
    expect(() => train({}, zeros([0, 4]))).toThrow(/data/);
    expect(() => train({ numSteps: 0 })).toThrow(/numSteps/);
    expect(() => train({ averageDecay: 1 })).toThrow(/averageDecay/);
    expect(() => train({ weight: "best" })).toThrow(/weight/);
    expect(() =>
      trainScore({ ...gain, apply: (p, x) => div(mul(p, x), 0) }, zeros([]), images, key(0), {
        numSteps: 1,
        optimizer: sgd(1),
      }),
    ).toThrow(/loss is NaN at step 1/);
  });
});

describe("networks as models", () => {
  it("answer at any scale with the same law", () => {
    const law = gaussianMixture({ weights: [1, 1], means: [[-1, 0], [1, 0.5]], variances: [0.2, 0.3] }); // prettier-ignore
    const level = { alpha: 1, sigma: 2 };
    const x = f64([[0.3, -1]]);
    for (const prediction of ["score", "eps", "x0", "v"] as const) {
      const network: Network = {
        prediction,
        apply: (_, y) =>
          convertPrediction(
            law.evaluate(y, { alpha: 1 / Math.sqrt(5), sigma: 2 / Math.sqrt(5) }),
            "score",
            prediction,
            y,
            {
              alpha: 1 / Math.sqrt(5),
              sigma: 2 / Math.sqrt(5),
            },
          ),
      };
      const model = networkModel(network, zeros([1]));
      const expected = convertPrediction(law.evaluate(x, level), "score", prediction, x, level);
      expect(
        allClose(model.evaluate(x, level), expected, {
          relativeTolerance: 1e-9,
          absoluteTolerance: 1e-9,
        }),
      ).toBe(true);
    }
  });

  it("refuse images of another size", () => {
    expect(() => small.apply(small.init(key(0)), zeros([1, 63]), cosineLevelRow())).toThrow(
      /\[n, 64\]/,
    );
    expect(() => scoreNetwork({ side: 10, channels: 8 })).toThrow(/side/);
    expect(() => scoreNetwork({ side: 8, channels: 9 })).toThrow(/channels/);
  });
});

function cosineLevelRow(): { alpha: number[]; sigma: number[] } {
  const { alpha, sigma } = cosineLevel(0.5);
  return { alpha: [alpha], sigma: [sigma] };
}
