// Reads what our rule files hold, as far as we use YAML in them: one key per line, and expressions in blocks.

export interface Rule {
  readonly name: string;
  readonly isAlert: boolean;
  readonly expr: string;
  /** Names of the labels that the rule gives. */
  readonly labels: readonly string[];
  readonly summary: string;
}

export function readRules(yaml: string): Rule[] {
  const rules: string[][] = [];
  for (const line of yaml.split("\n")) {
    if (/^ {6}- (?:record|alert): /.test(line)) rules.push([]);
    // A comment, and the next group, end a rule.
    if (/^ {0,6}[^ ]/.test(line) && !/^ {6}- (?:record|alert): /.test(line)) rules.push([]);
    rules.at(-1)?.push(line);
  }
  return rules.filter(([first = ""]) => first.startsWith("      - ")).map(readRule);
}

function readRule(lines: readonly string[]): Rule {
  const text = lines.join("\n");
  const [, kind, name = ""] = /^ {6}- (record|alert): (.+)/.exec(text) ?? [];
  const [, expr = ""] = /^ {8}expr: (?:\|\n)?((?:.+)(?:\n {10,}.*)*)/m.exec(text) ?? [];
  const [, labels = ""] = /^ {8}labels: \{(.*)\}/m.exec(text) ?? [];
  const [, summary = ""] = /^ {10}summary: (.*)/m.exec(text) ?? [];
  if (expr === "") throw new Error(`${name} has no expression`);
  return {
    name,
    isAlert: kind === "alert",
    expr,
    labels: Array.from(labels.matchAll(/(\w+):/g), ([, label]) => label as string),
    summary,
  };
}
