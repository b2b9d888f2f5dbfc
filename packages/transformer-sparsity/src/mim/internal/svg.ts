/** A small writer of SVG: line charts with axes, and pictures placed in a drawing. Text takes the colour of the page. */

export const COLOURS = [
  "#4269d0",
  "#efb118",
  "#ff725c",
  "#3ca951",
  "#a463f2",
  "#97bbf5",
  "#9c6b4e",
  "#6cc5b0",
] as const;

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
const round = (x: number): string => String(Number(x.toFixed(2)));

/** A whole drawing. */
export function drawing(width: number, height: number, title: string, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}" role="img" font-family="system-ui, sans-serif" font-size="13"><title>${escape(title)}</title>${body}</svg>`;
}

/** Text at a place. */
export function label(
  x: number,
  y: number,
  text: string,
  anchor: "start" | "middle" | "end" = "start",
  extra = "",
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="currentColor"${extra}>${escape(text)}</text>`;
}

export function rectangle(
  x: number,
  y: number,
  width: number,
  height: number,
  style: string,
): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" ${style}/>`;
}

/** A PNG, its pixels kept sharp unless told otherwise. */
export function picture(
  x: number,
  y: number,
  width: number,
  height: number,
  png: Uint8Array,
  smooth = false,
): string {
  let binary = "";
  for (const byte of png) binary += String.fromCharCode(byte);
  return `<image x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" ${smooth ? "" : 'style="image-rendering:pixelated" '}preserveAspectRatio="none" href="data:image/png;base64,${btoa(binary)}"/>`;
}

/** A line of a chart; `points` only for marks without a line. */
export interface Series {
  readonly name: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly style?: "line" | "dots";
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Logarithmic vertical axis; values that are not positive are left out. */
  readonly logY?: boolean;
  /** Vertical lines with a text. */
  readonly marks?: readonly { readonly x: number; readonly text: string }[];
  /** Only whole numbers at the horizontal axis. */
  readonly wholeX?: boolean;
}

const [WIDTH, HEIGHT] = [680, 340];
const MARGIN = { top: 30, right: 170, bottom: 46, left: 64 };

/** A chart with axes and the names of the lines at the right. */
export function chart({
  title,
  xLabel,
  yLabel,
  series,
  logY = false,
  marks = [],
  wholeX = false,
}: Chart): string {
  const up = (y: number): number => (logY ? Math.log10(y) : y);
  const shown = series.map(({ x, y, ...rest }) => ({
    ...rest,
    points: x
      .map((value, i) => ({ x: value, y: y[i]! }))
      .filter((p) => Number.isFinite(up(p.y)) && Number.isFinite(p.x)),
  }));
  const all = shown.flatMap(({ points }) => points);
  const [first, last] = extent(all.map((p) => p.x));
  // dots stand clear of the edges
  const clear = series.some(({ style }) => style === "dots") ? 0.5 : 0;
  const [left, right] = [first - clear, last + clear];
  const [low, high] = extent(all.map((p) => up(p.y)));
  const px = (x: number): number =>
    MARGIN.left + ((x - left) / (right - left)) * (WIDTH - MARGIN.left - MARGIN.right);
  const py = (y: number): number =>
    HEIGHT - MARGIN.bottom - ((up(y) - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const yTicks = logY ? decades(low, high) : ticks(low, high, 5);
  const xTicks = ticks(left, right, 6).filter((x) => !wholeX || Number.isInteger(x));
  const grid = yTicks.map(
    (y) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${round(py(y))}" y2="${round(py(y))}" stroke="currentColor" stroke-opacity="0.15"/>` +
      label(MARGIN.left - 8, py(y) + 4, tickText(y), "end"),
  );
  const bottom = xTicks.map((x) =>
    label(px(x), HEIGHT - MARGIN.bottom + 18, tickText(x), "middle"),
  );
  const lines = shown.map(({ points, style = "line" }, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    if (style === "dots")
      return points
        .map(
          (p) =>
            `<circle cx="${round(px(p.x))}" cy="${round(py(p.y))}" r="4" fill="${colour}" fill-opacity="0.8"/>`,
        )
        .join("");
    const path = points
      .map((p, k) => `${k === 0 ? "M" : "L"}${round(px(p.x))} ${round(py(p.y))}`)
      .join("");
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`;
  });
  const names = series.map(({ name }, i) => {
    const y = MARGIN.top + 10 + 20 * i;
    return (
      rectangle(
        WIDTH - MARGIN.right + 14,
        y - 9,
        10,
        10,
        `fill="${COLOURS[i % COLOURS.length]!}"`,
      ) + label(WIDTH - MARGIN.right + 30, y, name)
    );
  });
  const flags = marks.map(
    ({ x, text }) =>
      `<line x1="${round(px(x))}" x2="${round(px(x))}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="currentColor" stroke-dasharray="4 3" stroke-opacity="0.6"/>` +
      label(px(x) + 5, MARGIN.top + 12, text),
  );
  const axes =
    label(MARGIN.left, 16, yLabel, "start", ' font-weight="600"') +
    label((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 8, xLabel, "middle");
  return drawing(
    WIDTH,
    HEIGHT,
    title,
    [...grid, ...bottom, ...flags, ...lines, ...names, axes].join(""),
  );
}

function extent(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const [low, high] = values.reduce<[number, number]>(
    ([a, b], x) => [Math.min(a, x), Math.max(b, x)],
    [Infinity, -Infinity],
  );
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

function ticks(low: number, high: number, count: number): number[] {
  const raw = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * ([1, 2, 5, 10].find((m) => m * unit >= raw) ?? 10);
  const found: number[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
    found.push(Number((k * step).toPrecision(12)));
  return found;
}

function decades(low: number, high: number): number[] {
  const found: number[] = [];
  for (let k = Math.ceil(low); k <= Math.floor(high); k++) found.push(10 ** k);
  return found.length > 0 ? found : [10 ** low, 10 ** high];
}

function tickText(x: number): string {
  return Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-3)
    ? x.toExponential(0)
    : String(Number(x.toPrecision(4)));
}
