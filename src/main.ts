// What the preload loads: starts redtrail from the environment.
import { start } from "./start.ts";

export { start };

export function main(): void {
  start();
}
