// The list of keys behind each of its doors: filters, sorting, many keys at once, the file, groups. With scripts and without.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { bearer, call, callWith, createKey, isRed, newestEvents, openWindow, setUp, shared, signIn, startDev, startServer, switchTo, walk } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser } = await shared();

const names = async (page) => (await page.getByRole("rowheader").getByRole("link").allTextContents()).map((it) => it.trim());
const walkToKeys = (page) => walk(page, "User Management", "API Keys");
const create = (page, name, fill) => createKey(page, name, fill, "ADD API KEY");
// The organization's own table comes before those of its locations.
const forSelected = (page, name) => page.getByRole("form", { name: /^Selected keys of/ }).first().getByRole("button", { name, exact: true });
const filter = async (page, label, choice) => {
  await page.getByRole("combobox", { name: label }).selectOption({ label: choice });
  await page.getByRole("button", { name: "Apply" }).click();
};

for (const scripts of [true, false]) {
  // A3.7
  test(`S3.13, S3.15: keys are sorted and filtered by Last Login, selected and deleted${scripts ? "" : ", without scripts"}`, async () => {
    const dev = await startDev();
    try {
      const { page, close } = await openWindow(browser, dev, { javaScriptEnabled: scripts, acceptDownloads: true });
      await signIn(page, dev.admin);
      await walkToKeys(page);
      const used = await create(page, "Used once");
      await walkToKeys(page);
      const admin = await create(page, "Outside tools", (it) => it.getByLabel("ADMIN").check());
      await walkToKeys(page);
      const idle = await create(page, "Never called");
      assert.equal(await callWith(dev, bearer(used.token)), 200);
      await walkToKeys(page);
      // Uses are written down every ten seconds.
      const login = page.getByRole("row", { name: "Used once" }).locator('[data-label="Last Login"] time');
      for (const deadline = Date.now() + 30_000; (await login.count()) === 0 && Date.now() < deadline; ) {
        await page.waitForTimeout(1_000);
        await page.reload();
      }

      await filter(page, "Last Login", "Never");
      const never = await names(page);
      assert.ok(never.includes("Never called") && !never.includes("Used once"), never.join());
      await filter(page, "Last Login", "Older than 30 d");
      assert.ok(!(await names(page)).includes("Used once"));
      await dev.setClock(new Date(Date.now() + 40 * 86_400_000).toISOString());
      await signIn(page, dev.admin);
      await walkToKeys(page);
      await filter(page, "Last Login", "Older than 30 d");
      assert.ok((await names(page)).includes("Used once"));
      await page.getByRole("columnheader", { name: "Last Login" }).first().getByRole("link").click();
      assert.equal(await page.getByRole("columnheader", { name: "Last Login" }).first().getAttribute("aria-sort"), "descending");
      assert.equal((await names(page))[0], "Used once", "those never used come last");
      await page.getByRole("columnheader", { name: "Last Login" }).first().getByRole("link").click();
      const longest = await names(page);
      const [atNever, atUsed] = ["Never called", "Used once"].map((it) => longest.indexOf(it));
      assert.ok(atNever >= 0 && (atUsed < 0 || atNever < atUsed), `those never used are unused longest: ${longest}`);
      for (const head of ["Name / Desc", "Type", "Role", "Mapped user", "Expires", "Status"]) {
        const column = page.getByRole("columnheader", { name: head }).first();
        await column.getByRole("link").click();
        assert.ok(await column.getAttribute("aria-sort"), head);
      }
      await page.getByRole("link", { name: "Clear", exact: true }).click();
      if (scripts) await show(page, "keys-list");

      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV", exact: true }).click()]);
      const text = await readFile(await file.path(), "utf8");
      assert.match(text, /^id,name,description,type,role,mapped_user,/);
      assert.ok(text.includes("Never called") && !text.includes(idle.secret));

      for (const name of ["Used once", "Never called"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
      if (scripts) await page.getByText("2 selected:").waitFor();
      if (scripts) await page.getByRole("checkbox", { name: "Select Used once" }).uncheck();
      if (scripts) await page.getByRole("checkbox", { name: "Select Never called" }).uncheck();
      if (scripts) assert.ok(await forSelected(page, "Delete…").isDisabled(), "nothing is ticked");
      for (const name of ["Used once", "Never called"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
      await forSelected(page, "Deactivate…").click();
      await page.getByRole("button", { name: "Deactivate 2 keys" }).click();
      await page.getByRole("status").getByText("2 keys deactivated.").waitFor();
      assert.deepEqual([await callWith(dev, bearer(used.token)), await callWith(dev, bearer(idle.token))], [401, 401]);
      assert.equal((await newestEvents(dev, admin.token))[0], "keys.deactivated");
      for (const name of ["Used once", "Never called"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
      await forSelected(page, "Activate…").click();
      if (scripts) await show(page, "keys-activate");
      await page.getByRole("button", { name: "Activate 2 keys" }).click();
      await page.getByRole("status").getByText("2 keys activated.").waitFor();
      assert.equal(await callWith(dev, bearer(used.token)), 200);
      assert.equal((await newestEvents(dev, admin.token))[0], "keys.activated");

      await walkToKeys(page);
      await page.getByRole("checkbox", { name: "Select Outside tools" }).check();
      await forSelected(page, "Extend…").click();
      await page.getByRole("heading", { name: "Extend 1 key?" }).waitFor();
      if (scripts) await show(page, "keys-extend");
      await page.getByRole("link", { name: "Cancel" }).click();

      await walkToKeys(page);
      for (const name of ["Used once", "Never called"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
      await forSelected(page, "Delete…").click();
      await page.getByRole("heading", { name: "Delete 2 keys?" }).waitFor();
      const button = page.getByRole("button", { name: "Delete 2 keys" });
      assert.ok(await isRed(button));
      await button.click();
      await page.getByRole("alert").getByText("Type 2 to delete as many keys.").waitFor();
      if (scripts) await show(page, "keys-delete");
      await page.getByLabel("Type 2 to confirm").fill("2");
      await button.click();
      await page.getByRole("status").getByText("2 keys deleted.").waitFor();
      assert.ok(!(await names(page)).includes("Used once"));
      assert.equal((await newestEvents(dev, admin.token))[0], "keys.revoked");
      await close();
    } finally {
      await dev.stop();
    }
  });
}

test("S2.6, S2.14, S3.1, S3.3: the same page stands behind User Management and Integrations, with its own way back and its own words", async () => {
  const server = await startServer();
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await walk(page, "System Settings", "System setup", "Integrations", "API Keys");
  const crumbs = () => page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link").allTextContents();
  assert.deepEqual(await crumbs(), ["Settings", "System Settings", "System setup", "Integrations"]);
  await page.getByRole("link", { name: "Create API Key" }).click();
  assert.deepEqual(await crumbs(), ["Settings", "System Settings", "System setup", "Integrations", "API Keys"]);
  await page.getByLabel("API Key Name (Application)").fill("Integration");
  if (await page.getByRole("button", { name: "Generate" }).count()) assert.fail("here it is saved");
  await page.getByRole("button", { name: "Save" }).click();
  const saved = await page.locator("#token").textContent();
  assert.equal(await callWith(server, bearer(saved)), 200);
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByRole("row", { name: "Integration" }).waitFor();
  assert.deepEqual(await crumbs(), ["Settings", "System Settings", "System setup", "Integrations"]);

  await walk(page, "User Management", "API Keys");
  assert.deepEqual(await crumbs(), ["Settings", "User Management"]);
  await page.getByRole("link", { name: "ADD API KEY" }).click();
  await page.getByRole("group", { name: "Role" }).getByLabel("ADMIN").waitFor();
  const permissions = page.getByLabel("Scopes");
  assert.ok(await permissions.isVisible(), "roles and permissions are asked for");
  await page.getByLabel("API Key Name (Application)").fill("automation_ro");
  await permissions.fill("claviger/keys:read");
  await show(page, "key-new-user-management");
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByRole("heading", { name: "Key “automation_ro” created" }).waitFor();
  await close();
  await server.stop();
});

// A1.1
test("S1.3, S1.4: the agency's view shows agency keys and location keys, each with their count", async () => {
  const server = await startServer();
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  const agency = await createKey(page, "Agency reporting", async (it) => {
    await it.getByLabel("ADMIN").check();
    await it.getByLabel("This organization and all below").check();
  });
  const { organization } = await call(server, agency.token, 200, "GET", "/me");
  for (const name of ["L1", "L2"]) {
    const made = await call(server, agency.token, 201, "POST", `/organizations/${organization.id}/organizations`, { name });
    // What the rows of one hold takes more room than what those of the other do.
    const wide = { description: "Counter-in-the-back-office ".repeat(3).trim(), expires_at: new Date(Date.now() + 20 * 86400000).toISOString() };
    await call(server, agency.token, 201, "POST", `/organizations/${made.id}/keys`, { name: `Marketing ${name}`, ...(name === "L2" ? wide : {}) });
  }
  await switchTo(page, "L1");
  assert.equal(await page.getByRole("heading", { name: /^Location/ }).count(), 0, "a location has no locations");
  await page.getByRole("button", { name: "Switch organization" }).click();
  await page.getByRole("link", { name: "Agency view Acme" }).click();
  await page.getByRole("link", { name: "Settings", exact: true }).first().click();
  await page.locator("nav.index").getByRole("link", { name: /^API Keys/ }).click();
  await page.getByRole("heading", { name: "Agency 2" }).waitFor();
  await page.getByRole("heading", { name: "Location 2" }).waitFor();
  for (const name of ["L1", "L2"]) await page.getByRole("link", { name: `Marketing ${name}`, exact: true }).waitFor();
  await show(page, "keys-agency");
  // Their tables line up, and what is done to ticked keys of one stands below it once some are ticked.
  for (const width of [1280, 1024]) {
    await page.setViewportSize({ width, height: 800 });
    const heads = await page.locator("main table").evaluateAll((tables) =>
      tables.map((it) => [...it.querySelectorAll("thead th")].map((head) => Math.round(head.getBoundingClientRect().x))),
    );
    assert.equal(heads.length, 3);
    assert.deepEqual(heads[1], heads[0], `${width}`);
    assert.deepEqual(heads[2], heads[0], `${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  const selected = page.getByRole("form", { name: "Selected keys of L1" });
  assert.equal(await selected.isVisible(), false);
  await page.getByRole("checkbox", { name: "Select Marketing L1" }).check();
  assert.equal(await selected.isVisible(), true);
  assert.equal(await page.getByRole("form", { name: "Selected keys of L2" }).isVisible(), false);
  await page.getByRole("checkbox", { name: "Select Marketing L1" }).uncheck();
  // What is done to one of them leads back here.
  await page.getByRole("row", { name: "Marketing L1" }).getByRole("button", { name: "More for Marketing L1" }).click();
  await page.getByRole("button", { name: "Deactivate", exact: true }).click();
  await page.getByRole("status").getByText("Marketing L1").waitFor();
  await page.getByRole("heading", { name: "Location 2" }).waitFor();
  // The search finds the keys of locations too, and leads to them.
  await page.getByRole("searchbox").fill("marketing l2");
  await page.getByRole("searchbox").press("Enter");
  await page.getByText("None of the keys of Acme itself matches.").waitFor();
  assert.equal(await page.getByRole("link", { name: "Marketing L1" }).count(), 0);
  await page.getByRole("link", { name: "1 found" }).click();
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Marketing L2", exact: true }).waitFor();
  await close();
  await server.stop();
});
