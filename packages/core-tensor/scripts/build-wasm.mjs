/**
 * Compiles the AssemblyScript kernels and embeds them, in hexadecimal digits, in TypeScript modules under `src/exec/wasm/binaries`.
 *
 * `node scripts/build-wasm.mjs` writes the files. They are committed, so that building the package needs no compiler; a test
 * checks that building again gives the same bytes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { tablesSource } from "../assembly/coefficients.mjs";
import { RELAXED_TILE, SIMD_TILE, tileSource } from "../assembly/generate-tile.mjs";

const assembly = new URL("../assembly/", import.meta.url);
const binaries = new URL("../src/exec/wasm/binaries/", import.meta.url);

const TRIGONOMETRIC = [
  "sinTail",
  "cosTail",
  "twoOverPi",
  "halfPi0",
  "halfPi1",
  "halfPi2",
  "halfPi3",
  "quadrantBound",
];

const EXPONENTIAL = [
  "expTail",
  "geluTanhFirst",
  "geluTanhSecond",
  "geluTanhFirstLow",
  "geluTanhSecondLow",
  "geluTanhTop",
];

const GAUSSIAN = [
  "expTail",
  "erfcScaled",
  "erfNear",
  "erfNearEdge",
  "erfcCentre",
  "erfTop",
  "geluTop",
  "sqrtHalf",
];

/**
 * Output file → exported constant → its source, where its constants lie in memory, and whether a fused (relaxed SIMD) build pays. It pays for products
 * of matrices only: elsewhere a little speed is not worth kilobytes in every bundle and different last bits between machines.
 */
const FAMILIES = {
  gemm: {
    gemmF32: { entry: "gemm-f32.ts", relaxed: true },
    gemmF64: { entry: "gemm-f64.ts", relaxed: true },
  },
  vecmat: {
    vecmatF32: { entry: "vecmat-f32.ts", relaxed: false },
    vecmatF64: { entry: "vecmat-f64.ts", relaxed: false },
  },
  exponential: {
    exponentialF32: {
      entry: "exponential-f32.ts",
      memoryBase: 1024,
      polynomials: EXPONENTIAL,
      relaxed: false,
    },
    exponentialF64: {
      entry: "exponential-f64.ts",
      memoryBase: 2048,
      polynomials: EXPONENTIAL,
      relaxed: false,
    },
  },
  logarithm: {
    logarithmF32: {
      entry: "logarithm-f32.ts",
      memoryBase: 3072,
      polynomials: ["expTail", "logTail"],
      relaxed: false,
    },
    logarithmF64: {
      entry: "logarithm-f64.ts",
      memoryBase: 4096,
      polynomials: ["expTail", "logTail"],
      relaxed: false,
    },
  },
  gaussian: {
    gaussianF32: {
      entry: "gaussian-f32.ts",
      memoryBase: 5120,
      polynomials: GAUSSIAN,
      relaxed: false,
    },
    gaussianF64: {
      entry: "gaussian-f64.ts",
      memoryBase: 6144,
      polynomials: GAUSSIAN,
      relaxed: false,
    },
  },
  softmax: {
    softmaxF32: {
      entry: "softmax-f32.ts",
      memoryBase: 7168,
      polynomials: ["expTail"],
      relaxed: false,
    },
    softmaxF64: {
      entry: "softmax-f64.ts",
      memoryBase: 8192,
      polynomials: ["expTail"],
      relaxed: false,
    },
  },
  trigonometric: {
    trigonometricF32: {
      entry: "trigonometric-f32.ts",
      memoryBase: 9216,
      polynomials: TRIGONOMETRIC,
      relaxed: false,
    },
    trigonometricF64: {
      entry: "trigonometric-f64.ts",
      memoryBase: 10240,
      polynomials: TRIGONOMETRIC,
      relaxed: false,
    },
  },
  reduce: {
    reduceF32: { entry: "reduce-f32.ts", relaxed: false },
    reduceF64: { entry: "reduce-f64.ts", relaxed: false },
  },
  places: {
    placesKernel: { entry: "places.ts", relaxed: false },
  },
  orthogonal: {
    orthogonalF64: { entry: "orthogonal-f64.ts", relaxed: false },
  },
  resident: {
    residentF32: { entry: "resident-f32.ts", relaxed: true },
    residentI16: { entry: "resident-i16.ts", relaxed: false },
    residentI8: { entry: "resident-i8.ts", relaxed: false },
  },
};

/** Where the slots of the first module with constants begin; each module has two KiB. */
const FIRST_SLOT = 16384;

/** Bytes of one kernel module. */
async function compile({ entry, memoryBase = 64, polynomials = [] }, relaxed) {
  let bytes;
  const options = [
    entry,
    "--outFile",
    "out.wasm",
    "--runtime",
    "stub",
    "--importMemory",
    "--noExportMemory",
    "--initialMemory",
    "1",
    "--memoryBase",
    String(memoryBase),
    "--optimizeLevel",
    "3",
    "--shrinkLevel",
    "0",
    "--noAssert",
    "--enable",
    "simd",
    ...(relaxed ? ["--enable", "relaxed-simd"] : []),
  ];
  const { error, stderr } = await asc.main(options, {
    readFile: (name) => {
      if (name === "tile.ts") return tileSource(relaxed ? RELAXED_TILE : SIMD_TILE);
      if (name === "tables.ts")
        return tablesSource(polynomials, FIRST_SLOT + 2 * (memoryBase - 1024));
      try {
        return readFileSync(new URL(name, assembly), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name, data) => {
      if (name === "out.wasm") bytes = data;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${entry}: ${error.message}\n${stderr.toString()}`);
  return bytes;
}

/** Every generated file, name → text. */
export async function buildBinaries() {
  const files = new Map();
  for (const [family, modules] of Object.entries(FAMILIES)) {
    let text = "// Generated by scripts/build-wasm.mjs from assembly/; do not edit.\n";
    for (const [name, module] of Object.entries(modules)) {
      text += `export const ${name} = {\n`;
      for (const build of module.relaxed ? ["simd", "relaxed"] : ["simd"])
        text += `  ${build}: "${Buffer.from(await compile(module, build === "relaxed")).toString("hex")}",\n`;
      text += "};\n";
    }
    files.set(`${family}.ts`, text);
  }
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, text] of await buildBinaries()) {
    writeFileSync(new URL(name, binaries), text);
    for (const [, build, code] of text.matchAll(/(\w+): "([^"]*)"/g))
      process.stdout.write(`${name} ${build} ${Buffer.from(code, "hex").length} bytes\n`);
  }
}
