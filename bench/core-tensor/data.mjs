// Inputs of the benchmarks: fixed pseudo-random numbers in [-1, 1), the same for every contestant.
export function numbers(count, seed = 1, Type = Float32Array) {
  const out = new Type(count);
  let state = seed >>> 0;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state / 2 ** 31 - 1;
  }
  return out;
}

/** PyTorch as a contestant for one operation of bench/torch-server.py. */
export function pytorch(torch, operation) {
  return torch ? [{ name: "pytorch", time: (times) => torch.time(operation, times) }] : [];
}
