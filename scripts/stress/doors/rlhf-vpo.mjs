// Inputs of rlhf-vpo as people bring them; the format stands at the head of ../doors.mjs.
import { array, take } from "@provably/core-tensor";
import { encodeSafetensors } from "@provably/core-tensor/io";
import { key } from "@provably/core-tensor/random";
import {
  bradleyTerryOracle,
  certifyPessimism,
  coverageOf,
  decodeCheckpoint,
  dpoLoss,
  encodeCheckpoint,
  fitRewardModel,
  flipLabels,
  lora,
  padPairs,
  policyDivergence,
  onlineVpo,
  onlineVpoAsync,
  optimalLogPolicy,
  pairsFromRanking,
  parsePreferences,
  plackettLuceLoss,
  readPreferences,
  sequenceLogProbs,
  solveBoundedVpo,
  solveVpo,
  startOnline,
  suboptimality,
  tokenizePairs,
  toUnpaired,
  trainPolicy,
  trainPreferences,
  trainVpo,
  vpoLoss,
} from "@provably/rlhf-vpo";
import {
  cpoLoss,
  hingeLoss,
  ipoLoss,
  ktoLoss,
  orpoLoss,
  rpoLoss,
  simpoLoss,
  slicLoss,
} from "@provably/rlhf-vpo/baselines";

/** Refused, and the message says this. */
const refused = (kind, given, give, says) => ({
  kind,
  given,
  give,
  right: () => false,
  outcome: "refused",
  says,
});
/** Right, by numbers that were made without the package. */
const right = (kind, given, give, right) => ({ kind, given, give, right, outcome: "right" });
/** Taken, and the certificate says that nothing can be said. */
const seen = (kind, given, give, certificates, note) => ({
  kind,
  given,
  give,
  right: () => false,
  certificates,
  outcome: "seen",
  note,
});
const near = (a, b, tolerance = 1e-12) => Math.abs(a - b) <= tolerance;

const policy = { chosen: [-1], rejected: [-2] };
const pair = { ...policy, refChosen: [-1], refRejected: [-2.5] };
// z = β(0 − 0.5)
const margin = -0.05;
const dpo = Math.log1p(Math.exp(-margin));

const losses = [
  refused("field", "DPO without a reference", () => dpoLoss(policy), "dpoLoss: batch.refChosen must be given"),
  right("field", "DPO where it is said that there is none", () => dpoLoss(policy, { referenceFree: true }), ({ loss }) => near(loss, Math.log1p(Math.exp(-0.1)))),
  refused("field", "reference log-probabilities under TRL's names", () => dpoLoss({ ...policy, ref_chosen_logps: [-1], ref_rejected_logps: [-2] }), 'unknown field "ref_chosen_logps"; did you mean "refChosen"?'),
  refused("field", "a reference for CPO, which has none", () => cpoLoss(pair), 'cpoLoss: batch: unknown field "refChosen"'),
  refused("field", "token counts for a loss that takes sums", () => hingeLoss({ ...pair, chosenLengths: [3], rejectedLengths: [2] }), 'hingeLoss: batch: unknown field "chosenLengths"'),
  refused("field", "a margin for every pair", () => dpoLoss({ ...pair, margin: [1] }), 'dpoLoss: batch: unknown field "margin"'),
  right("field", "weights of the pairs", () => dpoLoss({ chosen: [-1, -3], rejected: [-2, -1], refChosen: [-1, -1], refRejected: [-2, -1], weights: [3, 1] }, { beta: 1 }), ({ loss }) => near(loss, (3 * Math.log(2) + Math.log1p(Math.exp(2))) / 4)),
  refused("option", "label smoothing for a loss that has none", () => ipoLoss(pair, { labelSmoothing: 0.1 }), 'ipoLoss: unknown option "labelSmoothing"'),
  refused("option", "label smoothing misspelt", () => dpoLoss(pair, { labelSmooting: 0.1 }), 'dpoLoss: unknown option "labelSmooting"; did you mean "labelSmoothing"?'),
  refused("option", "label smoothing in Python's letters", () => vpoLoss(pair, { alpha: 0, attitude: "pessimistic", label_smoothing: 0.1 }), 'did you mean "labelSmoothing"?'),
  right("option", "label smoothing of DPO", () => dpoLoss(pair, { labelSmoothing: 0.2 }), ({ loss }) => near(loss, 0.8 * dpo + 0.2 * Math.log1p(Math.exp(margin)))),
  refused("option", "a sign for the attitude", () => vpoLoss(pair, { alpha: 1, sign: -1 }), 'vpoLoss: unknown option "sign"'),
  refused("option", "the attitude left out", () => vpoLoss(pair, { alpha: 1 }), 'attitude must be one of "pessimistic", "optimistic"'),
  refused("option", "samples that the calibration does not take", () => vpoLoss(pair, { alpha: 1, attitude: "optimistic", samples: [[-1]], refSamples: [[-1]] }), 'samples and refSamples are read with calibration "samples"'),
  refused("option", "a regularising response without its weight", () => slicLoss(policy, { regularised: [-3] }), "regularised is read with a regWeight only"),
  refused("field", "token counts of the rejected response for RPO", () => rpoLoss({ ...pair, chosenLengths: [2], rejectedLengths: [2] }), 'rpoLoss: batch: unknown field "rejectedLengths"'),
  refused("scale", "averages in place of token counts", () => simpoLoss({ ...policy, chosenLengths: [2.5], rejectedLengths: [2] }), "simpoLoss: chosenLengths[0] must be a number of tokens, got 2.5"),
  refused("scale", "probabilities in place of log-probabilities for ORPO", () => orpoLoss({ chosen: [0.4], rejected: [0.1], chosenLengths: [1], rejectedLengths: [1] }), "the average of chosen[0] must be below 0"),
  right("scale", "probabilities in place of log-probabilities for DPO, with a warning", () => dpoLoss({ chosen: [0.4], rejected: [0.1], refChosen: [0.5], refRejected: [0.5] }, { beta: 1 }), ({ loss, warnings }) => near(loss, Math.log1p(Math.exp(-0.3))) && warnings.length === 4),
  refused("code", "−1 for an undesirable response", () => ktoLoss({ policy: [-1, -1], reference: [-1, -1], desirable: [1, -1] }), "ktoLoss: desirable[1] must be true or 1, or false or 0, got -1"),
  right("code", "true and false in an array", () => ktoLoss({ policy: [-1, -1], reference: [-2, -1], desirable: array([true, false]) }, { beta: 1 }), ({ loss }) => near(loss, (1 / (1 + Math.E) + 0.5) / 2)),
  refused("option", "two reference points for KTO", () => ktoLoss({ policy: [-1], reference: [-1], desirable: [true] }, { klEstimate: 1, mismatched: [0.1] }), "give klEstimate or mismatched, not both"),
  right("storage form", "float32 log-probabilities in typed arrays", () => dpoLoss({ chosen: Float32Array.of(-1), rejected: Float32Array.of(-2), refChosen: Float32Array.of(-1), refRejected: Float32Array.of(-2.5) }), ({ loss }) => near(loss, dpo)),
  refused("storage form", "log-probabilities as a column", () => dpoLoss({ chosen: [[-1]], rejected: [[-2]], refChosen: [[-1]], refRejected: [[-2]] }), "dpoLoss: chosen must be a vector"),
  refused("storage form", "log-probabilities as text", () => hingeLoss({ ...pair, rejected: ["-2"] }), "hingeLoss: rejected"),
  right("storage form", "two rankings, of equal scores", () => plackettLuceLoss([[0, 0, 0], [1, 1, 1]]), ({ loss }) => near(loss, Math.log(6))),
]; // prettier-ignore

const half = [[Math.log(0.5), Math.log(0.5)]];
const problem = { data: [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0]], logReference: half }; // prettier-ignore
const hyperparameters = { beta: 1, alpha: 0.1 };
const odds = (result) => result.logPolicy.get(0, 0) - result.logPolicy.get(0, 1);
const online = { beta: 1, alphaSum: 0, numSteps: 3 };
const asks = (oracle) => onlineVpo(key(0), problem, oracle, online);

const conversation = (talk) => {
  const asked = startOnline({ data: [], logReference: half }, { beta: 1, alphaSum: 0 }, key(0));
  asked.next();
  talk(asked);
  return asked;
};

const problems = [
  refused("option", "ten steps under another name", () => trainVpo(problem, hyperparameters, { steps: 10 }), 'trainVpo: unknown option "steps"; did you mean "numSteps"?'),
  right("option", "ten steps", () => trainVpo(problem, hyperparameters, { numSteps: 10 }), ({ losses }) => losses.shape[0] === 11),
  refused("option", "epochs of a network", () => trainPolicy({ init: [], scores: () => half }, problem, hyperparameters, { epochs: 10 }), 'trainPolicy: unknown option "epochs"; did you mean "numSteps"?'),
  refused("option", "`lr` for the learning rate", () => trainVpo(problem, hyperparameters, { lr: 0.1 }), 'did you mean "learningRate"?'),
  refused("option", "the sign of another version", () => solveVpo(problem, { beta: 1, alpha: 0.1, sign: -1 }), 'hyperparameters: unknown field "sign"'),
  refused("option", "α in sum form under its name", () => solveVpo(problem, { beta: 1, alphaSum: 10 }), 'hyperparameters.alpha must be given'),
  refused("scale", "a reference of probabilities", () => solveVpo({ ...problem, logReference: [[0.5, 0.5]] }, hyperparameters), "take the logarithm of probabilities"),
  refused("scale", "a reference of logits", () => solveVpo({ ...problem, logReference: [[2, 1]] }, hyperparameters), "logReference must be logarithms of distributions"),
  refused("scale", "a policy of probabilities to measure", () => suboptimality([[1, 0]], [[0.7, 0.3]], half, { beta: 1 }), "suboptimality: logPolicy must be logarithms of distributions; take the logarithm"),
  refused("scale", "a policy of zeros to cover", () => coverageOf(problem, [[0, 0]]), "coverageOf: logPolicy must be logarithms of distributions"),
  refused("scale", "a divergence of probabilities", () => policyDivergence([[0.7, 0.3]], [[0.5, 0.5]]), "policyDivergence: logP must be logarithms"),
  right("storage form", "a reference as its float32 softmax left it", () => optimalLogPolicy([[0, 0, 0]], array(Float32Array.from([0.1, 0.2, 0.7], Math.log), { shape: [1, 3] }), 1), (policy) => near(policy.get(0, 2), Math.log(0.7), 1e-6)),
  refused("field", "`reference` for logReference", () => solveVpo({ data: problem.data, reference: half }, hyperparameters), "logReference must be given"),
  refused("field", "`promptDist` for the prompts", () => solveVpo({ ...problem, promptDist: [1] }, hyperparameters), 'did you mean "promptDistribution"?'),
  refused("field", "features for a bounded table", () => solveBoundedVpo({ ...problem, features: [[[1], [0]]] }, { beta: 1, signedAlpha: 1, bound: 1 }), "problem.features must be left out"),
  right("code", "ties and soft labels in a fourth column", () => fitRewardModel({ ...problem, data: [[0, 0, 1, 0.75], [0, 1, 0, 0.25]] }), ({ reward }) => near(reward.get(0, 0) - reward.get(0, 1), Math.log(3), 1e-8)),
  refused("code", "a label of 2 in the fourth column", () => fitRewardModel({ ...problem, data: [[0, 0, 1, 2]] }), "data[0] has probability 2"),
  right("storage form", "pairs in an Int32Array", () => fitRewardModel({ ...problem, data: array(Int32Array.from(problem.data.flat()), { shape: [4, 3] }) }), ({ reward }) => near(reward.get(0, 0) - reward.get(0, 1), Math.log(3), 1e-8)),
  seen("scale", "a response that always wins, and no ridge", () => fitRewardModel({ ...problem, data: [[0, 0, 1]] }), ({ certificate }) => certificate, "undecided: no maximum exists"),
  seen("scale", "a response that never wins among others that do", () => solveVpo({ data: [[0, 0, 1], [0, 1, 0], [0, 0, 2]], logReference: [[1, 1, 1].map((p) => Math.log(p / 3))] }, { beta: 1, alpha: 0 }), ({ certificate }) => certificate, "undecided: no minimum exists"),
  {
    ...seen("code", "α in sum form where the mean form is meant", () => solveVpo(problem, { beta: 1, alpha: 0.4 }), (result) => certifyPessimism(problem, result, hyperparameters).dualityGap, "the gap of the α that was meant"),
    right: (result) => near(odds(result), odds(solveVpo(problem, hyperparameters))),
  },
  {
    kind: "code",
    given: "columns of chosen and rejected responses exchanged",
    give: () => fitRewardModel({ ...problem, data: problem.data.map(([x, a, b]) => [x, b, a]) }),
    right: ({ reward, certificate }) => near(reward.get(0, 1) - reward.get(0, 0), Math.log(3), 1e-8) && certificate.note.includes("exchanged cannot be seen"),
    outcome: "right",
    note: "other preferences, fitted as well: the note of the certificate says that it cannot see this",
  },
  refused("code", "true for “the first”", () => asks(() => true), "0.5 (a tie) or between, got true"),
  refused("code", "2 for “the second”", () => asks(() => 2), "got 2"),
  refused("code", "a word for a tie", () => asks(() => "tie"), 'got "tie"'),
  refused("code", "nothing for an answer", () => asks(() => undefined), "got undefined"),
  refused("code", "a promise for an answer", () => asks(() => Promise.resolve(1)), "onlineVpoAsync awaits its answers"),
  right("code", "the same promise, awaited", () => onlineVpoAsync(key(0), problem, () => Promise.resolve(0.5), online), ({ data }) => data.shape.join() === "7,4" && [4, 5, 6].every((i) => data.get(i, 3) === 0.5)),
  right("code", "2 for the second in a conversation", () => conversation((asked) => asked.answer(0, 2)), ({ state }) => state.data.length === 1 && state.data[0][3] === 0),
  refused("code", "true for the first in a conversation", () => conversation((asked) => asked.answer(0, true)), 'answer must be 1 (the first), 2 (the second), "tie"'),
  refused("argument", "an answer to a query that was not asked", () => conversation((asked) => asked.answer(5, 1)), "no query 5 is open; open are [0]"),
  refused("argument", "an answer given twice", () => conversation((asked) => (asked.answer(0, 1), asked.answer(0, 1))), "query 0 was answered before"),
  refused("argument", "a number for a key", () => onlineVpo(0, problem, bradleyTerryOracle([[1, 0]]), online), "onlineVpo: key must be a random key"),
  refused("option", "`iterations` of another version", () => onlineVpo(key(0), problem, () => 1, { ...online, iterations: 3 }), 'onlineVpo: unknown option "iterations"; did you mean "numSteps"?'),
  refused("scale", "an attention mask of −∞ and 0", () => sequenceLogProbs([[[0, 0], [0, 0]]], [[0, 1]], [[0, -Infinity]]), "sequenceLogProbs: mask[0, 1] must be 1 (scored) or 0"),
]; // prettier-ignore

const message = (role, content) => ({ role, content });
const q = message("user", "2+2?");
const good = message("assistant", "4");
const bad = message("assistant", "5");
const chat = { prompt: [q], chosen: [good], rejected: [bad] };
const row = { prompt: "2+2?", chosen: "4", rejected: "5" };
const isChat = ({ records: [record] }) =>
  ["prompt", "chosen", "rejected"].every(
    (name) => JSON.stringify(record[name]) === JSON.stringify(chat[name]),
  );
const read = async (text) => {
  const found = [];
  for await (const one of readPreferences([text])) found.push(one);
  return found;
};

const files = [
  right("file", "UltraFeedback: the prompt as text and again inside both responses", () => parsePreferences({ prompt: "2+2?", chosen: [q, good], rejected: [q, bad], messages: [q, good] }), isChat),
  right("file", "the prompt inside both conversations only", () => parsePreferences({ chosen: [q, good], rejected: [q, bad] }), isChat),
  right("file", "HH transcripts", () => parsePreferences({ chosen: "\n\nHuman: 2+2?\n\nAssistant: 4", rejected: "\n\nHuman: 2+2?\n\nAssistant: 5" }), isChat),
  right("file", "ShareGPT turns", () => parsePreferences({ conversations: [{ from: "human", value: "2+2?" }], chosen: { from: "gpt", value: "4" }, rejected: { from: "gpt", value: "5" } }), isChat),
  right("file", "an arena vote for model b", () => parsePreferences({ conversation_a: [q, bad], conversation_b: [q, good], winner: "model_b" }), isChat),
  right("file", "an arena tie", () => parsePreferences({ conversation_a: [q, bad], conversation_b: [q, good], winner: "tie" }), ({ records: [record] }) => record.preference === 0.5 && !("chosen" in record)),
  right("file", "cached log-probabilities under TRL's names", () => parsePreferences({ ...row, ref_chosen_logps: -1.5, ref_rejected_logps: -2.5 }), ({ records: [r] }) => r.refChosen === -1.5 && r.refRejected === -2.5),
  right("file", "scores with a tie", () => parsePreferences({ prompt: "q", responses: ["a", "b", "c"], scores: [9, 1, 9] }), ({ records }) => records.map((r) => r.chosen + r.rejected).join() === "ab,cb"),
  right("file", "ranks, 1 the best", () => parsePreferences({ prompt: "q", responses: ["a", "b"], ranks: [2, 1] }), ({ records: [r] }) => r.chosen === "b"),
  right("file", "one JSON array", () => read(JSON.stringify([row, { ...row, chosen: "four" }])), (found) => found.map(({ line, record }) => `${line}${record.chosen}`).join() === "14,2four"),
  right("file", "a column that says nothing", () => parsePreferences({ ...row, source: "web" }), ({ records: [r] }) => r.columns.source === "web"),
  refused("file", "a weight misspelt", () => read(JSON.stringify({ ...row, weigth: 2 })), 'line 1: field "weigth" is not read in this layout; did you mean "weight"?'),
  refused("file", "a label beside a pair", () => read(`${JSON.stringify(row)}\n${JSON.stringify({ ...row, label: 0 })}`), 'line 2: field "label" is not read'),
  refused("file", "a label of −1", () => parsePreferences({ prompt: "q", completion: "a", label: -1 }), 'field "label" must be true or false, got -1'),
  refused("file", "a winner under another code", () => parsePreferences({ conversation_a: [q, good], conversation_b: [q, bad], winner: "A" }), 'field "winner" must be model_a, model_b, tie'),
  refused("file", "ratings and nothing else", () => parsePreferences({ text: "a", rating: 5 }), "no known layout has the fields"),
  right("file", "a table of values separated by commas", () => read('prompt,chosen,rejected\n" q","a, b","say ""c"""\n'), ([{ record: r }]) => r.prompt === " q" && r.chosen === "a, b" && r.rejected === 'say "c"'),
  refused("file", "a row of CSV without its last cell", () => read("prompt,chosen,rejected\nq,a\n"), "line 1: 2 fields, and the header has 3"),
  right("file", "a grade of HelpSteer for the first response", () => parsePreferences({ prompt: "q", response1: "a", response2: "b", overall_preference: -3 }), ({ records: [r] }) => r.chosen === "a" && r.margin === 3),
  refused("file", "a grade on another scale", () => parsePreferences({ prompt: "q", response1: "a", response2: "b", overall_preference: 8 }), 'field "overall_preference" must be a whole number from -3'),
  refused("file", "Latin-1 in place of UTF-8", () => read(Uint8Array.from('{"prompt":"caf\u00e9","chosen":"a","rejected":"b"}', (c) => c.charCodeAt(0))), "line 1: no UTF-8"),
  right("file", "labels flipped together with cached log-probabilities", () => flipLabels(key(0), [{ ...row, refChosen: -1, refRejected: -2 }], 1), ([r]) => r.chosen === "5" && r.refChosen === -2 && r.refRejected === -1),
  refused("file", "margins of pairs that are taken apart", () => toUnpaired([{ ...row, margin: 2 }]), "records[0].margin has no place"),
  refused("file", "a ranking that names a response twice", () => pairsFromRanking("q", ["a", "b", "a"]), "responses[2] is responses[0] again"),
]; // prettier-ignore

const letters = (text) => Array.from(text, (c) => c.charCodeAt(0));
const ids = { prompt: [1], chosen: [2], rejected: [3] };
const table = {
  init: {
    next: array([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]),
  },
  logits: ({ next }, tokens) => take(next, tokens),
};
const train = (pairs, more = {}) =>
  trainPreferences(table, pairs, { loss: (b) => dpoLoss(b), key: key(0), ...more });
const same = (x, y) => JSON.stringify(x) === JSON.stringify(y);
const model = [
  right("convention", "weights as TRL takes them", () => dpoLoss({ chosen: [0, 0], rejected: [0, 0], refChosen: [0, 0], refRejected: [0, 0], weights: [1, 3] }, { convention: "trl" }), ({ loss }) => near(loss, 2 * Math.LN2)),
  refused("convention", "TRL's ORPO from sums over responses", () => orpoLoss({ chosen: [-1], rejected: [-1], chosenLengths: [1], rejectedLengths: [1] }, { convention: "trl" }), "trlOrpoLoss takes them"),
  right("code", "a tie as the soft label 0.5", () => dpoLoss({ chosen: [-1], rejected: [-3], refChosen: [-1], refRejected: [-1], preferences: [0.5] }, { beta: 1 }), ({ loss }) => near(loss, (Math.log1p(Math.exp(-2)) + Math.log1p(Math.exp(2))) / 2)),
  refused("code", "soft labels in percent", () => dpoLoss({ chosen: [-1], rejected: [-3], refChosen: [-1], refRejected: [-1], preferences: [80] }), "preferences[0] must be in [0, 1], got 80"),
  right("text", "a tie of texts as a pair of tokens", () => tokenizePairs([{ prompt: "a", first: "b", second: "c", preference: 0.5 }], letters), ({ pairs: [p] }) => same(p, { prompt: [97], chosen: [98], rejected: [99], preference: 0.5 })),
  refused("text", "a conversation without a template", () => tokenizePairs([{ prompt: [q], chosen: [good], rejected: [bad] }], letters), "records[0] holds messages: options.template must write them"),
  refused("text", "a record of a single response", () => tokenizePairs([{ prompt: "q", completion: "a", desirable: true }], letters), "records[0].chosen must be given"),
  right("text", "responses that are the same once they are cut", () => tokenizePairs([{ prompt: "a", chosen: "bbc", rejected: "bbd" }], letters, { maxLength: 3 }), ({ pairs, dropped: [d] }) => pairs.length === 0 && d.reason === "responses of the same tokens"),
  right("storage form", "token ids in typed arrays, padding on the left", () => padPairs([{ prompt: Int32Array.of(1), chosen: Int32Array.of(2, 3), rejected: [4] }], { padding: "left" }), ({ tokens }) => same(Array.from(tokens.data), [1, 2, 3, 0, 1, 4])),
  refused("storage form", "a prompt without tokens", () => train([{ ...ids, prompt: [] }]), "pairs[0].prompt must have at least one token, such as the start token"),
  refused("storage form", "log-probabilities of the reference for some pairs only", () => train([{ ...ids, refChosen: -1, refRejected: -1 }, ids]), "pairs[0] carries refChosen and pairs[1] does not"),
  refused("option", "learning_rate for learningRate", () => train([ids], { learning_rate: 0.1 }), 'did you mean "learningRate"?'),
  refused("storage form", "a checkpoint of another model", () => train([ids], { state: { step: 1, params: { next: array([0, 0, 0]) }, optimizer: {} } }), "must hold float32 of shape [4, 4], got float32 of [3]"),
  refused("file", "other weights as a checkpoint", () => decodeCheckpoint(encodeSafetensors({ w: array([1]) })), "must come from encodeCheckpoint"),
  right("file", "a checkpoint as text", () => decodeCheckpoint(encodeCheckpoint({ step: 2, params: { w: array([0.1]) }, optimizer: {} }, { format: "json" })), ({ step, params }) => step === 2 && params.w.get(0) === Math.fround(0.1)),
  refused("option", "a target of LoRA that is not there", () => lora({ w: array([[1, 2], [3, 4]]) }, { rank: 1, targets: ["q"] }), "not in params"),
]; // prettier-ignore

export default [...losses, ...problems, ...files, ...model];
