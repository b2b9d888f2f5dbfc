/** Text of every generated file, by name. */
export function buildBinaries(): Promise<Map<string, string>>;
