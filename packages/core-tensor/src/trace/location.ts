/** Where in the caller's code something happened. */

const FRAME = /\(?((?:file:\/\/)?[^\s()]+):(\d+):(\d+)\)?$/;

/** The innermost stack frame outside this package as ` at file:line:column`; empty where the engine or a bundler hides it. */
export function callerLocation(): string {
  const frames = (new Error().stack ?? "").split("\n").flatMap((line) => {
    const match = FRAME.exec(line.trim());
    return match ? [{ file: match[1]!.replace("file://", ""), at: `${match[2]}:${match[3]}` }] : [];
  });
  const here = frames[0]?.file;
  if (here === undefined) return "";
  // this module is <package>/src/trace/location.ts or a chunk in <package>/dist
  const root = here.replace(/(\/(?:src|dist)\/)(?!.*\/(?:src|dist)\/).*$/, "$1");
  const frame = frames.find(({ file }) => !file.startsWith(root) && !file.startsWith("node:"));
  return frame && root !== here ? ` at ${frame.file}:${frame.at}` : "";
}
