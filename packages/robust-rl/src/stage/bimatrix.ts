/** Nash equilibria of games of two players: one front for four methods. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, check, oneOf, show } from "@provably/core-tensor/internal";
import { numbers } from "../uncertainty/worst-case.js";
import { lemkeHowson } from "./lemke-howson.js";
import { type Game, makeGame, productOf, regretsOf, expectedPayoff } from "./payoffs.js";
import { supportEnumeration } from "./support-enumeration.js";
import { vertexEnumeration } from "./vertex-enumeration.js";

/**
 * How to look for Nash equilibria.
 *
 * - `"vertex-enumeration"`: all extreme equilibria; exponential in the number of actions.
 * - `"support-enumeration"`: one equilibrium for every pair of supports that has one; exponential too.
 * - `"lemke-howson"`: one equilibrium, fast, also in degenerate games.
 * - `"lemke-howson-enumeration"`: those that the method reaches from every label; not always all.
 * @category Equilibria
 */
export type NashMethod =
  "vertex-enumeration" | "support-enumeration" | "lemke-howson" | "lemke-howson-enumeration";

export function checkMethod(fn: string, method: NashMethod): void {
  check(
    fn,
    "method",
    method,
    oneOf("vertex-enumeration", "support-enumeration", "lemke-howson", "lemke-howson-enumeration"),
  );
}

/** Strategies of both players. */
export type Strategies = readonly [Float64Array, Float64Array];

/**
 * A Nash equilibrium of two players.
 * @category Equilibria
 */
export interface NashEquilibrium {
  /** Strategy of the row player, float64 [m]. */
  readonly x: NdArray<"float64">;
  /** Strategy of the column player, float64 [k]. */
  readonly y: NdArray<"float64">;
  /** Expected payoffs, [2]. */
  readonly payoffs: NdArray<"float64">;
  /** What each player could gain by a best response, [2]: 0 but for rounding. */
  readonly regrets: NdArray<"float64">;
}

/** Drops strategies that are the same to rounding, and those that are no equilibrium. */
export function verified(game: Game, found: readonly Strategies[]): Strategies[] {
  const kept: Strategies[] = [];
  for (const pair of found) {
    if (Math.max(...regretsOf(game, productOf(pair), "constant")) > 1e-9 * game.range) continue;
    const same = (other: Strategies): boolean =>
      pair.every((s, i) => s.every((p, a) => Math.abs(p - other[i]![a]!) < 1e-7));
    if (!kept.some(same)) kept.push(pair);
  }
  return kept;
}

/** Largest strategies first, the row player's before the column player's. */
export function byStrategies(a: Strategies, b: Strategies): number {
  for (const i of [0, 1] as const)
    for (let k = 0; k < a[i].length; k++) {
      const difference = b[i][k]! - a[i][k]!;
      if (Math.abs(difference) > 1e-9) return difference;
    }
  return 0;
}

/** All equilibria that a method finds, sorted; and whether the game is degenerate, where the method can tell. */
export function findNash(
  game: Game,
  method: NashMethod,
  label = 0,
): { equilibria: Strategies[]; degenerate: boolean | undefined } {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  switch (method) {
    case "vertex-enumeration": {
      const { equilibria, degenerate } = vertexEnumeration(game);
      return { equilibria: verified(game, equilibria).sort(byStrategies), degenerate };
    }
    case "support-enumeration":
      return {
        equilibria: verified(game, supportEnumeration(game)).sort(byStrategies),
        degenerate: undefined,
      };
    case "lemke-howson":
      return { equilibria: verified(game, [lemkeHowson(game, label)]), degenerate: undefined };
    case "lemke-howson-enumeration": {
      const labels = Array.from({ length: m + k }, (_, start) => lemkeHowson(game, start));
      return { equilibria: verified(game, labels).sort(byStrategies), degenerate: undefined };
    }
  }
}

/**
 * Nash equilibria of a game of two players.
 *
 * Every equilibrium returned has been checked: no player gains more than 1e-9 of the range of payoffs.
 *
 * @param a - payoffs of the row player, [m, k]
 * @param b - payoffs of the column player, [m, k]
 * @param options - `method`, see {@link NashMethod}, default `"vertex-enumeration"`; `label`, the first label that `"lemke-howson"` drops, 0 … m + k − 1
 * @returns the equilibria, sorted by x then y, largest first; and whether the game is degenerate (only vertex enumeration knows)
 * @throws `ShapeError` when the matrices differ in shape
 * @throws `DomainError` for payoffs that are not finite, or a game too large to enumerate
 * @example
 * ```ts
 * import { bimatrixNash } from "@provably/robust-rl";
 *
 * // Battle of the sexes: two pure equilibria and a mixed one.
 * const { equilibria } = bimatrixNash([[3, 0], [0, 2]], [[2, 0], [0, 3]]);
 * equilibria.length; // => 3
 * equilibria[1].x.get(0).toFixed(9); // => "0.600000000"
 * ```
 * @see Lemke, Howson (1964); von Stengel (2002), "Computing equilibria for two-person games"
 * @category Equilibria
 */
export function bimatrixNash(
  a: ArrayInput,
  b: ArrayInput,
  options: { readonly method?: NashMethod; readonly label?: number } = {},
): { readonly equilibria: readonly NashEquilibrium[]; readonly degenerate: boolean | undefined } {
  const [left, right] = [array(a, { dtype: "float64" }), array(b, { dtype: "float64" })];
  if (left.shape.length !== 2 || left.size === 0 || left.shape.join() !== right.shape.join())
    throw new ShapeError(
      `bimatrixNash: a and b must be matrices of one shape, got [${left.shape.join(", ")}] and [${right.shape.join(", ")}]`,
    );
  const payoffs = Float64Array.of(...numbers(left), ...numbers(right));
  payoffs.forEach((x, i) => {
    if (!Number.isFinite(x))
      throw new DomainError(
        `bimatrixNash: payoffs must be finite, got ${show(x)} in ${i < left.size ? "a" : "b"} at flat index ${i % left.size}`,
      );
  });
  const game = makeGame(payoffs, left.shape);
  const { method = "vertex-enumeration", label = 0 } = check(
    "bimatrixNash",
    "options",
    options,
    anyRecord,
  );
  checkMethod("bimatrixNash", method);
  if (!Number.isInteger(label) || label < 0 || label >= left.shape[0]! + left.shape[1]!)
    throw new DomainError(
      `bimatrixNash: label must be an integer from 0 to ${left.shape[0]! + left.shape[1]! - 1}, got ${show(label)}`,
    );
  const { equilibria, degenerate } = findNash(game, method, label);
  return {
    equilibria: equilibria.map(([x, y]) => {
      const joint = productOf([x, y]);
      return {
        x: array<"float64">(x),
        y: array<"float64">(y),
        payoffs: array<"float64">(
          Float64Array.of(expectedPayoff(game, 0, joint), expectedPayoff(game, 1, joint)),
        ),
        regrets: array<"float64">(regretsOf(game, joint, "constant")),
      };
    }),
    degenerate,
  };
}
