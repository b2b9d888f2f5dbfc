// A task that does what its case says, for the ways in which tasks go wrong.
import { array } from "@provably/core-tensor";
import { uniform } from "@provably/core-tensor/random";
import { defineTask } from "@provably/sweep";

let calls = 0;

export default defineTask({
  name: "odd",
  async run({ what = "", wait = 0, size = 0 }, key) {
    calls++;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const u = uniform(key, []).get();
    if (what === "throws")
      throw Object.assign(new TypeError("no such thing"), { code: "ERR_NONE" });
    if (what === "throws half") if (u < 0.5) throw new Error("below a half");
    if (what === "once" && calls === 1) throw new Error("the first time");
    if (what === "exits") process.exit(3);
    if (what === "exits half" && u < 0.5) process.exit(3);
    if (what === "function") return { f: () => 1 };
    if (what === "counts") return { u, calls };
    if (what === "cycle") {
      const x = { u };
      x.self = x;
      return x;
    }
    if (what === "numbers") return [NaN, -0, Infinity, -Infinity, 5e-324, 0.1 + 0.2];
    if (size > 0)
      return {
        u,
        big: new Float64Array(size).fill(u),
        tensor: array([[u, 1]], { dtype: "float32" }),
      };
    return { u };
  },
});
