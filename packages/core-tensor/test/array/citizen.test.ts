/** An array as JavaScript sees it: iterated, printed, written as JSON, used with operators. */
import { DTypeError, ShapeError, array, grad, item, sum } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";

const any = (x: unknown): never => x as never;

describe("an array", () => {
  const x = array([
    [1, 2, 3],
    [4, 5, 6],
  ]);

  it("is iterated over its first axis", () => {
    expect(Array.from(array([1, 2, 3]))).toEqual([1, 2, 3]);
    expect([...x].map((row) => (row as typeof x).toArray())).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const [first, second] = x.T.pick(1);
    expect([first, second]).toEqual([2, 5]);
    expect([...array([])]).toEqual([]);
    expect(() => [...array(3)]).toThrow(ShapeError);
  });

  it("gives its elements as nested lists, views included", () => {
    expect(x.T.toArray()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(array(7).toArray()).toBe(7);
  });

  it("is written as JSON without losing NaN", () => {
    expect(JSON.stringify({ x })).toBe('{"x":[[1,2,3],[4,5,6]]}');
    expect(JSON.stringify(array([NaN, -Infinity, 1]))).toBe('["NaN","-Infinity",1]');
  });

  it("is named in messages of JavaScript", () => {
    expect(Object.prototype.toString.call(x)).toBe("[object NdArray]");
    expect(String(array([1, 2]))).toBe("float32[2] [1, 2]");
  });

  it("refuses operators, which would make NaN or text of it", () => {
    const two = array([2]);
    expect(() => any(2) * any(two)).toThrow(DTypeError);
    expect(() => any(two) > 1).toThrow(DTypeError);
    expect(() => Number(two) + 1).toThrow(/use add, mul, greater …, or item\(x\)/);
  });

  it("that is traced refuses to be read, by the name of what was tried", () => {
    const read = (use: (t: typeof x) => unknown) => (): unknown =>
      grad((t: typeof x) => (use(t), sum(t)))(x);
    expect(read((t) => [...t])).toThrow(/iterate: a traced array has no elements/);
    expect(read((t) => t.toArray())).toThrow(/toArray: a traced array/);
    expect(read((t) => JSON.stringify(t))).toThrow(/toJSON: a traced array/);
    expect(item(sum(x))).toBe(21);
  });
});
