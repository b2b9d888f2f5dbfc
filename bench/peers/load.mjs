// The libraries we compare with, each behind the same small face: float32 matrices in, a function that does the work and returns its numbers.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(here, "package.json"));
// the ESM face of a peer, found by its own package.json
const load = (name, file) => import(pathToFileURL(join(here, "node_modules", name, file)).href);

async function tfjs() {
  const tf = require("@tensorflow/tfjs-core");
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "/"));
  wasm.setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  return { tf };
}

async function numpyTs() {
  return { np: await load("numpy-ts", "dist/esm/index.js") };
}

async function jaxJs() {
  const jax = await load("@jax-js/jax", "dist/index.js");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return { jax };
}

async function onnxruntime() {
  return { ort: require("onnxruntime-node") };
}

async function mlMatrix() {
  return require("ml-matrix");
}

async function llamaCpp() {
  const { getLlama } = await load("node-llama-cpp", "dist/index.js");
  return {
    llama: await getLlama({
      gpu: false,
      maxThreads: 1,
      build: "never",
      progressLogs: false,
      logLevel: "error",
    }),
  };
}

const loaders = {
  "tfjs-wasm": tfjs,
  "numpy-ts": numpyTs,
  "jax-js": jaxJs,
  onnxruntime,
  "ml-matrix": mlMatrix,
  "llama.cpp": llamaCpp,
};

/** All peers that load on this machine; what does not load is named with the reason. */
export async function loadPeers() {
  const peers = {};
  const missing = {};
  for (const [name, loader] of Object.entries(loaders)) {
    try {
      peers[name] = await loader();
    } catch (error) {
      missing[name] = String(error.message ?? error).split("\n")[0];
    }
  }
  return { peers, missing };
}
