// Hostile values, and valid arguments with one of them put somewhere inside.

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
  a.push(a);
  return a;
};
const polluting = () => JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}');

/** Makers, so that no call sees what another has touched. Counts stay small enough for honest work to end. */
export const hostile = [
  () => undefined, () => null, () => NaN, () => Infinity, () => -Infinity, () => -0, () => 0, () => -1, () => 1, () => 0.5, () => 1.5,
  () => 1e308, () => 5e-324, () => 2 ** 53, () => -(2 ** 31), () => 1e-300, () => "", () => "abc", () => "__proto__", () => "1", () => true, () => 10n,
  () => Symbol("x"), () => new Date(0), () => /x/, () => () => 1, () => (x) => x, () => () => { throw new Error("the callback's own"); },
  () => [], () => [[]], () => [[1], [2, 3]], () => [1, "a"], () => [NaN], () => [Infinity, -Infinity], () => [undefined], () => [null], () => [[[]]],
  () => [1, 2, 3], () => [[1, 2], [3, 4]], () => [5e-324, 1e308], () => ({}), () => Object.create(null), () => Object.freeze({ a: 1 }),
  polluting, cyclic, cyclicList, detached, () => new Float32Array(0), () => new Float64Array([1, NaN]), () => new Int8Array(3), () => new BigInt64Array(2),
  () => new DataView(new ArrayBuffer(8)), () => new ArrayBuffer(8), () => new Float64Array(new SharedArrayBuffer(16)), () => new Uint8Array([1, 2, 3]),
  () => Object.freeze([1, 2]), () => new Map(), () => new Set([1]), () => Promise.resolve(1), () => new Proxy({}, {}),
  () => ({ data: [1, 2], shape: [2], stride: [1], offset: 0 }), () => ({ data: [1], shape: [3], stride: [1], offset: 0 }),
  () => ({ data: new Float64Array(2), shape: [-1], stride: [NaN], offset: 0 }), () => ({ data: new Float64Array(2), shape: [2], stride: [1], offset: 1e9 }),
  () => ({ data: detached(), shape: [4], stride: [1], offset: 0 }), () => ({ length: 3, 0: 1, 1: 2, 2: 3 }), () => ({ shape: [1e9, 1e9] }),
]; // prettier-ignore

/** A small fixed generator: stress runs repeat. */
export function generator(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    state = (state ^ (state >>> 12)) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const isPlain = (x) => typeof x === "object" && x !== null && [Object.prototype, null, Array.prototype].includes(Object.getPrototypeOf(x));

/** `value` with something hostile in one place, chosen by `pick`; nothing of the original is written to. */
function spoil(value, pick, depth = 0) {
  const keys = isPlain(value) && depth < 4 ? Object.keys(value) : [];
  if (keys.length === 0 || keys.length > 64 || pick(3) === 0) return hostile[pick(hostile.length)]();
  const key = keys[pick(keys.length)];
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[key] = spoil(value[key], pick, depth + 1);
  return copy;
}

/** Arguments for one call: a valid list spoilt in one place, one argument too few, or nothing valid at all. */
export function spoiltArguments(valid, pick) {
  if (valid.length === 0 || pick(8) === 0) return Array.from({ length: pick(4) }, () => hostile[pick(hostile.length)]());
  const args = [...valid[pick(valid.length)]];
  if (pick(10) === 0) return args.slice(0, -1);
  const at = pick(args.length + 1);
  args[at] = at < args.length ? spoil(args[at], pick) : hostile[pick(hostile.length)]();
  return args;
}
