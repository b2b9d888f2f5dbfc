/** Typed errors: one base, one subclass for each thing a caller can do something about, each with a stable `code`. */

const BRAND = Symbol.for("@provably/core-tensor/error");

/**
 * Base of all errors thrown on purpose by this package.
 *
 * `code` never changes between releases; the message names the function, the argument, what was expected and what came.
 *
 * @category Errors
 */
export class CoreTensorError extends Error {
  /** Stable identifier, such as `ERR_SHAPE`. */
  readonly code: string;

  constructor(message: string, code = "ERR_CORE_TENSOR") {
    super(message);
    this.name = new.target.name;
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** Errors of other copies of the package count as this base, by their brand. */
  static override [Symbol.hasInstance](x: unknown): boolean {
    return this === CoreTensorError
      ? isCoreTensorError(x)
      : Function.prototype[Symbol.hasInstance].call(this, x);
  }
}

/**
 * Extents do not fit together.
 * @category Errors
 */
export class ShapeError extends CoreTensorError {
  override readonly name = "ShapeError";
  constructor(message: string) {
    super(message, "ERR_SHAPE");
  }
}

/**
 * An element type that the function does not take.
 * @category Errors
 */
export class DTypeError extends CoreTensorError {
  override readonly name = "DTypeError";
  constructor(message: string) {
    super(message, "ERR_DTYPE");
  }
}

/**
 * An axis that the array does not have, or that is named twice.
 * @category Errors
 */
export class AxisError extends CoreTensorError {
  override readonly name = "AxisError";
  constructor(message: string) {
    super(message, "ERR_AXIS");
  }
}

/**
 * An index outside its axis.
 * @category Errors
 */
export class IndexError extends CoreTensorError {
  override readonly name = "IndexError";
  constructor(message: string) {
    super(message, "ERR_INDEX");
  }
}

/**
 * A value outside its range: NaN or infinite where forbidden, a negative count, an unknown option.
 * @category Errors
 */
export class DomainError extends CoreTensorError {
  override readonly name = "DomainError";
  constructor(message: string) {
    super(message, "ERR_DOMAIN");
  }
}

/**
 * A matrix that the decomposition cannot take: singular, not positive definite, or no convergence.
 * @category Errors
 */
export class LinAlgError extends CoreTensorError {
  override readonly name = "LinAlgError";
  constructor(message: string) {
    super(message, "ERR_LINALG");
  }
}

/**
 * A write into an array; arrays are immutable values.
 * @category Errors
 */
export class ImmutableError extends CoreTensorError {
  override readonly name = "ImmutableError";
  constructor(message: string) {
    super(message, "ERR_IMMUTABLE");
  }
}

/**
 * The raw elements of a traced array were asked for where that would lose the derivative.
 * @category Errors
 */
export class ConcretizationError extends CoreTensorError {
  override readonly name = "ConcretizationError";
  constructor(message: string) {
    super(message, "ERR_CONCRETIZATION");
  }
}

/**
 * A traced array was used after the transform that made it had finished.
 * @category Errors
 */
export class TracerLeakError extends CoreTensorError {
  override readonly name = "TracerLeakError";
  constructor(message: string) {
    super(message, "ERR_TRACER_LEAK");
  }
}

/**
 * Bytes that are not a valid file of the format asked for.
 * @category Errors
 */
export class FormatError extends CoreTensorError {
  override readonly name = "FormatError";
  constructor(message: string) {
    super(message, "ERR_FORMAT");
  }
}

/**
 * The device asked for is missing, was lost, is out of memory, or cannot do what the program needs.
 * @category Errors
 */
export class DeviceError extends CoreTensorError {
  override readonly name = "DeviceError";
  constructor(message: string, options?: ErrorOptions) {
    super(message, "ERR_DEVICE");
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/**
 * Whether `error` was thrown on purpose by this package, also across the ESM and the CommonJS copy of it.
 *
 * @param error - anything caught
 * @returns true for every {@link CoreTensorError}, whichever copy of the package made it
 * @example
 * ```ts
 * import { add, isCoreTensorError, zeros } from "@provably/core-tensor";
 *
 * let code = "";
 * try {
 *   add(zeros([2]), zeros([3]));
 * } catch (error) {
 *   if (isCoreTensorError(error)) code = error.code;
 * }
 * code; // => "ERR_SHAPE"
 * ```
 * @category Errors
 */
export function isCoreTensorError(error: unknown): error is CoreTensorError {
  return typeof error === "object" && error !== null && BRAND in error;
}
