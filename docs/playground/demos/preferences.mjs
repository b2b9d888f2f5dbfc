// A bandit of ten responses: the truth, the data, and the policies that maximum likelihood and VPO learn from them.
import { toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, uniform } from "@provably/core-tensor/random";
import {
  bradleyTerryOracle,
  optimalLogPolicy,
  solveVpo,
  suboptimality,
  trainVpo,
} from "@provably/rlhf-vpo";
import { Plot, plotSvg } from "../../../examples/tour/lib/plot.mjs";

const K = 10;

export function compute({ comparisons, alpha, beta, seed }) {
  const place = foldIn(key("playground bandit"), seed);
  const list = (x) => [...toTypedArray(x)];
  const scores = list(normal(foldIn(place, 0), [K], { dtype: "float64" }));
  const z = Math.log(scores.reduce((sum, s) => sum + Math.exp(s), 0));
  const logReference = [scores.map((s) => s - z)];
  const reward = [list(normal(foldIn(place, 1), [K], { dtype: "float64" }))];
  const u = list(uniform(foldIn(place, 2), [3 * comparisons], { dtype: "float64" }));
  const judge = bradleyTerryOracle(reward);
  const pick = (v) => {
    let sum = 0;
    const y = logReference[0].findIndex((l) => (sum += Math.exp(l)) > v);
    return y < 0 ? K - 1 : y;
  };
  const data = [];
  const seen = new Array(K).fill(0);
  for (let i = 0; i < comparisons; i++) {
    const [a, b] = [pick(u[3 * i]), pick(u[3 * i + 1])];
    if (a === b) continue;
    data.push(judge(0, a, b, u[3 * i + 2]) === 1 ? [0, a, b] : [0, b, a]);
    seen[a]++;
    seen[b]++;
  }
  if (data.length === 0)
    throw new Error(
      "every comparison was of a response with itself; take another key or more comparisons",
    );
  const problem = { data, logReference };
  const dpo = trainVpo(problem, { beta, alpha: 0 }, { numSteps: 1000 });
  const vpo = alpha > 0 ? solveVpo(problem, { beta, alpha: alpha / data.length }) : dpo;
  const policies = [
    ["best", optimalLogPolicy(reward, logReference, beta)],
    ["DPO", dpo.logPolicy],
    ["VPO", vpo.logPolicy],
  ];
  const bars = policies.flatMap(([policy, logPolicy]) =>
    Array.from({ length: K }, (_, y) => ({
      policy,
      response: `${y} (${seen[y]}×)`,
      probability: Math.exp(logPolicy.get(0, y)),
    })),
  );
  const loss = (logPolicy) => suboptimality(reward, logPolicy, logReference, { beta }).toFixed(3);
  return {
    picture: plotSvg({
      width: 720,
      height: 420,
      marginLeft: 50,
      marginBottom: 45,
      fy: { label: null, domain: ["best", "DPO", "VPO"] },
      x: { label: "response, and how often it was compared" },
      y: { label: "probability", grid: true },
      color: { domain: ["best", "DPO", "VPO"], range: ["#7a7f86", "#c8702a", "#1f5fae"] },
      marks: [
        Plot.barY(bars, { fy: "policy", x: "response", y: "probability", fill: "policy" }),
        Plot.ruleY([0]),
      ],
    }),
    facts: [
      ["comparisons between different responses", String(data.length)],
      ["loss of DPO against the best policy", loss(dpo.logPolicy)],
      ["loss of VPO against the best policy", loss(vpo.logPolicy)],
    ],
    certificate: vpo.certificate,
  };
}
