// Checks every program against eager evaluation on the CPU and times it; runs in Node and in a page alike.
import { abs, add, array, asType, item, max, sub } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { programs } from "./programs.mjs";

/** Time spent on repetitions of one program. */
const BUDGET_MS = 2000;

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Median time of one call in milliseconds. */
async function timed(call) {
  const times = [];
  for (let total = 0; times.length < 3 || (total < BUDGET_MS && times.length < 50);) {
    const from = performance.now();
    await call();
    times.push(performance.now() - from);
    total += times[times.length - 1];
  }
  return median(times);
}

/** Largest difference, relative to the largest element. */
const distance = (got, want) =>
  item(max(abs(sub(asType(got, "float64"), want)))) / (item(max(abs(want))) || 1);

/**
 * What `device` makes of the programs of this size ("small" or "full"): times in milliseconds with inputs copied in and results out (`ms`)
 * and with inputs that lie on the device (`residentMs`), and the largest error against float64 (`error`), beside that of float32 on the CPU
 * (`cpuError`): where a trajectory magnifies roundings, neither can be small.
 */
export async function measure(
  device,
  size,
  names = Object.keys(programs),
  onResult = () => undefined,
) {
  const results = [];
  for (const name of names) {
    const { title, sizes, make, run, work } = programs[name];
    const extents = sizes[size];
    const args = make(extents);
    const f = (...xs) => run(...xs, extents);
    const result = { name, title, ...extents };
    try {
      const compiled = compile(f, { device });
      const start = performance.now();
      const got = await compiled(...args);
      result.firstMs = performance.now() - start;
      const want = f(...args.map((x) => (x.dtype === "float32" ? asType(x, "float64") : x)));
      result.error = distance(got, want);
      result.cpuError = distance(f(...args), want);
      result.kernels = Number(/(\d+) kernels/.exec(explain(compiled))?.[1]);
      result.ms = await timed(() => compiled(...args));
      // constants of a program stay on the device; adding an argument keeps them from being folded
      const zero = array(0, { dtype: "float32" });
      const resident = compile((t) => f(add(args[0], t), ...args.slice(1)), { device });
      await resident(zero);
      result.residentMs = await timed(() => resident(zero));
      if (work(extents) > 0) result.gflops = work(extents) / result.residentMs / 1e6;
    } catch (error) {
      result.failed = `${error.name}: ${error.message}`.slice(0, 500);
    }
    results.push(result);
    onResult(result);
  }
  return results;
}
