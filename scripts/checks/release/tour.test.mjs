// The first thing that a newcomer runs: the tour from the built packages, to its report.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const report = `${root}examples/tour/out/report.html`;

it(
  "the tour writes a report with a chapter for each domain package",
  { timeout: 1_800_000 },
  () => {
    rmSync(report, { force: true });
    const { status, stderr } = spawnSync(process.execPath, ["examples/tour/main.mjs"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(stderr.slice(-4000)).toBe("");
    expect(status).toBe(0);
    const html = readFileSync(report, "utf8");
    for (const name of [
      "score-diffusion",
      "robust-rl",
      "rlhf-vpo",
      "transformer-sparsity",
      "causal-latent",
    ])
      expect(html).toContain(`id="${name}"`);
  },
);
