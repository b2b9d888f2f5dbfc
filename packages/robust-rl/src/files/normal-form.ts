/** Between the extensive and the normal form of a game. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import { check, listOf, recordWith, wholeNumber } from "@provably/core-tensor/internal";
import { shaped } from "../internal/read.js";
import { checkRows } from "../internal/distributions.js";
import { checkGame } from "./check-game.js";
import type { ExtensiveGame } from "./efg.js";

/**
 * The reduced normal form of an extensive game.
 * @category Files
 */
export interface ReducedNormalForm {
  /** Strategies of each player: for every information set the number of the action from 1 on, 0 where own choices keep from getting there. */
  readonly strategies: readonly (readonly (readonly number[])[])[];
  /** $U$, float64 [n, A1, …, An], as the equilibrium functions take it. */
  readonly payoffs: NdArray<"float64">;
}

/** Most pure strategies of a player that are gone through, and most joint ones whose payoffs are written out. */
const MOST_STRATEGIES = 2 ** 16;
const MOST_JOINT = 2 ** 20;

const FORM = recordWith<ReducedNormalForm>({
  strategies: listOf(listOf(listOf(wholeNumber(0)))),
  payoffs: () => undefined,
});

/**
 * The reduced normal form: pure strategies that differ only where own choices never lead are one. Strategies come in
 * lexicographic order of their actions. Exponential in the number of information sets.
 *
 * @param game - see {@link ExtensiveGame}
 * @returns strategies and payoffs
 * @throws `DomainError` when there are more than 2¹⁶ strategies of a player, or 2²⁰ joint ones
 * @example
 * ```ts
 * import { bimatrixNash, readEfg, reducedNormalForm } from "@provably/robust-rl";
 *
 * const game = readEfg(`EFG 2 R "trust" { "one" "two" }
 * p "" 1 1 "first" { "keep" "send" } 0
 * t "" 1 "kept" { 1, 0 }
 * p "" 2 1 "second" { "share" "take" } 0
 * t "" 2 "shared" { 2, 2 }
 * t "" 3 "taken" { 0, 4 }`);
 * reducedNormalForm(game).payoffs; // => [[[1, 1], [2, 0]], [[0, 0], [2, 4]]]
 * ```
 * @category Files
 */
export function reducedNormalForm(game: ExtensiveGame): ReducedNormalForm {
  const fn = "reducedNormalForm";
  const { nodes, players } = checkGame(fn, game);
  const strategies = players.map((name, i) => reducedStrategies(fn, game, i, name));
  const counts = strategies.map((own) => own.length);
  const joint = counts.reduce((a, b) => a * b, 1);
  if (joint > MOST_JOINT)
    throw new DomainError(`${fn}: ${counts.join(" × ")} strategies are more than 2²⁰ joint ones`);
  const n = players.length;
  const payoffs = new Float64Array(n * joint);
  const place = new Array<number>(n).fill(0);
  for (let cell = 0; cell < joint; cell++) {
    for (let i = n - 1, rest = cell; i >= 0; i--) {
      place[i] = rest % counts[i]!;
      rest = Math.floor(rest / counts[i]!);
    }
    const stack: { node: number; chance: number }[] = [{ node: 0, chance: 1 }];
    for (let at = stack.pop(); at; at = stack.pop()) {
      const node = nodes[at.node]!;
      const { chance } = at;
      node.payoffs?.forEach((u, i) => (payoffs[i * joint + cell]! += chance * u));
      if (node.kind === "chance")
        node.children.forEach((child, a) =>
          stack.push({ node: child, chance: chance * node.probabilities[a]! }),
        );
      else if (node.kind === "decision") {
        const action = strategies[node.player]![place[node.player]!]![node.informationSet]!;
        stack.push({ node: node.children[action - 1]!, chance });
      }
    }
  }
  return { strategies, payoffs: array<"float64">(payoffs, { shape: [n, ...counts] }) };
}

function reducedStrategies(
  fn: string,
  { nodes, informationSets }: ExtensiveGame,
  player: number,
  name: string,
): number[][] {
  const counts = informationSets[player]!.map(({ actions }) => actions.length);
  const all = counts.reduce((a, b) => a * b, 1);
  if (all > MOST_STRATEGIES)
    throw new DomainError(
      `${fn}: player ${JSON.stringify(name)} has ${all} pure strategies, more than 2¹⁶`,
    );
  const found = new Map<string, number[]>();
  for (let k = 0; k < all; k++) {
    const choice = new Array<number>(counts.length);
    for (let set = counts.length - 1, rest = k; set >= 0; set--) {
      choice[set] = (rest % counts[set]!) + 1;
      rest = Math.floor(rest / counts[set]!);
    }
    const reached = new Uint8Array(counts.length);
    const stack = [0];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const node = nodes[at]!;
      if (node.kind === "decision" && node.player === player) {
        reached[node.informationSet] = 1;
        stack.push(node.children[choice[node.informationSet]! - 1]!);
      } else for (const child of node.children) stack.push(child);
    }
    const reduced = choice.map((a, set) => (reached[set] ? a : 0));
    const key = reduced.join();
    if (!found.has(key)) found.set(key, reduced);
  }
  return [...found.values()];
}

/**
 * The behaviour strategy of a mixture of reduced strategies: at every information set the share of each action among the
 * strategies that can get there. With perfect recall it leads to the same outcomes.
 *
 * @param form - see {@link ReducedNormalForm}
 * @param player - from 0
 * @param mixture - probabilities of the player's reduced strategies
 * @param game - the game that the form was made of
 * @returns for every information set the probabilities of its actions; uniform where the mixture never gets
 * @throws `ShapeError`, `DomainError` when the mixture is none
 * @example
 * ```ts
 * import { behaviourStrategy, readEfg, reducedNormalForm } from "@provably/robust-rl";
 *
 * const game = readEfg(`EFG 2 R "trust" { "one" "two" }
 * p "" 1 1 "first" { "keep" "send" } 0
 * t "" 1 "kept" { 1, 0 }
 * p "" 2 1 "second" { "share" "take" } 0
 * t "" 2 "shared" { 2, 2 }
 * t "" 3 "taken" { 0, 4 }`);
 * behaviourStrategy(reducedNormalForm(game), 1, [0.25, 0.75], game); // => [[0.25, 0.75]]
 * ```
 * @see Kuhn (1953), "Extensive games and the problem of information"
 * @category Files
 */
export function behaviourStrategy(
  form: ReducedNormalForm,
  player: number,
  mixture: ArrayInput,
  game: ExtensiveGame,
): readonly (readonly number[])[] {
  const fn = "behaviourStrategy";
  const { informationSets } = checkGame(fn, game);
  const { strategies } = check(fn, "form", form, FORM);
  check(fn, "player", player, wholeNumber(0, informationSets.length));
  const own = strategies[player];
  const counts = informationSets[player]!.map(({ actions }) => actions.length);
  const fits = own?.every(
    (choice) => choice.length === counts.length && choice.every((a, set) => a <= counts[set]!),
  );
  if (own === undefined || strategies.length !== informationSets.length || !fits)
    throw new DomainError(`${fn}: form must be the reduced normal form of this game`);
  const weights = shaped(fn, "mixture", mixture, [own.length]);
  checkRows(fn, "mixture", weights, own.length, []);
  return informationSets[player]!.map(({ actions }, set) => {
    const shares = actions.map((_, a) =>
      own.reduce((sum, choice, k) => (choice[set] === a + 1 ? sum + weights[k]! : sum), 0),
    );
    const total = shares.reduce((a, b) => a + b, 0);
    return shares.map((x) => (total > 0 ? x / total : 1 / actions.length));
  });
}
