// A progress bar on the terminal; a plain line per task where output is not one.
import { Presets, SingleBar } from "cli-progress";

/** Starts a bar of `total` steps; returns `step(done)` and `finish()`. */
export function progressBar(label, total) {
  if (!process.stdout.isTTY) {
    console.log(`  ${label} …`);
    return { step() {}, finish() {} };
  }
  const bar = new SingleBar(
    {
      format: `  {bar} {percentage}% ${label}`,
      barsize: 24,
      hideCursor: true,
      clearOnComplete: false,
    },
    Presets.rect,
  );
  bar.start(total, 0);
  return {
    step: (done) => bar.update(done),
    finish() {
      bar.update(total);
      bar.stop();
    },
  };
}
