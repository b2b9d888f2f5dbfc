// Questions with four answers, a policy that can memorise them, and few of them: does preference training go too far, and does pessimism stop it?
//   node examples/four-choice/main.mjs
// Each question has one right answer, compared with its three wrong ones, as in a multiple-choice benchmark turned into preferences. A quarter of the
// questions carry a wrong key. Judged on fresh questions with right keys: accuracy, and the log-loss of the right answer.
import { array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import { mlpPolicy, trainPolicy } from "@provably/rlhf-vpo";
import { progressBar } from "../tour/lib/progress.mjs";

const [TRAIN, TEST, CHOICES, FEATURES, SEEDS] = [60, 400, 4, 8, 10];
const STEPS = [50, 200, 800];
const BETA = 1;

/** Features of all answers, the right answer by a hidden rule that is not linear, and a reference that knows the rule a little. */
function questions(place) {
  const n = TRAIN + TEST;
  const phi = toTypedArray(normal(foldIn(place, 0), [n * CHOICES, FEATURES], { dtype: "float64" }));
  const noise = toTypedArray(normal(foldIn(place, 1), [n * CHOICES], { dtype: "float64" }));
  const luck = toTypedArray(uniform(foldIn(place, 2), [n, 2], { dtype: "float64" }));
  const row = (i) => phi.subarray(i * FEATURES, (i + 1) * FEATURES);
  const merit = Array.from(
    { length: n * CHOICES },
    (_, i) => row(i)[0] + Math.tanh(2 * row(i)[1] * row(i)[2]),
  );
  const right = Array.from({ length: n }, (_, x) => {
    const four = merit.slice(x * CHOICES, (x + 1) * CHOICES);
    return four.indexOf(Math.max(...four));
  });
  const logReference = Array.from({ length: n }, (_, x) => {
    const scores = Array.from(
      { length: CHOICES },
      (_, y) => 0.7 * merit[x * CHOICES + y] + 0.7 * noise[x * CHOICES + y],
    );
    const z = Math.log(scores.reduce((sum, s) => sum + Math.exp(s), 0));
    return scores.map((s) => s - z);
  });
  const key4 = right.map((y, x) =>
    x < TRAIN && luck[2 * x] < 0.25 ? Math.floor(luck[2 * x + 1] * CHOICES) : y,
  );
  const data = [];
  for (let x = 0; x < TRAIN; x++)
    for (let y = 0; y < CHOICES; y++) if (y !== key4[x]) data.push([x, key4[x], y]);
  return { features: array(phi, { shape: [n, CHOICES, FEATURES] }), logReference, right, data };
}

/** Accuracy and log-loss on the questions that were kept back. */
function judge(logPolicy, right) {
  let [hits, loss] = [0, 0];
  for (let x = TRAIN; x < TRAIN + TEST; x++) {
    const row = Array.from({ length: CHOICES }, (_, y) => logPolicy.get(x, y));
    if (row.indexOf(Math.max(...row)) === right[x]) hits++;
    loss -= row[right[x]];
  }
  return { accuracy: hits / TEST, logLoss: loss / TEST };
}

const rules = [
  { name: "DPO", alphaSum: 0 },
  { name: "VPO, α = 3", alphaSum: 3 },
  { name: "VPO, α = √N", alphaSum: Math.sqrt(TRAIN * 3) },
  { name: "VPO, α = 60", alphaSum: 60 },
];
const bar = progressBar(
  `${rules.length} rules, ${SEEDS} worlds, ${STEPS.at(-1)} steps`,
  rules.length * SEEDS,
);
let done = 0;
const references = [];
const results = new Map(rules.map(({ name }) => [name, STEPS.map(() => [])]));
for (let seed = 0; seed < SEEDS; seed++) {
  const world = questions(foldIn(key("four choices"), seed));
  references.push(judge(array(world.logReference, { dtype: "float64" }), world.right));
  // only training questions count in the value term
  const promptDistribution = Array.from({ length: TRAIN + TEST }, (_, x) =>
    x < TRAIN ? 1 / TRAIN : 0,
  );
  const problem = { data: world.data, logReference: world.logReference, promptDistribution };
  const policy = mlpPolicy(world.features, foldIn(key("perceptron"), seed), { hidden: [32] });
  for (const { name, alphaSum } of rules) {
    let state;
    STEPS.forEach((until, i) => {
      const numSteps = until - (STEPS[i - 1] ?? 0);
      const trained = trainPolicy(
        policy,
        problem,
        { beta: BETA, alpha: alphaSum / world.data.length },
        { numSteps, ...(state && { state }) },
      );
      state = trained.state;
      results.get(name)[i].push(judge(trained.logPolicy, world.right));
    });
    bar.step(++done);
  }
}
bar.finish();

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const interval = (x) => {
  const m = mean(x);
  const error = Math.sqrt(x.reduce((sum, v) => sum + (v - m) ** 2, 0) / (x.length - 1) / x.length);
  return `${m.toFixed(3)} ± ${(2 * error).toFixed(3)}`;
};
const line = (name, cells) =>
  console.log(name.padEnd(14) + cells.map((cell) => cell.padEnd(18)).join(""));
for (const measure of ["accuracy", "logLoss"]) {
  console.log(
    `\n${measure === "accuracy" ? "accuracy on fresh questions" : "log-loss of the right answer, nats"}, mean over ${SEEDS} worlds ± 2 standard errors`,
  );
  line(
    "",
    STEPS.map((steps) => `${steps} steps`),
  );
  line("reference", [interval(references.map((r) => r[measure]))]);
  for (const [name, byStep] of results)
    line(
      name,
      byStep.map((runs) => interval(runs.map((r) => r[measure]))),
    );
}
const last = (name) => results.get(name).at(-1);
const dpo = last("DPO");
const [best] = rules
  .slice(1)
  .map(({ name }) => name)
  .sort((a, b) => mean(last(a).map((r) => r.logLoss)) - mean(last(b).map((r) => r.logLoss)));
const gain = dpo.map((r, i) => r.logLoss - last(best)[i].logLoss);
console.log(
  `\nAfter ${STEPS.at(-1)} steps, ${best} loses ${interval(gain)} nats less than DPO on the same worlds.`,
);
