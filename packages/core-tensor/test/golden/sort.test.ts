import * as p from "@provably/core-tensor";
import { golden } from "./cases.js";

golden(
  "sort",
  {
    sort: ([x], attrs) => p.sort(x!, attrs),
    argsort: ([x], attrs) => p.argsort(x!, attrs),
    topK: ([x], { k, axis }) => {
      const { values, indices } = p.topK(x!, k as number, { axis: axis as number });
      return [values, indices];
    },
    searchSorted: ([sorted, values], { side }) =>
      p.searchSorted(sorted!, values!, { side: side as "left" | "right" }),
    quantile: ([x], { q, axis, interpolation }) =>
      p.quantile(x!, q as number, {
        axis: axis as number,
        method: interpolation as "linear",
      }),
  },
  { forward: 1e-12 },
);
