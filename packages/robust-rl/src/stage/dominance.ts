/** Actions that another pure action beats whatever the others do. */
import { type Game, actionOf, strideOf } from "./payoffs.js";

/** The actions of a player that are strictly dominated by another; comparisons of doubles are exact. */
export function dominatedActions({ actions, joint, payoffs }: Game, player: number): number[] {
  const [stride, count] = [strideOf(actions, player), actions[player]!];
  const others: number[] = [];
  for (let a = 0; a < joint; a++) if (actionOf(a, stride, count) === 0) others.push(a);
  const beats = (b: number, a: number): boolean =>
    others.every(
      (o) => payoffs[player * joint + o + b * stride]! > payoffs[player * joint + o + a * stride]!,
    );
  const all = Array.from({ length: count }, (_, a) => a);
  return all.filter((a) => all.some((b) => b !== a && beats(b, a)));
}
