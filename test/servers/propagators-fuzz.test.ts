// A million hostile sets of headers through every propagator. It needs no server, but half a minute.
process.env["REDTRAIL_FUZZ_INPUTS"] = "1000000";
await import("../propagators/fuzz.test.ts");
