// The tables: means over the squares, with the half width of the 95 % interval.
const T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365];

const interval = (values, digits) => {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return mean.toFixed(digits);
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1);
  return `${mean.toFixed(digits)} ± ${((T95[n - 2] ?? 2) * Math.sqrt(variance / n)).toFixed(digits)}`;
};

/** One table for each problem, as Markdown. */
export function report(rows) {
  const problems = [...new Set(rows.map(({ problem }) => problem))];
  return problems
    .map((problem) => {
      const here = rows.filter((row) => row.problem === problem);
      const names = [...new Set(here.map(({ name }) => name))];
      const lines = names.map((name) => {
        const of = here.filter((row) => row.name === name);
        const column = (key, digits) =>
          interval(
            of.map((row) => row[key]),
            digits,
          );
        const evaluations = Math.round(of.reduce((a, b) => a + b.numEvaluations, 0) / of.length);
        return `| ${name} | ${column("psnr", 2)} | ${column("ssim", 3)} | ${column("gmsd", 3)} | ${evaluations} |`;
      });
      const squares = new Set(here.map(({ crop }) => crop)).size;
      return [
        `### ${problem}, ${squares} square${squares === 1 ? "" : "s"}`,
        "",
        "| method | PSNR, dB | SSIM | GMSD, less is better | evaluations |",
        "| --- | --- | --- | --- | --- |",
        ...lines,
        "",
      ].join("\n");
    })
    .join("\n");
}
