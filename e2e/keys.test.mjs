// What the other products show of keys in lists and forms, as far as the console has it: columns, roles, expiry, editing, last use.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { bearer, callWith, createKey, isRed, openWindow, setUp, shared, signIn, startServer, walkToKeys } from "./harness.mjs";

const { browser, server } = await shared(startServer);

before(async () => {
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await close();
});

const row = (page, name) => page.getByRole("row", { name });
const create = (server, token, name) =>
  fetch(`${server.base}/api/v1/me`, { headers: bearer(token) })
    .then((answer) => answer.json())
    .then(({ organization }) =>
      fetch(`${server.base}/api/v1/organizations/${organization.id}/keys`, {
        method: "POST",
        headers: { ...bearer(token), "Content-Type": "application/json" },
        body: JSON.stringify({ name }),
      }),
    )
    .then((answer) => answer.status);

test("S1.8, S3.2, S3.6, S3.7, S3.16: the table says what a key is for, its role and its last use", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  assert.equal(await page.locator('main a:has(use[href$="#plus"])').getAttribute("href"), "/o/root/keys/new", "S2.7: a plus icon creates a key");
  const key = await createKey(page, "automation_ro", (it) => it.getByLabel("Description").fill("Automation: nightly reports"));
  // The line to try it with can be read to its end, beside the button that copies it.
  for (const width of [1280, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const [cut, overlap] = await page.locator("#try-curl").evaluate((code) => {
      const [box, button] = [code.parentElement, code.closest(".code").querySelector(".copy")];
      return [box.scrollWidth > box.clientWidth, code.getBoundingClientRect().right > button.getBoundingClientRect().left];
    });
    assert.deepEqual([cut, overlap], [false, false], `${width}px`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.getByRole("link", { name: "Done" }).click();
  for (const column of ["Name / Desc", "Type", "Role", "Mapped user", "Last Login UTC", "Expires", "Status"]) {
    await page.getByRole("columnheader", { name: column }).waitFor();
  }
  await row(page, "automation_ro").getByText("Automation: nightly reports").waitFor();
  const cells = () => row(page, "automation_ro").getByRole("cell").allInnerTexts();
  assert.deepEqual((await cells()).slice(1, 7), ["API", "READONLY", "Maria Keller", "Never", "Never", "Active"], "S3.11: never used");

  assert.equal(await callWith(server, bearer(key.token)), 200);
  // Uses are written down every ten seconds.
  const deadline = Date.now() + 30_000;
  let lastLogin = "Never";
  while (lastLogin === "Never" && Date.now() < deadline) {
    await page.waitForTimeout(1_000);
    await page.reload();
    // The sparkline behind it has no text of its own.
    lastLogin = (await cells())[4].trim();
  }
  assert.match(lastLogin, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, "S3.12: the form of Last Login");
  assert.ok(Math.abs(Date.parse(`${lastLogin.replace(" ", "T")}Z`) - Date.now()) < 60_000);
  await page.getByRole("link", { name: "automation_ro", exact: true }).click();
  await page.getByText("from 127.0.0.1").first().waitFor();
  await close();
});

test("S3.8, S3.9, S3.10, S3.14: READONLY only reads, ADMIN does everything and warns when it is chosen", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const warning = page.getByText("Full administrative privileges");
  const readonly = await createKey(page, "Reader", async (it) => {
    const roles = it.getByRole("group", { name: "Role", exact: true }).locator("b");
    assert.deepEqual(await roles.allTextContents(), ["READONLY", "As the mapped user", "ADMIN", "MEMBER"]);
    assert.ok(await it.getByLabel("READONLY").isChecked(), "a key begins with little");
    assert.ok(!(await warning.isVisible()));
  });
  await page.getByRole("link", { name: "Done" }).click();
  const admin = await createKey(page, "Ruler", async (it) => {
    await it.getByLabel("ADMIN").check();
    await warning.waitFor();
  });
  assert.equal(await callWith(server, bearer(readonly.token)), 200);
  assert.equal(await create(server, readonly.token, "Made by the reader"), 403);
  assert.equal(await create(server, admin.token, "Made by the ruler"), 201);
  await page.getByRole("link", { name: "Done" }).click();
  for (const [name, role] of [["Reader", "READONLY"], ["Ruler", "ADMIN"]]) {
    // Another's name has this one in it.
    const own = page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
    await own.waitFor();
    assert.equal((await own.getByRole("cell").allInnerTexts())[2].trim(), role);
  }
  await close();
});

test("S2.17, S2.19, S2.20, S2.21: three dots offer View, Edit and Delete, and an edit leaves the secret alone", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const key = await createKey(page, "Reports");
  await page.getByRole("link", { name: "Done" }).click();
  await row(page, "Reports").getByRole("button", { name: "More for Reports" }).click();
  const menu = page.locator(".menu:popover-open");
  assert.deepEqual((await menu.getByRole("link").allInnerTexts()).slice(0, 3), ["View", "Edit", "Delete"]);
  await menu.getByRole("link", { name: "View" }).click();
  await page.getByRole("heading", { name: "Reports", level: 1 }).waitFor();
  await walkToKeys(page);
  await row(page, "Reports").getByRole("button", { name: "More for Reports" }).click();
  await menu.getByRole("link", { name: "Edit" }).click();
  await page.getByLabel("Key Name").fill("Reports, monthly");
  await page.getByLabel("READONLY").check();
  assert.match(await page.getByLabel("Mapped User Account").locator("option:checked").innerText(), /Maria Keller \(me\)/, "S2.11: preset to the creator");
  assert.ok(!(await page.getByLabel("Last day").isVisible()));
  await page.getByLabel("Expires").selectOption("On a date…");
  await page.getByLabel("Last day").fill("2099-12-31");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").getByText("Key “Reports, monthly” saved. Its secret is unchanged.").waitFor();
  await page.getByRole("time").filter({ hasText: "end of 31 Dec 2099 (UTC)" }).waitFor();
  assert.equal(await callWith(server, bearer(key.token)), 200);
  await walkToKeys(page);
  assert.equal((await row(page, "Reports, monthly").getByRole("cell").allInnerTexts())[5], "2099-12-31");
  await row(page, "Reports, monthly").getByRole("button", { name: "More for Reports, monthly" }).click();
  await menu.getByRole("link", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete key" }).click();
  await page.getByRole("status").getByText("Key “Reports, monthly” deleted.").waitFor();
  assert.equal(await callWith(server, bearer(key.token)), 401);
  await close();
});

test("S3.13: a key gets another role, and one that is not needed is deleted", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const unused = await createKey(page, "Forgotten", (it) => it.getByLabel("ADMIN").check());
  await page.getByRole("link", { name: "View key" }).click();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByLabel("READONLY").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").waitFor();
  assert.equal(await create(server, unused.token, "Not by the forgotten"), 403);
  await page.getByRole("link", { name: "Delete" }).click();
  const confirm = page.getByRole("dialog").getByRole("button", { name: "Delete key" });
  assert.ok(await isRed(confirm));
  await confirm.click();
  await page.getByRole("status").getByText("Key “Forgotten” deleted.").waitFor();
  assert.equal(await callWith(server, bearer(unused.token)), 401);
  await page.getByRole("combobox", { name: "Status" }).selectOption("Deleted");
  await page.getByRole("button", { name: "Apply" }).click();
  await row(page, "Forgotten").getByText("Deleted").waitFor();
  await close();
});

test("S1.18, S4.2: many keys stand side by side, one for each application, page by page", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const first = await createKey(page, "Application 00");
  const me = await (await fetch(`${server.base}/api/v1/me`, { headers: bearer(first.token) })).json();
  const admin = await page.goto("/settings/api-keys").then(() => createKey(page, "Maker", (it) => it.getByLabel("ADMIN").check()));
  const tokens = [first.token];
  for (let at = 1; at < 30; at += 1) {
    const answer = await fetch(`${server.base}/api/v1/organizations/${me.organization.id}/keys`, {
      method: "POST",
      headers: { ...bearer(admin.token), "Content-Type": "application/json" },
      // Nobody's keys, since policy lets one user have 25.
      body: JSON.stringify({ name: `Application ${String(at).padStart(2, "0")}`, owner_id: null }),
    });
    assert.equal(answer.status, 201, await answer.clone().text());
    tokens.push((await answer.json()).secret.token);
  }
  for (const token of tokens) assert.equal(await callWith(server, bearer(token)), 200);

  await walkToKeys(page);
  await page.getByRole("searchbox").fill("application");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("Showing 1–25 of 30").waitFor();
  const names = () => page.getByRole("rowheader").getByRole("link").allInnerTexts();
  const newest = await names();
  assert.equal(newest[0], "Application 29");
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByText("Showing 26–30 of 30").waitFor();
  assert.deepEqual([...newest, ...(await names())], tokens.map((_, at) => `Application ${String(at).padStart(2, "0")}`).reverse());
  assert.equal(await page.getByRole("link", { name: "Next page" }).count(), 0);
  await page.getByRole("link", { name: "Previous page" }).click();
  await page.getByText("Showing 1–25 of 30").waitFor();
  assert.deepEqual(await names(), newest);
  await close();
});

test("S2.4: the page of the keys leads to the documentation of the API", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  await page.getByRole("main").getByRole("link", { name: "How to get and use a key" }).click();
  await page.getByRole("heading", { name: "Getting a key", level: 1 }).waitFor();
  await page.goBack();
  await page.getByRole("link", { name: "Docs" }).click();
  await page.getByRole("heading", { name: "Documentation", level: 1 }).waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API reference" }).click();
  await page.getByRole("heading", { name: "Claviger" }).first().waitFor();
  await page.getByText("/api/v1/organizations/{organization_id}/keys").first().waitFor();
  await close();
});
