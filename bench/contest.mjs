// An interleaved contest: every contestant takes its turn in every round, so that a drifting clock or a noisy neighbour hits all alike.

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Seconds for `times` calls. `run` may return a promise; `timed` contestants measure themselves. */
async function clock(contestant, times) {
  if (contestant.time) return contestant.time(times);
  const start = process.hrtime.bigint();
  if (contestant.async) for (let i = 0; i < times; i++) await contestant.run();
  else for (let i = 0; i < times; i++) contestant.run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** How many calls fill `seconds`, after enough calls to be warm. */
async function calibrate(contestant, seconds) {
  let times = 1;
  for (;;) {
    const took = await clock(contestant, times);
    if (took >= seconds) return Math.max(1, Math.round((times * seconds) / took));
    times = Math.max(times * 2, Math.round((times * seconds) / Math.max(took, seconds / 100)));
  }
}

/** Largest deviation between two answers, relative to the largest element. */
function deviation(ours, theirs) {
  let worst = 0;
  let scale = 1e-30;
  for (let i = 0; i < ours.length; i++) {
    worst = Math.max(worst, Math.abs(ours[i] - theirs[i]));
    scale = Math.max(scale, Math.abs(theirs[i]));
  }
  return ours.length === theirs.length ? worst / scale : Infinity;
}

/**
 * Runs one case. The first contestant is ours; each has `name` and `run`, and `answer` where its numbers can be read.
 * Returns seconds per call (median of rounds) and, for each peer, the median over rounds of peer time / our time: above 1 we are faster.
 */
export async function contest(contestants, { rounds = 9, seconds = 0.05, tolerance = 1e-4 } = {}) {
  const [ours] = contestants;
  const reference = ours.answer && (await ours.answer());
  for (const peer of contestants.slice(1)) {
    if (!peer.answer || !reference) continue;
    const off = deviation(reference, await peer.answer());
    if (!(off <= tolerance))
      throw new Error(`${peer.name} gives another answer than ${ours.name}: off by ${off}`);
  }
  const times = [];
  for (const contestant of contestants) times.push(await calibrate(contestant, seconds));
  const perCall = contestants.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, contestant] of contestants.entries())
      perCall[i].push((await clock(contestant, times[i])) / times[i]);
  return contestants.map(({ name }, i) => ({
    name,
    seconds: median(perCall[i]),
    ratio: median(perCall[i].map((t, round) => t / perCall[0][round])),
  }));
}
