import { item, mean } from "@provably/core-tensor";
import { normal } from "@provably/core-tensor/random";
import { defineTask } from "@provably/sweep";
import { square } from "./square.mjs";

export default defineTask({
  name: "draws",
  run({ n }, key) {
    const average = item(mean(normal(key, [n], { dtype: "float64" })));
    return { average, square: square(average), positive: average > 0 };
  },
});
