import { describe, expect, it } from "vitest";
import { array, asType, item, toNested } from "@provably/core-tensor";

describe("asType", () => {
  it("keeps every digit of plain numbers on the way to float64", () => {
    expect(item(asType(0.1, "float64"))).toBe(0.1);
    expect(toNested(asType([[0.1, 1 / 3]], "float64"))).toEqual([[0.1, 1 / 3]]);
  });

  it("rounds lists like arrays into narrower types", () => {
    for (const dtype of ["float32", "int32", "bool"] as const)
      expect(toNested(asType([-1.7, 0, 0.25, 2.9], dtype))).toEqual(
        toNested(asType(array([-1.7, 0, 0.25, 2.9], { dtype: "float64" }), dtype)),
      );
  });
});
