import {
  type NdArray,
  array,
  item,
  mul,
  reshape,
  sub,
  sum,
  square,
  toTypedArray,
} from "@provably/core-tensor";
import { foldIn, key, normal, randint, uniform } from "@provably/core-tensor/random";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import {
  type MaskedTransformerConfig,
  augmentImages,
  certifyPretraining,
  createContrastive,
  createMaskedAutoencoder,
  decodePretrainingState,
  encode,
  encodePretrainingState,
  heatmapPng,
  imageFeatures,
  imageGridPng,
  knnProbe,
  logisticProbe,
  maeForward,
  maskedError,
  maskingFromOrder,
  meanPatchError,
  patchify,
  plotLoss,
  pretrain,
  pretrainContrastive,
  randomMasking,
  reconstructImages,
  ridgeProbe,
  sinCosPositionEmbedding2d,
  unpatchify,
} from "../../src/mim/index.js";
import { expectNear, flat } from "./fixtures.js";

const small: MaskedTransformerConfig = {
  imageSize: 8,
  patchSize: 2,
  dim: 16,
  depth: 1,
  heads: 2,
  decoderDim: 16,
  decoderHeads: 2,
};

/** Images of one bright bar, upright or level, at a random place: what is seen tells what is hidden. */
function bars(seed: number, count: number): { images: NdArray; labels: number[] } {
  const places = toTypedArray(randint(key(seed), 0, 8, [count]));
  const labels = [...toTypedArray(randint(foldIn(key(seed), "label"), 0, 2, [count]))];
  const data = new Float32Array(count * 64);
  labels.forEach((label, i) => {
    for (let k = 0; k < 8; k++)
      data[i * 64 + (label === 0 ? k * 8 + places[i]! : places[i]! * 8 + k)] = 1;
  });
  return { images: array(data, { shape: [count, 8, 8] }), labels };
}
const train = bars(1, 256);
const test = bars(2, 128);

describe("patches", () => {
  it("go back to the images they came from, channels last inside a patch", () => {
    const images = uniform(key(0), [2, 3, 6, 4]);
    expectNear(unpatchify(patchify(images, 2), { channels: 3, grid: [3, 2] }), images, 0);
    expect(patchify(images, 2).get(1, 0, 4)).toBe(images.get(1, 1, 0, 1));
  });

  it("are placed by unit rotations: column first", () => {
    const e = sinCosPositionEmbedding2d(8, [3, 4]);
    expect(e.get(6, 0)).toBeCloseTo(Math.sin(2), 12);
    expect(e.get(6, 4)).toBeCloseTo(Math.sin(1), 12);
    for (const s of flat(sum(square(e), { axis: 1 }))) expect(s).toBeCloseTo(4, 12);
  });
});

describe("masking", () => {
  it("keeps the same number of every image's patches, each equally often", () => {
    const { numSeen, order, place } = randomMasking(key(0), { batch: 800, numPatches: 16 });
    expect(numSeen).toBe(4);
    const seen = new Array<number>(16).fill(0);
    order.forEach((p, i) => (i % 16 < 4 ? seen[p]!++ : 0));
    // binomial, p = ¼: sd is 12.2; 5 sd
    for (const count of seen) expect(Math.abs(count - 200)).toBeLessThan(62);
    order.forEach((p, i) => expect(place[i - (i % 16) + p]).toBe(i % 16));
  });

  it("does not depend on the size of the batch", () => {
    const [one, many] = [1, 5].map(
      (batch) => randomMasking(key(3), { batch, numPatches: 9, maskRatio: 0.5 }).order,
    );
    expect([...many!.slice(0, 9)]).toEqual([...one!]);
  });
});

describe("the loss", () => {
  it("looks at masked patches only, and at nothing of their pixels", () => {
    const model = createMaskedAutoencoder(key(0), small);
    const masking = randomMasking(key(1), { batch: 2, numPatches: 16 });
    const images = uniform(key(2), [2, 8, 8]);
    const { loss, predictions, mask } = maeForward(model, images, masking);
    const hidden = reshape(mask, [2, 16, 1]);
    const changed = unpatchify(mul(patchify(images, 2), sub(1, hidden)));
    expectNear(maeForward(model, changed, masking).predictions, predictions, 1e-6);
    const errors = square(sub(predictions, patchify(images, 2)));
    expect(loss).toBeCloseTo(item(sum(mul(errors, hidden))) / (24 * 4), 6);
  });

  it.each(["mae", "simmim"] as const)(
    "works with a class token and normalised targets, %s",
    (kind) => {
      const model = createMaskedAutoencoder(key(0), {
        ...small,
        kind,
        classToken: true,
        normalizeTargets: true,
      });
      const { loss, attention } = maeForward(
        model,
        uniform(key(2), [3, 8, 8]),
        randomMasking(key(1), { batch: 3, numPatches: 16 }),
      );
      expect(Number.isFinite(loss)).toBe(true);
      expect(attention[0]!.shape).toEqual(kind === "mae" ? [3, 2, 5, 5] : [3, 2, 17, 17]);
      expect(imageFeatures(model, uniform(key(2), [3, 8, 8]), { pool: "class" }).shape).toEqual([
        3, 16,
      ]);
    },
  );
});

describe("pretraining", () => {
  const fresh = createMaskedAutoencoder(key(0), { ...small, maskRatio: 0.5 });
  const training = { numEpochs: 200, batchSize: 64, learningRate: 5e-3 };
  const { model, losses } = pretrain(fresh, train.images, key(1), training);

  it("learns to fill in bars, certified on new ones, and not by a damaged model", () => {
    expect(losses.length).toBe(800);
    const certificate = certifyPretraining(model, train.images, test.images, key(2));
    expect(certificate.holds).toBe(true);
    expect(certificate.value).toBeLessThan(0.2);
    expect(certifyPretraining(fresh, train.images, test.images, key(2)).holds).toBe(false);
    const head = model.params["head.weight"]!;
    const damaged = { ...model, params: { ...model.params, "head.weight": mul(-1, head) } };
    expect(certifyPretraining(damaged, train.images, test.images, key(2)).holds).toBe(false);
  });

  it("compares with the mean patch, whose error is the variance of the images", () => {
    const images = normal(key(3), [400, 8, 8]);
    // 400 · 8 patches of 4 numbers: sd of the mean square is √(2 / 12800) = 0.0125; 5 sd
    expect(Math.abs(meanPatchError(fresh, images, images, key(4)).error - 1)).toBeLessThan(0.065);
    expect(maskedError(model, test.images, key(4)).perImage.length).toBe(128);
  });

  it("gives the same bits from the same key, other bits from another, and goes on from a stored state", () => {
    const short = { ...training, numEpochs: 3 };
    const whole = pretrain(fresh, train.images, key(5), short);
    expect(pretrain(fresh, train.images, key(5), short).losses).toEqual(whole.losses);
    expect(pretrain(fresh, train.images, key(6), short).losses).not.toEqual(whole.losses);
    let stored = new Uint8Array(0);
    const controller = new AbortController();
    const interrupted = (): unknown =>
      pretrain(fresh, train.images, key(5), {
        ...short,
        signal: controller.signal,
        onProgress({ iteration, state }) {
          if (iteration !== 5) return;
          stored = Uint8Array.from(encodePretrainingState(state));
          controller.abort();
        },
      });
    expect(interrupted).toThrow(/abort/i);
    const rest = pretrain(fresh, train.images, key(5), {
      ...short,
      state: decodePretrainingState(stored),
    });
    expect([...rest.losses]).toEqual(whole.losses.slice(5));
    for (const [name, x] of Object.entries(whole.model.params))
      expect(flat(rest.model.params[name]!)).toEqual(flat(x));
  });

  it("reports divergence with the step", () => {
    const params = { ...fresh.params, "head.weight": mul(1e25, fresh.params["head.weight"]!) };
    expect(() => pretrain({ ...fresh, params }, train.images, key(0), training)).toThrow(
      /loss is .* at step 0/,
    );
  });

  it("refuses images in bytes", () => {
    expect(() => pretrain(fresh, mul(255, train.images), key(0), training)).toThrow(
      /^pretrain: images must be finite and within ±16, .*divide bytes by 255/,
    );
  });

  it("encodes alike in any batch size", () => {
    const [one, many] = [7, 128].map((batchSize) =>
      encode(model, test.images, { batchSize, attention: true }),
    );
    expectNear(one!.tokens, many!.tokens, 1e-5);
    expectNear(one!.attention[0]!, many!.attention[0]!, 1e-5);
  });

  it("shows what was seen as it was", () => {
    const { original, masked, reconstructed } = reconstructImages(model, test.images.hi(4), key(7));
    const [a, b, c] = [flat(original), flat(masked), flat(reconstructed)];
    a.forEach((x, i) => expect(b[i] === 0.5 || (b[i] === x && c[i] === x)).toBe(true));
  });
});

describe("the contrastive twin", () => {
  it("lowers its loss and keeps its state to the same bits", () => {
    const fresh = createContrastive(key(0), small);
    const options = {
      numEpochs: 12,
      batchSize: 64,
      learningRate: 3e-3,
      augment: { rotation: 0, shift: 0.1 },
    };
    const { losses } = pretrainContrastive(fresh, train.images, key(1), options);
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!);
    expect(
      pretrainContrastive(fresh, train.images, key(1), { ...options, numEpochs: 1 }).losses[0],
    ).toBe(losses[0]);
    expect(() =>
      pretrainContrastive(createMaskedAutoencoder(key(0), small), train.images, key(1)),
    ).toThrow(/createContrastive/);
  });

  it("distorts nothing when told to, and moves by pixels when shifted", () => {
    const still = { rotation: 0, scale: [1, 1], shift: 0, noise: 0 } as const;
    expectNear(augmentImages(train.images, key(0), still), train.images, 1e-6);
    const moved = augmentImages(train.images, key(0), { ...still, shift: 0.25 });
    expect(flat(sum(moved)).every((s) => s > 0)).toBe(true);
    expect(() => augmentImages(train.images, key(0), { scale: [0, 1] })).toThrow(/scale/);
  });
});

describe("probes", () => {
  // two clouds, 2 sd apart on each of 8 axes: a linear rule errs on 0.2 %
  const clouds = (seed: number, count: number): { features: NdArray; labels: number[] } => {
    const labels = Array.from({ length: count }, (_, i) => i % 2);
    const shift = array(
      Float32Array.from({ length: count * 8 }, (_, i) => 2 * labels[Math.floor(i / 8)]! - 1),
      { shape: [count, 8] },
    );
    return { features: sub(normal(key(seed), [count, 8]), shift), labels };
  };

  it("separate clouds", () => {
    const [a, b] = [clouds(1, 400), clouds(2, 400)];
    expect(ridgeProbe(a, b).accuracy).toBeGreaterThan(0.98);
    const logistic = logisticProbe(a, b, { penalty: 1e-2 });
    expect(logistic.converged && logistic.accuracy > 0.98).toBe(true);
    expect(knnProbe(a, b).accuracy).toBeGreaterThan(0.95);
  });

  it("find nothing in shuffled labels", () => {
    const a = clouds(1, 400);
    const coins = [...toTypedArray(randint(key(9), 0, 2, [400]))];
    // sd of the accuracy is 0.025; 5 sd
    expect(Math.abs(ridgeProbe({ ...a, labels: coins }, { ...clouds(2, 400), labels: [...toTypedArray(randint(key(8), 0, 2, [400]))] }).accuracy - 0.5)).toBeLessThan(0.125); // prettier-ignore
  });

  it("solve the ridge equations", () => {
    const features = array([[-1], [1]], { dtype: "float64" });
    // standardised to ±1: W = 2 / (2 + λ) · ½ of the difference; scores keep their order
    expect([
      ...ridgeProbe(
        { features, labels: [0, 1] },
        { features: array([[-0.1], [0.1]]), labels: [0, 1] },
      ).predictions,
    ]).toEqual([0, 1]);
  });

  it("refuse what does not fit", () => {
    const a = clouds(1, 10);
    expect(() => ridgeProbe(a, { ...a, labels: [1] })).toThrow(/test\.features/);
    expect(() => ridgeProbe({ ...a, labels: a.labels.map((l) => l - 1) }, a)).toThrow(
      /train\.labels/,
    );
    expect(() => ridgeProbe(a, a, { penalty: 0 })).toThrow(/penalty/);
    expect(() => knnProbe(a, a, { neighbours: 0 })).toThrow(/neighbours/);
    expect(() => ridgeProbe(a, { features: a.features.hi(10, 4), labels: a.labels })).toThrow(
      /equally many/,
    );
  });
});

describe("bad sizes", () => {
  it.each([
    [{ patchSize: 3 }, /patchSize/],
    [{ dim: 18, heads: 2 }, /multiple of 4/],
    [{ heads: 3 }, /heads/],
    [{ maskRatio: 0.99 }, /maskRatio/],
    [{ kind: "beit" as "mae" }, /kind/],
    [{ depth: 0 }, /depth/],
    [{ mlpRatio: 0.3 }, /mlpRatio/],
  ])("%o", (config, message) => {
    expect(() => createMaskedAutoencoder(key(0), { ...small, ...config })).toThrow(message);
  });

  it("of images, masks and batches are refused", () => {
    const model = createMaskedAutoencoder(key(0), small);
    const masking = randomMasking(key(0), { batch: 1, numPatches: 16 });
    expect(() => maeForward(model, uniform(key(0), [1, 9, 9]), masking)).toThrow(/images must be/);
    expect(() => maeForward(model, uniform(key(0), [2, 8, 8]), masking)).toThrow(/masking/);
    expect(() => maskingFromOrder([[0, 0, 1, 2]])).toThrow(/permutation/);
    expect(() => pretrain(model, uniform(key(0), [4, 8, 8]), key(1))).toThrow(/batchSize/);
    expect(() => sinCosPositionEmbedding2d(6, [2, 2])).toThrow(/multiple of 4/);
    expect(() => unpatchify(uniform(key(0), [1, 5, 4]))).toThrow(/unpatchify/);
  });
});

describe("pictures", () => {
  it("are PNG files that hold the pixels", () => {
    const grid = decode(imageGridPng([array([[[0, 1], [0.5, 0]]])], { scale: 1, gap: 1 })); // prettier-ignore
    expect([grid.width, grid.height]).toEqual([4, 4]);
    expect([...grid.data]).toEqual([
      255, 255, 255, 255, 255, 0, 255, 255, 255, 128, 0, 255, 255, 255, 255, 255,
    ]);
    const heat = decode(heatmapPng(array([[0, 1]]), { scale: 2 })); // prettier-ignore
    expect([heat.width, heat.height, heat.channels]).toEqual([4, 2, 3]);
    expect([...heat.data.slice(0, 3)]).toEqual([68, 1, 84]);
    expect([...heat.data.slice(9, 12)]).toEqual([253, 231, 37]);
  });

  it("are SVG text with every point in the frame", () => {
    const svg = plotLoss({ steps: [0, 10, 20], loss: [3, 2, 1.5] }, { optimal: 1 });
    const path = /<path d="M([^"]+)"/.exec(svg)![1]!;
    const numbers = path.split(/[ L]/).map(Number);
    expect(numbers.length).toBe(6);
    expect(numbers.every((x) => x >= 0 && x <= 680)).toBe(true);
    expect(svg.includes("NaN")).toBe(false);
  });
});
