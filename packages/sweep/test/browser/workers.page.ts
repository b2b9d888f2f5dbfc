// What the page of the test runs: a sweep over module workers, and in the page itself.
import { key } from "@provably/core-tensor/random";
import { type Case, type Task, collect, inline, mean, sweep, workers } from "@provably/sweep";

const own: Task<Case> = {
  name: "pure",
  run: ({ scale }, k) => ({ x: (scale as number) * Number.parseInt(k.slice(0, 8), 16) }),
};
const given = { cases: [{ scale: 1 }, { scale: 2 }], replicates: 40, reduce: { x: [mean(), collect()] } }; // prettier-ignore

export async function compare() {
  const create = () => new Worker("/worker.js", { type: "module" });
  const alone = await sweep(own, key(1), { ...given, engine: inline() });
  const served = await sweep(own, key(1), { ...given, audit: 0.5, engine: workers(2, { create }) });
  const task = new URL("/pure.task.mjs", globalThis.location.href);
  const loading = () => new Worker("/page.js", { type: "module" });
  const loaded = await sweep(task, key(1), { ...given, engine: workers(2, { create: loading }) });
  const broken = await sweep(own, key(1), { cases: [{ scale: 1 }], engine: workers(1, { create: () => new Worker("/none.js", { type: "module" }) }) }); // prettier-ignore
  return {
    served: JSON.stringify(served.table) === JSON.stringify(alone.table),
    loaded: JSON.stringify(loaded.table) === JSON.stringify(alone.table),
    note: served.certificate.note,
    holds: served.certificate.holds,
    broken: broken.failures.map(({ error }) => error.code),
  };
}
