/** Questionnaires as they come: five factors, and much that is none of them. */
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import type { Table } from "@provably/core-tensor/table";
import { tableOf } from "./simulated.js";

/** What disturbs a survey. Sizes are loadings. */
export interface Misfit {
  /** Range of loadings on the own factor. */
  readonly loadings: readonly [number, number];
  /** Agreement with every statement, and a second habit with reversed statements alone. */
  readonly agreement: number;
  readonly reversal: number;
  /** Pairs of items of a factor that share a wording. */
  readonly pairs: number;
  /** A second latent of the first half of each factor's items. */
  readonly facet: number;
  /** Items that load on another factor too. */
  readonly crossings: number;
  /** Share of people who do not read. */
  readonly careless: number;
  readonly missing: number;
  readonly sizes: readonly number[];
}

/** Answers 1 to 6 of n people, three in ten items reversed, and the factor of each item. Another `people`: others answer the same items. */
export function misfitting(
  misfit: Misfit,
  n: number,
  seed: number,
  people = 0,
): { readonly table: Table; readonly truth: readonly number[] } {
  const truth = misfit.sizes.flatMap((size, f) => new Array<number>(size).fill(f));
  const [p, k] = [truth.length, misfit.sizes.length];
  const stream = (name: string, size: number, own = key(seed)): (() => number) => {
    const x = uniform(foldIn(own, name), [size], { dtype: "float64" }).data as Float64Array;
    let at = 0;
    return () => x[at++ % size]!;
  };
  const draw = stream("items", 4096);
  const between = (low: number, high: number): number => low + (high - low) * draw();
  const own = truth.map(() => between(...misfit.loadings));
  const signs = truth.map(() => (draw() < 0.3 ? -1 : 1));
  const habit = truth.map(() => misfit.agreement * between(0.8, 1.2));
  const second = signs.map((s) => (s < 0 ? misfit.reversal * between(0.7, 1.2) : 0));
  const shifts = truth.map(() => between(-1, 1));
  const crossing = new Map<number, readonly [number, number]>();
  while (crossing.size < misfit.crossings) {
    const [i, step] = [Math.floor(p * draw()), 1 + Math.floor((k - 1) * draw())];
    const size = Math.min(0.6 * own[i]!, between(0.12, 0.28));
    crossing.set(i, [(truth[i]! + step) % k, draw() < 0.5 ? -size : size]);
  }
  const bondOf = new Map<number, readonly [number, number]>();
  for (let b = 0; b < misfit.pairs; b++) {
    const i = truth.indexOf(b % k) + 2 * Math.floor(b / k);
    if (truth[i + 1] !== b % k) continue;
    const size = between(0.4, 0.55);
    bondOf.set(i, [b, size]);
    bondOf.set(i + 1, [b, size * signs[i]! * signs[i + 1]!]);
  }
  const me = foldIn(key(seed), `people ${people}`);
  const perRow = k + 4 + k + misfit.pairs + 2 * p;
  const z = normal(me, [n * perRow], { dtype: "float64" }).data as Float64Array;
  const chance = stream("chance", 65_521, me);
  const columns = truth.map(() => new Float64Array(n));
  for (let r = 0; r < n; r++) {
    let at = r * perRow;
    const next = (): number => z[at++]!;
    const [common, agreeing, reversing, extreme] = [next(), next(), next(), next()];
    const factors = misfit.sizes.map((_, f) => (f === 3 ? -0.45 : 0.45) * common + 0.893 * next());
    const facets = misfit.sizes.map(next);
    const bonds = Array.from({ length: misfit.pairs }, next);
    const careless = chance() < misfit.careless;
    truth.forEach((f, i) => {
      const [other, size] = crossing.get(i) ?? [0, 0];
      const [bond, shared] = bondOf.get(i) ?? [0, 0];
      const facet = i - truth.indexOf(f) < misfit.sizes[f]! / 2 ? misfit.facet : 0;
      const left = 1 - own[i]! ** 2 - habit[i]! ** 2 - second[i]! ** 2 - facet ** 2 - size ** 2;
      const tied = shared ** 2 * (1 - own[i]! ** 2);
      let x = signs[i]! * (own[i]! * factors[f]! + facet * facets[f]!) + size * factors[other]!;
      x += habit[i]! * agreeing + second[i]! * reversing;
      if (shared !== 0) x += Math.sign(shared) * Math.sqrt(tied) * bonds[bond]!;
      x += Math.sqrt(Math.max(0.15, left - tied)) * next();
      if (careless) x = reversing + 0.3 * next();
      x *= Math.exp(0.2 * extreme);
      const state = [-1.6, -0.9, -0.2, 0.5, 1.2].filter((t) => x > t + shifts[i]!).length;
      columns[i]![r] = chance() < misfit.missing ? NaN : 1 + state;
    });
  }
  return { table: tableOf(Object.fromEntries(columns.map((x, i) => [`q${i + 1}`, x]))), truth };
}
