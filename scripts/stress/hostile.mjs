// Hostile values, and valid arguments with one of them put somewhere inside.
/* global AbortSignal */

const detached = () => {
  const x = new Float64Array(4);
  structuredClone(x.buffer, { transfer: [x.buffer] });
  return x;
};
const cyclic = () => {
  const a = { shape: [1] };
  a.self = a;
  return a;
};
const cyclicList = () => {
  const a = [];
  a.push(a, a);
  return a;
};
const cyclicTree = () => {
  const a = { w: [1] };
  a.left = a.right = { up: a };
  return a;
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const own = () => {
  throw new Error("the caller's own");
};
const polluting = () =>
  JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}');

/** Makers, so that no call sees what another has touched. Counts stay small enough for honest work to end. */
export const hostile = [
  () => undefined, () => null, () => NaN, () => Infinity, () => -Infinity, () => -0, () => 0, () => -1, () => 1, () => 0.5, () => 1.5,
  () => 1e308, () => 5e-324, () => 2 ** 53, () => -(2 ** 32), () => 2 ** 32, () => "constructor", () => "toString", () => "\u0000", () => "x".repeat(1000), () => 1e-300, () => "", () => "abc", () => "__proto__", () => "1", () => true, () => 10n,
  () => Symbol("x"), () => new Date(0), () => /x/, () => () => 1, () => (x) => x, () => own,
  () => [], () => [[]], () => [[1], [2, 3]], () => [1, "a"], () => [NaN], () => [Infinity, -Infinity], () => [undefined], () => [null], () => [[[]]],
  () => [1, 2, 3], () => [[1, 2], [3, 4]], () => [5e-324, 1e308], () => ({}), () => Object.create(null), () => Object.freeze({ a: 1 }),
  polluting, cyclic, cyclicList, cyclicTree, revoked, detached, () => ({ get shape() { return own(); } }), () => ({ toString: 1, valueOf: null }), () => new Float32Array(0), () => new Float64Array([1, NaN]), () => new Int8Array(3), () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)), () => new ArrayBuffer(8), () => new Float64Array(new SharedArrayBuffer(16)), () => new Uint8Array([1, 2, 3]),
  () => Object.freeze([1, 2]), () => new Map(), () => new Set([1]), () => Promise.resolve(1), () => new Proxy({}, {}),
  () => ({ data: [1, 2], shape: [2], stride: [1], offset: 0 }), () => ({ data: [1], shape: [3], stride: [1], offset: 0 }),
  () => ({ data: new Float64Array(2), shape: [-1], stride: [NaN], offset: 0 }), () => ({ data: new Float64Array(2), shape: [2], stride: [1], offset: 1e9 }),
  () => ({ data: detached(), shape: [4], stride: [1], offset: 0 }), () => ({ length: 3, 0: 1, 1: 2, 2: 3 }), () => ({ shape: [1e6, 1e6] }), () => [1e6, 1e6], () => [2 ** 53, 2], () => [-1, -1], () => [0], () => [1.5],
  () => ({ __proto__: null, axis: 0 }), () => AbortSignal.abort(), () => ({ aborted: true }), () => async () => own(), () => new Error("x"),
]; // prettier-ignore

/** What the caller passed in, to be found unchanged: a print of plain data and of typed arrays, short enough to take at every call. */
export function print(x, depth = 0, seen = new Set()) {
  if (typeof x === "number") return Object.is(x, -0) ? "-0" : String(x);
  if (typeof x === "string") return x.slice(0, 40);
  if (typeof x !== "object" || x === null || seen.has(x) || depth > 5)
    return x === null ? "null" : typeof x;
  seen.add(x);
  try {
    if (ArrayBuffer.isView(x) && !(x instanceof DataView))
      return `${x.constructor.name}:${x.length}:${sampled(x).join()}`;
    if (Array.isArray(x)) return `[${x.slice(0, 50).map((y) => print(y, depth + 1, seen)).join()}]`; // prettier-ignore
    return `{${Object.keys(x).slice(0, 30).map((k) => `${k}:${print(x[k], depth + 1, seen)}`).join()}}`; // prettier-ignore
  } catch {
    return "unreadable";
  }
}

const sampled = (x) =>
  x.length <= 256
    ? Array.from(x, String)
    : Array.from({ length: 256 }, (_, i) => String(x[Math.floor((i * x.length) / 256)]));

/** Every number below `value` is zero or of an everyday size, and everything is of a kind that holds numbers: no excuse for NaN in a result. */
export function isTame(value) {
  try {
    return tame(value, 0);
  } catch {
    return false;
  }
}

function tame(value, depth) {
  if (typeof value === "number")
    return value === 0 || (Math.abs(value) >= 1e-6 && Math.abs(value) <= 1e6);
  if (depth > 6) return false;
  if (Array.isArray(value)) return value.every((x) => tame(x, depth + 1));
  if (ArrayBuffer.isView(value)) return value.BYTES_PER_ELEMENT > 1 && !(value instanceof BigInt64Array) && Array.prototype.every.call(value, (x) => tame(x, 0)); // prettier-ignore
  if (typeof value === "object" && value !== null) {
    const proto = Object.getPrototypeOf(value);
    return (
      (proto === Object.prototype || "stride" in value) &&
      Object.keys(value).every((k) => tame(value[k], depth + 1))
    );
  }
  return value === undefined || typeof value === "string" || typeof value === "boolean";
}

export function hasNan(value) {
  try {
    return nanInside(value, 0);
  } catch {
    return false; // it lets something of the caller's through that cannot be read
  }
}

function nanInside(value, depth) {
  if (typeof value === "number") return Number.isNaN(value);
  if (typeof value !== "object" || value === null || depth > 5) return false;
  if (value instanceof Float32Array || value instanceof Float64Array)
    return value.some(Number.isNaN);
  if (Array.isArray(value)) return value.slice(0, 1000).some((x) => nanInside(x, depth + 1));
  const proto = Object.getPrototypeOf(value);
  if (proto === Object.prototype)
    return Object.keys(value).some((k) => nanInside(value[k], depth + 1));
  return (
    "stride" in value && value.constructor.name === "DenseArray" && nanInside(value.data, depth + 1)
  );
}

/** Plain data frozen all through: a write to an argument then throws. */
export function freezeDeep(value, depth = 0) {
  if (!isPlain(value) || Object.isFrozen(value) || depth > 6) return;
  Object.freeze(value);
  for (const k of Object.keys(value)) {
    const { value: child } = Object.getOwnPropertyDescriptor(value, k);
    freezeDeep(child, depth + 1);
  }
}

/** A small fixed generator: stress runs repeat. */
export function generator(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    state = (state ^ (state >>> 12)) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const isPlain = (x) => {
  try {
    return (
      typeof x === "object" &&
      x !== null &&
      [Object.prototype, null, Array.prototype].includes(Object.getPrototypeOf(x))
    );
  } catch {
    return false;
  }
};

/** Counts of work to be done: a huge one is honest work, and takes as long as it takes. */
const COUNT =
  /^(num|max)[A-Z]|(steps|iterations|sweeps|rounds|epochs|samples|replicates|trials|repetitions|starts|restarts|horizon|length|size)$/i;
const huge = (x) => typeof x === "number" && Math.abs(x) >= 1e6;
const isHuge = (x) => huge(x) || (isPlain(x) && Array.isArray(x) && x.some(huge));

/** `value` with something hostile in one place, chosen by `pick`; nothing of the original is written to. */
function spoil(value, pick, depth = 0) {
  const keys = isPlain(value) && depth < 4 ? Object.keys(value) : [];
  if (keys.length === 0 || keys.length > 64 || pick(3) === 0)
    return hostile[pick(hostile.length)]();
  const key = keys[pick(keys.length)];
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[key] = spoil(value[key], pick, depth + 1);
  if (COUNT.test(key) && isHuge(copy[key])) copy[key] = -1;
  return copy;
}

/** Arguments with one option more, which may stand in no example: something hostile. */
function withOption(args, name, pick) {
  const last = args.at(-1);
  const hasOptions = isPlain(last) && !Array.isArray(last) && Object.keys(last).length > 0;
  const value = hostile[pick(hostile.length)]();
  const options = {
    ...(hasOptions ? last : {}),
    [name]: COUNT.test(name) && isHuge(value) ? -1 : value,
  };
  return [...(hasOptions ? args.slice(0, -1) : args), options];
}

/** Arguments for one call: a valid list spoilt in one place, with one option of `options` more, one argument too few, or nothing valid at all. */
export function spoiltArguments(valid, pick, options = []) {
  if (valid.length === 0 || pick(8) === 0)
    return Array.from({ length: pick(4) }, () => hostile[pick(hostile.length)]());
  const args = [...valid[pick(valid.length)]];
  if (options.length > 0 && pick(4) === 0)
    return withOption(args, options[pick(options.length)], pick);
  if (pick(10) === 0) return args.slice(0, -1);
  const at = pick(args.length + 1);
  args[at] = at < args.length ? spoil(args[at], pick) : hostile[pick(hostile.length)]();
  return args;
}
