/** Policies as functions of one flat vector of parameters: tables, features, and networks alike. */
import {
  DTypeError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
  toTypedArray,
  type Tree,
  treeLeaves,
  treeMap,
  vjp,
} from "@provably/core-tensor";
import {
  anyFunction,
  anything,
  check,
  recordWith,
  show,
  within,
} from "@provably/core-tensor/internal";
import { finite } from "../arrays.js";
import { type FlatProblem, type Hyperparameters, evaluate, logPolicyOf } from "../exact/problem.js";

/**
 * A class of policies $\pi_\theta(y \mid x) \propto \pi_{\mathrm{ref}}(y \mid x)\, e^{s_\theta(x, y)/\beta}$.
 * @category Policies
 */
export interface FinitePolicy<P> {
  /** Parameters to start from, a tree of arrays. */
  readonly init: P;
  /** Scores $s_\theta$, [X, Y], in units of reward; a pure function of operations on arrays. */
  readonly scores: (params: P) => NdArray;
}

/** What training needs of a class of policies. */
export interface PolicyModel {
  readonly dimension: number;
  /** Parameters to start from. */
  readonly start: Float64Array;
  /** The objective on a problem; writes its gradient. */
  readonly evaluate: (
    problem: FlatProblem,
    hyperparameters: Hyperparameters,
    theta: Float64Array,
    gradient: Float64Array,
  ) => number;
  readonly logPolicy: (problem: FlatProblem, theta: Float64Array, beta: number) => Float64Array;
}

/** The log-linear class of a problem: a table of rewards, or features. */
export function linearModel({ dimension }: FlatProblem): PolicyModel {
  return { dimension, start: new Float64Array(dimension), evaluate, logPolicy: logPolicyOf };
}

/** Parameters of a network as one vector, and back. */
export interface FlatTree<P> {
  readonly dimension: number;
  readonly flatten: (params: P) => Float64Array;
  readonly restore: (theta: Float64Array) => P;
}

/** Reads the shapes and dtypes of a tree of float arrays. */
export function flatTree<P>(fn: string, name: string, init: P): FlatTree<P> {
  const leaves = within(`${fn}: ${name}`, () => treeLeaves(init as Tree));
  leaves.forEach((leaf, i) => {
    if (!leaf.dtype.startsWith("float"))
      throw new DTypeError(`${fn}: ${name} must hold float arrays, got ${leaf.dtype} as leaf ${i}`);
  });
  const dimension = leaves.reduce((sum, { size }) => sum + size, 0);
  return {
    dimension,
    flatten: (params) => {
      const theta = new Float64Array(dimension);
      let at = 0;
      for (const leaf of treeLeaves(params)) {
        theta.set(toTypedArray(array(leaf, { dtype: "float64" })), at);
        at += leaf.size;
      }
      return theta;
    },
    restore: (theta) => {
      let at = 0;
      const next = (leaf: NdArray): NdArray =>
        array(theta.slice(at, (at += leaf.size)), { shape: leaf.shape, dtype: leaf.dtype });
      return treeMap(next, init as Tree) as P;
    },
  };
}

/** A user's own class of policies, through automatic differentiation. */
export function networkModel<P>(
  fn: string,
  policy: FinitePolicy<P>,
  shape: readonly [number, number],
): PolicyModel & { readonly tree: FlatTree<P> } {
  check(fn, "policy", policy, recordWith({ init: anything, scores: anyFunction }));
  const tree = flatTree(fn, "policy.init", policy.init);
  const table = (scores: unknown): Float64Array => {
    if (!isNdArray(scores))
      throw new DTypeError(`${fn}: policy.scores must give an array, got ${show(scores)}`);
    if (scores.shape.join() !== shape.join())
      throw new ShapeError(
        `${fn}: policy.scores must give shape [${shape.join(", ")}], got [${scores.shape.join(", ")}]`,
      );
    return finite(fn, "policy.scores", scores);
  };
  return {
    tree,
    dimension: tree.dimension,
    start: tree.flatten(policy.init),
    evaluate: (problem, hyperparameters, theta, gradient) => {
      const [scores, pullback] = vjp((p: P) => policy.scores(p), tree.restore(theta));
      const rewards = table(scores);
      const slope = new Float64Array(rewards.length);
      const value = evaluate(problem, hyperparameters, rewards, slope);
      const { dtype } = scores;
      const [params] = pullback(array(slope, { shape: [...shape], dtype, copy: false }));
      gradient.set(tree.flatten(params as P));
      return value;
    },
    logPolicy: (problem, theta, beta) =>
      logPolicyOf(problem, table(policy.scores(tree.restore(theta))), beta),
  };
}
