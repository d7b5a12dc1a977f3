// Takes the secrets of URLs out of text of any kind: messages, stack traces, connection strings. All of it is linear.
import { REDACTED, redactPath } from "./urls.ts";

const MARK = "://";
/** What no URL in a sentence, in JSON, in XML or in Markdown goes beyond. */
const URL_END = /[\s"'`<>]|$/g;
const AUTHORITY_END = /[/?#\\]|$/;
const PORT = /^[\d\W]*$/;
const CLEAN = `${REDACTED}:${REDACTED}@`;

/** `redis://me:pw@cache is away` -> `redis://REDACTED:REDACTED@cache is away` */
export function redactCredentialsIn(text: string): string {
  const mark = text.lastIndexOf(MARK);
  if (mark < 0) return text;
  // Most have no user; only what a limit of length has cut has one without an `@`.
  if (!text.includes("@") && text.includes("/", mark + MARK.length)) return text;
  return changeUrls(text, true, redactCredentials);
}

/** `GET https://a.example/?token=t failed` -> `GET https://a.example/?token=REDACTED failed` */
export function redactQueriesIn(text: string): string {
  if (!text.includes(MARK) || !text.includes("?")) return text;
  // As a whole, and then those that stand in another's query.
  return changeUrls(changeUrls(text, false, redactPath), true, redactPath);
}

/** The same for a URL whose own query is clean already, but which may hold another. */
export function redactQueriesInside(url: string): string {
  const mark = url.indexOf(MARK);
  return mark >= 0 && url.includes(MARK, mark + MARK.length) ? redactQueriesIn(url) : url;
}

/** Changes what follows each `://`: up to the URL's end, or only up to the next `://` in it. */
function changeUrls(text: string, isSplit: boolean, change: (rest: string, isAtEnd: boolean) => string): string {
  let out = "";
  let copied = 0;
  let urlEnd = 0;
  for (let mark = text.indexOf(MARK); mark >= 0;) {
    const start = mark + MARK.length;
    if (start > urlEnd) {
      URL_END.lastIndex = start;
      urlEnd = URL_END.exec(text)?.index ?? text.length;
    }
    mark = text.indexOf(MARK, isSplit ? start : urlEnd);
    const end = mark < 0 ? urlEnd : Math.min(urlEnd, mark);
    out += text.slice(copied, start) + change(text.slice(start, end), end === text.length);
    copied = end;
  }
  return out + text.slice(copied);
}

function redactCredentials(rest: string, isAtEnd: boolean): string {
  const authorityEnd = rest.search(AUTHORITY_END);
  const at = rest.slice(0, authorityEnd).lastIndexOf("@");
  if (at >= 0) return CLEAN + rest.slice(at + 1);
  const colon = rest.indexOf(":");
  if (colon < 0 || colon > authorityEnd || rest.startsWith("[") || PORT.test(rest.slice(colon + 1, authorityEnd))) {
    return rest;
  }
  // Not a port, so it may be a password: one with `/`, `?` or `#` in it, or one that a limit of length has cut.
  const later = rest.lastIndexOf("@");
  if (later >= 0) return CLEAN + rest.slice(later + 1);
  return isAtEnd && authorityEnd === rest.length ? CLEAN : rest;
}
