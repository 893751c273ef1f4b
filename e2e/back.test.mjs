// The browser's Back: to a form that came back with its complaints, with all that was typed, and to none after signing out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, confirmRights, openWindow, setUp, shared, signIn, startServer, walk } from "./harness.mjs";

const { browser, server } = await shared(startServer);

for (const scripts of [true, false]) {
  test(`what was typed is there again after going on and back${scripts ? "" : ", without scripts"}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled: scripts });
    if (scripts) await setUp(page, server);
    else {
      await page.goto(server.base);
      await page.getByLabel("E-mail").fill(ADMIN.email);
      await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
      await page.getByRole("button", { name: "Sign in" }).click();
    }
    await walk(page, "API Keys");
    await page.getByRole("link", { name: "Create API Key" }).first().click();
    await page.getByLabel("Description").fill("Kept over Back");
    await page.getByRole("button", { name: /Create|Generate/ }).click();
    await page.getByText("One thing to mend").waitFor();
    await page.locator("a.brand").click();
    await page.waitForURL("**/o/*");
    await page.goBack();
    await page.getByText("One thing to mend").waitFor();
    assert.equal(await page.getByLabel("Description").inputValue(), "Kept over Back");
    await page.getByRole("button", { name: /^Profile of/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    // The browser has nothing left to show there, and says so in a page of its own.
    await page.goBack().catch(() => null);
    await page.waitForLoadState();
    assert.equal(await page.getByLabel("Description").count(), 0, "nothing typed is left behind for who comes next");
    await close();
  });
}

test("Back from the secret of a key with full rights leads to an empty form, and never to an error or the secret", async () => {
  const { page, close } = await openWindow(browser, server, {});
  await signIn(page);
  await walk(page, "API Keys");
  await page.getByRole("link", { name: "Create API Key" }).first().click();
  await page.getByLabel("API Key Name").fill("Everything");
  await page.getByRole("radio", { name: /^ADMIN/ }).check();
  await page.getByRole("button", { name: "Generate" }).click();
  await confirmRights(page, "Key “Everything” created");
  const token = await page.locator("#token").textContent();
  page.on("dialog", (dialog) => dialog.accept());
  await page.goBack();
  await page.getByRole("heading", { name: "Create API Key" }).waitFor();
  assert.ok(!(await page.content()).includes(token));
  await close();
});
