// The rows of the list of keys: what was used, what can be done with each and with all, on a phone as well.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { bearer, call, callWith, createKey, invite, keep, launch, openWindow, setApiAccess, setUp, signIn, startServer, switchTo, walkProfile, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

const BEN = { name: "Ben Ortiz", email: "ben@acme.example", password: "a battery of horses" };

let browser;
let server;
let keys;

before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  keys = {};
  for (const name of ["Website", "Till", "Reports"]) {
    await walkToKeys(page);
    keys[name] = await createKey(page, name);
  }
  await close();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("S3.16: a row shows how often its key was used in the last seven days", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  for (let at = 0; at < 3; at += 1) assert.equal(await callWith(server, bearer(keys.Till.token)), 200);
  await walkToKeys(page);
  const used = page.getByRole("row", { name: "Till" }).getByRole("img", { name: "3 requests in 7 days" });
  // Uses are written down every ten seconds.
  const deadline = Date.now() + 30_000;
  while (!(await used.count()) && Date.now() < deadline) {
    await page.waitForTimeout(1_000);
    await page.reload();
  }
  assert.ok(await used.isVisible());
  assert.equal(await page.locator("tbody").getByRole("img").count(), 1, "nothing stands where nothing was");
  await show(page, "keys-used");
  await close();
});

test("on a phone all rows are selected at once, and what can be done with them stays in sight", async () => {
  const { page, close } = await openWindow(browser, server, { viewport: { width: 390, height: 640 } });
  await signIn(page);
  await walkToKeys(page);
  const all = page.getByRole("checkbox", { name: "Select all on this page" });
  await all.scrollIntoViewIfNeeded();
  assert.ok(await all.isVisible());
  await page.getByText("Select all", { exact: true }).click();
  const rows = await page.locator("input[name=key]").count();
  const count = page.getByText(`${rows} selected:`);
  await count.waitFor();
  for (const it of [count, page.getByRole("button", { name: "Deactivate…" })]) {
    const { y, height } = await it.boundingBox();
    assert.ok(y >= 0 && y + height <= 640, `${y} + ${height} is not in the window`);
  }
  await show(page, "keys-selected");
  await page.setViewportSize({ width: 390, height: 640 });
  await page.getByRole("checkbox", { name: "Select Till" }).uncheck();
  await page.getByText(`${rows - 1} selected:`).waitFor();
  assert.ok(await all.evaluate((it) => it.indeterminate));
  await page.getByRole("button", { name: "Deactivate…" }).click();
  await page.getByRole("button", { name: `Deactivate ${rows - 1} keys` }).click();
  await page.getByRole("status").getByText(`${rows - 1} keys deactivated.`).waitFor();
  assert.deepEqual([await callWith(server, bearer(keys.Website.token)), await callWith(server, bearer(keys.Till.token))], [401, 200]);
  await close();
});

test("without JavaScript there is no box for all rows, and those of the rows work", async () => {
  for (const width of [1280, 390]) {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false, viewport: { width, height: 800 } });
    await signIn(page);
    await walkToKeys(page);
    assert.equal(await page.getByRole("checkbox", { name: "Select all on this page" }).count(), 0, `${width} px`);
    assert.equal(await page.getByText("Select all", { exact: true }).isVisible(), false, `${width} px`);
    await page.getByRole("checkbox", { name: "Select Reports" }).check();
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("heading", { level: 1 }).filter({ hasText: "1 key" }).waitFor();
    await keep(page, `keys-delete-quiet-${width}`);
    await close();
  }
});

test("a member is offered View alone on a key that somebody else made for them", async () => {
  const { page: admin, close } = await openWindow(browser, server);
  await signIn(admin);
  await setApiAccess(admin, "MEMBER", "Allowed");
  const { page, close: leave } = await invite(browser, server, admin, BEN, "MEMBER");
  await walkToKeys(admin);
  const { token } = await createKey(admin, "For Ben", async (it) => {
    await it.getByLabel("Mapped User Account").selectOption({ label: BEN.name });
  });
  await walkToKeys(page);
  await createKey(page, "Own");
  // What is mapped to the member is found in the profile, and from there on its own page.
  await walkProfile(page, "Edit Profile", "Security", "API Keys");
  await page.getByRole("link", { name: "For Ben", exact: true }).click();
  await page.getByRole("heading", { name: "For Ben", level: 1 }).waitFor();
  const actions = page.locator("main .head .buttons").first();
  assert.deepEqual(await actions.getByRole("link").or(actions.getByRole("button")).allInnerTexts(), []);
  assert.equal(await page.getByText("Lost it?").count(), 0);
  await walkToKeys(page);
  await page.getByRole("link", { name: "Own", exact: true }).click();
  assert.deepEqual(await actions.getByRole("link").or(actions.getByRole("button")).allInnerTexts(), ["Edit", "Rotate", "Deactivate", "Delete"]);
  assert.equal(await callWith(server, bearer(token)), 200);
  await leave();
  await close();
});

test("A1.1: an agency without keys of its own says so above those of its locations", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const { token } = await createKey(page, "Maker", async (it) => {
    await it.getByLabel("ADMIN").check();
    await it.getByLabel("This organization and all below").check();
  });
  const { organization } = await call(server, token, 200, "GET", "/me");
  const agency = await call(server, token, 201, "POST", `/organizations/${organization.id}/organizations`, { name: "Agency" });
  const location = await call(server, token, 201, "POST", `/organizations/${agency.id}/organizations`, { name: "Harbor Street" });
  await call(server, token, 201, "POST", `/organizations/${location.id}/keys`, { name: "Counter" });
  await switchTo(page, "Agency");
  await page.getByRole("heading", { name: "Agency has no keys of its own" }).waitFor();
  await page.getByRole("link", { name: "Counter", exact: true }).waitFor();
  assert.equal(await page.getByText("No keys yet").count(), 0);
  await show(page, "keys-agency-none");
  await close();
});
