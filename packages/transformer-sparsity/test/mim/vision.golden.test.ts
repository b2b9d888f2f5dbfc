/** Published vision transformers, with random weights, against transformers: see fixtures/mim/README.md and make-vision.py. */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import { neuronScores, selectExperts } from "../../src/griffin/index.js";
import {
  type EncodedImages,
  encodeImages,
  loadVisionModel,
  maskingFromOrder,
  reconstructPixels,
} from "../../src/mim/index.js";
import { type Stored, array32, expectNear, folder, load } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly grid: [number, number];
  readonly pixel_values: Stored | string;
  readonly attentions: Stored[];
  readonly hidden_states: (Stored | null)[] | null;
  readonly last_hidden_state?: Stored;
  readonly pooler_output?: Stored;
  readonly image_embeds?: Stored;
  readonly logits?: Stored;
  readonly cls_logits?: Stored;
  readonly distillation_logits?: Stored;
  readonly loss?: Stored;
  readonly noise?: Stored;
  readonly mask?: Stored;
  readonly decoder_attentions?: Stored[];
  readonly reconstruction?: Stored;
  readonly encoder_last_hidden_state?: Stored;
}
interface Golden {
  readonly specialTokens: number[];
  readonly cases: Case[];
}

/** Folders of models: those that PROVABLY_FIXTURES may bring, and more kinds of our own. */
const more = fileURLToPath(new URL("../fixtures/mim/vision-more", import.meta.url));
const places = [`${folder}/vision`, more].flatMap((kind) =>
  readdirSync(kind).map((name) => ({ name, place: `${kind}/${name}` })),
);
const expectedOf = (place: string): Golden =>
  JSON.parse(readFileSync(`${place}/expected.json`, "utf8")) as Golden;
const ATTENTION = 2e-5;
const OTHERS = 1e-4;

const pixelsOf = ({ cases }: Golden, { pixel_values: own }: Case): NdArray =>
  array32(typeof own === "string" ? (cases[0]!.pixel_values as Stored) : own);

function near(actual: NdArray | null, golden: Stored | undefined, tolerance = OTHERS): void {
  if (!golden) return;
  expect(actual?.shape).toEqual(golden.shape);
  expectNear(actual!, array(golden.data as number[], { shape: golden.shape }), 0, tolerance);
}

/** What an image becomes, against every field of the golden case. */
function compare(own: EncodedImages, golden: Golden, expected: Case): void {
  expect(own.grid).toEqual(expected.grid);
  expect(own.specialTokens).toEqual(golden.specialTokens);
  const { attentions, hidden_states: states } = expected;
  own.attention.slice(-attentions.length).forEach((map, i) => {
    near(map, attentions[i], ATTENTION);
  });
  states?.forEach((state, i) => {
    near(own.hidden[i]!, state ?? undefined);
  });
  near(own.tokens, expected.last_hidden_state);
  near(own.pooled, expected.pooler_output);
  near(own.embedding, expected.image_embeds);
  near(own.logits, expected.logits);
  if (expected.cls_logits) near(own.heads!.classToken, expected.cls_logits);
  if (expected.distillation_logits) near(own.heads!.distillation, expected.distillation_logits);
}

describe.each(places)("golden vision transformer $name", ({ place }) => {
  const golden = expectedOf(place);
  const cases = golden.cases.filter(({ name }) => name !== "masked");

  it("gives attention, tokens and heads of the library, loaded from its folder", async () => {
    const model = await loadVisionModel(place);
    for (const expected of cases) {
      const own = encodeImages(model, pixelsOf(golden, expected), {
        hidden: true,
        interpolatePositions: expected.name === "other-size",
      });
      compare(own, golden, expected);
    }
  });

  const masked = golden.cases.find(({ name }) => name === "masked");
  it.runIf(masked)("fills in the patches that the library fills in", async () => {
    const model = await loadVisionModel(place);
    const expected = masked!;
    const noise = expected.noise!.data as number[];
    const order = noise.map((_, i) => i).sort((a, b) => noise[a]! - noise[b]!);
    const { maskRatio } = model.config.decoder!;
    const own = reconstructPixels(model, pixelsOf(golden, expected), maskingFromOrder([order], { maskRatio })); // prettier-ignore
    near(own.predictions, expected.logits);
    near(own.reconstruction, expected.reconstruction);
    near(own.tokens, expected.encoder_last_hidden_state);
    near(own.mask, expected.mask, 0);
    own.attention.forEach((map, i) => {
      near(map, expected.attentions[i], ATTENTION);
    });
    own.decoderAttention.forEach((map, i) => {
      near(map, expected.decoder_attentions![i], ATTENTION);
    });
    expectNear(own.loss, expected.loss!.data, 0, OTHERS);
  });
});

interface Pruned {
  readonly model: string;
  readonly k: number;
  readonly statistic: number[][];
  readonly experts: number[][];
  readonly retainedEnergy: number[];
  readonly fullHidden: Stored;
  readonly prunedHidden: Stored;
  readonly relativeChange: number;
  readonly relativeChangeByLayer: number[];
  readonly relativeChangeComplement: number;
  readonly hidden: string;
  readonly fullLogits?: number[];
  readonly prunedLogits?: number[];
}

function relativeChange(changed: NdArray, full: NdArray): number {
  const [a, b] = [toTypedArray(changed), toTypedArray(full)];
  let [top, bottom] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    top += (a[i]! - b[i]!) ** 2;
    bottom += b[i]! ** 2;
  }
  return Math.sqrt(top / bottom);
}

describe.each(load<{ cases: Pruned[] }>("griffin-vit").cases)(
  "golden GRIFFIN on $model",
  (expected) => {
    it("chooses the same neurons, and changes the tokens as much", async () => {
      const golden = load<Golden>(`${expected.model}/expected`);
      const model = await loadVisionModel(`${folder}/${expected.model}`);
      const pixels = pixelsOf(golden, golden.cases[0]!);
      const all = { hidden: true, statistics: true, attention: false };
      const full = encodeImages(model, pixels, all);
      const before = expected.hidden.includes("before the final norm");
      const hiddenOf = (run: EncodedImages): NdArray => (before ? run.hidden.at(-1)! : run.tokens);
      const [statistics] = full.statistics;
      expect(statistics!.layers.map(({ tokens }) => tokens)).toEqual(expected.experts.map(() => full.tokens.shape[1])); // prettier-ignore
      statistics!.layers.forEach((layer, i) => {
        expectNear(neuronScores(layer) as never, expected.statistic[i]!, 0, 1e-4);
      });
      const experts = selectExperts(statistics!, { numNeurons: expected.k });
      expect(experts.layers.map((own) => [...own])).toEqual(expected.experts);
      expectNear([...experts.retainedEnergy], expected.retainedEnergy, 0, 1e-4);
      near(hiddenOf(full), expected.fullHidden);
      const pruned = encodeImages(model, pixels, { ...all, experts });
      near(hiddenOf(pruned), expected.prunedHidden);
      const changeOf = (layers: Int32Array[]): number =>
        relativeChange(hiddenOf(encodeImages(model, pixels, { hidden: true, experts: { layers } })), hiddenOf(full)); // prettier-ignore
      expect(Math.abs(changeOf([...experts.layers]) - expected.relativeChange)).toBeLessThan(1e-3);
      const whole = Int32Array.from({ length: model.config.ffSize }, (_, j) => j);
      expected.relativeChangeByLayer.forEach((change, i) => {
        const own = changeOf(experts.layers.map((chosen, l) => (l === i ? chosen : whole)));
        expect(Math.abs(own - change)).toBeLessThan(1e-3);
      });
      const rest = experts.layers.map((chosen) => whole.filter((j) => !chosen.includes(j)));
      expect(Math.abs(changeOf(rest) - expected.relativeChangeComplement)).toBeLessThan(1e-3);
      if (expected.fullLogits) expectNear(full.logits!, [expected.fullLogits], 0, OTHERS);
      if (expected.prunedLogits) expectNear(pruned.logits!, [expected.prunedLogits], 0, OTHERS);
    });
  },
);

it("accepts a batch of images, each as if alone", async () => {
  const model = await loadVisionModel(`${folder}/vision/vit`);
  const golden = load<Golden>("vision/vit/expected");
  const one = toTypedArray(pixelsOf(golden, golden.cases[0]!));
  const both = Float32Array.from([...one, ...one.map((x) => -x)]);
  const batch = encodeImages(model, array(both, { shape: [2, 3, 32, 32] }), { statistics: true });
  const alone = encodeImages(model, array(one, { shape: [1, 3, 32, 32] }), { statistics: true });
  expectNear(batch.logits!.pick(0), alone.logits!.pick(0), 1e-5);
  expectNear(batch.attention[1]!.pick(0), alone.attention[1]!.pick(0), 1e-5);
  expectNear([...batch.statistics[0]!.layers[1]!.sumSquares], [...alone.statistics[0]!.layers[1]!.sumSquares], 1e-5); // prettier-ignore
});
