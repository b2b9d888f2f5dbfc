/** The assignment problem: which column for each row, so that the total cost is least. */

/** For a cost matrix `[n][n]`, the column of each row in a cheapest one-to-one assignment. O(n³), by shortest augmenting paths (Jonker, Volgenant 1987). */
export function assign(cost: readonly (readonly number[])[]): number[] {
  const n = cost.length;
  const rowPrice = new Float64Array(n + 1);
  const colPrice = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1); // row matched to each column, 1-based; 0 is the unmatched row
  for (let row = 1; row <= n; row++) {
    rowOf[0] = row;
    const best = new Float64Array(n + 1).fill(Infinity);
    const from = new Int32Array(n + 1);
    const done = new Uint8Array(n + 1);
    let col = 0;
    do {
      done[col] = 1;
      const i = rowOf[col]!;
      let [step, next] = [Infinity, 0];
      for (let j = 1; j <= n; j++) {
        if (done[j] === 1) continue;
        const reduced = cost[i - 1]![j - 1]! - rowPrice[i]! - colPrice[j]!;
        if (reduced < best[j]!) {
          best[j] = reduced;
          from[j] = col;
        }
        if (best[j]! < step) [step, next] = [best[j]!, j];
      }
      for (let j = 0; j <= n; j++) {
        if (done[j] === 1) {
          rowPrice[rowOf[j]!]! += step;
          colPrice[j]! -= step;
        } else best[j]! -= step;
      }
      col = next;
    } while (rowOf[col] !== 0);
    while (col !== 0) {
      rowOf[col] = rowOf[from[col]!]!;
      col = from[col]!;
    }
  }
  const columnOf = new Array<number>(n).fill(0);
  for (let j = 1; j <= n; j++) columnOf[rowOf[j]! - 1] = j - 1;
  return columnOf;
}
