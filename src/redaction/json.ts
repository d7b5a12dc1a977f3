// Replaces the values of a JSON text by `"?"`: commands of document databases, and what looks like one. Keys stay.

const LITERAL = '"?"';
/** A bare word: a number, a key without quotes, `ObjectId(`, true. */
const WORD = /[^\s"'`{}[\](),:]+/y;
const CONSTANTS: ReadonlySet<string> = new Set(["true", "false", "null"]);
const KEY_MARK = /\s*:/y;

/** One pass, whatever the text is; a text without an end goes to the end of all. */
export function redactJson(text: string): string {
  let out = "";
  let copied = 0;
  for (let position = 0; position < text.length;) {
    const end = tokenEnd(text, position);
    if (end > 0 && isValue(text, position, end)) {
      out += text.slice(copied, position) + LITERAL;
      copied = end;
    }
    position = end || position + 1;
  }
  return copied === 0 ? text : out + text.slice(copied);
}

/** 0 for what is neither a text nor a word. */
function tokenEnd(text: string, start: number): number {
  const quote = text[start] as string;
  if (quote !== '"' && quote !== "'" && quote !== "`") {
    WORD.lastIndex = start;
    return WORD.test(text) ? WORD.lastIndex : 0;
  }
  for (let position = start + 1; position < text.length; position++) {
    if (text[position] === "\\") position++;
    else if (text[position] === quote) return position + 1;
  }
  return text.length;
}

function isValue(text: string, start: number, end: number): boolean {
  KEY_MARK.lastIndex = end;
  if (KEY_MARK.test(text)) return false;
  const isConstant = end - start <= 5 && CONSTANTS.has(text.slice(start, end));
  return !isConstant && text[end] !== "(";
}
