// Key health, by clicks from home: what asks for a look, the keys behind each rule, and what a key's own page proposes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, openWindow, shared, signIn, startDev, walk, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser, server } = await shared(startDev);

test("a key that nobody uses is found by its rule, and deleted by what its page proposes", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page, server.admin);
  await walkToKeys(page);
  const key = await createKey(page, "Forgotten", async () => {
    await page.getByLabel("Expires").selectOption({ label: "Never" });
  });
  await server.setClock("2031-01-01T12:00:00Z");
  await signIn(page, server.admin);
  await walkToKeys(page);
  await page.getByRole("link", { name: /to review$/ }).click();
  await page.getByRole("heading", { name: "Key health", level: 1 }).waitFor();
  await show(page, "health");
  await page.getByRole("link", { name: /Never used in 30 days/ }).click();
  await page.getByText("Only those of the rule “Never used in 30 days”.").waitFor();
  assert.match(page.url(), /health=never-used/);
  await show(page, "health-keys");
  await page.getByRole("link", { name: "Forgotten", exact: true }).click();
  await page.getByRole("heading", { name: "Health", level: 2 }).waitFor();
  for (const rule of ["Never used in 30 days", "Never expires", "Older than a year", "Works from every address"]) {
    await page.getByText(rule, { exact: true }).waitFor();
  }
  await show(page, "key-health");
  await page.getByRole("link", { name: "Delete the key" }).click();
  await page.getByRole("button", { name: "Delete key" }).click();
  await page.getByRole("status").getByText("deleted").waitFor();
  assert.equal(await callWith(server, bearer(key.token)), 401);
  assert.match(await lastEvent(page), /Key deleted[\s\S]*Forgotten/);
  await close();
});

test("the rules and their keys are reached without JavaScript", async () => {
  const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false });
  await signIn(page, server.admin);
  await walk(page, "Key health");
  await page.getByRole("link", { name: /Works from every address/ }).click();
  await page.getByText("Only those of the rule “Works from every address”.").waitFor();
  assert.ok((await page.getByRole("row").count()) > 1);
  await close();
});
