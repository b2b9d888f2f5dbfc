// Checks every program against eager evaluation on the CPU and times it; runs in Node and in a page alike.
import { abs, max, item, sub } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { programs } from "./programs.mjs";

/** Time spent on repetitions of one program. */
const BUDGET_MS = 2000;

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/**
 * What `device` makes of the programs of this size ("small" or "full"), inputs copied in and results out: times in milliseconds, and the
 * largest error relative to the largest element.
 */
export async function measure(device, size, names = Object.keys(programs), onResult = () => undefined) {
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
      const want = f(...args);
      result.error = item(max(abs(sub(got, want)))) / (item(max(abs(want))) || 1);
      result.kernels = Number(/(\d+) kernels/.exec(explain(compiled))?.[1]);
      const times = [];
      for (let total = 0; times.length < 3 || (total < BUDGET_MS && times.length < 50);) {
        const from = performance.now();
        await compiled(...args);
        times.push(performance.now() - from);
        total += times[times.length - 1];
      }
      result.ms = median(times);
      if (work(extents) > 0) result.gflops = work(extents) / result.ms / 1e6;
    } catch (error) {
      result.failed = `${error.name}: ${error.message}`.slice(0, 500);
    }
    results.push(result);
    onResult(result);
  }
  return results;
}
