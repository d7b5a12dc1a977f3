// Who sends this telemetry: the resource, all of it known at once, so that nothing waits for a detector.
// https://opentelemetry.io/docs/specs/semconv/resource/
import { randomUUID } from "node:crypto";
import { arch, hostname, platform, release } from "node:os";
import type { Attributes } from "@opentelemetry/api";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { AppPackage } from "./app-package.ts";
import type { Config, ResourceDetectorName } from "./config/config.ts";
import { VERSION } from "./version.ts";

/** Command lines and user names are left out: they hold secrets more often than they help. */
const DETECTORS: Record<Exclude<ResourceDetectorName, "all" | "none" | "env">, () => Attributes> = {
  host: () => ({ "host.name": hostname(), "host.arch": arch() === "x64" ? "amd64" : arch() }),
  os: () => ({ "os.type": platform() === "win32" ? "windows" : platform(), "os.version": release() }),
  process: () => ({
    "process.pid": process.pid,
    "process.executable.name": "node",
    "process.runtime.name": "nodejs",
    "process.runtime.version": process.versions.node,
  }),
  serviceinstance: () => ({ "service.instance.id": randomUUID() }),
};

type ResourceConfig = Pick<Config, "serviceName" | "resourceAttributes" | "resourceDetectors">;

/** `detected`: what plug-ins say; the environment says it last. */
export function createResource(config: ResourceConfig, app: AppPackage, detected: Attributes = {}): Resource {
  const isOn = (name: ResourceDetectorName): boolean =>
    config.resourceDetectors.includes(name) || config.resourceDetectors.includes("all");
  const attributes: Attributes = {
    "service.name": config.serviceName ?? app.name ?? "unknown_service:node",
    ...(app.version === undefined ? {} : { "service.version": app.version }),
    "telemetry.sdk.language": "nodejs",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "3.0.0",
    "telemetry.distro.name": "redtrail",
    "telemetry.distro.version": VERSION,
  };
  for (const [name, detect] of Object.entries(DETECTORS)) {
    if (isOn(name as ResourceDetectorName)) Object.assign(attributes, detect());
  }
  Object.assign(attributes, detected);
  if (config.serviceName !== undefined) attributes["service.name"] = config.serviceName;
  if (isOn("env")) {
    const { "service.name": _, ...rest } = config.resourceAttributes;
    Object.assign(attributes, rest);
  }
  return resourceFromAttributes(attributes);
}
