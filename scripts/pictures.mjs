// node scripts/pictures.mjs: the pictures of the README, by the packages' own functions and as the tour shows them, into docs/images.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { key } from "@provably/core-tensor/random";
import {
  discoverHierarchy,
  hierarchyPicture,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "@provably/causal-latent/hierarchy";
import {
  gridPicture,
  gridWorld,
  robustValueIteration,
  totalVariation,
  valueIteration,
} from "@provably/robust-rl";
import { plotAreaAttention, simulateMeanField } from "@provably/transformer-sparsity/mim";

const folder = fileURLToPath(new URL("../docs/images/", import.meta.url));
const save = (name, svg) => writeFileSync(`${folder}${name}.svg`, `${svg}\n`);
const inner = (svg) =>
  svg.slice(svg.indexOf(">", svg.indexOf("</title>") - 1) + 1).replace(/<\/svg>\s*$/, "");
const size = (svg) =>
  [/ width="([\d.]+)"/, / height="([\d.]+)"/].map((pattern) => Number(pattern.exec(svg)[1]));

// the ordinary plan and the robust one, side by side
const grid = gridWorld();
const look = { columns: 5, labels: { 4: "goal", 8: "pit" } };
const plans = [
  valueIteration(grid, { discount: 0.95 }),
  robustValueIteration(grid, totalVariation(0.2, { support: "nominal" }), { discount: 0.95 }),
];
const [left, right] = plans.map(({ values, policy }) => gridPicture(values, policy, look));
const [width, height] = size(left);
const heading = (x, text) =>
  `<text x="${x}" y="20" font-size="16" fill="currentColor">${text}</text>`;
save(
  "grid-world",
  `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * width + 24}" height="${height + 32}" viewBox="0 0 ${2 * width + 24} ${height + 32}" role="img" font-family="system-ui, sans-serif"><title>A grid world planned with an exact model, and with one that may be wrong</title><rect width="100%" height="100%" fill="#fff"/><g color="#1b1f24">${heading(0, "the model is exact")}${heading(width + 24, "a fifth of each move may go elsewhere")}</g><g transform="translate(0 32)">${inner(left)}</g><g transform="translate(${width + 24} 32)">${inner(right)}</g></svg>`,
);

// where a query looks while masked pretraining goes on
const setting = { sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 };
save("attention", plotAreaAttention(simulateMeanField(setting)));

// a hierarchy of concepts found in 10 000 rows of ten binary variables
const truth = presetGraph("treeDeep");
const found = discoverHierarchy(sampleHierarchy(truth, randomCpts(truth, key(0)), 10_000, key(1)));
save("hierarchy", hierarchyPicture(found.graph));
