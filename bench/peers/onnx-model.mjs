// A one-node ONNX model as bytes: just enough of the protobuf wire format (varints and length-delimited fields) to ask for one operator.
const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  return [...out, n];
};
const number = (field, n) => [...varint(field * 8), ...varint(n)];
const bytes = (field, body) => [...varint(field * 8 + 2), ...varint(body.length), ...body];
const text = (field, s) => bytes(field, [...new TextEncoder().encode(s)]);

const FLOAT = 1;
const valueInfo = (name, shape) => {
  const dims = shape.flatMap((extent) => bytes(1, number(1, extent)));
  return [...text(1, name), ...bytes(2, bytes(1, [...number(1, FLOAT), ...bytes(2, dims)]))];
};
const attribute = ([name, value]) =>
  Array.isArray(value)
    ? [...text(1, name), ...value.flatMap((v) => number(8, v)), ...number(20, 7)]
    : [...text(1, name), ...number(3, value), ...number(20, 2)];

/** `operator` over the inputs `x0, x1, …` of the given shapes, result `y`. */
export function oneNodeModel(operator, inputShapes, outputShape, attributes = {}) {
  const names = inputShapes.map((_, i) => `x${i}`);
  const node = [
    ...names.flatMap((name) => text(1, name)),
    ...text(2, "y"),
    ...text(4, operator),
    ...Object.entries(attributes).flatMap((pair) => bytes(5, attribute(pair))),
  ];
  const graph = [
    ...bytes(1, node),
    ...text(2, "g"),
    ...names.flatMap((name, i) => bytes(11, valueInfo(name, inputShapes[i]))),
    ...bytes(12, valueInfo("y", outputShape)),
  ];
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 13))]);
}

/** A session on one thread. */
export async function oneNodeSession(ort, ...model) {
  return ort.InferenceSession.create(oneNodeModel(...model), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
}
