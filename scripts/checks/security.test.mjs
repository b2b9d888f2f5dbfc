// What SECURITY.md promises about code and supply: nothing is made from strings but by gpu.js, and every dependency is pinned.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (file) => readFileSync(root + file, "utf8");

describe("security", () => {
  it("no code is made from strings outside the chunk of gpu.js, which is loaded when a device is asked for", () => {
    const built = globSync("packages/*/dist/*.{js,cjs}", { cwd: root });
    expect(built.length).toBeGreaterThan(20);
    const makers = built.filter((file) =>
      /\bnew Function\b|(?<!\.)\beval\(|[^.\w]Function\(|set(Timeout|Interval)\(["'`]/.test(
        read(file),
      ),
    );
    expect(makers.map((file) => file.split("/").pop()).sort()).toEqual(["gpujs.cjs", "gpujs.js"]);
    expect(read("SECURITY.md")).toMatch(/core-tensor\/gpu/);
  });

  it("dependencies have one version each, and a lockfile with checksums", () => {
    for (const file of globSync("packages/*/package.json", { cwd: root }))
      for (const [name, version] of Object.entries(JSON.parse(read(file)).dependencies ?? {}))
        expect(`${name} ${version}`).toMatch(/ (workspace:\^|\d+\.\d+\.\d+)$/);
    const lock = read("pnpm-lock.yaml");
    const packages = lock.slice(lock.indexOf("\npackages:"), lock.indexOf("\nsnapshots:"));
    const entries = packages.match(/^ {2}\S.*:$/gm).length;
    expect(packages.match(/integrity: sha512-/g).length).toBe(entries);
    expect(existsSync(`${root}package-lock.json`)).toBe(false);
  });

  it("no package runs anything when it is installed", () => {
    for (const file of globSync("packages/*/package.json", { cwd: root }))
      expect(
        Object.keys(JSON.parse(read(file)).scripts ?? {}).filter((name) =>
          /^(pre|post)?install$|^prepare$/.test(name),
        ),
      ).toEqual([]);
  });
});
