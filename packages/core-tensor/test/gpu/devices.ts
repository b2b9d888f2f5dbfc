/** The devices that tests run on: WebAssembly everywhere, WebGPU, four results a thread wherever that can be, where there is a software adapter for Dawn. */
import { type GpuJsDevice, openWebAssembly, openWebGpu } from "../../src/compile/gpu/device.js";
import { dawn, missing } from "./dawn.js";

const slow = process.env["RUN_SLOW"] !== undefined;

export const devices: readonly {
  kind: string;
  skip: boolean;
  open(): Promise<GpuJsDevice>;
  runs: number;
}[] = [
  { kind: "webasm", skip: false, open: openWebAssembly, runs: slow ? 1000 : 150 },
  {
    kind: "webgpu",
    skip: missing !== undefined,
    open: async () => openWebGpu({ gpu: await dawn(), wideFrom: 1 }),
    runs: slow ? 1000 : 40,
  },
];
