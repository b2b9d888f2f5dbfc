/** Whether the convex objectives of preferences have a minimum at finite rewards. */

import { sigmoid } from "../numerics.js";
import { balanceOf } from "./balance.js";
import {
  type FlatProblem,
  type Hyperparameters,
  evaluate,
  logPolicyOf,
  rewardsOf,
} from "./problem.js";

/**
 * Whether a pessimistic objective, or the likelihood (α = 0), attains its minimum.
 *
 * For tables exactly: rewards can only run away along a direction in which no loser overtakes its winner, and no response those of the calibration policy.
 * There is none that changes anything when all of these comparisons lie on cycles. With features by what the parameters say: that they explain
 * every pair, or, once the gradient is small, whether they lie where a minimum can be.
 *
 * @see Ford (1957), "Solution of a ranking problem from binary comparisons", for tables; Albert, Anderson (1984), "On the existence of maximum likelihood
 * estimates in logistic regression models"
 */
export function attainsMinimum(
  problem: FlatProblem,
  hyperparameters: Hyperparameters,
  theta: Float64Array,
): boolean {
  if (problem.features === undefined) return onCycles(problem, hyperparameters.alpha);
  const rewards = rewardsOf(problem, theta);
  const { chosen, rejected } = problem.pairs;
  const explained = chosen.every((a, k) => rewards[a]! > rewards[rejected[k]!]!);
  if (hyperparameters.alpha === 0 && chosen.length > 0 && explained) return false;
  return balanced(problem, hyperparameters, theta);
}

function onCycles(
  { prompts, responses, pairs, calibration, rho }: FlatProblem,
  alpha: number,
): boolean {
  const cells = prompts * responses;
  const [from, to] = [[...pairs.rejected], [...pairs.chosen]];
  if (alpha > 0)
    for (let k = 0; k < cells; k++) {
      const x = Math.floor(k / responses);
      if (rho[x] === 0) continue;
      // every response is below a node of the prompt, and that below those of the calibration policy
      from.push(k);
      to.push(cells + x);
      if (calibration[k] === 0) continue;
      from.push(cells + x);
      to.push(k);
    }
  const component = components(cells + prompts, from, to);
  return from.every((u, e) => component[u] === component[to[e]!]);
}

/** Strongly connected components, by a search forwards and one backwards. */
function components(nodes: number, from: readonly number[], to: readonly number[]): Int32Array {
  const neighbours = (a: readonly number[], b: readonly number[]): number[][] => {
    const lists = Array.from({ length: nodes }, (): number[] => []);
    a.forEach((u, e) => lists[u]!.push(b[e]!));
    return lists;
  };
  const [after, before] = [neighbours(from, to), neighbours(to, from)];
  const order: number[] = [];
  const seen = new Uint8Array(nodes);
  for (let root = 0; root < nodes; root++) {
    if (seen[root]) continue;
    seen[root] = 1;
    const path = [root];
    const next = [0];
    while (path.length > 0) {
      const u = path[path.length - 1]!;
      const v = after[u]![next[next.length - 1]!++];
      if (v === undefined) {
        order.push(u);
        path.pop();
        next.pop();
      } else if (!seen[v]) {
        seen[v] = 1;
        path.push(v);
        next.push(0);
      }
    }
  }
  const component = new Int32Array(nodes).fill(-1);
  for (const root of order.reverse()) {
    if (component[root] !== -1) continue;
    component[root] = root;
    const todo = [root];
    for (let u = todo.pop(); u !== undefined; u = todo.pop())
      for (const v of before[u]!)
        if (component[v] === -1) {
          component[v] = root;
          todo.push(v);
        }
  }
  return component;
}

/**
 * A minimum is where positive weights of the pairs, and positive probabilities, balance. Those of the last iterate nearly do; if a change of each by at most
 * one half makes them balance, a minimum exists. Along a direction that runs away they must vanish.
 */
function balanced(
  problem: FlatProblem,
  hyperparameters: Hyperparameters,
  theta: Float64Array,
): boolean {
  const { dimension: d, features, pairs, prompts, responses, rho } = problem;
  const { alpha, beta } = hyperparameters;
  const gradient = new Float64Array(d);
  evaluate(problem, hyperparameters, theta, gradient);
  const size = (x: Float64Array): number => x.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  // a search that has not ended tells nothing
  if (size(gradient) > 1e-6) return true;
  const rewards = rewardsOf(problem, theta);
  const policy = logPolicyOf(problem, theta, beta).map(Math.exp);
  const feature = (cell: number): Float64Array => features!.subarray(cell * d, (cell + 1) * d);
  const directions: { readonly v: Float64Array; readonly weight: number }[] = pairs.counts.map(
    (count, k) => {
      const [a, b] = [pairs.chosen[k]!, pairs.rejected[k]!];
      const other = feature(b);
      return {
        v: feature(a).map((f, i) => f - other[i]!),
        weight: (count / pairs.total) * sigmoid(rewards[b]! - rewards[a]!),
      };
    },
  );
  if (alpha > 0)
    for (let x = 0; x < prompts; x++) {
      const mean = new Float64Array(d);
      for (let k = x * responses; k < (x + 1) * responses; k++)
        feature(k).forEach((f, i) => (mean[i]! += policy[k]! * f));
      for (let k = x * responses; k < (x + 1) * responses; k++)
        directions.push({
          v: feature(k).map((f, i) => f - mean[i]!),
          weight: alpha * rho[x]! * policy[k]!,
        });
    }
  const matrix = new Float64Array(d * d);
  for (const { v, weight } of directions)
    for (let i = 0; i < d; i++)
      if (v[i] !== 0) for (let j = 0; j < d; j++) matrix[i * d + j]! += weight * v[i]! * v[j]!;
  const { change, left, scale } = balanceOf(
    matrix,
    gradient.map((g) => -g),
    1e-14,
  );
  return (
    size(left) <= Math.max(0.1 * size(gradient), 1e-15 * scale) &&
    directions.every(({ v }) => Math.abs(v.reduce((sum, f, i) => sum + f * change[i]!, 0)) <= 0.5)
  );
}
