/** Games in normal form from and to Gambit's .nfg files. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  anyString,
  check,
  checkOptions,
  listOf,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { gameOf } from "../stage/payoffs.js";
import { float64 } from "../internal/read.js";
import { Tokens, readHead, readTexts } from "./tokens.js";

/**
 * A game in normal form, with names.
 * @category Files
 */
export interface NormalFormGame {
  readonly title: string;
  readonly comment: string;
  readonly players: readonly string[];
  /** Names of the strategies of each player; "1", "2", … where the file has only their numbers. */
  readonly strategies: readonly (readonly string[])[];
  /** $U$, float64 [n, A1, …, An], as the equilibrium functions take it. */
  readonly payoffs: NdArray<"float64">;
}

/** Most payoffs that are read. */
const MOST_PAYOFFS = 2 ** 26;

/**
 * The game in a file in Gambit's .nfg format, with payoffs in a list or by outcomes. Decimals and fractions are read to the
 * nearest double.
 *
 * @param text - the whole text of the file
 * @returns title, names and payoffs
 * @throws `FormatError` with line and column where the text is not what the format says
 * @example
 * ```ts
 * import { bimatrixNash, readNfg } from "@provably/robust-rl";
 *
 * const { payoffs } = readNfg('NFG 1 R "Chicken" { "A" "B" } { 2 2 } 0 0 2 -1 -1 2 -5 -5');
 * payoffs; // => [[[0, -1], [2, -5]], [[0, 2], [-1, -5]]]
 * ```
 * @see The Gambit Project, "Game representation formats"
 * @category Files
 */
export function readNfg(text: string): NormalFormGame {
  const fn = "readNfg";
  const tokens = new Tokens(fn, check(fn, "text", text, anyString));
  const { title, players } = readHead(tokens, "NFG", "1");
  const strategies = readStrategies(tokens, players.length);
  const counts = strategies.map((names) => names.length);
  const joint = counts.reduce((a, b) => a * b, 1);
  if (joint * players.length > MOST_PAYOFFS)
    throw new DomainError(
      `${fn}: a game of ${counts.join(" × ")} strategies has more than 2²⁶ payoffs`,
    );
  const comment = tokens.takeIf("text")?.text ?? "";
  const cells =
    tokens.peek().kind === "open"
      ? byOutcomes(tokens, players.length, joint)
      : oneByOne(tokens, players.length, joint);
  if (tokens.peek().kind !== "end") throw tokens.wrong(tokens.peek(), "the end of the file");
  return { title, comment, players, strategies, payoffs: inOurOrder(cells, counts) };
}

function readStrategies(tokens: Tokens, numPlayers: number): string[][] {
  tokens.expect("open", "the strategies of the players in braces");
  const found: string[][] = [];
  for (let i = 0; i < numPlayers; i++) {
    if (tokens.takeIf("open")) {
      const names = readTexts(tokens, "the name of a strategy in quotes");
      if (names.length === 0) throw tokens.wrong(tokens.peek(), "at least one strategy");
      found.push(names);
    } else {
      const place = tokens.peek();
      const count = tokens.whole(`the strategies of ${numPlayers} players`, 1);
      if (count > MOST_PAYOFFS) throw tokens.wrong(place, "at most 2²⁶ strategies");
      found.push(Array.from({ length: count }, (_, k) => String(k + 1)));
    }
  }
  tokens.expect("close", `the end of the strategies of ${numPlayers} players`);
  return found;
}

/** Payoffs [joint][player], the first player's strategy moving fastest. */
function oneByOne(tokens: Tokens, numPlayers: number, joint: number): number[][] {
  const cells: number[][] = [];
  for (let cell = 0; cell < joint; cell++) {
    const payoffs: number[] = [];
    for (let i = 0; i < numPlayers; i++)
      payoffs.push(
        tokens.number(`a payoff (${joint * numPlayers} in all, ${cell * numPlayers + i} so far)`),
      );
    cells.push(payoffs);
  }
  return cells;
}

function byOutcomes(tokens: Tokens, numPlayers: number, joint: number): number[][] {
  tokens.take();
  const outcomes: number[][] = [new Array<number>(numPlayers).fill(0)];
  while (!tokens.takeIf("close")) {
    tokens.expect("open", "an outcome in braces");
    tokens.takeIf("text");
    outcomes.push(
      Array.from({ length: numPlayers }, () =>
        tokens.number(`a payoff for each of ${numPlayers} players`),
      ),
    );
    tokens.expect("close", "the end of the outcome");
  }
  const cells: number[][] = [];
  for (let cell = 0; cell < joint; cell++)
    cells.push(
      outcomes[
        tokens.whole(
          `the number of an outcome, 0 to ${outcomes.length - 1}`,
          0,
          outcomes.length - 1,
        )
      ]!,
    );
  return cells;
}

/** From the first strategy moving fastest to the last. */
function inOurOrder(
  cells: readonly (readonly number[])[],
  counts: readonly number[],
): NdArray<"float64"> {
  const [n, joint] = [counts.length, cells.length];
  const data = new Float64Array(n * joint);
  for (let cell = 0; cell < joint; cell++) {
    const ours = placeOfCell(cell, counts);
    for (let i = 0; i < n; i++) data[i * joint + ours] = cells[cell]![i]!;
  }
  return array<"float64">(data, { shape: [n, ...counts] });
}

function placeOfCell(cell: number, counts: readonly number[]): number {
  const place = counts.map((count) => {
    const a = cell % count;
    cell = Math.floor(cell / count);
    return a;
  });
  return place.reduce((sum, a, i) => sum * counts[i]! + a, 0);
}

/**
 * Names for {@link writeNfg}.
 * @category Files
 */
export interface NfgNames {
  /** Default empty. */
  readonly title?: string;
  /** Default none. */
  readonly comment?: string;
  /** Default "1", "2", … */
  readonly players?: readonly string[];
  /** Default "1", "2", … */
  readonly strategies?: readonly (readonly string[])[];
}

const NAMES: Schema<NfgNames> = {
  title: anyString,
  comment: anyString,
  players: listOf(anyString),
  strategies: listOf(listOf(anyString)),
};

/**
 * A game as the text of a .nfg file. Reading it gives the same doubles.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param options - see {@link NfgNames}
 * @returns the text
 * @throws `ShapeError`, `DomainError` when `payoffs` is no game, or names do not fit it
 * @example
 * ```ts
 * import { readNfg, writeNfg } from "@provably/robust-rl";
 *
 * readNfg(writeNfg([[[1, 0]], [[0, 1 / 3]]])).payoffs; // => [[[1, 0]], [[0, 1 / 3]]]
 * ```
 * @category Files
 */
export function writeNfg(payoffs: ArrayInput, options: NfgNames = {}): string {
  const fn = "writeNfg";
  const names = checkOptions<NfgNames>(fn, options, NAMES);
  const { actions: counts, joint } = gameOf(fn, payoffs);
  const u = flatNumbers(float64(fn, "payoffs", payoffs));
  const players = names.players ?? counts.map((_, i) => String(i + 1));
  const strategies =
    names.strategies ??
    counts.map((count) => Array.from({ length: count }, (_, a) => String(a + 1)));
  if (players.length !== counts.length || strategies.map((s) => s.length).join() !== counts.join())
    throw new DomainError(`${fn}: players and strategies must fit a game of ${counts.join(" × ")}`);
  const quoted = (x: string): string => `"${x.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  const list = (xs: readonly string[]): string => `{ ${xs.join(" ")} }`;
  const lines = Array.from({ length: joint }, (_, cell) => {
    const ours = placeOfCell(cell, counts);
    return counts.map((__, i) => String(u[i * joint + ours]!)).join(" ");
  });
  const head = `NFG 1 R ${quoted(names.title ?? "")} ${list(players.map(quoted))}`;
  const labels = list(strategies.map((own) => list(own.map(quoted))));
  const comment = names.comment ? [quoted(names.comment)] : [];
  return `${[head, "", labels, ...comment, "", ...lines].join("\n")}\n`;
}
