// openapi.json as redocly reads it.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { DOCUMENT, here, inFolder, runNode } from "./tools.mjs";

const SILENT = { REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };

const lint = (document) =>
  runNode("@redocly/cli/bin/cli.js", ["lint", document, "--config", here("redocly.yaml"), "--format", "stylish"], SILENT);

test("a strict linter finds nothing wrong with the document", async () => {
  const { code, output } = await lint(DOCUMENT);
  assert.equal(code, 0, output);
});

// The control.
test("a document with faults does not pass the linter", async () => {
  const document = JSON.parse(await readFile(DOCUMENT, "utf8"));
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  operations[1].operationId = operations[0].operationId;
  delete operations[2].summary;
  operations[3].responses["200"].content["application/json"].schema = { $ref: "#/components/schemas/Nothing" };
  await inFolder(async (folder) => {
    const planted = path.join(folder, "openapi.json");
    await writeFile(planted, JSON.stringify(document));
    const { code, output } = await lint(planted);
    assert.equal(code, 1, output);
    for (const rule of ["operation-operationId-unique", "operation-summary", "no-unresolved-refs"]) {
      assert.match(output, new RegExp(rule), output);
    }
  });
});
