// Form controls: a slider, a choice, a line of text, a sketch. Each reports its first value at once, unsettled, and later ones as they change.

const element = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/** A labelled control for a parameter; `given` is its value in the page's address, or null. */
export function control(spec, given, report) {
  return makers[spec.kind](spec, given, report);
}

const makers = {
  range({ name, label, min, max, step, value }, given, report) {
    const start =
      given !== null && Number(given) >= min && Number(given) <= max ? Number(given) : value;
    const shown = element("output", { textContent: String(start) });
    const input = element("input", { type: "range", name, min, max, step, value: String(start) });
    input.value = String(start);
    let waiting;
    input.addEventListener("input", () => {
      shown.textContent = input.value;
      clearTimeout(waiting);
      waiting = setTimeout(() => report(Number(input.value)), 60);
    });
    report(start, false);
    return element("label", {}, element("span", {}, `${label}: `, shown), input);
  },

  select({ name, label, options, value }, given, report) {
    const start = options.includes(given) ? given : value;
    const list = element(
      "select",
      { name },
      ...options.map((option) => element("option", { value: option, textContent: option })),
    );
    list.value = start;
    list.addEventListener("change", () => report(list.value));
    report(start, false);
    return element("label", {}, label, list);
  },

  text({ name, label, value, maxLength }, given, report) {
    const start = given ?? value;
    const input = element("input", {
      type: "text",
      name,
      maxLength,
      value: start,
      autocomplete: "off",
    });
    input.addEventListener("change", () => report(input.value));
    report(start, false);
    return element("label", {}, label, input);
  },

  /** A parameter that buttons in the picture set, kept in the address. */
  hidden({ name, value }, given, report) {
    report(given ?? value, false);
    return element("input", { type: "hidden", name });
  },

  /** A drawing of size × size grey values in [0, 1]; null until something is drawn. */
  sketch({ label, size }, _given, report) {
    const canvas = element("canvas", { width: size, height: size });
    canvas.setAttribute(
      "aria-label",
      `${label}; the choice beside it does the same without a pointer`,
    );
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = size / 12;
    context.strokeStyle = "#fff";
    let drawing = false;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [
        ((event.clientX - box.left) / box.width) * size,
        ((event.clientY - box.top) / box.height) * size,
      ];
    };
    const read = () => {
      const pixels = context.getImageData(0, 0, size, size).data;
      return Array.from({ length: size * size }, (_, i) => pixels[4 * i] / 255);
    };
    canvas.addEventListener("pointerdown", (event) => {
      drawing = true;
      canvas.setPointerCapture(event.pointerId);
      context.beginPath();
      context.moveTo(...at(event));
      context.lineTo(...at(event));
      context.stroke();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      context.lineTo(...at(event));
      context.stroke();
    });
    canvas.addEventListener("pointerup", () => {
      drawing = false;
      report(read());
    });
    const clear = element("button", { type: "button", textContent: "clear" });
    clear.addEventListener("click", () => {
      context.clearRect(0, 0, size, size);
      report(null);
    });
    report(null, false);
    return element(
      "div",
      { className: "sketch" },
      element("span", { textContent: label }),
      element("br"),
      canvas,
      clear,
    );
  },
};
