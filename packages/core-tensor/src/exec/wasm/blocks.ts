/** Blocks of a WebAssembly memory, lent from a list of free ones that grows with the memory. */
const PAGE_BYTES = 65536;

/** Just under the 4 GiB that 32-bit addresses reach. */
export const MAX_PAGES = 65535;

/** 16 MiB: growing is slow, so that small blocks share one growth. */
const GROWTH_PAGES = 256;

/** A stretch of a memory. */
export interface Block {
  address: number;
  bytes: number;
}

/** A memory with its free blocks in order of address, none touching the next. */
export interface Space {
  readonly memory: WebAssembly.Memory;
  readonly free: Block[];
}

/** First free block that is large enough, from fresh pages when there is none; `grown` hears when the memory has a new buffer. */
export function takeBlock(
  { memory, free }: Space,
  bytes: number,
  grown: () => void,
): Block | undefined {
  let block = free.find((b) => b.bytes >= bytes);
  if (!block) {
    const end = memory.buffer.byteLength;
    const last = free.at(-1);
    const missing = bytes - (last && last.address + last.bytes === end ? last.bytes : 0);
    const needed = Math.ceil(missing / PAGE_BYTES);
    const left = MAX_PAGES - end / PAGE_BYTES;
    if (needed > left) return undefined;
    const pages = Math.min(left, Math.max(needed, GROWTH_PAGES));
    try {
      memory.grow(pages);
    } catch {
      return undefined;
    }
    grown();
    giveBlock(free, { address: end, bytes: pages * PAGE_BYTES });
    block = free.at(-1)!;
  }
  const taken = { address: block.address, bytes };
  block.address += bytes;
  block.bytes -= bytes;
  if (block.bytes === 0) free.splice(free.indexOf(block), 1);
  return taken;
}

/** Returns a block to the list and joins it to its neighbours. */
export function giveBlock(free: Block[], block: Block): void {
  const at = free.findIndex((b) => b.address > block.address);
  const i = at === -1 ? free.length : at;
  free.splice(i, 0, { ...block });
  for (const j of [i, i - 1]) {
    const [left, right] = [free[j], free[j + 1]];
    if (left && right && left.address + left.bytes === right.address) {
      left.bytes += right.bytes;
      free.splice(j + 1, 1);
    }
  }
}
