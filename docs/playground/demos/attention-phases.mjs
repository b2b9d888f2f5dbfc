// Attention of one masked patch to its own and to the global area while the one-layer model is trained, and the phases of it.
import { certifyPhases, decouplingAtZero, detectPhases, simulateMeanField } from "@provably/transformer-sparsity/mim";
import { Plot, plotSvg } from "../../../examples/tour/lib/plot.mjs";

export function compute({ globalSize, localSize, localAreas, numSteps }) {
  const setting = { sizes: [globalSize, ...new Array(localAreas).fill(localSize)], queryArea: 1 };
  const history = simulateMeanField(setting, { numSteps });
  const { decouplingEnd, twoPhase, halfStep } = detectPhases(history);
  const names = ["global area", "own area"];
  const attention = history.steps.flatMap((step, t) =>
    names.map((area, j) => ({ step, area, value: history.areaAttention[t][j], what: "attention" })),
  );
  const correlation = history.steps.flatMap((step, t) => names.map((area, j) => ({ step, area, value: history.phi[t][j], what: "correlation" })));
  const marks = [decouplingEnd, halfStep].filter((step) => step > 0);
  return {
    picture: plotSvg({
      width: 680,
      height: 460,
      marginLeft: 50,
      marginBottom: 40,
      fy: { label: null, domain: ["attention", "correlation"] },
      x: { label: "gradient step" },
      y: { label: null, grid: true },
      color: { domain: names, range: ["#c8702a", "#1f5fae"], legend: false },
      marks: [
        Plot.ruleX(marks, { stroke: "#888", strokeDasharray: "4 4" }),
        Plot.line([...attention, ...correlation], { fy: "what", x: "step", y: "value", stroke: "area", strokeWidth: 2 }),
        Plot.text(
          names.map((area, j) => ({ area, what: "attention", value: history.areaAttention.at(-1)[j] })),
          { fy: "what", x: numSteps, y: "value", text: "area", fill: "area", textAnchor: "end", dy: -9 },
        ),
      ],
    }),
    facts: [
      ["the theory predicts", decouplingAtZero(setting).twoPhase ? "two phases" : "one phase"],
      ["seen", twoPhase ? `two phases; decoupling ends at step ${decouplingEnd ?? "—"}` : "one phase"],
      ["half of the attention is on the own area from step", String(halfStep ?? "never")],
    ],
    certificate: certifyPhases(history, setting),
  };
}
