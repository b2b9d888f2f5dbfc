/**
 * Values as text and back: what travels between workers and lies in stores.
 *
 * The text is canonical, one text for one value: keys in order, numbers as JavaScript writes them (which is exact), and what JSON lacks under
 * a key of its own. Two values have the same bits if and only if their texts are equal, save for the payloads of NaN in plain numbers.
 */
import {
  type DType,
  DomainError,
  type NdArray,
  array,
  isNdArray,
  toTypedArray,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** The key under which stands what JSON lacks. */
const TAG = "$";
const DEEPEST = 64;

const KINDS = {
  Float64Array,
  Float32Array,
  Int32Array,
  Int16Array,
  Int8Array,
  Uint32Array,
  Uint16Array,
  Uint8Array,
} as const;
type Kind = keyof typeof KINDS;
type Typed = InstanceType<(typeof KINDS)[Kind]>;

/** What may be in a value beside numbers, text, booleans, null, lists and records. */
interface Rules {
  /** Name of the function that the user called, and of what is looked at. */
  readonly fn: string;
  readonly what: string;
  /** Whether NaN may be in it. */
  readonly nan: boolean;
}

/** The text of a value. */
export function encode(value: unknown, rules: Rules): string {
  return write(value, "", [], rules);
}

function refuse({ fn, what }: Rules, path: string, problem: string): never {
  throw new DomainError(`${fn}: ${what}${path} ${problem}`);
}

function write(x: unknown, path: string, above: readonly object[], rules: Rules): string {
  switch (typeof x) {
    case "number":
      return writeNumber(x, path, rules);
    case "string":
      return JSON.stringify(x);
    case "boolean":
      return String(x);
    case "object":
      return x === null ? "null" : writeObject(x, path, above, rules);
    default:
      return refuse(rules, path, `must be a number, text, boolean, list or record, got ${show(x)}`);
  }
}

function writeNumber(x: number, path: string, rules: Rules): string {
  if (Number.isNaN(x) && !rules.nan) return refuse(rules, path, "must not be NaN");
  if (Number.isFinite(x) && !Object.is(x, -0)) return String(x);
  return `{"${TAG}":"${Object.is(x, -0) ? "-0" : x}"}`;
}

function writeObject(x: object, path: string, above: readonly object[], rules: Rules): string {
  if (above.includes(x)) return refuse(rules, path, "leads back to itself");
  if (above.length >= DEEPEST) return refuse(rules, path, `lies more than ${DEEPEST} levels deep`);
  const inside = [...above, x];
  if (Array.isArray(x))
    return `[${Array.from(x, (entry, i) => write(entry, `${path}[${i}]`, inside, rules)).join(",")}]`;
  if (isNdArray(x)) return writeArray(x);
  if (ArrayBuffer.isView(x)) return writeTyped(x, path, rules);
  const prototype: unknown = Object.getPrototypeOf(x);
  if (prototype !== Object.prototype && prototype !== null)
    return refuse(
      rules,
      path,
      `must be a number, text, boolean, list or record, got ${show(x)} of the class ${String((x.constructor as { name?: unknown } | undefined)?.name)}`,
    );
  const entries = Object.keys(x)
    .sort()
    .map((name) => {
      if (name === "__proto__") return refuse(rules, path, 'must have no field "__proto__"');
      const at = `${path}.${name}`;
      return `${JSON.stringify(name)}:${write((x as Record<string, unknown>)[name], at, inside, rules)}`;
    });
  const text = `{${entries.join(",")}}`;
  return Object.hasOwn(x, TAG) ? `{"${TAG}":"record","of":${text}}` : text;
}

function writeTyped(x: ArrayBufferView, path: string, rules: Rules): string {
  const kind = x.constructor.name;
  if (!Object.hasOwn(KINDS, kind))
    return refuse(rules, path, `must be a typed array of plain numbers, got ${kind}`);
  return `{"${TAG}":"${kind}","data":"${toBase64(bytesOf(x))}"}`;
}

function writeArray(x: NdArray): string {
  const data = toTypedArray(x);
  return `{"${TAG}":"array","data":"${toBase64(bytesOf(data))}","dtype":"${x.dtype}","shape":[${x.shape.join(",")}],"type":"${data.constructor.name}"}`;
}

const bytesOf = (x: ArrayBufferView): Uint8Array =>
  new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

const CHUNK = 0x6000;

/** Bytes as text of 64 letters. */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  return text;
}

/** The bytes of such text. */
export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The value of a text that {@link encode} wrote; throws for any other. */
export function decode(text: string): unknown {
  return read(JSON.parse(text));
}

const ODD: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "-0": -0,
};

function read(x: unknown): unknown {
  if (Array.isArray(x)) return x.map(read);
  if (typeof x !== "object" || x === null) return x;
  const fields = x as Readonly<Record<string, unknown>>;
  if (!Object.hasOwn(fields, TAG)) return readRecord(fields);
  const tag = String(fields[TAG]);
  if (Object.hasOwn(ODD, tag)) return ODD[tag];
  if (tag === "record") return readRecord(fields["of"] as Readonly<Record<string, unknown>>);
  if (tag === "array") {
    const data = readTyped(String(fields["type"]), fields["data"]);
    const shape = fields["shape"] as readonly number[];
    return array(data as never, { shape, dtype: fields["dtype"] as DType });
  }
  return readTyped(tag, fields["data"]);
}

function readRecord(fields: Readonly<Record<string, unknown>>): unknown {
  const made: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    // a text from elsewhere may hold it, and assigning it would set the prototype
    if (name === "__proto__") throw new DomainError('decode: a field "__proto__" is refused');
    made[name] = read(fields[name]);
  }
  return made;
}

function readTyped(kind: string, data: unknown): Typed {
  if (!Object.hasOwn(KINDS, kind) || typeof data !== "string")
    throw new DomainError(`decode: ${show(kind)} is no kind of array`);
  return new KINDS[kind as Kind](fromBase64(data).buffer as ArrayBuffer);
}
