// Source of truth: torch in float64 with autograd for the adjoints, most outputs a second time by SciPy.
import {
  type NdArray,
  array,
  item,
  mul,
  norm,
  ones,
  reshape,
  sub,
  sum,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type LinearOperator,
  type Operator,
  blur,
  codedPhaseRetrieval,
  inpainting,
  mosaic,
  mri,
  perChannel,
  radon,
  saturation,
  superResolution,
} from "../src/index.js";
import { expectNear, load } from "./fixtures.js";

interface Values {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly name: string;
  readonly kind: string;
  readonly linear: boolean;
  readonly params: Readonly<Record<string, unknown>>;
  readonly x: Values;
  readonly y: Values;
  readonly dual: Values;
  readonly adjoint: Values;
  readonly tolerance: number;
}

const { cases } = load<{ cases: Case[] }>("operators");
const arrayOf = ({ shape, data }: Values): NdArray =>
  array(Float64Array.from(data), { shape, dtype: "float64" });
const row = (values: Values): NdArray => reshape(arrayOf(values), [1, values.data.length]);
const isLinear = (operator: Operator): operator is LinearOperator => "adjoint" in operator;
const find = (name: string): Case => cases.find((given) => given.name === name)!;

/** The operator of a case. */
function operatorOf({ kind, params, x }: Case): Operator {
  const [channels, height, width] = x.shape as [number, number, number];
  const part = (name: string): NdArray => arrayOf(params[name] as Values);
  switch (kind) {
    case "inpainting":
      return perChannel(inpainting(part("mask")), channels);
    case "superResolution": {
      const filter = params["filter"] as "bicubic" | "box";
      const factor = Number(params["factor"]);
      return perChannel(superResolution({ height, width, factor, filter, edge: "cut" }), channels);
    }
    case "blur": {
      const boundary = params["boundary"] as "circular" | "reflect" | "zero";
      return perChannel(blur({ height, width, kernel: part("kernel"), boundary }), channels);
    }
    case "radon": {
      const detectors = Number(params["detectors"]);
      return radon({ height, width, angles: params["angles"] as number[], detectors });
    }
    case "fourierMagnitude":
      // the place of an image in its padding does not change magnitudes
      return codedPhaseRetrieval({ height, width, mask: ones([height, width]), oversample: 4 });
    case "saturation":
      return saturation({
        size: x.data.length,
        scale: Number(params["scale"]),
        low: Number(params["low"]),
        high: Number(params["high"]),
      });
    case "mosaic":
      return mosaic({ height, width, pattern: params["pattern"] as "RGGB" });
    case "mri":
      return mri({
        height,
        width,
        mask: part("mask"),
        ...("mapsReal" in params && {
          coils: { real: part("mapsReal"), imaginary: part("mapsImaginary") },
        }),
      });
    default:
      throw new Error(`no operator of kind ${kind}`);
  }
}

/** The transposed operator, or the transposed derivative at x. */
function pulled(operator: Operator, x: NdArray, dual: NdArray): NdArray {
  return isLinear(operator) ? operator.adjoint(dual) : operator.vjp!(x)[1](dual);
}

const inner = (a: NdArray, b: NdArray): number => item(sum(mul(a, b)));

describe("an operator on images [C, H, W]", () => {
  it.each(cases.map((given) => [given.name, given] as const))(
    "sees what the reference sees, and pulls back what it pulls back: %s",
    (_, given) => {
      const operator = operatorOf(given);
      const [x, y, dual] = [row(given.x), row(given.y), row(given.dual)];
      expectNear(operator.apply(x), y, given.tolerance);
      expectNear(pulled(operator, x, dual), row(given.adjoint), given.tolerance);
    },
  );

  it.each(cases.filter(({ linear }) => linear).map((given) => [given.name, given] as const))(
    "and its adjoint agree on two images at once: %s",
    (_, given) => {
      const operator = operatorOf(given) as LinearOperator;
      const x = normal(key(1), [2, operator.inputSize], { dtype: "float64" });
      const y = normal(key(2), [2, operator.outputSize], { dtype: "float64" });
      const [left, right] = [inner(operator.apply(x), y), inner(x, operator.adjoint(y))];
      const size = item(norm(operator.apply(x))) * item(norm(y));
      expect(Math.abs(left - right) / size).toBeLessThan(1e-12);
    },
  );

  it.each(cases.filter(({ linear }) => linear).map((given) => [given.name, given] as const))(
    "knows its own norm and spectrum, where it says so: %s",
    (_, given) => {
      const operator = operatorOf(given) as LinearOperator;
      const v = normal(key(3), [2, operator.inputSize], { dtype: "float64" });
      const image = operator.adjoint(operator.apply(v));
      // power iteration finds a norm from below, to about a percent
      expect(item(norm(operator.apply(v))) / item(norm(v))).toBeLessThan(1.02 * operator.norm);
      if (operator.normalFunction === undefined) return;
      expectNear(
        operator.normalFunction((s) => s, v),
        image,
        1e-10,
      );
      const solved = operator.normalFunction((s) => 1 / (s + 0.3), v);
      const again = sub(operator.adjoint(operator.apply(solved)), mul(-0.3, solved));
      expectNear(again, v, 1e-9);
    },
  );

  it("with a function of its spectrum is every one but those of coils, rays and padded blurs", () => {
    const without = cases
      .filter((given) => given.linear && !("normalFunction" in operatorOf(given)))
      .map(({ name }) => name);
    expect(without).toEqual([
      "gaussian blur, reflect",
      "gaussian blur, zero",
      "motion blur, reflect",
      "motion blur, zero",
      "Radon transform",
      "MRI, four coils",
    ]);
  });

  it("made of weights has those of the reference", () => {
    for (const name of ["bicubic x4 of 16x24", "box x2 of 12x16"]) {
      const { params } = find(name);
      const rows = arrayOf(params["rowWeights"] as Values);
      const [h, height] = rows.shape as [number, number];
      const filter = params["filter"] as "box";
      const narrow = { height, width: height, factor: height / h, filter, edge: "cut" } as const;
      // an image whose columns are all alike is reduced along its rows only
      const image = normal(key(4), [1, height], { dtype: "float64" });
      const flat = Float64Array.from({ length: height * height }, (_, i) =>
        image.get(0, Math.floor(i / height)),
      );
      const seen = superResolution(narrow).apply(array(flat, { shape: [1, height * height] }));
      for (let i = 0; i < h; i++) {
        const wanted = Array.from({ length: height }, (_, j) => rows.get(i, j) * image.get(0, j));
        expect(seen.get(0, i * h)).toBeCloseTo(
          wanted.reduce((a, b) => a + b, 0),
          12,
        );
      }
    }
  });

  it("by means of blocks takes extents that its factor does not divide", () => {
    const operator = superResolution({ height: 7, width: 5, factor: 2, filter: "box" });
    expect([operator.inputSize, operator.outputSize]).toEqual([35, 6]);
    expectNear(operator.apply(ones([1, 35], { dtype: "float64" })), ones([1, 6]), 1e-12);
  });

  it("refuses wrong extents and options by the name of what was called", () => {
    const square = { height: 4, width: 4 };
    const mask = ones([4, 4]);
    const refused: [() => unknown, RegExp][] = [
      [() => mri({ ...square, mask: ones([4, 5]) }), /mri: options.mask must be \[4, 4\]/],
      [() => mri({ ...square, mask: mul(0, mask) }), /mri: options.mask hides everything/],
      [() => mri({ ...square, mask: mul(Number.NaN, mask) }), /must hold finite numbers/],
      [
        () =>
          mri({ ...square, mask, coils: { real: ones([2, 4, 4]), imaginary: ones([3, 4, 4]) } }),
        /mri: options.coils.imaginary must be \[2, 4, 4\]/,
      ],
      [() => radon({ ...square, angles: [] }), /radon: options.angles/],
      [() => radon({ ...square, angles: [Number.NaN] }), /radon: options.angles/],
      [() => mosaic({ ...square, pattern: "XYZW" as "RGGB" }), /mosaic: options.pattern/],
      [() => mosaic(square).apply(ones([1, 16])), /mosaic: x must be \[n, 48\]/],
      [() => saturation({ size: 3, low: 1, high: 1 }), /saturation: options.low must be below/],
      [() => perChannel(mosaic(square), 0), /perChannel: channels/],
      [() => perChannel(mosaic(square), 2).apply(ones([1, 48])), /perChannel: x must be \[n, 96\]/],
      [() => superResolution({ ...square, factor: 5, filter: "box" }), /factor must be at most/],
      [() => blur({ ...square, kernel: ones([5, 5]), boundary: "zero" }), /blur: kernel must be/],
    ];
    for (const [call, message] of refused) expect(call).toThrow(message);
  });
});
