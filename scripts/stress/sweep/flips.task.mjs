// A task that is right except on workers with PLANTED_FLIP in their environment: there the last bit of the share of results that it names is another one.
import { foldIn, uniform } from "@provably/core-tensor/random";
import { defineTask } from "@provably/sweep";

export default defineTask({
  name: "flips",
  run(_, key) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, uniform(key, [], { dtype: "float64" }).get());
    const share = Number(process.env.PLANTED_FLIP ?? 0);
    if (uniform(foldIn(key, "flip"), []).get() < share) view.setUint8(7, view.getUint8(7) ^ 1);
    return { x: view.getFloat64(0) };
  },
});
