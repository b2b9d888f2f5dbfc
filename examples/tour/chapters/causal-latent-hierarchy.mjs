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
const ALPHA = 1e-4;

/** The middle of the image in four parts and in nine. */
const QUADRANTS = { rows: ["top", "bottom"], columns: ["left", "right"] };
const REGIONS = { rows: ["top", "middle", "bottom"], columns: ["left", "centre", "right"] };

/** Every part of a grid, seen through the black (a) and through the white squares (b) of a checkerboard. */
function partsOf({ rows, columns }) {
  const bounds = (k, of) => [4 + Math.floor((k * 20) / of), 4 + Math.floor(((k + 1) * 20) / of)];
  return rows.flatMap((row, r) =>
    columns.flatMap((column, c) =>
      ["a", "b"].map((half, parity) => {
        const [[top, bottom], [left, right]] = [bounds(r, rows.length), bounds(c, columns.length)];
        const pixels = [];
        for (let y = top; y < bottom; y++)
          for (let x = left; x < right; x++) if ((x + y) % 2 === parity) pixels.push(y * SIDE + x);
        return { name: `${row} ${column} ${half}`, pixels };
      }),
    ),
  );
}

/** How much ink each part of each image holds, and the two states that a mixture finds in that. */
function inkOf(parts, { images, count }) {
  const ink = new Float64Array(count * parts.length);
  for (let i = 0; i < count; i++)
    parts.forEach(
      ({ pixels }, j) =>
        (ink[i * parts.length + j] =
          pixels.reduce((sum, at) => sum + images[i * 784 + at], 0) / pixels.length),
    );
  const x = array(ink, { shape: [count, parts.length] });
  const { data, states } = learnConcepts(x, key("ink"), {
    blocks: parts.map((_, j) => [j]),
    states: 2,
    merge: "none",
  });
  return { data, states, names: parts.map(({ name }) => name) };
}

/** The mean image of all digits with the pixels of a part darkened: the picture of a leaf. */
function leafPicture({ images, count }, { pixels }) {
  const mean = new Float64Array(784);
  for (let i = 0; i < count; i++)
    for (let at = 0; at < 784; at++) mean[at] += (0.45 * images[i * 784 + at]) / count;
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

/** What the search finds in the parts of a grid, how often it comes back, and what of it holds on other digits. */
function explore(grid, { refine, numReplicates, progress }) {
  const [set, other] = [digits(PER_DIGIT), digits(PER_DIGIT, { skip: PER_DIGIT })];
  const parts = partsOf(grid);
  const data = inkOf(parts, set);
  const bar = progress(
    `concept tree of ${parts.length / 2} parts of digits: ${numReplicates} bootstrap replicates`,
    numReplicates,
  );
  const onProgress = ({ iteration }) => bar.step(iteration);
  const support = bootstrapHierarchy(data, key("support"), {
    significance: ALPHA,
    maxLatentsPerCover: 1,
    refine,
    numReplicates,
    onProgress,
  });
  bar.finish();
  const { graph } = support.result;
  const certificates = Object.values(
    certifyHierarchy(graph, inkOf(parts, other), { significance: ALPHA }),
  );
  const together = ([a, b]) => graph.parents[a].some((p) => graph.parents[b].includes(p));
  const pairs = parts
    .filter(({ name }) => name.endsWith("a"))
    .map(({ name }) => [name, name.replace(/a$/, "b")]);
  return {
    parts,
    set,
    data,
    support,
    graph,
    certificates,
    numReplicates,
    same: Math.round(support.same * numReplicates),
    pairs: pairs.length,
    joined: pairs.filter(together).length,
    held: certificates.filter(({ holds }) => holds).length,
  };
}

/** The tree with the mean image of all digits at each leaf, and the bootstrap's shares at the edges between latents. */
function treePicture({ graph, parts, set, support }) {
  const frequencyOf = new Map(
    support.edges.map(({ from, to, frequency }) => [`${from} ${to}`, frequency]),
  );
  return hierarchyPicture(graph, {
    title: "Concept tree of handwritten digits",
    images: Object.fromEntries(parts.map((part) => [part.name, leafPicture(set, part)])),
    labels: Object.fromEntries(
      parts.map(({ name }) => [name, name.replace(/ (\w+) (\w)$/, "\n$1 $2")]),
    ),
    edgeLabel: (from, to) =>
      graph.observed.includes(to) ? undefined : frequencyOf.get(`${from} ${to}`)?.toFixed(2),
    column: 66,
  });
}

/** Every latent's state for every digit: what it looks like on and off, and which digits turn it on. */
function latentsOf({ graph, data, set, support }) {
  const fit = fitHierarchy(graph, data, key("fit"), { maxIterations: 500 });
  const { labels } = inferConcepts(fit, data);
  return graph.latents.map((name, l) => {
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
    return {
      name,
      means: flipped ? [means[1], means[0]] : means,
      share,
      frequency: support.covers.find((c) => c.latents.includes(name)).frequency,
      information: normalizedMutualInformation(states, set.labels),
    };
  });
}

/** The sections on the concept tree. */
export function hierarchySections({ progress }) {
  const four = explore(QUADRANTS, { refine: false, numReplicates: 20, progress });
  const nine = explore(REGIONS, { refine: false, numReplicates: 10, progress });
  const latents = latentsOf(four);
  return [
    heading("A concept tree of digits"),
    paragraph(
      `What hangs together in handwriting, and through what? ${four.set.count} digits, ${four.parts.length} yes-or-no variables: is there ink in each quarter of the image, seen through the black squares of a checkerboard (a) and through the white ones (b). The search is told neither which two belong together nor what digit it looks at. It asks which tables have rank 2, as they have when a binary latent stands between their rows and columns.`,
    ),
    figure(
      treePicture(four),
      `What was found at level ${ALPHA}. Circles are latents; numbers are the share of ${four.numReplicates} bootstrap replicates with that edge. Edges between latents have no direction that data could tell; a root was chosen to draw them.`,
    ),
    paragraph(
      `The two views come together under one latent for ${four.joined} of ${four.pairs} quarters. The whole tree came out the same in ${four.same} of ${four.numReplicates} replicates.`,
    ),
    paragraph(
      "Ranks alone speak here. With <code>refine: true</code> fit is weighed too, and on these digits the search then prefers edges between the parts themselves to any latent: which of the two one reads is a choice that data of this kind leave open.",
    ),
    table(
      ["decision", "p-value"],
      four.support.result.log
        .filter(({ step }) => step === "cluster" || step === "attach")
        .map(({ text, pValue }) => [text, pValue.toPrecision(2)]),
    ),
    image(
      dataUri(
        imageGrid([latents.map(({ means }) => means[0]), latents.map(({ means }) => means[1])], {
          scale: 2,
          gap: 4,
        }),
      ),
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
    certificateOf(four),
    ...four.certificates.filter(({ holds }) => !holds).map((c) => certificate(c)),
    heading("Looked at more finely"),
    paragraph(
      `The same with nine regions instead of four, ${nine.parts.length} variables: the two views come together for ${nine.joined} of ${nine.pairs} regions, but the whole tree came out the same in ${nine.same} of ${nine.numReplicates} replicates. What joins the regions is a sketch.`,
    ),
    figure(
      treePicture(nine),
      `Nine regions; numbers are the share of ${nine.numReplicates} bootstrap replicates with that edge.`,
    ),
    certificateOf(nine),
    paragraph(
      "Digits are not made by a tree of binary concepts, and the finer one looks, or the more images one has, the more the tests notice. Read a tree as the coarsest structure that this many images do not contradict, and the certificates as a list of where it is wrong.",
    ),
  ];
}

const certificateOf = ({ parts, graph, set, certificates, held }) =>
  certificate({
    claim: `statements about ${graph.latents.length} covers of ${parts.length} variables, their children and pairs of covers that hold on ${set.count} other digits, of ${certificates.length}`,
    kind: "statistical",
    value: held,
    expected: certificates.length,
    holds: held === certificates.length,
    note: `each at level ${ALPHA}`,
  });
