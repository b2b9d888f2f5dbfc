/** Golden files of mim, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NdArray, array } from "@provably/core-tensor";
import { type Nested, goldenFiles } from "../../../../scripts/testing/golden.js";

export { type Nested, expectNear, f64, flat } from "../../../../scripts/testing/golden.js";

export const load = goldenFiles(new URL("../fixtures", import.meta.url), "mim");

/** Where the golden files are. */
export const folder = join(
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url)),
  "mim",
);

/** An array as golden files hold it. */
export interface Stored {
  readonly shape: readonly number[];
  readonly data: Nested;
}

/** In single precision, in which the files' attention sums to 1. */
export const array32 = ({ shape, data }: Stored): NdArray =>
  array(Float32Array.from(data as readonly number[]), { shape: [...shape] });
