import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type MaskedImage,
  areaAttentionScores,
  attentionScores,
  contrastiveLossAndGradient,
  createSpatialDistribution,
  decouplingAtZero,
  detectPhases,
  enumerateImages,
  informationGap,
  maeLossAndGradient,
  maskedAttention,
  maskedCount,
  optimalReconstructionLoss,
  reconstruct,
  reconstructionLossAtZero,
  simulateMeanField,
  trainMaskedReconstruction,
} from "../../src/mim/index.js";
import { type Nested, expectNear, f64, flat, load } from "./fixtures.js";

interface World {
  readonly P: number;
  readonly areas: number[][][];
}
interface Sample {
  readonly k: number;
  readonly z: number[];
  readonly mask: number[];
}
const image = ({ k, z, mask }: Sample): MaskedImage => ({ cluster: k, latents: z, mask });

const gradient = load<{
  world: World;
  samples: Sample[];
  phi: Nested;
  upsilon: Nested;
  loss: number;
  gradPhi: Nested;
  gradUpsilon: Nested;
  attn: Nested[];
  areaAttn: Nested[];
  reconstructionCoeff: Nested[];
}>("mae_gradient");

describe("golden gradient of masked reconstruction", () => {
  const g = gradient;
  const world = createSpatialDistribution(g.world.areas);
  const correlations = { phi: f64(g.phi), upsilon: f64(g.upsilon) };
  const samples = g.samples.map(image);

  it("gives loss and gradients", () => {
    const { loss, gradPhi, gradUpsilon } = maeLossAndGradient(world, correlations, samples);
    expectNear(loss, g.loss, 1e-12);
    expectNear(gradPhi, g.gradPhi, 1e-12);
    expectNear(gradUpsilon, g.gradUpsilon, 1e-12);
  });

  it("gives attention, area attention and reconstruction of every sample", () => {
    samples.forEach((sample, s) => {
      expectNear(maskedAttention(world, correlations, sample), g.attn[s]!, 1e-12);
      expectNear(areaAttentionScores(world, correlations, sample), g.areaAttn[s]!, 1e-12);
      expectNear(reconstruct(world, correlations, sample), g.reconstructionCoeff[s]!, 1e-12);
    });
  });

  it("has scores whose softmax is the attention", () => {
    const scores = flat(attentionScores(world, correlations, samples[0]!));
    const row = scores.slice(0, g.world.P).map(Math.exp);
    const total = row.reduce((a, b) => a + b);
    expectNear(
      row.map((x) => x / total),
      (g.attn[0] as Nested[])[0]!,
      1e-12,
    );
  });
});

const trajectory = load<{
  world: World;
  samples: Sample[];
  eta: number;
  steps: number;
  loss: number[];
  snapshots: { step: number; phi: Nested; upsilon: Nested; areaAttnSample0: Nested }[];
}>("mae_trajectory");

describe("golden trajectory on fixed samples", () => {
  it("descends through the same losses, correlations and area attention", () => {
    const g = trajectory;
    const world = createSpatialDistribution(g.world.areas);
    const samples = g.samples.map(image);
    const losses: number[] = [];
    trainMaskedReconstruction(world, key(0), {
      source: { kind: "fixed", samples },
      learningRate: g.eta,
      numSteps: g.steps,
      recordEvery: 1,
      onProgress({ iteration, metric, state: { correlations } }) {
        losses.push(metric);
        const snapshot = g.snapshots.find(({ step }) => step === iteration);
        if (snapshot === undefined) return;
        expectNear(correlations.phi, snapshot.phi, 1e-9);
        expectNear(correlations.upsilon, snapshot.upsilon, 1e-9);
        expectNear(
          areaAttentionScores(world, correlations, samples[0]!),
          snapshot.areaAttnSample0,
          1e-9,
        );
      },
    });
    expectNear(losses, g.loss, 1e-9);
  });
});

const exact = load<{
  world: World;
  gamma: number;
  zSupport: [number, number][];
  maskedCount: number;
  eta: number;
  sampleCount: number;
  loss: number[];
  loss400: number;
  optimalLoss: number;
  snapshots: { step: number; phi: Nested; upsilon: Nested; gradPhi: Nested; gradUpsilon: Nested }[];
}>("mae_exact_expectation");

describe("golden exact expectation", () => {
  const g = exact;
  const latent = {
    kind: "discrete",
    values: g.zSupport.map(([z]) => z),
    probabilities: g.zSupport.map(([, p]) => p),
  } as const;
  const world = createSpatialDistribution(g.world.areas, { latent });

  it("enumerates every image and has the closed forms", () => {
    expect(maskedCount(g.world.P, g.gamma)).toBe(g.maskedCount);
    expect(enumerateImages(world).samples.length).toBe(g.sampleCount);
    expectNear(reconstructionLossAtZero(world), g.loss[0]!, 1e-12);
    expectNear(optimalReconstructionLoss(world), g.optimalLoss, 1e-12);
  });

  it("descends through the same losses, correlations and gradients", () => {
    const { samples, weights } = enumerateImages(world);
    const losses: number[] = [];
    trainMaskedReconstruction(world, key(0), {
      source: { kind: "exact" },
      learningRate: g.eta,
      numSteps: 400,
      recordEvery: 1,
      onProgress({ iteration, metric, state: { correlations } }) {
        losses.push(metric);
        const snapshot = g.snapshots.find(({ step }) => step === iteration);
        if (snapshot === undefined) return;
        const { gradPhi, gradUpsilon } = maeLossAndGradient(world, correlations, samples, {
          weights,
        });
        expectNear(correlations.phi, snapshot.phi, 1e-10);
        expectNear(correlations.upsilon, snapshot.upsilon, 1e-10);
        expectNear(gradPhi, snapshot.gradPhi, 1e-10);
        expectNear(gradUpsilon, snapshot.gradUpsilon, 1e-10);
      },
    });
    expectNear(losses.slice(0, g.loss.length), g.loss, 1e-10);
    expectNear(losses[400]!, g.loss400, 1e-10);
  });
});

interface MeanField {
  readonly name: string;
  readonly sizes: number[];
  readonly gamma: number;
  readonly maskedCount: number;
  readonly eta: number;
  readonly queryArea: number;
  readonly z: number;
  readonly informationGap: number;
  readonly phases: {
    T1: number;
    two_phase: boolean;
    t_half: number;
    t_hi: number;
    phi_global_T1: number;
    phi_global_min: number;
    phi_target_T1: number;
  } | null;
  readonly snapshots: {
    step: number;
    loss: number;
    phi: number[];
    upsilon: number[];
    upsilonSelf: number;
    areaAttn: number[];
    alpha: number[];
  }[];
}
const meanField = load<MeanField[]>("meanfield_phases");

describe("golden mean field", () => {
  it.each(meanField ?? [])("$name, query in area $queryArea: trajectory and phases", (g) => {
    const setting = { sizes: g.sizes, queryArea: g.queryArea };
    const history = simulateMeanField(setting, {
      maskRatio: g.gamma,
      learningRate: g.eta,
      latent: g.z,
    });
    for (const s of g.snapshots) {
      const first = (x: readonly number[]): number[] => x.slice(0, s.phi.length);
      expectNear(history.loss[s.step]!, s.loss, 1e-8);
      expectNear(first(history.phi[s.step]!), s.phi, 1e-8);
      expectNear(first(history.upsilon[s.step]!), s.upsilon, 1e-8);
      expectNear(history.upsilonSelf[s.step]!, s.upsilonSelf, 1e-8);
      expectNear(first(history.areaAttention[s.step]!), s.areaAttn, 1e-8);
      expectNear(first(history.alpha[s.step]!), s.alpha, 1e-8);
    }
    const total = g.sizes.reduce((a, b) => a + b);
    expectNear(informationGap(total, g.sizes[0]!, g.sizes[1]!), g.informationGap, 1e-12);
    const phases = detectPhases(history);
    const atZero = decouplingAtZero(setting, { maskRatio: g.gamma });
    expect(atZero.twoPhase).toBe(phases.twoPhase);
    if (g.phases === null) return;
    expect([phases.decouplingEnd, phases.twoPhase, phases.halfStep, phases.highStep]).toEqual([
      g.phases.T1,
      g.phases.two_phase,
      g.phases.t_half,
      g.phases.t_hi,
    ]);
    expectNear(
      [phases.phiGlobalAtEnd!, phases.phiGlobalMin, phases.phiTargetAtEnd!],
      [g.phases.phi_global_T1, g.phases.phi_global_min, g.phases.phi_target_T1],
      1e-8,
    );
  });
});

const contrastive = load<{
  world: World;
  tuples: { anchor: Sample; positive: Sample; negatives: Sample[] }[];
  tau: number;
  phi: Nested;
  upsilon: Nested;
  loss: number;
  gradPhi: Nested;
  gradUpsilon: Nested;
  anchorFeature: Nested;
  trajectory: { eta: number; steps: number; loss: number[]; phi: Nested; upsilon: Nested };
}>("cl_gradient");

describe("golden contrastive objective", () => {
  const g = contrastive;
  const world = createSpatialDistribution(g.world.areas);
  const tuples = g.tuples.map((t) => ({
    anchor: image(t.anchor),
    positive: image(t.positive),
    negatives: t.negatives.map(image),
  }));

  it("gives loss, gradients and features", () => {
    const result = contrastiveLossAndGradient(
      world,
      { phi: f64(g.phi), upsilon: f64(g.upsilon) },
      tuples,
      { temperature: g.tau },
    );
    expectNear(result.loss, g.loss, 1e-12);
    expectNear(result.gradPhi, g.gradPhi, 1e-12);
    expectNear(result.gradUpsilon, g.gradUpsilon, 1e-12);
    expectNear(result.anchorFeatures, g.anchorFeature, 1e-12);
  });

  it("descends from zero through the same losses, with all rows equal", () => {
    const { eta, steps } = g.trajectory;
    const losses: number[] = [];
    let phi = new Float64Array(world.numPatches * world.numFeatures);
    let upsilon = new Float64Array(world.numPatches ** 2);
    const state = (): { phi: ReturnType<typeof f64>; upsilon: ReturnType<typeof f64> } => ({
      phi: f64(rows([...phi], world.numFeatures)),
      upsilon: f64(rows([...upsilon], world.numPatches)),
    });
    for (let t = 0; t <= steps; t++) {
      const { loss, gradPhi, gradUpsilon } = contrastiveLossAndGradient(world, state(), tuples, {
        temperature: g.tau,
      });
      losses.push(loss);
      if (t === steps) break;
      const [dPhi, dUpsilon] = [flat(gradPhi), flat(gradUpsilon)];
      phi = phi.map((x, i) => x - eta * dPhi[i]!);
      upsilon = upsilon.map((x, i) => x - eta * dUpsilon[i]!);
    }
    expectNear(losses, g.trajectory.loss, 1e-9);
    const first = (x: Nested): Nested =>
      (Array.isArray(x) && Array.isArray(x[0]) ? x : [x]) as Nested;
    expectNear(state().phi, repeat(first(g.trajectory.phi), world.numPatches), 1e-9);
    expectNear(state().upsilon, repeat(first(g.trajectory.upsilon), world.numPatches), 1e-9);
  });
});

function rows(x: number[], width: number): number[][] {
  return Array.from({ length: x.length / width }, (_, i) => x.slice(i * width, (i + 1) * width));
}

/** The file may hold one row for all. */
function repeat(x: Nested, count: number): Nested {
  const list = x as readonly Nested[];
  return list.length === count ? list : Array.from({ length: count }, () => list[0]!);
}
