#!/usr/bin/env node
// The executable of the package.
import { main } from "../cli.ts";

process.exitCode = main(process.argv.slice(2));
