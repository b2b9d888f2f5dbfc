/** Offsets of buffers in one arena: buffers that live at the same time do not overlap. */

export interface Lifetime {
  readonly bytes: number;
  /** First and last step during which the contents matter. */
  readonly first: number;
  readonly last: number;
}

/**
 * Places large buffers first, each into the tightest gap between those alive at the same time.
 * @see Pisarchyk, Lee (2020), "Efficient memory management for deep neural net inference", greedy by size
 */
export function assignOffsets(lifetimes: readonly Lifetime[]): {
  readonly offsets: number[];
  readonly total: number;
} {
  const offsets = new Array<number>(lifetimes.length).fill(0);
  const order = lifetimes
    .map((_, i) => i)
    .sort(
      (a, b) =>
        lifetimes[b]!.bytes - lifetimes[a]!.bytes || lifetimes[a]!.first - lifetimes[b]!.first,
    );
  const placed: number[] = [];
  let total = 0;
  for (const i of order) {
    const { bytes, first, last } = lifetimes[i]!;
    let best = -1;
    let slack = Infinity;
    let end = 0;
    // `placed` is sorted by offset
    for (const j of placed) {
      const other = lifetimes[j]!;
      if (other.last < first || other.first > last) continue;
      const gap = offsets[j]! - end;
      if (gap >= bytes && gap - bytes < slack) [best, slack] = [end, gap - bytes];
      end = Math.max(end, offsets[j]! + other.bytes);
    }
    offsets[i] = best >= 0 ? best : end;
    total = Math.max(total, offsets[i] + bytes);
    const at = placed.findIndex((j) => offsets[j]! > offsets[i]!);
    placed.splice(at === -1 ? placed.length : at, 0, i);
  }
  return { offsets, total };
}
