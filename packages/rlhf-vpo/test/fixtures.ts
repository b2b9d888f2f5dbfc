/** Golden files of this package, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { goldenFiles } from "../../../scripts/testing/golden.js";

export { type Nested, expectNear, f64, flat } from "../../../scripts/testing/golden.js";

export const load = goldenFiles(new URL("./fixtures", import.meta.url), "rlhf-vpo");
