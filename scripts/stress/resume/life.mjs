// One life of a job: goes on from the file, says when its first step is saved, and writes the result at the end. It may be killed at any moment.
//   node life.mjs job file
import { jobs } from "./jobs.mjs";
import { loadFile, saveFile } from "./store.mjs";

const [name, file] = process.argv.slice(2);
let steps = 0;
const result = jobs[name](loadFile(`${file}.state`), (state) => {
  saveFile(`${file}.state`, state);
  if (steps++ === 0) process.send?.("running");
});
saveFile(`${file}.result`, result);
