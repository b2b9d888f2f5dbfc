/** The name that was probably meant. */

/** Words that people bring from other libraries, and the idea behind them. */
const IDEAS: readonly (readonly string[])[] = [
  [
    "numsteps",
    "steps",
    "maxiterations",
    "maxsteps",
    "iterations",
    "numiterations",
    "epochs",
    "maxiter",
    "niter",
    "numepochs",
  ],
  ["learningrate", "rate", "lr", "stepsize"],
  ["axis", "axes", "dim", "dims"],
  ["keepdims", "keepdim"],
  ["tolerance", "tol", "eps", "epsilon", "atol", "rtol"],
  [
    "significance",
    "alpha",
    "level",
    "pvalue",
    "failure",
    "failureprobability",
    "confidence",
    "delta",
  ],
  ["radius", "sigma", "budget", "rho"],
  ["numnewtokens", "maxnewtokens", "maxtokens", "numtokens", "maxlength"],
  ["onprogress", "callback", "verbose", "progress", "log"],
  ["signal", "abort", "abortsignal", "controller"],
  ["discount", "gamma"],
  ["batchsize", "batch"],
  ["temperature", "temp"],
  ["transitions", "transition", "p", "kernel"],
  ["rewards", "reward", "r"],
  ["dtype", "type"],
  ["ddof", "correction"],
];

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/**
 * The known name nearest to an unknown one, or undefined where none is near: by spelling (letters
 * added, dropped, changed or swapped), or as another word for the same idea.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = plain(name.slice(0, 40));
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 0.5;
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  if (nearest !== undefined) return nearest;
  const idea = IDEAS.find((words) => words.includes(wanted));
  const same = idea && known.find((candidate) => idea.includes(plain(candidate)));
  if (same !== undefined) return same;
  if (wanted.length < 4) return undefined;
  // of several names inside it the longest says most: "refChosen" of "ref_chosen_logps", not "chosen"
  return known
    .filter((candidate) => {
      const other = plain(candidate);
      return other.length >= 4 && (other.includes(wanted) || wanted.includes(other));
    })
    .sort((a, b) => b.length - a.length)[0];
}

/** Letters to add, drop, change or swap with their neighbour. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(change, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
