// Two texts side by side.

/** Rows of a text, none longer than `width`; words stay whole where they can. */
function wrapped(text, width) {
  return text.split("\n").flatMap((line) => {
    const rows = [];
    let rest = Array.from(line);
    while (rest.length > width) {
      const cut = rest.slice(0, width + 1).lastIndexOf(" ");
      const at = cut > 0 ? cut : width;
      rows.push(rest.slice(0, at).join(""));
      rest = rest.slice(cut > 0 ? at + 1 : at);
    }
    return [...rows, rest.join("")];
  });
}

/** Both texts under their heads, in columns that fill `width`. */
export function columns(heads, texts, width) {
  const each = Math.max(20, Math.floor((width - 3) / 2));
  const sides = texts.map((text, i) => [
    ...wrapped(heads[i], each),
    "─".repeat(each),
    ...wrapped(text.trim(), each),
  ]);
  const count = Math.max(...sides.map((side) => side.length));
  const cell = (row = "") => row + " ".repeat(Math.max(0, each - Array.from(row).length));
  return Array.from({ length: count }, (_, i) => sides.map((side) => cell(side[i])).join(" │ ")).join("\n"); // prettier-ignore
}
