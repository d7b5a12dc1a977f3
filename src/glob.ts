// Patterns with `*` for any characters, in settings that name routes, keys or paths.

/** Whether a text is matched by one of the globs, whole. Linear, unlike a regular expression made of many `.*`. */
export function createGlobTest(globs: readonly string[]): (text: string) => boolean {
  const patterns = globs.map((glob) => glob.split("*"));
  return (text) => patterns.some((pieces) => matches(text, pieces));
}

function matches(text: string, pieces: readonly string[]): boolean {
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let position = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}
