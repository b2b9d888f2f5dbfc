/** Elements of arrays into vectors and back, of any type and stride. */
import type { DType } from "../../../array/dtype.js";
import { SIZES } from "../plan/group.js";
import { V128 } from "../encode.js";
import type { Frame } from "./frame.js";

/** First bytes of four-byte groups. */
const BYTES_OF_WORDS = [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12];

/** Pushes the vector at `i` of an operand, of which the first `count` lanes count. */
export function loadOperand(frame: Frame, k: number, count: number): void {
  const { body } = frame;
  const { dtype } = frame.spec.operands[k]!;
  const size = SIZES[dtype];
  const stride = frame.strides[k]![frame.inner]!;
  frame.pushAddress(k, dtype);
  if (stride === 0) body.vectorMemory(size === 1 ? 0x07 : size === 4 ? 0x09 : 0x0a);
  else if (stride === 1) {
    const bytes = frame.lanes * size;
    // sixteen bits have no load of their own that leaves zeros
    body.vectorMemory(bytes === 2 ? 0x08 : bytes === 16 ? 0x00 : bytes === 8 ? 0x5d : 0x5c);
  } else {
    body.vectorMemory(size === 1 ? 0x07 : size === 4 ? 0x09 : 0x0a);
    for (let lane = 1; lane < count; lane++) {
      const before = body.local(V128);
      body.set(before);
      frame.pushAddress(k, dtype, lane);
      body.get(before);
      body.vectorMemory(size === 1 ? 0x54 : size === 4 ? 0x56 : 0x57, 0, lane);
    }
  }
  if (size === 1) widenBytes(frame, dtype);
}

/** Bytes in the low lanes to lanes of the group: masks of booleans, otherwise integers. */
function widenBytes(frame: Frame, dtype: DType): void {
  const { body } = frame;
  const signed = dtype === "int8";
  body.vector(signed ? 0x87 : 0x89);
  body.vector(signed ? 0xa7 : 0xa9);
  if (dtype !== "bool") return;
  // a variable that nothing sets is zero
  body.get(body.local(V128));
  body.vector(0x38);
  if (frame.isWide) body.vector(0xc7);
}

/** Stores the first `count` lanes of the vector that `pushValue` pushes, at `i` of a result. */
export function storeResult(
  frame: Frame,
  result: number,
  pushValue: () => void,
  count: number,
): void {
  const { body } = frame;
  const { dtype } = frame.spec.results[result]!;
  const k = frame.pointer(result);
  const size = SIZES[dtype];
  const pushLanes = (): void => {
    pushValue();
    if (size > 1) return;
    if (dtype === "bool") {
      // all ones become one
      if (frame.isWide) frame.narrowMask();
      frame.pushConstant(1, "i32");
      body.vector(0x4e);
    }
    const words = body.local(V128);
    body.tee(words);
    body.get(words);
    body.shuffle(BYTES_OF_WORDS);
  };
  if (count === frame.lanes && frame.strides[k]![frame.inner] === 1) {
    frame.pushAddress(k, dtype);
    pushLanes();
    const bytes = count * size;
    if (bytes === 16) body.vectorMemory(0x0b);
    else body.vectorMemory(bytes === 8 ? 0x5b : bytes === 4 ? 0x5a : 0x59, 0, 0);
    return;
  }
  const value = body.local(V128);
  pushLanes();
  body.set(value);
  for (let lane = 0; lane < count; lane++) {
    frame.pushAddress(k, dtype, lane);
    body.get(value);
    body.vectorMemory(size === 8 ? 0x5b : size === 4 ? 0x5a : 0x58, 0, lane);
  }
}
