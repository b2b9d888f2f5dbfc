/** Threads inside a page: whether it may share memory, how many workers come up, and what they compute. */
import type { NdArray } from "@provably/core-tensor";
import { add, conv2d, exp, matmul, softmax, sum, tanh, toTypedArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const f = (...[x, w, b, images, filters]: NdArray[]): NdArray[] => {
  const h = tanh(add(matmul(x!, w!), b!));
  return [
    h,
    matmul(h, w!),
    exp(h),
    sum(h, { axis: 1 }),
    softmax(h),
    conv2d(images!, filters!, { padding: 1 }),
  ];
};

const args = [[301, 250], [250, 250], [250], [4, 16, 24, 24], [32, 16, 3, 3]].map((shape, k) => normal(key(k), shape)); // prettier-ignore

/** Results of one and of `threads` threads compared byte by byte, once all workers are up; and what `explain` says. */
export async function onThreads(
  threads: number,
): Promise<{ readonly isolated: boolean; readonly same: boolean; readonly told: string }> {
  const want = compile(f)(...args).map((y) => toTypedArray(y));
  const compiled = compile(f, { threads });
  const told = (): string => /WebAssembly SIMD[^,]*(, \d+ of them up)?/.exec(explain(compiled))![0];
  for (let i = 0; i < 200; i++) {
    compiled(...args);
    if (told().includes(`${threads} of them up`)) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const bytes = (x: ArrayBufferView): Uint8Array =>
    new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  const same = compiled(...args).every((y, k) =>
    bytes(toTypedArray(y)).every((byte, i) => byte === bytes(want[k]!)[i]),
  );
  return { isolated: globalThis.crossOriginIsolated, same, told: told() };
}
