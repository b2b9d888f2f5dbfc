/** Tables over named axes, multiplied and summed out: variable elimination. */
import { TableSizeError } from "../errors.js";
import { product } from "./arrays.js";

/** A non-negative table; the last variable varies fastest. */
export interface Factor {
  readonly variables: readonly string[];
  readonly extents: readonly number[];
  readonly data: Float64Array;
}

/** Strides of a factor along the axes of a larger one; 0 along axes it does not have. */
function stridesAlong(f: Factor, variables: readonly string[]): number[] {
  return variables.map((name) => {
    const axis = f.variables.indexOf(name);
    return axis < 0 ? 0 : product(f.extents.slice(axis + 1));
  });
}

/** Visits every cell of a table in row-major order with the offsets of operands whose strides are given. */
function walk(
  extents: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (cell: number, offsets: Int32Array) => void,
): void {
  const cells = product(extents);
  const digits = new Int32Array(extents.length);
  const offsets = new Int32Array(strides.length);
  for (let cell = 0; cell < cells; cell++) {
    visit(cell, offsets);
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      digits[axis]!++;
      for (let k = 0; k < strides.length; k++) offsets[k]! += strides[k]![axis]!;
      if (digits[axis]! < extents[axis]!) break;
      for (let k = 0; k < strides.length; k++) offsets[k]! -= strides[k]![axis]! * extents[axis]!;
      digits[axis] = 0;
    }
  }
}

/** The product of two factors, over the union of their variables. */
export function multiply(f: Factor, g: Factor): Factor {
  const variables = [...f.variables, ...g.variables.filter((name) => !f.variables.includes(name))];
  const extents = variables.map(
    (name) => f.extents[f.variables.indexOf(name)] ?? g.extents[g.variables.indexOf(name)]!,
  );
  const data = new Float64Array(product(extents));
  walk(extents, [stridesAlong(f, variables), stridesAlong(g, variables)], (cell, offsets) => {
    data[cell] = f.data[offsets[0]!]! * g.data[offsets[1]!]!;
  });
  return { variables, extents, data };
}

/** The factor over `keep`, in that order, all other variables summed out. */
export function marginal(f: Factor, keep: readonly string[]): Factor {
  const extents = keep.map((name) => f.extents[f.variables.indexOf(name)]!);
  const out: Factor = { variables: keep, extents, data: new Float64Array(product(extents)) };
  walk(f.extents, [stridesAlong(out, f.variables)], (cell, offsets) => {
    out.data[offsets[0]!]! += f.data[cell]!;
  });
  return out;
}

/** The product of all factors with everything but `keep` summed out, in the cheapest order found greedily. */
export function eliminate(
  fn: string,
  factors: readonly Factor[],
  keep: readonly string[],
  maxCells: number,
): Factor {
  let open = [...factors];
  const extent = new Map(
    factors.flatMap((f) => f.variables.map((name, i) => [name, f.extents[i]!] as const)),
  );
  const check = (variables: readonly string[]): void => {
    const cells = product(variables.map((name) => extent.get(name)!));
    if (cells > maxCells)
      throw new TableSizeError(
        `${fn}: a table of ${cells} cells is needed, maxCells is ${maxCells}`,
      );
  };
  check(keep);
  const rest = new Set([...extent.keys()].filter((name) => !keep.includes(name)));
  while (rest.size > 0) {
    let best: { name: string; scope: string[]; cells: number } | undefined;
    for (const name of rest) {
      const scope = [
        ...new Set(open.filter((f) => f.variables.includes(name)).flatMap((f) => f.variables)),
      ];
      const cells = product(scope.map((v) => extent.get(v)!));
      if (best === undefined || cells < best.cells) best = { name, scope, cells };
    }
    const { name, scope } = best!;
    check(scope);
    const joined = open.filter((f) => f.variables.includes(name)).reduce(multiply);
    open = [
      ...open.filter((f) => !f.variables.includes(name)),
      marginal(
        joined,
        joined.variables.filter((v) => v !== name),
      ),
    ];
    rest.delete(name);
  }
  return marginal(
    open.reduce(multiply, { variables: [], extents: [], data: Float64Array.of(1) }),
    keep,
  );
}
