// Work for a given time: a loop of arithmetic, calibrated once a process, so that tasks of a millisecond take a millisecond.
import { uniform } from "@provably/core-tensor/random";
import { defineTask } from "@provably/sweep";

/** A chain of numbers that no compiler can shorten. */
function spin(start, rounds) {
  let x = start;
  for (let i = 0; i < rounds; i++) x = 3.9 * x * (1 - x) + 1e-12;
  return x;
}

export default defineTask({
  name: "busy",
  run({ rounds }, key) {
    return { x: spin(0.1 + 0.8 * uniform(key, [], { dtype: "float64" }).get(), rounds) };
  },
});

export { spin };
