import * as p from "@provably/core-tensor";
import { golden } from "./cases.js";

const list = (value: unknown): number[] => value as number[];

golden(
  "shape",
  {
    reshape: ([x], { shape }) => p.reshape(x!, list(shape)),
    transpose: ([x], { axes }) => p.transpose(x!, list(axes)),
    broadcastTo: ([x], { shape }) => p.broadcastTo(x!, list(shape)),
    flip: ([x], { axes }) => p.flip(x!, list(axes)),
    slice: ([x], { start, stop, step }) => p.slice(x!, list(start), list(stop), list(step)),
    concat: (xs, attrs) => p.concat(xs, attrs),
    stack: (xs, attrs) => p.stack(xs, attrs),
    split: ([x], { axis, sizes }) => p.split(x!, list(sizes), { axis: axis as number }),
    pad: ([x], { pads, value }) => p.pad(x!, pads as [number, number][], value as number),
    tile: ([x], { reps }) => p.tile(x!, list(reps)),
    repeat: ([x], { repeats, axis }) => p.repeat(x!, repeats as number, { axis: axis as number }),
    take: ([x, indices], attrs) => p.take(x!, indices!, attrs),
    takeAlongAxis: ([x, indices], attrs) => p.takeAlongAxis(x!, indices!, attrs),
    scatterAdd: ([x, updates, indices], attrs) => p.scatterAdd(x!, indices!, updates!, attrs),
    triu: ([x], { k }) => p.triu(x!, k as number),
    tril: ([x], { k }) => p.tril(x!, k as number),
    diagonal: ([x]) => p.diagonal(x!),
    diag: ([x]) => p.diag(x!),
    roll: ([x], { shift, axis }) => p.roll(x!, shift as number, axis as number),
  },
  { forward: 1e-12 },
);
