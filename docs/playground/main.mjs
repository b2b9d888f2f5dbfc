// The page: builds the controls of the chosen system, asks the worker for a picture, shows it. The address remembers the system and its parameters.
import { catalogue } from "./catalogue.mjs";
import { control } from "./controls.mjs";

const $ = (id) => document.getElementById(id);
let worker;
let run = 0;
let busy = false;
let chosen;
let values = {};

/** A worker that still computes something nobody waits for is replaced. */
function freshWorker() {
  if (busy) worker?.terminate();
  if (busy || !worker) {
    worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => receive(data);
    worker.onerror = ({ message }) =>
      receive({ run, error: message || "the worker could not start" });
  }
}

function compute() {
  freshWorker();
  busy = true;
  run++;
  $("status").textContent = "computing …";
  delete document.body.dataset.done;
  worker.postMessage({ run, id: chosen.id, values });
}

/** Shows a picture; who was at one of its buttons is at the first of the new ones. */
function show(picture) {
  const inside = $("picture").contains(document.activeElement);
  $("picture").innerHTML = picture;
  if (inside) $("picture").querySelector("button")?.focus();
}

function receive({ run: from, partial, result, error }) {
  if (from !== run) return;
  if (partial) {
    if (partial.status) $("status").textContent = partial.status;
    if (partial.picture) show(partial.picture);
    return;
  }
  busy = false;
  $("status").textContent = error ? `That did not work: ${error}` : "";
  if (!error) {
    show(result.picture);
    $("facts").replaceChildren(
      ...result.facts.flatMap(([name, value]) => [
        Object.assign(document.createElement("dt"), { textContent: name }),
        Object.assign(document.createElement("dd"), { textContent: value }),
      ]),
    );
    showCertificate(result.certificate);
    $("code").textContent = result.note ?? "";
  }
  document.body.dataset.done = `${chosen.id} ${error ? "failed" : "shown"}`;
}

function showCertificate(certificate) {
  $("certificate").replaceChildren();
  if (!certificate) return;
  const { claim, value, holds } = certificate;
  const verdict = Object.assign(document.createElement("strong"), {
    className: holds ? "holds" : "fails",
    textContent: holds ? "holds" : "does not hold",
  });
  $("certificate").append(`Certificate: ${claim}: ${Number(value).toPrecision(3)}, `, verdict, ".");
}

const address = () => {
  const [id, query = ""] = location.hash.slice(1).split("?");
  return { id, given: new URLSearchParams(query) };
};

function remember() {
  history.replaceState(
    null,
    "",
    `#${chosen.id}?${new URLSearchParams(Object.entries(values).filter(([, v]) => typeof v !== "object"))}`,
  );
}

function open() {
  const { id, given } = address();
  chosen = catalogue.find((demo) => demo.id === id) ?? catalogue[0];
  values = {};
  document.title = `provably: ${chosen.title}`;
  $("title").textContent = chosen.title;
  $("question").textContent = chosen.question;
  for (const link of $("systems").children) {
    if (link.hash === `#${chosen.id}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const part of ["picture", "facts", "certificate", "code"]) $(part).replaceChildren();
  $("controls").replaceChildren(
    ...chosen.controls.map((spec) =>
      control(spec, given.get(spec.name), (value, settled = true) => {
        values[spec.name] = value;
        if (!settled) return;
        remember();
        compute();
      }),
    ),
  );
  remember();
  compute();
}

$("systems").replaceChildren(
  ...catalogue.map(({ id, title }) =>
    Object.assign(document.createElement("a"), { href: `#${id}`, textContent: title }),
  ),
);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("picture").addEventListener("click", ({ target }) => {
  const { set, value } = target.closest("button[data-set]")?.dataset ?? {};
  if (set === undefined) return;
  values[set] = value;
  remember();
  compute();
});
addEventListener("hashchange", () => {
  open();
  $("title").focus();
});
open();
