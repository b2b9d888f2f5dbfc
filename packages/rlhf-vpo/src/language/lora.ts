/** Low-rank adapters of the matrices in a tree of parameters. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  matmul,
  mul,
  toTypedArray,
  treeLeaves,
  zeros,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anything,
  check,
  checkOptions,
  either,
  listOf,
  anyString,
  positiveNumber,
  recordWith,
  rngKey,
  show,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { mapPaths } from "./paths.js";

/**
 * Adapters by the path of their matrix: `down` [in, r] and `up` [r, out] for a matrix [in, out].
 * @category Language models
 */
export type LoraAdapters = Readonly<
  Record<string, { readonly down: NdArray; readonly up: NdArray }>
>;

/**
 * Options of {@link lora}.
 * @category Language models
 */
export interface LoraOptions {
  /** r; default 8. */
  readonly rank?: number;
  /** The factor s of the product; default 1. Where others speak of α it is α / r. */
  readonly scale?: number;
  /** Which matrices: a list of paths such as `"layers.0.query"`, or a function of the path and the matrix; default all of at least r rows and columns. */
  readonly targets?: readonly string[] | ((path: string, matrix: NdArray) => boolean);
}

/**
 * Parameters with the adapters added, and what rounding took from them.
 * @category Language models
 */
export interface MergedLora<P> {
  readonly params: P;
  /** By path, what is to be added after the adapters are subtracted, so that the matrices come back to the bit; almost all of it is 0. */
  readonly remainder: Readonly<Record<string, NdArray>>;
}

/**
 * Low-rank adaptation of parameters.
 * @category Language models
 */
export interface Lora<P> {
  /** Paths of the matrices that are adapted. */
  readonly targets: readonly string[];
  /** Adapters to start from: `down` normal with variance 1 / in, `up` zero, so that nothing changes yet. */
  readonly init: (key: RngKey) => LoraAdapters;
  /** The parameters with $W + s\,A B$ in the place of every adapted W; differentiable in both. */
  readonly apply: (params: P, adapters: LoraAdapters) => P;
  /** The same as a result to keep, with what `unmerge` needs to undo it exactly. */
  readonly merge: (params: P, adapters: LoraAdapters) => MergedLora<P>;
  /** The parameters before `merge`, to the bit; without `remainder` up to rounding. */
  readonly unmerge: (
    merged: Pick<MergedLora<P>, "params"> & Partial<MergedLora<P>>,
    adapters: LoraAdapters,
  ) => P;
}

const OPTIONS = {
  rank: wholeNumber(),
  scale: positiveNumber,
  targets: either(listOf(anyString), anyFunction as never),
};

/**
 * Low-rank adaptation (LoRA): a matrix W [in, out] counts as $W + s\,A B$ with A [in, r] and B [r, out], and only A and B are trained.
 *
 * Training takes the adapters as its parameters: `logits: (adapters, tokens) => model.logits(l.apply(params, adapters), tokens)`. Which side of a matrix is
 * its input does not matter to the product.
 *
 * @param params - tree of arrays; its structure and shapes are what counts
 * @param options - see {@link LoraOptions}
 * @returns see {@link Lora}; its functions are pure
 * @throws `DomainError` where no matrix, or a path that is not there, would be adapted
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { lora } from "@provably/rlhf-vpo";
 *
 * const params = { w: array([[1, 2], [3, 4]]), bias: array([0, 0]) };
 * const low = lora(params, { rank: 1 });
 * low.targets; // => ["w"]
 * const adapters = { w: { down: array([[1], [0]]), up: array([[0.5, 0.25]]) } };
 * toNested(low.apply(params, adapters).w); // => [[1.5, 2.25], [3, 4]]
 * toNested(low.unmerge(low.merge(params, adapters), adapters).w); // => [[1, 2], [3, 4]]
 * toNested(low.apply(params, low.init(key(0))).w); // => [[1, 2], [3, 4]]
 * ```
 * @see Hu and others (2022), "LoRA: low-rank adaptation of large language models"
 * @category Language models
 */
export function lora<P>(params: P, options: LoraOptions = {}): Lora<P> {
  const fn = "lora";
  const { rank = 8, scale = 1, targets } = checkOptions<LoraOptions>(fn, options, OPTIONS);
  treeLeaves(params); // refuses trees that contain themselves
  const shapes = new Map<string, readonly [number, number]>();
  const dtypes = new Map<string, NdArray["dtype"]>();
  const wanted = Array.isArray(targets) ? new Set(targets as readonly string[]) : undefined;
  mapPaths(params, "", (x, path) => {
    const takes =
      typeof targets === "function"
        ? targets(path, x)
        : wanted
          ? wanted.delete(path)
          : x.shape.length === 2 && Math.min(...x.shape) >= rank;
    if (takes && (x.shape.length !== 2 || !x.dtype.startsWith("float")))
      throw new ShapeError(
        `${fn}: targets must be matrices of floats, ${path} is ${x.dtype} of shape [${x.shape.join(", ")}]`,
      );
    if (takes) {
      shapes.set(path, x.shape as readonly [number, number]);
      dtypes.set(path, x.dtype);
    }
    return x;
  });
  if (wanted && wanted.size > 0)
    throw new DomainError(`${fn}: targets ${show([...wanted])} are not in params`);
  if (shapes.size === 0) throw new DomainError(`${fn}: no matrix of params is adapted`);

  const adapted = (caller: string, tree: P, adapters: LoraAdapters, f: Adapt): P => {
    check(caller, "adapters", adapters, anyRecord);
    for (const path of Object.keys(adapters))
      if (!shapes.has(path)) throw new DomainError(`${caller}: adapters.${path} has no matrix`);
    return mapPaths(tree, "", (x, path) => {
      const shape = shapes.get(path);
      if (shape === undefined) return x;
      if (x.shape.join() !== shape.join())
        throw new ShapeError(
          `${caller}: ${path} must have shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`,
        );
      check(caller, `adapters.${path}`, adapters[path]!, recordWith({ down: tensor, up: tensor }));
      const { down, up } = adapters[path]!;
      return f(x, mul(scale, matmul(down, up)), path);
    }) as P;
  };
  return {
    targets: [...shapes.keys()],
    init: (key) => {
      check("init", "key", key, rngKey);
      const made = [...shapes].map(([path, [rows, columns]]) => {
        const dtype = dtypes.get(path) as "float32" | "float64";
        const down = normal(foldIn(key, path), [rows, rank], { dtype, std: 1 / Math.sqrt(rows) });
        return [path, { down, up: zeros([rank, columns], { dtype }) }] as const;
      });
      return Object.fromEntries(made);
    },
    apply: (tree, adapters) => adapted("apply", tree, adapters, add),
    merge: (tree, adapters) => {
      const remainder: Record<string, NdArray> = {};
      const merged = adapted("merge", tree, adapters, (w, change, path) => {
        const sum = combine(w, change, (a, b) => a + b);
        remainder[path] = combine(
          w,
          combine(sum, change, (a, b) => a - b),
          (a, b) => a - b,
        );
        return sum;
      });
      return { params: merged, remainder };
    },
    unmerge: (merged, adapters) => {
      check("unmerge", "merged", merged, recordWith({ params: anything }));
      return adapted("unmerge", merged.params, adapters, (w, change, path) => {
        const back = combine(w, change, (a, b) => a - b);
        const rest = merged.remainder?.[path];
        return rest === undefined ? back : combine(back, rest, (a, b) => a + b);
      });
    },
  };
}

type Adapt = (w: NdArray, change: NdArray, path: string) => NdArray;

/** Number by number, each rounded once to the type of `a`. */
function combine(a: NdArray, b: NdArray, f: (x: number, y: number) => number): NdArray {
  const [x, y] = [toTypedArray(a), toTypedArray(b)];
  const out = x.slice();
  for (let i = 0; i < out.length; i++) out[i] = f(x[i]!, y[i]!);
  return array(out, { shape: a.shape, dtype: a.dtype });
}
