// What to say of whatever was thrown: one line, short, and never an error of its own.

const MAX_LENGTH = 300;

/** `TypeError: x is not a function`, `SyntaxError: Unexpected token (/app/plug-in.js:3)`, `thrown: 7`. */
export function describeError(error: unknown): string {
  try {
    const text = error instanceof Error ? ofError(error) : `thrown: ${String(error)}`;
    const line = text.replaceAll(/\p{Cc}+/gu, " ").trim();
    return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}...` : line;
  } catch {
    return "an error that cannot be described";
  }
}

function ofError(error: Error): string {
  const [message = ""] = error.message.split("\n", 1);
  const text = `${error.name}: ${message}`;
  // The stack of a syntax error begins with the place, and not with the error.
  const [place = ""] = error instanceof SyntaxError ? String(error.stack).split("\n", 1) : [];
  return /^\S.*:\d+$/.test(place) ? `${text} (${place})` : text;
}
