/** Whether chains have forgotten where they came from, and how many independent draws they are worth. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  array,
  asType,
  toTypedArray,
} from "@provably/core-tensor";

function chainsOf(
  fn: string,
  draws: ArrayInput,
  least: number,
): { data: Float64Array; rounds: number; chains: number; d: number } {
  const a = asType(draws, "float64");
  const [rounds, chains, d] = a.shape;
  if (
    a.shape.length !== 3 ||
    rounds === undefined ||
    chains === undefined ||
    d === undefined ||
    rounds < least ||
    chains < 1
  )
    throw new ShapeError(
      `${fn}: draws must be [rounds ≥ ${least}, chains, d], got [${a.shape.join(", ")}]`,
    );
  const data = toTypedArray<"float64">(a);
  return { data, rounds, chains, d };
}

/** Means and variances (with n − 1) of parts of a chain: coordinate j of chain c from round `from` to before `to`. */
function moments(
  data: Float64Array,
  chains: number,
  d: number,
  c: number,
  j: number,
  from: number,
  to: number,
): { mean: number; variance: number } {
  let mean = 0;
  for (let t = from; t < to; t++) mean += data[(t * chains + c) * d + j]!;
  mean /= to - from;
  let variance = 0;
  for (let t = from; t < to; t++) variance += (data[(t * chains + c) * d + j]! - mean) ** 2;
  return { mean, variance: variance / (to - from - 1) };
}

/**
 * Split $\hat R$ of each coordinate: the spread of all draws over that within halves of chains. 1 when every half sees the same distribution; above 1.05 the chains have
 * not mixed.
 *
 * @param draws - shape `[rounds, chains, d]`, at least 4 rounds
 * @returns array of shape `[d]`; 1 for a coordinate that never moves
 * @throws `ShapeError` when there are too few rounds
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { splitRHat } from "@provably/score-diffusion";
 *
 * splitRHat(normal(key(0), [500, 4, 1])).get(0) < 1.01; // => true
 * ```
 * @see Gelman et al. (2013), "Bayesian Data Analysis", section 11.4
 * @category Posterior sampling
 */
export function splitRHat(draws: ArrayInput): NdArray {
  const { data, rounds, chains, d } = chainsOf("splitRHat", draws, 4);
  const half = Math.floor(rounds / 2);
  return array(
    Float64Array.from({ length: d }, (_, j) => {
      const parts = Array.from({ length: 2 * chains }, (__, i) => {
        const from = i % 2 === 0 ? 0 : rounds - half;
        return moments(data, chains, d, i >> 1, j, from, from + half);
      });
      const grand = parts.reduce((s, p) => s + p.mean, 0) / parts.length;
      const between = parts.reduce((s, p) => s + (p.mean - grand) ** 2, 0) / (parts.length - 1);
      const within = parts.reduce((s, p) => s + p.variance, 0) / parts.length;
      if (within === 0) return between === 0 ? 1 : Infinity;
      return Math.sqrt((half - 1) / half + between / within);
    }),
  );
}

/**
 * The effective number of independent draws for the mean of each coordinate, by Geyer's initial monotone sequence of autocorrelations over all chains.
 *
 * @param draws - shape `[rounds, chains, d]`, at least 4 rounds
 * @returns array of shape `[d]`, at most `rounds · chains`
 * @throws `ShapeError` when there are too few rounds
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { effectiveSampleSize } from "@provably/score-diffusion";
 *
 * effectiveSampleSize(normal(key(0), [500, 4, 1])).get(0) > 1000; // => true
 * ```
 * @see Geyer (1992), "Practical Markov chain Monte Carlo"; Gelman et al. (2013), "Bayesian Data Analysis", section 11.5
 * @category Posterior sampling
 */
export function effectiveSampleSize(draws: ArrayInput): NdArray {
  const { data, rounds, chains, d } = chainsOf("effectiveSampleSize", draws, 4);
  const at = (t: number, c: number, j: number): number => data[(t * chains + c) * d + j]!;
  return array(
    Float64Array.from({ length: d }, (_, j) => {
      const whole = Array.from({ length: chains }, (__, c) =>
        moments(data, chains, d, c, j, 0, rounds),
      );
      const grand = whole.reduce((s, p) => s + p.mean, 0) / chains;
      const within = whole.reduce((s, p) => s + p.variance, 0) / chains;
      const between =
        chains > 1 ? whole.reduce((s, p) => s + (p.mean - grand) ** 2, 0) / (chains - 1) : 0;
      const total = ((rounds - 1) / rounds) * within + between;
      if (total === 0) return rounds * chains;
      const correlation = (lag: number): number => {
        let variogram = 0;
        for (let c = 0; c < chains; c++)
          for (let t = lag; t < rounds; t++) variogram += (at(t, c, j) - at(t - lag, c, j)) ** 2;
        return 1 - variogram / (chains * (rounds - lag)) / (2 * total);
      };
      let sum = 0;
      let before = Infinity;
      for (let lag = 1; lag + 1 < rounds; lag += 2) {
        const pair = Math.min(before, correlation(lag) + correlation(lag + 1));
        if (!(pair > 0)) break;
        sum += pair;
        before = pair;
      }
      return Math.min(rounds * chains, (rounds * chains) / (1 + 2 * sum));
    }),
  );
}
