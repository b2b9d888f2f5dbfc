/**
 * Softmax-weighted sums of rows, as in attention, with a running maximum and normaliser: the scores are computed on the way and never
 * stored. Every thread computes the scores of its row anew, so that this pays where they would not fit: four results a thread, where the
 * rows of values allow it, share them.
 */
import type { DType } from "../../../array/dtype.js";
import type { Shape } from "../../../array/shape.js";
import type { Place, Space } from "../kernel.js";
import { type Reading, Stage, type WriteOperand } from "../stage.js";
import { Fold, LOWEST, UNROLLED, rounds } from "./folds.js";

export class WeightedSum extends Stage {
  readonly work = Infinity;
  readonly label = "softmax matmul";
  /** Neighbouring results have the scores in common. */
  readonly shares = true;

  /** `scores` is `[…, t, s]`, `values` is `[…, s, e]`. */
  constructor(scores: Stage, values: Stage, shape: Shape, dtype: DType) {
    super(shape, dtype, [scores, values]);
    onTheWay(scores);
  }

  reading(k: number): Reading {
    return k === 0 ? "looped" : "repeated";
  }

  write(space: Space, operand: WriteOperand): string {
    const { kernel } = space;
    const spaces = kernel.lanes.includes(space) ? kernel.lanes : [space];
    const rank = this.shape.length;
    const at = (
      place: Place,
    ): { readonly place: Place; readonly start: number; readonly step: number } => ({
      place,
      start: 0,
      step: 1,
    });
    const peak = kernel.variable(LOWEST);
    const total = kernel.variable("0");
    const sums = spaces.map(() => kernel.variable("0"));
    rounds(kernel, this.operands[0]!.shape[rank - 1]!, UNROLLED, (places) => {
      const scores = places.map((place) =>
        kernel.constant(operand(0, space.with(rank - 1, at(place)))),
      );
      const top = kernel.constant([peak, ...scores].reduce((a, b) => `Math.max(${a}, ${b})`));
      const keep = kernel.constant(`Math.exp(${peak} - ${top})`);
      const weights = scores.map((x) => kernel.constant(`Math.exp(${x} - ${top})`));
      kernel.line(`${total} = ${total} * ${keep} + ${weights.join(" + ")};`);
      spaces.forEach((lane, l) => {
        const terms = places.map(
          (place, i) => `${weights[i]!} * ${operand(1, lane.with(rank - 2, at(place)))}`,
        );
        kernel.line(`${sums[l]!} = ${sums[l]!} * ${keep} + ${terms.join(" + ")};`);
      });
      kernel.line(`${peak} = ${top};`);
    });
    spaces
      .slice(1)
      .forEach((lane, l) => lane.once(this, () => kernel.constant(`${sums[l + 1]!} / ${total}`)));
    return `${sums[0]!} / ${total}`;
  }
}

/** Lets the products below the scores be computed inside another loop instead of being stored. */
function onTheWay(x: Stage): void {
  if (x instanceof Fold) x.onTheWay = true;
  else for (const operand of x.operands) if (operand.size >= x.size) onTheWay(operand);
}
