/** Eigenvalues of nonsymmetric matrices against mpmath with 40 digits. */
import { readFileSync } from "node:fs";
import { asType } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { eigvals } from "@provably/core-tensor/eig";
import { describe, expect, it } from "vitest";
import { apart, residual } from "../eig/measures.js";
import { type Golden, decode, fixture } from "./cases.js";

describe("golden eigenvalues from 40 digits (mpmath)", () => {
  const { cases } = JSON.parse(readFileSync(fixture("numpy-layer"), "utf8")) as {
    cases: {
      op: string;
      name: string;
      inputs: Golden[];
      outputs: { re: number[]; im: number[] }[];
      tol: number;
    }[];
  };
  const mine = cases.filter(({ op }) => op === "eig");
  it("are there", () => expect(mine.length).toBeGreaterThan(0));
  const run = process.env["PROVABLY_COMPILED"] === undefined ? eigvals : compile(eigvals);

  it.each(mine)("$name", ({ inputs: [a], outputs: [golden], tol }) => {
    expect(apart(run(decode(a!)), golden!.re, golden!.im)).toBeLessThanOrEqual(tol);
    expect(residual(decode(a!))).toBeLessThan(1e-14 * golden!.re.length);
    const single = run(asType(decode(a!), "float32"));
    expect(single.re.dtype).toBe("float32");
    if (tol < 1e-8) expect(apart(single, golden!.re, golden!.im)).toBeLessThan(1e-3 * (1 + Math.max(...golden!.re.map(Math.abs)))); // prettier-ignore
  });
});
