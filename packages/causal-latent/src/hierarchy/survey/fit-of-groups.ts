/** How well groups fit: the confirmatory model, in which every item hangs on its own latent alone. */
import { chiSquareTail } from "../rank/chi-square.js";
import { logDeterminantOf } from "./matrices.js";
import { type Measurement, fitMeasurement, impliedBy, startOf } from "./measurement.js";

/**
 * Indices of fit of the model in which every item hangs on the latent of its group alone.
 * @category Surveys
 */
export interface FitOfGroups {
  /** $n F$; NaN without groups. */
  readonly chiSquare: number;
  readonly df: number;
  readonly pValue: number;
  /** Root mean square error of approximation. */
  readonly rmsea: number;
  /** Comparative fit index, against independent items. */
  readonly cfi: number;
  /** Standardised root mean square residual. */
  readonly srmr: number;
  /** Standardised loadings of this model, by item. */
  readonly loadings: Readonly<Record<string, number>>;
}

const NONE: FitOfGroups = {
  chiSquare: NaN,
  df: 0,
  pValue: NaN,
  rmsea: NaN,
  cfi: NaN,
  srmr: NaN,
  loadings: {},
};

/** The groups need names of items only. */
export function fitOfGroups(
  matrix: Float64Array,
  names: readonly string[],
  groups: readonly { readonly items: readonly { readonly name: string }[] }[],
  size: number,
): FitOfGroups {
  const p = names.length;
  const used = [...names.keys()].filter((i) =>
    groups.some(({ items }) => items.some(({ name }) => name === names[i])),
  );
  const [q, k] = [used.length, groups.length];
  const df = (q * (q - 1)) / 2 - q - (k * (k - 1)) / 2;
  if (k === 0 || df <= 0) return NONE;
  const s = Float64Array.from(
    { length: q * q },
    (_, at) => matrix[used[Math.floor(at / q)]! * p + used[at % q]!]!,
  );
  const groupOf = Int32Array.from(used, (i) =>
    groups.findIndex(({ items }) => items.some(({ name }) => name === names[i])),
  );
  const model = fitMeasurement(s, startOf(s, groupOf, k), 2000, 1e-12);
  const signs = Float64Array.from({ length: k }, () => 0);
  groupOf.forEach((g, at) => (signs[g]! += model.loadings[at]! ** 3));
  const loadings = Object.fromEntries(
    used.map((i, at) => [names[i]!, (signs[groupOf[at]!]! < 0 ? -1 : 1) * model.loadings[at]!]),
  );
  return { ...indices(s, model, size, df), loadings };
}

function indices(
  s: Float64Array,
  model: Measurement,
  size: number,
  df: number,
): Omit<FitOfGroups, "loadings"> {
  const q = model.groupOf.length;
  const logs = logDeterminantOf(s, q);
  const chiSquare = Math.max(0, size * (model.misfit - q - logs));
  const independent = Math.max(0, -size * logs);
  const excess = Math.max(0, chiSquare - df);
  const worst = Math.max(excess, independent - (q * (q - 1)) / 2);
  const implied = impliedBy(model);
  let squares = 0;
  for (let i = 0; i < q; i++)
    for (let j = 0; j <= i; j++) squares += (s[i * q + j]! - implied[i * q + j]!) ** 2;
  return {
    chiSquare,
    df,
    pValue: chiSquareTail(chiSquare, df).p,
    rmsea: Math.sqrt(excess / (df * size)),
    cfi: worst > 0 ? 1 - excess / worst : 1,
    srmr: Math.sqrt(squares / ((q * (q + 1)) / 2)),
  };
}
