// Planning when, with some probability, the world does the worst it can: three hundred robust sweeps as one program.
//   node examples/compiled/robust-value-iteration.mjs [js|wasm|webgpu|webasm|auto]
// With contamination ρ the worst model of a row p is (1 − ρ) p plus all the rest on the worst state, so that
// v ← max_a r(s, a) + γ ((1 − ρ) P v + ρ min v).
import {
  abs,
  add,
  array,
  item,
  matmul,
  max,
  min,
  mul,
  reshape,
  sub,
  toTypedArray,
} from "@provably/core-tensor";
import { compile, scan } from "@provably/core-tensor/compile";
import { key, uniform } from "@provably/core-tensor/random";
import { timed, whenStarted } from "./device.mjs";

const DISCOUNT = 0.95;

/** A random world: few likely successors for each state and action. */
export function world(states, actions) {
  const p = toTypedArray(uniform(key("transitions"), [states * actions, states])).map(
    (u) => u ** 20,
  );
  for (let row = 0; row < states * actions; row++) {
    const line = p.subarray(row * states, (row + 1) * states);
    const total = line.reduce((a, b) => a + b, 0);
    for (let s = 0; s < states; s++) line[s] /= total;
  }
  return {
    transition: array(p, { shape: [states * actions, states] }),
    reward: uniform(key("rewards"), [states, actions]),
  };
}

function sweep({ transition, reward }, contamination, v) {
  const [states, actions] = reward.shape;
  const expected = reshape(matmul(transition, reshape(v, [states, 1])), [states, actions]);
  const worst = add(mul(sub(1, contamination), expected), mul(contamination, min(v)));
  return max(add(reward, mul(DISCOUNT, worst)), { axis: 1 });
}

/** Values after `numSweeps` sweeps from zero, and the largest change of one more. */
export function robustValues(mdp, contamination, start, numSweeps) {
  const [values] = scan((v) => [sweep(mdp, contamination, v), null], start, null, {
    length: numSweeps,
  });
  return { values, residual: max(abs(sub(sweep(mdp, contamination, values), values))) };
}

export async function planRobustly(
  device,
  { states = 300, actions = 4, numSweeps = 300, calls = 2 } = {},
) {
  const run = compile(robustValues, { device });
  const mdp = world(states, actions);
  const start = array(new Float32Array(states));
  const solve = (contamination) => () => run(mdp, array(contamination), start, numSweeps);
  const { first, next, result } = await timed(solve(0.1), calls);
  const nominal = await solve(0)();
  return {
    first,
    next,
    residual: item(result.residual),
    robust: item(min(result.values)),
    nominal: item(min(nominal.values)),
  };
}

await whenStarted(import.meta.url, async (device, name) => {
  const { first, next, residual, robust, nominal } = await planRobustly(device);
  return [
    `${name}: first run ${first.toFixed(0)} ms, then ${next.toFixed(1)} ms for 300 sweeps over 300 states and 4 actions`,
    `one more sweep changes a value by at most ${residual.toExponential(1)}`,
    `value of the worst state: ${nominal.toFixed(3)} if the model is right, ${robust.toFixed(3)} if it fails one time in ten`,
  ].join("\n");
});
