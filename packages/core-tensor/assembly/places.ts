/**
 * Reading and adding at listed places of one axis, and running sums along one. Arrays are row-major `[outer, n, inner]`; a negative
 * place counts from the end. What takes places returns the position of the first that is out of range, having written nothing, or −1.
 */

/** Position of the first of `count` places outside [−n, n); −1 when there is none. */
function firstOutside(places: usize, count: i32, n: i32): i32 {
  for (let i = 0; i < count; i++) {
    const at = load<i32>(places + 4 * i);
    if (at < -n || at >= n) return i;
  }
  return -1;
}

@inline
function placeAt(places: usize, i: i32, n: i32): i32 {
  const at = load<i32>(places + 4 * i);
  return at < 0 ? at + n : at;
}

@inline
function copy(to: usize, from: usize, bytes: usize): void {
  if (bytes > 256) {
    memory.copy(to, from, bytes);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i + 4 <= bytes; i += 4) store<i32>(to + i, load<i32>(from + i));
  for (; i < bytes; i++) store<u8>(to + i, load<u8>(from + i));
}

/** Copies `count` rows of `bytes` bytes; `offsets` lists for each by how much it lies after `from` and after `to`. */
export function copyRows(offsets: usize, count: i32, bytes: i32, from: usize, to: usize): void {
  for (let i = 0; i < count; i++, offsets += 8) copy(to + load<i32>(offsets, 4), from + load<i32>(offsets), bytes);
}

/** `out[o, k, :] = x[o, places[k], :]`; an inner row has `bytes` bytes. */
export function takeRows(x: usize, outer: i32, n: i32, bytes: i32, places: usize, m: i32, out: usize): i32 {
  const bad = firstOutside(places, m, n);
  if (bad >= 0) return bad;
  for (let o = 0; o < outer; o++, x += n * bytes)
    for (let k = 0; k < m; k++, out += bytes) {
      const from = x + placeAt(places, k, n) * bytes;
      if (bytes == 4) store<i32>(out, load<i32>(from));
      else copy(out, from, bytes);
    }
  return -1;
}

@inline
function takeEach<T>(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  const bad = firstOutside(places, outer * m * inner, n);
  if (bad >= 0) return bad;
  for (let o = 0, at = 0; o < outer; o++, x += n * inner * sizeof<T>())
    for (let k = 0; k < m; k++)
      for (let i = 0; i < inner; i++, at++, out += sizeof<T>()) store<T>(out, load<T>(x + (placeAt(places, at, n) * inner + i) * sizeof<T>()));
  return -1;
}

/** `out[o, k, i] = x[o, places[o, k, i], i]`. */
export function takeEach1(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return takeEach<u8>(x, outer, n, inner, places, m, out);
}

export function takeEach4(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return takeEach<i32>(x, outer, n, inner, places, m, out);
}

export function takeEach8(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return takeEach<i64>(x, outer, n, inner, places, m, out);
}

@inline
function addTo<T>(to: usize, from: usize): void {
  store<T>(to, <T>(load<T>(to) + load<T>(from)));
}

@inline
function addRows<T>(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  const bad = firstOutside(places, m, n);
  if (bad >= 0) return bad;
  const bytes: usize = inner * sizeof<T>();
  memory.fill(out, 0, outer * n * bytes);
  for (let o = 0; o < outer; o++, out += n * bytes)
    for (let k = 0; k < m; k++, x += bytes) {
      const to = out + placeAt(places, k, n) * bytes;
      let i: usize = 0;
      for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.add<T>(v128.load(to + i), v128.load(x + i)));
      for (; i < bytes; i += sizeof<T>()) addTo<T>(to + i, x + i);
    }
  return -1;
}

/** `out[o, places[k], :]` is the sum of the `x[o, k, :]` for it, in order of k. */
export function addRowsF32(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addRows<f32>(x, outer, n, inner, places, m, out);
}

export function addRowsF64(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addRows<f64>(x, outer, n, inner, places, m, out);
}

export function addRowsI32(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addRows<i32>(x, outer, n, inner, places, m, out);
}

@inline
function addEach<T>(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  const bad = firstOutside(places, outer * m * inner, n);
  if (bad >= 0) return bad;
  memory.fill(out, 0, outer * n * inner * sizeof<T>());
  for (let o = 0, at = 0; o < outer; o++, out += n * inner * sizeof<T>())
    for (let k = 0; k < m; k++)
      for (let i = 0; i < inner; i++, at++, x += sizeof<T>()) addTo<T>(out + (placeAt(places, at, n) * inner + i) * sizeof<T>(), x);
  return -1;
}

/** `out[o, places[o, k, i], i]` is the sum of the `x[o, k, i]` for it. */
export function addEachF32(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addEach<f32>(x, outer, n, inner, places, m, out);
}

export function addEachF64(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addEach<f64>(x, outer, n, inner, places, m, out);
}

export function addEachI32(x: usize, outer: i32, n: i32, inner: i32, places: usize, m: i32, out: usize): i32 {
  return addEach<i32>(x, outer, n, inner, places, m, out);
}

/** One line along the last axis: the total stays in a register. */
@inline
function runningLine<T, Total>(x: usize, n: i32, out: usize): void {
  let total: Total = 0;
  for (let i = 0; i < n; i++) {
    total += <Total>load<T>(x + i * sizeof<T>());
    store<T>(out + i * sizeof<T>(), <T>total);
  }
}

/** Lines side by side, each with a total in memory. */
@inline
function runningLines<T, Total>(x: usize, n: i32, inner: i32, totals: usize, out: usize): void {
  memory.fill(totals, 0, 8 * inner);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < inner; j++, x += sizeof<T>(), out += sizeof<T>()) {
      const at = totals + 8 * j;
      const total = load<Total>(at) + <Total>load<T>(x);
      store<Total>(at, total);
      store<T>(out, <T>total);
    }
}

/** Running sums in `Total`, 64 bits; `totals` has room for `inner` of them. */
@inline
function runningSums<T, Total>(x: usize, outer: i32, n: i32, inner: i32, totals: usize, out: usize): void {
  const bytes: usize = n * inner * sizeof<T>();
  for (let o = 0; o < outer; o++, x += bytes, out += bytes)
    if (inner == 1) runningLine<T, Total>(x, n, out);
    else runningLines<T, Total>(x, n, inner, totals, out);
}

export function runningSumsF32(x: usize, outer: i32, n: i32, inner: i32, totals: usize, out: usize): void {
  runningSums<f32, f64>(x, outer, n, inner, totals, out);
}

export function runningSumsF64(x: usize, outer: i32, n: i32, inner: i32, totals: usize, out: usize): void {
  runningSums<f64, f64>(x, outer, n, inner, totals, out);
}

export function runningSumsI32(x: usize, outer: i32, n: i32, inner: i32, totals: usize, out: usize): void {
  runningSums<i32, i64>(x, outer, n, inner, totals, out);
}
