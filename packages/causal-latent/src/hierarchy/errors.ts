/** What the functions of this entry throw, each with a stable `code`. */
import { CoreTensorError } from "@provably/core-tensor";

/**
 * Data that no table can be made of: labels that are not whole numbers, a label beyond its states, NaN, no rows, a constant column.
 * @category Errors
 */
export class InvalidDataError extends CoreTensorError {
  override readonly name = "InvalidDataError";
  constructor(message: string) {
    super(message, "ERR_INVALID_DATA");
  }
}

/**
 * A graph that is none: a cycle, an unknown name, an edge named twice.
 * @category Errors
 */
export class GraphError extends CoreTensorError {
  override readonly name = "GraphError";
  constructor(message: string) {
    super(message, "ERR_GRAPH");
  }
}

/**
 * A table that would have more cells than `maxCells` allows; the message names the size that would be needed.
 * @category Errors
 */
export class TableSizeError extends CoreTensorError {
  override readonly name = "TableSizeError";
  constructor(message: string) {
    super(message, "ERR_TABLE_SIZE");
  }
}

/**
 * Joint states that are no grid of components.
 * @category Errors
 */
export class NotFactorisableError extends CoreTensorError {
  override readonly name = "NotFactorisableError";
  constructor(message: string) {
    super(message, "ERR_NOT_FACTORISABLE");
  }
}
