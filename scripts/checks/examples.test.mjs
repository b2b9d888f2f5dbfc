// The parts of the examples that numbers from elsewhere can vouch for.
import { readFileSync } from "node:fs";
import { array, asType } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import { sequenceLogProbs } from "@provably/rlhf-vpo";
import { logits, modelConfig } from "@provably/transformer-sparsity/griffin";
import { describe, expect, it } from "vitest";
import { gin } from "../../examples/concept-hierarchy/gin.mjs";
import { meanWordLength, prefers } from "../../examples/preferences/judge.mjs";
import { groups, measure } from "../../examples/rates/table.mjs";

const folder = new URL("../../examples/models/tiny-llama-text/", import.meta.url);

describe("preferences example", () => {
  it("gives a passage of Genesis the log-likelihood that an independent implementation gives it", () => {
    const config = modelConfig(JSON.parse(readFileSync(new URL("config.json", folder), "utf8")));
    const { tensors } = decodeSafetensors(readFileSync(new URL("model.safetensors", folder)));
    const params = Object.fromEntries(
      Object.entries(tensors).map(([name, x]) => [name, asType(x, "float32")]),
    );
    const ids = [
      0, 39, 273, 281, 274, 1811, 25, 199, 314, 1285, 793, 341, 340, 713, 12, 270, 419, 12, 372,
      863, 1962, 1036, 12, 300, 308, 607, 1653, 380, 300, 394, 333, 298, 70, 302, 380, 289, 260,
      2006, 784, 14, 199, 39, 863, 1962, 1036, 12, 270, 1050, 12, 398, 713, 269, 1285, 27, 270,
      1858, 273, 341, 496, 531, 625, 14, 199, 50, 69, 722, 273, 12, 378, 956, 412, 836, 66, 725, 12,
      412, 771, 12, 270, 260, 1897, 1079, 269, 412, 1406, 12, 260, 1860, 282, 273, 1039, 269, 287,
      646, 474, 12,
    ];
    const tokens = array(Int32Array.from(ids), { dtype: "int32", shape: [1, ids.length] });
    const { logProbs } = sequenceLogProbs(
      logits(params, tokens, config),
      [ids],
      [ids.map(() => 1)],
    );
    expect(Math.abs(logProbs.get(0) + 240.071306)).toBeLessThan(0.01);
  });

  it("has a judge who is consistent", () => {
    expect(meanWordLength("a bad dog")).toBeCloseTo(7 / 3, 12);
    expect(prefers("a dog", "an elephant")).toBe(1);
    expect(prefers("an elephant", "a dog")).toBe(0);
    expect(prefers("...", "a dog")).toBe(0.5);
  });
});

describe("rates example", () => {
  it.each(groups(true).map((group) => [group.title, group]))(
    "%s: every order is as theory has it",
    (_, group) => {
      const { curves, better } = measure(group);
      expect([...curves, ...better].filter(({ holds }) => !holds)).toEqual([]);
    },
  );
});

describe("concept-hierarchy example", () => {
  it("lets its rival find the latents and their order where it should: a linear model with noise that is not Gaussian", () => {
    const rows = 200;
    const noise = (name, scale) =>
      uniform(foldIn(key("rival"), name), [rows], { low: -1, high: 1, dtype: "float64" }).data.map(
        (v) => scale * v ** 5,
      );
    const cause = noise("cause", 4);
    const effect = noise("effect", 4).map((v, i) => v + 1.2 * cause[i]);
    const children = [cause, cause, cause, effect, effect, effect].map((latent, j) =>
      noise(j, 1.5).map((v, i) => v + (0.8 + 0.1 * j) * latent[i]),
    );
    const data = array(Float64Array.from({ length: rows * 6 }, (_, k) => children[k % 6][Math.floor(k / 6)]), { shape: [rows, 6] }); // prettier-ignore
    const { clusters, edges } = gin({ data, names: ["A", "B", "C", "D", "E", "F"] });
    expect(clusters).toEqual([["A", "B", "C"], ["D", "E", "F"]]); // prettier-ignore
    expect(edges.filter(({ to }) => to.startsWith("L"))).toEqual([{ from: "L1", to: "L2" }]);
  });
});
