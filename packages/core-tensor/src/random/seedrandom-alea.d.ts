declare module "seedrandom/lib/alea.js" {
  /** Generator of uniform numbers in [0, 1): `()` with 32 bits, `.double()` with 53. */
  export default function alea(seed: string): { (): number; double(): number };
}
