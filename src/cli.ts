// `npx redtrail`: finds the command in the table and runs it.
import { suggest } from "./config/suggest.ts";
import { newInstrumentation } from "./cli/new-instrumentation.ts";
import { VERSION } from "./version.ts";

export interface Command {
  /** `new instrumentation`. */
  readonly words: string;
  /** What follows, for people: `NAME [--esm]`. */
  readonly arguments: string;
  readonly summary: string;
  /** Returns the exit code: 0, 1 when it could not do it, 2 when it was called wrongly. */
  readonly run: (args: readonly string[]) => number;
}

const COMMANDS: readonly Command[] = [
  {
    words: "new instrumentation",
    arguments: "NAME [--esm | --typescript]",
    summary: "writes a plug-in for the package NAME, with a test that passes",
    run: newInstrumentation,
  },
  { words: "help", arguments: "", summary: "says this", run: help },
];

/** The exit code. */
export function main(args: readonly string[]): number {
  const [first] = args;
  if (first === undefined || first === "--help" || first === "-h") return help();
  if (first === "--version" || first === "-v") {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const command = COMMANDS.find(({ words }) => words.split(" ").every((word, index) => args[index] === word));
  if (command !== undefined) return command.run(args.slice(command.words.split(" ").length));
  process.stderr.write(`redtrail: ${unknown(args)}; "npx redtrail help" has them all\n`);
  return 2;
}

function unknown(args: readonly string[]): string {
  const longest = Math.max(...COMMANDS.map(({ words }) => words.split(" ").length));
  const given = args.slice(0, longest).join(" ");
  const near = COMMANDS.map(({ words }) => words).filter((words) => isNear(args, words));
  return `"${given}" is no command${near.length === 0 ? "" : ` (did you mean "${near.join('" or "')}"?)`}`;
}

/** The first word is right, or misspelt. */
function isNear([first = ""]: readonly string[], words: string): boolean {
  const [word = ""] = words.split(" ");
  return word === first || suggest(first, [word]) !== undefined;
}

function help(): number {
  const usages = COMMANDS.map((command) => `${command.words} ${command.arguments}`.trim());
  const width = Math.max(...usages.map((usage) => usage.length)) + 2;
  const lines = COMMANDS.map(({ summary }, index) => `  ${(usages[index] as string).padEnd(width)}${summary}`);
  process.stdout.write(`redtrail ${VERSION}\n\nnpx redtrail COMMAND\n\n${lines.join("\n")}\n`);
  return 0;
}
