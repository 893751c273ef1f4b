// Where the documentation opens from, by clicks from home.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call, createKey, invite, openWindow, setApiAccess, setUp, shared, startServer, walkProfile, walkToKeys } from "./harness.mjs";

const BEN = { name: "Ben Ortiz", email: "ben@acme.example", password: "a battery of horses" };

const { browser, server } = await shared(startServer);

/** Follows a link to the documentation, which leads home, and comes back. */
const opens = async (page, link) => {
  const from = page.url();
  await link.click();
  await page.waitForURL("**/docs");
  await page.getByRole("heading", { name: "Documentation", level: 1 }).waitFor();
  await page.getByRole("link", { name: "Back to the console" }).first().click();
  await page.waitForURL("**/o/**");
  await page.goto(from);
};

test("A0.10, S0.27: the documentation opens from two places of the member's settings, from the help and from a key", async () => {
  const { page: admin, close } = await openWindow(browser, server);
  await setUp(admin, server);
  await setApiAccess(admin, "MEMBER", "Allowed");
  const { page, close: leave } = await invite(browser, server, admin, BEN, "MEMBER");

  await walkProfile(page, "Your Profile & Preferences");
  await opens(page, page.getByRole("link", { name: /^Developer documentation/ }));
  await walkProfile(page, "Your Profile & Preferences", "API Access");
  await opens(page, page.getByRole("link", { name: /^Developer documentation/ }));
  await page.goto("/");
  await page.getByRole("button", { name: /^Profile of/ }).click();
  await page.getByRole("link", { name: "Keyboard shortcuts" }).click();
  await opens(page, page.getByRole("dialog").getByRole("link", { name: "API Developer Guide" }));

  await walkToKeys(page);
  await createKey(page, "Reports");
  await page.getByRole("link", { name: "View key" }).click();
  const documentation = page.getByRole("main").getByRole("link", { name: "Developer documentation" });
  await opens(page, documentation);
  await page.locator(".facts div", { hasText: "Type" }).getByText("API", { exact: true }).waitFor();

  // A host that documents its own API is where the member is led.
  await walkToKeys(admin);
  const { token } = await createKey(admin, "Host", (it) => it.getByLabel("ADMIN").check());
  const { organization } = await call(server, token, 200, "GET", "/me");
  const { data } = await call(server, token, 200, "GET", `/organizations/${organization.id}/apis`);
  const api = data.find((it) => it.slug === "default");
  const versions = [
    { slug: "1.0", status: "deprecated", docs_url: "https://docs.acme.example/v1" },
    { slug: "2.0", status: "current", docs_url: "https://docs.acme.example/v2" },
  ];
  await call(server, token, 200, "PATCH", `/organizations/${organization.id}/apis/${api.id}`, { versions });
  await page.reload();
  assert.equal(await documentation.getAttribute("href"), "https://docs.acme.example/v2");
  await walkProfile(page, "Your Profile & Preferences", "API Access");
  assert.equal(await page.getByRole("link", { name: /^Developer documentation/ }).getAttribute("href"), "https://docs.acme.example/v2");
  await walkToKeys(page);
  await page.getByRole("link", { name: "Reports", exact: true }).click();
  await leave();
  await close();
});
