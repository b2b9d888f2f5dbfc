// Planted faults for the certificates of rlhf-vpo.
import { array, sub, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, randint, uniform } from "@provably/core-tensor/random";
import {
  calibrateReward,
  certifyLeader,
  certifyRewardCalibration,
  certifyPessimism,
  certifySuboptimality,
  fitRewardModel,
  mlpPolicy,
  optimalLogPolicy,
  solveBoundedVpo,
  solveVpo,
  trainVpo,
  trainPolicy,
} from "@provably/rlhf-vpo";

const [prompts, responses, pairs] = [3, 4, 60];
const hyperparameters = { beta: 0.5, alpha: 0.3 };

/** The first problem of a seed in which maximum likelihood exists: no response of a pair always wins. */
function problemOf(seed) {
  for (let attempt = 0; ; attempt++) {
    const base = drawn(seed, foldIn(key(seed), attempt));
    if (solveVpo(base.problem, { beta: 0.5, alpha: 0 }).converged) return base;
  }
}

/** Preferences of a Bradley-Terry judge over a table of rewards, with a reference that is not uniform. */
function drawn(seed, k) {
  const reward = normal(foldIn(k, "reward"), [prompts, responses], { dtype: "float64" });
  const logits = normal(foldIn(k, "reference"), [prompts, responses], { dtype: "float64" });
  const logReference = optimalLogPolicy(logits, f64(new Array(12).fill(-Math.log(responses))), 1);
  const u = toTypedArray(uniform(foldIn(k, "judge"), [pairs], { dtype: "float64" }));
  const draw = (name, n) => toTypedArray(randint(foldIn(k, name), 0, n, [pairs]));
  const [x, a, shift] = [
    draw("prompt", prompts),
    draw("first", responses),
    draw("second", responses - 1),
  ];
  const data = Array.from({ length: pairs }, (_, i) => {
    const b = (a[i] + 1 + shift[i]) % responses;
    const first = u[i] < 1 / (1 + Math.exp(reward.get(x[i], b) - reward.get(x[i], a[i])));
    return first ? [x[i], a[i], b] : [x[i], b, a[i]];
  });
  return { seed, reward, logReference, problem: { data, logReference } };
}
const withPairs = (problem, data) => ({ ...problem, data });
const flipped = ({ problem }, n) => withPairs(problem, problem.data.map(([x, a, b], i) => (i < n ? [x, b, a] : [x, a, b]))); // prettier-ignore
const f64 = (values, shape = [prompts, responses]) => array(Float64Array.from(values), { shape });
/** A policy with a share of the likeliest response of the first prompt moved to the next one. */
function nudged(logPolicy, share) {
  const p = Array.from(toTypedArray(logPolicy), Math.exp);
  const from = p.slice(0, responses).reduce((best, v, i, all) => (v > all[best] ? i : best), 0);
  const moved = share * p[from];
  p[from] -= moved;
  p[(from + 1) % responses] += moved;
  return f64(p.map(Math.log));
}

const solved = (seed) => {
  const base = problemOf(seed);
  return { ...base, result: solveVpo(base.problem, hyperparameters) };
};
const saddle = (which, faults) => ({
  certificate: `certifyPessimism, ${which}`,
  given: "offline VPO solved on 60 preferences among 3 × 4 responses",
  make: solved,
  honest: ({ problem, result }) => certifyPessimism(problem, result, hyperparameters)[which],
  faults,
});

const stationary = {
  certificate: "solveVpo, trainVpo",
  given: "the minimiser of offline VPO on 60 preferences",
  make: solved,
  honest: ({ result }) => result.certificate,
  faults: {
    "100 steps of AdamW": ({ problem }) =>
      trainVpo(problem, hyperparameters, { numSteps: 100 }).certificate,
    "one parameter off by 10⁻³": ({ problem, result }) => {
      const theta = [...toTypedArray(result.theta)].map((t, i) => t + (i === 0 ? 1e-3 : 0));
      const zeros = theta.map(() => 0);
      return trainVpo(problem, hyperparameters, {
        numSteps: 0,
        state: { theta, first: zeros, second: zeros, step: 0 },
      }).certificate;
    },
    "one label of 60 flipped after the fit": (base) =>
      held(base, flipped(base, 1), hyperparameters),
    "α off by a hundredth": (base) =>
      held(base, base.problem, { ...hyperparameters, alpha: 0.303 }),
    "mis-signed α": (base) =>
      held(base, base.problem, { ...hyperparameters, attitude: "optimistic" }),
  },
};
/** The certificate of a result for another problem or other hyperparameters: no step is taken. */
function held({ result }, problem, other) {
  const theta = [...toTypedArray(result.theta)];
  const zeros = theta.map(() => 0);
  return trainVpo(problem, other, {
    numSteps: 0,
    state: { theta, first: zeros, second: zeros, step: 0 },
  }).certificate;
}

const gap = saddle("dualityGap", {
  "1 % of the likeliest response's probability moved": ({ problem, result }) =>
    certifyPessimism(
      problem,
      { ...result, logPolicy: nudged(result.logPolicy, 0.01) },
      hyperparameters,
    ).dualityGap,
  "one label of 60 flipped": (base) =>
    certifyPessimism(base.problem, solveVpo(flipped(base, 1), hyperparameters), hyperparameters)
      .dualityGap,
  "solved for α 0.303 instead of 0.3": ({ problem }) =>
    certifyPessimism(
      problem,
      solveVpo(problem, { ...hyperparameters, alpha: 0.303 }),
      hyperparameters,
    ).dualityGap,
  "solved for β 0.505 instead of 0.5": ({ problem }) =>
    certifyPessimism(
      problem,
      solveVpo(problem, { ...hyperparameters, beta: 0.505 }),
      hyperparameters,
    ).dualityGap,
  "rewards of the true model, policy of the solver": ({ problem, result, reward }) =>
    certifyPessimism(problem, { ...result, theta: array(toTypedArray(reward)) }, hyperparameters)
      .dualityGap,
  "100 steps of AdamW": ({ problem }) =>
    certifyPessimism(
      problem,
      trainVpo(problem, hyperparameters, { numSteps: 100 }),
      hyperparameters,
    ).dualityGap,
  "columns of chosen and rejected exchanged before the fit": (base) =>
    certifyPessimism(base.problem, solveVpo(flipped(base, pairs), hyperparameters), hyperparameters)
      .dualityGap,
  "columns exchanged in the file already": {
    damage: (base) => {
      const problem = flipped(base, pairs);
      return certifyPessimism(problem, solveVpo(problem, hyperparameters), hyperparameters)
        .dualityGap;
    },
    note: "other preferences, fitted as well; the note of the certificate says so",
  },
});

const pessimism = saddle("pessimism", {
  "optimism: the sign of α turned": ({ problem }) => {
    const { reward, logPolicy } = solveBoundedVpo(problem, { beta: hyperparameters.beta, signedAlpha: hyperparameters.alpha * pairs, bound: 3 });
    return certifyPessimism(problem, { theta: array(toTypedArray(reward)), logPolicy }, hyperparameters).pessimism;
  },
  "maximum likelihood with doubled rewards": ({ problem }) => {
    const theta = toTypedArray(solveVpo(problem, { ...hyperparameters, alpha: 0 }).theta).map((t) => 2 * t);
    const logPolicy = optimalLogPolicy(f64(theta), problem.logReference, hyperparameters.beta);
    return certifyPessimism(problem, { theta: array(theta), logPolicy }, hyperparameters).pessimism;
  },
  "solved for α 0.15 instead of 0.3": {
    damage: ({ problem }) => certifyPessimism(problem, solveVpo(problem, { ...hyperparameters, alpha: 0.15 }), hyperparameters).pessimism,
    note: "still a pessimist, only a milder one; the duality gap sees it",
  },
}); // prettier-ignore

const calibration = saddle("calibration", {
  "1 % of the likeliest response's probability moved": ({ problem, result }) =>
    certifyPessimism(
      problem,
      { ...result, logPolicy: nudged(result.logPolicy, 0.01) },
      hyperparameters,
    ).calibration,
  "policy of α 0.303, reward of 0.3": ({ problem, result }) =>
    certifyPessimism(
      problem,
      { ...result, logPolicy: solveVpo(problem, { ...hyperparameters, alpha: 0.303 }).logPolicy },
      hyperparameters,
    ).calibration,
  "policy of another temperature": ({ problem, result }) =>
    certifyPessimism(problem, result, { ...hyperparameters, beta: 0.505 }).calibration,
});

// thresholds that every sound result reaches: what is looked for is a result that is not the solution
const leading = ({ problem, result }, which, other = hyperparameters) =>
  certifyLeader(key(7), problem, result, other, { probability: 0.05, value: 10 })[which];
const leader = (which) => ({
  certificate: `certifyLeader, ${which}`,
  given: "offline VPO solved on 60 preferences among 3 × 4 responses",
  make: solved,
  honest: (base) => leading(base, which),
  faults: {
    "1 % of the likeliest response's probability moved": ({ problem, result }) =>
      leading({ problem, result: { ...result, logPolicy: nudged(result.logPolicy, 0.01) } }, which),
    "one label of 60 flipped": (base) =>
      leading({ ...base, result: solveVpo(flipped(base, 1), hyperparameters) }, which),
    "solved for α 0.303 instead of 0.3": (base) =>
      leading({ ...base, result: solveVpo(base.problem, { ...hyperparameters, alpha: 0.303 }) }, which), // prettier-ignore
    "policy of another temperature": (base) =>
      leading(base, which, { ...hyperparameters, beta: 0.505 }),
    "100 steps of AdamW": (base) =>
      leading({ ...base, result: trainVpo(base.problem, hyperparameters, { numSteps: 100 }) }, which), // prettier-ignore
  },
});

const best = {
  certificate: "certifySuboptimality",
  given: "the best policy of a known reward, tolerance 10⁻³",
  make: problemOf,
  honest: ({ reward, logReference }) =>
    subopt(reward, optimalLogPolicy(reward, logReference, 0.5), logReference),
  faults: {
    "half of the likeliest response's probability moved": ({ reward, logReference }) =>
      subopt(reward, nudged(optimalLogPolicy(reward, logReference, 0.5), 0.5), logReference),
    "best for β 0.6 instead of 0.5": ({ reward, logReference }) =>
      subopt(reward, optimalLogPolicy(reward, logReference, 0.6), logReference),
    "the reference itself": ({ reward, logReference }) =>
      subopt(reward, logReference, logReference),
    "mis-signed rewards": ({ reward, logReference }) =>
      subopt(reward, optimalLogPolicy(sub(0, reward), logReference, 0.5), logReference),
    "best for rewards learnt from 60 pairs": ({ reward, logReference, problem }) =>
      subopt(reward, solveVpo(problem, hyperparameters).logPolicy, logReference),
  },
};
const subopt = (reward, policy, reference) =>
  certifySuboptimality(reward, policy, reference, { beta: 0.5, tolerance: 1e-3 });

const level = {
  certificate: "certifyRewardCalibration",
  given: "random rewards calibrated under the reference",
  make(seed) {
    const base = problemOf(seed);
    const cal = f64(toTypedArray(base.logReference).map(Math.exp));
    return { ...base, cal, calibrated: calibrateReward(base.reward, cal) };
  },
  honest: ({ calibrated, cal }) => certifyRewardCalibration(calibrated, cal),
  faults: {
    "not calibrated": ({ reward, cal }) => certifyRewardCalibration(reward, cal),
    "one reward off by 10⁻³": ({ calibrated, cal }) => {
      const r = Float64Array.from(toTypedArray(calibrated), (v, i) => v + (i === 5 ? 1e-3 : 0));
      return certifyRewardCalibration(f64(r), cal);
    },
    "calibrated under the uniform policy": ({ reward, cal }) =>
      certifyRewardCalibration(
        calibrateReward(reward, f64(new Array(12).fill(1 / responses))),
        cal,
      ),
  },
};

const rewardModel = {
  certificate: "fitRewardModel",
  given: "maximum likelihood with ridge 0.1 on 60 preferences",
  make: problemOf,
  honest: ({ problem }) => fitRewardModel(problem, { ridge: 0.1 }).certificate,
  faults: {
    "stopped after two Newton steps": ({ problem }) => fitRewardModel(problem, { ridge: 0.1, maxIterations: 2 }).certificate,
    "a response that never wins, without ridge": ({ problem }) =>
      fitRewardModel(withPairs(problem, problem.data.map(([x, a, b]) => (a === 0 ? [x, b, a] : [x, a, b])))).certificate,
    "data that can be separated, without ridge": ({ problem }) =>
      // every pair's winner is the response of lower index
      fitRewardModel(withPairs(problem, problem.data.map(([x, a, b]) => [x, Math.min(a, b), Math.max(a, b)]))).certificate,
  },
}; // prettier-ignore

const network = {
  certificate: "trainPolicy",
  given: "a network of 8 units trained for 3000 steps on 60 preferences",
  make(seed) {
    const { problem } = problemOf(seed);
    const features = normal(foldIn(key(seed), "features"), [prompts, responses, 4], {
      dtype: "float64",
    });
    const policy = mlpPolicy(features, foldIn(key(seed), "network"), { hidden: [8] });
    const { state } = trainPolicy(policy, problem, hyperparameters, {
      numSteps: 1500,
      learningRate: 0.02,
    });
    return {
      problem,
      policy,
      trained: trainPolicy(policy, problem, hyperparameters, {
        numSteps: 1500,
        learningRate: 2e-3,
        state,
      }),
    };
  },
  honest: ({ trained }) => trained.certificate,
  faults: {
    "20 steps": ({ policy, problem }) =>
      trainPolicy(policy, problem, hyperparameters, { numSteps: 20 }).certificate,
    "one label of 60 flipped after training": ({ policy, problem, trained }) =>
      trainPolicy(policy, flipped({ problem }, 1), hyperparameters, {
        numSteps: 0,
        state: trained.state,
      }).certificate,
    "mis-signed α": ({ policy, problem, trained }) =>
      trainPolicy(
        policy,
        problem,
        { ...hyperparameters, attitude: "optimistic" },
        { numSteps: 0, state: trained.state },
      ).certificate,
  },
};

export default [
  stationary,
  gap,
  pessimism,
  calibration,
  leader("leader"),
  leader("information"),
  best,
  level,
  rewardModel,
  network,
];
