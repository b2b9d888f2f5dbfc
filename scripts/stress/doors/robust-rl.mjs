// Faults at the door of robust-rl; the format is told at the head of ../doors.mjs. Truth is by hand or by closed form.
import { array, toTypedArray } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  bimatrixNash,
  certifyNash,
  certifyPlan,
  chiSquare,
  correlatedEquilibrium,
  drop,
  evaluatePolicy,
  garnet,
  interval,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  linearMdp,
  linearProgrammingMdp,
  logFromArrays,
  logFromCsv,
  markovGame,
  mdp,
  mdpFromGymnasium,
  nashEquilibria,
  occupancyMeasure,
  planFromLog,
  pureNash,
  randomLinearMdp,
  readEfg,
  readNfg,
  robustAverageReward,
  robustGap,
  robustPolicyEvaluation,
  robustValueIteration,
  sRectangularL1,
  shortestPath,
  simulate,
  totalVariation,
  transitionLog,
  valueIteration,
  wasserstein,
  worstCaseKernel,
  zeroSumEquilibrium,
} from "@provably/robust-rl";

const near = (x, y, tolerance = 1e-7) => {
  const [a, b] = [x, y].map((v) => (typeof v === "number" ? [v] : Array.from(toTypedArray(array(v, { dtype: "float64" })))));
  return a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) <= tolerance * Math.max(1, Math.abs(b[i])));
}; // prettier-ignore

const discount = 0.9;
const values = ({ values }) => values;
const planRight = (truth) => (plan) => near(values(plan), truth);
const planCertificates = ({ certificate }) => certificate;
/** Two states: a coin in the first, the second absorbs. */
const coin = { shape: [2, 1, 2], rowPointers: [0, 2, 3], columns: [0, 1, 1], probabilities: [0.5, 0.5, 1] }; // prettier-ignore
/** The same with the successors of the first row in other order, one of them in two parts, and one without mass. */
const scrambled = { shape: [2, 1, 2], rowPointers: [0, 3, 5], columns: [1, 0, 1, 0, 1], probabilities: [0.25, 0.5, 0.25, 0, 1] }; // prettier-ignore
const onArrival = [[[0, 10]], [[0, 1]]];
// V(1) = 1 + .9 V(1) = 10; V(0) = .5 (.9 V(0)) + .5 (10 + .9 · 10), so V(0) = 9.5 / .55
const arrived = [9.5 / 0.55, 10];

/** Worth of the coin's first state when nature plays a share q on state `to`: rewards [S, A] of 1 and 0, so V(1) = 0 and V(0) = 1 / (1 − .9 (1 − q)). */
const flipped = (q) => [1 / (1 - discount * (1 - q)), 0];
const paid = [[1], [0]];

const sparsePlan = (kind, given, transitions, rewards, set, truth, more = {}) => ({
  kind: "storage form",
  given,
  give: () => robustValueIteration(mdp({ transitions, rewards, ...more }), set, { discount, tolerance: 1e-9 }),
  right: planRight(truth),
  certificates: planCertificates,
  outcome: "right",
  ...kind,
}); // prettier-ignore

const cube = [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]; // prettier-ignore
const dilemma = [[[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]]; // prettier-ignore
/** The row player's second row is worth a little less everywhere. */
const dominated = (scale) => [[[1, 1], [1 - 1e-9, 1 - 1e-9]], [[scale, 0], [0, scale]]]; // prettier-ignore
const playsFirst = ({ equilibria }) => equilibria.length > 0 && equilibria.every(({ x }) => x.get(0) === 1); // prettier-ignore
const big = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => Number(i === j))); // prettier-ignore
const valueOf = (set) =>
  robustValueIteration(mdp({ transitions: coin, rewards: paid }), set, { discount });
const linear = () =>
  randomLinearMdp(key(0), { numStates: 3, numActions: 2, dimension: 2, horizon: 2 });

const option = (given, give, says) => ({
  kind: "option",
  given,
  give,
  says,
  right: () => false,
  outcome: "refused",
});
const argument = (given, give, says) => ({ kind: "argument", given, give, says, right: () => false, outcome: "refused" }); // prettier-ignore

export default [
  // storage
  sparsePlan({}, "sparse transitions with rewards [S, A, S]", coin, onArrival, totalVariation(0), arrived),
  sparsePlan({}, "sparse rewards, one for each entry of the transitions", coin, { entries: [0, 10, 1] }, totalVariation(0), arrived),
  sparsePlan({}, "repeated and unsorted columns, an entry of probability 0, rewards [S, A, S]", scrambled, onArrival, totalVariation(0), arrived),
  sparsePlan({}, "rewards [S], for being in a state", coin, [1, 0], totalVariation(0), flipped(0.5)),
  sparsePlan({}, "repeated columns under an L2 ball: the mass moves as if listed once", scrambled, paid, l2Ball(0.1 * Math.SQRT2), flipped(0.6)),
  sparsePlan({}, "weights of an L1 ball by state, columns in other order", scrambled, paid, l1Ball(0.4, { weights: [1, 3], support: "nominal" }), flipped(0.6)),
  sparsePlan({}, "weights of an L1 ball by state, nature may go anywhere", scrambled, paid, l1Ball(0.4, { weights: [1, 3] }), flipped(0.6)),
  sparsePlan({}, "an L∞ ball on sparse rows", scrambled, paid, lInfBall(0.1), flipped(0.6)),
  sparsePlan({}, "a Wasserstein ball on sparse rows", scrambled, paid, wasserstein(0.1, { cost: [[0, 1], [1, 0]] }), flipped(0.6)),
  sparsePlan({}, "bounds on sparse rows", scrambled, paid, interval([[[0, 0.6]], [[0, 1]]], [[[1, 0.7]], [[0, 1]]]), flipped(0.7)),
  sparsePlan({}, "chi-square on a state that has no mass: it stays without", scrambled, paid, chiSquare(0.04), flipped(0.6)),
  sparsePlan({}, "a shared L1 budget on sparse rows", scrambled, paid, sRectangularL1(0.2), flipped(0.6)),
  {
    kind: "storage form",
    given: "sparse rewards of entries where nature may go beyond them",
    give: () => robustValueIteration(mdp({ transitions: coin, rewards: { entries: [0, 10, 1] } }), totalVariation(0.1), { discount }),
    says: "rewards.entries do not say",
    right: () => false,
    outcome: "refused",
  },
  {
    kind: "storage form",
    given: "sparse transitions in plain lists and in Float32Array",
    give: () => mdp({ transitions: { ...coin, probabilities: Float32Array.from(coin.probabilities) }, rewards: paid }),
    right: (model) => near(evaluatePolicy(model, [0, 0], { discount }).values, flipped(0.5)),
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "a linear program of sparse transitions with rewards on arrival",
    give: () => linearProgrammingMdp(mdp({ transitions: scrambled, rewards: onArrival }), { discount }),
    right: planRight(arrived),
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "visits of a policy in sparse transitions",
    give: () => occupancyMeasure(mdp({ transitions: scrambled, rewards: paid }), [0, 0], { discount, start: [1, 0] }),
    right: (d) => near(d, [[1 / 0.55], [10 - 1 / 0.55]]),
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "simulated returns of sparse rewards on arrival",
    give: () => simulate(key(0), mdp({ transitions: { ...coin, rowPointers: [0, 1, 2], columns: [1, 1], probabilities: [1, 1] }, rewards: onArrival }), [0, 0], { numEpisodes: 2, numSteps: 2, start: [1, 0] }),
    right: (returns) => near(returns, [11, 11]),
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "the worst kernel of sparse transitions",
    give: () => worstCaseKernel(mdp({ transitions: scrambled, rewards: paid }), totalVariation(0.1), [4, 0]),
    right: (kernel) => near(kernel, [[[0.4, 0.6]], [[0, 1]]]),
    outcome: "right",
  },
  // the order of axes
  argument("transitions [n, n, n], which may be [S, A, S] or [A, S, S]", () => mdp({ transitions: cube, rewards: [1, 0] }), 'axes: "ASS"'),
  {
    kind: "storage form",
    given: "toolbox arrays, transitions [A, S, S] and rewards [A, S, S], by name",
    give: () => valueIteration(mdp({ transitions: [[[0.5, 0.5], [0, 1]]], rewards: [[[0, 10], [0, 1]]], axes: "ASS" }), { discount, tolerance: 1e-9 }),
    right: planRight(arrived),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "toolbox arrays with as many actions as states, by name",
    // action 0 stays, action 1 changes places; only state 1 pays
    give: () => valueIteration(mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [1, 0]]], rewards: [0, 1], axes: "ASS" }), { discount, tolerance: 1e-9 }),
    right: planRight([9, 10]),
    certificates: planCertificates,
    outcome: "right",
  },
  argument("rewards [n, n, n], on arrival or by the step", () => mdp({ transitions: cube, axes: "SAS", rewards: cube }), "rewardAxes"),
  argument("a policy [2, 2] over two steps: actions or probabilities", () => robustPolicyEvaluation(mdp({ transitions: cube, rewards: [1, 0], axes: "SAS" }), totalVariation(0), [[0, 1], [1, 0]], { horizon: 2 }), "actions [H, S] or probabilities [S, A]"),
  // numbers
  argument("a row of float32 thirds", () => mdp({ transitions: [[Float32Array.of(1 / 3, 1 / 3, 1 / 3)], [[0, 1, 0]], [[0, 0, 1]]].map((rows) => rows.map((row) => Array.from(row))), rewards: [0, 0, 0] }), "normalize()"),
  argument("a probability of −0.1", () => mdp({ transitions: [[[1.1, -0.1]], [[0, 1]]], rewards: paid }), "must be a probability"),
  argument("a forbidden action as a reward of −∞", () => mdp({ transitions: [[[1]]], rewards: [[-Infinity]] }), "state 0 has none"),
  argument("P and R instead of transitions and rewards", () => mdp({ P: [[[1]]], R: [[1]] }), "transitions"),
  argument("columns that are no states", () => mdp({ transitions: { ...coin, columns: [0, 0.5, 1] }, rewards: paid }), "columns[1]"),
  argument("another's process with rows that do not sum to 1", () => valueIteration({ ...mdp({ transitions: [[[1]]], rewards: [[1]] }), transitions: array([[[0.5]]], { dtype: "float64" }) }, { discount }), "must sum to 1"),
  // step conventions
  {
    kind: "step convention",
    given: "a discount together with a horizon",
    give: () => valueIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { discount: 0.5, horizon: 3 }),
    right: planRight([[1.75], [1.5], [1], [0]]),
    certificates: planCertificates,
    outcome: "right",
  },
  argument("a discount of 1 without a horizon", () => valueIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { discount: 1 }), "discount must lie in [0, 1)"),
  argument("more steps than the process has", () => robustPolicyEvaluation(mdp({ transitions: [[[1]]], rewards: [[[1]], [[1]]], rewardAxes: "HSA" }), totalVariation(0), [0], { horizon: 3 }), "longer than the 2 steps"),
  {
    kind: "step convention",
    given: "a plan that ran out of iterations",
    give: () => valueIteration(mdp({ transitions: [[[0, 1]], [[1, 0]]], rewards: [[1], [0]] }), { discount: 0.999, maxIterations: 10 }),
    right: planRight([1 / (1 - 0.999 ** 2), 0.999 / (1 - 0.999 ** 2)]),
    certificates: planCertificates,
    outcome: "seen",
  },
  // certificates of plans
  {
    kind: "storage form",
    given: "right values with a policy that does not attain them",
    give: () => certifyPlan(mdp({ transitions: [[[1], [1]]], rewards: [[1, 0]] }), totalVariation(0), { values: [10], policy: [1] }, { discount }),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  {
    kind: "storage form",
    given: "the plan of another reward order than the process",
    give: () => {
      const plan = valueIteration(mdp({ transitions: coin, rewards: [[0], [10]] }), { discount });
      return certifyPlan(mdp({ transitions: coin, rewards: [[10], [0]] }), totalVariation(0), plan, { discount });
    },
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  // scales of games
  ...[1, 1e6, 1e9, 1e12].map((scale) => ({
    kind: "scale",
    given: `a row dominated by 10⁻⁹ where the column player plays for ${scale}`,
    give: () => bimatrixNash(...dominated(scale)),
    right: playsFirst,
    certificates: planCertificates,
    outcome: "right",
  })),
  {
    kind: "scale",
    given: "payoffs of ±10³⁰⁸",
    give: () => bimatrixNash([[1e308, -1e308], [-1e308, 1e308]], [[-1e308, 1e308], [1e308, -1e308]]),
    right: ({ equilibria }) => equilibria.length === 1 && near(equilibria[0].x, [0.5, 0.5]) && near(equilibria[0].payoffs, [0, 0]),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "scale",
    given: "a zero-sum game with payoffs of ±10³⁰⁸",
    give: () => zeroSumEquilibrium([[1e308, -1e308], [-1e308, 1e308]]),
    right: ({ value, x }) => Math.abs(value) <= 1e293 && near(x, [0.5, 0.5]),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "scale",
    given: "matching pennies, one player's payoffs moved by 10¹²",
    give: () => bimatrixNash([[1e12 + 1, 1e12 - 1], [1e12 - 1, 1e12 + 1]], [[-1, 1], [1, -1]], { method: "support-enumeration" }),
    right: ({ equilibria }) => equilibria.length === 1 && near(equilibria[0].y, [0.5, 0.5]),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "scale",
    given: "pennies for 1 against dollars for 10⁹, any number of players",
    give: () => nashEquilibria([[[1, -1], [-1, 1]], [[-1e9, 1e9], [1e9, -1e9]]]),
    right: (found) => found.length === 1 && near(found[0].strategies[0], [0.5, 0.5]),
    outcome: "right",
  },
  {
    kind: "scale",
    given: "a correlated equilibrium of the prisoners, one of them paid in 10⁻⁹",
    give: () => correlatedEquilibrium([dilemma[0].map((row) => row.map((u) => 1e-9 * u)), dilemma[1]]),
    right: ({ joint }) => near(joint, [[0, 0], [0, 1]]),
    outcome: "right",
  },
  {
    kind: "scale",
    given: "a strategy that loses a player everything, on the other's scale a billionth",
    give: () => certifyNash([[[1, 1], [0, 0]], [[1e9, 0], [0, 1e9]]], [[0, 1], [0, 1]]),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  argument("a game of 260 × 260 to enumerate", () => bimatrixNash(big(260), big(260)), "too many vertices"),
  {
    kind: "scale",
    given: "the pure equilibria of a game of 260 × 260",
    give: () => pureNash([big(260), big(260)]),
    right: (found) => found.length === 260 && found.every(([a, b]) => a === b),
    outcome: "right",
  },
  {
    kind: "code",
    given: "a mixture of two Nash policies, which is no product, held for Nash",
    give: () => robustGap(markovGame({ transitions: [[[[1], [1]], [[1], [1]]]], rewards: [[[[1, 0], [0, 1]]], [[[1, 0], [0, 1]]]], horizon: 1 }), 0, [[[[0.5, 0], [0, 0.5]]]], "nash"),
    right: () => false,
    certificates: planCertificates,
    outcome: "seen",
  },
  // options
  option("gamma instead of discount", () => valueIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { gamma: 0.9 }), 'did you mean "discount"'),
  option("maxIter instead of maxIterations", () => valueIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { discount, maxIter: 5 }), 'unknown option "maxIter"'),
  option("tol instead of tolerance", () => robustPolicyEvaluation(mdp({ transitions: [[[1]]], rewards: [[1]] }), totalVariation(0), [0], { discount, tol: 1 }), 'did you mean "tolerance"'),
  option("suport instead of support", () => totalVariation(0.1, { suport: "nominal" }), 'did you mean "support"'),
  option("states instead of numStates", () => garnet(key(0), { states: 3, numActions: 2, branching: 2 }), 'did you mean "numStates"'),
  option("steps instead of numSteps", () => simulate(key(0), mdp({ transitions: [[[1]]], rewards: [[1]] }), [0], { numEpisodes: 1, steps: 3 }), 'did you mean "numSteps"'),
  option("rho instead of radius", () => drop({}, linear().features, { rho: 0.1 }), 'did you mean "radius"'),
  option("theta instead of rewards", () => linearMdp({ features: [[[1]]], factors: [[[1]]], theta: [[1]] }), "rewards"),
  option("a radius as an option of a set", () => kullbackLeibler({ radius: 0.1 }), "radius"),
  argument(
    "a set written by hand without its parts",
    () => valueOf({ kind: "totalVariation", radius: 0.1 }),
    "set.leavesSupport",
  ),
  argument(
    "a set written by hand with a negative radius for one row",
    () => valueOf({ ...totalVariation(0.1), radius: array([[0.1], [-0.1]], { dtype: "float64" }) }),
    "radius[1]",
  ),
  // actions that a state does not have
  {
    kind: "storage form",
    given: "an action that a state does not have, whose filler would pay a million",
    give: () => valueIteration(mdp({ transitions: cube, rewards: [[1, 1e6], [0, 0]], axes: "SAS", rewardAxes: "SA", allowed: [[true, false], [true, true]] }), { discount, tolerance: 1e-9 }),
    right: planRight([10, 9]),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "a reward of −∞ for an action that a state does not have",
    give: () => valueIteration(mdp({ transitions: cube, rewards: [[1, -Infinity], [0, 0]], axes: "SAS", rewardAxes: "SA" }), { discount, tolerance: 1e-9 }),
    right: planRight([10, 9]),
    certificates: planCertificates,
    outcome: "right",
  },
  // files and logs
  argument("a game file whose sizes are only claimed", () => readNfg('NFG 1 R "" { "a" "b" } { 4000 4000 } 1 2'), "expected a payoff"),
  argument("a game tree that ends early", () => readEfg('EFG 2 R "" { "a" }\np "" 1 1 "x" { "l" "r" } 0\nt "" 1 { 1 }'), "line 3"),
  argument("an end that is asked for and not recorded", () => logFromArrays({ observations: [0, 1], actions: [0, 0], rewards: [0, 1], terminals: [0, 1] }, { endState: "recorded" }), 'endState "recorded" needs nextObservations'),
  argument("a shortest path where waiting is free and the end costs", () => shortestPath(mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[0, -1], [0, 0]], axes: "SAS" })), "a policy that never ends gains more"),
  argument("a log in text with an empty cell", () => logFromCsv("s,a,r,s_next,done\n0,0,1,,0\n"), "line 2"),
  argument("a log that goes on after its end", () => transitionLog({ states: [0, 1], actions: [0, 0], rewards: [0, 1], nextStates: [1, 0], done: [0, 1] }), 'endState: "own"'),
  {
    kind: "code",
    given: "flat arrays without next observations: the row at a timeout tells nothing",
    give: () => logFromArrays({ observations: [0, 0, 0, 0], actions: [0, 0, 0, 0], rewards: [1, 1, 1, 1], terminals: [0, 0, 0, 1], timeouts: [0, 1, 0, 0] }),
    right: ({ numDropped, states, nextStates }) => numDropped === 1 && states.length === 3 && near([...nextStates], [0, 0, 1]),
    outcome: "right",
  },
  {
    kind: "code",
    given: "a log with a pair that was never tried: it may lead anywhere",
    give: () => planFromLog(transitionLog({ states: [0, 0], actions: [0, 1], rewards: [1, 0], nextStates: [0, 1] }), { discount, radius: 0, tolerance: 1e-9 }).plan,
    right: planRight([10, 0]),
    certificates: planCertificates,
    outcome: "right",
  },
  {
    kind: "code",
    given: "a P table whose end has moves of its own",
    give: () => valueIteration(mdpFromGymnasium({ 0: { 0: [[1, 1, 1, true]] }, 1: { 0: [[1, 0, 7, false]] } }), { discount, tolerance: 1e-9 }),
    right: planRight([1, 0]),
    certificates: planCertificates,
    outcome: "right",
  },
  argument("a shortest path that pays for never ending", () => shortestPath(mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[1, -1], [0, 0]], axes: "SAS" })), "never ends"),
  argument("a robust average where the process falls apart", () => robustAverageReward(mdp({ transitions: [[[1, 0]], [[0, 1]]], rewards: [[1], [0]] }), totalVariation(0)), "classes of states"),
]; // prettier-ignore
