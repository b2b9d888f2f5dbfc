/** Storage of other realms, environments that refuse to be read, and a second copy of the package. */
import vm from "node:vm";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  type ArrayInput,
  type NdArray,
  CoreTensorError,
  add,
  array,
  exp,
  grad,
  matmul,
  mul,
  square,
  sum,
  toNested,
  treeLeaves,
} from "@provably/core-tensor";
import { compile, pin } from "@provably/core-tensor/compile";
import {
  decodeNpy,
  decodeSafetensors,
  encodeNpy,
  encodeSafetensors,
} from "@provably/core-tensor/io";
import { check, numberList, tensor, typedArray } from "@provably/core-tensor/internal";
import { dotRows, pinMatrix } from "@provably/core-tensor/pinned";

const elsewhere = <T>(code: string): T => vm.runInNewContext(code) as T;

describe("typed arrays of another realm", () => {
  const kinds = {
    Float32Array: "float32",
    Float64Array: "float64",
    Int32Array: "int32",
    Int8Array: "int8",
    Uint8Array: "uint8",
    Uint8ClampedArray: "uint8",
    Int16Array: "int32",
    Uint16Array: "int32",
    Uint32Array: "float64",
  };
  for (const [kind, dtype] of Object.entries(kinds))
    it(`of kind ${kind} are arrays like those of this one`, () => {
      const x = elsewhere<ArrayInput>(`${kind}.of(1, 2, 3)`);
      expect(x).not.toBeInstanceOf(Object);
      expect([add(x, 0).dtype, toNested(array(x))]).toEqual([dtype, [1, 2, 3]]);
      expect(toNested(compile((y: ArrayInput) => mul(y, 2))(x))).toEqual([2, 4, 6]);
    });

  it("go through the kernels of their type", () => {
    for (const kind of ["Float32Array", "Float64Array"]) {
      const code = `${kind}.from({ length: 4096 }, (_, i) => Math.sin(i))`;
      const [own, foreign] = [
        array(vm.runInThisContext(code) as ArrayInput),
        array(elsewhere<ArrayInput>(code)),
      ];
      expect(toNested(exp(foreign))).toEqual(toNested(exp(own)));
      const [a, b] = [own, foreign].map((x) => array(x, { shape: [64, 64] })) as [NdArray, NdArray];
      expect(toNested(matmul(b, b))).toEqual(toNested(matmul(a, a)));
      expect(toNested(pin(b))).toEqual(toNested(a));
    }
  });

  it("are not copied where that is asked for, and copied where it is not, buffers of Node too", () => {
    const x = elsewhere<Float64Array>("Float64Array.of(1, 2)");
    const [shared, own] = [array(x, { copy: false }), array(x)];
    x[0] = 7;
    expect([toNested(shared), toNested(own)]).toEqual([
      [7, 2],
      [1, 2],
    ]);
    const bytes = Buffer.from([1, 2]);
    const copy = array(bytes);
    bytes[0] = 7;
    expect(toNested(copy)).toEqual([1, 2]);
  });

  it("and objects around them are differentiated", () => {
    const tree = elsewhere<{ w: ArrayInput }>("({ w: Float64Array.of(1, 2) })");
    expect(toNested(grad((t: { w: ArrayInput }) => sum(square(t.w)))(tree).w)).toEqual([2, 4]);
    expect(toNested(compile(grad((t: { w: ArrayInput }) => sum(square(t.w))))(tree).w)).toEqual([
      2, 4,
    ]);
  });

  it("pass for what they are where arguments are checked, and pin", () => {
    const x = elsewhere<Float32Array>("Float32Array.of(1, 2)");
    check("f", "x", x, typedArray("Float32Array", 2));
    check("f", "x", x, numberList);
    expect([...dotRows(pinMatrix([[1, 2]]), x)]).toEqual([5]);
    const ids = elsewhere<ArrayLike<number>>("BigInt64Array.of(1n)");
    expect(() => check("f", "x", ids, numberList)).toThrow(CoreTensorError);
    expect(() => add(ids as unknown as ArrayInput, 1)).toThrow(CoreTensorError);
  });

  it("are files, and so are buffers", () => {
    const npy = encodeNpy(array([1, 2]));
    const tensors = encodeSafetensors({ w: array([3]) });
    const forms = (bytes: Uint8Array): (Uint8Array | ArrayBuffer)[] => {
      const foreign = elsewhere<Uint8Array>(`Uint8Array.of(${bytes.join()})`);
      return [bytes, foreign, foreign.buffer as ArrayBuffer, Buffer.from(bytes)];
    };
    for (const file of forms(npy)) expect(toNested(decodeNpy(file))).toEqual([1, 2]);
    for (const file of forms(tensors))
      expect(toNested(decodeSafetensors(file).tensors["w"]!)).toEqual([3]);
    expect(() => decodeNpy("file" as never)).toThrow(/file must be a Uint8Array or an ArrayBuffer/);
  });

  it("stand in no way of options and maps", () => {
    const options = elsewhere<{ dtype: "float64" }>('({ dtype: "float64" })');
    expect(array([1], options).dtype).toBe("float64");
  });
});

describe("an environment that refuses to be read", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  const refuse = (): never => {
    throw new Error("NotCapable: requires env access");
  };
  const whole = new Proxy({}, { get: refuse });
  for (const [name, process] of Object.entries({
    variables: {
      env: new Proxy({}, { get: refuse, getOwnPropertyDescriptor: refuse, has: refuse }),
    },
    environment: Object.defineProperty({}, "env", { get: refuse }),
    process: whole,
  }))
    it(`is no obstacle to kernels and programs: ${name}`, async () => {
      vi.resetModules();
      const core = await import("../src/index.js");
      const compiling = await import("../src/compile/index.js");
      const wasm = await import("../src/exec/wasm/runtime.js");
      vi.stubGlobal("process", process);
      const level = wasm.simdLevel();
      const x = core.ones([64, 64]);
      const product = core.toNested(core.matmul(x, x)) as number[][];
      const doubled = compiling.compile((y: NdArray) => core.mul(y, 2), { threads: 2 })(x);
      const first = core.toNested(doubled) as number[][];
      vi.unstubAllGlobals();
      expect(level).not.toBe("off");
      expect([product[0]![0], first[0]![0]]).toEqual([64, 2]);
    });
});

describe("two copies of the package in one process", () => {
  it("take each other's arrays, know each other's errors, and say so where they cannot", async () => {
    vi.resetModules();
    const other = await import("../src/index.js");
    expect(other.array).not.toBe(array);
    const x = other.array([1, 2]);
    expect(toNested(add(x, 1))).toEqual([2, 3]);
    expect(toNested(grad((t: { w: NdArray }) => sum(square(t.w)))({ w: x }).w)).toEqual([2, 4]);
    expect(toNested(compile((t: { w: NdArray }) => mul(t.w, 3))({ w: x }))).toEqual([3, 6]);
    expect(() => treeLeaves({ w: x })).toThrow(/two copies/);
    expect(() => check("f", "x", x, tensor)).toThrow(/f: x cannot be used.*two copies/);
    expect(() => other.grad((y: NdArray) => sum(y))(x)).toThrow(
      /sum: x cannot be used.*two copies/,
    );
    expect(() => other.grad((y: NdArray) => grad((z: NdArray) => sum(z))(y))(x)).toThrow(
      /two copies/,
    );
    try {
      other.add(other.zeros([2]), other.zeros([3]));
    } catch (error) {
      expect(error).toBeInstanceOf(CoreTensorError);
      expect(error).not.toBeInstanceOf(TypeError);
    }
    expect(new Error("x")).not.toBeInstanceOf(CoreTensorError);
  });
});
