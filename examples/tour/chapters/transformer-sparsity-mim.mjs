// transformer-sparsity/mim: why masked pretraining makes attention diverse, in the theory's model and on handwritten digits.
import { readFileSync } from "node:fs";
import { array } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  certifyAreaAttention,
  certifyPhases,
  certifyPretraining,
  certifyReconstruction,
  createAreaPartition,
  createMaskedAutoencoder,
  createSpatialDistribution,
  detectPhases,
  digitRecipes,
  encode,
  informationGap,
  maskedAttention,
  plotAttentionMap,
  plotCorrelations,
  plotLayerMetric,
  plotReconstruction,
  pretrain,
  reconstructImages,
  sampleMaskedImages,
  simulateMeanField,
  summarizeAttention,
  trainContrastive,
  trainMaskedReconstruction,
} from "@provably/transformer-sparsity/mim";
import { digits } from "../lib/digits.mjs";
import { certificate, figure, heading, paragraph, table } from "../lib/report.mjs";

const SEED = key("tour of mim");

/** One query among areas, without sampling: a world with a positive information gap and one with a negative gap. */
function phases() {
  return [
    { name: "positive gap", setting: { sizes: [76, ...new Array(6).fill(4)], queryArea: 1 } },
    { name: "negative gap", setting: { sizes: [16, ...new Array(12).fill(7)], queryArea: 1 } },
  ].map(({ name, setting }) => {
    const history = simulateMeanField(setting);
    return {
      name,
      gap: informationGap(100, setting.sizes[0], setting.sizes[1]),
      ...detectPhases(history),
      picture: plotCorrelations(history),
      certificate: certifyPhases(history, setting),
    };
  });
}

/** Both objectives on the same world of four clusters, and where one masked patch looks after each. */
function contrast() {
  const clusters = [0, 1, 2, 3].map((k) =>
    createAreaPartition(foldIn(SEED, k), { numPatches: 64, globalSize: 16, localSize: 8 }),
  );
  const world = createSpatialDistribution(clusters);
  const [image] = sampleMaskedImages(world, foldIn(SEED, "image"), 1);
  const query = clusters[image.cluster]
    .slice(1)
    .flat()
    .find((p) => image.mask[p]);
  const runs = {
    "masked reconstruction": trainMaskedReconstruction(world, SEED, {
      learningRate: 4,
      numSteps: 300,
      recordEvery: 300,
    }),
    contrastive: trainContrastive(world, SEED, { numSteps: 200, recordEvery: 200 }),
  };
  const rows = Object.entries(runs).map(([objective, { correlations, history }]) => {
    const [start, end] = history.summary;
    const toward = objective === "contrastive" ? "global" : "own";
    return {
      objective,
      start,
      end,
      map: plotAttentionMap(maskedAttention(world, correlations, image), {
        query,
        title: objective,
      }),
      certificate: certifyAreaAttention(world, correlations, foldIn(SEED, "fresh"), { toward }),
    };
  });
  return {
    rows,
    optimum: certifyReconstruction(
      world,
      runs["masked reconstruction"].correlations,
      foldIn(SEED, "fresh"),
    ),
  };
}

/** The quick recipe live, and the standard one from its stored weights. */
function pretraining(progress) {
  const load = ({ images, count }) => array(Float32Array.from(images), { shape: [count, 28, 28] });
  const [train, test] = [load(digits(700)), load(digits(50, { skip: 700 }))];
  const { config, training } = digitRecipes.quick;
  const bar = progress("masked pretraining on 7000 digits", training.numEpochs * 54);
  const quick = pretrain(createMaskedAutoencoder(SEED, config), train, SEED, {
    ...training,
    onProgress: ({ iteration }) => bar.step(iteration),
  }).model;
  bar.finish();
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL("../../models/digits-vit/model.safetensors", import.meta.url)),
  );
  const standard = { config: JSON.parse(metadata.config), params: tensors };
  const maps = (model) =>
    summarizeAttention(encode(model, test.hi(100), { attention: true }).attention, {
      grid: [7, 7],
    });
  return {
    certificates: [quick, standard].map((model) =>
      certifyPretraining(model, train, test, foldIn(SEED, "masks")),
    ),
    picture: plotReconstruction(reconstructImages(standard, test.hi(12), foldIn(SEED, "picture"))),
    diversity: plotLayerMetric(
      { untrained: maps(createMaskedAutoencoder(SEED)), "masked autoencoder": maps(standard) },
      "diversity",
    ),
  };
}

/** Masked pretraining: phases of the theory, the contrast with contrastive learning, digits. */
export function mimSections({ progress }) {
  const simulated = phases();
  const { rows, optimum } = contrast();
  const learnt = pretraining(progress);
  return [
    heading("Where attention learns to look"),
    paragraph(
      "Images are made of areas: patches that share a feature. One global area covers much of the image, local ones are small. A one-layer softmax attention learns to fill in masked patches by gradient descent. The theorem says where each patch ends up looking, and in how many phases.",
    ),
    heading("Two phases, or one"),
    paragraph(
      "A patch of a small area would best look at the rest of it. When the global area is large (positive information gap), all attention goes there at first, and training must first unlearn it; else the patch finds its own area from the first step.",
    ),
    `<div class="pair">${simulated.map(({ name, gap, picture }) => figure(picture, `${name}, Δ = ${gap.toFixed(2)}`)).join("")}</div>`,
    ...simulated.map(({ certificate: c }) => certificate(c)),
    heading("Masked reconstruction against contrastive learning"),
    paragraph(
      "The same world of 64 patches, four kinds of images, both objectives. Below, where one masked patch (outlined) looks after training. Masked reconstruction looks at its own area. The contrastive objective looks at the global area, whichever patch asks: its diversity is 0, exactly.",
    ),
    `<div class="pair">${rows.map(({ map, objective }) => figure(map, objective)).join("")}</div>`,
    table(
      ["objective", "to the global area", "to the own area", "diversity", "mutual information"],
      rows.map(({ objective, start, end }) => [
        objective,
        `${start.localToGlobal.toFixed(2)} → ${end.localToGlobal.toFixed(3)}`,
        `${start.localToOwn.toFixed(3)} → ${end.localToOwn.toFixed(3)}`,
        end.diversity.toFixed(3),
        end.mutualInformation.toFixed(2),
      ]),
    ),
    ...rows.map(({ certificate: c }) => certificate(c)),
    certificate(optimum),
    heading("On handwritten digits"),
    paragraph(
      "A small vision transformer fills in three quarters of each digit. The quick recipe trained just now; the pictures are of the standard one (40 epochs, a few minutes), whose weights are stored. Certificates compare the error on masked patches of unseen digits with that of the mean patch.",
    ),
    figure(
      learnt.picture,
      "Digits that were not trained on: as they are, as the model saw them, and as it filled them in.",
    ),
    ...learnt.certificates.map((c, i) =>
      certificate({ ...c, claim: `${i === 0 ? "quick" : "standard"} recipe: ${c.claim}` }),
    ),
    figure(
      learnt.diversity,
      "Diversity of attention of each head: the mean cosine distance between where two patches look. Masked training raises it, as the theory says.",
    ),
  ];
}
