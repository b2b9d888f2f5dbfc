// A visitor votes on pictures, two at a time: the ranking, how sure it is, and the pair that is worth asking about next.
import { key } from "@provably/core-tensor/random";
import { rankFromVotes } from "@provably/rlhf-vpo";
import { Plot, plotSvg } from "../../../examples/tour/lib/plot.mjs";

const times = (n, f) => Array.from({ length: n }, (_, i) => f(i)).join("");
const circle = (x, y, r, rest) => `<circle cx="${x}" cy="${y}" r="${r}" ${rest}/>`;

/** Pictures by name: the inside of an SVG of 100 × 100. */
const PICTURES = {
  Dunes: `<rect width="100" height="100" fill="#f3d9a4"/>${times(5, (i) => `<path d="M0 ${40 + 13 * i} Q25 ${22 + 13 * i} 50 ${40 + 13 * i} T100 ${38 + 13 * i} V100 H0Z" fill="hsl(${34 - 4 * i} 60% ${66 - 9 * i}%)"/>`)}`,
  Rings: `<rect width="100" height="100" fill="#10243e"/>${times(8, (i) => circle(50, 50, 46 - 6 * i, `fill="none" stroke="hsl(${190 + 18 * i} 70% 60%)" stroke-width="3"`))}`,
  Rain: `<rect width="100" height="100" fill="#dfe9ef"/>${times(40, (i) => `<path d="M${(i * 37) % 100} ${(i * 53) % 100} l-3 11" stroke="#3f6f8f" stroke-width="1.6"/>`)}`,
  Mosaic: times(
    36,
    (i) =>
      `<rect x="${(i % 6) * 17}" y="${Math.floor(i / 6) * 17}" width="16" height="16" fill="hsl(${(i * 47) % 360} 55% 58%)"/>`,
  ),
  Moon: `<rect width="100" height="100" fill="#1c1a33"/>${circle(58, 44, 24, 'fill="#f6efcf"')}${circle(68, 38, 22, 'fill="#1c1a33"')}${times(24, (i) => circle((i * 41) % 100, (i * 67) % 100, 0.9, 'fill="#f6efcf"'))}`,
  Petals: `<rect width="100" height="100" fill="#fbf1ef"/>${times(9, (i) => `<ellipse cx="50" cy="28" rx="9" ry="22" fill="hsl(${330 + 7 * i} 65% 64%)" fill-opacity=".75" transform="rotate(${40 * i} 50 50)"/>`)}${circle(50, 50, 8, 'fill="#f2b632"')}`,
};
const NAMES = Object.keys(PICTURES);
const svg = (name, size) =>
  `<svg viewBox="0 0 100 100" width="${size}" height="${size}" role="img" aria-label="${name}">${PICTURES[name]}</svg>`;

/** Votes travel in the page's address: 0>3 for the first of two, 2=4 for a tie. */
const WINNERS = { ">": "first", "=": "tie" };
function votesIn(text) {
  return (text.match(/\d[>=]\d/g) ?? []).flatMap(([a, sign, b]) =>
    a !== b && NAMES[a] && NAMES[b]
      ? [{ first: NAMES[a], second: NAMES[b], winner: WINNERS[sign] }]
      : [],
  );
}
const written = (votes) =>
  votes
    .map(
      ({ first, second, winner }) =>
        `${NAMES.indexOf(first)}${winner === "tie" ? "=" : ">"}${NAMES.indexOf(second)}`,
    )
    .join(".");

const ORDERS = {
  score: ({ score }) => score,
  "a cautious score": ({ pessimistic }) => pessimistic,
  "a hopeful score": ({ optimistic }) => optimistic,
};

export function compute({ votes: given, by, spread }) {
  const votes = votesIn(given);
  const found = rankFromVotes(key("votes"), votes, { items: NAMES, spread });
  const ranking = [...found.ranking].sort((a, b) => ORDERS[by](b) - ORDERS[by](a));
  const { first, second } = found.next;
  const button = (content, vote) =>
    `<button type="button" data-set="votes" data-value="${written(vote ? [...votes, vote] : [])}">${content}</button>`;
  const picture = `
    <p>Which one do you like better?</p>
    <div class="choice">
      ${button(`${svg(first, 120)}<br />${first}`, { first, second, winner: "first" })}
      ${button("no difference", { first, second, winner: "tie" })}
      ${button(`${svg(second, 120)}<br />${second}`, { first: second, second: first, winner: "first" })}
    </div>
    ${plotSvg({
      width: 720,
      height: 300,
      marginLeft: 80,
      marginBottom: 45,
      x: {
        label: "score and 95 % interval; a difference of ln 3 wins three times of four",
        grid: true,
      },
      y: { label: null, domain: ranking.map(({ item }) => item) },
      marks: [
        Plot.ruleX([0]),
        Plot.ruleY(ranking, {
          y: "item",
          x1: (r) => r.interval[0],
          x2: (r) => r.interval[1],
          strokeWidth: 3,
          stroke: "#7a7f86",
        }),
        Plot.dot(ranking, { y: "item", x: "score", r: 6, fill: "#1f5fae" }),
      ],
    })}
    <p>${button("start again")}</p>`;
  const [leader] = found.ranking;
  return {
    picture,
    facts: [
      ["votes", String(votes.length)],
      ["probability that the leader is the best", leader.probabilityBest.toFixed(2)],
      ["what more votes may still be worth, in score", found.valueOfInformation.toFixed(2)],
      ["asked next", `${first} and ${second}: an answer tells most about the best`],
    ],
    certificate: found.certificate,
  };
}
