/**
 * What plain data must look like, said once: a guard looks at a value and names the first place inside it that does not fit. Functions check what they are
 * given against such descriptions before they work, so that a wrong type ends in one typed error and not three levels below.
 */
import { DomainError, isNdArray, show } from "@provably/core-tensor";

interface Fault {
  readonly path: string;
  readonly expected: string;
  readonly got: unknown;
}

export type Guard = (x: unknown) => Fault | undefined;

/** `value`, or a typed error that names the place that does not fit. */
export function check<T>(fn: string, name: string, value: T, guard: Guard): T {
  const fault = guard(value);
  if (fault)
    throw new DomainError(
      `${fn}: ${name}${fault.path} must be ${fault.expected}, got ${show(fault.got)}`,
    );
  return value;
}

export function satisfying(expected: string, fits: (x: unknown) => boolean): Guard {
  return (got) => (fits(got) ? undefined : { path: "", expected, got });
}

export const flag = satisfying("true or false", (x) => typeof x === "boolean");
export const number = satisfying("a number", (x) => typeof x === "number");
export const text = satisfying("text", (x) => typeof x === "string");
export const callback = satisfying("a function", (x) => typeof x === "function");
export const tensor = satisfying("an array", isNdArray);

export function whole(least: number, below = 2 ** 31): Guard {
  return (got) => {
    if (Number.isInteger(got) && (got as number) >= least && (got as number) < below)
      return undefined;
    const bound = Number.isInteger(got) && (got as number) >= below ? ` and below ${below}` : "";
    return { path: "", expected: `an integer ≥ ${least}${bound}`, got };
  };
}

export function oneOf(...values: readonly (string | number)[]): Guard {
  return satisfying(`one of ${values.join(", ")}`, (x) =>
    (values as readonly unknown[]).includes(x),
  );
}

/** Numbers in a list or in a typed array. */
export const numbers: Guard = (x) => {
  if (Array.isArray(x)) return listOf(number)(x);
  const typed =
    ArrayBuffer.isView(x) &&
    !(x instanceof DataView) &&
    !(x instanceof BigInt64Array) &&
    !(x instanceof BigUint64Array);
  return typed && isHere(x) ? undefined : { path: "", expected: "a list of numbers", got: x };
};

/** Whether the storage of a typed array is still there, and was not transferred to a worker. */
function isHere(x: ArrayBufferView): boolean {
  try {
    return new Uint8Array(x.buffer).length >= 0;
  } catch {
    return false;
  }
}

type TypedArrayKind =
  typeof Float32Array | typeof Float64Array | typeof Int32Array | typeof Uint8Array;

/** A typed array of one kind, with its storage. */
export function typedArray(kind: TypedArrayKind): Guard {
  return satisfying(
    `a ${kind.name} that was not transferred away`,
    (x) => x instanceof kind && isHere(x),
  );
}

/** 32-bit floats, of the length where one is given. */
export function floats(length?: number): Guard {
  return satisfying(`a Float32Array${length === undefined ? "" : ` of ${length} numbers`}`, (x) => {
    return x instanceof Float32Array && (length === undefined || x.length === length);
  });
}

export function optional(guard: Guard): Guard {
  return (x) => (x === undefined ? undefined : guard(x));
}

export function nullable(guard: Guard): Guard {
  return (x) => (x === null ? undefined : guard(x));
}

export function listOf(guard: Guard, length?: number): Guard {
  return (x) => {
    if (!Array.isArray(x) || (length !== undefined && x.length !== length))
      return { path: "", expected: `a list${length === undefined ? "" : ` of ${length}`}`, got: x };
    for (let i = 0; i < x.length; i++) {
      const fault = guard(x[i]);
      if (fault) return { ...fault, path: `[${i}]${fault.path}` };
    }
    return undefined;
  };
}

/** An object with the given fields, and with any others. */
export function record(fields: Readonly<Record<string, Guard>> = {}): Guard {
  const entries = Object.entries(fields);
  return (x) => {
    if (typeof x !== "object" || x === null || Array.isArray(x))
      return { path: "", expected: "an object", got: x };
    for (const [name, guard] of entries) {
      const fault = guard((x as Record<string, unknown>)[name]);
      if (fault) return { ...fault, path: `.${name}${fault.path}` };
    }
    return undefined;
  };
}

/** The guard that the value of a field chooses. */
export function byKind(field: string, guards: Readonly<Record<string, Guard>>): Guard {
  const known = record({ [field]: oneOf(...Object.keys(guards)) });
  return (x) => known(x) ?? guards[(x as Record<string, string>)[field]!]!(x);
}

/** An object whose every value passes. */
export function mapOf(guard: Guard): Guard {
  return (x) =>
    record()(x) ??
    record(Object.fromEntries(Object.keys(x as object).map((name) => [name, guard])))(x);
}

/** Rows and columns. */
export const pair = listOf(number, 2);

/** What long work may be given. */
export const longWork = {
  signal: optional(
    satisfying(
      "an AbortSignal",
      (x) => typeof (x as AbortSignal | null)?.throwIfAborted === "function",
    ),
  ),
  onProgress: optional(callback),
};
