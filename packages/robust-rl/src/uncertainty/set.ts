/** Uncertainty sets: which kernels nature may choose around a nominal one. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  isNdArray,
  toTypedArray,
} from "@provably/core-tensor";
import {
  type Schema,
  anyRecord,
  anything,
  check,
  checkOptions,
  oneOf,
  optional,
  satisfying,
  show,
} from "@provably/core-tensor/internal";
import { needOptions } from "../internal/options.js";
import { float64 } from "../internal/read.js";

/**
 * Where nature may put mass: on every state, or only where the nominal kernel has some.
 * @category Uncertainty
 */
export type Support = "full" | "nominal";

/**
 * A ball around a nominal distribution $p$, as data: which distance, and how far. Make one with {@link totalVariation} and its siblings.
 *
 * The radius is a number, or an array with one radius for every row of the kernel (for an MDP `[states, actions]`).
 * @category Uncertainty
 */
export type UncertaintySet =
  | {
      readonly kind: "totalVariation";
      readonly radius: number | NdArray;
      readonly support: Support;
    }
  | {
      readonly kind: "l1";
      readonly radius: number | NdArray;
      readonly support: Support;
      readonly weights?: NdArray;
    }
  | { readonly kind: "lInf"; readonly radius: number | NdArray; readonly support: Support }
  | { readonly kind: "l2"; readonly radius: number | NdArray; readonly support: Support }
  | { readonly kind: "kullbackLeibler"; readonly radius: number | NdArray }
  | { readonly kind: "chiSquare"; readonly radius: number | NdArray }
  | {
      readonly kind: "wasserstein";
      readonly radius: number | NdArray;
      readonly cost: NdArray;
      readonly order: number;
    }
  | { readonly kind: "contamination"; readonly radius: number | NdArray; readonly support: Support }
  | { readonly kind: "cvar"; readonly radius: number | NdArray }
  | {
      readonly kind: "interval";
      readonly radius: 0;
      readonly lower: NdArray;
      readonly upper: NdArray;
    };

/**
 * Options of sets in which nature may invent successors.
 * @category Uncertainty
 */
export interface SupportOptions {
  /** `"full"` (default): anywhere in the simplex, as in the theory of these sets. `"nominal"`: only where the nominal kernel has mass. */
  readonly support?: Support;
}

/** A set made by one of the functions below, or something else with the same parts. */
export function checkSet(fn: string, set: UncertaintySet): UncertaintySet {
  const { kind } = check(fn, "set", set, anyRecord);
  const parts = typeof kind === "string" && Object.hasOwn(PARTS, kind) ? PARTS[kind] : undefined;
  if (parts === undefined)
    throw new DomainError(
      `${fn}: set must be made by totalVariation() or its siblings, got another kind`,
    );
  // nothing is averaged over no mass at all
  const least = kind === "cvar" ? Number.MIN_VALUE : 0;
  const isRadius = typeof set.radius === "number" ? set.radius >= least : isNdArray(set.radius);
  if (
    !isRadius ||
    parts.some((part) => !isNdArray((set as unknown as Record<string, unknown>)[part]))
  )
    throw new DomainError(
      `${fn}: set of kind ${show(set.kind)} must have a radius ${least > 0 ? ">" : "≥"} 0${parts.length > 0 ? ` and arrays ${parts.join(", ")}` : ""}`,
    );
  // a set without support would be taken for a nominal one
  if (WITH_SUPPORT.includes(set.kind))
    check(fn, "set.support", (set as SupportOptions).support, supports);
  const most = kind === "cvar" || kind === "contamination" ? 1 : Infinity;
  if (set.kind !== "interval") checkRadius(`${fn}: set`, set.radius, least, most);
  if (set.kind === "l1" && set.weights !== undefined && !isNdArray(set.weights))
    throw new DomainError(`${fn}: set.weights must be an array`);
  return set;
}

const WITH_SUPPORT: readonly UncertaintySet["kind"][] = [
  "totalVariation",
  "l1",
  "lInf",
  "l2",
  "contamination",
];

/** The arrays that each kind of set needs. */
const PARTS: Readonly<Record<UncertaintySet["kind"], readonly string[]>> = {
  totalVariation: [],
  l1: [],
  lInf: [],
  l2: [],
  kullbackLeibler: [],
  chiSquare: [],
  wasserstein: ["cost"],
  contamination: [],
  cvar: [],
  interval: ["lower", "upper"],
};

function checkRadius(
  fn: string,
  radius: number | ArrayInput,
  low: number,
  high: number,
): number | NdArray {
  const check = (x: number, where: string): void => {
    if (!(typeof x === "number" && x >= low && x <= high))
      throw new DomainError(`${fn}: radius${where} must lie in [${low}, ${high}], got ${show(x)}`);
  };
  if (typeof radius === "number") {
    check(radius, "");
    return radius;
  }
  const radii = float64(fn, "radius", radius);
  toTypedArray(radii).forEach((x, i) => check(x, `[${i}]`));
  return radii;
}

const supports = oneOf("full", "nominal");
const SUPPORT: Schema<SupportOptions> = { support: supports };

function checkSupport(fn: string, options: SupportOptions): Support {
  return checkOptions<SupportOptions>(fn, options, SUPPORT).support ?? "full";
}

/**
 * The total-variation ball $\lbrace q : \tfrac12\lVert q-p\rVert_1 \le \sigma\rbrace$.
 *
 * @param radius - $\sigma \ge 0$, or one for every row; 1 and more allow every distribution
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { totalVariation, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // A tenth of the mass moves from the best outcome to the worst.
 * worstCaseExpectation([0.5, 0.5], [0, 1], totalVariation(0.1)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function totalVariation(
  radius: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  return {
    kind: "totalVariation",
    radius: checkRadius("totalVariation", radius, 0, Infinity),
    support: checkSupport("totalVariation", options),
  };
}

/**
 * Options of {@link l1Ball}.
 * @category Uncertainty
 */
export interface L1BallOptions extends SupportOptions {
  /** $w > 0$, one for each state; default 1. */
  readonly weights?: ArrayInput;
}

/**
 * The weighted L1 ball $\lbrace q : \sum_s w_s |q_s-p_s| \le \xi\rbrace$. With unit weights it is the total-variation ball of radius $\xi/2$.
 *
 * @param radius - $\xi \ge 0$, or one for every row
 * @param options - see {@link L1BallOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or a weight that is not positive
 * @example
 * ```ts
 * import { l1Ball, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], l1Ball(0.2)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function l1Ball(radius: number | ArrayInput, options: L1BallOptions = {}): UncertaintySet {
  const given = checkOptions<L1BallOptions>("l1Ball", options, { ...SUPPORT, weights: anything });
  const set = {
    kind: "l1",
    radius: checkRadius("l1Ball", radius, 0, Infinity),
    support: given.support ?? "full",
  } as const;
  if (given.weights === undefined) return set;
  const weights = float64("l1Ball", "weights", given.weights);
  toTypedArray(weights).forEach((w, i) => {
    if (!(w > 0 && w < Infinity))
      throw new DomainError(`l1Ball: weights[${i}] must be positive and finite, got ${show(w)}`);
  });
  return { ...set, weights };
}

/**
 * The L∞ ball $\lbrace q : \max_s |q_s-p_s| \le r\rbrace$.
 *
 * @param radius - $r \ge 0$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { lInfBall, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], lInfBall(0.25)).value; // => 0.25
 * ```
 * @category Uncertainty
 */
export function lInfBall(
  radius: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  return {
    kind: "lInf",
    radius: checkRadius("lInfBall", radius, 0, Infinity),
    support: checkSupport("lInfBall", options),
  };
}

/**
 * The Euclidean ball $\lbrace q : \lVert q-p\rVert_2 \le r\rbrace$.
 *
 * @param radius - $r \ge 0$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { l2Ball, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], l2Ball(Math.SQRT1_2 / 2)).value.toFixed(12); // => "0.250000000000"
 * ```
 * @category Uncertainty
 */
export function l2Ball(radius: number | ArrayInput, options: SupportOptions = {}): UncertaintySet {
  return {
    kind: "l2",
    radius: checkRadius("l2Ball", radius, 0, Infinity),
    support: checkSupport("l2Ball", options),
  };
}

/**
 * The Kullback-Leibler ball $\lbrace q : \sum_s q_s\ln(q_s/p_s) \le \sigma\rbrace$. Nature stays on the support of $p$.
 *
 * @param radius - $\sigma \ge 0$ in nats, or one for every row
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { kullbackLeibler, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // ln 2 nats are enough to leave a fair coin on one side.
 * worstCaseExpectation([0.5, 0.5], [0, 1], kullbackLeibler(Math.LN2)).value; // => 0
 * ```
 * @category Uncertainty
 */
export function kullbackLeibler(radius: number | ArrayInput): UncertaintySet {
  return { kind: "kullbackLeibler", radius: checkRadius("kullbackLeibler", radius, 0, Infinity) };
}

/**
 * The chi-square ball $\lbrace q : \sum_s (q_s-p_s)^2/p_s \le \sigma\rbrace$. Nature stays on the support of $p$.
 *
 * @param radius - $\sigma \ge 0$, or one for every row
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { chiSquare, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // mean − √(σ · variance), as long as no probability reaches 0
 * worstCaseExpectation([0.5, 0.5], [0, 1], chiSquare(0.25)).value; // => 0.25
 * ```
 * @category Uncertainty
 */
export function chiSquare(radius: number | ArrayInput): UncertaintySet {
  return { kind: "chiSquare", radius: checkRadius("chiSquare", radius, 0, Infinity) };
}

/**
 * Options of {@link wasserstein}.
 * @category Uncertainty
 */
export interface WassersteinOptions {
  /** $c$, [states, states], not negative, zero on the diagonal. */
  readonly cost: ArrayInput;
  /** $k \ge 1$; default 1. */
  readonly order?: number;
}

const WASSERSTEIN = {
  cost: anything,
  order: optional(
    satisfying<number>("finite and ≥ 1", (x) => Number.isFinite(x) && (x as number) >= 1),
  ),
};

/**
 * The Wasserstein ball $\lbrace q : W_k(q,p) \le \varepsilon\rbrace$: moving mass from $s$ to $s'$ costs $c(s,s')^k$, and at most $\varepsilon^k$ may be spent.
 *
 * @param radius - $\varepsilon \ge 0$, or one for every row
 * @param options - see {@link WassersteinOptions}
 * @returns the set
 * @throws `DomainError` for a negative cost, a diagonal that is not zero, or an order below 1
 * @throws `ShapeError` when `cost` is not a square matrix
 * @example
 * ```ts
 * import { wasserstein, worstCaseExpectation } from "@provably/robust-rl";
 *
 * const set = wasserstein(0.1, { cost: [[0, 1], [1, 0]] });
 * worstCaseExpectation([0.5, 0.5], [0, 1], set).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function wasserstein(
  radius: number | ArrayInput,
  options: WassersteinOptions,
): UncertaintySet {
  const given = needOptions<WassersteinOptions>("wasserstein", options, WASSERSTEIN);
  const { order = 1 } = given;
  const cost = float64("wasserstein", "cost", given.cost);
  const [n, m] = cost.shape;
  if (cost.shape.length !== 2 || n !== m)
    throw new ShapeError(
      `wasserstein: cost must be a square matrix, got shape [${cost.shape.join(", ")}]`,
    );
  toTypedArray(cost).forEach((c, i) => {
    const [from, to] = [Math.floor(i / n!), i % n!];
    if (!(c >= 0 && c < Infinity) || (from === to && c !== 0))
      throw new DomainError(
        `wasserstein: cost[${from}, ${to}] must be ${from === to ? "0 on the diagonal" : "finite and ≥ 0"}, got ${c}`,
      );
  });
  return {
    kind: "wasserstein",
    radius: checkRadius("wasserstein", radius, 0, Infinity),
    cost,
    order,
  };
}

/**
 * Contamination $\lbrace(1-R)\,p + R\,m : m \text{ any distribution}\rbrace$.
 *
 * @param rate - $R \in [0, 1]$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a rate outside [0, 1]
 * @example
 * ```ts
 * import { contamination, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], contamination(0.2)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function contamination(
  rate: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  return {
    kind: "contamination",
    radius: checkRadius("contamination", rate, 0, 1),
    support: checkSupport("contamination", options),
  };
}

/**
 * The set $\lbrace q : q \le p/\tau\rbrace$, whose worst case is the conditional value at risk: the mean of the worst share $\tau$ of outcomes.
 *
 * @param level - $\tau \in (0, 1]$, or one for every row; 1 is the plain mean
 * @returns the set
 * @throws `DomainError` for a level outside (0, 1]
 * @example
 * ```ts
 * import { cvar, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.25, 0.25, 0.5], [0, 1, 2], cvar(0.5)).value; // => 0.5
 * ```
 * @category Uncertainty
 */
export function cvar(level: number | ArrayInput): UncertaintySet {
  return { kind: "cvar", radius: checkRadius("cvar", level, Number.MIN_VALUE, 1) };
}

/**
 * Bounds on every probability, $\lbrace q : l \le q \le u\rbrace$. The nominal distribution plays no part.
 *
 * @param lower - $l$, [states] or the shape of the kernel
 * @param upper - $u$, the same shape
 * @returns the set
 * @throws `ShapeError` when the shapes differ
 * @throws `DomainError` when no distribution lies within the bounds of a row
 * @example
 * ```ts
 * import { interval, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], interval([0.2, 0.4], [0.7, 0.8])).value.toFixed(12); // => "0.400000000000"
 * ```
 * @category Uncertainty
 */
export function interval(lower: ArrayInput, upper: ArrayInput): UncertaintySet {
  const low = float64("interval", "lower", lower);
  const high = float64("interval", "upper", upper);
  if (low.shape.join() !== high.shape.join() || low.shape.length === 0)
    throw new ShapeError(
      `interval: lower and upper must have one shape, got [${low.shape.join(", ")}] and [${high.shape.join(", ")}]`,
    );
  const [l, u] = [toTypedArray(low), toTypedArray(high)];
  const n = low.shape[low.shape.length - 1]!;
  for (let row = 0; row < l.length; row += n) {
    let [least, most] = [0, 0];
    for (let s = 0; s < n; s++) {
      const [a, b] = [l[row + s]!, u[row + s]!];
      if (!(a >= 0 && a <= b))
        throw new DomainError(
          `interval: bounds of row ${row / n}, state ${s} must satisfy 0 ≤ lower ≤ upper, got ${a} and ${b}`,
        );
      least += a;
      most += b;
    }
    if (least > 1 + 1e-9 || most < 1 - 1e-9)
      throw new DomainError(
        `interval: no distribution fits the bounds of row ${row / n}, which sum to ${least} and ${most}`,
      );
  }
  return { kind: "interval", radius: 0, lower: low, upper: high };
}
