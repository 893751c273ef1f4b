// Keys that another product made: their page says so and when they were used, and a rotation gives them a secret of this service's own, beside which
// the old value works until it is ended; by clicks from home.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { basic, bearer, call, callWith, createKey, openWindow, setUp, shared, startServer, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser } = await shared();

const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
const JWT = `${part({ alg: "HS256", typ: "JWT" })}.${part({ location_id: "ve9EPM428h8vShlRW1KT", version: 1 })}.${Buffer.alloc(32, 7).toString("base64url")}`;
const PAIR = ["their-access-key", "their:secret+key/0123456789"];

const lengthOf = (text) => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(Buffer.byteLength(text)));
  return length;
};
const digest = (...chunks) => chunks.reduce((hash, it) => hash.update(it), createHash("sha256")).digest("hex");

test("an imported key shows its last use, and is rotated into one of our own", async (scenario) => {
  const server = await startServer();
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await walkToKeys(page);
  const outside = await createKey(page, "Outside tools", (it) => it.getByLabel("ADMIN").check());
  const { organization, user } = await call(server, outside.token, 200, "GET", "/me");
  const imports = `/organizations/${organization.id}/imports`;
  const source = { source_digest: digest("old.csv"), source_name: "old.csv", mapped_user_id: user.id };
  const { id } = await call(server, outside.token, 200, "POST", imports, source);
  const lines = [
    { line: 2, name: "Marketing Automation", sha256: digest(JWT) },
    { line: 3, name: "Old warehouse", sha256: digest("claviger:pair:v1\0", ...PAIR.flatMap((it) => [lengthOf(it), it])) },
  ];
  const { import: done } = await call(server, outside.token, 200, "POST", `${imports}/${id}/lines`, { lines, finished: true });
  assert.equal(done.accepted, 2);

  const open = async (name) => {
    await walkToKeys(page);
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
  };
  const secret = (hint) => page.getByRole("table", { name: /^Secrets of/ }).getByRole("row", { name: hint });
  /** What was used is written down within seconds. */
  const reloadUntil = async (locator) => {
    for (let tries = 0; tries < 20 && !(await locator.count()); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await page.reload();
    }
    await locator.waitFor();
  };

  for (const [name, old, agent] of [
    ["Marketing Automation", bearer(JWT), "workflow/7"],
    ["Old warehouse", { accessKey: PAIR[0], secretKey: PAIR[1] }, "scanner/3"],
  ]) {
    await scenario.test(`${name}: its page says that it is imported, and when, from where and by what it was used`, async () => {
      await open(name);
      await page.getByText("The present secret came with the import").waitFor();
      await page.locator("dt", { hasText: /^Imported$/ }).waitFor();
      await secret("imported").getByText("Never").waitFor();
      assert.equal(await callWith(server, { ...old, "User-Agent": agent }), 200);
      await reloadUntil(secret("imported").getByText(agent));
      await secret("imported").getByText("from 127.0.0.1").waitFor();
      if (name === "Marketing Automation") await show(page, "key-imported");
    });

    await scenario.test(`${name}: rotated, the old value and the new token both work, and each shows its own use`, async () => {
      await page.getByRole("main").getByRole("link", { name: "Rotate", exact: true }).first().click();
      await page.getByLabel("In 7 days").check();
      await page.getByRole("button", { name: "Rotate", exact: true }).click();
      const token = await page.locator("#token").textContent();
      const parts = [await page.locator("#access").textContent(), await page.locator("#secret").textContent()];
      assert.match(token, /^ck_/);
      for (const headers of [old, bearer(token), basic(...parts), { accessKey: parts[0], secretKey: parts[1] }]) {
        assert.equal(await callWith(server, { ...headers, "User-Agent": headers === old ? agent : "new/1" }), 200);
      }
      await page.getByRole("link", { name: "View key" }).click();
      await reloadUntil(secret("ck_").getByText("new/1"));
      await secret("imported").getByText(/^Retiring until/).waitFor();
      await secret("imported").getByText(agent).waitFor();
      assert.match(await lastEvent(page), new RegExp(`Key rotated[\\s\\S]*${name}`));
      await open(name);
      await page.locator("#rotation").getByRole("link", { name: /^End now .*imported/ }).click();
      await page.getByRole("button", { name: "End now", exact: true }).click();
      await page.getByRole("status").getByText("is refused from now on").waitFor();
      assert.deepEqual([await callWith(server, old), await callWith(server, bearer(token))], [401, 200]);
    });
  }

  await close();
  await server.stop();
});
