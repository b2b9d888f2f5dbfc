/**
 * How fast are the SIMD kernels, copies in and out included, against plain JavaScript loops?
 *
 * `node bench/simd.mjs [filter]` prints GFLOPS or GB/s or ns per element; `PROVABLY_WASM=simd` measures the deterministic build.
 */
import { fileURLToPath } from "node:url";
import { build } from "vite";

const bundle = await build({
  logLevel: "silent",
  configFile: false,
  build: {
    lib: {
      entry: fileURLToPath(
        new URL("../../packages/core-tensor/src/exec/wasm/index.ts", import.meta.url),
      ),
      formats: ["es"],
    },
    write: false,
    minify: false,
    target: "es2022",
  },
});
const output = (Array.isArray(bundle) ? bundle[0] : bundle).output[0];
const simd = await import(`data:text/javascript,${encodeURIComponent(output.code)}`);

const filter = process.argv[2] ?? "";
const budgetMs = Number(process.env.BENCH_MS ?? 250);

/** Seconds of the fastest call within the time budget; NaN for a call that the kernels leave to the caller. */
function fastest(run) {
  if (run() === undefined) return NaN;
  const begin = performance.now();
  let best = Infinity;
  let inner = 1;
  while (performance.now() - begin < budgetMs) {
    const start = performance.now();
    for (let i = 0; i < inner; i++) run();
    const elapsed = performance.now() - start;
    best = Math.min(best, elapsed / inner);
    if (elapsed < 0.2) inner *= 2;
  }
  return best / 1000;
}

function report(name, value, unit) {
  const text = Number.isNaN(value)
    ? "left to the caller"
    : `${value.toPrecision(3).padStart(8)} ${unit}`;
  console.log(`${name.padEnd(44)} ${text}`);
}

/** Uniform numbers in (-1, 1) from a fixed linear congruence. */
function noise(Kind, size) {
  let state = 12345;
  return Kind.from(
    { length: size },
    () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) / 2 ** 31,
  );
}

function matmulLoop(a, b, n) {
  const c = new a.constructor(n * n);
  for (let i = 0; i < n; i++)
    for (let p = 0; p < n; p++) {
      const x = a[i * n + p];
      for (let j = 0; j < n; j++) c[i * n + j] += x * b[p * n + j];
    }
  return c;
}

const KINDS = { f32: Float32Array, f64: Float64Array };
console.log(`Node ${process.version}, level ${simd.simdLevel()}`);

for (const [label, Kind] of Object.entries(KINDS)) {
  for (const n of [4, 8, 16, 32, 64, 256, 512, 1024]) {
    const name = `gemm ${label} ${n}`;
    if (!name.includes(filter)) continue;
    const a = noise(Kind, n * n);
    const b = noise(Kind, n * n);
    report(
      name,
      (2e-9 * n ** 3) / fastest(() => simd.gemm(a, 0, n, 1, b, 0, n, 1, n, n, n)),
      "GFLOPS",
    );
    if (n <= 64)
      report(`  plain loop`, (2e-9 * n ** 3) / fastest(() => matmulLoop(a, b, n)), "GFLOPS");
    if (n >= 256)
      report(
        `  B transposed`,
        (2e-9 * n ** 3) / fastest(() => simd.gemm(a, 0, n, 1, b, 0, 1, n, n, n, n)),
        "GFLOPS",
      );
    if (n >= 256)
      report(
        `  A transposed`,
        (2e-9 * n ** 3) / fastest(() => simd.gemm(a, 0, 1, n, b, 0, n, 1, n, n, n)),
        "GFLOPS",
      );
  }
  for (const n of [256, 1024, 2048, 4096]) {
    const name = `matvec ${label} ${n}`;
    if (!name.includes(filter)) continue;
    const x = noise(Kind, n);
    const matrix = noise(Kind, n * n);
    const bytes = 1e-9 * n * n * Kind.BYTES_PER_ELEMENT;
    report(
      `${name} copied`,
      bytes / fastest(() => simd.gemm(x, 0, n, 1, matrix, 0, n, 1, 1, n, n)),
      "GB/s",
    );
    const pinned = simd.pinMatrix(matrix, n, n);
    if (pinned)
      report(`${name} pinned`, bytes / fastest(() => simd.pinnedMatvec(pinned, x)), "GB/s");
    pinned?.free();
  }
}

for (const [label, Kind] of Object.entries(KINDS)) {
  for (const name of simd.UNARY_NAMES) {
    if (!`unary ${label} ${name}`.includes(filter)) continue;
    for (const size of [64, 4096, 2 ** 20]) {
      const x = noise(Kind, size).map((v) => (name === "log" ? 2 + v : 4 * v));
      report(
        `unary ${label} ${name} ${size}`,
        (1e9 / size) * fastest(() => simd.unary(name, x)),
        "ns/element",
      );
    }
  }
}

for (const [label, Kind] of Object.entries(KINDS)) {
  for (const [rows, cols] of [
    [8, 10],
    [64, 64],
    [1024, 1024],
  ]) {
    const size = rows * cols;
    const x = noise(Kind, size);
    const cases = {
      softmax: () => simd.softmaxRows(x, rows, cols),
      logSoftmax: () => simd.logSoftmaxRows(x, rows, cols),
      logSumExp: () => simd.logSumExpRows(x, rows, cols),
      sumRows: () => simd.reduceRows("sum", x, rows, cols),
      sumColumns: () => simd.reduceColumns("sum", x, 1, rows, cols),
      maxRows: () => simd.reduceRows("max", x, rows, cols),
      maxColumns: () => simd.reduceColumns("max", x, 1, rows, cols),
      dot: () => simd.dot(x, x),
    };
    for (const [name, run] of Object.entries(cases)) {
      const title = `rows ${label} ${name} ${rows}x${cols}`;
      if (title.includes(filter)) report(title, (1e9 / size) * fastest(run), "ns/element");
    }
  }
  const conv = (batch, channels, size, filters, kernel, groups = 1) => {
    const title = `conv ${label} ${batch}x${channels}x${size}x${size} ${kernel}x${kernel} to ${filters}/${groups}`;
    if (!title.includes(filter)) return;
    const pad = kernel >> 1;
    const geometry = {
      batch,
      inChannels: channels,
      height: size,
      width: size,
      outChannels: filters,
      kernelHeight: kernel,
      kernelWidth: kernel,
      outHeight: size,
      outWidth: size,
      strideHeight: 1,
      strideWidth: 1,
      padTop: pad,
      padLeft: pad,
      dilationHeight: 1,
      dilationWidth: 1,
      groups,
    };
    const x = noise(Kind, batch * channels * size * size);
    const w = noise(Kind, (filters * channels * kernel * kernel) / groups);
    const ct = noise(Kind, batch * filters * size * size);
    const flops = (2e-9 * batch * size * size * filters * channels * kernel * kernel) / groups;
    report(title, flops / fastest(() => simd.conv2d(x, w, geometry)), "GFLOPS");
    report(
      "  input gradient",
      flops / fastest(() => simd.conv2dInputGradient(ct, w, geometry)),
      "GFLOPS",
    );
    report(
      "  weight gradient",
      flops / fastest(() => simd.conv2dWeightGradient(ct, x, geometry)),
      "GFLOPS",
    );
  };
  conv(8, 32, 32, 64, 3);
  conv(8, 32, 28, 32, 3);
  conv(32, 1, 28, 16, 3);
  conv(8, 64, 16, 64, 1);
  conv(8, 32, 32, 32, 3, 32);
}
