/** Nash equilibria of games of two players: one front for four methods. */
import {
  type ArrayInput,
  type Certificate,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import {
  type Schema,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import { nashCertificate } from "./certificate.js";
import { lemkeHowson } from "./lemke-howson.js";
import {
  type Game,
  expectedPayoff,
  finitePayoffs,
  makeGame,
  productOf,
  regretsOf,
} from "./payoffs.js";
import { supportEnumeration } from "./support-enumeration.js";
import { extremeEquilibria } from "./vertex-enumeration.js";

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

export const nashMethod = oneOf(
  "vertex-enumeration",
  "support-enumeration",
  "lemke-howson",
  "lemke-howson-enumeration",
);

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

/** Drops strategies that are the same to rounding. */
function distinct(found: readonly Strategies[]): Strategies[] {
  const kept: Strategies[] = [];
  for (const pair of found) {
    const same = (other: Strategies): boolean =>
      pair.every((s, i) => s.every((p, a) => Math.abs(p - other[i]![a]!) < 1e-12));
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
      const { strategies, pairs, degenerate } = extremeEquilibria(game);
      const equilibria = pairs.map(([i, j]): Strategies => [strategies[0][i]!, strategies[1][j]!]);
      return { equilibria: equilibria.sort(byStrategies), degenerate };
    }
    case "support-enumeration": {
      const { equilibria, degenerate } = supportEnumeration(game);
      return { equilibria: equilibria.sort(byStrategies), degenerate };
    }
    case "lemke-howson":
      return { equilibria: [lemkeHowson(game, label)], degenerate: undefined };
    case "lemke-howson-enumeration": {
      const labels = Array.from({ length: m + k }, (_, start) => lemkeHowson(game, start));
      return { equilibria: distinct(labels).sort(byStrategies), degenerate: undefined };
    }
  }
}

/**
 * Options of {@link bimatrixNash}.
 * @category Equilibria
 */
export interface BimatrixOptions {
  /** See {@link NashMethod}; default `"vertex-enumeration"`. */
  readonly method?: NashMethod;
  /** The first label that `"lemke-howson"` drops, 0 … m + k − 1; default 0. */
  readonly label?: number;
  /** Largest regret, as a share of the player's range of payoffs, with which the certificate holds; default 1e-9. */
  readonly tolerance?: number;
}

const BIMATRIX: Schema<BimatrixOptions> = {
  method: nashMethod,
  label: wholeNumber(0),
  tolerance: nonNegativeNumber,
};

/**
 * What {@link bimatrixNash} returns.
 * @category Equilibria
 */
export interface BimatrixEquilibria {
  /** Sorted by x then y, largest first. */
  readonly equilibria: readonly NashEquilibrium[];
  /**
   * Whether some strategy that is a vertex has more best replies than actions that it plays, so that equilibria may form
   * continua; undefined for Lemke-Howson, which does not see all.
   */
  readonly degenerate: boolean | undefined;
  /** Largest regret of a player in any of the equilibria, in exact arithmetic, see {@link certifyNash}. */
  readonly certificate: Certificate;
}

/**
 * Nash equilibria of a game of two players.
 *
 * The game is the one of the given doubles, exactly: enumeration counts in integers, so that neither the scales nor the
 * offsets of the payoffs matter, an action that is dominated by however little is never played, and extreme equilibria are
 * all there and each once. Only the strategies that come out are rounded. Lemke-Howson is exact up to 900 cells; larger
 * games are solved in doubles and held against their payoffs.
 *
 * @param a - payoffs of the row player, [m, k]
 * @param b - payoffs of the column player, [m, k]
 * @param options - see {@link BimatrixOptions}
 * @returns the equilibria, whether the game is degenerate, and their certificate
 * @throws `ShapeError` when the matrices differ in shape
 * @throws `DomainError` for payoffs that are not finite, or a game too large to enumerate
 * @throws `SolverError` when rounding spoils the path of Lemke-Howson in a large game
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
  options: BimatrixOptions = {},
): BimatrixEquilibria {
  const fn = "bimatrixNash";
  const {
    method = "vertex-enumeration",
    label = 0,
    tolerance,
  } = checkOptions<BimatrixOptions>(fn, options, BIMATRIX);
  const [left, right] = [float64(fn, "a", a), float64(fn, "b", b)];
  if (left.shape.length !== 2 || left.size === 0 || left.shape.join() !== right.shape.join())
    throw new ShapeError(
      `${fn}: a and b must be matrices of one shape, got [${left.shape.join(", ")}] and [${right.shape.join(", ")}]`,
    );
  const payoffs = new Float64Array(2 * left.size);
  payoffs.set(finitePayoffs(fn, "a", left));
  payoffs.set(finitePayoffs(fn, "b", right), left.size);
  check(fn, "label", label, wholeNumber(0, left.shape[0]! + left.shape[1]!));
  const game = makeGame(payoffs, left.shape);
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
    certificate: nashCertificate(
      [flatNumbers(left), flatNumbers(right)],
      left.shape,
      equilibria,
      tolerance,
    ),
  };
}
