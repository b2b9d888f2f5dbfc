/** Simulated surveys with known truth. */
import { foldIn, key, normal } from "@provably/core-tensor/random";
import type { NumberColumn, Table } from "@provably/core-tensor/table";

const numbers = (seed: number, name: string, size: number): Float64Array =>
  normal(foldIn(key(seed), name), [size], { dtype: "float64" }).data as Float64Array;

export const numberColumn = (name: string, values: ArrayLike<number>): NumberColumn => {
  const own = Float64Array.from(values);
  return {
    name,
    kind: "number",
    values: own,
    missing: Uint8Array.from(own, (x) => (Number.isNaN(x) ? 1 : 0)),
  };
};

export const tableOf = (columns: Readonly<Record<string, ArrayLike<number>>>): Table => ({
  numRows: Object.values(columns)[0]!.length,
  columns: Object.entries(columns).map(([name, values]) => numberColumn(name, values)),
});

/** Five correlated factors with five items each: own loadings, and loadings on other factors. Negative ones are worded the other way round. */
const PATTERN: readonly (readonly [number, Readonly<Record<number, number>>])[] = [
  [-0.45, {}], [0.64, {}], [0.66, { 2: 0.12 }], [0.47, { 1: 0.2 }], [0.53, { 2: 0.2 }],
  [0.55, {}], [0.67, {}], [0.57, {}], [-0.61, { 3: 0.17 }], [-0.55, { 3: 0.19 }],
  [-0.56, {}], [-0.68, {}], [0.5, { 0: 0.2 }], [0.59, { 0: 0.2 }], [0.48, { 1: 0.2 }],
  [0.81, { 0: -0.11 }], [0.78, {}], [0.71, {}], [0.5, { 2: -0.25 }], [0.49, { 2: -0.2 }],
  [0.51, {}], [-0.5, { 3: 0.15 }], [0.61, { 2: 0.15 }], [0.46, { 2: -0.2 }], [-0.54, {}],
]; // prettier-ignore

export const fiveFactors = PATTERN.map((_, i) => Math.floor(i / 5));

/** Answers 1 to 6 of `n` people. `disturbance` scales what no factor explains: agreement with every statement, and a second bond of the first two items of each factor. */
export function fiveFactorSurvey(n: number, seed: number, disturbance = 0.5): Table {
  const [common, factors, errors, bonds, style] = [numbers(seed, "common", n), numbers(seed, "factors", 5 * n), numbers(seed, "errors", 25 * n), numbers(seed, "bonds", 5 * n), numbers(seed, "style", n)] as const; // prettier-ignore
  const signs = [1, 1, 1, -1, 1];
  const factor = (r: number, f: number): number => 0.45 * signs[f]! * common[r]! + Math.sqrt(1 - 0.45 ** 2) * factors[5 * r + f]!; // prettier-ignore
  const columns = PATTERN.map(([own, others], i) => {
    const bond = i % 5 < 2 ? 0.3 * disturbance : 0;
    const noise = Math.sqrt(Math.max(0.2, 1 - own ** 2 - bond ** 2 - (0.2 * disturbance) ** 2));
    const shift = (((i * 37) % 11) - 5) / 6;
    const values = Float64Array.from({ length: n }, (_, r) => {
      let x = own * factor(r, Math.floor(i / 5)) + noise * errors[25 * r + i]!;
      for (const [f, loading] of Object.entries(others)) x += loading * factor(r, Number(f));
      x += 0.2 * disturbance * style[r]! + bond * bonds[5 * r + Math.floor(i / 5)]!;
      return 1 + [-1.6, -1, -0.3, 0.3, 1.1].filter((t) => x > t + shift).length;
    });
    return [`q${i + 1}`, values] as const;
  });
  return tableOf(Object.fromEntries(columns));
}
