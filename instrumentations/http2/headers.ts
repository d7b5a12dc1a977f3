// Headers as node:http2 takes and keeps them: an object whose keys have any case, or a list of names and values.

/** `[name, value, ...]` is understood by Node 24 and later. */
export type Http2Headers = Readonly<Record<string, unknown>> | readonly unknown[];

/** The value of a header by its name in lower case; a list's first one. */
export function headerIn(headers: Http2Headers, name: string): unknown {
  if (Array.isArray(headers)) {
    const index = indexIn(headers, name);
    return index < 0 ? undefined : headers[index + 1];
  }
  const key = keyIn(headers as Record<string, unknown>, name);
  return key === undefined ? undefined : (headers as Record<string, unknown>)[key];
}

/** As text, for attributes. */
export function textsIn(headers: Http2Headers, name: string): string | string[] | undefined {
  const value = headerIn(headers, name);
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value.map(String) : String(value);
}

/** A copy that is ours to change, with what says that some headers are sensitive (`http2.sensitiveHeaders`, a symbol). */
export function copyHeaders(headers: Http2Headers | null | undefined): Http2Headers {
  if (!Array.isArray(headers)) return { ...(headers as Readonly<Record<string, unknown>>) };
  const copy: unknown[] = [...(headers as readonly unknown[])];
  for (const key of Object.getOwnPropertySymbols(headers)) Reflect.set(copy, key, Reflect.get(headers, key));
  return copy;
}

/** `headers`: a copy. In place of a header of that name where there is one. */
export function setHeader(headers: Http2Headers, name: string, value: string): void {
  if (Array.isArray(headers)) {
    const index = indexIn(headers, name);
    if (index < 0) headers.push(name, value);
    else headers[index + 1] = value;
    return;
  }
  const fields = headers as Record<string, unknown>;
  fields[keyIn(fields, name) ?? name] = value;
}

/** `headers`: a copy. All of that name. */
export function deleteHeader(headers: Http2Headers, name: string): void {
  if (Array.isArray(headers)) {
    for (let index = indexIn(headers, name); index >= 0; index = indexIn(headers, name)) headers.splice(index, 2);
    return;
  }
  const fields = headers as Record<string, unknown>;
  for (let key = keyIn(fields, name); key !== undefined; key = keyIn(fields, name)) Reflect.deleteProperty(fields, key);
}

function indexIn(headers: readonly unknown[], name: string): number {
  return headers.findIndex((key, index) => index % 2 === 0 && String(key).toLowerCase() === name);
}

function keyIn(headers: Readonly<Record<string, unknown>>, name: string): string | undefined {
  if (Object.hasOwn(headers, name)) return name;
  for (const key in headers) if (key.length === name.length && key.toLowerCase() === name) return key;
  return undefined;
}
