/** The Lemke-Howson method with the lexicographic rule, exactly where the game is small enough. */
import { SolverError } from "../lp/error.js";
import { dominatedActions } from "./dominance.js";
import { type Game, productOf, relativeRegrets } from "./payoffs.js";
import { type Dictionary, leaving, pivoted, pointOf } from "./polytope.js";
import { bestResponsePolytopes, unit } from "./vertex-enumeration.js";

/** Up to so many cells of the game every step is exact; up to the second number, when rounding has spoilt the path. */
const EXACT = 900;
const EXACT_AT_NEED = 10_000;
const MOST_PIVOTS = 100_000;

/** One equilibrium of a game of two players, reached by dropping `label` first. */
export function lemkeHowson(game: Game, label: number): [Float64Array, Float64Array] {
  if (game.joint <= EXACT) return exactPath(game, label);
  const found = roundedPath(game, label);
  if (found && isEquilibrium(game, found)) return found;
  if (game.joint <= EXACT_AT_NEED) return exactPath(game, label);
  throw new SolverError(
    `lemkeHowson: rounding spoils the path from label ${label} in a game of ${game.actions.join(" × ")} actions; try another label`,
  );
}

function isEquilibrium(game: Game, pair: [Float64Array, Float64Array]): boolean {
  return (
    relativeRegrets(game, productOf(pair), "constant").every((r) => r <= 1e-9) &&
    pair.every((strategy, i) => dominatedActions(game, i).every((a) => strategy[a] === 0))
  );
}

/** Integers all along. */
function exactPath(game: Game, label: number): [Float64Array, Float64Array] {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  const { xs, ys } = bestResponsePolytopes(game);
  // in y's dictionary the column player's actions come first
  const ofY = (v: number): number => (v < k ? m + v : v - k);
  const sides: [Dictionary, Dictionary] = [xs, ys];
  let [side, entering] = [label < m ? 0 : 1, label];
  for (let step = 0; step < MOST_PIVOTS; step++) {
    const at = sides[side]!;
    const column = at.others.findIndex((v) => (side === 0 ? v : ofY(v)) === entering);
    const row = leaving(at, column);
    const left = side === 0 ? at.basic[row]! : ofY(at.basic[row]!);
    sides[side] = pivoted(at, row, column);
    if (left === label) return [unit(pointOf(sides[0])), unit(pointOf(sides[1]))];
    [side, entering] = [1 - side, left];
  }
  throw new SolverError(`lemkeHowson: no equilibrium after ${MOST_PIVOTS} pivots`);
}

/** One best-response polytope in tableau form. Labels 0 … m − 1 are the row player's actions, m … m + k − 1 the column player's. */
interface Side {
  readonly rows: number;
  readonly width: number;
  readonly data: Float64Array;
  /** Label of the basic variable of each row. */
  readonly basis: Int32Array;
  /** First of the columns that began as the identity; the lexicographic order reads them. */
  readonly slack: number;
}

function side(
  rows: number,
  labels: number,
  slack: number,
  coefficient: (row: number, label: number) => number,
): Side {
  const width = labels + 1;
  const data = new Float64Array(rows * width);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < labels; j++)
      data[i * width + j] =
        j >= slack && j < slack + rows ? (j - slack === i ? 1 : 0) : coefficient(i, j);
    data[i * width + labels] = 1;
  }
  return {
    rows,
    width,
    data,
    basis: Int32Array.from({ length: rows }, (_, i) => slack + i),
    slack,
  };
}

/** Brings a label into the basis; returns the label that leaves, −1 when rounding leaves none. */
function enter({ rows, width, data, basis, slack }: Side, label: number): number {
  let leave = -1;
  for (let i = 0; i < rows; i++) {
    const a = data[i * width + label]!;
    if (a <= 1e-11) continue;
    if (leave < 0) {
      leave = i;
      continue;
    }
    const b = data[leave * width + label]!;
    // first the right-hand side, then the columns of the slacks
    for (let r = -1; r < rows; r++) {
      const column = r < 0 ? width - 1 : slack + r;
      const difference = data[i * width + column]! / a - data[leave * width + column]! / b;
      if (Math.abs(difference) <= 1e-12) continue;
      if (difference < 0) leave = i;
      break;
    }
  }
  if (leave < 0) return -1;
  const scale = 1 / data[leave * width + label]!;
  for (let j = 0; j < width; j++) data[leave * width + j]! *= scale;
  for (let i = 0; i < rows; i++) {
    const factor = data[i * width + label]!;
    if (i === leave || factor === 0) continue;
    for (let j = 0; j < width; j++) data[i * width + j]! -= factor * data[leave * width + j]!;
  }
  const left = basis[leave]!;
  basis[leave] = label;
  return left;
}

function strategy({ rows, width, data, basis }: Side, first: number, count: number): Float64Array {
  const x = new Float64Array(count);
  for (let i = 0; i < rows; i++) {
    const label = basis[i]! - first;
    if (label >= 0 && label < count) x[label] = Math.max(0, data[i * width + width - 1]!);
  }
  const total = x.reduce((sum, p) => sum + p, 0);
  return x.map((p) => p / total);
}

/** In doubles, each player's payoffs on its own scale; undefined when the path is lost. */
function roundedPath(game: Game, label: number): [Float64Array, Float64Array] | undefined {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  const { shares, joint } = game;
  const positive = (player: number, a: number, b: number): number =>
    shares[player * joint + a * k + b]! + 1;
  // {x ≥ 0 : Bᵀx ≤ 1} and {y ≥ 0 : A y ≤ 1}
  const xs = side(k, m + k, m, (row, action) => (action < m ? positive(1, action, row) : 0));
  const ys = side(m, m + k, 0, (row, action) => (action >= m ? positive(0, row, action - m) : 0));
  let entering = label;
  let current = label < m ? xs : ys;
  for (let step = 0; step < MOST_PIVOTS; step++) {
    const left = enter(current, entering);
    if (left < 0) return undefined;
    if (left === label) return [strategy(xs, 0, m), strategy(ys, m, k)];
    entering = left;
    current = current === xs ? ys : xs;
  }
  return undefined;
}
