/** Graphs as text, one node a line. */
import type { Aval } from "../trace/primitive.js";
import { type Graph, type Node, type Value, isGraph } from "./graph.js";

const SHORT: Record<string, string> = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  uint8: "u8",
  int8: "i8",
  bool: "bool",
};

export function formatAval({ shape, dtype }: Aval): string {
  return `${SHORT[dtype]}[${shape.join(", ")}]`;
}

/** A value's name; a single constant number stands for itself. */
export function formatValue(x: Value): string {
  if (x.constant === undefined) return `%${x.id}`;
  return x.constant.size === 1
    ? String(x.constant.storage[x.constant.offset])
    : `const %${x.id} ${formatAval(x)}`;
}

function formatAttribute(value: unknown): string {
  if (typeof value === "function") return value.name === "" ? "<function>" : `<${value.name}>`;
  if (Array.isArray(value)) return `[${value.map(formatAttribute).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return isGraph(value) ? "{…}" : formatAttributes(value);
  return String(value);
}

function formatAttributes(attrs: object): string {
  return Object.entries(attrs)
    .map(([key, value]) => `${key}=${formatAttribute(value)}`)
    .join(" ");
}

export function formatNode(node: Node): string {
  const { primitive, attrs, inputs, outputs } = node;
  const left = outputs.map((y) => `%${y.id}: ${formatAval(y)}`).join(", ");
  const options = typeof attrs === "object" && attrs !== null ? ` ${formatAttributes(attrs)}` : "";
  return `${left} = ${primitive.name}(${inputs.map(formatValue).join(", ")})${options}`;
}

/** The whole graph; bodies of control flow are indented below their node. */
export function graphText(graph: Graph, indent = ""): string {
  const lines = [
    `${indent}inputs ${graph.inputs.map((x) => `%${x.id}: ${formatAval(x)}`).join(", ") || "none"}`,
  ];
  for (const node of graph.nodes) {
    lines.push(`${indent}${formatNode(node)}`);
    if (typeof node.attrs !== "object" || node.attrs === null) continue;
    for (const [key, value] of Object.entries(node.attrs))
      if (isGraph(value)) lines.push(`${indent}  ${key}:`, graphText(value, `${indent}    `));
  }
  lines.push(`${indent}outputs ${graph.outputs.map(formatValue).join(", ") || "none"}`);
  return lines.join("\n");
}
