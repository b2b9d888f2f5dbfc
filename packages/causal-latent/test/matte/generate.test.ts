import { describe, expect, it } from "vitest";
import { concat, mul, slice } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type FlowConfig,
  counterfactual,
  decodeLatents,
  encodeLatents,
  mixNoise,
  identifiabilityExperiment,
  initMatte,
  jacobianSparsity,
  matteConfig,
  samplePrior,
  inferNoise,
} from "../../src/matte/index.js";
import { expectNear, flat } from "./fixtures.js";

const flows: FlowConfig[] = [
  { kind: "rational-linear" },
  { kind: "rational-quadratic", bins: 5 },
  { kind: "sigmoidal", hidden: 4 },
  { kind: "affine" },
];
const modelWith = (flow: FlowConfig) =>
  initMatte(
    matteConfig(
      { kind: "vectors", size: 6, hidden: [8] },
      {
        numDomains: 3,
        contentSize: 3,
        styleSize: 2,
        contentFlow: flow,
        styleFlow: flow,
        dtype: "float64",
      },
    ),
    key(1),
  );
const observed = normal(key(2), [10, 6], { dtype: "float64" });
const domains = Array.from({ length: 10 }, (_, i) => i % 3);

describe.each(flows)("priors with flows of kind $kind", (flow) => {
  const model = modelWith(flow);
  it("map latents to noise and back", () => {
    const { content, style } = encodeLatents(model, observed);
    const noise = inferNoise(model, { content, style }, domains);
    const back = mixNoise(model, noise, domains);
    expectNear(back.content, content, 0, 1e-8);
    expectNear(back.style, style, 0, 1e-8);
  });

  it("negate the noise and leave the content alone", () => {
    const { content, style } = encodeLatents(model, observed);
    const before = inferNoise(model, { content, style }, domains);
    const flipped = counterfactual(model, observed, { kind: "noise" }, { domains });
    expect(flat(flipped.content)).toEqual(flat(content));
    const after = inferNoise(model, flipped, domains);
    expectNear(after.content, before.content, 0, 1e-12);
    expectNear(after.style, mul(-1, before.style), 0, 1e-8);
  });
});

describe("generation", () => {
  const model = modelWith({ kind: "rational-linear" });
  it("samples from the priors of the domains, the same for the same key", () => {
    const drawn = samplePrior(model, 300, key(3), {
      domains: Array.from({ length: 300 }, (_, i) => i % 3),
    });
    expect(drawn.observed.shape).toEqual([300, 6]);
    expect(
      flat(
        samplePrior(model, 300, key(3), { domains: Array.from({ length: 300 }, (_, i) => i % 3) })
          .observed,
      ),
    ).toEqual(flat(drawn.observed));
    expectNear(decodeLatents(model, drawn), drawn.observed, 1e-12);
  });

  it("does not depend on how many rows are encoded at a time", () => {
    const many = concat(Array.from({ length: 60 }, () => observed));
    expectNear(
      slice(encodeLatents(model, many).style, [590]),
      encodeLatents(model, observed).style,
      1e-12,
    );
  });

  it("ends sentences at the greatest length", () => {
    const text = initMatte(
      matteConfig(
        { kind: "text", vocabularySize: 9, embedding: 4, hidden: 5 },
        { contentSize: 2, styleSize: 1 },
      ),
      key(4),
    );
    const tokens = decodeLatents(
      text,
      { content: normal(key(5), [7, 2]), style: normal(key(6), [7, 1]) },
      { maxLength: 3 },
    );
    expect(tokens.shape).toEqual([7, 4]);
    for (let b = 0; b < 7; b++) expect(flat(tokens).slice(4 * b, 4 * b + 4)).toContain(2);
  });

  it.each([
    ["content", () => decodeLatents(model, { content: [[1, 2]], style: [[1, 2]] })],
    ["style", () => decodeLatents(model, { content: [[1, 2, 3]], style: [[NaN, 2]] })],
    ["domains", () => inferNoise(model, encodeLatents(model, observed), [0, 1])],
    [
      String.raw`domains\[2\]`,
      () =>
        counterfactual(
          model,
          observed,
          { kind: "noise" },
          { domains: domains.map((u, i) => (i === 2 ? 3 : u)) },
        ),
    ],
    ["observed", () => encodeLatents(model, normal(key(0), [3, 5], { dtype: "float64" }))],
    ["observed", () => encodeLatents(model, normal(key(0), [3, 6]))],
    ["count", () => samplePrior(model, 0, key(0))],
    ["kind", () => jacobianSparsity([[[1]]], "l0" as never)],
    ["numTrials", () => identifiabilityExperiment([], key(0), { numTrials: 0 })],
  ])("names a bad %s", (name, attempt) => {
    expect(attempt).toThrow(new RegExp(`: .*${name}`));
  });
});

describe("sparsity without scale", () => {
  it("is 1 for one coordinate, √p for all alike, and unmoved by rescaling", () => {
    const of = (column: number[], scale = 1): number =>
      flat(jacobianSparsity([[column.map((x) => x * scale)]], "l1l2"))[0]!;
    expect(of([0, 3, 0, 0])).toBeCloseTo(1, 5);
    expect(of([2, -2, 2, 2])).toBeCloseTo(2, 5);
    expect(of([1, 2, 0, 5], 1000)).toBeCloseTo(of([1, 2, 0, 5]), 4);
  });
});
