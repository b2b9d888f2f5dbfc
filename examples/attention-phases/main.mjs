// How does masked reconstruction teach a patch where to look, and why does contrastive learning not?
//   node examples/attention-phases/main.mjs
// Trains the one-layer model of the theory on two kinds of worlds with both objectives, certifies what the theorems say, and draws it into out/.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  certifyAreaAttention,
  certifyPhases,
  certifyReconstruction,
  createAreaPartition,
  createSpatialDistribution,
  detectPhases,
  informationGap,
  maskedAttention,
  optimalReconstructionLoss,
  plotAreaAttention,
  plotAttentionMap,
  plotCorrelations,
  plotLoss,
  plotPartition,
  sampleMaskedImages,
  simulateMeanField,
  trainContrastive,
  trainMaskedReconstruction,
} from "@provably/transformer-sparsity/mim";

const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });
const save = (name, svg) => writeFileSync(`${out}${name}.svg`, svg);
const show = ({ claim, value, holds }) =>
  console.log(`  ${holds ? "holds" : "DOES NOT HOLD"}: ${claim}: ${Number(value.toPrecision(3))}`);

console.log("One query in a large world, counts replaced by expectations");
const settings = [
  { name: "positive gap", sizes: [76, ...new Array(6).fill(4)] },
  { name: "negative gap", sizes: [16, ...new Array(12).fill(7)] },
];
console.table(
  settings.map(({ name, sizes }) => {
    const history = simulateMeanField({ sizes, queryArea: 1 });
    save(`mean-field, ${name}`, plotCorrelations(history));
    save(`mean-field attention, ${name}`, plotAreaAttention(history));
    const { decouplingEnd, halfStep, highStep } = detectPhases(history);
    const gap = informationGap(100, sizes[0], sizes[1]).toFixed(2);
    return { world: name, gap, "decoupled at": decouplingEnd, "attention 0.5 at": halfStep, "0.9 at": highStep, certified: certifyPhases(history, { sizes, queryArea: 1 }).holds }; // prettier-ignore
  }),
);

console.log("Four clusters of 64 patches, both objectives");
const rows = [];
for (const [name, globalSize, localSize] of [
  ["positive gap", 44, 5],
  ["negative gap", 16, 8],
]) {
  // prettier-ignore
  const clusters = [0, 1, 2, 3].map((k) => createAreaPartition(foldIn(key(name), k), { numPatches: 64, globalSize, localSize }));
  const world = createSpatialDistribution(clusters);
  const [image] = sampleMaskedImages(world, key("picture"), 1);
  const query = world.clusters[image.cluster]
    .flatMap((area, j) => (j > 0 ? area : []))
    .find((p) => image.mask[p]);
  const runs = {
    masked: trainMaskedReconstruction(world, key(0), { learningRate: 4, numSteps: 300 }),
    contrastive: trainContrastive(world, key(0), { numSteps: 200 }),
  };
  save(`partition, ${name}`, plotPartition(world));
  save(
    `loss, ${name}`,
    plotLoss(runs.masked.history, { optimal: optimalReconstructionLoss(world) }),
  );
  for (const [objective, { correlations, history }] of Object.entries(runs)) {
    save(
      `map, ${name}, ${objective}`,
      plotAttentionMap(maskedAttention(world, correlations, image), { query }),
    );
    save(`correlations, ${name}, ${objective}`, plotCorrelations(history.queries[1]));
    const [start, end] = [history.summary[0], history.summary.at(-1)];
    rows.push({ world: name, objective, "to global": `${start.localToGlobal.toFixed(2)} → ${end.localToGlobal.toFixed(3)}`, "to own area": `${start.localToOwn.toFixed(3)} → ${end.localToOwn.toFixed(3)}`, diversity: end.diversity.toFixed(3), "mutual information": end.mutualInformation.toFixed(2) }); // prettier-ignore
    show(
      certifyAreaAttention(world, correlations, key("certificate"), {
        toward: objective === "masked" ? "own" : "global",
      }),
    );
    if (objective === "masked") {
      const sizes = world.clusters[0].map((area) => area.length);
      show(certifyReconstruction(world, correlations, key("certificate")));
      show(certifyPhases(history.queries[1], { sizes, queryArea: 1 }, { high: 0.85 }));
    }
  }
}
console.table(rows);
console.log(
  `Masked patches look at their own area, contrastive ones all at the same. Pictures are in ${out}`,
);
