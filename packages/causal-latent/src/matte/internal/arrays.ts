/** Inputs as arrays, and checks of them that several files share. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  all,
  array,
  asType,
  isFinite,
  isNdArray,
  item,
} from "@provably/core-tensor";

/** The input itself when it is an array already, traced or not; a copy otherwise. */
export function asArray(x: ArrayInput): NdArray {
  return isNdArray(x) ? x : array(x);
}

/** `input` as a finite matrix of `columns` columns in the given type. */
export function checkMatrix(
  fn: string,
  name: string,
  input: ArrayInput,
  columns: number,
  dtype: "float32" | "float64",
): NdArray {
  const x = isNdArray(input) ? input : array(input, { dtype });
  if (x.shape.length !== 2 || x.shape[1] !== columns || x.shape[0] === 0)
    throw new ShapeError(
      `${fn}: ${name} must have shape [B, ${columns}] with B ≥ 1, got [${x.shape.join(", ")}]`,
    );
  if (item(all(isFinite(x))) !== 1)
    throw new DomainError(`${fn}: ${name} must be finite, got NaN or an infinity`);
  return x.dtype === dtype ? x : asType(x, dtype);
}
