// Random hex digits for ids, bought from the system 2,048 at a time: a call for each id would cost 6 us.
import { randomFillSync } from "node:crypto";

const bytes = Buffer.allocUnsafe(1024);
let pool = "";
let used = 0;

export function randomHex(length: number): string {
  if (used + length > pool.length) {
    pool = randomFillSync(bytes).toString("hex");
    used = 0;
  }
  used += length;
  return pool.slice(used - length, used);
}
