/**
 * One loop for a whole group of elementwise operations, as WebAssembly bytes.
 *
 * The index space is walked row by row of its innermost axis, a row in tiles that stay in the first-level cache. Everything up to a
 * transcendental function is one pass over the tile, which leaves the function's argument in scratch memory; the function's static
 * kernel works on it in place; the next pass goes on from there. Without such functions there is one pass and no scratch. A result
 * may be the sum or the extremum of each row, taken in the last pass.
 *
 * Generated code holds extents and strides but no addresses, so that equal groups of any programs share it.
 */
import { SIZES } from "../plan/group.js";
import { storeResult } from "./elements.js";
import { I32, moduleBytes } from "../encode.js";
import { Frame } from "./frame.js";
import { Reductions } from "./reductions.js";
import { type FusedCode, type FusedSpec, type ImportedKernel, keyOfSpec } from "./spec.js";
import { Values } from "./values.js";

export function fuse(spec: FusedSpec): FusedCode {
  return new Loops(spec).code(keyOfSpec(spec));
}

class Loops {
  private readonly frame: Frame;
  private readonly values: Values;
  private readonly reductions: Reductions;
  private readonly imports: ImportedKernel[] = [];

  constructor(private readonly spec: FusedSpec) {
    this.frame = new Frame(spec);
    this.values = new Values(this.frame);
    this.reductions = new Reductions(this.frame);
  }

  code(key: string): FusedCode {
    this.over(0);
    const { body, stages, shape, constants, to, isFlat } = this.frame;
    const { imports } = this;
    const names = imports.map((k) => `${k.kernel}.${k.type}`);
    return {
      key,
      bytes: (shared) => moduleBytes(to + 1, names, body, shared),
      imports,
      constants: constants.bytes(),
      scratchBytes: stages.scratchBytes,
      range: shape[0]!,
      grain: this.reductions.over(0).length > 0 ? 0 : isFlat ? 1024 : 1,
    };
  }

  /** The loop over an axis and all after it, with the reductions that end with it. */
  private over(axis: number): void {
    const complete = this.reductions.over(axis);
    for (const k of complete) this.reductions.begin(k);
    if (axis === this.frame.inner) this.row();
    else this.walk(axis);
    for (const k of complete) this.reductions.finish(k);
  }

  /** An axis that is not the innermost. */
  private walk(axis: number): void {
    const { body, shape, from, to } = this.frame;
    const counter = body.local(I32);
    if (axis === 0) {
      body.get(from);
      this.advance(axis, () => body.get(from));
    } else body.const32(0);
    body.set(counter);
    body.loop(
      () => {
        body.get(counter);
        if (axis === 0) body.get(to);
        else body.const32(shape[axis]!);
        body.plain(0x48);
      },
      () => {
        this.over(axis + 1);
        this.advance(axis, 1);
        body.get(counter);
        body.const32(1);
        body.plain(0x6a);
        body.set(counter);
      },
    );
    if (axis > 0) this.advance(axis, -shape[axis]!);
  }

  /** Moves all pointers along an axis, by a number of places or by as many as `times` pushes. */
  private advance(axis: number, times: number | (() => void)): void {
    const { body, strides } = this.frame;
    [...this.spec.operands, ...this.spec.results].forEach(({ dtype }, k) => {
      const bytes = strides[k]![axis]! * SIZES[dtype];
      if (bytes === 0) return;
      body.get(k);
      if (typeof times === "number") body.const32(bytes * times);
      else {
        times();
        body.const32(bytes);
        body.plain(0x6c);
      }
      body.plain(0x6a);
      body.set(k);
    });
  }

  /** One row: tiles, and passes over each. */
  private row(): void {
    const { body, bytesPerElement, stages, shape, inner, isFlat, t, tileEnd, from, to } =
      this.frame;
    const scale = Math.log2(bytesPerElement);
    const pushEnd = (): void => {
      if (!isFlat) return body.const32(shape[inner]! * bytesPerElement);
      body.get(to);
      body.const32(scale);
      body.plain(0x74);
    };
    if (isFlat) {
      body.get(from);
      body.const32(scale);
      body.plain(0x74);
    } else body.const32(0);
    body.set(t);
    if (stages.count === 1 && this.reductions.count === 0) {
      pushEnd();
      body.set(tileEnd);
      this.pass(0);
      return;
    }
    const end = body.local(I32);
    pushEnd();
    body.set(end);
    body.loop(
      () => {
        body.get(t);
        body.get(end);
        body.plain(0x48);
      },
      () => {
        // the lesser of t + tile and end
        body.get(t);
        body.const32(stages.tileElements * bytesPerElement);
        body.plain(0x6a);
        body.tee(tileEnd);
        body.get(end);
        body.get(tileEnd);
        body.get(end);
        body.plain(0x48, 0x1b);
        body.set(tileEnd);
        for (let stage = 0; stage < stages.count; stage++) {
          this.pass(stage);
          for (const id of stages.kernels(stage)) this.callKernel(id);
        }
        this.reductions.flush();
        body.get(tileEnd);
        body.set(t);
      },
    );
  }

  /** One pass over the tile from `t` to `tileEnd`. */
  private pass(stage: number): void {
    const { body, stages, strides, shape, inner, lanes, i, t, tileEnd } = this.frame;
    const results = stages.results(stage);
    const stored = [...stages.kernels(stage), ...stages.spilled(stage)];
    if (results.length + stored.length === 0) return;
    const rest = shape[inner]! % lanes;
    const strided = this.spec.operands.some(
      (_, k) => strides[k]![inner] !== 0 && strides[k]![inner] !== 1,
    );
    // whether the last vector of a row must keep to the row: behind it lies what is somebody else's
    const careful = rest !== 0 && (strided || results.length > 0);
    body.get(t);
    body.set(i);
    body.loop(
      () => {
        body.get(i);
        if (careful) {
          body.const32(16);
          body.plain(0x6a);
        }
        body.get(tileEnd);
        body.plain(careful ? 0x4d : 0x49);
      },
      () => {
        this.vector(stage, results, stored, lanes);
        body.get(i);
        body.const32(16);
        body.plain(0x6a);
        body.set(i);
      },
    );
    if (!careful) return;
    body.get(i);
    body.get(tileEnd);
    body.plain(0x49);
    body.when(() => {
      this.vector(stage, results, stored, rest);
    });
  }

  /** All steps of one pass on the vector at `i`, of which `count` lanes count. */
  private vector(
    stage: number,
    results: readonly number[],
    stored: readonly number[],
    count: number,
  ): void {
    const { body, stages } = this.frame;
    const done = new Set<number>();
    const push = (id: number): void => {
      this.values.push(id, stage, done, count);
    };
    for (const id of stored) {
      const step = this.spec.steps[id]!;
      this.frame.pushScratchAddress();
      // a kernel finds its argument where it leaves its result
      push(step.kind === "kernel" ? step.args[0]! : id);
      body.vectorMemory(0x0b, stages.offset(id));
    }
    for (const k of results) {
      const pushValue = (): void => {
        push(this.spec.results[k]!.step);
      };
      if (this.reductions.has(k)) this.reductions.accumulate(k, pushValue, count);
      else storeResult(this.frame, k, pushValue, count);
    }
  }

  /** Lets a static kernel work on its tile in place. */
  private callKernel(id: number): void {
    const { body, stages, scratch, t, tileEnd } = this.frame;
    const step = this.spec.steps[id]!;
    if (step.kind !== "kernel") return;
    const type = step.type === "f64" ? "float64" : "float32";
    let fn = this.imports.findIndex((k) => k.kernel === step.kernel && k.type === type);
    if (fn < 0) fn = this.imports.push({ kernel: step.kernel, type }) - 1;
    const pushBuffer = (): void => {
      body.get(scratch);
      body.const32(stages.offset(id));
      body.plain(0x6a);
    };
    pushBuffer();
    pushBuffer();
    body.get(tileEnd);
    body.get(t);
    // narrow floats of a wide group lie eight bytes apart, in vectors of which half is idle
    body.plain(0x6b, 0x6a);
    body.call(fn);
  }
}
