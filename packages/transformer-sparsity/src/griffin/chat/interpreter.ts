/**
 * Runs the syntax tree of a chat template.
 *
 * Templates come with models and are not to be trusted: there is no way from a value to anything but its fields and the methods named in this folder, nothing
 * can be written but variables and namespaces, and every step, character and level of nesting counts against a limit, so that each template ends.
 */
import { filterOf, testOf } from "./filters.js";
import { attribute, slice, subscript } from "./members.js";
import { binary } from "./operators.js";
import { text } from "./print.js";
import { checkLength, joined, sizeOf } from "./size.js";
import { type Node, type Nodes, isNode } from "./syntax.js";
import {
  type Arguments,
  type Value,
  Callable,
  Float,
  Namespace,
  Tuple,
  Undefined,
  fail,
  isDict,
  isList,
  itemsOf,
  keyOf,
  numeric,
  truth,
} from "./values.js";

/** What a template may take: steps, where 16 characters that are read or made count as one, and levels of nesting. */
const LIMITS = { steps: 1_000_000, depth: 400 };

/** Variables in sight: those of the block, then those around it. */
export class Scope {
  private readonly variables = new Map<string, Value>();
  constructor(private readonly outer?: Scope) {}
  get(name: string): Value | undefined {
    return this.variables.has(name) ? this.variables.get(name) : this.outer?.get(name);
  }
  set(name: string, value: Value): void {
    this.variables.set(name, value);
  }
}

/** How a block ends: in the usual way, or by `break` or `continue`. */
type Ending = "break" | "continue" | undefined;

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);

export class Interpreter {
  private steps = 0;
  private depth = 0;

  /** What the template prints. */
  run(program: Node, scope: Scope): string {
    const out: string[] = [];
    this.block((program as Node & Nodes["Program"]).body, scope, out);
    return joined(out, "");
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > LIMITS.steps) fail(`it takes more than ${LIMITS.steps} steps`);
  }

  /** A value that was made. */
  private made<T extends Value>(x: T): T {
    const size = sizeOf(x);
    checkLength(size);
    this.spend((typeof x === "string" || isList(x) ? x.length : 1) / 16);
    return x;
  }

  /** A value that is read from end to end. */
  private read<T extends Value>(x: T): T {
    this.spend(sizeOf(x) / 16);
    return x;
  }

  private nested<T>(work: () => T): T {
    if (++this.depth > LIMITS.depth) fail(`it nests more than ${LIMITS.depth} deep`);
    try {
      return work();
    } finally {
      this.depth--;
    }
  }

  private block(nodes: readonly Node[], scope: Scope, out: string[]): Ending {
    return this.nested(() => {
      for (const node of nodes) {
        const ending = this.statement(node, scope, out);
        if (ending) return ending;
      }
      return undefined;
    });
  }

  /** The text of a block that stands for a value. */
  private captured(nodes: readonly Node[], scope: Scope): string {
    const out: string[] = [];
    if (this.block(nodes, scope, out)) fail("break and continue belong into a loop");
    return this.made(joined(out, ""));
  }

  private statement(node: Node, scope: Scope, out: string[]): Ending {
    this.spend(1);
    if (isNode(node, "If"))
      return this.block(
        truth(this.value(node.test, scope)) ? node.body : node.alternate,
        scope,
        out,
      );
    if (isNode(node, "For")) return this.loop(node, scope, out);
    if (node.type === "Break") return "break";
    if (node.type === "Continue") return "continue";
    if (node.type === "Comment") return undefined;
    if (isNode(node, "Set")) this.assign(node.assignee, this.assigned(node, scope), scope);
    else if (isNode(node, "Macro")) scope.set(node.name.value, this.macro(node, scope));
    else out.push(this.made(text(this.read(this.printed(node, scope)))));
    return undefined;
  }

  private printed(node: Node, scope: Scope): Value {
    if (isNode(node, "FilterStatement"))
      return this.filter(this.captured(node.body, scope), node.filter, scope);
    if (!isNode(node, "CallStatement")) return this.value(node, scope);
    const inner = new Scope(scope);
    const caller = { name: { value: "caller" }, args: node.callerArgs ?? [], body: node.body };
    const args = this.arguments(node.call.args, scope);
    const named = new Map(args.named).set("caller", this.macro(caller, inner));
    return this.call(this.value(node.call.callee, scope), { list: args.list, named });
  }

  private assigned(node: Nodes["Set"], scope: Scope): Value {
    return node.value === null
      ? this.captured(node.body, new Scope(scope))
      : this.value(node.value, scope);
  }

  private assign(target: Node, value: Value, scope: Scope): void {
    if (isNode(target, "Identifier")) {
      if (CONSTANTS.has(target.value)) fail(`"${target.value}" cannot be set`);
      scope.set(target.value, value);
    } else if (isNode(target, "TupleLiteral")) {
      const parts = itemsOf(value);
      if (parts.length !== target.value.length)
        fail(`${target.value.length} variables cannot take ${parts.length} values`);
      target.value.forEach((part, i) => {
        this.assign(part, parts[i]!, scope);
      });
    } else if (isNode(target, "MemberExpression") && isNode(target.property, "Identifier")) {
      const object = this.value(target.object, scope);
      if (!(object instanceof Namespace)) return fail("only members of a namespace can be set");
      object.fields.set(target.property.value, value);
    } else fail("this cannot be set");
  }

  private loop(node: Nodes["For"], scope: Scope, out: string[]): Ending {
    const chosen = isNode(node.iterable, "SelectExpression") ? node.iterable : undefined;
    const all = itemsOf(this.value(chosen ? chosen.lhs : node.iterable, scope));
    this.spend(all.length);
    const within = (item: Value): Scope => {
      const inner = new Scope(scope);
      this.assign(node.loopvar, item, inner);
      return inner;
    };
    const items = chosen ? all.filter((item) => truth(this.value(chosen.test, within(item)))) : all;
    const state: { last?: Value } = {};
    let finished = false;
    for (let i = 0; i < items.length; i++) {
      const inner = within(items[i]!);
      inner.set("loop", loopState(items, i, state));
      const ending = this.block(node.body, inner, out);
      if (ending === "break") break;
      finished ||= ending === undefined;
    }
    // as Jinja has it: also when every round was cut short
    return finished ? undefined : this.block(node.defaultBlock, new Scope(scope), out);
  }

  private macro({ name, args, body }: Nodes["Macro"], scope: Scope): Callable {
    const parameters = args.map((node) =>
      isNode(node, "KeywordArgumentExpression")
        ? { name: node.key.value, fallback: node.value }
        : { name: (node as Node & Nodes["Identifier"]).value, fallback: undefined },
    );
    return new Callable(name.value, ({ list, named }) => {
      const inner = new Scope(scope);
      const rest = new Map(named);
      if (list.length > parameters.length)
        fail(`macro "${name.value}" takes at most ${parameters.length} arguments`);
      parameters.forEach((parameter, i) => {
        const twice = i < list.length && rest.has(parameter.name);
        if (twice) fail(`macro "${name.value}" got its argument "${parameter.name}" twice`);
        const given = i < list.length ? list[i] : rest.get(parameter.name);
        rest.delete(parameter.name);
        const otherwise = (): Value =>
          parameter.fallback
            ? this.value(parameter.fallback, inner)
            : new Undefined(`"${parameter.name}"`);
        inner.set(parameter.name, given === undefined ? otherwise() : given);
      });
      const caller = rest.get("caller");
      if (caller !== undefined) inner.set("caller", caller);
      rest.delete("caller");
      for (const unknown of rest.keys()) fail(`macro "${name.value}" has no argument "${unknown}"`);
      return this.captured(body, inner);
    });
  }

  private value(node: Node, scope: Scope): Value {
    this.spend(1);
    return this.nested(() => this.evaluated(node, scope));
  }

  private evaluated(node: Node, scope: Scope): Value {
    if (isNode(node, "Identifier")) return this.variable(node.value, scope);
    if (isNode(node, "StringLiteral") || isNode(node, "IntegerLiteral")) return node.value;
    if (isNode(node, "FloatLiteral")) return new Float(node.value);
    if (isNode(node, "ArrayLiteral"))
      return this.made(node.value.map((item) => this.value(item, scope)));
    if (isNode(node, "TupleLiteral"))
      return this.made(new Tuple(node.value.map((item) => this.value(item, scope))));
    if (isNode(node, "ObjectLiteral"))
      return this.made(
        new Map(
          [...node.value].map(([key, item]) => [
            keyOf(this.value(key, scope)),
            this.value(item, scope),
          ]),
        ),
      );
    if (isNode(node, "MemberExpression")) return this.member(node, scope);
    if (isNode(node, "CallExpression"))
      return this.call(this.value(node.callee, scope), this.arguments(node.args, scope));
    if (isNode(node, "FilterExpression"))
      return this.filter(this.value(node.operand, scope), node.filter, scope);
    if (isNode(node, "TestExpression")) return this.test(node, scope);
    if (isNode(node, "BinaryExpression")) return this.binary(node, scope);
    if (isNode(node, "UnaryExpression")) return this.unary(node, scope);
    if (isNode(node, "Ternary"))
      return this.value(
        truth(this.value(node.condition, scope)) ? node.trueExpr : node.falseExpr,
        scope,
      );
    if (isNode(node, "SelectExpression"))
      return truth(this.value(node.test, scope))
        ? this.value(node.lhs, scope)
        : new Undefined("the value of an if without else");
    return fail(`${node.type} is not understood`);
  }

  private variable(name: string, scope: Scope): Value {
    const value = CONSTANTS.has(name) ? CONSTANTS.get(name) : scope.get(name);
    return value === undefined ? new Undefined(`"${name}"`) : value;
  }

  private member({ object, property, computed }: Nodes["MemberExpression"], scope: Scope): Value {
    const of = this.value(object, scope);
    if (typeof of === "string") this.read(of);
    const end = (x: Node | undefined): Value | undefined => x && this.value(x, scope);
    if (isNode(property, "SliceExpression"))
      return this.made(slice(of, end(property.start), end(property.stop), end(property.step)));
    if (computed) return subscript(of, this.value(property, scope));
    if (isNode(property, "IntegerLiteral")) return subscript(of, property.value);
    return attribute(of, (property as Node & Nodes["Identifier"]).value);
  }

  private arguments(nodes: readonly Node[], scope: Scope): Arguments {
    const list: Value[] = [];
    const named = new Map<string, Value>();
    for (const node of nodes) {
      if (isNode(node, "KeywordArgumentExpression"))
        named.set(node.key.value, this.value(node.value, scope));
      else if (isNode(node, "SpreadExpression"))
        list.push(...itemsOf(this.value(node.argument, scope)));
      else if (isNode(node, "KeywordSpreadExpression")) {
        const more = this.value(node.argument, scope);
        if (!isDict(more)) return fail("** needs an object");
        for (const [key, value] of more as ReadonlyMap<string, Value>) named.set(key, value);
      } else list.push(this.value(node, scope));
    }
    return { list, named };
  }

  private call(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) callee.refuse();
    return callee instanceof Callable
      ? this.made(callee.call(args))
      : fail("this cannot be called");
  }

  private filter(x: Value, filter: Node, scope: Scope): Value {
    const [name, args] = isNode(filter, "CallExpression")
      ? [filter.callee, this.arguments(filter.args, scope)]
      : [filter, { list: [], named: new Map<string, Value>() }];
    return this.made(filterOf((name as Node & Nodes["Identifier"]).value)(this.read(x), args));
  }

  private test({ operand, negate, test }: Nodes["TestExpression"], scope: Scope): boolean {
    const [name, args] = isNode(test, "CallExpression") ? [test.callee, test.args] : [test, []];
    const other = args[0] ? this.value(args[0], scope) : undefined;
    const run = testOf((name as Node & Nodes["Identifier"]).value);
    return (
      run(this.value(operand, scope), other === undefined ? other : this.read(other)) !== negate
    );
  }

  private binary({ operator, left, right }: Nodes["BinaryExpression"], scope: Scope): Value {
    const a = this.value(left, scope);
    if (operator.value === "and") return truth(a) ? this.value(right, scope) : a;
    if (operator.value === "or") return truth(a) ? a : this.value(right, scope);
    return this.made(binary(operator.value, this.read(a), this.read(this.value(right, scope))));
  }

  private unary({ operator, argument }: Nodes["UnaryExpression"], scope: Scope): Value {
    const x = this.value(argument, scope);
    if (operator.value === "not") return !truth(x);
    if (x instanceof Undefined) x.refuse();
    const number = numeric(x) ?? fail(`"${operator.value}" is of numbers`);
    const signed = operator.value === "-" ? -number : number;
    return x instanceof Float ? new Float(signed) : signed === 0 ? 0 : signed;
  }
}

/** What `loop` is inside a loop. */
function loopState(items: readonly Value[], i: number, state: { last?: Value }): Value {
  const around = (j: number, name: string): Value =>
    j >= 0 && j < items.length ? items[j]! : new Undefined(`loop.${name}`);
  const cycle = new Callable("cycle", ({ list }) =>
    list.length === 0 ? fail("cycle needs values") : list[i % list.length]!,
  );
  const changed = new Callable("changed", ({ list }) => {
    const now = text(list[0] ?? null);
    const before = state.last;
    state.last = now;
    return now !== before;
  });
  return new Map<string, Value>([
    ["index", i + 1],
    ["index0", i],
    ["revindex", items.length - i],
    ["revindex0", items.length - i - 1],
    ["first", i === 0],
    ["last", i === items.length - 1],
    ["length", items.length],
    ["depth", 1],
    ["previtem", around(i - 1, "previtem")],
    ["nextitem", around(i + 1, "nextitem")],
    ["cycle", cycle],
    ["changed", changed],
  ]);
}
