/**
 * Standard normal numbers by the ziggurat: 256 layers of equal area cover the density, one layer and one point in it are drawn, and 98.8 % of the
 * points are inside for certain. Marsaglia, Tsang (2000), "The ziggurat method for generating random variables", with separate bits for layer, sign
 * and point as Doornik (2005) advises.
 *
 * Only + − × ÷ √ are used, which IEEE 754 fixes to the last bit, never `Math.exp` or `Math.log`, which engines round differently:
 * a key gives the same normals everywhere.
 */

const LAYERS = 256;
/** Where the tail begins, and the area of every layer, for 256 layers and the density exp(−x²/2). */
const TAIL = 3.6541528853610088;
const AREA = 0.0049286732339746519;

/** $e^x$ for −45 < x ≤ 0, to about 1e-14 relative. */
export function exactExp(x: number): number {
  const t = x / 64;
  let sum = 1;
  for (let k = 14; k > 0; k--) sum = 1 + (t * sum) / k;
  for (let i = 0; i < 6; i++) sum *= sum;
  return sum;
}

/** $\ln u$ for 0 < u ≤ 1, to about 1e-15 relative: the exponent apart, then the series of artanh. */
export function exactLog(u: number): number {
  let exponent = 0;
  for (; u < Math.SQRT1_2; u *= 2) exponent++;
  const z = (u - 1) / (u + 1);
  let sum = 0;
  for (let k = 25; k > 0; k -= 2) sum = 1 / k + z * z * sum;
  return 2 * z * sum - exponent * Math.LN2;
}

/** Right end of each layer, from the base outwards in: `EDGE[0]` is the width of a rectangle of the base layer's area. */
const EDGE = /* @__PURE__ */ layerEdges();
/** Density at `EDGE`. */
const HEIGHT = /* @__PURE__ */ EDGE.map((x) => exactExp(-0.5 * x * x));

function layerEdges(): Float64Array {
  const edges = new Float64Array(LAYERS + 1);
  const density = (x: number): number => exactExp(-0.5 * x * x);
  edges[0] = AREA / density(TAIL);
  edges[1] = TAIL;
  for (let i = 2; i < LAYERS; i++)
    edges[i] = Math.sqrt(-2 * exactLog(AREA / edges[i - 1]! + density(edges[i - 1]!)));
  return edges;
}

/** A source of random bits: each `next` makes 64 new ones, in two words of 32. */
export interface Bits {
  next(): void;
  readonly words: Int32Array;
}

/** The number in [−1, 1) with the upper 23 bits of the first word and the upper 30 of the second. The lower 8 of the first choose the layer. */
function position(words: Int32Array): number {
  return ((words[0]! >> 9) * 0x40000000 + (words[1]! >>> 2)) * 2 ** -52;
}

/** A number in [0, 1) from the bits that `position` uses. */
function fraction(words: Int32Array): number {
  return 0.5 + 0.5 * position(words);
}

/** One standard normal. The sign is part of the position: choosing it by a bit would be a branch that is mispredicted every other time. */
export function ziggurat(bits: Bits): number {
  const { words } = bits;
  for (;;) {
    bits.next();
    const layer = words[0]! & 255;
    const x = position(words) * EDGE[layer]!;
    if (Math.abs(x) < EDGE[layer + 1]!) return x;
    if (layer === 0) return x < 0 ? -tail(bits) : tail(bits);
    bits.next();
    const y = HEIGHT[layer]! + fraction(words) * (HEIGHT[layer + 1]! - HEIGHT[layer]!);
    if (y < exactExp(-0.5 * x * x)) return x;
  }
}

/** A normal beyond the last layer: Marsaglia (1964), "Generating a variable from the tail of the normal distribution". */
function tail(bits: Bits): number {
  for (;;) {
    bits.next();
    const x = -exactLog(1 - fraction(bits.words)) / TAIL;
    bits.next();
    if (-2 * exactLog(1 - fraction(bits.words)) > x * x) return TAIL + x;
  }
}
