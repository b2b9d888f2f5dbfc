/** Whether an extensive game is a tree whose parts fit together: games may come from elsewhere than a file. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anyNumber,
  anyString,
  check,
  listOf,
  oneOf,
  optional,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { ExtensiveGame, GameNode, InformationSet } from "./efg.js";

const GAME = recordWith<ExtensiveGame>({
  title: () => undefined,
  comment: () => undefined,
  players: listOf(anyString),
  nodes: anyList,
  informationSets: listOf(
    listOf(
      recordWith<InformationSet>({
        number: () => undefined,
        name: () => undefined,
        actions: anyList,
        numMembers: () => undefined,
      }),
    ),
  ),
});

const NODE = recordWith<GameNode>({
  kind: oneOf("chance", "decision", "terminal"),
  player: wholeNumber(-1),
  informationSet: wholeNumber(-1),
  probabilities: listOf(anyNumber),
  payoffs: optional(listOf(anyNumber)),
  children: listOf(wholeNumber(1)),
});

/** The game, of which every node but the first is the child of one before it. */
export function checkGame(fn: string, game: ExtensiveGame): ExtensiveGame {
  const { nodes, players, informationSets } = check(fn, "game", game, GAME);
  if (nodes.length === 0 || informationSets.length !== players.length)
    throw new DomainError(
      `${fn}: game must have nodes, and a list of information sets for each of its ${players.length} players`,
    );
  const reached = new Uint8Array(nodes.length).fill(1, 0, 1);
  nodes.forEach((given, k) => {
    const node = check(fn, `game.nodes[${k}]`, given, NODE);
    const wrong = faultOf(node, game);
    if (wrong !== undefined) throw new DomainError(`${fn}: game.nodes[${k}] ${wrong}`);
    for (const child of node.children) {
      if (child <= k || child >= nodes.length || reached[child])
        throw new DomainError(
          `${fn}: game.nodes[${k}].children must be later nodes that are no other's, got ${child}`,
        );
      reached[child] = 1;
    }
  });
  const lost = reached.indexOf(0);
  if (lost >= 0) throw new DomainError(`${fn}: game.nodes[${lost}] is nobody's child`);
  return game;
}

/** What does not fit about a node by itself. */
function faultOf(
  { kind, player, informationSet, probabilities, payoffs, children }: GameNode,
  { players, informationSets }: ExtensiveGame,
): string | undefined {
  if (payoffs && !(payoffs.length === players.length && payoffs.every(Number.isFinite)))
    return `must have a finite payoff for each of ${players.length} players`;
  if (kind === "terminal") return children.length > 0 ? "is terminal and has children" : undefined;
  if (kind === "chance") {
    const sum = probabilities.reduce((a, b) => a + b, 0);
    const sound = probabilities.length === children.length && probabilities.every((p) => p >= 0);
    return sound && Math.abs(sum - 1) <= 1e-8
      ? undefined
      : "must have a probability for each of its children, with sum 1";
  }
  const set = informationSets[player]?.[informationSet];
  if (!set) return "must be in an information set of one of the players";
  return set.actions.length === children.length
    ? undefined
    : `must have a child for each of its ${set.actions.length} actions`;
}
