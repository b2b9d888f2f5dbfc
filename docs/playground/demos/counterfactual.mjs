// Reviews and what they would have been in the other style, by a stored model.
import { foldIn } from "@provably/core-tensor/random";
import {
  antonymBaseline,
  counterfactual,
  decodeSentences,
  loadMatte,
} from "@provably/causal-latent/matte";
import { SEED, polesOf, test, vocabulary } from "../../../examples/counterfactual-text/setup.mjs";
import weights from "../../../examples/models/review-transfer/model.safetensors?url";

const DOMAINS = ["restaurants", "films", "electronics", "hotels"];
const escape = (text) =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
let loaded;

export async function compute({ domain, count, flip }, report) {
  report({ status: "loading the model (1 MB) …" });
  loaded ??= fetch(weights).then(
    async (response) => loadMatte(new Uint8Array(await response.arrayBuffer())).model,
  );
  const model = await loaded;
  report({ status: "writing …" });
  const poles = polesOf(model);
  const { observed } = counterfactual(
    model,
    test.observed,
    { kind: flip, poles },
    { domains: test.domains },
  );
  const written = decodeSentences(vocabulary, observed);
  const antonyms = antonymBaseline(test.sentences, test.domains, foldIn(SEED, "antonyms"));
  const rows = test.sentences
    .flatMap((sentence, i) => (DOMAINS[test.domains[i]] === domain ? [i] : []))
    .slice(0, count);
  const cells = rows.map((i) =>
    [test.sentences[i], written[i], test.counterfactuals[i], antonyms[i]]
      .map((text) => `<td>${escape(text)}</td>`)
      .join(""),
  );
  const exact =
    test.sentences.filter((_, i) => written[i] === test.counterfactuals[i]).length /
    test.sentences.length;
  return {
    picture: `<table tabindex="0" aria-label="Reviews and what they would have been"><thead><tr>${["review", "the model", "the truth", "antonyms"].map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody>${cells.map((row) => `<tr>${row}</tr>`).join("")}</tbody></table>`,
    facts: [
      ["word for word the true counterfactual, all domains", `${(100 * exact).toFixed(0)} %`],
    ],
  };
}
