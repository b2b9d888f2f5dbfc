// robust-rl: plans that hold when the model is wrong, and equilibria between players who fear different worlds.
import { readFileSync } from "node:fs";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  americanPut,
  drNvi,
  empiricalGame,
  gridPicture,
  gridWorld,
  inventory,
  randomMarkovGame,
  robustGap,
  robustnessProfile,
  robustPolicyEvaluation,
  robustValueIteration,
  totalVariation,
  valueIteration,
} from "@provably/robust-rl";
import { Plot, plotSvg } from "../lib/plot.mjs";
import { certificate, figure, heading, paragraph, table } from "../lib/report.mjs";

const SEED = key("tour of robust-rl");
const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const standardError = (x) => Math.sqrt(mean(x.map((v) => (v - mean(x)) ** 2)) / (x.length - 1));

/** What policies planned for several radii are worth as the true kernel is allowed to drift further. */
function inventoryProfiles() {
  const shop = inventory();
  const discount = 0.9;
  const radii = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
  const plans = [0, 0.1].map((sigma) => ({
    sigma,
    ...robustValueIteration(shop, totalVariation(sigma), { discount }),
  }));
  const profiles = plans.map(({ sigma, policy }) => ({
    name: sigma === 0 ? "nominal plan" : `planned for ${sigma}`,
    worth: [...robustnessProfile(shop, (r) => totalVariation(r), policy, { discount, radii }).data],
    policy,
  }));
  return { radii, plans, profiles };
}

function profilePlot(radii, profiles) {
  const points = profiles.flatMap(({ name, worth }) =>
    worth.map((value, i) => ({ name, radius: radii[i], value })),
  );
  return plotSvg({
    width: 720,
    height: 360,
    marginRight: 150,
    marginBottom: 48,
    x: { labelOffset: 42, label: "radius σ of the true uncertainty (total variation)" },
    y: { label: "worst-case value", grid: true },
    color: { scheme: "Observable10" },
    marks: [
      Plot.line(points, { x: "radius", y: "value", stroke: "name", strokeWidth: 2 }),
      Plot.dot(points, { x: "radius", y: "value", fill: "name" }),
      Plot.text(points.filter((p) => p.radius === radii.at(-1)), { x: "radius", y: "value", text: "name", fill: "name", textAnchor: "start", dx: 8 }), // prettier-ignore
    ],
  });
}

/** Mean gap in the true game of policies computed from N samples of every transition, with standard errors over seeds. */
function gapCurve(progress) {
  const game = randomMarkovGame(key(3), { numStates: 4, numActions: [3, 3], horizon: 4 });
  const sigma = [0.1, 0.3];
  const sizes = [25, 50, 100, 200, 400, 800, 1600];
  const seeds = 30;
  const bar = progress(
    `two-player games from samples: ${sizes.length} sample sizes, ${seeds} seeds`,
    sizes.length,
  );
  const curve = sizes.map((n, i) => {
    const gaps = Array.from({ length: seeds }, (_, seed) => {
      const { policy } = drNvi(empiricalGame(foldIn(SEED, seed * 10_000 + n), game, n), sigma, {
        select: "entropy",
      });
      return robustGap(game, sigma, policy, "cce").gap;
    });
    bar.step(i + 1);
    return { n, gap: mean(gaps), error: standardError(gaps) };
  });
  bar.finish();
  const [x, y] = [curve.map(({ n }) => Math.log(n)), curve.map(({ gap }) => Math.log(gap))];
  const slope =
    mean(x.map((v, i) => (v - mean(x)) * (y[i] - mean(y)))) /
    mean(x.map((v) => (v - mean(x)) ** 2));
  return { curve, slope, exact: drNvi(game, sigma, { solutionConcept: "nash" }).certificate };
}

function gapPlot(curve) {
  return plotSvg({
    width: 720,
    height: 340,
    marginBottom: 48,
    x: {
      type: "log",
      labelOffset: 42,
      label: "samples N of every step, state and joint action",
      ticks: curve.map(({ n }) => n),
      tickFormat: (n) => String(n),
    },
    y: { type: "log", label: "robust gap in the true game", grid: true, tickFormat: "~e" },
    marks: [
      Plot.ruleX(curve, {
        x: "n",
        y1: (d) => d.gap - d.error,
        y2: (d) => d.gap + d.error,
        stroke: "#4269d0",
      }),
      Plot.line(curve, { x: "n", y: "gap", stroke: "#4269d0", strokeWidth: 2 }),
      Plot.dot(curve, { x: "n", y: "gap", fill: "#4269d0" }),
    ],
  });
}

/** An American put on the index: a two-factor model fitted to one period, exercise policies judged on windows of the next. */
function americanPutOnIndex() {
  const rows = readFileSync(new URL("../data/sp500-daily.csv", import.meta.url), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  const days = rows.map((row) => ({ date: row.slice(0, 10), close: Number(row.slice(11)) }));
  const fitted = days.filter(({ date }) => date < "2007");
  const judged = days.filter(({ date }) => date >= "2007" && date < "2010");
  const moves = fitted.slice(1).map(({ close }, i) => close / fitted[i].close);
  const ups = moves.filter((m) => m >= 1);
  const downs = moves.filter((m) => m < 1);
  const model = { up: ups.length / moves.length, factors: [mean(ups), mean(downs)] };
  const horizon = 20;
  const put = americanPut(model);
  const policies = [0, 0.02, 0.05, 0.1].map((sigma) => {
    const { policy, values } = robustValueIteration(
      put,
      totalVariation(sigma, { support: "nominal" }),
      { horizon },
    );
    const payoffs = [];
    for (let start = 0; start + horizon < judged.length; start += 5) {
      const scale = 100 / judged[start].close;
      let payoff = 0;
      for (let h = 0; h < horizon; h++) {
        const price = judged[start + h].close * scale;
        const state = Math.min(600, Math.max(0, Math.round((price - 80) * 10)));
        if (policy.get(h, state) === 1) {
          payoff = Math.max(0, 100 - price);
          break;
        }
      }
      payoffs.push(payoff);
    }
    return {
      sigma,
      promised: values.get(0, 200),
      payoff: mean(payoffs),
      error: standardError(payoffs),
      low: payoffs.filter((p) => p === 0).length / payoffs.length,
    };
  });
  return { model, policies, windows: Math.floor((judged.length - horizon) / 5) };
}

export const robustRl = {
  name: "robust-rl",
  title: "Plans and equilibria that hold when the model is wrong",
  async run({ progress }) {
    const { radii, plans, profiles } = inventoryProfiles();
    const grid = gridWorld();
    const discount = 0.95;
    const nominal = valueIteration(grid, { discount });
    const near = totalVariation(0.2, { support: "nominal" });
    const robust = robustValueIteration(grid, near, { discount });
    const nominalWorst = robustPolicyEvaluation(grid, near, nominal.policy, { discount });
    const { curve, slope, exact } = gapCurve(progress);
    const put = americanPutOnIndex();
    const picture = (values, policy, title) =>
      gridPicture(values, policy, { columns: 5, labels: { 4: "goal", 8: "pit" }, title });
    return [
      paragraph(
        "A plan is made for a model, and the model is wrong. A robust plan is the best one against the worst kernel within a distance of the model; here the distance is total variation, and nature chooses anew for every state and action.",
      ),
      heading("Inventory control"),
      paragraph(
        "How much to order when demand is uncertain. Two plans, one for the model as it is and one for the worst model within a total variation of 0.1, and what each is worth in the worst world within the radius on the horizontal axis. The nominal plan is the better one at radius 0 and the worse one soon after.",
      ),
      figure(
        profilePlot(radii, profiles),
        "Worst-case discounted value, averaged over starting stocks.",
      ),
      table(
        ["plan", ...Array.from({ length: 7 }, (_, s) => `stock ${s}`)],
        profiles.map(({ name, policy }) => [name, ...policy.data.slice(0, 7)]),
      ),
      paragraph(
        "The table says how much each plan orders at each stock. The plan that fears for its demand does not restock while two are left.",
      ),
      ...plans
        .slice(0, 2)
        .map(({ certificate: c, sigma }) =>
          certificate({ ...c, claim: `σ = ${sigma}: ${c.claim}` }),
        ),
      heading("A grid with a pit"),
      paragraph(
        "Goal in the upper right corner, pit below it, moves slip to a side with probability 0.2. Nature may shift another 0.2 of every move, among the squares that the move can lead to. Left: the nominal plan with its values in that worst world. Right: the robust plan.",
      ),
      `<div class="pair">${figure(picture(nominalWorst.values, nominal.policy, "Nominal plan in the worst world"), "Nominal plan, worst-case values.")}${figure(picture(robust.values, robust.policy, "Robust plan in the worst world"), "Robust plan, worst-case values.")}</div>`,
      heading("Two players who fear different worlds"),
      paragraph(
        "A random game with 4 states, 3 actions each and 4 steps, known only from N samples of every transition. Player one allows for a model error of 0.1, player two of 0.3. DR-NVI computes a robust coarse correlated equilibrium of the estimated game; the picture shows how much some player could still gain in the true one, by exact robust best responses.",
      ),
      figure(
        gapPlot(curve),
        `Mean and standard error over 30 seeds. The slope is ${slope.toFixed(2)}; theory says −½.`,
      ),
      certificate({ ...exact, claim: `exact model: ${exact.claim}` }),
      heading("An American put on the S&P 500"),
      paragraph(
        `A model with one factor up and one down is fitted to the daily closes of 2000 to 2006 (up ${(100 * (put.model.factors[0] - 1)).toFixed(2)} % with probability ${put.model.up.toFixed(3)}, down ${(100 * (1 - put.model.factors[1])).toFixed(2)} %). Policies for a 20-day put, struck at the first day's price, are judged on ${put.windows} windows of 2007 to 2009, prices scaled to 100.`,
      ),
      table(
        [
          "radius",
          "value promised",
          "mean payoff 2007–2009",
          "standard error",
          "windows without payoff",
        ],
        put.policies.map(({ sigma, promised, payoff, error, low }) => [
          sigma,
          promised.toFixed(2),
          payoff.toFixed(2),
          error.toFixed(2),
          `${(100 * low).toFixed(0)} %`,
        ]),
      ),
      paragraph(
        "All policies delivered more than they promised, because the market fell. Robust policies exercise early: more windows pay something and payoffs spread less, but the mean is below that of patience, which happened to be right in these years. Fear has its price when the feared thing does not come. Windows overlap, so the standard errors are too small.",
      ),
    ];
  },
};
