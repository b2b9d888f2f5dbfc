import { readFileSync } from "node:fs";
import { FormatError } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  type ChatMessage,
  applyChatTemplate,
  generate,
  loadModel,
  loadTokenizer,
} from "../../src/griffin/index.js";
import { renderTemplate } from "../../src/griffin/chat/template.js";
import { folder, load, textModel } from "./fixtures.js";

interface Golden {
  readonly now: string;
  readonly cases: {
    readonly name: string;
    readonly template: string;
    readonly special_tokens: Record<string, string>;
    readonly runs: {
      readonly messages: ChatMessage[];
      readonly tools?: object[];
      readonly options: Record<string, unknown>;
      readonly expected?: string;
      readonly error?: { readonly kind: "raised" | "other"; readonly message: string };
    }[];
  }[];
}

const golden = load<Golden>("chat-templates");

describe.each(golden.cases)("the golden chat template $name", (given) => {
  const tokenizer = { chatTemplates: { default: given.template }, specialTokens: given.special_tokens }; // prettier-ignore

  it.each(given.runs)("renders $messages.length messages as Python does", (run) => {
    const { add_generation_prompt: addGenerationPrompt = false, ...variables } = run.options;
    const render = (): string =>
      applyChatTemplate(tokenizer, run.messages, {
        ...(run.tools && { tools: run.tools }),
        addGenerationPrompt: addGenerationPrompt as boolean,
        variables,
        now: new Date(golden.now),
      });
    if (run.error) {
      expect(render).toThrow(FormatError);
      if (run.error.kind === "raised") expect(render).toThrow(run.error.message);
    } else expect(render()).toBe(run.expected);
  });
});

describe("lines of templates", () => {
  const { now, variables, cases } = JSON.parse(
    readFileSync(new URL("../fixtures/jinja-snippets.json", import.meta.url), "utf8"),
  ) as { now: string; variables: Record<string, unknown>; cases: [string, string | null][] };
  const render = (template: string): string | undefined => {
    try {
      return renderTemplate("f", template, variables, new Date(now));
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      return undefined;
    }
  };

  it("print what they print in Python, or are refused", () => {
    let refused = 0;
    for (const [template, expected] of cases) {
      const printed = render(template);
      if (expected !== null && printed === undefined) refused++;
      else expect([template, printed ?? null]).toEqual([template, expected]);
    }
    // of those that Python runs, a few are not understood; see the list of applyChatTemplate
    expect(refused).toBeLessThan(cases.length / 20);
  });
});

describe("chat templates", () => {
  it("come with the tokenizer, from a GGUF file or a folder", async () => {
    const tokenizer = await loadTokenizer(`${folder}/gguf/tokenizers/bpe-a.gguf`);
    expect(tokenizer.specialTokens).toMatchObject({ bos_token: "<|begin|>", eos_token: "<|end|>" });
    const prompt = applyChatTemplate(tokenizer, [{ role: "user", content: "Hi" }]);
    expect(prompt).toBe("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  });

  it.each([
    ["loops in loops", "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", /steps/],
    ["a text that doubles", "{% set n = namespace(s='ab') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}", /longer|steps/],
    ["a list that doubles", "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}", /longer/],
    ["a macro without end", "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", /deep|stack/],
    ["a repeated text", "{{ 'a' * 999999999 }}", /longer/],
    ["a range without end", "{{ range(999999999) | list }}", /at most/],
    ["brackets without end", `{{ ${"(".repeat(99_999)} }}`, /cannot be read/],
    ["a tag without end", "{{ 'a", /no end/],
    ["code", "{{ messages.constructor.constructor('return 1')() }}", /undefined/],
    ["a class", "{{ ''.__class__.__mro__ }}", /undefined/],
    ["a prototype", "{{ messages[0].__proto__.x }}", /undefined/],
    ["writing to a list", "{% set x = messages.append(1) %}", /undefined/],
  ])("are stopped at %s", (_, template, message) => {
    const render = (): string => applyChatTemplate({ chatTemplates: { default: template } }, [{ role: "user" }]);
    expect(render).toThrow(FormatError);
    expect(render).toThrow(message);
  }); // prettier-ignore

  it("make the prompt of generate, with the special tokens that they write", async () => {
    const model = await loadModel(textModel);
    const plain = await loadTokenizer(textModel);
    const template = "{% for m in messages %}{{ m.content }}{% endfor %}";
    const tokenizer = { ...plain, chatTemplates: { default: template } };
    const write = async (prompt: string | ChatMessage[], options = {}): Promise<string> => {
      let text = "";
      for await (const piece of generate(model, tokenizer, prompt, { maxNewTokens: 3, ...options })) text += piece; // prettier-ignore
      return text;
    };
    const start = plain.decode([0], { skipSpecialTokens: false });
    const words = "In the beginning God created the heaven and the";
    expect(await write([{ role: "user", content: start + words }])).toBe(await write(words));
    await expect(write("In", { chat: {} })).rejects.toThrow(/chat is for a list of messages/);
    await expect(write([], { chat: { tool: [] } })).rejects.toThrow(/did you mean "tools"/);
  });

  it("are asked for by name", () => {
    const chatTemplates = { default: "d", tool_use: "t" };
    expect(applyChatTemplate({ chatTemplates }, [])).toBe("d");
    expect(applyChatTemplate({ chatTemplates }, [], { tools: [{}] })).toBe("t");
    expect(applyChatTemplate({ chatTemplates }, [], { template: "tool_use" })).toBe("t");
    expect(() => applyChatTemplate({ chatTemplates }, [], { template: "x" })).toThrow(/"x", only default, tool_use/); // prettier-ignore
    expect(() => applyChatTemplate({}, [])).toThrow(/no chat template/);
  });
});
