// How much there is to do: from the set-up link to a key that works, and from a leaked key to one that does not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, bearer, callWith, createKey, openWindow, setUp, shared, signIn, startServer } from "./harness.mjs";

const { browser } = await shared();

/** Counts what a person presses, with the mouse or by Enter; typing is none of it. */
const counted = async (page) => {
  let presses = 0;
  await page.exposeBinding("pressed", () => {
    presses += 1;
  });
  await page.addInitScript(() => {
    addEventListener("pointerdown", (event) => event.target.closest("a, button, label, summary, select") && window.pressed(), true);
    addEventListener("keydown", (event) => event.key === "Enter" && window.pressed(), true);
  });
  return () => presses;
};

test("from the set-up link to a key that has answered 200 there are at most four actions", async () => {
  const server = await startServer();
  const { page, close } = await openWindow(browser, server);
  const presses = await counted(page);
  await page.goto(server.setUpLink);
  for (const [label, value] of [["Name", ADMIN.name], ["E-mail", ADMIN.email], ["Password", ADMIN.password]]) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("link", { name: "Create API Key" }).click();
  await page.getByLabel("Key Name").fill("First");
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByRole("button", { name: "Copy token" }).click();
  const token = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await callWith(server, bearer(token)), 200);
  assert.equal(presses(), 4);
  await close();
  await server.stop();
});

test("a leaked key is revoked in three actions: from home where it is found by eye, from the list where by its access key", async () => {
  const server = await startServer();
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  const leaked = [];
  for (const name of ["Leaked", "Leaked too", "Another"]) {
    leaked.push(await createKey(page, name));
    await page.getByRole("link", { name: "Done" }).click();
  }
  await close();

  const seen = await openWindow(browser, server);
  const presses = await counted(seen.page);
  await signIn(seen.page);
  await seen.page.getByRole("navigation", { name: "Main" }).waitFor();
  const before = presses();
  await seen.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API Keys" }).click();
  await seen.page.getByRole("link", { name: "Delete Leaked", exact: true }).click();
  await seen.page.getByRole("dialog").getByRole("button", { name: "Delete key" }).click();
  await seen.page.getByRole("status").getByText("deleted").waitFor();
  assert.equal(await callWith(server, bearer(leaked[0].token)), 401);
  assert.equal(presses() - before, 3);

  // What was found is an access key in somebody's log. It is searched for in the list, which is one action more from home.
  await seen.page.locator("a.brand").click();
  await seen.page.getByRole("heading", { name: "Acme", level: 1 }).waitFor();
  const home = presses();
  await seen.page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API Keys" }).click();
  await seen.page.getByRole("searchbox", { name: "Search by name, description or access key" }).waitFor();
  const list = presses();
  await seen.page.keyboard.press("/");
  await seen.page.keyboard.type(leaked[1].access);
  await seen.page.keyboard.press("Enter");
  await seen.page.getByText(/^1 key ·/).waitFor();
  await seen.page.getByRole("link", { name: "Delete Leaked too" }).click();
  await seen.page.getByRole("dialog").getByRole("button", { name: "Delete key" }).click();
  await seen.page.getByRole("status").getByText("deleted").waitFor();
  assert.deepEqual([presses() - list, presses() - home], [3, 4]);
  assert.deepEqual([await callWith(server, bearer(leaked[1].token)), await callWith(server, bearer(leaked[2].token))], [401, 200]);
  await seen.close();
  await server.stop();
});
