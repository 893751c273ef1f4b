// A4: what Orufy's users do, by clicks from home. With scripts, and once more without.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { ADMIN, basic, bearer, callWith, createKey, isRed, keep, openWindow, setUp, shared, signIn, startServer, walkToKeys } from "./harness.mjs";

const NAME = "Integration with CRM";

const { browser, server } = await shared(startServer);

before(async () => {
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await close();
});

const row = (page) => page.getByRole("row", { name: NAME });

for (const scripts of [true, false]) {
  const suffix = scripts ? "" : ", without scripts";

  test(`A4: a key is created, copied, listed and deleted by clicks from home${suffix}`, async (scenario) => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled: scripts });
    await signIn(page);
    let key;

    await scenario.test("A4.1, S4.3, S4.4, S4.5: gear, Settings, API Keys, Create API Key", async () => {
      await page.goto("/");
      const gear = page.locator('header.top a:has(use[href$="#gear"])');
      assert.equal((await gear.textContent()).trim(), "Settings");
      await gear.click();
      await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
      await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "API Keys" }).click();
      await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
      await page.getByRole("link", { name: "Create API Key" }).first().click();
      await page.getByRole("heading", { name: "Create API Key" }).waitFor();
    });

    await scenario.test("S1.6, S2.8, S2.9, S4.6: the name is asked for, as that of the application that will use the key", async () => {
      const field = page.getByLabel("API Key Name (Application)", { exact: true });
      assert.equal(await field.getAttribute("aria-describedby"), "name-hint");
      assert.match(await page.locator("#name-hint").textContent(), /name of the application that will use it.*Integration with CRM/);
      await page.getByRole("button", { name: "Generate" }).click();
      await page.getByRole("alert").getByRole("link", { name: "The key's name must not be empty." }).click();
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      assert.ok(await field.evaluate((it) => it === document.activeElement), "the summary leads to the field");
    });

    await scenario.test("S1.5, S1.7, S2.26, S2.27, S4.7, S4.8: Generate shows the key and says to store it securely", async () => {
      await walkToKeys(page);
      key = await createKey(page, NAME);
      assert.equal(key.token, key.access + key.secret);
      await page.getByText("Copy it now and store it securely.").waitFor();
      await page.getByText("Never share it: like a user name and password, it lets in whoever has it.").waitFor();
      if (scripts) await keep(page, "created");
    });

    // Without scripts nothing reaches the clipboard, and the button is not there.
    if (scripts) await scenario.test("A4.1, S4.9: the copy button puts exactly the key on the clipboard", async () => {
      for (const [button, value] of [["Copy token", key.token], ["Copy access key", key.access], ["Copy secret key", key.secret]]) {
        await page.getByRole("button", { name: button }).click();
        await page.getByRole("status").getByText("Copied").waitFor({ state: "attached" });
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), value);
      }
    });

    await scenario.test("A4.2, S2.2, S2.3, S4.1: the key authenticates requests, as Basic and as a bearer token", async () => {
      assert.equal(await callWith(server, basic(key.access, key.secret)), 200);
      assert.equal(await callWith(server, bearer(key.token)), 200);
      assert.equal(await callWith(server, {}), 401);
      assert.equal(await callWith(server, basic(ADMIN.email, ADMIN.password)), 401, "a person's password is none");
    });

    await scenario.test("A4.2, S2.15, S4.10: the list shows the names and statuses of all keys, and no secret", async () => {
      await page.getByRole("link", { name: "Done" }).click();
      const retired = `Old export${suffix}`;
      await createKey(page, retired);
      await page.getByRole("link", { name: "View key" }).click();
      await page.getByRole("button", { name: "Deactivate" }).click();
      await page.getByRole("status").getByText(`Key “${retired}” deactivated.`).waitFor();
      await walkToKeys(page);
      for (const [name, status] of [[NAME, "Active"], [retired, "Inactive"]]) {
        await page.getByRole("row", { name }).getByText(status, { exact: true }).waitFor();
      }
      assert.ok(!(await page.content()).includes(key.secret));
    });

    await scenario.test("A4.3, S3.17: a name that is taken is a clear error, and what was typed is kept", async () => {
      await page.getByRole("link", { name: "Create API Key" }).click();
      await page.getByLabel("Key Name").fill(NAME.toUpperCase());
      await page.getByLabel("Description").fill("kept");
      await page.getByRole("button", { name: "Generate" }).click();
      await page.getByRole("alert").getByText("A key with this name exists already. Choose another name.").waitFor();
      assert.equal(await page.getByLabel("Key Name").inputValue(), NAME.toUpperCase());
      assert.equal(await page.getByLabel("Description").inputValue(), "kept");
    });

    await scenario.test("A4.3, S4.11: the bin beside the key asks first, and cancel keeps the key", async () => {
      await walkToKeys(page);
      await row(page).getByRole("link", { name: `Delete ${NAME}` }).click();
      await page.getByRole("heading", { name: `Delete “${NAME}”?` }).waitFor();
      if (scripts) await keep(page, "delete");
      await page.getByRole("link", { name: "Cancel" }).click();
      assert.equal(await callWith(server, basic(key.access, key.secret)), 200);
      await walkToKeys(page);
      assert.equal(await row(page).count(), 1);
    });

    await scenario.test("A4.3, S2.18, S2.22, S2.31, S4.12: confirmed by a red button, the key is gone from the list and refused", async () => {
      await row(page).getByRole("link", { name: `Delete ${NAME}` }).click();
      const confirm = page.getByRole("button", { name: "Delete key" });
      assert.ok(await isRed(confirm), "the button that confirms is red");
      await confirm.click();
      await page.getByRole("status").getByText(`Key “${NAME}” deleted.`).waitFor();
      assert.equal(await row(page).count(), 0);
      assert.equal(await callWith(server, basic(key.access, key.secret)), 401);
    });

    await close();
  });
}
