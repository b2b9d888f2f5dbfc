// Every planted fault once, on one seed: what a certificate ought to see it sees, and sound results pass. The counts over seeds are in docs/guides/faults.md.
import { describe, expect, it } from "vitest";
import { measure, plantedFaults } from "../stress/faults.mjs";

const entries = await plantedFaults();
// two that have shorter relatives are left to npm run stress
const quick = entries.filter(({ slow }) => !slow);

describe("planted faults", () => {
  it.each(quick.map((entry) => [`${entry.package}: ${entry.certificate}`, entry]))(
    "%s",
    async (_, entry) => {
      const { alarms, rows } = await measure(entry, { sound: 1, damaged: 1 });
      expect(alarms.count).toBe(0);
      expect(
        rows
          .filter(({ note, seen, of }) => note === undefined && seen < of)
          .map(({ fault }) => fault),
      ).toEqual([]);
    },
  );

  it("are planted for every certificate that is exported", async () => {
    const { readFileSync } = await import("node:fs");
    const { globSync } = await import("tinyglobby");
    const planted = entries
      .map(({ package: name, certificate }) => `${name} ${certificate}`)
      .join("\n");
    const missing = globSync("packages/*/test/api.txt").flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/^(certify\w+): function/gm)]
        .map(([, name]) => [file.split("/")[1], name])
        .filter(([owner, name]) => !new RegExp(`^${owner} .*\\b${name}\\b`, "m").test(planted)),
    );
    expect(missing).toEqual([]);
  });
});
