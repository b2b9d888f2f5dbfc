/** Games in extensive form from Gambit's .efg files. */
import { anyString, check } from "@provably/core-tensor/internal";
import { type Token, Tokens, readHead } from "./tokens.js";

/**
 * An information set: moves that a player cannot tell apart.
 * @category Files
 */
export interface InformationSet {
  /** Its number in the file. */
  readonly number: number;
  readonly name: string;
  readonly actions: readonly string[];
  /** How many nodes it has. */
  readonly numMembers: number;
}

/**
 * A node of a game tree. Its children are in the order of the actions.
 * @category Files
 */
export interface GameNode {
  readonly kind: "chance" | "decision" | "terminal";
  /** Who decides, from 0; −1 where nobody does. */
  readonly player: number;
  /** The place of the information set among those of the player, −1 where nobody decides. */
  readonly informationSet: number;
  /** Of each action, at chance moves. */
  readonly probabilities: readonly number[];
  /** What everyone is paid for passing here. */
  readonly payoffs: readonly number[] | undefined;
  /** Places of the children in `nodes`. */
  readonly children: readonly number[];
}

/**
 * A game in extensive form.
 * @category Files
 */
export interface ExtensiveGame {
  readonly title: string;
  readonly comment: string;
  readonly players: readonly string[];
  /** In the order of the file; the first is the root. Payoffs along a path add up. */
  readonly nodes: readonly GameNode[];
  /** Of each player, by ascending number. */
  readonly informationSets: readonly (readonly InformationSet[])[];
}

/** Most nodes of a tree. */
const MOST_NODES = 2 ** 22;

interface Moves {
  name: string;
  actions: readonly string[];
  probabilities: readonly number[];
  members: number;
}

interface OpenNode {
  kind: GameNode["kind"];
  player: number;
  set: number;
  probabilities: readonly number[];
  outcome: number;
  children: number[];
  wants: number;
  actions: readonly string[];
}

/**
 * The game in a file in Gambit's .efg format. Names, actions and payoffs may be left out after their first mention; payoffs
 * of inner nodes add up along the path.
 *
 * @param text - the whole text of the file
 * @returns the tree
 * @throws `FormatError` with line and column where the text is not what the format says
 * @example
 * ```ts
 * import { readEfg } from "@provably/robust-rl";
 *
 * const game = readEfg(`EFG 2 R "trust" { "one" "two" }
 * p "" 1 1 "first" { "keep" "send" } 0
 * t "" 1 "kept" { 1, 0 }
 * p "" 2 1 "second" { "share" "take" } 0
 * t "" 2 "shared" { 2, 2 }
 * t "" 3 "taken" { 0, 4 }`);
 * game.nodes.length; // => 5
 * game.informationSets[1][0].actions; // => ["share", "take"]
 * ```
 * @see The Gambit Project, "Game representation formats"
 * @category Files
 */
export function readEfg(text: string): ExtensiveGame {
  const fn = "readEfg";
  const tokens = new Tokens(fn, check(fn, "text", text, anyString));
  const { title, players } = readHead(tokens, "EFG", "2");
  const comment = tokens.takeIf("text")?.text ?? "";
  const sets = players.map(() => new Map<number, Moves>());
  const chances = new Map<number, Moves>();
  const outcomes = new Map<number, readonly number[]>();
  const nodes: OpenNode[] = [];
  const path: number[] = [];
  do {
    const place = tokens.peek();
    const parent = nodes[path[path.length - 1] ?? -1];
    if (place.kind === "end" && parent)
      throw tokens.error(
        place,
        `the node for action ${JSON.stringify(parent.actions[parent.children.length])} is missing`,
      );
    if (nodes.length >= MOST_NODES) throw tokens.error(place, "more than 2²² nodes");
    const node = readNode(tokens, players.length, sets, chances, outcomes);
    nodes.push(node);
    parent?.children.push(nodes.length - 1);
    if (node.wants > 0) path.push(nodes.length - 1);
    while (path.length > 0) {
      const top = nodes[path[path.length - 1]!]!;
      if (top.children.length < top.wants) break;
      path.pop();
    }
  } while (path.length > 0);
  if (tokens.peek().kind !== "end")
    throw tokens.wrong(tokens.peek(), "the end of the file, since the tree is complete");
  const numbers = sets.map((own) => [...own.keys()].sort((a, b) => a - b));
  return {
    title,
    comment,
    players,
    nodes: nodes.map((node) => ({
      kind: node.kind,
      player: node.player,
      informationSet: node.player < 0 ? -1 : numbers[node.player]!.indexOf(node.set),
      probabilities: node.probabilities,
      payoffs: node.outcome === 0 ? undefined : outcomes.get(node.outcome)!,
      children: node.children,
    })),
    informationSets: sets.map((own, i) =>
      numbers[i]!.map((number) => {
        const { name, actions, members } = own.get(number)!;
        return { number, name, actions, numMembers: members };
      }),
    ),
  };
}

function readNode(
  tokens: Tokens,
  numPlayers: number,
  sets: readonly Map<number, Moves>[],
  chances: Map<number, Moves>,
  outcomes: Map<number, readonly number[]>,
): OpenNode {
  const place = tokens.peek();
  if (place.kind !== "word" || !/^[cpt]$/.test(place.text))
    throw tokens.wrong(place, 'a node: "c", "p" or "t"');
  tokens.take();
  tokens.expect("text", "the name of the node in quotes");
  const none = { player: -1, set: -1, probabilities: [], actions: [], children: [] as number[] };
  if (place.text === "t")
    return {
      ...none,
      kind: "terminal",
      wants: 0,
      outcome: readOutcome(tokens, numPlayers, outcomes),
    };
  const chance = place.text === "c";
  const player = chance ? -1 : tokens.whole(`a player, 1 to ${numPlayers}`, 1, numPlayers) - 1;
  const set = tokens.whole("the number of an information set", 1);
  const moves = readMoves(tokens, place, chance ? chances : sets[player]!, set, chance);
  return {
    ...none,
    kind: chance ? "chance" : "decision",
    player,
    set,
    probabilities: moves.probabilities,
    actions: moves.actions,
    wants: moves.actions.length,
    outcome: readOutcome(tokens, numPlayers, outcomes),
  };
}

/** An information set: in full at its first mention; later parts may be left out, and must not differ. */
function readMoves(
  tokens: Tokens,
  place: Token,
  known: Map<number, Moves>,
  number: number,
  chance: boolean,
): Moves {
  const name = tokens.takeIf("text")?.text;
  const list = tokens.peek();
  const given = tokens.takeIf("open") ? readActions(tokens, chance) : undefined;
  const before = known.get(number);
  if (before) {
    if (
      given &&
      (given.actions.join("\0") !== before.actions.join("\0") ||
        given.probabilities.join() !== before.probabilities.join())
    )
      throw tokens.error(list, `information set ${number} was given with other actions before`);
    before.members++;
    return before;
  }
  if (given === undefined)
    throw tokens.wrong(list, "the actions of an information set at its first mention");
  if (given.actions.length === 0)
    throw tokens.error(list, "an information set must have an action");
  const total = given.probabilities.reduce((a, b) => a + b, 0);
  if (chance && !(Math.abs(total - 1) <= 1e-8))
    throw tokens.error(place, `the probabilities of a chance move must sum to 1, got ${total}`);
  const moves = { name: name ?? "", ...given, members: 1 };
  known.set(number, moves);
  return moves;
}

function readActions(tokens: Tokens, chance: boolean) {
  const [actions, probabilities]: [string[], number[]] = [[], []];
  while (!tokens.takeIf("close")) {
    actions.push(tokens.expect("text", "the name of an action in quotes").text);
    if (!chance) continue;
    const place = tokens.peek();
    const p = tokens.number("the probability of the action");
    if (!(p >= 0)) throw tokens.wrong(place, "a probability ≥ 0");
    probabilities.push(p);
  }
  return { actions, probabilities };
}

function readOutcome(
  tokens: Tokens,
  numPlayers: number,
  outcomes: Map<number, readonly number[]>,
): number {
  const place = tokens.peek();
  const number = tokens.whole("the number of an outcome, 0 for none", 0);
  tokens.takeIf("text");
  const list = tokens.peek();
  if (tokens.takeIf("open")) {
    const payoffs = Array.from({ length: numPlayers }, () =>
      tokens.number(`a payoff for each of ${numPlayers} players`),
    );
    tokens.expect("close", `the end of the payoffs of ${numPlayers} players`);
    const before = outcomes.get(number);
    if (number === 0 || (before && before.join() !== payoffs.join()))
      throw tokens.error(
        list,
        `outcome ${number} ${number === 0 ? "has no payoffs" : "was given with other payoffs before"}`,
      );
    outcomes.set(number, payoffs);
  } else if (number !== 0 && !outcomes.has(number))
    throw tokens.error(place, `outcome ${number} has no payoffs yet`);
  return number;
}
