/** The syntax tree of a template, as `@huggingface/jinja` gives it. */

export interface Node {
  readonly type: string;
}

/** The nodes by their type. */
export interface Nodes {
  Program: { readonly body: readonly Node[] };
  If: { readonly test: Node; readonly body: readonly Node[]; readonly alternate: readonly Node[] };
  For: {
    readonly loopvar: Node;
    readonly iterable: Node;
    readonly body: readonly Node[];
    readonly defaultBlock: readonly Node[];
  };
  Set: { readonly assignee: Node; readonly value: Node | null; readonly body: readonly Node[] };
  Macro: {
    readonly name: Nodes["Identifier"];
    readonly args: readonly Node[];
    readonly body: readonly Node[];
  };
  CallStatement: {
    readonly call: Nodes["CallExpression"];
    readonly callerArgs: readonly Node[] | null;
    readonly body: readonly Node[];
  };
  FilterStatement: { readonly filter: Node; readonly body: readonly Node[] };
  MemberExpression: { readonly object: Node; readonly property: Node; readonly computed: boolean };
  CallExpression: { readonly callee: Node; readonly args: readonly Node[] };
  Identifier: { readonly value: string };
  IntegerLiteral: { readonly value: number };
  FloatLiteral: { readonly value: number };
  StringLiteral: { readonly value: string };
  ArrayLiteral: { readonly value: readonly Node[] };
  TupleLiteral: { readonly value: readonly Node[] };
  ObjectLiteral: { readonly value: ReadonlyMap<Node, Node> };
  BinaryExpression: {
    readonly operator: { readonly value: string };
    readonly left: Node;
    readonly right: Node;
  };
  UnaryExpression: { readonly operator: { readonly value: string }; readonly argument: Node };
  FilterExpression: { readonly operand: Node; readonly filter: Node };
  TestExpression: { readonly operand: Node; readonly negate: boolean; readonly test: Node };
  SelectExpression: { readonly lhs: Node; readonly test: Node };
  Ternary: { readonly condition: Node; readonly trueExpr: Node; readonly falseExpr: Node };
  SliceExpression: { readonly start?: Node; readonly stop?: Node; readonly step?: Node };
  KeywordArgumentExpression: { readonly key: Nodes["Identifier"]; readonly value: Node };
  SpreadExpression: { readonly argument: Node };
  KeywordSpreadExpression: { readonly argument: Node };
}

/** Whether a node is of a type. */
export function isNode<T extends keyof Nodes>(
  node: Node,
  type: T,
): node is Node & Readonly<Nodes[T]> {
  return node.type === type;
}
