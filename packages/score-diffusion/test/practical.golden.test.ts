import { describe, expect, it } from "vitest";
import { type NdArray, div, item, mul, sqrt, square, sub, sum } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type Sampler,
  type Schedule,
  type Transition,
  certifyOrder,
  gaussianMixture,
  karrasSigmas,
  lambdaGrid,
  levelAt,
  probabilityFlow,
  sample,
  scheduleOfAlphaBar,
  scheduleOfSigmas,
} from "../src/index.js";
import {
  ddim,
  ddpmAncestral,
  dpmSolver2,
  dpmSolverPlusPlus2M,
  dpmSolverPlusPlus2S,
  dpmSolverSde2M,
  euler,
  eulerAncestral,
  heun,
  uniPC,
} from "../src/samplers/index.js";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

type Path = number[][][];
interface PracticalCase {
  readonly prior: GoldenMixture;
  readonly alphaBarClean1: number[];
  readonly xT: number[][];
  readonly z: Path;
  readonly edmSigma: number[];
  readonly edmXT: number[][];
  readonly edmEuler: Path;
  readonly edmHeun: Path;
  readonly edmHeunChurn: {
    sChurn: number;
    sTmin: number;
    sTmax: number;
    sNoise: number;
    trajectory: Path;
  };
  readonly eulerAncestral: Path;
  readonly [name: string]: unknown;
}
const golden = load<{ cases: PracticalCase[] }>("practical_samplers")?.cases[0];

describe("golden trajectories of the practical samplers", () => {
  const run = (
    sampler: Sampler,
    schedule: Schedule,
    start: NdArray,
    z: readonly number[][][],
    stopAt: 0 | 1,
  ): NdArray => {
    const steps = schedule.alphaBar.length - stopAt;
    const noise = Array.from({ length: steps }, (_, i) =>
      sampler.numNoises === 0 ? [] : [f64(z[i]!)],
    );
    return sample(sampler, mixtureOf(golden!.prior), key(0), {
      start,
      schedule,
      noise,
      trajectory: true,
      stopAt,
    }).trajectory!;
  };
  const grid = scheduleOfAlphaBar(golden?.alphaBarClean1.slice(1) ?? [0.5]);
  /** step i → i − 1 uses z[i − 1] */
  const countedFromData = [...(golden?.z ?? [])].reverse();

  it.each<[string, Sampler]>([
    ["ddpm_fixedSmall", ddpmAncestral({ variance: "small" })],
    ["ddpm_fixedLarge", ddpmAncestral({ variance: "large" })],
  ])("%s, to the data", (name, sampler) => {
    expectNear(run(sampler, grid, f64(golden!.xT), countedFromData, 0), golden![name] as Path);
  });

  it.each<[string, Sampler]>([
    ["dpmSolver2s", dpmSolver2],
    ["dpmSolverPP2s", dpmSolverPlusPlus2S],
    ["dpmSolverPP2m", dpmSolverPlusPlus2M({ lowerOrderFinal: false })],
    ["dpmSolverPP2m_lowerOrderFinal", dpmSolverPlusPlus2M()],
    ["dpmSolverPP2mSde", dpmSolverSde2M({ lowerOrderFinal: false })],
  ])("%s, to the last level", (name, sampler) => {
    expectNear(run(sampler, grid, f64(golden!.xT), golden!.z, 1), golden![name] as Path);
  });

  it("dpmSolverPP2m_finalZero", () => {
    const path = golden!["dpmSolverPP2m_finalZero"] as Path;
    expectNear(
      run(dpmSolverPlusPlus2M({ lowerOrderFinal: false }), grid, f64(golden!.xT), golden!.z, 0),
      path,
    );
  });

  it.each<[string, Sampler]>([
    ["unipc2_bh2", uniPC()],
    ["unipc3_bh2", uniPC({ order: 3 })],
    ["unipc2_bh1", uniPC({ variant: "bh1" })],
  ])("%s ends where it should", (name, sampler) => {
    const trajectory = run(sampler, grid, f64(golden!.xT), golden!.z, 1);
    expectNear(
      trajectory.pick(trajectory.shape[0]! - 1, null, null),
      (golden![name] as Path).at(-1)!,
    );
  });

  it("the samplers of EDM, in their own coordinates", () => {
    const schedule = scheduleOfSigmas(golden!.edmSigma);
    const steps = schedule.alphaBar.length;
    const alpha = (t: number): number => levelAt(schedule, t).alpha;
    const start = mul(alpha(steps), f64(golden!.edmXT));
    const check = (sampler: Sampler, path: Path): void => {
      const trajectory = run(sampler, schedule, start, golden!.z, 0);
      path.forEach((points, i) =>
        expectNear(div(trajectory.pick(i, null, null), alpha(steps - i)), points, 1e-9),
      );
    };
    check(euler(), golden!.edmEuler);
    check(ddim(), golden!.edmEuler);
    check(heun(), golden!.edmHeun);
    const { sChurn, sTmin, sTmax, sNoise, trajectory } = golden!.edmHeunChurn;
    check(heun({ churn: sChurn, churnRange: [sTmin, sTmax], churnNoise: sNoise }), trajectory);
    check(eulerAncestral(), golden!.eulerAncestral);
  });
});

interface Curve {
  readonly T: number[];
  readonly error: number[];
}
const rates = load<{
  practical_endpoint_rms_d2: Record<string, Curve>;
  _meta: {
    gmm2: GoldenMixture;
    yT_d2: number[][];
    lambda_grid: [number, number];
    edm: { sigma_max: number; sigma_min: number; rho: number };
  };
}>("rates");

describe("golden errors of the practical samplers", () => {
  const rms = (d: NdArray): number => item(sqrt(div(sum(square(d)), d.shape[0]!)));
  const flows = new Map<string, NdArray>();
  const exactFlow = (schedule: Schedule, start: NdArray): NdArray => {
    const [from, to] = [levelAt(schedule, schedule.alphaBar.length), levelAt(schedule, 1)];
    const id = `${from.sigma.toFixed(12)} ${to.sigma.toFixed(12)}`;
    const known =
      flows.get(id) ??
      probabilityFlow(mixtureOf(rates._meta.gmm2), start, from, to, { numSteps: 1500 });
    flows.set(id, known);
    return known;
  };
  const measure = (sampler: Sampler, schedule: Schedule, start: NdArray): number => {
    const law = mixtureOf(rates._meta.gmm2);
    return rms(
      sub(
        sample(sampler, law, key(0), { start, schedule, stopAt: 1 }).samples,
        exactFlow(schedule, start),
      ),
    );
  };

  it.each<[string, Sampler]>([
    ["ddim", ddim()],
    ["dpm_solver_2s", dpmSolver2],
    ["dpm_solver_pp_2s", dpmSolverPlusPlus2S],
    ["dpm_solver_pp_2m", dpmSolverPlusPlus2M({ lowerOrderFinal: false })],
    ["unipc2", uniPC()],
    ["unipc3", uniPC({ order: 3 })],
  ])("%s on a λ-uniform grid", (name, sampler) => {
    const [lambdaMin, lambdaMax] = rates._meta.lambda_grid;
    const { T, error } = rates.practical_endpoint_rms_d2[name]!;
    T.forEach((steps, i) => {
      const schedule = lambdaGrid(steps + 1, { lambdaMin, lambdaMax });
      const value = measure(sampler, schedule, f64(rates._meta.yT_d2));
      expect(Math.abs(value / error[i]! - 1)).toBeLessThan(1e-3);
    });
  });

  it.each<[string, Sampler]>([
    ["edm_euler_karras", euler()],
    ["edm_heun_karras", heun()],
  ])("%s on a Karras grid", (name, sampler) => {
    const { sigma_max: sigmaMax, sigma_min: sigmaMin, rho } = rates._meta.edm;
    const { T, error } = rates.practical_endpoint_rms_d2[name]!;
    T.forEach((steps, i) => {
      const schedule = scheduleOfSigmas(karrasSigmas(steps + 1, { sigmaMin, sigmaMax, rho }));
      const start = mul(sigmaMax * levelAt(schedule, steps + 1).alpha, f64(rates._meta.yT_d2));
      const value = measure(sampler, schedule, start) / levelAt(schedule, 1).alpha;
      expect(Math.abs(value / error[i]! - 1)).toBeLessThan(1e-3);
    });
  });
});

describe("certificates of the practical samplers", () => {
  const plane = gaussianMixture({
    weights: [0.4, 0.6],
    means: [
      [-1, 0.3],
      [1, -0.2],
    ],
    variances: [0.1, 0.2],
  });
  it.each<[Sampler]>([
    [dpmSolver2],
    [dpmSolverPlusPlus2S],
    [dpmSolverPlusPlus2M()],
    [heun()],
    [euler()],
    [uniPC({ order: 1 })],
    [uniPC()],
  ])("$name has its order", (sampler) => {
    const certificate = certifyOrder(sampler as Sampler<Transition>, plane, key(3));
    expect(certificate.value, JSON.stringify(certificate)).toBeGreaterThanOrEqual(
      (certificate.expected as [number, number])[0],
    );
    expect(certificate.holds).toBe(true);
  });
});
