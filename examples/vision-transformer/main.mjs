// What does a vision transformer look at, and with which of its neurons?
//   node examples/vision-transformer/main.mjs                      the model of the examples, on digits
//   node examples/vision-transformer/main.mjs folder image.png …   any folder with config.json, preprocessor_config.json and safetensors, on your images
// Prints a table of every head and how much images share their neurons, and draws heat maps into out/; `docs` as the only argument puts the picture of the guide into docs/images.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toTypedArray } from "@provably/core-tensor";
import { decodePng } from "@provably/score-diffusion";
import { jaccardSimilarity, selectExperts } from "@provably/transformer-sparsity/griffin";
import {
  encodeImages,
  loadVisionModel,
  patchAttention,
  plotHeatOverImage,
  plotLayerMetric,
  processImage,
  seenImage,
  summarizeAttention,
} from "@provably/transformer-sparsity/mim";
import { digits } from "../tour/lib/digits.mjs";

const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });
const save = (name, svg) => writeFileSync(`${out}${name}.svg`, `${svg}\n`);
const forDocs = process.argv[2] === "docs";
const given = forDocs ? [] : process.argv.slice(2);
const [folder = fileURLToPath(new URL("../models/digits-mae", import.meta.url)), ...paths] = given;

/** The bytes of a PNG file, its channels together pixel by pixel. */
function fromPng(path) {
  const image = decodePng(readFileSync(path));
  const [channels, height, width] = image.shape;
  const values = toTypedArray(image);
  const data = Uint8Array.from(
    { length: values.length },
    (_, i) => 255 * values[(i % channels) * height * width + Math.floor(i / channels)] + 0.5,
  );
  return { height, width, data };
}

/** Two test digits of each kind. */
function testDigits() {
  const { images, count, labels } = digits(2, { skip: 700 });
  return Array.from({ length: count }, (_, i) => ({
    name: `digit ${labels[i]}`,
    image: {
      height: 28,
      width: 28,
      data: Uint8Array.from(images.subarray(784 * i, 784 * (i + 1)), (x) => 255 * x + 0.5),
    },
  }));
}

const model = await loadVisionModel(folder);
if (!model.processor) throw new Error(`there is no preprocessor_config.json in ${folder}`);
const pictures =
  paths.length > 0 ? paths.map((path) => ({ name: path, image: fromPng(path) })) : testDigits();
const runs = pictures.map(({ name, image }, i) => {
  const encoded = encodeImages(model, processImage(model.processor, image), { statistics: true });
  const seen = seenImage(model.processor, image);
  const middle =
    Math.floor(encoded.grid[0] / 2) * encoded.grid[1] + Math.floor(encoded.grid[1] / 2);
  save(`${i} last layer`, plotHeatOverImage(seen, patchAttention(encoded), { title: name }));
  save(
    `${i} rollout`,
    plotHeatOverImage(seen, patchAttention(encoded, { layer: "rollout" }), {
      title: `${name}, all layers`,
    }),
  );
  save(
    `${i} middle patch`,
    plotHeatOverImage(seen, patchAttention(encoded, { query: middle }), {
      query: middle,
      title: `${name}, the middle patch`,
    }),
  );
  return encoded;
});

const { grid, specialTokens } = runs[0];
const tables = runs.map(({ attention }) =>
  summarizeAttention(attention, { grid, dropTokens: specialTokens }),
);
const mean = (row, metric) =>
  (tables.reduce((sum, table) => sum + table[row][metric].mean, 0) / tables.length).toFixed(3);
console.table(
  tables[0].map(({ layer, head }, row) => ({
    layer,
    head,
    diversity: mean(row, "diversity"),
    distance: mean(row, "distance"),
    entropy: mean(row, "entropy"),
  })),
);
save("diversity by layer", plotLayerMetric({ [model.config.family]: tables[0] }, "diversity"));

if (runs.length > 1) {
  const chosen = runs.map(({ statistics }) => selectExperts(statistics[0], { density: 0.5 }));
  console.log(
    "Neurons that two images share, of those that each uses most (half of all; by chance 1/3):",
  );
  for (let layer = 0; layer < model.config.numLayers; layer++) {
    const shares = chosen.flatMap((a, i) =>
      chosen.slice(i + 1).map((b) => jaccardSimilarity(a.layers[layer], b.layers[layer])),
    );
    console.log(
      `  layer ${layer}: ${(shares.reduce((a, b) => a + b, 0) / shares.length).toFixed(2)}`,
    );
  }
}

/** Pictures in rows, each with its own titles. */
function sheet(rows, title) {
  const [side, gap] = [150, 14];
  const size = [rows[0].length * (side + gap), rows.length * (side + 24 + gap)];
  const cells = rows.flatMap((row, y) =>
    row.map((svg, x) => {
      const inner = svg.slice(svg.indexOf("</title>") + 8).replace(/<\/svg>\s*$/, "");
      return `<g transform="translate(${x * (side + gap)} ${y * (side + 24 + gap)})">${inner}</g>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(" ")}" width="${size[0]}" height="${size[1]}" role="img" font-family="system-ui, sans-serif" font-size="13"><title>${title}</title>${cells.join("")}</svg>`;
}

const shown = [0, 1, 2, 4, 7].filter((i) => i < runs.length);
const row = (title, options) =>
  shown.map((i) => {
    const seen = seenImage(model.processor, pictures[i].image);
    const heat = patchAttention(runs[i], options);
    return plotHeatOverImage(seen, heat, {
      width: 150,
      title,
      ...(typeof options.query === "number" && { query: options.query }),
    });
  });
const centre = Math.floor(grid[0] / 2) * grid[1] + Math.floor(grid[1] / 2);
const rows = [
  row("class token, last layer", { query: "class" }),
  row("class token, all layers", { layer: "rollout", query: "class" }),
  row("middle patch, first layer", { layer: 0, query: centre }),
];
save("looks", sheet(rows, "Where a masked autoencoder looks in five images"));
if (forDocs)
  writeFileSync(
    new URL("../../docs/images/vision-looks.svg", import.meta.url),
    `${sheet(rows, "Where a masked autoencoder looks in five digits: the strokes, and the places around them")}\n`,
  );
console.log(`pictures: ${out}`);
