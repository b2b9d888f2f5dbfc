// One number for the bits of everything that public functions return while some code runs, and the first of those numbers themselves,
// for the size of a difference. Knows no engine in particular.

const KEPT = 3000;
const view = new DataView(new ArrayBuffer(8));

/** Rolling hash of 53 bits over the numbers in a value: cyrb53, eight bytes of each number at a time; all NaN count as one. */
function hasher() {
  let [h1, h2] = [0xdeadbeef, 0x41c6ce57];
  const word = (w) => {
    h1 = Math.imul(h1 ^ w, 2654435761);
    h2 = Math.imul(h2 ^ w, 1597334677);
    h1 = (h1 << 13) | (h1 >>> 19);
    h2 = (h2 << 17) | (h2 >>> 15);
  };
  const kept = [];
  const number = (x) => {
    if (kept.length < KEPT) kept.push(Number.isFinite(x) ? x : String(x));
    view.setFloat64(0, x);
    word(view.getInt32(0));
    word(view.getInt32(4));
  };
  const walk = (x, depth) => {
    if (typeof x === "number") number(x);
    else if (typeof x === "boolean") word(x ? 1 : 2);
    else if (typeof x !== "object" || x === null || depth > 8) return;
    else if (ArrayBuffer.isView(x)) {
      if (!(x instanceof DataView)) for (const v of x) if (typeof v === "number") number(v);
    } else if (Array.isArray(x)) for (const v of x) walk(v, depth + 1);
    else if ("stride" in x && "data" in x) {
      if ("trace" in x) return; // a traced array
      walk(x.shape, depth + 1);
      walk(x.data, depth + 1);
    } else if (Object.getPrototypeOf(x) === Object.prototype || Object.getPrototypeOf(x) === null)
      for (const key of Object.keys(x)) walk(x[key], depth + 1);
  };
  return {
    add: (x) => walk(x, 0),
    result: () => ({ bits: 4294967296 * (2097151 & h2) + (h1 >>> 0), numbers: kept }),
  };
}

const isClass = (f) => /^class\b/.test(Function.prototype.toString.call(f));

/** Runs `body`, which loads modules through its argument, and gives `{ bits, numbers }` of all that their functions returned; or why it could not run. */
export async function bitsOf(modules, body) {
  const hash = hasher();
  const watch = (f) => {
    if (isClass(f)) return f;
    return (...args) => {
      const result = f(...args);
      if (typeof result?.then === "function")
        return result.then((value) => {
          hash.add(value);
          return value;
        });
      hash.add(result);
      return typeof result === "function" && Object.keys(result).length === 0
        ? watch(result)
        : result;
    };
  };
  const load = async (name) => {
    if (!Object.hasOwn(modules, name)) throw new Error(`${name} is not part of this`);
    return Object.fromEntries(
      Object.entries(modules[name]).map(([key, value]) => [
        key,
        typeof value === "function" ? watch(value) : value,
      ]),
    );
  };
  try {
    hash.add(await body(load));
    return hash.result();
  } catch (error) {
    return `${error?.name}: ${error?.message}`;
  }
}

/** The bits of everything in a list of `[name, body]`. */
export async function allBits(modules, bodies) {
  const found = {};
  for (const [name, body] of bodies) found[name] = await bitsOf(modules, body);
  return found;
}
