// Faults in samplers: orders of convergence, and error bounds.
import { add, mul } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  acceleratedOde,
  acceleratedSde,
  certifyErrorBound,
  certifyOrder,
  ddpm,
  theorySchedule,
  perturbScore,
  pfOde,
} from "@provably/score-diffusion";
import { lineLaw, u } from "./line.mjs";

/** A sampler whose steps use another row of the table, another noise or another score. */
const withStep = (sampler, step) => ({ ...sampler, step });
const withTable = (sampler, change) => ({
  ...sampler,
  table: (schedule, options) => change(sampler.table(schedule, options)),
});
const scaledScore = (law, factor) => ({
  ...law,
  evaluate: (x, level) => mul(factor, law.evaluate(x, level)),
});

const order = (sampler, options, faults, more = {}) => ({
  ...more,
  certificate: `certifyOrder, ${sampler.name}`,
  given: `mixtures of two Gaussians on a line, T = ${options.numSteps.join(", ")}`,
  make: (seed) => ({ seed, law: lineLaw(seed) }),
  honest: ({ seed, law }) => certifyOrder(sampler, law, key(seed), options),
  faults: Object.fromEntries(
    Object.entries(faults).map(([name, { note, ...damaged }]) => {
      const damage = ({ seed, law }) =>
        certifyOrder({ ...sampler, ...damaged }, law, key(seed), options);
      return [name, note === undefined ? damage : { damage, note }];
    }),
  ),
});

/** The deterministic step with its correction given another factor. */
const corrected = (factor) =>
  function* ({ x }, row) {
    const plain = pfOde.step({ x }, row, []);
    const full = acceleratedOde.step({ x }, row, []);
    // both ask for the score at x first; the plain step is then done
    const query = full.next().value;
    plain.next();
    const score = yield query;
    const base = plain.next(score).value.x;
    let turn = full.next(score);
    while (!turn.done) turn = full.next(yield turn.value);
    return { x: add(mul(1 - factor, base), mul(factor, turn.value.x)) };
  };
/** A stochastic step whose noises are scaled. */
const noisier = (sampler, factors) =>
  function* (state, row, noise) {
    return yield* sampler.step(
      state,
      row,
      noise.map((z, i) => mul(factors[i], z)),
    );
  };
/** A step that takes a multiple of the score. */
const louder = (sampler, factor) =>
  function* (state, row, noise) {
    const steps = sampler.step(state, row, noise);
    let turn = steps.next();
    while (!turn.done) turn = steps.next(mul(factor, yield turn.value));
    return turn.value;
  };
const later = (rows) =>
  rows.map((row, i) => ({ ...row, level: rows[Math.min(i + 1, rows.length - 1)].level }));

const few = { numSteps: [80, 160, 320], numPaths: 64 };
const orders = [
  order(
    acceleratedOde,
    few,
    {
      "correction left out": { step: pfOde.step },
      "correction halved": { step: corrected(0.5) },
      "correction mis-signed": { step: corrected(-1) },
      "score of the next level: off by one in the schedule": withTable(acceleratedOde, later),
    },
    { alarm: "with the default steps, up to 640, the one that alarms has order 1.74; here 1.597 where 1.6 is asked" },
  ),
  order(
    pfOde,
    few,
    {
      "half of the score left out": {
        *step({ x }, row) {
          const score = yield { x, level: row.level, want: "score" };
          return { x: mul(1 / Math.sqrt(row.ratio), add(x, mul((1 - row.ratio) / 4, score))) };
        },
      },
      "score of the data instead of the noised law at the last level": withTable(pfOde, (rows) => rows.map((row) => ({ ...row, level: rows.at(-1).level }))),
    },
  ),
  order(
    ddpm,
    { numSteps: [25, 50, 100] },
    {
      "noise 10 % too large": { step: noisier(ddpm, [1.1]) },
      "a score 5 % too large": { step: louder(ddpm, 1.05) },
      "score of the next level: off by one in the schedule": {
        ...withTable(ddpm, later),
        note: "its error is of a higher order than that of ddpm itself; `acceleratedOde` would lose its order by it",
      },
    },
  ),
  order(
    acceleratedSde,
    { numSteps: [25, 50] },
    {
      "second noise outside the bracket": {
        *step({ x }, { level, ratio }, [z, zPlus]) {
          const half = Math.sqrt((1 - ratio) / 2);
          const shaken = add(x, mul(half, z));
          const score = yield { x: shaken, level, want: "score" };
          return { x: add(mul(1 / Math.sqrt(ratio), add(shaken, mul(1 - ratio, score))), mul(half, zPlus)) };
        },
      },
      "all noise after the score: ddpm's step": { step: (state, row, [z, zPlus]) => ddpm.step(state, row, [mul(Math.SQRT1_2, add(z, zPlus))]) },
      "first noise 10 % too large": { step: noisier(acceleratedSde, [1.1, 1]) },
    },
    { slow: true },
  ),
]; // prettier-ignore

const schedule = theorySchedule(160, { c0: 1, c1: 4 });
const options = { numSamples: 64 };
const bound = {
  certificate: "certifyErrorBound",
  given: "the accelerated flow in 160 steps on mixtures on a line, with a score that is wrong by up to 0.1",
  make(seed) {
    const law = lineLaw(seed);
    return { seed, law, model: perturbScore(law, foldIn(key(seed), "error"), { l2: u(seed, "size", 0, 0.1) }) };
  },
  honest: ({ seed, law, model }) => certifyErrorBound(acceleratedOde, model, law, key(seed), schedule, options),
  faults: {
    "correction left out": ({ seed, law }) => certifyErrorBound(withStep(acceleratedOde, pfOde.step), law, law, key(seed), schedule, options),
    "the score is not used": ({ seed, law }) =>
      certifyErrorBound(withStep(acceleratedOde, function* ({ x }, { ratio }) { yield* []; return { x: mul(1 / Math.sqrt(ratio), x) }; }), law, law, key(seed), schedule, options),
    "score of the next level: off by one in the schedule, 640 steps": ({ seed, law }) =>
      certifyErrorBound(withTable(acceleratedOde, later), law, law, key(seed), theorySchedule(640, { c0: 1, c1: 4 }), options),
    "a score 10 % too large": {
      damage: ({ seed, law }) => certifyErrorBound(acceleratedOde, scaledScore(law, 1.1), law, key(seed), schedule, options),
      note: "its error is measured and allowed for: the bound grows with it",
    },
  },
}; // prettier-ignore

export default [...orders, bound];
