/**
 * The text of one kernel while it is being written, and the way from a thread's number to places in arrays.
 *
 * Every kernel has one thread an element of its result and a flat result, so `this.thread.x` is the element's place in row-major order.
 * Places along axes are recovered from it by division. Division and `%` are float32 in gpu.js and rounded in shaders, so quotients are
 * corrected with exact integer products; powers of two take shifts. Offsets into arrays are sums of integers: `(v | 0)` makes one of a
 * variable, which gpu.js keeps as a float.
 *
 * Names are prefixed by kind (`a_` arrays, `s_` scalars, `v_` variables, `i_` loop counters, `f_` functions): an argument with the name of
 * a constant would silently read the constant in gpu.js's CPU mode, and words that WGSL reserves stay out of the way.
 */
import type { DeviceFunction } from "../../forms/device.js";
import { rowMajorStrides, sizeOf } from "../../array/shape.js";

/** An array in the device's memory. */
export interface Slot {
  readonly size: number;
  /** Set for one row of a stack of arrays: where it begins in the slot of the whole, which the kernel takes as a scalar argument. */
  readonly row?: { readonly of: () => Slot; readonly offset: number };
}

/** A place along an axis; `integer` when gpu.js takes its type for an integer. */
export interface Place {
  readonly text: string;
  readonly integer: boolean;
}

/** Where an axis is: `start + step` times a coordinate of the thread, or times a place computed in the kernel. */
export type AxisPlace = { readonly start: number; readonly step: number } & (
  { readonly out: number } | { readonly place: Place }
);

const shiftOf = (n: number): number => (n > 0 && (n & (n - 1)) === 0 ? Math.log2(n) : -1);

const integer = ({ text, integer: whole }: Place): string => (whole ? text : `(${text} | 0)`);

/** A name or a number, which needs no name of its own. */
const ATOM = /^(?:\w+|[\d.]+(?:e[+-]?\d+)?|\(-[\d.]+(?:e[+-]?\d+)?\))$/;

/** Source text in the making. */
export class KernelText {
  /** Coordinates of the thread, needed from anywhere in the body. */
  private readonly head: string[] = [];
  private readonly body: string[] = [];
  private readonly known = new Map<string, Place>();
  private names = 0;
  private depth = 1;
  /** Arrays in the order of the kernel's arguments. */
  readonly slots: Slot[] = [];
  /** Functions that the text calls. */
  readonly functions = new Set<DeviceFunction>();
  /** Places of the elements that a thread computes, when it computes several. */
  lanes: readonly Space[] = [];
  /** Elements read so far, in the block that is being written and those around it. */
  private readonly elements = [new Map<string, string>()];

  name(kind: "v" | "i"): string {
    return `${kind}_${this.names++}`;
  }

  line(text: string): void {
    this.body.push("  ".repeat(this.depth) + text);
  }

  block(header: string, write: () => void): void {
    this.line(`${header} {`);
    this.depth++;
    this.elements.push(new Map());
    write();
    this.elements.pop();
    this.depth--;
    this.line("}");
  }

  /** A loop with a literal bound: gpu.js would silently cut one whose bound is an argument at 1000 rounds. */
  loop(count: number, write: (place: Place) => void): void {
    if (count === 1) return write({ text: "0", integer: true });
    const i = this.name("i");
    this.block(`for (let ${i} = 0; ${i} < ${count}; ${i}++)`, () =>
      write({ text: i, integer: true }),
    );
  }

  /** The expression's value under a name. */
  constant(expression: string): string {
    if (ATOM.test(expression)) return expression;
    const v = this.name("v");
    this.line(`const ${v} = ${expression};`);
    return v;
  }

  variable(initial: string): string {
    const v = this.name("v");
    this.line(`let ${v} = ${initial};`);
    return v;
  }

  /** The element of an array, read once in each block. */
  element(slot: Slot, offset: string): string {
    const text = this.read(slot, offset);
    const known = this.elements.find((names) => names.has(text))?.get(text);
    if (known !== undefined) return known;
    const v = this.constant(text);
    this.elements[this.elements.length - 1]!.set(text, v);
    return v;
  }

  read(slot: Slot, offset: string): string {
    let at = this.slots.indexOf(slot);
    if (at < 0) at = this.slots.push(slot) - 1;
    return `a_${at}[${slot.row ? `s_${at} + ${offset}` : offset}]`;
  }

  /** ⌊thread / inner⌋ mod extent. */
  coordinate(inner: number, extent: number, total: number): Place {
    const q = this.quotient({ text: "this.thread.x", integer: true }, inner);
    return inner * extent >= total ? q : this.remainder(q, extent);
  }

  private remember(key: string, make: () => Place): Place {
    let place = this.known.get(key);
    if (place === undefined) this.known.set(key, (place = make()));
    return place;
  }

  private define(expression: string): Place {
    const text = this.name("v");
    this.head.push(`  const ${text} = ${expression};`);
    return { text, integer: false };
  }

  /** n less a first guess of d·⌊n/d⌋, exact, and the guess. */
  private guess(n: Place, d: number): { q: string; r: string } {
    const q = this.remember(`${n.text}~/${d}`, () =>
      this.define(`Math.floor(${n.text} * ${1 / d})`),
    ).text;
    const r = this.remember(`${n.text}~%${d}`, () =>
      this.define(n.integer ? `${n.text} - (${q} | 0) * ${d}` : `${n.text} - ${q} * ${d}`),
    ).text;
    return { q, r };
  }

  /** How far off the guess of a quotient is, from what it leaves. */
  private correction(r: string, d: number): string {
    // (r + ½)/d is safe from rounding for small d; for large ones the guess is off by one at most
    return d < 1 << 20
      ? `Math.floor((${r} + 0.5) * ${1 / d})`
      : `(${r} < 0 ? -1 : (${r} >= ${d} ? 1 : 0))`;
  }

  private quotient(n: Place, d: number): Place {
    if (d === 1) return n;
    if (n.integer && shiftOf(d) > 0) return { text: `(${n.text} >> ${shiftOf(d)})`, integer: true };
    return this.remember(`${n.text}/${d}`, () => {
      const { q, r } = this.guess(n, d);
      return this.define(`${q} + ${this.correction(r, d)}`);
    });
  }

  private remainder(n: Place, d: number): Place {
    if (d === 1) return { text: "0", integer: true };
    if (n.integer && shiftOf(d) > 0) return { text: `(${n.text} & ${d - 1})`, integer: true };
    return this.remember(`${n.text}%${d}`, () => {
      const { r } = this.guess(n, d);
      return this.define(`${r} - ${d} * ${this.correction(r, d)}`);
    });
  }

  /** The whole kernel; `result` is the element that the thread computes. */
  finish(result: string): string {
    const parameters = [...this.slots.keys()]
      .map((k) => `a_${k}`)
      .concat(this.slots.flatMap((slot, k) => (slot.row ? [`s_${k}`] : [])));
    return `function (${parameters.join(", ")}) {\n${[...this.head, ...this.body, `  return ${result};`].join("\n")}\n}`;
  }
}

/** Where in an array of `shape` a kernel is at some point of its text: a place for every axis. */
export class Space {
  private constructor(
    readonly kernel: KernelText,
    /** Extents of the kernel's result. */
    readonly out: readonly number[],
    readonly axes: readonly AxisPlace[],
    /** Whether the place in row-major order is the thread's number. */
    readonly own: boolean,
    /** Values already computed at this place. */
    private readonly values: Map<object, string>,
  ) {}

  /** The thread's own element of a result of this shape. */
  static own(
    kernel: KernelText,
    out: readonly number[],
    values = new Map<object, string>(),
  ): Space {
    const axes = out.map((_, k) => ({ out: k, start: 0, step: 1 }));
    return new Space(kernel, out, axes, true, values);
  }

  /** The places of `count` neighbours along the last axis, when each thread computes that many. */
  static lanes(kernel: KernelText, shape: readonly number[], count: number): Space[] {
    const last = shape.length - 1;
    const out = shape.map((n, k) => (k === last ? n / count : n));
    return Array.from({ length: count }, (_, lane) => {
      const axes = shape.map((_n, k) =>
        k === last ? { out: k, start: lane, step: count } : { out: k, start: 0, step: 1 },
      );
      return new Space(kernel, out, axes, false, new Map());
    });
  }

  /** The same element in other extents of the same size. */
  reshaped(shape: readonly number[]): Space {
    return Space.own(this.kernel, shape, this.values);
  }

  at(axes: readonly AxisPlace[]): Space {
    return new Space(this.kernel, this.out, axes, false, new Map());
  }

  with(axis: number, place: AxisPlace): Space {
    return this.at(this.axes.map((a, k) => (k === axis ? place : a)));
  }

  /** The value at this place, computed once. */
  once(key: object, compute: () => string): string {
    let text = this.values.get(key);
    if (text === undefined) this.values.set(key, (text = compute()));
    return text;
  }

  /** The place along an axis. */
  place(axis: number): Place {
    const a = this.axes[axis]!;
    const at =
      "place" in a
        ? a.place
        : this.kernel.coordinate(
            sizeOf(this.out.slice(a.out + 1)),
            this.out[a.out]!,
            sizeOf(this.out),
          );
    if (a.step === 1 && a.start === 0) return at;
    return {
      text: `(${integer(at)} * ${literalStep(a.step)} + ${literalStep(a.start)})`,
      integer: true,
    };
  }

  /** Offset of this place in an array with these strides, as the text of an integer. */
  offset(strides: readonly number[]): string {
    let fixed = 0;
    const terms: string[] = [];
    const outer = new Array<number>(this.out.length).fill(0);
    this.axes.forEach((a, k) => {
      fixed += a.start * strides[k]!;
      const stride = a.step * strides[k]!;
      if (stride === 0) return;
      if ("out" in a) outer[a.out]! += stride;
      else terms.push(times(integer(a.place), stride));
    });
    const total = sizeOf(this.out);
    // axes that lie behind one another in memory are one
    let inner = 1;
    let group: { inner: number; extent: number; stride: number } | undefined;
    const close = (): void => {
      if (group !== undefined)
        terms.push(
          times(integer(this.kernel.coordinate(group.inner, group.extent, total)), group.stride),
        );
      group = undefined;
    };
    for (let k = this.out.length - 1; k >= 0; k--) {
      const [extent, stride] = [this.out[k]!, outer[k]!];
      if (extent === 1) continue;
      if (group !== undefined && stride === group.stride * group.extent) group.extent *= extent;
      else {
        close();
        if (stride !== 0) group = { inner, extent, stride };
      }
      inner *= extent;
    }
    close();
    if (fixed !== 0 || terms.length === 0) terms.push(literalStep(fixed));
    return terms.join(" + ");
  }

  /** Offset in an array of this shape in row-major order. */
  rowMajor(shape: readonly number[]): string {
    return this.offset(rowMajorStrides(shape));
  }
}

/** The place under a name, as a float. */
export function named(kernel: KernelText, { text }: Place): Place {
  return { text: kernel.constant(text), integer: false };
}

const literalStep = (n: number): string => (n < 0 ? `(-${-n})` : String(n));

function times(text: string, stride: number): string {
  if (/^\d+$/.test(text)) return String(Number(text) * stride);
  return stride === 1 ? text : `${text} * ${literalStep(stride)}`;
}
