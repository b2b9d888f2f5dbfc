// Attention of one masked patch to its own and to the global area while the one-layer model is trained, and the phases of it.
import {
  certifyPhases,
  decouplingAtZero,
  detectPhases,
  simulateMeanField,
} from "@provably/transformer-sparsity/mim";
import { Plot, plotSvg } from "../../../examples/tour/lib/plot.mjs";

export function compute({ globalSize, localSize, localAreas, numSteps }) {
  const setting = { sizes: [globalSize, ...new Array(localAreas).fill(localSize)], queryArea: 1 };
  const history = simulateMeanField(setting, { numSteps });
  const { decouplingEnd, twoPhase, halfStep } = detectPhases(history);
  const names = ["global area", "own area"];
  const marks = [decouplingEnd, halfStep].filter((step) => step > 0);
  const curves = (values, label) => {
    const points = history.steps.flatMap((step, t) =>
      names.map((area, j) => ({ step, area, value: values[t][j] })),
    );
    return plotSvg({
      width: 680,
      height: 260,
      marginLeft: 50,
      marginRight: 90,
      marginBottom: 40,
      x: { label: "gradient step" },
      y: { label, grid: true },
      color: { domain: names, range: ["#c8702a", "#1f5fae"] },
      marks: [
        Plot.ruleX(marks, { stroke: "#888", strokeDasharray: "4 4" }),
        Plot.line(points, { x: "step", y: "value", stroke: "area", strokeWidth: 2 }),
        Plot.text(points.slice(-2), {
          x: "step",
          y: "value",
          text: "area",
          fill: "area",
          textAnchor: "start",
          dx: 6,
        }),
      ],
    });
  };
  return {
    picture:
      curves(history.areaAttention, "attention to") + curves(history.phi, "correlation with"),
    facts: [
      ["the theory predicts", decouplingAtZero(setting).twoPhase ? "two phases" : "one phase"],
      [
        "seen",
        twoPhase ? `two phases; decoupling ends at step ${decouplingEnd ?? "—"}` : "one phase",
      ],
      ["half of the attention is on the own area from step", String(halfStep ?? "never")],
    ],
    certificate: certifyPhases(history, setting),
  };
}
