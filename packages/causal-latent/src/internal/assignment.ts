/** The assignment of rows to columns with the greatest total gain. */

const BOUND = 1e150;

/** `result[row]` is the column of each row; rows beyond the columns get numbers from `columns` on. The Hungarian method, O(n³). */
export function assign(gain: readonly (readonly number[])[]): number[] {
  const n = Math.max(gain.length, gain[0]?.length ?? 0);
  // what is not finite counts as far worse, or far better, than anything else, so that the search ends
  const cost = (i: number, j: number): number => {
    const x = gain[i]?.[j] ?? 0;
    return Math.abs(x) < BOUND ? -x : x > 0 ? -BOUND : BOUND;
  };
  // potentials of rows and columns; column 0 is a sentinel
  const u = new Float64Array(n + 1);
  const v = new Float64Array(n + 1);
  const rowOf = new Int32Array(n + 1);
  for (let i = 1; i <= n; i++) {
    const way = new Int32Array(n + 1);
    const least = new Float64Array(n + 1).fill(Infinity);
    const used = new Uint8Array(n + 1);
    rowOf[0] = i;
    let column = 0;
    do {
      used[column] = 1;
      const row = rowOf[column]!;
      let [delta, next] = [Infinity, 0];
      for (let j = 1; j <= n; j++) {
        if (used[j]) continue;
        const reduced = cost(row - 1, j - 1) - u[row]! - v[j]!;
        if (reduced < least[j]!) {
          least[j] = reduced;
          way[j] = column;
        }
        if (least[j]! < delta) [delta, next] = [least[j]!, j];
      }
      for (let j = 0; j <= n; j++)
        if (used[j]) {
          u[rowOf[j]!]! += delta;
          v[j]! -= delta;
        } else least[j]! -= delta;
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      rowOf[column] = rowOf[way[column]!]!;
      column = way[column]!;
    }
  }
  const result = new Array<number>(n).fill(0);
  for (let j = 1; j <= n; j++) result[rowOf[j]! - 1] = j - 1;
  return result.slice(0, gain.length);
}
