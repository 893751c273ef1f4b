// The settings search and the keyboard, by clicks and keys from home.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openWindow, setUp, shared, signIn, startServer } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

const openSettings = async (page) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
};

for (const javaScriptEnabled of [true, false]) {
  test(`settings are found by the words that people bring${javaScriptEnabled ? "" : " without JavaScript"}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    if (javaScriptEnabled) await setUp(page, server);
    else await signIn(page);
    for (const [words, label] of [["tokens", "API Keys"], ["log", "Audit"], ["team", "Members"], ["permission", "User Roles"], ["expiry", "Key health"], ["location", "Organizations"]]) {
      await openSettings(page);
      if (javaScriptEnabled) await page.keyboard.press("/");
      else await page.getByRole("searchbox", { name: "Search settings" }).focus();
      await page.keyboard.type(words);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\?q=/);
      const found = page.getByRole("navigation", { name: "Settings" }).getByRole("link");
      assert.ok((await found.allInnerTexts()).some((it) => it.startsWith(label)), `${words}: ${await found.allInnerTexts()}`);
    }
    if (javaScriptEnabled) await show(page, "settings-found");
    await page.getByRole("link", { name: /^Organizations/ }).first().click();
    await page.getByRole("heading", { name: "Organizations", level: 1 }).waitFor();
    await openSettings(page);
    await page.getByRole("searchbox", { name: "Search settings" }).fill("teapot");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("heading", { name: "Nothing is called “teapot” here" }).waitFor();
    if (javaScriptEnabled) await show(page, "settings-none");
    await page.getByRole("link", { name: "Show all settings" }).click();
    if (javaScriptEnabled) await show(page, "settings");
    await close();
  });
}

test("single keys search and help, and can be switched off", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await openSettings(page);
  await page.keyboard.press("?");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  // A closed dialog holds the focus until it is gone, and no key counts in there.
  await page.waitForFunction(() => !document.querySelector("dialog") && document.activeElement === document.body);
  await page.keyboard.press("?");
  await dialog.getByRole("button", { name: "Switch / and ? off" }).click();
  await page.getByRole("heading", { name: "Keyboard shortcuts", level: 1 }).waitFor();
  await show(page, "keyboard");
  await openSettings(page);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "");
  await page.keyboard.press("?");
  assert.equal(await page.getByRole("dialog").count(), 0);
  await page.getByRole("button", { name: /^Profile of/ }).click();
  await page.getByRole("link", { name: "Keyboard shortcuts" }).click();
  await page.getByRole("button", { name: "Switch / and ? on" }).click();
  await openSettings(page);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await close();
});
