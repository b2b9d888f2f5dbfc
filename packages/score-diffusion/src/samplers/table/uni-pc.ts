/** The predictor-corrector of UniPC as a table: the corrected point is the anchor. */
import { array } from "@provably/core-tensor";
import { solve } from "@provably/core-tensor/linalg";
import type { NoiseLevel } from "../../schedule/level.js";
import { multistepOrder, type OrderRules } from "./exponential.js";
import { type TableFormula, type TableRow, gain, oneCall } from "./rows.js";

export interface UniPcSettings {
  readonly order: number;
  readonly variant: "bh1" | "bh2";
  /** The clean point is extrapolated, else the noise. */
  readonly predictsClean: boolean;
  /** Steps after which the corrector is left out, counted from 0. */
  readonly uncorrected: readonly number[];
}

/** A point and predictions, newest first: of the one at the end of the step, where it is known, and of those before. */
interface Formula {
  readonly carry: number;
  readonly ahead: number;
  readonly behind: readonly number[];
}

/** Weights that match the first powers of the time inside a step; g is the signed length, −h for the clean point. */
function quadrature(nodes: readonly number[], g: number, scale: number): number[] {
  const p = nodes.length;
  if (p === 0) return [];
  if (p === 1) return [0.5];
  const moments: number[] = [];
  let [phi, factorial] = [Math.expm1(g) / g - 1, 1];
  for (let j = 1; j <= p; j++) {
    moments.push((phi * factorial) / scale);
    factorial *= j + 1;
    phi = phi / g - 1 / factorial;
  }
  const powers = Array.from({ length: p }, (_, j) => nodes.map((r) => r ** j));
  const rho = solve(array(powers, { dtype: "float64" }), array(moments, { dtype: "float64" }));
  return Array.from({ length: p }, (_, j) => rho.get(j));
}

/** The step from level i to the next, by predictions at the last levels and, in the corrector, at its end. */
function formula(
  levels: readonly NoiseLevel[],
  i: number,
  order: number,
  corrects: boolean,
  { variant, predictsClean }: UniPcSettings,
): Formula {
  const [from, to] = [levels[i]!, levels[i + 1]!];
  const h = gain(from, to);
  const [size, carry] = predictsClean
    ? [to.alpha, to.sigma / from.sigma]
    : [to.sigma, to.alpha / from.alpha];
  if (h === Infinity)
    return predictsClean
      ? { carry: 0, ahead: 0, behind: [to.alpha] }
      : { carry, ahead: 0, behind: [-carry * from.sigma] };
  if (h === 0) return { carry: 1, ahead: 0, behind: [0] };
  const g = predictsClean ? -h : h;
  const phi = Math.expm1(g);
  const scale = variant === "bh2" ? phi : g;
  const ratios = Array.from({ length: order - 1 }, (_, j) => -gain(levels[i - 1 - j]!, from) / h);
  const rho = quadrature(corrects ? [...ratios, 1] : ratios, g, scale);
  // with differences (m_j − m) / r_j written out, the newest prediction collects what the others give up
  const others = ratios.map((r, j) => (-size * scale * rho[j]!) / r);
  const ahead = corrects ? -size * scale * rho[order - 1]! : 0;
  const newest = -size * phi - others.reduce((a, b) => a + b, 0) - ahead;
  return { carry, ahead, behind: [newest, ...others] };
}

/** The rows of UniPC. */
export function uniPcRows(
  levels: readonly NoiseLevel[],
  settings: UniPcSettings,
  rules: OrderRules,
  offset = 0,
): TableRow[] {
  const n = levels.length - 1;
  const orderOf = (i: number): number =>
    gain(levels[i]!, levels[i + 1]!) === Infinity ? 1 : multistepOrder(settings.order, i, n, rules);
  return levels.slice(0, -1).map((level, i) => {
    const predict = formula(levels, i, orderOf(i), false, settings);
    const corrects = i > 0 && !settings.uncorrected.includes(i - 1 + offset);
    // this point again from the one before, now that the prediction here is known
    const correct = corrects ? formula(levels, i - 1, orderOf(i - 1), true, settings) : undefined;
    const anchor: TableFormula =
      correct === undefined
        ? { point: 1 }
        : { anchor: correct.carry, predictions: [correct.ahead, ...correct.behind] };
    const next: TableFormula =
      correct === undefined
        ? { point: predict.carry, predictions: predict.behind }
        : {
            anchor: predict.carry * correct.carry,
            predictions: sumOf(predict.behind, anchor.predictions!, predict.carry),
          };
    return oneCall(level, levels[i + 1]!, settings.predictsClean ? "x0" : "eps", next, anchor);
  });
}

/** a + c·b, of lists that may differ in length. */
function sumOf(a: readonly number[], b: readonly number[], c: number): number[] {
  return Array.from(
    { length: Math.max(a.length, b.length) },
    (_, j) => (a[j] ?? 0) + c * (b[j] ?? 0),
  );
}
