import { expect, it } from "vitest";
import { array, toTypedArray } from "../../src/index.js";

it("copies typed arrays, unless asked to keep them as storage", () => {
  const data = Float64Array.of(1, 2, 3, 4);
  const copied = array(data, { shape: [2, 2] });
  const kept = array(data, { shape: [2, 2], copy: false });
  expect(kept.data).toBe(data);
  data[0] = 9;
  expect(copied.get(0, 0)).toBe(1);
  expect([...toTypedArray(kept)]).toEqual([9, 2, 3, 4]);
});
