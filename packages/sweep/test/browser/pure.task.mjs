// A task without imports, as a worker of a browser can load it by its address.
export default {
  name: "pure",
  run: ({ scale }, key) => ({ x: scale * Number.parseInt(key.slice(0, 8), 16) }),
};
