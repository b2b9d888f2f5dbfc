/** WebAssembly in bytes: the few instructions that fused kernels need, and the sections around one function. */

/** Value types. */
export const I32 = 0x7f;
export const F64 = 0x7c;
export const V128 = 0x7b;

const EMPTY = 0x40;

/** Unsigned LEB128. */
function unsigned(x: number): number[] {
  const bytes: number[] = [];
  let rest = x >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128. */
function signed(x: number): number[] {
  const bytes: number[] = [];
  let rest = x | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0))
      return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

/** The body of one function: instructions are appended, locals are added as they are needed. */
export class Body {
  private readonly code: number[] = [];
  private readonly locals: number[] = [];

  constructor(private readonly numParams: number) {}

  local(type: number): number {
    return this.numParams + this.locals.push(type) - 1;
  }

  get(local: number): void {
    this.code.push(0x20, ...unsigned(local));
  }
  set(local: number): void {
    this.code.push(0x21, ...unsigned(local));
  }
  tee(local: number): void {
    this.code.push(0x22, ...unsigned(local));
  }
  const32(value: number): void {
    this.code.push(0x41, ...signed(value));
  }
  /** One-byte instructions without immediates. */
  plain(...opcodes: number[]): void {
    this.code.push(...opcodes);
  }
  /** Vector instructions without immediates. */
  vector(opcode: number): void {
    this.code.push(0xfd, ...unsigned(opcode));
  }
  /** Vector loads and stores; lane forms take the lane last. */
  vectorMemory(opcode: number, offset = 0, lane?: number): void {
    this.code.push(
      0xfd,
      ...unsigned(opcode),
      0,
      ...unsigned(offset),
      ...(lane === undefined ? [] : [lane]),
    );
  }
  /** Vector instructions with a lane. */
  vectorLane(opcode: number, lane: number): void {
    this.code.push(0xfd, ...unsigned(opcode), lane);
  }
  /** Bytes of two vectors picked by number. */
  shuffle(bytes: readonly number[]): void {
    this.code.push(0xfd, 0x0d, ...bytes);
  }
  /** Scalar loads and stores. */
  memory(opcode: number, offset = 0): void {
    this.code.push(opcode, 0, ...unsigned(offset));
  }
  call(fn: number): void {
    this.code.push(0x10, ...unsigned(fn));
  }

  /** `while (condition) { body }`; the condition leaves an i32. */
  loop(condition: () => void, body: () => void): void {
    this.code.push(0x02, EMPTY, 0x03, EMPTY);
    condition();
    this.code.push(0x45, 0x0d, 1);
    body();
    this.code.push(0x0c, 0, 0x0b, 0x0b);
  }

  /** `if (the i32 on the stack) { body }`. */
  when(body: () => void): void {
    this.code.push(0x04, EMPTY);
    body();
    this.code.push(0x0b);
  }

  /** The function as an entry of the code section. */
  bytes(): number[] {
    const groups = this.locals.flatMap((type) => [1, type]);
    const all = [...unsigned(this.locals.length), ...groups, ...this.code, 0x0b];
    return [...unsigned(all.length), ...all];
  }
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = [...unsigned(items.length), ...items.flat()];
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return [text.length, ...Array.from(text, (c) => c.charCodeAt(0))];
}

/** Most pages a memory may have. */
export const MAX_PAGES = 65535;

/** A module with one exported function `run` of `numParams` i32s, which imports memory `e.m` and functions of two i32s from `e`. */
export function moduleBytes(
  numParams: number,
  imports: readonly string[],
  body: Body,
  shared: boolean,
): Uint8Array<ArrayBuffer> {
  const kernelType = [0x60, 2, I32, I32, 0];
  const runType = [0x60, ...unsigned(numParams), ...new Array<number>(numParams).fill(I32), 0];
  const limits = shared ? [3, 1, ...unsigned(MAX_PAGES)] : [0, 1];
  const memory = [...name("e"), ...name("m"), 0x02, ...limits];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [kernelType, runType]),
    ...section(2, [memory, ...imports.map((fn) => [...name("e"), ...name(fn), 0, 0])]),
    ...section(3, [[1]]),
    ...section(7, [[...name("run"), 0, ...unsigned(imports.length)]]),
    ...section(10, [body.bytes()]),
  ]);
}
