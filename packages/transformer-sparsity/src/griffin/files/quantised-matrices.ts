/** How matrices in fewer bits are stored, and the numbers that they mean: one record a method. */
import { type NdArray, FormatError, array } from "@provably/core-tensor";
import { type JsonObject, jsonReader, parseJson } from "../model/json.js";

/** The parts of one matrix: numbers and shape of a tensor by its ending, undefined where it is absent. */
export interface Parts {
  has(ending: string): boolean;
  get(ending: string): Promise<{
    readonly data: ArrayLike<number>;
    readonly shape: readonly number[];
  }>;
  type(ending: string): string | undefined;
  /** The one present ending that begins so. */
  ending(start: string): string | undefined;
  wrong(what: string): never;
}

export interface Method {
  /** The ending that tells a matrix of this method. */
  readonly mark: string;
  /** Endings that belong to it, without which, and with which, it is complete. */
  readonly endings: RegExp;
  decode(parts: Parts): Promise<NdArray>;
}

/** A matrix `[rows, columns]` by its entries. */
function matrix(
  rows: number,
  columns: number,
  entry: (row: number, column: number) => number,
): NdArray {
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[i * columns + j] = entry(i, j);
  return array(out, { shape: [rows, columns], copy: false });
}

/** LLM.int8: whole numbers of ±127 and the largest magnitude of each row. */
export const BNB_8BIT: Method = {
  mark: ".SCB",
  endings: /^\.(weight|SCB|weight_format)$/,
  async decode(parts) {
    if (parts.type(".weight") !== "I8") parts.wrong(`I8 expected, got ${parts.type(".weight")}`);
    if (parts.has(".weight_format") && (await parts.get(".weight_format")).data[0] !== 0)
      parts.wrong("a weight_format other than rows is not understood");
    const { data, shape } = await parts.get(".weight");
    const { data: peak } = await parts.get(".SCB");
    const [rows, columns] = twoAxes(parts, shape);
    if (peak.length !== rows) parts.wrong(`SCB must hold ${rows} numbers, got ${peak.length}`);
    return matrix(rows, columns, (i, j) => (data[i * columns + j]! * peak[i]!) / 127);
  },
};

/** Two places in a table of 16 values a byte, and the largest magnitude of each block of the flattened matrix. */
export const BNB_4BIT: Method = {
  mark: ".weight.absmax",
  endings:
    /^\.weight(\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.bitsandbytes__\w+))?$/,
  async decode(parts) {
    const state = parts.ending(".weight.quant_state.");
    if (state === undefined) parts.wrong("there is no quant_state");
    if (parts.type(".weight") !== "U8") parts.wrong(`U8 expected, got ${parts.type(".weight")}`);
    const text = Uint8Array.from(await parts.get(state!).then(({ data }) => Array.from(data)));
    const s = jsonReader("loadModel: quant_state", parseJson("loadModel: quant_state", text));
    if (!["nf4", "fp4"].includes(s.text("quant_type")))
      parts.wrong(`quant_type "${s.text("quant_type")}" is not understood`);
    s.value("dtype");
    const [rows, columns] = twoAxes(parts, s.numbers("shape"));
    const blockSize = s.count("blocksize");
    const { data } = await parts.get(".weight");
    const { data: map } = await parts.get(".weight.quant_map");
    const peaks = await absmax(parts, s);
    if (s.unread().length > 0)
      parts.wrong(`"${s.unread()[0]!}" of its quant_state is not understood`);
    const size = rows * columns;
    if (
      data.length !== Math.ceil(size / 2) ||
      map.length !== 16 ||
      peaks.length !== Math.ceil(size / blockSize)
    )
      parts.wrong(`its parts do not make a matrix [${rows}, ${columns}]`);
    return matrix(rows, columns, (i, j) => {
      const n = i * columns + j;
      const byte = data[n >> 1]!;
      return map[n % 2 === 0 ? byte >> 4 : byte & 15]! * peaks[Math.floor(n / blockSize)]!;
    });
  },
};

/** The magnitudes of blocks; in double quantisation these are places in a table themselves. */
async function absmax(parts: Parts, s: JsonObject): Promise<ArrayLike<number>> {
  const { data } = await parts.get(".weight.absmax");
  if (parts.type(".weight.absmax") === "F32") return data;
  const { data: map } = await parts.get(".weight.nested_quant_map");
  const { data: peaks } = await parts.get(".weight.nested_absmax");
  const [block, offset] = [s.count("nested_blocksize"), s.number("nested_offset")];
  s.value("nested_dtype");
  if (peaks.length !== Math.ceil(data.length / block) || map.length !== 256)
    parts.wrong("its nested magnitudes do not fit");
  return Float64Array.from(
    data,
    (place, i) => map[place]! * peaks[Math.floor(i / block)]! + offset,
  );
}

/** One stored number a weight, and scales for all, for rows, for groups of a row, or for blocks: `weight · scale`. */
export function scaled(endings: RegExp, mark: string, blocks?: readonly number[]): Method {
  if (
    blocks !== undefined &&
    !(blocks.length === 2 && blocks.every((n) => Number.isInteger(n) && n > 0))
  )
    throw new FormatError(
      `loadModel: blocks of weights must be two sizes, got ${JSON.stringify(blocks)}`,
    );
  return {
    mark,
    endings,
    async decode(parts) {
      const type = parts.type(".weight");
      if (type !== "I8" && type !== "F8_E4M3")
        parts.wrong(`I8 or F8_E4M3 expected, got ${type ?? "no weight"}`);
      if (type !== "I8" && parts.has(".weight_zero_point"))
        parts.wrong("a zero point of floats is not understood");
      const { data, shape } = await parts.get(".weight");
      const [rows, columns] = twoAxes(parts, shape);
      const scale = await scaleOf(parts, mark, rows, columns, blocks);
      const zero = parts.has(".weight_zero_point")
        ? await scaleOf(parts, ".weight_zero_point", rows, columns, blocks)
        : () => 0;
      return matrix(rows, columns, (i, j) => (data[i * columns + j]! - zero(i, j)) * scale(i, j));
    },
  };
}

/** The scale of each weight, however few there are. */
async function scaleOf(
  parts: Parts,
  ending: string,
  rows: number,
  columns: number,
  blocks?: readonly number[],
): Promise<(row: number, column: number) => number> {
  const { data, shape } = await parts.get(ending);
  const [down, across] = [shape[0] ?? 1, shape[1] ?? 1];
  if (data.length === 1 && blocks === undefined) return () => data[0]!;
  if (shape.length > 2) parts.wrong(`${ending.slice(1)} has ${shape.length} axes`);
  if (blocks !== undefined) {
    const [height, width] = blocks as [number, number];
    if (down !== Math.ceil(rows / height) || across !== Math.ceil(columns / width))
      parts.wrong(`${ending.slice(1)} does not hold one number a block of ${height} × ${width}`);
    return (i, j) => data[Math.floor(i / height) * across + Math.floor(j / width)]!;
  }
  if (down !== rows || columns % across !== 0)
    parts.wrong(
      `${ending.slice(1)} of shape [${shape.join(", ")}] does not fit ${rows} rows of ${columns}`,
    );
  const group = await groupsOf(parts, ".weight_g_idx", columns, across);
  return (i, j) => data[i * across + group[j]!]!;
}

/** The group of each column: in order, or as a list says. */
async function groupsOf(
  parts: Parts,
  ending: string,
  columns: number,
  groups: number,
): Promise<ArrayLike<number>> {
  if (!parts.has(ending)) {
    if (columns % groups !== 0) parts.wrong(`${columns} inputs do not make ${groups} groups`);
    return Int32Array.from({ length: columns }, (_, j) => Math.floor((j * groups) / columns));
  }
  const { data } = await parts.get(ending);
  const inside = (g: number): boolean => Number.isInteger(g) && g >= 0 && g < groups;
  if (data.length !== columns || !Array.from(data).every(inside))
    parts.wrong(`${ending.slice(1)} must give each of ${columns} inputs one of ${groups} groups`);
  return data;
}

/** Rows of whole numbers in 32-bit words, lowest bits first, each stored with half the range added. */
export function packed(endings: RegExp, bits: number): Method {
  return {
    mark: ".weight_scale",
    endings,
    async decode(parts) {
      const each = 32 / bits;
      if (parts.has(".weight_zero_point")) parts.wrong("packed zero points are not understood");
      const { data, shape } = await parts.get(".weight_packed");
      const [rows, columns] = twoAxes(parts, Array.from((await parts.get(".weight_shape")).data));
      const words = Math.ceil(columns / each);
      if (parts.type(".weight_packed") !== "I32" || shape[0] !== rows || shape[1] !== words)
        parts.wrong(`weight_packed does not hold a matrix [${rows}, ${columns}]`);
      const scale = await scaleOf(parts, ".weight_scale", rows, columns);
      return matrix(rows, columns, (i, j) => {
        const word = data[i * words + Math.floor(j / each)]!;
        return (field(word, j % each, bits) - 2 ** (bits - 1)) * scale(i, j);
      });
    },
  };
}

/** The `place`-th field of so many bits of a 32-bit word. */
function field(word: number, place: number, bits: number): number {
  return (word >>> (place * bits)) & (2 ** bits - 1);
}

/** GPTQ: words run down the inputs; zeros are stored less `offset`. */
export function gptq(bits: number, offset: number): Method {
  return {
    mark: ".qweight",
    endings: /^\.(qweight|qzeros|scales|g_idx)$/,
    async decode(parts) {
      const each = 32 / bits;
      const { data: q, shape } = await parts.get(".qweight");
      const [words, out] = twoAxes(parts, shape);
      const inputs = words * each;
      const { data: zeros, shape: zeroShape } = await parts.get(".qzeros");
      const { data: scales, shape: scaleShape } = await parts.get(".scales");
      const [groups, width] = [scaleShape[0] ?? 0, Math.ceil(out / each)];
      const integers = parts.type(".qweight") === "I32" && parts.type(".qzeros") === "I32";
      if (!integers || scaleShape[1] !== out || zeroShape[0] !== groups || zeroShape[1] !== width)
        parts.wrong(`its parts do not make a matrix [${out}, ${inputs}]`);
      const group = await groupsOf(parts, ".g_idx", inputs, groups);
      return matrix(out, inputs, (c, r) => {
        const g = group[r]!;
        const zero = field(zeros[g * width + Math.floor(c / each)]!, c % each, bits) + offset;
        return (
          scales[g * out + c]! * (field(q[Math.floor(r / each) * out + c]!, r % each, bits) - zero)
        );
      });
    },
  };
}

/** Where column c of eight stands in a word of AWQ: 0, 2, 4, 6, 1, 3, 5, 7 from the lowest. */
const AWQ_PLACES = [0, 4, 1, 5, 2, 6, 3, 7];

/** AWQ, its layout for matrix products: words run along the outputs. */
export const AWQ: Method = {
  mark: ".qweight",
  endings: /^\.(qweight|qzeros|scales)$/,
  async decode(parts) {
    const { data: q, shape } = await parts.get(".qweight");
    const [inputs, words] = twoAxes(parts, shape);
    const out = 8 * words;
    const { data: zeros, shape: zeroShape } = await parts.get(".qzeros");
    const { data: scales, shape: scaleShape } = await parts.get(".scales");
    const groups = scaleShape[0] ?? 0;
    const integers = parts.type(".qweight") === "I32" && parts.type(".qzeros") === "I32";
    if (!integers || scaleShape[1] !== out || zeroShape[0] !== groups || zeroShape[1] !== words)
      parts.wrong(`its parts do not make a matrix [${out}, ${inputs}]`);
    const group = await groupsOf(parts, "", inputs, groups);
    return matrix(out, inputs, (c, r) => {
      const [g, word, place] = [group[r]!, c >> 3, AWQ_PLACES[c % 8]!];
      const zero = field(zeros[g * words + word]!, place, 4);
      return scales[g * out + c]! * (field(q[r * words + word]!, place, 4) - zero);
    });
  },
};

/** MLX: a stream of bits a row, lowest first, with scale and bias of each group. */
export function mlx(bits: number, groupSize: number): Method {
  return {
    mark: ".scales",
    endings: /^\.(weight|scales|biases)$/,
    async decode(parts) {
      const { data, shape } = await parts.get(".weight");
      const [rows, words] = twoAxes(parts, shape);
      const columns = Math.floor((words * 32) / bits);
      const { data: scales, shape: scaleShape } = await parts.get(".scales");
      const { data: biases } = await parts.get(".biases");
      const groups = columns / groupSize;
      if (
        parts.type(".weight") !== "U32" ||
        scaleShape[0] !== rows ||
        scaleShape[1] !== groups ||
        biases.length !== scales.length
      )
        parts.wrong(`its parts do not make rows of ${columns} in groups of ${groupSize}`);
      return matrix(rows, columns, (i, j) => {
        const [word, from] = [Math.floor((j * bits) / 32), (j * bits) % 32];
        const low = data[i * words + word]! >>> from;
        const q = from + bits > 32 ? low | (data[i * words + word + 1]! << (32 - from)) : low;
        const at = i * groups + Math.floor(j / groupSize);
        return (q & (2 ** bits - 1)) * scales[at]! + biases[at]!;
      });
    },
  };
}

function twoAxes(parts: Parts, shape: readonly number[]): [number, number] {
  if (shape.length !== 2 || !shape.every((n) => Number.isInteger(n) && n >= 1 && n < 2 ** 31))
    parts.wrong(`a matrix expected, got shape [${shape.join(", ")}]`);
  if (shape[0]! * shape[1]! >= 2 ** 31) parts.wrong(`shape [${shape.join(", ")}] is too large`);
  return [shape[0]!, shape[1]!];
}
