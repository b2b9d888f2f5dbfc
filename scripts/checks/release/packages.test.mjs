// What users install: packed, installed into an empty project, imported every way there is, and weighed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { globSync } from "tinyglobby";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiReport } from "../../api-report.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const names = readdirSync(`${root}packages`).sort();
const manifest = (name) => JSON.parse(readFileSync(`${root}packages/${name}/package.json`, "utf8"));
const shell = (command, cwd) => {
  const { status, stdout, stderr } = spawnSync(command, {
    cwd,
    shell: true,
    encoding: "utf8",
    env: { ...process.env, NODE_ENV: "", npm_config_loglevel: "error" },
  });
  return { status, stdout, text: `${stdout}${stderr}` };
};
const succeed = (command, cwd) => {
  const result = shell(command, cwd);
  if (result.status !== 0) throw new Error(`${command}\n${result.text.slice(-4000)}`);
  return result.stdout;
};
const bin = (tool) => `node ${root}node_modules/${tool}`;

let project;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "provably-consumer-"));
  succeed(`npx pnpm -r --filter "./packages/*" pack --pack-destination ${project}`, root);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true }));
  const tarballs = readdirSync(project).filter((file) => file.endsWith(".tgz"));
  expect(tarballs.length).toBe(names.length);
  succeed(
    `npm install --prefer-offline --no-audit --no-fund ${tarballs.map((file) => `./${file}`).join(" ")}`,
    project,
  );
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Every entry of every package, as users name it. */
const entries = names.flatMap((name) =>
  Object.keys(manifest(name).exports)
    .filter((key) => key !== "./package.json")
    .map((key) => `@provably/${name}${key.slice(1)}`),
);

describe("an empty project that installs the packages", () => {
  it("gets no native code and no install script", () => {
    const files = globSync("node_modules/**/*", { cwd: project, dot: true });
    expect(files.filter((file) => /\.(node|so|dll|dylib)$/.test(file))).toEqual([]);
    const scripted = globSync("node_modules/**/package.json", { cwd: project }).filter((file) => {
      const { scripts = {} } = JSON.parse(readFileSync(join(project, file), "utf8"));
      return ["preinstall", "install", "postinstall"].some((script) => script in scripts);
    });
    expect(scripted).toEqual([]);
  });

  it("imports every entry as an ES module", () => {
    writeFileSync(
      join(project, "all.mjs"),
      entries
        .map(
          (entry, i) =>
            `import * as m${i} from "${entry}"; console.log(${JSON.stringify(entry)}, Object.keys(m${i}).length);`,
        )
        .join("\n"),
    );
    expect(succeed("node all.mjs", project).trim().split("\n").length).toBe(entries.length);
  });

  it("requires every entry from CommonJS", () => {
    writeFileSync(
      join(project, "all.cjs"),
      entries
        .map(
          (entry) =>
            `console.log(${JSON.stringify(entry)}, Object.keys(require("${entry}")).length);`,
        )
        .join("\n"),
    );
    expect(succeed("node all.cjs", project).trim().split("\n").length).toBe(entries.length);
  });

  const program = `
import { array, grad, item, matmul, mul, sum, type NdArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { acceleratedOde, gaussianMixture, sample } from "@provably/score-diffusion";
const x: NdArray = array([[1, 2], [3, 4]]);
const slope: NdArray = compile(grad((w: NdArray) => sum(matmul(x, mul(w, w)))))(normal(key(0), [2, 2]));
const law = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
const n: number = sample(acceleratedOde, law, key(1), { shape: [3, 1], numSteps: 20 }).samples.size + slope.size + item(sum(x));
if (n !== 17) throw new Error(String(n));
`;
  it.each([
    ["node16 modules", "b.mts", "node16", "node16"],
    ["node16 CommonJS", "b.cts", "node16", "node16"],
    ["nodenext", "b.mts", "nodenext", "nodenext"],
    ["bundler", "b.ts", "esnext", "bundler"],
  ])("type-checks a program under %s, library types included", (_, file, module, resolution) => {
    writeFileSync(join(project, file), program);
    succeed(
      `${bin("typescript/bin/tsc")} --noEmit --strict --skipLibCheck false --target es2022 --lib es2023,dom --module ${module} --moduleResolution ${resolution} ${file}`,
      project,
    );
  });

  it("runs the program, also where code generation from strings is forbidden", () => {
    writeFileSync(
      join(project, "run.mjs"),
      program.replaceAll(/, type NdArray|: NdArray|: number/g, ""),
    );
    succeed("node run.mjs", project);
    succeed("node --disallow-code-generation-from-strings run.mjs", project);
  });

  it("runs the program bundled and minified, names kept", async () => {
    const outfile = join(project, "bundle.mjs");
    await build({
      entryPoints: [join(project, "run.mjs")],
      outfile,
      bundle: true,
      minify: true,
      keepNames: true,
      format: "esm",
      platform: "neutral",
      mainFields: ["module", "main"],
      logLevel: "silent",
    });
    succeed("node bundle.mjs", project);
  });
});

describe("the entry gpu", () => {
  const program = `
import { add, array, item, mul, sum, tanh } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { webasm } from "@provably/core-tensor/gpu";
const f = compile((a, b) => sum(tanh(add(mul(a, b), 1))), { device: await webasm() });
if (Math.abs(item(await f(array([1, 2]), array([3, 4]))) - Math.tanh(4) - Math.tanh(9)) > 1e-6) throw new Error("wrong");
`;

  it("computes from the installed package, also where code generation from strings is forbidden", () => {
    writeFileSync(join(project, "gpu.mjs"), program);
    succeed("node gpu.mjs", project);
    succeed("node --disallow-code-generation-from-strings gpu.mjs", project);
    const body = program.replaceAll(/import (.+) from (.+);/g, "const $1 = require($2);");
    writeFileSync(join(project, "gpu.cjs"), `(async () => {${body}})();`);
    succeed("node gpu.cjs", project);
  });

  it("computes bundled and minified, names kept, with gpu.js in a chunk that nothing loads before", async () => {
    const outdir = join(project, "gpu-bundle");
    await build({
      entryPoints: [join(project, "gpu.mjs")],
      outdir,
      bundle: true,
      splitting: true,
      minify: true,
      keepNames: true,
      format: "esm",
      platform: "neutral",
      outExtension: { ".js": ".mjs" },
      mainFields: ["module", "main"],
      logLevel: "silent",
    });
    succeed("node gpu.mjs", outdir);
    const sizes = readdirSync(outdir).map((file) => [
      file,
      readFileSync(join(outdir, file)).length,
    ]);
    const [[chunk]] = sizes.filter(([, size]) => size > 500_000);
    expect(chunk).not.toBe("gpu.mjs");
    expect(readFileSync(join(outdir, "gpu.mjs"), "utf8")).not.toMatch(
      new RegExp(`from\\s*"./${chunk}"`),
    );
  });
});

describe("core-tensor", () => {
  // the bar for `add` is 7 KB; what is left beside it are arrays, tracers, reading of arguments and errors
  it.each([
    ["its whole main entry", "*", 90],
    ["add alone", "{ add }", 7.5],
  ])("weighs little gzipped when %s is imported", async (_, names, limit) => {
    const { outputFiles } = await build({
      stdin: { contents: `export ${names} from "@provably/core-tensor";`, resolveDir: project },
      bundle: true,
      minify: true,
      format: "esm",
      write: false,
      platform: "neutral",
      mainFields: ["module", "main"],
      logLevel: "silent",
    });
    expect(gzipSync(outputFiles[0].contents).length).toBeLessThanOrEqual(limit * 1024);
  });
});

describe.each(names)("%s", (name) => {
  const folder = `${root}packages/${name}`;
  it("passes publint", () => {
    succeed(`${bin("publint/src/cli.js")} --strict`, folder);
  });
  it("has right types for every way of importing it", () => {
    const tarball = readdirSync(project).find(
      (file) => file.includes(`provably-${name}-`) && file.endsWith(".tgz"),
    );
    succeed(
      `${bin("@arethetypeswrong/cli/dist/index.js")} ${join(project, tarball)} --profile node16`,
      folder,
    );
  });
  it("declares what its report says, so that a change of the interface is seen in review", async () => {
    await expect(apiReport(folder)).toMatchFileSnapshot(`${folder}/test/api.txt`);
  });
  it("carries its licence and its sources", () => {
    const installed = join(project, "node_modules/@provably", name);
    expect(existsSync(join(installed, "LICENSE"))).toBe(true);
    expect(existsSync(join(installed, "src"))).toBe(true);
  });
});
