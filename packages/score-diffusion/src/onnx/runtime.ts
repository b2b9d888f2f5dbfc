/** onnxruntime, as far as it is used here: sessions, what they say of themselves, and calls whose errors have names. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anyString,
  anything,
  check,
  isRecord,
  listOf,
  optional,
  recordWith,
  show,
} from "@provably/core-tensor/internal";

/**
 * A tensor of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/**
 * What a session says of an input or an output.
 * @category Networks
 */
export interface OnnxValueMetadata {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/**
 * A session of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Type and extents of each input; free extents are words. Runtimes before 1.20 do not say. */
  readonly inputMetadata?: readonly OnnxValueMetadata[];
  /** The same of each output. */
  readonly outputMetadata?: readonly OnnxValueMetadata[];
  /** Outputs by name, for inputs by name. */
  run(feeds: Record<string, never>): Promise<Readonly<Record<string, OnnxTensor>>>;
}

/**
 * The module `onnxruntime-node` or `onnxruntime-web`, as far as it is used here.
 * @category Networks
 */
export interface OnnxRuntime {
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    /** A session for a model, from its bytes or its place. */
    create(source: never, options?: never): Promise<OnnxSession>;
  };
}

const VALUES = optional(
  listOf(recordWith({ name: anyString, type: optional(anyString), shape: optional(anything) })),
);
const SESSION = {
  inputNames: listOf(anyString),
  outputNames: listOf(anyString),
  run: anyFunction,
  inputMetadata: VALUES,
  outputMetadata: VALUES,
};

/** A session and the module that made it, for functions that take them. */
export function checkSession(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  name = "session",
): void {
  check(fn, "runtime", runtime, recordWith({ Tensor: anyFunction }));
  check(fn, name, session, anyRecord);
  // sessions have their fields on the prototype
  for (const [part, guard] of Object.entries(SESSION))
    check(fn, `${name}.${part}`, session[part as keyof OnnxSession], guard as typeof VALUES);
}

/** What a session says of its values, by their names. */
export type Values = ReadonlyMap<string, OnnxValueMetadata>;
export const valuesOf = (metadata: readonly OnnxValueMetadata[] = []): Values =>
  new Map(metadata.map((value) => [value.name, value]));

/** A name that must be one of a session's. */
export function namedValue(
  fn: string,
  kind: "input" | "output",
  names: readonly string[],
  name: string | undefined,
): string {
  if (name === undefined || !names.includes(name))
    throw new DomainError(
      `${fn}: the session has no ${kind} ${show(name)}, only ${names.join(", ")}`,
    );
  return name;
}

/** The type of an input, as far as the session says it and it is one that is understood. */
export function typeOf<T extends string>(
  fn: string,
  inputs: Values,
  name: string,
  understood: readonly T[],
  otherwise: T,
): T {
  const type = inputs.get(name)?.type;
  if (type === undefined) return otherwise;
  if (!(understood as readonly string[]).includes(type))
    throw new DomainError(
      `${fn}: input ${show(name)} must take one of ${understood.join(", ")}, got ${type}`,
    );
  return type as T;
}

const messageOf = (error: unknown): string =>
  isRecord(error) && typeof error["message"] === "string" ? error["message"] : show(error);

/** One output of a session, for its inputs; what the runtime throws names the inputs and their extents. */
export async function runSession(
  fn: string,
  session: OnnxSession,
  given: Readonly<Record<string, OnnxTensor>>,
  output: string,
): Promise<OnnxTensor> {
  let answers: Readonly<Record<string, OnnxTensor>>;
  try {
    answers = await session.run(given as Record<string, never>);
  } catch (error) {
    const inputs = Object.entries(given).map(([name, { dims }]) => `${name} [${dims.join(", ")}]`);
    throw new DomainError(
      `${fn}: the runtime refused the inputs ${inputs.join(", ")}: ${messageOf(error)}`,
    );
  }
  const answer = isRecord(answers) ? answers[output] : undefined;
  if (!isRecord(answer)) throw new DomainError(`${fn}: the session gave no output ${output}`);
  if (!Array.isArray(answer.dims))
    throw new ShapeError(`${fn}: output ${output} must have extents, got ${show(answer.dims)}`);
  return answer;
}

/** A session for a model, by its bytes, path or address. */
export async function openSession(
  fn: string,
  runtime: OnnxRuntime,
  source: Uint8Array | string,
  options: Readonly<Record<string, unknown>>,
): Promise<OnnxSession> {
  const create = check(fn, "runtime", runtime, anyRecord).InferenceSession?.create;
  check(fn, "runtime.InferenceSession.create", create, anyFunction);
  try {
    return await runtime.InferenceSession.create(source as never, options as never);
  } catch (error) {
    throw new DomainError(`${fn}: the runtime cannot read the model: ${messageOf(error)}`);
  }
}

/** The runtime that is installed. */
export async function installedRuntime(fn: string): Promise<OnnxRuntime> {
  for (const name of ["onnxruntime-node", "onnxruntime-web"]) {
    try {
      // the one is CommonJS, the other a module
      const module = (await import(
        /* @vite-ignore */ /* webpackIgnore: true */ name
      )) as Partial<OnnxRuntime> & { readonly default?: OnnxRuntime };
      return module.InferenceSession === undefined ? module.default! : (module as OnnxRuntime);
    } catch {
      continue;
    }
  }
  throw new DomainError(
    `${fn}: neither onnxruntime-node nor onnxruntime-web is installed; install one of them, or pass runtime`,
  );
}
