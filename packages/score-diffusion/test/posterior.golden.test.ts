import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  mul,
  sub,
  matmul,
  mean,
  sqrt,
  sum,
  abs,
  item,
  array,
  square,
  toTypedArray,
  transpose,
  max,
  eye,
  tile,
  zeros,
} from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type ForwardModel,
  annealing,
  ddsDdim,
  ddsDdpm,
  denoise,
  dpnp,
  gaussianNoise,
  matrixOperator,
  mixtureMoments,
  mixturePosterior,
  pcsGaussian,
  pcsMala,
  quantizedSensing,
  sampleMoments,
} from "../src/index.js";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

interface GaussianCase {
  readonly A: number[][];
  readonly y: number[];
  readonly noiseVariance: number;
  readonly eta: number;
  readonly x: number[][];
  readonly mean: number[][];
  readonly cov: number[][];
  readonly z: number[][];
  readonly sample: number[][];
}
interface MalaCase {
  readonly kind: "gaussian" | "amplitude" | "quantized";
  readonly x: number[];
  readonly eta: number;
  readonly stepSize: number;
  readonly noise: number[][];
  readonly logU: number[];
  readonly nllAtX: number;
  readonly gradAtX: number[];
  readonly chain: number[][];
  readonly logRatio: number[];
  readonly accepted: boolean[];
  readonly unadjustedChain: number[][];
  readonly A?: number[][];
  readonly y: number[];
  readonly noiseVariance?: number;
  readonly theta?: number;
}
const pcs = load<{ gaussian: GaussianCase[]; mala: MalaCase[] }>("pcs");

/** Largest difference in units of its standard error over `n` independent draws of variance `variance`. */
function standardErrors(samples: NdArray, expected: NdArray, variances: NdArray): number {
  const n = samples.shape[0]!;
  const deviation = abs(sub(mean(samples, { axis: 0 }), expected));
  return item(max(mul(Math.sqrt(n), sqrt(mul(square(deviation), reciprocal(variances))))));
}
const reciprocal = (x: NdArray): NdArray => array(Float64Array.from(toTypedArray(x), (v) => 1 / v));
function covarianceOf(samples: NdArray): NdArray {
  const centred = sub(samples, mean(samples, { axis: 0 }));
  return mul(1 / (samples.shape[0]! - 1), matmul(transpose(centred), centred));
}
const diagonal = (c: NdArray): NdArray =>
  sum(mul(c, eye(c.shape[0]!, c.shape[0], { dtype: "float64" })), { axis: 0 });

describe("golden proximal steps", () => {
  it.each(pcs?.gaussian.map((c, i) => [i, c] as const) ?? [])(
    "Gaussian case %i: sample, and the moments of every method",
    (_, c) => {
      const likelihood = gaussianNoise(
        matrixOperator(f64(c.A)),
        Math.sqrt(c.noiseVariance),
      ).likelihood(c.y);
      expectNear(
        pcsGaussian(likelihood, f64(c.x), c.eta, key(0), { method: "cholesky", noise: f64(c.z) }),
        c.sample,
      );
      const nothing = mul(0, f64(c.z));
      for (const method of ["cholesky", "spectral"] as const)
        expectNear(
          pcsGaussian(likelihood, f64(c.x), c.eta, key(0), { method, noise: nothing }),
          c.mean,
        );
      const n = 20_000;
      const many = tile(f64([c.x[0]!]), [n, 1]);
      for (const method of ["spectral", "cholesky", "cg"] as const) {
        const samples = pcsGaussian(likelihood, many, c.eta, key(1), { method });
        expect(standardErrors(samples, f64(c.mean[0]!), diagonal(f64(c.cov)))).toBeLessThan(4.5);
        const scale = item(max(abs(f64(c.cov))));
        expect(item(max(abs(sub(covarianceOf(samples), f64(c.cov)))))).toBeLessThan(
          (5 * scale * Math.SQRT2) / Math.sqrt(n),
        );
      }
    },
  );

  const amplitude = (c: MalaCase): ForwardModel => {
    const operator = matrixOperator(f64(c.A!));
    const magnitude = {
      name: "|Ax|",
      inputSize: operator.inputSize,
      outputSize: operator.outputSize,
      norm: operator.norm,
    };
    return gaussianNoise(
      { ...magnitude, apply: (x) => abs(operator.apply(x)) },
      Math.sqrt(c.noiseVariance!),
    );
  };
  const forwardOf = (c: MalaCase): ForwardModel =>
    c.kind === "quantized"
      ? quantizedSensing(c.x.length, c.theta)
      : c.kind === "amplitude"
        ? amplitude(c)
        : gaussianNoise(matrixOperator(f64(c.A!)), Math.sqrt(c.noiseVariance!));

  it.each(pcs?.mala.map((c) => [c.kind, c] as const) ?? [])("MALA chain, %s", (_, c) => {
    const likelihood = forwardOf(c).likelihood(c.y);
    const x = f64([c.x]);
    expectNear(likelihood.logLikelihood(x), [-c.nllAtX]);
    expectNear(likelihood.score(x), [c.gradAtX.map((g) => -g)]);
    const options = {
      numSteps: c.noise.length,
      stepSize: c.stepSize,
      noise: c.noise.map((w) => f64([w])),
      logUniforms: c.logU.map((u) => f64([u])),
      trajectory: true,
    };
    const run = pcsMala(likelihood, x, c.eta, key(0), options);
    run.trajectory!.forEach((z, i) => expectNear(z, [c.chain[i]!], 1e-9));
    run.logRatios!.forEach((r, i) => expectNear(r, [c.logRatio[i]!], 1e-8));
    expect(run.acceptance.get(0)).toBeCloseTo(
      c.accepted.filter(Boolean).length / c.accepted.length,
      12,
    );
    const free = pcsMala(likelihood, x, c.eta, key(0), { ...options, adjust: false });
    free.trajectory!.forEach((z, i) => expectNear(z, [c.unadjustedChain[i]!], 1e-9));
  });
});

interface DdsCase {
  readonly prior: GoldenMixture;
  readonly eta: number;
  readonly xNoisy: number[][];
  readonly posterior: GoldenMixture[];
  readonly tau: number[];
  readonly w: number[][][];
  readonly ddsDdpm: number[][][];
  readonly theta: number[];
  readonly z: number[][];
  readonly ddsDdimX: number[][][];
  readonly ddsDdimHeun: number[][];
  readonly alphaBarCond: number[];
  readonly ddsDdimAlphaBarForm: number[][];
  readonly exactLimitGaussian: number[][] | null;
}
const dds = load<{
  cases: DdsCase[];
  statistical: {
    prior: GoldenMixture;
    eta: number;
    xNoisy: number[];
    mean: number[];
    cov: number[][];
  };
}>("dds");

describe("golden denoising samplers", () => {
  describe.each(dds?.cases.map((c, i) => [i, c] as const) ?? [])("case %i", (_, c) => {
    const law = mixtureOf(c.prior);
    const x = f64(c.xNoisy);
    it("ddsDdpm", () => {
      const sampler = ddsDdpm({
        grid: c.tau.map((t) => t / c.eta ** 2),
        noise: c.w.map((w) => f64(w)),
      });
      expectNear(denoise(sampler, law, x, c.eta, key(0)), c.ddsDdpm.at(-1)!, 1e-9);
    });
    it("ddsDdim by Euler, by Heun, and on the angles of the published variables", () => {
      const noise = f64(c.z);
      expectNear(
        denoise(ddsDdim({ method: "euler", grid: c.theta, noise }), law, x, c.eta, key(0)),
        c.ddsDdimX.at(-1)!,
      );
      expectNear(denoise(ddsDdim({ grid: c.theta, noise }), law, x, c.eta, key(0)), c.ddsDdimHeun);
      // θ = arctan(η / √(1/ᾱ − 1)); the published grid starts a little above ᾱ = 0, with z itself for u there
      const angles = c.alphaBarCond
        .map((a) => (a === 1 ? Math.PI / 2 : Math.atan(c.eta / Math.sqrt(1 / a - 1))))
        .reverse();
      const power = c.alphaBarCond.at(-1)!;
      const first = mul(1 / Math.sqrt(1 + (c.eta ** 2 - 1) * power), noise);
      let u = first;
      for (let k = 0; k + 1 < angles.length; k++) {
        const [theta, next] = [angles[k]!, angles[k + 1]!];
        const s = c.eta * Math.cos(theta);
        const eps = mul(
          -s,
          law.evaluate(add(x, mul(c.eta * Math.sin(theta), u)), { alpha: 1, sigma: s }),
        );
        u = sub(u, mul(next - theta, eps));
      }
      expectNear(add(x, mul(c.eta, u)), c.ddsDdimAlphaBarForm);
    });
    it("the posterior of a denoising problem in closed form", () => {
      const d = c.xNoisy[0]!.length;
      const identity = eye(d, d, { dtype: "float64" });
      c.posterior.forEach((golden, i) => {
        const posterior = mixturePosterior(
          law,
          identity,
          f64(c.xNoisy[i]!),
          mul(c.eta ** 2, identity),
        );
        expectNear(posterior.weights, golden.weights, 1e-9);
        expectNear(posterior.means, golden.means, 1e-9);
      });
    });
    it.skipIf(c.exactLimitGaussian === null)(
      "ddsDdim tends to the exact map, at second order",
      () => {
        const error = (numSteps: number): number =>
          item(
            max(
              abs(
                sub(
                  denoise(ddsDdim({ numSteps, noise: f64(c.z) }), law, x, c.eta, key(0)),
                  f64(c.exactLimitGaussian!),
                ),
              ),
            ),
          );
        expect(error(80)).toBeLessThan(1e-3);
        expect(Math.log2(error(40) / error(80))).toBeGreaterThan(1.8);
      },
    );
  });

  it.each([
    ["ddsDdim", ddsDdim({ numSteps: 60 })] as const,
    ["ddsDdpm", ddsDdpm({ numSteps: 200 })] as const,
  ])(
    "%s has the posterior's moments over 20,000 samples",
    (_, sampler) => {
      const { prior, eta, xNoisy, mean: golden, cov } = dds.statistical;
      const n = 20_000;
      const samples = denoise(sampler, mixtureOf(prior), tile(f64([xNoisy]), [n, 1]), eta, key(5));
      const bias = abs(sub(mean(samples, { axis: 0 }), f64(golden)));
      cov.forEach((row, i) => expect(bias.get(i)).toBeLessThan(4 * Math.sqrt(row[i]! / n) + 0.01));
      expect(item(max(abs(sub(covarianceOf(samples), f64(cov)))))).toBeLessThan(
        (4 * Math.SQRT2 * cov[1]![1]!) / Math.sqrt(n) + 0.015,
      );
    },
    60_000,
  );
});

interface DpnpGolden {
  readonly gaussian: {
    A: number[][];
    y: number[];
    noiseVariance: number;
    priorMean: number[];
    priorCov: number[][];
    eta: number[];
    x0: number[];
    means: number[][];
    covs: number[][][];
    exactPosteriorMean: number[];
    exactPosteriorCov: number[][];
    stationary: { eta: number; mean: number[]; cov: number[][] }[];
  };
  readonly gmm: {
    A: number[][];
    y: number[];
    noiseVariance: number;
    prior: GoldenMixture;
    exactPosterior: GoldenMixture & { mean: number[]; cov: number[][] };
    stationary: (GoldenMixture & { eta: number; mean: number[]; cov: number[][] })[];
  };
}
const golden = load<{ cases: DpnpGolden[] }>("dpnp")?.cases[0];
// with 4,000 chains: RUN_SLOW=1
const slow = process.env["RUN_SLOW"] !== undefined;

describe("golden laws of DPnP", () => {
  const expectMoments = (
    samples: NdArray,
    m: readonly number[],
    c: readonly (readonly number[])[],
    slack: number,
  ): void => {
    const n = samples.shape[0]!;
    const [average, covariance] = [mean(samples, { axis: 0 }), covarianceOf(samples)];
    c.forEach((row, i) => {
      expect(Math.abs(average.get(i) - m[i]!)).toBeLessThan(
        4 * Math.sqrt(row[i]! / n) + slack * Math.sqrt(row[i]!),
      );
      row.forEach((v, j) => {
        const scale = Math.sqrt(row[i]! * c[j]![j]!);
        expect(Math.abs(covariance.get(i, j) - v)).toBeLessThan(
          4 * Math.sqrt((scale * scale + v * v) / n) + 2 * slack * scale,
        );
      });
    });
  };

  it("every round on a Gaussian prior has the law in closed form, over 4,000 chains", ({
    task,
  }) => {
    const { A, y, noiseVariance, priorMean, priorCov, eta, x0, means, covs } = golden!.gaussian;
    const prior = mixtureOf({ weights: [1], means: [priorMean], covs: [priorCov] });
    const forward = gaussianNoise(matrixOperator(f64(A)), Math.sqrt(noiseVariance));
    let [round, farthest] = [0, 0];
    dpnp(forward, y, prior, key(11), {
      start: tile(f64([x0]), [4000, 1]),
      etas: eta,
      denoiser: ddsDdim({ numSteps: 40 }),
      onProgress({ state }) {
        expectMoments(state.x, means[++round]!, covs[round]!, 0.005);
        const { mean: m, covariance: c } = sampleMoments(state.x);
        farthest = Math.max(
          farthest,
          item(max(abs(sub(m, f64(means[round]!))))),
          item(max(abs(sub(c, f64(covs[round]!))))),
        );
      },
    });
    expect(round).toBe(eta.length);
    task.meta.claim = {
      says: "On a Gaussian prior every round of DPnP has the law that theory gives in closed form",
      source: "Xu, Chi (2024), algorithm 1; the closed form is derived here",
      measured: `largest deviation of a mean or covariance ${farthest.toFixed(3)} over ${round} rounds of 4,000 chains, ${Math.sqrt(1 / 4000).toFixed(3)} being the noise of a unit variance`,
    };
  });

  it("the stationary laws of a mixture prior are posteriors with wider noise, in closed form", ({
    task,
  }) => {
    const { A, y, noiseVariance, prior, exactPosterior, stationary } = golden!.gmm;
    const law = mixtureOf(prior);
    const a = f64(A);
    const noise = (eta: number): NdArray =>
      add(
        mul(noiseVariance, eye(2, 2, { dtype: "float64" })),
        mul(eta * eta, matmul(a, transpose(a))),
      );
    for (const { eta, ...law2 } of [{ eta: 0, ...exactPosterior }, ...stationary]) {
      const posterior = mixturePosterior(law, a, f64(y), noise(eta));
      expectNear(posterior.weights, law2.weights, 1e-8);
      expectNear(posterior.means, law2.means, 1e-8);
      const moments = mixtureMoments(posterior);
      expectNear(moments.mean, law2.mean, 1e-8);
      expectNear(moments.covariance, law2.cov, 1e-8);
    }
    task.meta.claim = {
      says: "For $y = Ax + N(0, \\sigma^2 I)$ the stationary law $\\pi_\\eta$ of DPnP is the posterior under noise $\\sigma^2 I + \\eta^2 A A^\\top$, and tends to the posterior with η",
      source: "derived from Xu, Chi (2024), non-asymptotic theorem",
      measured: `weights, means and covariances within 1e-8 of an independent implementation at η = 0 and ${stationary.length} others, for a mixture in three dimensions`,
    };
  });

  it.for([
    ["exact proximal step", "auto"],
    ["MALA", "mala"],
  ] as const)(
    "many chains reach the stationary law of a mixture prior: %s",
    { timeout: 300_000 },
    ([name, proximal], { task }) => {
      const [chains, rounds] = slow ? [4000, 40] : [800, 20];
      const { A, y, noiseVariance, prior, stationary } = golden!.gmm;
      const { eta, mean: m, cov } = stationary[0]!;
      const forward = gaussianNoise(matrixOperator(f64(A)), Math.sqrt(noiseVariance));
      const result = dpnp(forward, y, mixtureOf(prior), key(12), {
        start: zeros([chains, 3], { dtype: "float64" }),
        etas: annealing({ start: eta, end: eta, hold: 0, decay: 0, stay: rounds }),
        proximal,
        malaSteps: 50,
        denoiser: ddsDdim({ numSteps: slow ? 30 : 20 }),
      });
      expectMoments(result.samples, m, cov, 0.01);
      expect(Math.min(...result.acceptance)).toBeGreaterThan(0.4);
      const { mean: got, covariance } = sampleMoments(result.samples);
      const [offset, spread] = [sub(got, f64(m)), sub(covariance, f64(cov))].map((x) =>
        item(max(abs(x))).toFixed(3),
      );
      task.meta.claim = {
        says: `At a constant η the chains of DPnP have the law $\\pi_\\eta$, the prior under wider noise (${name})`,
        source:
          "Xu, Chi (2024), non-asymptotic theorem: $\\pi_\\eta(x) \\propto p^\\star(x)\\, \\mathbb E_{z \\sim N(x, \\eta^2 I)} e^{\\mathcal L(z; y)}$",
        measured: `means within ${offset!}, covariances within ${spread!} of the closed form; ${chains} chains, ${rounds} rounds (RUN_SLOW=1: 4,000 chains)`,
      };
    },
  );
});
