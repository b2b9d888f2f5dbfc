import { DomainError } from "@provably/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { solveLinearProgram, solveLinearProgramHighs } from "../src/index.js";
import { flat } from "./fixtures.js";

describe("linear programs", () => {
  it("say what has no solution", () => {
    expect(
      solveLinearProgram({ cost: [1], inequality: { matrix: [[1]], bound: [-1] } }).status,
    ).toBe("infeasible");
    expect(
      solveLinearProgram({ cost: [-1], inequality: { matrix: [[-1]], bound: [1] } }).status,
    ).toBe("unbounded");
  });

  it("end on the examples that make careless pivoting cycle", () => {
    const { value } = solveLinearProgram({
      cost: [-0.75, 150, -0.02, 6],
      inequality: {
        matrix: [
          [0.25, -60, -0.04, 9],
          [0.5, -90, -0.02, 3],
          [0, 0, 1, 0],
        ],
        bound: [0, 0, 1],
      },
    });
    expect(value).toBeCloseTo(-0.05, 12);
  });

  it("are refused where HiGHS would take a number for infinite", async () => {
    const program = (cost: number, a: number, b: number) => ({
      cost: [cost, -1],
      inequality: { matrix: [[a, 1]], bound: [b] },
    });
    await expect(solveLinearProgramHighs(program(-1, 1e308, 4))).rejects.toThrow(
      /coefficients below 1000000000000000 in size, got 1e\+308/,
    );
    await expect(solveLinearProgramHighs(program(-1e300, 1, 4))).rejects.toThrow(DomainError);
    await expect(solveLinearProgramHighs(program(-1, 1, 1e20))).rejects.toThrow(DomainError);
    expect((await solveLinearProgramHighs(program(-1e3, 1e14, 4))).status).toBe("optimal");
  });

  it("agree between the simplex method and HiGHS, multipliers included", async () => {
    const entry = fc.integer({ min: -9, max: 9 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(entry),
        fc.boolean(),
        async (n, m, stream, equal) => {
          const take = (count: number): number[] => [...stream.take(count)];
          const program = {
            cost: take(n),
            inequality: { matrix: Array.from({ length: m }, () => take(n)), bound: take(m) },
            ...(equal ? { equality: { matrix: [take(n)], bound: take(1) } } : {}),
          };
          const ours = solveLinearProgram(program);
          const theirs = await solveLinearProgramHighs(program);
          expect(ours.status).toBe(theirs.status);
          if (ours.status !== "optimal") return;
          expect(Math.abs(ours.value - theirs.value)).toBeLessThan(
            1e-8 * (1 + Math.abs(theirs.value)),
          );
          const bounds = [...program.inequality.bound, ...(equal ? program.equality!.bound : [])];
          const dual = flat(ours.multipliers).reduce((sum, y, i) => sum + y * bounds[i]!, 0);
          expect(Math.abs(dual - ours.value)).toBeLessThan(1e-8 * (1 + Math.abs(ours.value)));
        },
      ),
      { numRuns: 300 },
    );
  });
});
