import { type NdArray, toNested, transpose, valueAndGrad, item } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, it } from "vitest";
import {
  type MaskedTransformer,
  type TransformerParams,
  createMaskedAutoencoder,
  maeForward,
  maskingFromOrder,
  patchify,
  sinCosPositionEmbedding2d,
} from "../../src/mim/index.js";
import { maskedBatch, maskedLoss } from "../../src/mim/vit/forward.js";
import { type Nested, expectNear, f64, load } from "./fixtures.js";

interface Golden {
  readonly config: {
    img: number;
    patch: number;
    dim: number;
    depth: number;
    heads: number;
    mlpRatio: number;
    decDim: number | null;
    decDepth: number;
    decHeads: number;
    kind: "mae" | "simmim";
    normPix: boolean;
    maskRatio: number;
  };
  readonly images: Nested;
  readonly idsShuffle: number[][];
  readonly params: Record<string, Nested>;
  readonly pos: Nested;
  readonly decPos: Nested | null;
  readonly mask: Nested;
  readonly patches: Nested;
  readonly encoderAttn0: Nested;
  readonly pred: Nested;
  readonly loss: number;
  readonly grads: Record<string, Nested>;
}

const PARTS = { n1: "norm1", n2: "norm2", proj: "project", f1: "expand", f2: "contract" };

/** Our names and layout for the file's tensors: weights [in, out], and queries, keys and values apart. */
function ours(tensors: Record<string, Nested>): Record<string, NdArray> {
  const out: Record<string, NdArray> = {};
  const put = (name: string, x: NdArray): void => {
    const isNorm = /norm\d?\./.test(name);
    if (isNorm) out[name.replace(".weight", ".scale").replace(".bias", ".shift")] = x;
    else out[name] = name.endsWith(".weight") ? transpose(x) : x;
  };
  for (const [name, values] of Object.entries(tensors)) {
    const x = f64(values);
    let renamed = name
      .replace(/^blocks\./, "encoder.")
      .replace(/^dblocks\./, "decoder.")
      .replace(/^norm\./, "encoder.norm.")
      .replace(/^dnorm\./, "decoder.norm.")
      .replace(/^dembed\./, "decoder.embed.")
      .replace(/^pred\./, "head.")
      .replace(/^mtok$/, "maskToken");
    for (const [theirs, mine] of Object.entries(PARTS))
      renamed = renamed.replace(`.${theirs}.`, `.${mine}.`);
    if (!renamed.includes(".qkv.")) {
      put(renamed, x);
      continue;
    }
    const size = x.shape[0]! / 3;
    ["query", "key", "value"].forEach((part, i) =>
      put(renamed.replace(".qkv.", `.${part}.`), x.lo(i * size).hi(size)),
    );
  }
  return out;
}

describe.each(["vit_mae_tiny", "vit_simmim_tiny"])("golden %s", (name) => {
  const g = load<Golden>(name);
  const setup = (): {
    model: MaskedTransformer;
    images: NdArray;
    masking: ReturnType<typeof maskingFromOrder>;
  } => {
    const {
      img,
      patch,
      dim,
      depth,
      heads,
      mlpRatio,
      decDim,
      decDepth,
      decHeads,
      kind,
      normPix,
      maskRatio,
    } = g.config;
    const { config } = createMaskedAutoencoder(key(0), {
      kind, imageSize: img, patchSize: patch, dim, depth, heads, mlpRatio, maskRatio, normalizeTargets: normPix,
      decoderDim: decDim ?? 4, decoderDepth: decDepth, decoderHeads: decDim === null ? 1 : decHeads,
    }); // prettier-ignore
    return {
      model: { config, params: ours(g.params) },
      images: f64(g.images),
      masking: maskingFromOrder(g.idsShuffle, { maskRatio }),
    };
  };

  it("cuts patches and places them", () => {
    const { model, images } = setup();
    expectNear(patchify(images, model.config.patchSize), g.patches, 1e-12);
    const side = model.config.imageSize / model.config.patchSize;
    expectNear(sinCosPositionEmbedding2d(model.config.dim, [side, side]), g.pos, 1e-12);
    if (g.decPos !== null)
      expectNear(sinCosPositionEmbedding2d(model.config.decoderDim, [side, side]), g.decPos, 1e-12);
  });

  it("predicts, attends and measures as PyTorch does", () => {
    const { model, images, masking } = setup();
    const { loss, predictions, mask, attention } = maeForward(model, images, masking);
    expectNear(mask, g.mask, 0);
    expectNear(attention[0]!, g.encoderAttn0, 1e-9);
    expectNear(predictions, g.pred, 1e-9);
    expectNear(loss, g.loss, 1e-9);
  });

  it("has the gradient of every weight", () => {
    const { model, images, masking } = setup();
    const patches = patchify(images, model.config.patchSize);
    const [loss, gradient] = valueAndGrad((p: TransformerParams) =>
      maskedLoss(model.config, p, maskedBatch(model.config, patches, masking)),
    )(model.params);
    expectNear(item(loss), g.loss, 1e-9);
    const golden = ours(g.grads);
    for (const [weight, expected] of Object.entries(golden))
      expectNear((gradient as TransformerParams)[weight]!, toNested(expected), 1e-9);
  });
});
