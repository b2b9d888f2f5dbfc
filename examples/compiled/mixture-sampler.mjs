// A hundred thousand particles flow from noise to a mixture of eight Gaussians on a ring, in fifty steps that are one program.
//   node examples/compiled/mixture-sampler.mjs [js|wasm|webgpu|webasm]
import {
  add,
  array,
  div,
  item,
  matmul,
  matrixTranspose,
  mean,
  mul,
  reshape,
  softmax,
  square,
  sub,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import { compile, scan } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { timed, whenStarted } from "./device.mjs";

const [COMPONENTS, RADIUS, SPREAD] = [8, 4, 0.3];

const angles = Array.from({ length: COMPONENTS }, (_, k) => (2 * Math.PI * k) / COMPONENTS);
const means = array(angles.map((a) => [RADIUS * Math.cos(a), RADIUS * Math.sin(a)]));

/** Signal and noise level before and after each step, equally spaced in the logarithm of their ratio. */
function schedule(numSteps) {
  const lambdas = Array.from({ length: numSteps + 1 }, (_, i) => -4 + (8 * i) / numSteps);
  const alphas = lambdas.map((l) => 1 / Math.sqrt(1 + Math.exp(-2 * l)));
  const sigmas = lambdas.map((l) => 1 / Math.sqrt(1 + Math.exp(2 * l)));
  const [before, after] = [(list) => array(list.slice(0, -1)), (list) => array(list.slice(1))];
  return {
    alpha: before(alphas),
    sigma: before(sigmas),
    nextAlpha: after(alphas),
    nextSigma: after(sigmas),
  };
}

/** The noise in `x` that the exact score of the noisy mixture predicts. */
function predictedNoise(x, alpha, sigma) {
  const variance = add(mul(square(alpha), SPREAD ** 2), square(sigma));
  const centres = mul(alpha, means);
  const cross = matmul(x, matrixTranspose(centres));
  const weights = softmax(div(sub(cross, mul(0.5, sum(square(centres), { axis: 1 }))), variance));
  return mul(div(sigma, variance), sub(x, matmul(weights, centres)));
}

/** Deterministic steps: the clean point that the noise implies, noised again to the next level. */
export function sampler(x, steps) {
  const [last] = scan(
    (y, { alpha, sigma, nextAlpha, nextSigma }) => {
      const noise = predictedNoise(y, alpha, sigma);
      const clean = div(sub(y, mul(sigma, noise)), alpha);
      return [add(mul(nextAlpha, clean), mul(nextSigma, noise)), null];
    },
    x,
    steps,
  );
  return last;
}

const MEAN_SQUARED = RADIUS ** 2 + 2 * SPREAD ** 2;

/** Mean squared distance from the origin, and share of particles nearest to the first centre, beside those of the mixture. */
export async function sampleMixture(
  device,
  { particles = 100_000, numSteps = 50, calls = 2 } = {},
) {
  const run = compile(sampler, { device });
  const [x, steps] = [normal(key("particles"), [particles, 2]), schedule(numSteps)];
  const { first, next, result } = await timed(() => run(x, steps), calls);
  const points = toTypedArray(result);
  let near = 0;
  for (let i = 0; i < particles; i++)
    if (Math.abs(Math.atan2(points[2 * i + 1], points[2 * i])) < Math.PI / COMPONENTS) near++;
  const squared = item(mean(sum(square(reshape(result, [particles, 2])), { axis: 1 })));
  return { first, next, samples: result, squared, expected: MEAN_SQUARED, share: near / particles };
}

await whenStarted(import.meta.url, async (device, name) => {
  const { first, next, squared, expected, share } = await sampleMixture(device);
  return [
    `${name}: first run ${first.toFixed(0)} ms, then ${next.toFixed(0)} ms for 100,000 particles and 50 steps`,
    `mean squared radius ${squared.toFixed(3)}; the mixture has ${expected.toFixed(3)}`,
    `share at the first of eight centres ${share.toFixed(4)}; the mixture has 0.1250`,
  ].join("\n");
});
