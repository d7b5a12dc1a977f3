// Loads the plug-ins, before configuration is final: each by itself, so that a broken one is one line and nothing more.
import { createRequire } from "node:module";
import { describeError } from "../diagnostics/describe-error.ts";
import { type ApiPart, registered, takeOffSince } from "../registered-sdk.ts";
import { misspeltParts, recognizePlugin } from "./recognize.ts";
import { PluginRegistry, type Plugins } from "./registry.ts";
import { resolvePlugin } from "./resolve.ts";

export interface LoadedPlugins {
  readonly plugins: Plugins;
  /** Of the plug-ins that are in use, for people. */
  readonly loaded: readonly string[];
  /** What the settings are to know, by the setting's name. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** One line each. */
  readonly problems: readonly string[];
}

const GO_ON = "the app and all else run without it";

/** `folders`: where they are looked for, in this order. Never throws. */
export function loadPlugins(specifiers: readonly string[], folders: readonly string[]): LoadedPlugins {
  const registry = new PluginRegistry();
  const loaded: string[] = [];
  const problems: string[] = [];
  /** It may be named in both lists, and by its path and its package. */
  const files = new Set<string>();
  for (const specifier of specifiers) {
    const before = registered();
    try {
      const file = resolvePlugin(specifier, folders);
      if (files.has(file)) continue;
      files.add(file);
      const plugin = recognizePlugin(createRequire(file)(file));
      const name = nameOf(plugin, specifier);
      problems.push(...registry.add(plugin, name));
      problems.push(...misspeltParts(plugin).map((what) => `plug-in "${name}" has ${what}; it is left out`));
      loaded.push(name);
    } catch (error) {
      problems.push(`plug-in "${specifier}" cannot be used: ${reasonOf(error)}; ${GO_ON}`);
    }
    // The API takes one SDK, and redtrail's comes after the plug-ins.
    const added = takeOffSince(before);
    if (added.length > 0) problems.push(`plug-in "${specifier}" registers ${nameOfAdded(added)}`);
  }
  return { plugins: registry, loaded, names: registry.names, problems };
}

function nameOfAdded(added: readonly ApiPart[]): string {
  return added.every((part) => part === "diag")
    ? "a logger for OpenTelemetry's API; redtrail's takes its place"
    : "an OpenTelemetry SDK of its own; that is taken off again";
}

function nameOf({ name }: { readonly name?: unknown }, specifier: string): string {
  return typeof name === "string" && name !== "" ? name : specifier;
}

function reasonOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (code === "ERR_REQUIRE_ASYNC_MODULE")
    return "it (or what it imports) has a top-level await, and nothing can wait before the app starts";
  // Of resolvePlugin and recognizePlugin, which say what they mean.
  const isTelling = typeof message === "string" && /^(?:it|its|loadOpenTelemetryExtension) /.test(message);
  return isTelling ? message : describeError(error);
}
