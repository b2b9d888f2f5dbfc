// The study of the guide "Choose the calibration", printed as its table.
//   node bench/rlhf-vpo/calibration-study.mjs
// Ten responses, a uniform reference, rewards N(0, 1), 100 instances; pairs of different responses from softmax(2r), uniform, or softmax(−2r). The gap to the
// best policy, mean and standard error. About two minutes on one core.
import { toTypedArray } from "@provably/core-tensor";
import { pinv } from "@provably/core-tensor/linalg";
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import {
  coverageOf,
  fitRewardModel,
  optimalLogPolicy,
  solveVpo,
  suboptimality,
  trainVpo,
} from "@provably/rlhf-vpo";

const K = 10;
const ALPHA = 3;
const INSTANCES = 100;
const tilt = { good: 2, uniform: 0, bad: -2 };
const logReference = [new Array(K).fill(-Math.log(K))];
const list = (x) => [...toTypedArray(x)];

function drawFrom(weights, u) {
  let left = u * weights.reduce((sum, w) => sum + w, 0);
  const k = weights.findIndex((w) => (left -= w) < 0);
  return k < 0 ? weights.length - 1 : k;
}

/** Preferences between different responses of the behaviour policy, answered by Bradley and Terry. */
function instance(coverage, n, seed) {
  const place = foldIn(key(`calibration study, ${coverage}, ${n}`), seed);
  const reward = list(normal(foldIn(place, "reward"), [K], { dtype: "float64" }));
  const behaviour = reward.map((r) => Math.exp(tilt[coverage] * r));
  const u = list(uniform(foldIn(place, "pairs"), [3 * n], { dtype: "float64" }));
  const data = Array.from({ length: n }, (_, i) => {
    const a = drawFrom(behaviour, u[3 * i]);
    const b = drawFrom(
      behaviour.map((w, k) => (k === a ? 0 : w)),
      u[3 * i + 1],
    );
    return u[3 * i + 2] < 1 / (1 + Math.exp(reward[b] - reward[a])) ? [0, a, b] : [0, b, a];
  });
  return { reward: [reward], data };
}

/** IPO to its end from the reference: the shortest rewards that come nearest to r⁺ − r⁻ = ½ in every pair, by least squares. */
function ipoReward(data) {
  const laplacian = Array.from({ length: K }, () => new Array(K).fill(0));
  const right = new Array(K).fill(0);
  for (const [, a, b] of data) {
    laplacian[a][a]++;
    laplacian[b][b]++;
    laplacian[a][b]--;
    laplacian[b][a]--;
    right[a] += 0.5;
    right[b] -= 0.5;
  }
  const inverse = pinv(laplacian);
  return [right.map((_, i) => right.reduce((sum, v, j) => sum + inverse.get(i, j) * v, 0))];
}

const names = [
  "maximum likelihood",
  "DPO, 1000 steps",
  "IPO",
  "VPO, reference",
  "VPO, data",
  "ridge .3",
  "ridge 1",
];

function gapsOf(coverage, beta, n, seed) {
  const { reward, data } = instance(coverage, n, seed);
  const problem = { data, logReference };
  const gap = (logPolicy) => suboptimality(reward, logPolicy, logReference, { beta });
  const of = (learnt) => gap(optimalLogPolicy(learnt, logReference, beta));
  const ridge = (size) => of(fitRewardModel(problem, { ridge: size }).reward);
  const vpo = (more) =>
    gap(solveVpo({ ...problem, ...more }, { beta, alpha: ALPHA / n }).logPolicy);
  return [
    ridge(1e-6),
    gap(trainVpo(problem, { beta, alpha: 0 }, { numSteps: 1000 }).logPolicy),
    of(ipoReward(data)),
    vpo({}),
    vpo({ calibration: coverageOf(problem).dataDistribution }),
    ridge(0.3),
    ridge(1),
  ];
}

function figure(x) {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1);
  return `${mean.toFixed(3)} ± ${Math.sqrt(variance / x.length).toFixed(3)}`;
}

console.log(`| coverage | β | N | ${names.join(" | ")} |`);
console.log(`| --- | --- | --- | ${names.map(() => "---").join(" | ")} |`);
for (const coverage of Object.keys(tilt))
  for (const beta of [1, 0.3])
    for (const n of [50, 100, 500]) {
      const gaps = Array.from({ length: INSTANCES }, (_, seed) => gapsOf(coverage, beta, n, seed));
      console.log(
        `| ${coverage} | ${beta.toFixed(1)} | ${n} | ${names.map((_, i) => figure(gaps.map((row) => row[i]))).join(" | ")} |`,
      );
    }
