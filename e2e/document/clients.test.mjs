// Clients that generators make of openapi.json, against a running server.

import assert from "node:assert/strict";
import { copyFile, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";

import { adminKey, startServer } from "../server.mjs";
import { DOCUMENT, here, inFolder, run, runNode, runPython, startLiar } from "./tools.mjs";

let server;
let admin;

before(async () => {
  server = await startServer();
  admin = await adminKey(server);
});
after(() => server?.stop());

const variables = (base) => ({ BASE_URL: base, ORGANIZATION_ID: admin.organization, ADMIN_KEY: admin.token });

/** Generates the client into the folder and compiles the program beside it; `change` is done to the program first. */
const compile = async (folder, change = (text) => text) => {
  // Otherwise a field of a body that has a default would have to be sent.
  const args = [DOCUMENT, "--output", path.join(folder, "api.ts"), "--default-non-nullable", "false"];
  // In the folder: beside redocly.yaml it lints, too, and does not know what the linter is told to pass over.
  const generated = await runNode("openapi-typescript/bin/cli.js", args, {}, folder);
  assert.equal(generated.code, 0, generated.output);
  await symlink(here("../node_modules"), path.join(folder, "node_modules"));
  await copyFile(here("clients/tsconfig.json"), path.join(folder, "tsconfig.json"));
  await writeFile(path.join(folder, "package.json"), '{"type": "module"}');
  const program = await readFile(here("clients/main.ts"), "utf8");
  const changed = change(program);
  await writeFile(path.join(folder, "main.ts"), changed);
  return { ...(await runNode("typescript/bin/tsc", ["--project", folder])), changes: program !== changed };
};

/** Generates the client into the folder, and runs the program beside it against a server. */
const runPythonProgram = async (folder, base) => {
  const args = ["generate", "--path", DOCUMENT, "--meta", "none", "--output-path", path.join(folder, "claviger_api"), "--fail-on-warning"];
  const generated = await runPython("openapi-python-client", args);
  assert.equal(generated.code, 0, generated.output);
  return runPython("python", [here("clients/main.py")], { ...variables(base), PYTHONPATH: folder });
};

test("a generated TypeScript client compiles, makes a key and verifies it", () =>
  inFolder(async (folder) => {
    const { code, output } = await compile(folder);
    assert.equal(code, 0, output);
    const ran = await run(process.execPath, [path.join(folder, "main.js")], variables(server.base));
    assert.equal(ran.code, 0, ran.output);
    assert.match(ran.output, /^verified key_/, ran.output);
  }));

// The control.
test("a TypeScript program that does not keep to the document does not compile", () =>
  inFolder(async (folder) => {
    const { code, output, changes } = await compile(folder, (text) =>
      text.replace('scopes: ["contacts:read"]', 'scopes: "contacts:read"').replace('!== "invalid_field"', '!== "no_such_code"'),
    );
    assert.ok(changes && code !== 0, output);
    assert.match(output, /error TS2322/, output);
    assert.match(output, /error TS2367.*no_such_code/, output);
  }));

test("a generated Python client makes a key, verifies and revokes it", () =>
  inFolder(async (folder) => {
    const { code, output } = await runPythonProgram(folder, server.base);
    assert.equal(code, 0, output);
    assert.match(output, /^revoked key_/, output);
  }));

// The control.
test("the Python program notices a server that leaves a field out", async () => {
  const liar = await startLiar(server, (method, path, body, status) => {
    if (path !== "/api/v1/verify" || status !== 200) return undefined;
    const { allowed: _, ...rest } = JSON.parse(body);
    return { status, body: JSON.stringify(rest) };
  });
  try {
    await inFolder(async (folder) => {
      const { code, output } = await runPythonProgram(folder, liar.base);
      assert.equal(code, 1, output);
      assert.match(output, /KeyError: 'allowed'/, output);
    });
  } finally {
    await liar.stop();
  }
});
