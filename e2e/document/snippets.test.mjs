// What the guides of the documentation show in TypeScript and in Python is run as it stands there, against a running server. Those in
// shell are run by a test of the server, those in Rust are compiled with it. No piece of TypeScript here needs more than its types taken
// out, and has none.

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";

import { adminKey, call, startServer } from "../server.mjs";
import { here, inFolder, run } from "./tools.mjs";

const GUIDES = here("../../crates/server/src/docs/guides");
const PLACE = "https://keys.example.com";

let server;
let admin;

before(async () => {
  server = await startServer();
  admin = await adminKey(server);
});
after(() => server?.stop());

const piecesOf = (markdown, language) =>
  [...markdown.matchAll(/^( *)```(\S+).*\n([\s\S]*?)^ *```$/gm)].filter((it) => it[2] === language).map((it) => it[3]);

/** Runs a piece of code with keys of its own; what it prints begins with the status of the answer. */
const statusOf = async (guide, at, code, program, extension) => {
  // Nobody's: one user may own fewer than there are pieces. They act for the admin all the same.
  const make = (name) => call(server, admin.token, 201, "POST", `/organizations/${admin.organization}/keys`, { name: `${name} of ${guide} ${extension} ${at}`, owner_id: null });
  const [caller, subject] = [await make("Caller"), await make("Subject")];
  const variables = {
    API_KEY: caller.secret.token,
    ADMIN_KEY: admin.token,
    CLAVIGER_KEY: admin.token,
    KEY_ID: subject.key.id,
    ORGANIZATION_ID: admin.organization,
  };
  return inFolder(async (folder) => {
    const file = path.join(folder, `snippet.${extension}`);
    await writeFile(file, code.replaceAll(PLACE, server.base));
    const { code: exit, output } = await run(program, [file], variables, folder);
    assert.equal(exit, 0, `${guide}: ${code}\n${output}`);
    return output.split(/\s/)[0];
  });
};

/** Whether a piece of code is one of its language. */
const readable = (code, program, extension) =>
  inFolder(async (folder) => {
    const file = path.join(folder, `snippet.${extension}`);
    await writeFile(file, code);
    const check = extension === "py" ? ["-m", "py_compile"] : ["--check"];
    const { code: exit, output } = await run(program, [...check, file], {}, folder);
    assert.equal(exit, 0, `${code}\n${output}`);
  });

for (const [language, program, extension] of [["ts", process.execPath, "mjs"], ["python", "python3", "py"]]) {
  test(`the guides' pieces of ${language} do what they say`, async () => {
    let count = 0;
    for (const name of (await readdir(GUIDES)).sort()) {
      const pieces = piecesOf(await readFile(path.join(GUIDES, name), "utf8"), language);
      for (const [at, code] of pieces.entries()) {
        // The rules of the checksum and of the signature call nobody: they are read and not run.
        if (!code.includes(PLACE)) {
          await readable(code, program, extension);
          continue;
        }
        assert.match(await statusOf(name, at, code, program, extension), /^20[01]$/, `${name}: ${code}`);
        count += 1;
      }
    }
    assert.ok(count >= 5, `${count} pieces of ${language}`);
  });
}

// The control.
test("a piece that is refused is noticed", async () => {
  const code = `const response = await fetch("${PLACE}/api/v1/me");\nconsole.log(response.status);\n`;
  const [found] = piecesOf(`Text\n\n\`\`\`ts\n${code}\`\`\`\n`, "ts");
  assert.equal(await statusOf("control", 0, found, process.execPath, "mjs"), "401");
});
