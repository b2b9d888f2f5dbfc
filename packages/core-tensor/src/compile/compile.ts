/** Compiled functions: traced once for each kind of arguments, then run without the function. */
import type { DenseArray, NdArray } from "../array/ndarray.js";
import {
  type Schema,
  anyFunction,
  anything,
  check,
  checkOptions,
  isRecord,
  listOf,
  show,
  trueOrFalse,
  wholeNumber,
} from "../check/index.js";
import { DomainError } from "../errors.js";
import { type Tree, treeFill, treeLeaves } from "../tree/tree.js";
import type { Device, ProgramDevice } from "../graph/device.js";
import type { Graph } from "../graph/graph.js";
import { type Executable, interpreter } from "../graph/interpret.js";
import { refuseNans } from "../graph/nans.js";
import { type OnDevice, onDevice } from "./on-device.js";
import { graphText } from "../graph/print.js";
import { ResidentArray, free } from "./wasm/resident.js";
import { callOf } from "./signature.js";
import { simplify } from "../graph/simplify.js";
import { type Traced, traceGraph } from "../graph/trace.js";
import { wasmProgram } from "./wasm/program.js";
import { sharedAllocator, allocator } from "./wasm/allocator.js";

/**
 * Options of {@link compile}.
 * @category Compilation
 */
export interface CompileOptions {
  /** What runs the program: SIMD in WebAssembly, the default wherever there is any, or plain JavaScript. */
  readonly device?: "wasm" | "js";
  /**
   * Leave results in the memory of compiled programs, as by {@link pin}: for states that the next call takes. Beyond 256 MiB of results
   * that were neither freed, donated nor seen to be collected, which no loop without `await` sees, results are copied out. Default false.
   */
  readonly resident?: boolean;
  /**
   * Arguments that the call uses up, counted from 0: their pinned arrays are freed afterwards, so that a state that goes round and
   * round takes no more memory. Default none.
   */
  readonly donate?: readonly number[];
  /**
   * Threads for large products and loops; results are the same to the bit for any number. Needs workers and shared memory (Node, or a
   * cross-origin isolated page); the calling thread blocks while they work. Default 1.
   */
  readonly threads?: number;
  /** Name the first operation that makes NaN of numbers, by running one operation at a time in JavaScript: slow. Default false. */
  readonly debugNans?: boolean;
  /** Programs kept, one for each kind of arguments; the one unused for longest goes first. Default 32. */
  readonly cacheSize?: number;
}

/**
 * Options of {@link compile} for a device.
 * @category Compilation
 */
export interface DeviceCompileOptions {
  /** A device of `@provably/core-tensor/gpu`. */
  readonly device: Device;
  /** Programs kept, one for each kind of arguments; the one unused for longest goes first. Default 32. */
  readonly cacheSize?: number;
}

/**
 * Options of {@link compile} where the device is a setting: on `"wasm"` and `"js"` the compiled function returns results, on a device
 * promises, and `await` takes either.
 * @category Compilation
 */
export interface NamedDeviceCompileOptions {
  /** What `deviceNamed` of `@provably/core-tensor/gpu` gives. */
  readonly device: Device | "wasm" | "js";
  /** Programs kept, one for each kind of arguments; the one unused for longest goes first. Default 32. */
  readonly cacheSize?: number;
}

interface Program {
  readonly traced: Traced;
  readonly graph: Graph;
  readonly executable: Executable;
}

/** The programs of each compiled function, for {@link explain}. */
const programsOf = new WeakMap<
  object,
  ReadonlyMap<string, { readonly graph: Graph; readonly executable: { explain(): string } }>
>();

const DEVICE: Schema<DeviceCompileOptions> = { device: anything, cacheSize: wholeNumber() };
const COMPILE: Schema<CompileOptions> = {
  device: anything,
  resident: trueOrFalse,
  donate: listOf(wholeNumber(0)),
  threads: wholeNumber(1, 17),
  debugNans: trueOrFalse,
  cacheSize: wholeNumber(),
};

/**
 * The same function, faster: traced once for each kind of arguments, then run as a plan of fused SIMD kernels in memory of its own.
 *
 * The first call with given tree structure, extents, types and constants runs `f` on arrays without elements and writes down what it
 * does. Equal subexpressions are computed once, what no result needs is not computed, elementwise operations run as one loop, and all
 * intermediate values share one stretch of memory that is laid out beforehand. Later calls of the kind run the plan and never `f`.
 * Arrays in the arguments, typed arrays and ndarrays among them, vary from call to call; numbers, lists of numbers, strings and other
 * constants are part of the kind, so that a number that changes with every call should be an array. Inside `f`, gradients and `vmap` work, and whole training steps can be compiled; reading
 * an element (`item`, `.data`) throws `ConcretizationError`. Inside another transform a compiled function is seen through: its
 * gradient is that of `f`. With a device of `@provably/core-tensor/gpu` the compiled function returns a promise; `deviceNamed` there opens
 * one by name.
 *
 * @param f - pure function of trees of arrays to a tree of arrays
 * @param options - see {@link CompileOptions}, {@link DeviceCompileOptions} and {@link NamedDeviceCompileOptions}
 * @returns function of the same arguments with the same results, up to rounding
 * @throws `ConcretizationError` at the first call, when `f` asks for the elements of an array
 * @example
 * ```ts
 * import { add, array, mul, toNested } from "@provably/core-tensor";
 * import { compile } from "@provably/core-tensor/compile";
 *
 * const f = compile((a, b) => add(mul(a, b), 1));
 * toNested(f(array([1, 2]), array([3, 4]))); // => [4, 9]
 * ```
 * @see Frostig, Johnson, Leary (2018), "Compiling machine learning programs via high-level tracing"
 * @category Compilation
 */
export function compile<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  options?: CompileOptions,
): (...args: Args) => Y;
export function compile<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  options: DeviceCompileOptions,
): (...args: Args) => Promise<Y>;
export function compile<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  options: NamedDeviceCompileOptions,
): (...args: Args) => Y | Promise<Y>;
export function compile<Args extends unknown[], Y>(
  f: (...args: Args) => Y,
  options: CompileOptions | DeviceCompileOptions = {},
): ((...args: Args) => Y) | ((...args: Args) => Promise<Y>) {
  check("compile", "f", f, anyFunction);
  if (isForDevice(options)) {
    const { cacheSize = 32 } = checkOptions<DeviceCompileOptions>("compile", options, DEVICE);
    const programs = new Map<string, OnDevice>();
    // what isForDevice has seen of it
    const compiled = onDevice(f, options.device as ProgramDevice, cacheSize, programs);
    programsOf.set(compiled, programs);
    return compiled;
  }
  const { donate = [], cacheSize = 32 } = checkOptions<CompileOptions>("compile", options, COMPILE);
  checkDevice(options.device);
  const programs = new Map<string, Program>();
  const compiled = (...args: Args): Y => {
    const call = callOf(args);
    // a traced argument: the surrounding transform sees through the call
    if (call === undefined) return f(...args);
    let program = programs.get(call.key);
    if (program === undefined) {
      const traced = traceGraph(f, call.args);
      // the function uses an array of a surrounding transform that it was not given
      if (traced.captures.length > 0) return f(...args);
      const graph = simplify(traced.graph);
      program = {
        traced,
        graph,
        executable: executableOf(graph, options, call.leaves, donatedLeaves(call.args, donate)),
      };
    } else programs.delete(call.key);
    programs.set(call.key, program);
    if (programs.size > cacheSize) programs.delete(programs.keys().next().value!);
    const outputs: readonly NdArray[] = program.executable.run(call.leaves);
    for (const k of donate) free(args[k]);
    return treeFill(program.traced.result, outputs) as Y;
  };
  programsOf.set(compiled, programs);
  return compiled;
}

function checkDevice(device: unknown): void {
  if (device === undefined || device === "wasm" || device === "js") return;
  const name =
    typeof device === "string" && ["webgpu", "webasm", "auto"].includes(device)
      ? device
      : undefined;
  throw new DomainError(
    name === undefined
      ? `compile: device must be "wasm", "js", or one made by webgpu(), webasm(), auto() or deviceNamed() of @provably/core-tensor/gpu, got ${show(device)}`
      : `compile: device "${name}" must be opened first: pass { device: await deviceNamed("${name}") }, with deviceNamed of @provably/core-tensor/gpu`,
  );
}

function isForDevice(
  options: CompileOptions | DeviceCompileOptions,
): options is DeviceCompileOptions {
  const device: unknown = isRecord(options) ? options["device"] : undefined;
  return (
    typeof device === "object" &&
    device !== null &&
    "program" in device &&
    typeof device.program === "function"
  );
}

/** Whether each array belongs to an argument that the call uses up. */
function donatedLeaves(args: readonly Tree[], donate: readonly number[]): boolean[] {
  return args.flatMap((tree, k) => treeLeaves(tree).map(() => donate.includes(k)));
}

/** What runs the graph on the CPU for arguments like these. */
export function executableOf(
  graph: Graph,
  { device = "wasm", resident = false, debugNans = false, threads = 1 }: CompileOptions,
  leaves: readonly DenseArray[],
  donated: readonly boolean[] = [],
): Executable {
  if (debugNans) return interpreter(graph, refuseNans);
  const memory =
    device === "wasm"
      ? ((threads > 1 ? sharedAllocator(threads) : undefined) ?? allocator())
      : undefined;
  const external = leaves.map((x) => x instanceof ResidentArray);
  return (
    (memory && wasmProgram(graph, memory, { external, donated, resident, threads })) ??
    interpreter(graph)
  );
}

/**
 * What a compiled function does, in words: for each kind of arguments seen so far the graph, the calls it became, the memory they use,
 * the executor, and why anything runs outside it.
 *
 * @param compiled - function made by {@link compile}
 * @returns text of several lines
 * @throws `DomainError` for any other function
 * @example
 * ```ts
 * import { array, exp, mul } from "@provably/core-tensor";
 * import { compile, explain } from "@provably/core-tensor/compile";
 *
 * const f = compile((x) => mul(exp(x), 2));
 * f(array([1, 2]));
 * explain(f).includes("exp mul"); // => true
 * ```
 * @category Compilation
 */
export function explain(compiled: (...args: never[]) => unknown): string {
  const programs = typeof compiled === "function" ? programsOf.get(compiled) : undefined;
  if (programs === undefined)
    throw new DomainError("explain: the argument must be a function made by compile");
  if (programs.size === 0)
    return "not called yet: a program is made for each kind of arguments at its first call";
  return [...programs.values()]
    .map(({ graph, executable }) => `${graphText(graph)}\n\n${executable.explain()}`)
    .join("\n\n");
}
