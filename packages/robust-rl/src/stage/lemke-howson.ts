/** The Lemke-Howson method with a lexicographic ratio test, which keeps it from cycling in degenerate games. */
import { SolverError } from "../lp/error.js";
import type { Game } from "./payoffs.js";

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

/** Brings a label into the basis; returns the label that leaves. */
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
    for (const column of [width - 1, ...Array.from({ length: rows }, (_, r) => slack + r)]) {
      const difference = data[i * width + column]! / a - data[leave * width + column]! / b;
      if (Math.abs(difference) <= 1e-12) continue;
      if (difference < 0) leave = i;
      break;
    }
  }
  if (leave < 0)
    throw new SolverError(
      "lemkeHowson: the path leaves the polytope, so payoffs differ too much in size for float64",
    );
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

/** One equilibrium of a game of two players, reached by dropping `label` first. */
export function lemkeHowson(game: Game, label: number): [Float64Array, Float64Array] {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  const { payoffs, joint } = game;
  const low = payoffs.reduce((a, b) => Math.min(a, b), Infinity);
  const positive = (player: number, a: number, b: number): number =>
    (payoffs[player * joint + a * k + b]! - low) / game.range + 1;
  // {x ≥ 0 : Bᵀx ≤ 1} and {y ≥ 0 : A y ≤ 1}
  const xs = side(k, m + k, m, (row, action) => (action < m ? positive(1, action, row) : 0));
  const ys = side(m, m + k, 0, (row, action) => (action >= m ? positive(0, row, action - m) : 0));
  let entering = label;
  let current = label < m ? xs : ys;
  for (let step = 0; step < 100_000; step++) {
    const left = enter(current, entering);
    if (left === label) return [strategy(xs, 0, m), strategy(ys, m, k)];
    entering = left;
    current = current === xs ? ys : xs;
  }
  throw new SolverError("lemkeHowson: no equilibrium after 100000 pivots");
}
