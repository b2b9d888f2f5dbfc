// Plots as SVG text, without a browser.
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

const { document } = parseHTML("<html><body></body></html>");

/** An Observable Plot as an SVG string; takes Plot's own options. Without an `ariaLabel` it is named after its axes. */
export function plotSvg(options) {
  const figure = Plot.plot({
    document,
    style: { background: "transparent", fontSize: "13px" },
    ...options,
  });
  const svg = figure.tagName.toLowerCase() === "svg" ? figure : figure.querySelector("svg");
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  const { x, y, fy } = options;
  svg.setAttribute(
    "aria-label",
    options.ariaLabel ??
      [
        "plot of",
        y?.label ?? "y",
        "against",
        x?.label ?? x?.domain?.join(", ") ?? fy?.label ?? "x",
      ].join(" "),
  );
  // a picture has no parts that could be named
  for (const part of svg.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
  return svg.outerHTML;
}

export { Plot };
