/**
 * What would have been observed in another style: keep content and domain, change the style's noise, map forward. The flips differ in what they do to the
 * noise.
 */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  clip,
  neg,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  oneOf,
  show,
  tensor,
} from "@provably/core-tensor/internal";
import { checkMatrix } from "../internal/arrays.js";
import { decodeLatents, encodeLatents } from "./generate.js";
import { type Latents, styleFromNoise, inferNoise } from "./noise.js";
import { type Matte, checkDomains, checkModel, domainRows } from "./params.js";

/** Style noise beyond this is held: the flows were never trained there. */
const LIMIT = 4;
const FLIPS = ["noise", "reflect", "axis", "shift", "pole", "swap"];

/**
 * Where the two styles lie in the space of the style's noise.
 * @category Counterfactuals
 */
export interface StylePoles {
  /** Mean noise of the rows labelled 0 and of those labelled 1, each `n_s` numbers. */
  readonly poles: readonly [readonly number[], readonly number[]];
  /** Unit vector from pole 0 to pole 1. */
  readonly axis: readonly number[];
  /** The point between the poles. */
  readonly middle: readonly number[];
}

/**
 * How the style's noise $\tilde s$ changes. `target` is the wanted style, 0 or 1, one for all rows or one a row.
 *
 * - `noise`: $-\tilde s$.
 * - `reflect`: across the plane midway between the poles; only the part along their axis changes. With a `target`, that side of the plane.
 * - `axis`: the part along the axis becomes `strength` (default 1.5) towards the target; the rest stays.
 * - `shift`: by `strength` (default 1) times the way from the other pole to the target's.
 * - `pole`: `strength` (default 1) times the target's pole.
 * - `swap`: the noise of other observations, one donor a row; the same noise gives each domain its own words.
 * @category Counterfactuals
 */
export type StyleFlip =
  | { readonly kind: "noise" }
  | {
      readonly kind: "reflect";
      readonly poles: StylePoles;
      readonly target?: number | readonly number[];
    }
  | {
      readonly kind: "axis" | "shift" | "pole";
      readonly poles: StylePoles;
      readonly target: number | readonly number[];
      readonly strength?: number;
    }
  | { readonly kind: "swap"; readonly donors: ArrayInput };

/**
 * Observations in another style, and the latents behind them.
 * @category Counterfactuals
 */
export interface Counterfactual extends Latents {
  /** Vectors `[B, p]`, or word numbers. */
  readonly observed: NdArray;
  /** The style's noise after the flip, `[B, n_s]`. */
  readonly noise: NdArray;
}

/**
 * Poles of two styles, from a few labelled observations.
 *
 * @param model - see {@link Matte}
 * @param observed - labelled observations; ten of each style will do, fifty are safer
 * @param labels - 0 or 1 for each; −1 is left out
 * @param domains - domain of each row; may be left out when the model has one
 * @returns see {@link StylePoles}
 * @throws `ShapeError`, `DomainError` when labels do not fit, or a style has no row
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { initMatte, matteConfig, stylePoles } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 2 }), key(0));
 * stylePoles(model, array([[1, 0], [0, 1]]), [0, 1]).axis.length; // => 2
 * ```
 * @category Counterfactuals
 */
export function stylePoles(
  model: Matte,
  observed: NdArray,
  labels: readonly number[],
  domains?: readonly number[],
): StylePoles {
  const fn = "stylePoles";
  checkModel(fn, model);
  if (
    check(fn, "labels", labels, anyList).length !== check(fn, "observed", observed, tensor).shape[0]
  )
    throw new ShapeError(
      `${fn}: labels must hold one label a row, got ${labels.length} for ${String(observed.shape[0])} rows`,
    );
  const noise = styleNoise(model, observed, domains);
  const size = model.config.styleSize;
  const pole = (style: number): number[] => {
    const rows = labels.flatMap((y, i) => (y === style ? [i] : []));
    if (rows.length === 0)
      throw new DomainError(`${fn}: labels must name a row of style ${style}, got none`);
    return Array.from(
      { length: size },
      (_, j) => rows.reduce((total, i) => total + noise[i * size + j]!, 0) / rows.length,
    );
  };
  const poles = [pole(0), pole(1)] as const;
  const way = poles[1].map((x, j) => x - poles[0][j]!);
  const length = Math.hypot(...way);
  if (!(length > 0))
    throw new DomainError(
      `${fn}: labels must tell two styles apart, got the same mean noise for both`,
    );
  return {
    poles,
    axis: way.map((x) => x / length),
    middle: poles[0].map((x, j) => (x + poles[1][j]!) / 2),
  };
}

/** Style noise of the posterior means, row-major [B, n_s]. */
function styleNoise(
  model: Matte,
  observed: NdArray,
  domains: readonly number[] | undefined,
): ArrayLike<number> {
  return toTypedArray(inferNoise(model, encodeLatents(model, observed), domains).style);
}

/** +1 or −1 for each row. */
function sides(target: number | readonly number[], rows: number): number[] {
  const list =
    typeof target === "number"
      ? new Array<number>(rows).fill(target)
      : check("counterfactual", "target", target, anyList);
  if (list.length !== rows)
    throw new ShapeError(
      `counterfactual: target must be one style or one a row, got ${list.length} for ${rows} rows`,
    );
  list.forEach((y, i) => {
    if (y !== 0 && y !== 1)
      throw new DomainError(`counterfactual: target[${i}] must be 0 or 1, got ${show(y)}`);
  });
  return list.map((y) => 2 * y - 1);
}

function flipped({ config }: Matte, noise: NdArray, flip: StyleFlip): NdArray {
  const [rows, size] = noise.shape as [number, number];
  if (flip.kind === "noise") return neg(noise);
  if (flip.kind === "swap") {
    const donors = checkMatrix("counterfactual", "donors", flip.donors, size, config.dtype);
    if (donors.shape[0] !== rows)
      throw new ShapeError(
        `counterfactual: donors must have ${rows} rows, got ${donors.shape[0]!}`,
      );
    return donors;
  }
  const { poles, axis, middle } = check("counterfactual", "flip.poles", flip.poles, anyRecord);
  for (const [name, point] of Object.entries({
    axis,
    middle,
    "poles[0]": check("counterfactual", "flip.poles.poles", poles, anyList)[0],
    "poles[1]": poles[1],
  }))
    if (check("counterfactual", `flip.poles.${name}`, point, listOf(finiteNumber)).length !== size)
      throw new ShapeError(
        `counterfactual: poles must have ${size} coordinates like the style, got ${point.length}`,
      );
  if (flip.kind !== "reflect")
    check("counterfactual", "flip.strength", flip.strength ?? 1, finiteNumber);
  if (flip.kind !== "reflect" && flip.target === undefined)
    throw new DomainError(`counterfactual: flip.target must be given for "${flip.kind}"`);
  const side = flip.target === undefined ? undefined : sides(flip.target, rows);
  const from = toTypedArray(noise);
  const to = new Float64Array(rows * size);
  for (let b = 0; b < rows; b++) {
    const along = axis.reduce((total, a, j) => total + a * (from[b * size + j]! - middle[j]!), 0);
    const wanted = side?.[b];
    for (let j = 0; j < size; j++) {
      const s = from[b * size + j]!;
      const k = b * size + j;
      if (flip.kind === "reflect")
        to[k] = s + ((wanted === undefined ? -along : wanted * Math.abs(along)) - along) * axis[j]!;
      else if (flip.kind === "axis")
        to[k] = s + (wanted! * (flip.strength ?? 1.5) - along) * axis[j]!;
      else if (flip.kind === "shift")
        to[k] = s + (flip.strength ?? 1) * wanted! * (poles[1][j]! - poles[0][j]!);
      else to[k] = (flip.strength ?? 1) * poles[wanted === 1 ? 1 : 0][j]!;
    }
  }
  return array(to, { shape: [rows, size], dtype: config.dtype });
}

/**
 * What observations would have been in another style: content and domain stay, the style's noise is intervened on,
 *
 * $$s' = r_s^{-1}(\tilde s'; c, u), \qquad x' = g(c, s').$$
 *
 * The latents are the posterior means. Noise after the flip is held within ±4.
 *
 * @param model - see {@link Matte}
 * @param observed - vectors `[B, p]` or word numbers `[B, T]`
 * @param flip - see {@link StyleFlip}
 * @param options - `domains`, one a row; `maxLength` as in {@link decodeLatents}
 * @returns see {@link Counterfactual}
 * @throws `ShapeError`, `DTypeError`, `DomainError` when observations, flip or domains do not fit
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { counterfactual, initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }), key(0));
 * counterfactual(model, zeros([3, 8]), { kind: "noise" }).observed.shape; // => [3, 8]
 * ```
 * @see Yan, Kong, Gui, Chi, Xing, He, Zhang (2023), "Counterfactual generation with identifiability guarantees"; Pearl (2009), "Causality", section 7.1
 * @category Counterfactuals
 */
export function counterfactual(
  model: Matte,
  observed: NdArray,
  flip: StyleFlip,
  options: { readonly domains?: readonly number[]; readonly maxLength?: number } = {},
): Counterfactual {
  checkModel("counterfactual", model);
  checkOptions("counterfactual", options, { domains: anything, maxLength: anything });
  check(
    "counterfactual",
    "flip.kind",
    check("counterfactual", "flip", flip, anyRecord).kind,
    oneOf(...FLIPS),
  );
  const { content, style } = encodeLatents(model, observed);
  const list = [
    ...checkDomains("counterfactual", model.config, options.domains, observed.shape[0]!),
  ];
  const noise = clip(
    flipped(model, inferNoise(model, { content, style }, list).style, flip),
    -LIMIT,
    LIMIT,
  );
  const next = styleFromNoise(
    model,
    noise,
    content,
    domainRows("counterfactual", model.config, model.params, list, list.length),
  );
  return {
    observed: decodeLatents(
      model,
      { content, style: next },
      options.maxLength === undefined ? {} : { maxLength: options.maxLength },
    ),
    content,
    style: next,
    noise,
  };
}
