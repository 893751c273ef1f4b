// The audit, by clicks from home: who did what, by which key, before and after; filters, history of a key, exports.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { ADMIN, bearer, createKey, openWindow, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

/** Presses a link to a file and answers with what it holds. */
const download = async (page, name) => {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
  return readFile(await file.path(), "utf8");
};

const literally = (text) => text.replace(/[\^$.*+?()[\]{}|]/g, "\\$&");

const rename = async (token, name) => {
  const headers = { ...bearer(token), "Content-Type": "application/json" };
  const me = await (await fetch(`${server.base}/api/v1/me`, { headers })).json();
  const url = `${server.base}/api/v1/organizations/${me.organization.id}/keys/${me.key.id}`;
  const answer = await fetch(url, { method: "PATCH", headers, body: JSON.stringify({ name }) });
  assert.equal(answer.status, 200, await answer.text());
};

for (const javaScriptEnabled of [true, false]) {
  // S2.16: whose name a change by a key bears.
  test(`what people and keys did is found, narrowed, opened and exported${javaScriptEnabled ? "" : " without JavaScript"}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled, acceptDownloads: true });
    if (javaScriptEnabled) await setUp(page, server);
    else await signIn(page);
    await walkToKeys(page);
    const [first, second] = javaScriptEnabled ? ["CI release", "=SUM(1)"] : ["Quiet", "Quieter"];
    const key = await createKey(page, first, async () => {
      await page.getByLabel("ADMIN", { exact: false }).first().check();
    });
    await rename(key.token, second);

    await walk(page, "Audit");
    const changed = page.getByRole("row", { name: /^Key changed/ }).first();
    assert.match(await changed.innerText(), new RegExp(`${literally(second)}[\\s\\S]*${ADMIN.name}[\\s\\S]*via ${literally(second)}`));
    await changed.getByText(`Name: ${first} → ${second}`).waitFor();
    if (javaScriptEnabled) await show(page, "audit");
    const all = await page.locator("main").innerText();
    assert.ok(!all.includes(key.token) && !all.includes(key.secret), "no secret stands in the audit");

    await page.getByLabel("What").selectOption({ label: "Key changed" });
    await page.getByLabel("Who").selectOption({ label: second });
    await page.getByRole("button", { name: "Apply" }).click();
    assert.match(page.url(), /what=key\.updated&who=key_/);
    assert.equal(await page.getByRole("row").count(), 2, "the head and the one change by this key");

    const csv = await download(page, "Export CSV");
    const lines = csv.trim().split("\r\n");
    assert.equal(lines.length, 2);
    // Assurance S11: no cell is a formula to a spreadsheet.
    const name = second.startsWith("=") ? `'${second}` : second;
    assert.match(lines[1], new RegExp(`,key\\.updated,.*,${ADMIN.name},.*,${literally(name)},`));
    assert.doesNotMatch(csv, /(^|,)"?[=+@-]/m);
    const events = (await download(page, "JSON Lines")).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(events.map((it) => [it.before.name, it.after.name]), [[first, second]]);

    await page.getByRole("link", { name: "Key changed" }).click();
    await page.getByRole("heading", { name: "Before and after" }).waitFor();
    await page.getByRole("row", { name: `Name ${first} ${second}` }).waitFor();
    await page.getByText("What stayed the same").click();
    if (javaScriptEnabled) await show(page, "audit-event");

    await walkToKeys(page);
    await page.getByRole("link", { name: second, exact: true }).click();
    await page.getByRole("link", { name: "History", exact: true }).click();
    await page.getByRole("heading", { name: `History of ${second}` }).waitFor();
    assert.deepEqual(await page.getByRole("rowheader").getByRole("link", { name: /^Key/ }).allInnerTexts(), ["Key changed", "Key created"]);
    if (javaScriptEnabled) await show(page, "audit-history");

    await page.getByLabel("To", { exact: true }).fill("2001-01-01");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.getByRole("heading", { name: "No event matches" }).waitFor();
    if (javaScriptEnabled) await show(page, "audit-none");
    await page.getByRole("link", { name: "Clear the filter" }).click();
    await page.getByRole("heading", { name: "Audit", level: 1 }).waitFor();
    await close();
  });
}
