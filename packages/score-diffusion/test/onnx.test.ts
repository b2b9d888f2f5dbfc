import { beforeAll, describe, expect, it } from "vitest";
import {
  DomainError,
  allClose,
  full,
  isCoreTensorError,
  mul,
  toNested,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import * as ort from "onnxruntime-web";
import {
  type AsyncModel,
  type OnnxRuntime,
  type OnnxSession,
  gaussian,
  lambdaGrid,
  levelAt,
  levelOf,
  linearBetas,
  loadOnnxModel,
  onnxModel,
  sample,
  sampleAsync,
  scheduleOf,
} from "../src/index.js";
import { ddim } from "../src/samplers/index.js";

// the wire format of protobuf, as far as a small ONNX graph needs it
const varint = (n: number): number[] =>
  n > 127 ? [(n % 128) | 128, ...varint(Math.floor(n / 128))] : [n];
const number = (field: number, n: number): number[] => [...varint(field * 8), ...varint(n)];
const bytes = (field: number, body: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(body.length),
  ...body,
];
const text = (field: number, s: string): number[] => bytes(field, [...new TextEncoder().encode(s)]);
const [FLOAT, INT64] = [1, 7];
const value = (name: string, type: number, dims: readonly string[]): number[] => [
  ...text(1, name),
  ...bytes(
    2,
    bytes(1, [
      ...number(1, type),
      ...bytes(
        2,
        dims.flatMap((dim) => bytes(1, text(2, dim))),
      ),
    ]),
  ),
];
const node = (
  operator: string,
  inputs: readonly string[],
  output: string,
  attribute: number[] = [],
): number[] =>
  bytes(1, [
    ...inputs.flatMap((name) => text(1, name)),
    ...text(2, output),
    ...text(4, operator),
    ...attribute,
  ]);

/** `y = x · t`: with the time's σ as t the exact noise of a standard normal law. */
function scaledBy(timeType: number): Uint8Array {
  const toFloat = bytes(5, [...text(1, "to"), ...number(3, FLOAT), ...number(20, 2)]);
  const graph = [
    ...node("Cast", ["t"], "time", toFloat),
    ...node("Mul", ["x", "time"], "y"),
    ...text(2, "graph"),
    ...bytes(11, value("x", FLOAT, ["n", "c", "w"])),
    ...bytes(11, value("t", timeType, ["m"])),
    ...bytes(12, value("y", FLOAT, ["n", "c", "w"])),
  ];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 13))]);
}

describe("onnxModel", () => {
  const runtime = ort as unknown as OnnxRuntime;
  let model: AsyncModel;
  beforeAll(async () => {
    ort.env.wasm.numThreads = 1;
    model = await loadOnnxModel(scaledBy(FLOAT), {
      runtime,
      timeType: "float32",
      time: ({ sigma }) => sigma,
      rowShape: [2, 3],
    });
  });

  it("samples like the exact score that the network computes", async () => {
    const identity = [0, 1, 2, 3, 4, 5].map((i) => [0, 1, 2, 3, 4, 5].map((j) => Number(i === j)));
    const law = gaussian({ mean: [0, 0, 0, 0, 0, 0], covariance: identity });
    const options = { shape: [7, 6], schedule: lambdaGrid(20) };
    const { samples } = await sampleAsync(ddim(), model, key(1), options);
    // float32 rounds the noise by 6e-8 of a few units, and the way from λ = −5 multiplies by 1/α = 148
    expect(
      allClose(samples, sample(ddim(), law, key(1), options).samples, {
        relativeTolerance: 0,
        absoluteTolerance: 1e-4,
      }),
    ).toBe(true);
  });

  it("hands over whole step numbers, one or one for each row", async () => {
    const bytesOfModel = scaledBy(INT64);
    const x = normal(key(2), [3, 1, 3], { dtype: "float64" });
    const schedule = scheduleOf(linearBetas(10));
    const trainedOn = { schedule };
    const steps = await loadOnnxModel(bytesOfModel, { runtime, trainedOn });
    // counted from 0
    const level = levelAt(schedule, 5);
    expect(allClose(await steps.evaluate(x, level), mul(4, x), { relativeTolerance: 1e-6 })).toBe(
      true,
    );
    // with n = w = 3 a time for each row broadcasts along rows of the last axis
    const perRow = await loadOnnxModel(bytesOfModel, {
      runtime,
      timePerRow: true,
      trainedOn: { schedule, firstStep: 1 },
    });
    expect(allClose(await perRow.evaluate(x, level), mul(5, x), { relativeTolerance: 1e-6 })).toBe(
      true,
    );
  });

  it("asks for the training of a network that takes a time, before the first call", async () => {
    const bytesOfModel = scaledBy(INT64);
    await expect(loadOnnxModel(bytesOfModel, { runtime })).rejects.toThrow(
      /loadOnnxModel: the network takes a time, "t": give trainedOn/,
    );
    const trainedOn = { schedule: scheduleOf(linearBetas(10)) };
    await expect(
      loadOnnxModel(bytesOfModel, { runtime, trainedOn, time: () => 1 }),
    ).rejects.toThrow(/not both/);
    const steps = await loadOnnxModel(bytesOfModel, { runtime, trainedOn });
    await expect(steps.evaluate(full([1, 1, 1], 2), levelOf(1e-9))).rejects.toThrow(
      /no step of the training has the noise/,
    );
  });

  it("finds the installed runtime by itself", async () => {
    const found = await loadOnnxModel(scaledBy(FLOAT), { timeType: "float32", time: () => 3 });
    expect(toNested(await found.evaluate(full([1, 1, 1], 2), levelOf(0.5)))).toEqual([[[6]]]);
  });

  it("names what does not fit", async () => {
    const session = (await ort.InferenceSession.create(scaledBy(FLOAT))) as unknown as OnnxSession;
    expect(() => onnxModel(runtime, session, { sampleInput: "image" })).toThrow(
      /no input "image", only x, t/,
    );
    expect(() => onnxModel(runtime, session, { output: "z" })).toThrow(/no output "z"/);
    await expect(model.evaluate(full([2, 5], 0), levelOf(0.5))).rejects.toThrow(/rowShape/);
    const trouble: unknown = await loadOnnxModel(new Uint8Array(9), { runtime }).catch(
      (error: unknown) => error,
    );
    expect(trouble).toBeInstanceOf(DomainError);
    expect(isCoreTensorError(trouble)).toBe(true);
  });
});
