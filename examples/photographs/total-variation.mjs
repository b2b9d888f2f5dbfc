// The image whose likelihood, less its total variation, is greatest: what restoration without a network reaches.
import { add, array, mul, toTypedArray } from "@provably/core-tensor";

/**
 * argmax L(x) − weight · Σ |∇x| over images `[1, 3 · side²]`, the length of the gradient taken over both directions and all colours, by the primal-dual
 * method of Condat and Vũ. The likelihood must be concave.
 */
export function totalVariation(likelihood, side, weight, numSteps = 150) {
  const pixels = side * side;
  const d = 3 * pixels;
  const sigma = 1;
  // the squared norm of the difference is at most 8
  const scale = Math.max(1, likelihood.curvature);
  const dualStep = (sigma * scale) / 16;
  const step = 1 / (likelihood.curvature / 2 + 8 * dualStep);
  let x = array(new Float64Array(d), { shape: [1, d] });
  const down = new Float64Array(d);
  const across = new Float64Array(d);
  for (let k = 0; k < numSteps; k++) {
    const moved = add(x, mul(step, add(likelihood.score(x), divergence(down, across, side))));
    const [now, next] = [toTypedArray(x), toTypedArray(moved)];
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++) {
        let length = 0;
        for (let c = 0; c < 3; c++) {
          const i = c * pixels + row * side + column;
          const at = (j) => 2 * next[j] - now[j];
          down[i] += row + 1 < side ? dualStep * (at(i + side) - at(i)) : 0;
          across[i] += column + 1 < side ? dualStep * (at(i + 1) - at(i)) : 0;
          length += down[i] ** 2 + across[i] ** 2;
        }
        const factor = Math.min(1, weight / Math.sqrt(Math.max(length, 1e-300)));
        for (let c = 0; c < 3; c++) {
          const i = c * pixels + row * side + column;
          down[i] *= factor;
          across[i] *= factor;
        }
      }
    x = moved;
  }
  return x;
}

/** Minus the transposed difference of the two fields. */
function divergence(down, across, side) {
  const out = new Float64Array(down.length);
  for (let i = 0; i < out.length; i++) {
    const row = Math.floor(i / side) % side;
    const column = i % side;
    out[i] =
      (row + 1 < side ? down[i] : 0) -
      (row > 0 ? down[i - side] : 0) +
      (column + 1 < side ? across[i] : 0) -
      (column > 0 ? across[i - 1] : 0);
  }
  return array(out, { shape: [1, out.length] });
}
