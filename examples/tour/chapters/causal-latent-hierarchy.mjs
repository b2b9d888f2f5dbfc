// causal-latent, first half: what hangs together in handwritten digits, found from the ranks of tables.
import { array } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  bootstrapHierarchy,
  certifyHierarchy,
  fitHierarchy,
  hierarchyPicture,
  inferConcepts,
  learnConcepts,
  normalizedMutualInformation,
} from "@provably/causal-latent/hierarchy";
import { digits } from "../lib/digits.mjs";
import { dataUri, imageGrid } from "../lib/image.mjs";
import { certificate, figure, heading, image, paragraph, table } from "../lib/report.mjs";

const SIDE = 28;
const PER_DIGIT = 60;
const REPLICATES = 10;
const ALPHA = 1e-4;

/** A region of the middle of the image, seen through the black or the white squares of a checkerboard. */
const ROWS = ["top", "middle", "bottom"];
const COLUMNS = ["left", "centre", "right"];
const bounds = (k) => [4 + Math.floor((k * 20) / 3), 4 + Math.floor(((k + 1) * 20) / 3)];
const PARTS = ROWS.flatMap((row, r) =>
  COLUMNS.flatMap((column, c) =>
    ["a", "b"].map((half, parity) => {
      const [[top, bottom], [left, right]] = [bounds(r), bounds(c)];
      const pixels = [];
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) if ((x + y) % 2 === parity) pixels.push(y * SIDE + x);
      return { name: `${row} ${column} ${half}`, pixels };
    }),
  ),
);

/** How much ink each part of each image holds, and the two states that a mixture finds in that. */
function partsOf({ images, count }) {
  const ink = new Float64Array(count * PARTS.length);
  for (let i = 0; i < count; i++)
    PARTS.forEach(({ pixels }, j) => (ink[i * PARTS.length + j] = pixels.reduce((sum, at) => sum + images[i * 784 + at], 0) / pixels.length));
  const x = array(ink, { shape: [count, PARTS.length] });
  const { data, states } = learnConcepts(x, key("ink"), { blocks: PARTS.map((_, j) => [j]), states: 2, merge: "none" });
  return { data, states, names: PARTS.map(({ name }) => name) };
}

/** The mean image of all digits with the pixels of a part darkened: the picture of a leaf. */
function leafPicture({ images, count }, { pixels }) {
  const mean = new Float64Array(784);
  for (let i = 0; i < count; i++) for (let at = 0; at < 784; at++) mean[at] += (0.45 * images[i * 784 + at]) / count;
  for (const at of pixels) mean[at] = 1;
  return dataUri(imageGrid([[mean]], { scale: 2, gap: 0 }));
}

/** Mean images of the digits for which a latent is more probably 0, and 1. */
function meanImages({ images, count }, labels) {
  return [0, 1].map((state) => {
    const mean = new Float64Array(784);
    let size = 0;
    for (let i = 0; i < count; i++)
      if (labels[i] === state) {
        size++;
        for (let at = 0; at < 784; at++) mean[at] += images[i * 784 + at];
      }
    return mean.map((v) => v / Math.max(1, size));
  });
}

/** The sections on the concept tree. */
export function hierarchySections({ progress }) {
  const set = digits(PER_DIGIT);
  const data = partsOf(set);
  const bar = progress(`concept tree of digits: ${REPLICATES} bootstrap replicates`, REPLICATES);
  const support = bootstrapHierarchy(data, key("support"), {
    alpha: ALPHA,
    maxCover: 1,
    refine: false,
    replicates: REPLICATES,
    onProgress: ({ iteration }) => bar.step(iteration),
  });
  bar.finish();
  const { graph, log, covers } = support.result;
  const fit = fitHierarchy(graph, data, key("fit"), { maxIterations: 500 });
  const { labels } = inferConcepts(fit, data);
  const latents = graph.latents.map((name, l) => {
    const own = Array.from({ length: set.count }, (_, i) => labels.get(i, l));
    // call the state 1 in which the image has less ink on the whole 0
    const means = meanImages(set, own);
    const ink = means.map((mean) => mean.reduce((sum, v) => sum + v, 0));
    const flipped = ink[0] > ink[1];
    const states = flipped ? own.map((s) => 1 - s) : own;
    const share = Array.from({ length: 10 }, (_, d) => {
      const of = states.filter((_, i) => set.labels[i] === d);
      return of.reduce((sum, s) => sum + s, 0) / of.length;
    });
    const cover = support.covers.find((c) => c.latents.includes(name));
    return {
      name,
      means: flipped ? [means[1], means[0]] : means,
      share,
      frequency: cover.frequency,
      below: cover.observed,
      information: normalizedMutualInformation(states, set.labels),
    };
  });
  const pairs = PARTS.filter(({ name }) => name.endsWith("a")).map(({ name }) => [name, `${name.slice(0, -1)}b`]);
  const joined = pairs.filter(([a, b]) => graph.parents[a].some((p) => graph.parents[b].includes(p))).length;
  const frequencyOf = new Map(support.edges.map(({ from, to, frequency }) => [`${from} ${to}`, frequency]));
  const picture = hierarchyPicture(graph, {
    title: "Concept tree of handwritten digits",
    images: Object.fromEntries(PARTS.map((part) => [part.name, leafPicture(set, part)])),
    labels: Object.fromEntries(PARTS.map(({ name }) => [name, name.replace(/ (\w+) (\w)$/, "\n$1 $2")])),
    edgeLabel: (from, to) => (graph.observed.includes(to) ? undefined : frequencyOf.get(`${from} ${to}`)?.toFixed(1)),
    column: 66,
  });
  const fresh = partsOf(digits(PER_DIGIT, { skip: PER_DIGIT }));
  const certificates = certifyHierarchy(graph, fresh, { alpha: ALPHA });
  const held = certificates.filter(({ holds }) => holds).length;
  const regions = certificates.filter(({ claim }) => /^\S+ \S+ a; \S+ \S+ b share/.test(claim));
  const regionsHeld = regions.filter(({ holds }) => holds).length;
  const weakest = certificates.filter(({ holds }) => !holds).slice(0, 3);
  return [
    heading("A concept tree of digits"),
    paragraph(
      `What hangs together in handwriting, and through what? ${set.count} digits, ${PARTS.length} yes-or-no variables: is there ink in each of nine regions, seen through the black squares of a checkerboard (a) and through the white ones (b). The search is told neither which two belong together nor what digit it looks at. It asks which tables have rank 2, as they have when a binary latent stands between their rows and columns.`,
    ),
    figure(
      picture,
      `What was found at level ${ALPHA}. Circles are latents; numbers are the share of ${REPLICATES} bootstrap replicates with that edge. Edges between latents have no direction that data could tell; a root was chosen to draw them.`,
    ),
    paragraph(
      `The two views of a region come together under one latent for ${joined} of ${pairs.length} regions. What joins the regions is another matter: it says which strokes go together, and is as stable as the numbers at the edges say. The whole tree came out the same in ${Math.round(100 * support.same)} % of the replicates.`,
    ),
    table(
      ["decision", "p-value"],
      log.filter(({ step }) => step === "cluster" || step === "attach").map(({ text, pValue }) => [text, pValue.toPrecision(2)]),
    ),
    image(
      dataUri(imageGrid([latents.map(({ means }) => means[0]), latents.map(({ means }) => means[1])], { scale: 2, gap: 4 })),
      "Mean images of the digits in both states of every latent",
      `Mean images of the digits for which each latent is off (above) and on (below), ${latents.map(({ name }) => name).join(", ")} from left to right.`,
    ),
    paragraph(
      "Share of each digit for which a latent is on: the groups of digits that it makes. NMI is the latent's normalised mutual information with the digit, <em>again</em> how often the bootstrap divided the variables as it does.",
    ),
    table(
      ["latent", ...Array.from({ length: 10 }, (_, d) => String(d)), "NMI", "again"],
      latents.map(({ name, share, information, frequency }) => [
        name,
        ...share.map((s) => s.toFixed(2)),
        information.toFixed(3),
        `${Math.round(100 * frequency)} %`,
      ]),
    ),
    certificate({
      claim: `statements about ${covers.length} covers, their children and pairs of covers that hold on ${fresh.data.shape[0]} other digits, of ${certificates.length}`,
      kind: "statistical",
      value: held,
      expected: certificates.length,
      holds: held === certificates.length,
      note: `each at level ${ALPHA}`,
    }),
    ...weakest.map((c) => certificate(c)),
    paragraph(
      `On other digits ${regionsHeld} of ${regions.length} claims that two views of a region share a latent hold; what fails is mostly above. Digits are not made by a tree of binary concepts, and with more images the tests notice: at 1000 images some variables can no longer be placed. Read the tree as the coarsest structure that this many images do not contradict, and the certificates as a list of where it is wrong.`,
    ),
  ];
}
