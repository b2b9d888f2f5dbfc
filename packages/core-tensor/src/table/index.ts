/**
 * Tables of data: from CSV text or lists of objects to named columns of numbers and categories, with what is missing marked.
 *
 * @packageDocumentation
 */

export type { CategoryColumn, Column, NumberColumn, Table } from "./types.js";
export type { NumberFormat } from "./numbers.js";
export type { ColumnSpec, RecognisedColumn } from "./recognise.js";
export { tableFromCsv, type CsvOptions, type CsvTable } from "./csv.js";
export { tableFromRows, type RowsOptions, type RowsTable } from "./rows.js";
export {
  column,
  dropMissing,
  selectColumns,
  selectRows,
  splitTable,
  type DropMissingOptions,
  type SplitOptions,
} from "./select.js";
export { standardize, type ColumnScale, type StandardizeOptions } from "./scale.js";
export { oneHotColumns, toMatrix, type OneHotColumnsOptions } from "./encode.js";
