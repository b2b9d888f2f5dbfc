/** Markov chains: their recurrent classes, and what they pay on average. */
import { array } from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";

/** Classes of states that a chain [n, n] never leaves, each in ascending order. */
export function recurrentClasses(p: Float64Array, n: number): number[][] {
  return components(n, (s, visit) => {
    for (let t = 0; t < n; t++) if (p[s * n + t]! > 0) visit(t);
  }).filter((states) => {
    const inside = new Set(states);
    return states.every((s) => {
      for (let t = 0; t < n; t++) if (p[s * n + t]! > 0 && !inside.has(t)) return false;
      return true;
    });
  });
}

/** Strongly connected components by Tarjan's algorithm, without recursion. */
function components(
  n: number,
  successors: (s: number, visit: (t: number) => void) => void,
): number[][] {
  const next = Array.from({ length: n }, (_, s) => {
    const list: number[] = [];
    successors(s, (t) => list.push(t));
    return list;
  });
  const [index, low] = [new Int32Array(n).fill(-1), new Int32Array(n)];
  const open = new Uint8Array(n);
  const stack: number[] = [];
  const found: number[][] = [];
  let count = 0;
  for (let root = 0; root < n; root++) {
    if (index[root]! >= 0) continue;
    const path: { readonly s: number; at: number }[] = [{ s: root, at: 0 }];
    while (path.length > 0) {
      const here = path[path.length - 1]!;
      const { s } = here;
      if (here.at === 0) {
        index[s] = low[s] = count++;
        stack.push(s);
        open[s] = 1;
      }
      const t = next[s]![here.at++];
      if (t !== undefined) {
        if (index[t]! < 0) path.push({ s: t, at: 0 });
        else if (open[t]) low[s] = Math.min(low[s]!, index[t]!);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent) low[parent.s] = Math.min(low[parent.s]!, low[s]!);
      if (low[s] !== index[s]) continue;
      const states: number[] = [];
      let top: number;
      do {
        top = stack.pop()!;
        open[top] = 0;
        states.push(top);
      } while (top !== s);
      found.push(states.sort((a, b) => a - b));
    }
  }
  return found;
}

/** What a chain pays: a step on average from each state, and how much more in all than that average. */
export interface ChainWorth {
  /** $g = Pg$. */
  readonly gain: Float64Array;
  /** $h$ with $g + h = r + P h$ and $\mu h = 0$ for the stationary distribution μ of every recurrent class. */
  readonly bias: Float64Array;
  readonly numClasses: number;
}

export function worthOfChain(p: Float64Array, r: Float64Array): ChainWorth {
  const n = r.length;
  const [gain, bias] = [new Float64Array(n), new Float64Array(n)];
  const classes = recurrentClasses(p, n);
  const recurrent = new Uint8Array(n);
  for (const states of classes) {
    const { g, h } = worthOfClass(p, r, states);
    states.forEach((s, k) => {
      recurrent[s] = 1;
      gain[s] = g;
      bias[s] = h[k]!;
    });
  }
  const transient = [...recurrent.keys()].filter((s) => !recurrent[s]);
  if (transient.length === 0) return { gain, bias, numClasses: classes.length };
  const within = restricted(p, n, transient);
  const inflow = (of: Float64Array, s: number): number => {
    let sum = 0;
    for (let t = 0; t < n; t++) if (recurrent[t]) sum += p[s * n + t]! * of[t]!;
    return sum;
  };
  const k = transient.length;
  const gains = linear(
    within,
    k,
    Float64Array.from(transient, (s) => inflow(gain, s)),
  );
  transient.forEach((s, i) => (gain[s] = gains[i]!));
  const right = Float64Array.from(transient, (s) => r[s]! - gain[s]! + inflow(bias, s));
  linear(within, k, right).forEach((h, i) => (bias[transient[i]!] = h));
  return { gain, bias, numClasses: classes.length };
}

/** I − P among some states. */
function restricted(p: Float64Array, n: number, states: readonly number[]): Float64Array {
  const k = states.length;
  const out = new Float64Array(k * k);
  states.forEach((s, i) =>
    states.forEach((t, j) => (out[i * k + j] = (i === j ? 1 : 0) - p[s * n + t]!)),
  );
  return out;
}

const linear = (matrix: Float64Array, k: number, right: Float64Array): Float64Array =>
  flatNumbers(solve(array(matrix, { shape: [k, k] }), array(right)));

function worthOfClass(p: Float64Array, r: Float64Array, states: readonly number[]) {
  const k = states.length;
  const system = restricted(p, r.length, states);
  // the stationary distribution: the last balance equation follows from the others, the sum of 1 takes its place
  const balance = new Float64Array(k * k);
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++) balance[i * k + j] = i === k - 1 ? 1 : system[j * k + i]!;
  const one = new Float64Array(k);
  one[k - 1] = 1;
  const stationary = linear(balance, k, one);
  const g = states.reduce((sum, s, i) => sum + stationary[i]! * r[s]!, 0);
  // h of the first state is 0 for the moment, its column holds the gain
  for (let i = 0; i < k; i++) system[i * k] = 1;
  const h = linear(
    system,
    k,
    Float64Array.from(states, (s) => r[s]!),
  );
  h[0] = 0;
  const mean = h.reduce((sum, x, i) => sum + stationary[i]! * x, 0);
  return { g, h: h.map((x) => x - mean) };
}
