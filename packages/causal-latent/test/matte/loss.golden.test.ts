import { describe, expect, it } from "vitest";
import {
  type NdArray,
  array,
  grad,
  item,
  matrixTranspose,
  mul,
  norm,
  treeLeaves,
} from "@provably/core-tensor";
import {
  type LayerParams,
  type Matte,
  mixNoise,
  matteConfig,
  matteLoss,
  inferNoise,
} from "../../src/matte/index.js";
import { objective, prepareBatch } from "../../src/matte/model/loss.js";
import { prepareObserved, reconstruct } from "../../src/matte/model/observation.js";
import { mlp } from "../../src/matte/network/mlp.js";
import type { VectorNetworkParams } from "../../src/matte/network/vectors.js";
import { type Nested, expectNear, f64, load } from "./fixtures.js";

type Weights = Record<string, Nested>;
interface Golden {
  readonly weights: Weights;
  readonly x: number[][];
  readonly u: number[];
  readonly eps: number[][];
  readonly lambdaSparsity: number;
  readonly [name: string]: unknown;
  readonly loss: Record<string, number>;
  readonly gradNorms: Record<string, number>;
}
const golden = load<Golden>("matte_forward");

/** The file's weights, whose matrices are out × in, as our layers. */
const layers = (w: Weights, ...names: string[]): LayerParams[] =>
  names.map((name) => ({
    weights: matrixTranspose(f64(w[`${name}.weight`]!)),
    bias: f64(w[`${name}.bias`]!),
  }));

describe("golden forward pass", () => {
  const g = golden;
  const config = matteConfig(
    { kind: "vectors", size: 5, hidden: [6, 6], noise: 1 },
    {
      numDomains: 3,
      contentSize: 2,
      styleSize: 1,
      domainEmbedding: 2,
      dtype: "float64",
      overlapSize: 2,
      weights: { overlap: 0, sparsity: g?.lambdaSparsity ?? 0 },
    },
  );
  const model: Matte = {
    config,
    params: {
      network: {
        encoder: layers(g.weights, "enc.0", "enc.2", "enc.4"),
        decoder: layers(g.weights, "dec.0", "dec.2", "dec.4"),
      },
      domains: f64(g.weights["u.weight"]!),
      content: {
        affine: layers(g.weights, "ac"),
        shape: layers(g.weights, "fc.net.0", "fc.net.2"),
      },
      style: {
        affine: layers(g.weights, "as_.0", "as_.2"),
        shape: layers(g.weights, "fs.net.0", "fs.net.2"),
      },
      adversary: [],
    },
  };
  const batch = { observed: f64(g.x), domains: g.u };
  const z = g["z"] as number[][];
  const content = f64(z.map((row) => row.slice(0, 2)));
  const style = f64(z.map((row) => row.slice(2)));

  it("noise and log-determinants", () => {
    const noise = inferNoise(model, { content, style }, g.u);
    expectNear(noise.content, g["contentNoise"] as Nested, 1e-9);
    expectNear(noise.contentLogDet, g["contentLogDet"] as Nested, 1e-9);
    expectNear(noise.style, g["styleNoise"] as Nested, 1e-9);
    expectNear(noise.styleLogDet, g["styleLogDet"] as Nested, 1e-9);
    expectNear(mixNoise(model, noise, g.u).style, g["styleInverseRoundTrip"] as Nested, 1e-8); // an inverse
    const flipped = mixNoise(model, { content: noise.content, style: mul(-1, noise.style) }, g.u);
    expectNear(flipped.content, content, 1e-9);
    expectNear(flipped.style, g["styleNegatedNoise"] as Nested, 1e-8); // an inverse
  });

  it("loss and its terms", () => {
    const { loss, parts } = matteLoss(model, batch, f64(g.eps));
    expect(parts.reconstruction).toBeCloseTo(g.loss["reconstruction"]!, 9);
    expectNear(parts.klContent, g.loss["klContent"]!, 1e-9);
    expectNear(parts.klStyle, g.loss["klStyle"]!, 1e-9);
    expect(parts.sparsity).toBeCloseTo(g.loss["sparsityExact"]!, 12);
    expect(Math.abs(parts.sparsity - g.loss["sparsityFiniteDifference"]!)).toBeLessThan(1e-6);
    expectNear(loss, g.loss["total"]!, 1e-9);
    const withOverlap = {
      ...model,
      config: { ...config, weights: { ...config.weights, overlap: 1 } },
    };
    expectNear(matteLoss(withOverlap, batch, f64(g.eps)).parts.overlap, g.loss["overlapK2"]!, 1e-9);
  });

  it("Jacobian of the decoder", () => {
    const { influence } = reconstruct(
      config,
      model.params,
      prepareObserved(config, batch.observed),
      f64(z),
      [0, 1, 2],
    );
    const jacobian = g["jacobian"] as number[][][];
    influence.forEach((column, i) =>
      expectNear(
        column,
        jacobian.map((rows) => rows.map((row) => row[i]!)),
        1e-9,
      ),
    );
  });

  it("norms of the gradient", () => {
    const gradient = grad(
      (params: Matte["params"]) =>
        objective(config, params, prepareBatch(config, batch), f64(g.eps), {
          divergence: 1,
          sparsity: 1,
        })[0],
    )(model.params);
    const { encoder, decoder } = gradient.network as VectorNetworkParams;
    const named: [string, LayerParams][] = [
      ...[0, 2, 4].map((k, i) => [`enc.${k}`, encoder[i]!] as [string, LayerParams]),
      ...[0, 2, 4].map((k, i) => [`dec.${k}`, decoder[i]!] as [string, LayerParams]),
      ["ac", gradient.content.affine[0]!],
      ["fc.net.0", gradient.content.shape[0]!],
      ["fc.net.2", gradient.content.shape[1]!],
      ["as_.0", gradient.style.affine[0]!],
      ["as_.2", gradient.style.affine[1]!],
      ["fs.net.0", gradient.style.shape[0]!],
      ["fs.net.2", gradient.style.shape[1]!],
    ];
    const size = (x: NdArray): number => item(norm(x));
    for (const [name, layer] of named) {
      expectNear(size(layer.weights), g.gradNorms[`${name}.weight`]!, 1e-5);
      expectNear(size(layer.bias), g.gradNorms[`${name}.bias`]!, 1e-5);
    }
    expectNear(size(gradient.domains), g.gradNorms["u.weight"]!, 1e-5);
    expect(treeLeaves(gradient)).toHaveLength(Object.keys(g.gradNorms).length);
  });

  it("counterfactual of negated style noise", () => {
    const noise = inferNoise(model, { content, style }, g.u);
    const flipped = mixNoise(model, { content: noise.content, style: mul(-1, noise.style) }, g.u);
    const joined = array(
      z.map((row, i) => [row[0]!, row[1]!, flipped.style.get(i, 0)]),
      { dtype: "float64" },
    );
    expectNear(
      mlp((model.params.network as VectorNetworkParams).decoder, joined),
      g["xCounterfactual"] as Nested,
      1e-9,
    );
  });
});
