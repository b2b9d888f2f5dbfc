/** Steps that draw on one prediction, or on a second one inside the step: DDIM, DDPM, Euler, ancestral steps, Heun, KDPM2, consistency models. */
import { type NoiseLevel, levelOfSigma } from "../../schedule/level.js";
import { type TableFormula, type TableRow, oneCall, ratioOf } from "./rows.js";

/** How DDIM mixes the clean point and the noise anew. */
export interface DdimSettings {
  readonly eta: number;
  /** Whether the noise is the network's own where its clean point is clipped, else that of the clipped point. */
  readonly rawNoise: boolean;
}

/** A step of DDIM. Written with the network's clean point and noise apart, so that it begins in pure noise too. */
export function ddimRow(level: NoiseLevel, to: NoiseLevel, settings: DdimSettings): TableRow {
  const [before, power] = [level.alpha ** 2, to.alpha ** 2];
  const spread =
    settings.eta * Math.sqrt(((1 - power) / (1 - before)) * Math.max(0, 1 - before / power));
  const direction = Math.sqrt(Math.max(0, 1 - power - spread * spread));
  if (settings.rawNoise)
    return oneCall(level, to, "x0", {
      predictions: [to.alpha],
      rawNoise: direction,
      noise: spread,
    });
  return oneCall(level, to, "x0", {
    point: direction / level.sigma,
    predictions: [to.alpha - (direction * level.alpha) / level.sigma],
    noise: spread,
  });
}

/** A step of the reverse chain; `variance` of its noise, 0 where none is added. */
export function ddpmRow(
  level: NoiseLevel,
  to: NoiseLevel,
  variance: (a: number, p: number) => number,
): TableRow {
  const [a, p] = [level.alpha ** 2, to.alpha ** 2];
  const beta = 1 - a / p;
  return oneCall(level, to, "x0", {
    point: ((1 - p) * Math.sqrt(1 - beta)) / (1 - a),
    predictions: [(beta * to.alpha) / (1 - a)],
    noise: Math.sqrt(variance(a, p)),
  });
}

/** What one step of Euler in σ/α to the ratio `down`, and fresh noise of deviation `up` there, make of a point and its clean point. */
function eulerFormula(level: NoiseLevel, to: NoiseLevel, down: number, up: number): TableFormula {
  const kept = down / ratioOf(level);
  return {
    point: (to.alpha * kept) / level.alpha,
    predictions: [to.alpha * (1 - kept)],
    noise: to.alpha * up,
  };
}

/** Euler's step. */
export function eulerRow(level: NoiseLevel, to: NoiseLevel): TableRow {
  return oneCall(level, to, "x0", eulerFormula(level, to, ratioOf(to), 0));
}

/** The ratio that an ancestral step goes down to, and the deviation of the noise that brings it up again. */
function ancestral(level: NoiseLevel, to: NoiseLevel, eta: number): readonly [number, number] {
  const [s, end] = [ratioOf(level), ratioOf(to)];
  const up = Math.min(end, eta * Math.sqrt((end * end * (s * s - end * end)) / (s * s)));
  return [Math.sqrt(Math.max(0, end * end - up * up)), up];
}

/** Euler's step down, and noise. */
export function eulerAncestralRow(level: NoiseLevel, to: NoiseLevel, eta = 1): TableRow {
  return oneCall(level, to, "x0", eulerFormula(level, to, ...ancestral(level, to, eta)));
}

/** Heun's step: the mean of the slopes at both ends. */
export function heunRow(level: NoiseLevel, to: NoiseLevel): TableRow {
  const [s, end] = [ratioOf(level), ratioOf(to)];
  if (end === 0) return eulerRow(level, to);
  const half = (end - s) / 2;
  // slopes (u − D)/s in the coordinates u = x/α
  return {
    level,
    to,
    calls: [
      {
        level,
        want: "x0",
        next: eulerFormula(level, to, end, 0),
        keep: { point: 1 },
      },
      {
        level: to,
        want: "x0",
        next: {
          anchor: (to.alpha / level.alpha) * (1 + half / s),
          point: half / end,
          predictions: [(-to.alpha * half) / end, (-to.alpha * half) / s],
        },
      },
    ],
  };
}

/** DPM2 of k-diffusion: the slope at the middle of ln σ/α carries the whole step, with the noise of an ancestral step where `eta` is above 0. */
export function dpm2Row(level: NoiseLevel, to: NoiseLevel, eta: number): TableRow {
  const s = ratioOf(level);
  const [down, up] = ancestral(level, to, eta);
  if (down === 0 || ratioOf(to) === 0)
    return oneCall(level, to, "x0", eulerFormula(level, to, down, up));
  const middle = levelOfSigma(Math.sqrt(s * down));
  const m = ratioOf(middle);
  return {
    level,
    to,
    calls: [
      { level, want: "x0", next: eulerFormula(level, middle, m, 0), keep: { point: 1 } },
      {
        level: middle,
        want: "x0",
        next: {
          anchor: to.alpha / level.alpha,
          point: (to.alpha * (down - s)) / (m * middle.alpha),
          predictions: [(-to.alpha * (down - s)) / m],
          noise: to.alpha * up,
        },
      },
    ],
  };
}

/** A step of a latent consistency model: the clean point, held to the point near the data, and noised anew. */
export function lcmRow(level: NoiseLevel, to: NoiseLevel, scaledTime: number): TableRow {
  // the width of the data, by which the models were trained
  const data = 0.5;
  const skip = data ** 2 / (scaledTime ** 2 + data ** 2);
  const out = scaledTime / Math.hypot(scaledTime, data);
  return oneCall(level, to, "x0", {
    point: to.alpha * skip,
    predictions: [to.alpha * out],
    noise: to.sigma,
  });
}

/** A step of a trajectory consistency model: to `down` without noise, and up to the next level with it. */
export function tcdRow(
  level: NoiseLevel,
  down: NoiseLevel,
  to: NoiseLevel,
  adds: boolean,
): TableRow {
  if (!adds) return oneCall(level, down, "x0", { predictions: [down.alpha], rawNoise: down.sigma });
  const ratio = to.alpha / down.alpha;
  return oneCall(level, to, "x0", {
    predictions: [ratio * down.alpha],
    rawNoise: ratio * down.sigma,
    noise: Math.sqrt(Math.max(0, 1 - ratio * ratio)),
  });
}

/** A step on the straight path that forgets its noise: the clean point, noised anew. */
export function renoisedRow(level: NoiseLevel, to: NoiseLevel): TableRow {
  return oneCall(level, to, "x0", { predictions: [to.alpha], noise: to.sigma });
}
