// Plots as SVG text, without a browser.
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

const { document } = parseHTML("<html><body></body></html>");

/** An Observable Plot as an SVG string; takes Plot's own options. */
export function plotSvg(options) {
  const figure = Plot.plot({ document, style: { background: "transparent", fontSize: "13px" }, ...options });
  const svg = figure.tagName.toLowerCase() === "svg" ? figure : figure.querySelector("svg");
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  return svg.outerHTML;
}

export { Plot };
