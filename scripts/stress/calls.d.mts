type AnyFunction = (...args: unknown[]) => unknown;

export function publicFunctions(only?: string): Promise<{
  functions: { entry: string; name: string; f: AnyFunction }[];
  errors: (typeof Error)[];
}>;
export function recordedCalls(only?: string): Promise<{
  calls: Map<AnyFunction, { args: unknown[]; ms: number }[]>;
  returned: Map<AnyFunction, string>;
}>;
export function isFromCallback(error: unknown): boolean;
