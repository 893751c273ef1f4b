// Requests that Schemathesis makes up by openapi.json, right ones and wrong ones, against a running server and with the key of its admin.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, test } from "node:test";

import { adminKey, call, startServer } from "../server.mjs";
import { DOCUMENT, here, inFolder, runPython, startLiar } from "./tools.mjs";

/** Requests of the random part for each operation; `cargo xtask test --examples` asks for more. */
const EXAMPLES = process.env.CLAVIGER_EXAMPLES || "30";

let server;
let admin;
let ids;

/** Things of an organization below the admin's own, so that nothing that is done to them takes the admin's key its rights. */
const makeThings = async () => {
  const make = async (path, body, status = 201) => {
    const made = await call(server, admin.token, status, "POST", path, body);
    return made.id ?? made.key.id;
  };
  const organization = await make(`/organizations/${admin.organization}/organizations`, { name: "Tried" });
  const at = `/organizations/${organization}`;
  const role = await make(`${at}/roles`, { name: "Tried", permissions: ["contacts:read"], api_access: true });
  const user = await make(`${at}/users`, { name: "Tried" });
  const member = await make(`${at}/members`, { user_id: user, role_id: role });
  const key = await make(`${at}/keys`, { name: "Tried", role_id: role, owner_id: null });
  const source = { source_digest: "0".repeat(64), source_name: "tried.csv", role_id: role };
  const importId = await make(`${at}/imports`, source, 200);
  const api = await make(`${at}/apis`, { name: "Tried", slug: "tried", key_prefix: "tried" });
  const names = { ORGANIZATION_ID: organization, ROLE_ID: role, USER_ID: user, MEMBER_ID: member, KEY_ID: key };
  return { ...names, IMPORT_ID: importId, API_ID: api };
};

before(async () => {
  server = await startServer();
  admin = await adminKey(server);
  ids = await makeThings();
});
after(() => server?.stop());

/** Runs it in a folder of its own, since it leaves files where it runs. */
const schemathesis = (base, ...more) =>
  inFolder((folder) => {
    const run = ["--config-file", here("schemathesis.toml"), "run", DOCUMENT, "--url", base, "--header", `Authorization: Bearer ${admin.token}`];
    // One worker and one seed: the same requests in every run.
    const how = ["--workers", "1", "--seed", "1", "--max-examples", EXAMPLES, "--continue-on-failure", "--no-color"];
    return runPython("st", [...run, ...how, ...more], { ...ids, SCHEMATHESIS_HOOKS: "", HYPOTHESIS_STORAGE_DIRECTORY: path.join(folder, "examples") }, folder);
  });

test("nothing that Schemathesis makes up breaks the service or an answer's promise", async () => {
  const { code, output } = await schemathesis(server.base);
  assert.equal(code, 0, output);
  // It says how many operations it has tried, and that these are all there are.
  const [, tested, all] = /Selected: (\d+)\/(\d+)/.exec(output) ?? [];
  assert.ok(Number(all) > 40 && tested === all, output);
});

// The control: one fault for each kind of check.
test("a server that does not keep to the document is found out", async () => {
  const liar = await startLiar(server, (method, path, body, status) => {
    if (path === "/api/v1/me" && status === 200) return { status, body: body.replace('"organizations":', '"places":') };
    if (path === "/api/v1/verify" && status === 400) return { status: 500, body: "panicked" };
    if (path.endsWith("/keys") && method === "GET" && status === 200) return { status: 218, body };
    if (path.endsWith("/roles") && method === "POST" && status === 400) return { status: 201, body };
    return undefined;
  });
  try {
    const { code, output } = await schemathesis(liar.base, "--include-path-regex", "/(me|verify|keys|roles)$", "--phases", "coverage");
    assert.equal(code, 1, output);
    for (const found of ["Response violates schema", "Server error", "Undocumented status code", "Schema-violating request accepted"]) {
      assert.ok(output.includes(found), `${found} is not in ${output}`);
    }
  } finally {
    await liar.stop();
  }
});
