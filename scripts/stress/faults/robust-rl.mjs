// Planted faults for the certificates of robust-rl.
import { array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, permutation, randint, uniform } from "@provably/core-tensor/random";
import {
  bimatrixNash,
  certifyNash,
  certifyOffline,
  certifyPlan,
  certifyValues,
  collectOfflineData,
  drNvi,
  drop,
  empiricalGame,
  garnet,
  linearMdp,
  mdp,
  normalize,
  randomLinearMdp,
  randomMarkovGame,
  robustGap,
  robustPolicyEvaluation,
  robustValueIteration,
  totalVariation,
} from "@provably/robust-rl";

/** A copy with some entries changed: `change(value, flat index)`. */
const changed = (x, change) =>
  array(Array.from(toTypedArray(x), change), { dtype: x.dtype, shape: [...x.shape] });
const pick = (seed, name, n) => toTypedArray(randint(foldIn(key(seed), name), 0, n, [1]))[0];
const shuffle = (seed, x) =>
  array(
    Array.from(toTypedArray(permutation(key(seed), x.size)), (i) => toTypedArray(x)[i]),
    { dtype: x.dtype, shape: [...x.shape] },
  );

const discount = 0.95;
const set = totalVariation(0.2);

const values = {
  certificate: "certifyValues",
  given: "optimal robust values of Garnets, 20 states, 3 actions, discount 0.95",
  make(seed) {
    const model = garnet(key(seed), { numStates: 20, numActions: 3, branching: 5 });
    return { seed, model, plan: robustValueIteration(model, set, { discount }) };
  },
  honest: ({ plan }) => plan.certificate,
  faults: {
    "one value off by 10⁻⁴": ({ seed, model, plan }) => {
      const s = pick(seed, "state", 20);
      return certifyValues(model, set, changed(plan.values, (v, i) => v + (i === s ? 1e-4 : 0)), { discount });
    },
    "radius 0.201 instead of 0.2": ({ model, plan }) => certifyValues(model, totalVariation(0.201), plan.values, { discount }),
    "discount 0.951 instead of 0.95": ({ model, plan }) => certifyValues(model, set, plan.values, { discount: 0.951 }),
    "values of the ordinary plan": ({ model }) => certifyValues(model, set, robustValueIteration(model, totalVariation(0), { discount }).values, { discount }),
    "values 5 sweeps old": ({ model }) => robustValueIteration(model, set, { discount, maxIterations: 5 }).certificate,
    "two states swapped": ({ model, plan }) => {
      const v = toTypedArray(plan.values);
      return certifyValues(model, set, changed(plan.values, (x, i) => (i === 3 ? v[7] : i === 7 ? v[3] : x)), { discount });
    },
  },
}; // prettier-ignore

const policyValues = {
  certificate: "robustPolicyEvaluation",
  given: "robust values of the ordinary plan of the same Garnets",
  make(seed) {
    const model = garnet(key(seed), { numStates: 20, numActions: 3, branching: 5 });
    const { policy } = robustValueIteration(model, totalVariation(0), { discount });
    return { seed, model, policy, evaluation: robustPolicyEvaluation(model, set, policy, { discount }) };
  },
  honest: ({ evaluation }) => evaluation.certificate,
  faults: {
    "one state plays another action": ({ seed, model, policy, evaluation }) => {
      const s = pick(seed, "state", 20);
      return certifyValues(model, set, evaluation.values, { discount, policy: changed(policy, (a, i) => (i === s ? (a + 1) % 3 : a)) });
    },
    "evaluated without uncertainty": ({ model, policy }) =>
      certifyValues(model, set, robustPolicyEvaluation(model, totalVariation(0), policy, { discount }).values, { discount, policy }),
    "stopped after two kernels of nature": ({ model, policy }) => robustPolicyEvaluation(model, totalVariation(0.6), policy, { discount, maxIterations: 2 }).certificate,
  },
}; // prettier-ignore

const plans = {
  certificate: "certifyPlan",
  given: "robust plans of the same Garnets",
  make(seed) {
    const model = garnet(key(seed), { numStates: 20, numActions: 3, branching: 5 });
    return { seed, model, plan: robustValueIteration(model, set, { discount }) };
  },
  honest: ({ model, plan }) => certifyPlan(model, set, plan, { discount }),
  faults: {
    "one state plays another action": ({ seed, model, plan }) => {
      const s = pick(seed, "state", 20);
      const policy = changed(plan.policy, (a, i) => (i === s ? (a + 1) % 3 : a));
      return certifyPlan(model, set, { values: plan.values, policy }, { discount });
    },
    "the plan of the model without its rarest successors": ({ model }) => {
      const cut = changed(model.transitions, (p) => (p < 0.1 ? 0 : p));
      const thin = mdp({ transitions: normalize(cut), rewards: model.rewards, axes: "SAS" });
      return certifyPlan(model, set, robustValueIteration(thin, set, { discount }), { discount });
    },
    "the plan of a set that keeps to known successors": ({ model }) => {
      const narrow = robustValueIteration(model, totalVariation(0.2, { support: "nominal" }), { discount });
      return certifyPlan(model, set, narrow, { discount });
    },
    "two states swapped in the policy": {
      damage: ({ model, plan }) => {
        const a = toTypedArray(plan.policy);
        if (a[3] === a[7]) return undefined;
        const policy = changed(plan.policy, (x, i) => (i === 3 ? a[7] : i === 7 ? a[3] : x));
        return certifyPlan(model, set, { values: plan.values, policy }, { discount });
      },
      note: "where both states play the same there is nothing to see",
    },
  },
}; // prettier-ignore

const games = {
  certificate: "certifyNash",
  given: "equilibria of random games of 4 × 4 actions, the second player paid in a unit 10⁹ times as large",
  make(seed) {
    const [a, b] = ["a", "b"].map((name) => uniform(foldIn(key(seed), name), [4, 4], { dtype: "float64" }));
    const large = changed(b, (u) => 1e9 * u);
    const payoffs = [a, large].map((u) => [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => u.get(i, j))));
    const { x, y } = bimatrixNash(a, large).equilibria[0];
    return { seed, payoffs, x, y };
  },
  honest: ({ payoffs, x, y }) => certifyNash(payoffs, [x, y]),
  faults: {
    "one millionth of the first player's play at random": ({ payoffs, x, y }) =>
      certifyNash(payoffs, [changed(x, (p) => (1 - 1e-6) * p + 0.25e-6), y]),
    "actions of the first player renumbered": ({ payoffs, x, y }) => {
      const p = toTypedArray(x);
      return certifyNash(payoffs, [changed(x, (_, i) => p[(i + 1) % 4]), y]);
    },
    "players exchanged": ({ payoffs, x, y }) => certifyNash(payoffs, [y, x]),
  },
}; // prettier-ignore

const horizon = 8;
const finite = {
  certificate: "certifyValues, finite horizon",
  given: "optimal robust values of Garnets over 8 steps",
  make(seed) {
    const model = garnet(key(seed), { numStates: 20, numActions: 3, branching: 5 });
    return { seed, model, plan: robustValueIteration(model, set, { horizon }) };
  },
  honest: ({ plan }) => plan.certificate,
  faults: {
    "one value of one step off by 10⁻⁴": ({ seed, model, plan }) => {
      const at = pick(seed, "cell", 20 * horizon);
      return certifyValues(
        model,
        set,
        changed(plan.values, (v, i) => v + (i === at ? 1e-4 : 0)),
        { horizon },
      );
    },
    "off by one step": ({ model, plan }) => {
      const longer = toTypedArray(
        robustValueIteration(model, set, { horizon: horizon + 1 }).values,
      );
      return certifyValues(
        model,
        set,
        changed(plan.values, (v, i) => (i < 20 * horizon ? longer[i] : v)),
        { horizon },
      );
    },
    "values of a policy with one wrong action": ({ seed, model, plan }) => {
      const at = pick(seed, "cell", 20 * horizon);
      const policy = changed(plan.policy, (a, i) => (i === at ? (a + 1) % 3 : a));
      return certifyValues(
        model,
        set,
        robustPolicyEvaluation(model, set, policy, { horizon }).values,
        { horizon },
      );
    },
  },
};

const sigma = [0.1, 0.3];
const another = { note: "the others are equilibria of the true game as well" };
const gap = (notion) => ({
  certificate: `robustGap, ${notion}`,
  given: "DR-NVI on random games of two players, 3 × 3 actions, 3 states, 3 steps",
  make(seed) {
    const game = randomMarkovGame(key(seed), { numStates: 3, numActions: [3, 3], horizon: 3 });
    return { seed, game, solved: drNvi(game, sigma, { solutionConcept: notion }) };
  },
  honest: ({ solved }) => solved.certificate,
  faults: {
    "1 % of the play is at random": ({ game, solved }) => robustGap(game, sigma, noisy(solved.policy, 0.01), notion).certificate,
    "actions of the first player renumbered at one state": ({ seed, game, solved }) => {
      const state = pick(seed, "state", 3);
      const p = toTypedArray(solved.policy);
      // only the first step: its state is where gains are counted
      return robustGap(game, sigma, changed(solved.policy, (v, i) => (i >= 9 * state && i < 9 * (state + 1) ? p[9 * state + ((i - 9 * state + 3) % 9)] : v)), notion).certificate;
    },
    "rewards of the players swapped": ({ game }) => {
      const rewards = toTypedArray(game.rewards);
      const half = rewards.length / 2;
      const other = { ...game, rewards: changed(game.rewards, (_, i) => rewards[(i + half) % rewards.length]) };
      return robustGap(game, sigma, drNvi(other, sigma, { solutionConcept: notion }).policy, notion).certificate;
    },
    "solved on 50 samples of each transition": {
      damage: ({ seed, game, solved }) => heldAgainst(game, solved, drNvi(empiricalGame(key(seed), game, 50), sigma, { solutionConcept: notion }).policy, notion),
      ...another,
    },
    "solved for radii 0.4 and 0.6 instead of 0.1 and 0.3": {
      damage: ({ game, solved }) => heldAgainst(game, solved, drNvi(game, [0.4, 0.6], { solutionConcept: notion }).policy, notion),
      ...another,
    },
  },
}); // prettier-ignore

/** The certificate of another policy; none where the damage led to the same one, as it does when every stage has one pure equilibrium. */
function heldAgainst(game, solved, policy, notion) {
  const right = toTypedArray(solved.policy);
  if (toTypedArray(policy).every((p, i) => Math.abs(p - right[i]) < 1e-9)) return undefined;
  return robustGap(game, sigma, policy, notion).certificate;
}

/** Every player plays at random with some probability: marginals of 3 actions each, so that a product stays one. */
function noisy(policy, share) {
  const p = toTypedArray(policy);
  const marginal = (i, own) => {
    const cell = i - (i % 9);
    return [0, 1, 2].reduce(
      (sum, k) => sum + p[cell + (own === 0 ? 3 * Math.floor((i % 9) / 3) + k : 3 * k + (i % 3))],
      0,
    );
  };
  return changed(
    policy,
    (v, i) =>
      (1 - share) ** 2 * v +
      (share * (1 - share) * (marginal(i, 0) + marginal(i, 1))) / 3 +
      share ** 2 / 9,
  );
}

const size = { numStates: 8, numActions: 3, dimension: 4, horizon: 4 };
const lucky = { note: "the others are lower bounds all the same" };
const offline = (which) => ({
  certificate: `certifyOffline, ${which}`,
  given: "DROP from 2000 episodes of random linear processes, radius 0.2",
  make(seed) {
    const model = randomLinearMdp(key(seed), size);
    const data = collectOfflineData(foldIn(key(seed), "data"), model, { numEpisodes: 2000 });
    return {
      seed,
      model,
      data,
      certify: (result, truth = model) => certifyOffline(result, truth, 0.2)[which],
    };
  },
  honest: ({ model, data, certify }) => certify(drop(data, model.features, { radius: 0.2 })),
});

export default [
  values,
  policyValues,
  plans,
  finite,
  games,
  ...["nash", "ce", "cce"].map(gap),
  {
    ...offline("subOptimality"),
    faults: {
      "mis-signed rewards": ({ model, data, certify }) =>
        certify(drop({ ...data, rewards: changed(data.rewards, (r) => -r) }, model.features, { radius: 0.2 })),
      "actions of the data shifted by one": {
        damage: ({ model, data, certify }) =>
          certify(drop({ ...data, actions: changed(data.actions, (a) => (a + 1) % 3) }, model.features, { radius: 0.2 })),
        note: "else the loss stays below the tolerance, 5 % of the horizon",
      },
      "a policy drawn at random": ({ seed, model, data, certify }) => {
        const result = drop(data, model.features, { radius: 0.2 });
        return certify({ ...result, policy: randint(key(seed), 0, 3, [...result.policy.shape]) });
      },
    },
  },
  {
    ...offline("pessimism"),
    faults: {
      "no penalty and no ridge, 60 episodes": {
        damage: ({ model, seed, certify }) => {
          const few = collectOfflineData(foldIn(key(seed), "few"), model, { numEpisodes: 60 });
          return certify(drop(few, model.features, { radius: 0.2, pessimism: 0, ridge: 1e-6 }));
        },
        ...lucky,
      },
      "planned for radius 0, promised for 0.2": ({ model, data, certify }) => certify(drop(data, model.features, { radius: 0, pessimism: 0 })),
      "rewards shuffled": {
        damage: ({ seed, model, data, certify }) =>
          certify(drop({ ...data, rewards: shuffle(seed, data.rewards) }, model.features, { radius: 0.2 })),
        ...lucky,
      },
      "values of one step too many": ({ model, data, certify }) => {
        const result = drop(data, model.features, { radius: 0.2 });
        return certify({ ...result, values: changed(result.values, (v) => v + 1) });
      },
      "the test model pays a tenth less": ({ model, data, certify }) =>
        certify(drop(data, model.features, { radius: 0.2, pessimism: 0.02 }), linearMdp({ ...model, rewards: changed(model.rewards, (r) => 0.9 * r) })),
    },
  },
  {
    certificate: "drop",
    given: "DROP from 2000 episodes of random linear processes, radius 0.2",
    make: offline("subOptimality").make,
    honest: ({ model, data }) => drop(data, model.features, { radius: 0.2 }).certificate,
    faults: {
      "the penalty of the theory, which exceeds every value": ({ model, data }) =>
        drop(data, model.features, { radius: 0.2, pessimism: "theory" }).certificate,
      "mis-signed rewards": ({ model, data }) =>
        drop({ ...data, rewards: changed(data.rewards, (r) => -r) }, model.features, { radius: 0.2 }).certificate,
      "next states shuffled": {
        damage: ({ seed, model, data }) => drop({ ...data, nextStates: shuffle(seed, data.nextStates) }, model.features, { radius: 0.2 }).certificate,
        note: "nothing but the data is known here; `certifyOffline` holds the policy against a model",
      },
      "values raised by 1 after the run": {
        damage({ model, data }) {
          const result = drop(data, model.features, { radius: 0.2 });
          return { ...result, values: changed(result.values, (v) => v + 1) }.certificate;
        },
        note: "it was made with the values; `certifyOffline` holds values and policy against a model, and sees it",
      },
    },
  },
]; // prettier-ignore
