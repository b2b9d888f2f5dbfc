// Two spirals, a network with one hidden layer, Adam: each training step is one call of one program.
//   node examples/compiled/training-loop.mjs [js|wasm|webgpu|webasm|auto]
import {
  add,
  array,
  argmax,
  asType,
  crossEntropy,
  equal,
  item,
  matmul,
  mean,
  mul,
  tanh,
  valueAndGrad,
  zeros,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { adam, applyUpdates } from "@provably/core-tensor/optim";
import { key, normal, split } from "@provably/core-tensor/random";
import { whenStarted } from "./device.mjs";

/** Points of two spirals, and which one each is of. */
function spirals(points) {
  const rows = Array.from({ length: points }, (_, i) => {
    const [arm, t] = [i % 2, 0.3 + 2.7 * (i / points)];
    const angle = 2 * t + Math.PI * arm;
    return [t * Math.cos(angle), t * Math.sin(angle)];
  });
  return { x: array(rows), y: array(Int32Array.from({ length: points }, (_, i) => i % 2)) };
}

function network(hidden) {
  const [first, second] = split(key("weights"), 2);
  return {
    hidden: { w: mul(1.5, normal(first, [2, hidden])), b: normal(second, [hidden]) },
    out: { w: mul(1 / Math.sqrt(hidden), normal(second, [hidden, 2])), b: zeros([2]) },
  };
}

const logits = (params, x) =>
  add(matmul(tanh(add(matmul(x, params.hidden.w), params.hidden.b)), params.out.w), params.out.b);
const loss = (params, { x, y }) => crossEntropy(logits(params, x), y);
const optimizer = adam(0.02);

/** Loss, parameters and optimiser state after one step. */
export function trainStep(params, state, data) {
  const [value, gradient] = valueAndGrad(loss)(params, data);
  const [updates, next] = optimizer.update(gradient, state, params);
  return { value, params: applyUpdates(params, updates), state: next };
}

export async function train(device, { points = 400, hidden = 64, numSteps = 300 } = {}) {
  const step = compile(trainStep, { device });
  const data = spirals(points);
  let params = network(hidden);
  let state = optimizer.init(params);
  const losses = [];
  const start = performance.now();
  for (let i = 0; i < numSteps; i++) {
    const result = await step(params, state, data);
    [params, state] = [result.params, result.state];
    losses.push(item(result.value));
  }
  const right = equal(argmax(logits(params, data.x), { axis: 1 }), data.y);
  return { ms: performance.now() - start, losses, accuracy: item(mean(asType(right, "float32"))) };
}

await whenStarted(import.meta.url, async (device, name) => {
  const { ms, losses, accuracy } = await train(device);
  return [
    `${name}: ${losses.length} steps in ${ms.toFixed(0)} ms, the first of which compiles`,
    `loss ${losses[0].toFixed(3)} → ${losses.at(-1).toFixed(4)}; ${(100 * accuracy).toFixed(1)} % of the points on the right spiral`,
  ].join("\n");
});
