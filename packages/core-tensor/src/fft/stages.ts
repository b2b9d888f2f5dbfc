/** The stages of a transform by their radix: each makes `radix` short transforms and turns them by the roots of unity. */

/** What is computed once for a length. */
export interface Factors {
  readonly n: number;
  /** Radices of the stages; empty where the length has a large prime factor. */
  readonly radices: readonly number[];
  /** $\cos(2πk/n)$ and $−\sin(2πk/n)$. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

type Stage = (
  plan: Factors,
  xr: Float64Array,
  xi: Float64Array,
  yr: Float64Array,
  yi: Float64Array,
  m: number,
  s: number,
) => void;

export const stage4: Stage = ({ cos, sin }, xr, xi, yr, yi, m, s) => {
  const quarter = s * m;
  for (let p = 0; p < m; p++) {
    const [w1r, w1i] = [cos[p * s]!, sin[p * s]!];
    const [w2r, w2i] = [cos[2 * p * s]!, sin[2 * p * s]!];
    const [w3r, w3i] = [cos[3 * p * s]!, sin[3 * p * s]!];
    const from = s * p;
    const to = 4 * s * p;
    for (let q = 0; q < s; q++) {
      const i0 = from + q;
      const i1 = i0 + quarter;
      const i2 = i1 + quarter;
      const i3 = i2 + quarter;
      const ar = xr[i0]! + xr[i2]!;
      const ai = xi[i0]! + xi[i2]!;
      const br = xr[i0]! - xr[i2]!;
      const bi = xi[i0]! - xi[i2]!;
      const cr = xr[i1]! + xr[i3]!;
      const ci = xi[i1]! + xi[i3]!;
      // −i times the difference
      const dr = xi[i1]! - xi[i3]!;
      const di = xr[i3]! - xr[i1]!;
      const o = to + q;
      yr[o] = ar + cr;
      yi[o] = ai + ci;
      const t1r = br + dr;
      const t1i = bi + di;
      yr[o + s] = t1r * w1r - t1i * w1i;
      yi[o + s] = t1r * w1i + t1i * w1r;
      const t2r = ar - cr;
      const t2i = ai - ci;
      yr[o + 2 * s] = t2r * w2r - t2i * w2i;
      yi[o + 2 * s] = t2r * w2i + t2i * w2r;
      const t3r = br - dr;
      const t3i = bi - di;
      yr[o + 3 * s] = t3r * w3r - t3i * w3i;
      yi[o + 3 * s] = t3r * w3i + t3i * w3r;
    }
  }
};

export const stage2: Stage = ({ cos, sin }, xr, xi, yr, yi, m, s) => {
  const half = s * m;
  for (let p = 0; p < m; p++) {
    const [wr, wi] = [cos[p * s]!, sin[p * s]!];
    for (let q = 0; q < s; q++) {
      const i = s * p + q;
      const o = 2 * s * p + q;
      const dr = xr[i]! - xr[i + half]!;
      const di = xi[i]! - xi[i + half]!;
      yr[o] = xr[i]! + xr[i + half]!;
      yi[o] = xi[i]! + xi[i + half]!;
      yr[o + s] = dr * wr - di * wi;
      yi[o + s] = dr * wi + di * wr;
    }
  }
};

const SIN_60 = Math.sqrt(3) / 2;

export const stage3: Stage = ({ cos, sin }, xr, xi, yr, yi, m, s) => {
  const third = s * m;
  for (let p = 0; p < m; p++) {
    const [w1r, w1i] = [cos[p * s]!, sin[p * s]!];
    const [w2r, w2i] = [cos[2 * p * s]!, sin[2 * p * s]!];
    for (let q = 0; q < s; q++) {
      const i0 = s * p + q;
      const i1 = i0 + third;
      const i2 = i1 + third;
      const o = 3 * s * p + q;
      const ar = xr[i1]! + xr[i2]!;
      const ai = xi[i1]! + xi[i2]!;
      const br = xr[i0]! - 0.5 * ar;
      const bi = xi[i0]! - 0.5 * ai;
      // −i sin 60° times the difference
      const cr = SIN_60 * (xi[i1]! - xi[i2]!);
      const ci = SIN_60 * (xr[i2]! - xr[i1]!);
      yr[o] = xr[i0]! + ar;
      yi[o] = xi[i0]! + ai;
      yr[o + s] = (br + cr) * w1r - (bi + ci) * w1i;
      yi[o + s] = (br + cr) * w1i + (bi + ci) * w1r;
      yr[o + 2 * s] = (br - cr) * w2r - (bi - ci) * w2i;
      yi[o + 2 * s] = (br - cr) * w2i + (bi - ci) * w2r;
    }
  }
};

const [COS_72, COS_144] = [(Math.sqrt(5) - 1) / 4, -(Math.sqrt(5) + 1) / 4];
const [SIN_72, SIN_144] = [Math.sin((2 * Math.PI) / 5), Math.sin(Math.PI / 5)];

export const stage5: Stage = ({ cos, sin }, xr, xi, yr, yi, m, s) => {
  const fifth = s * m;
  for (let p = 0; p < m; p++) {
    const [w1r, w1i] = [cos[p * s]!, sin[p * s]!];
    const [w2r, w2i] = [cos[2 * p * s]!, sin[2 * p * s]!];
    const [w3r, w3i] = [cos[3 * p * s]!, sin[3 * p * s]!];
    const [w4r, w4i] = [cos[4 * p * s]!, sin[4 * p * s]!];
    for (let q = 0; q < s; q++) {
      const i0 = s * p + q;
      const i1 = i0 + fifth;
      const i2 = i1 + fifth;
      const i3 = i2 + fifth;
      const i4 = i3 + fifth;
      const o = 5 * s * p + q;
      // sums and differences of the outer and of the inner pair
      const ar = xr[i1]! + xr[i4]!;
      const ai = xi[i1]! + xi[i4]!;
      const br = xr[i2]! + xr[i3]!;
      const bi = xi[i2]! + xi[i3]!;
      const cr = xr[i1]! - xr[i4]!;
      const ci = xi[i1]! - xi[i4]!;
      const dr = xr[i2]! - xr[i3]!;
      const di = xi[i2]! - xi[i3]!;
      const er = xr[i0]! + COS_72 * ar + COS_144 * br;
      const ei = xi[i0]! + COS_72 * ai + COS_144 * bi;
      const fr = xr[i0]! + COS_144 * ar + COS_72 * br;
      const fi = xi[i0]! + COS_144 * ai + COS_72 * bi;
      // −i times the sums of sines
      const gr = SIN_72 * ci + SIN_144 * di;
      const gi = -(SIN_72 * cr + SIN_144 * dr);
      const hr = SIN_144 * ci - SIN_72 * di;
      const hi = -(SIN_144 * cr - SIN_72 * dr);
      yr[o] = xr[i0]! + ar + br;
      yi[o] = xi[i0]! + ai + bi;
      yr[o + s] = (er + gr) * w1r - (ei + gi) * w1i;
      yi[o + s] = (er + gr) * w1i + (ei + gi) * w1r;
      yr[o + 2 * s] = (fr + hr) * w2r - (fi + hi) * w2i;
      yi[o + 2 * s] = (fr + hr) * w2i + (fi + hi) * w2r;
      yr[o + 3 * s] = (fr - hr) * w3r - (fi - hi) * w3i;
      yi[o + 3 * s] = (fr - hr) * w3i + (fi - hi) * w3r;
      yr[o + 4 * s] = (er - gr) * w4r - (ei - gi) * w4i;
      yi[o + 4 * s] = (er - gr) * w4i + (ei - gi) * w4r;
    }
  }
};

/** A stage of odd radix, its small transform summed directly. */
export function stageAny(
  { n, cos, sin }: Factors,
  radix: number,
  xr: Float64Array,
  xi: Float64Array,
  yr: Float64Array,
  yi: Float64Array,
  m: number,
  s: number,
): void {
  const step = n / radix;
  for (let p = 0; p < m; p++)
    for (let k = 0; k < radix; k++) {
      const [wr, wi] = [cos[p * k * s]!, sin[p * k * s]!];
      for (let q = 0; q < s; q++) {
        let [sumR, sumI] = [0, 0];
        for (let j = 0; j < radix; j++) {
          const at = q + s * (p + j * m);
          const angle = ((j * k) % radix) * step;
          sumR += xr[at]! * cos[angle]! - xi[at]! * sin[angle]!;
          sumI += xr[at]! * sin[angle]! + xi[at]! * cos[angle]!;
        }
        const o = q + s * (radix * p + k);
        yr[o] = sumR * wr - sumI * wi;
        yi[o] = sumR * wi + sumI * wr;
      }
    }
}
