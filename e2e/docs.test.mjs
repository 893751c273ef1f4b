// The documentation: by clicks from home, with scripts and without, in both themes and on a phone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call, createKey, inspect, keep, openWindow, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

const heading = (page, name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();

test("S2.4, S0.27: the documentation is reached by clicks from home, and leads from guide to guide", async () => {
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await page.goto("/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Docs" }).click();
  await heading(page, "Documentation");
  await show(page, "docs");
  await page.getByRole("main").getByRole("link", { name: /^Getting a key/ }).click();
  await heading(page, "Getting a key");

  // Before and after, the menu, the way back up, the contents of the page.
  await page.getByRole("navigation", { name: "Before and after" }).getByRole("link", { name: /Using a key$/ }).click();
  await heading(page, "Using a key");
  await show(page, "docs-using-a-key");
  await page.getByRole("navigation", { name: "On this page" }).getByRole("link", { name: "X-Api-Key" }).click();
  assert.ok(page.url().endsWith("/docs/using-a-key#x-api-key"));
  await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "Reading a refusal" }).click();
  await heading(page, "Reading a refusal");
  await show(page, "docs-refusals");
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link", { name: "Documentation" }).click();
  await heading(page, "Documentation");

  // From the help of the console.
  await page.getByRole("link", { name: "Back to the console" }).click();
  await page.getByRole("button", { name: /^Profile of/ }).click();
  await page.getByRole("link", { name: "API Developer Guide" }).click();
  await heading(page, "Documentation");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API reference" }).click();
  await page.getByRole("heading", { name: "Claviger" }).first().waitFor();
  await page.getByRole("link", { name: "Documentation", exact: true }).first().click();
  await heading(page, "Documentation");
  await close();
});

test("S1.16, S1.17, S1.15: who lost a key is led from its page to what to do, and on to best practice", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  await page.getByRole("rowheader").getByRole("link").first().click();
  await page.getByRole("link", { name: "How that works" }).click();
  await heading(page, "The lost key");
  await page.getByRole("heading", { name: "Generate a new one" }).waitFor();
  await page.getByRole("heading", { name: "Deactivate the old one" }).waitFor();
  await show(page, "docs-lost-key");
  await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "Best practice" }).click();
  await heading(page, "Best practice");
  await page.getByRole("heading", { name: "Efficient use" }).waitFor();
  await inspect(page, "docs-best-practice");
  await close();
});

test("code stands in tabs and is copied with this server's address, and a guide as Markdown", async () => {
  const { page, close } = await openWindow(browser, server);
  await page.goto("/docs");
  await page.getByRole("main").getByRole("link", { name: /^Using a key/ }).click();
  const tabs = page.locator(".tabs").first();
  await tabs.getByText(`curl ${server.base}/api/v1/me`).waitFor();
  await tabs.getByText("Python", { exact: true }).click();
  assert.equal(await tabs.locator("details[open]").count(), 1);
  await tabs.getByText("urllib.request.Request").waitFor();
  await tabs.getByText("Rust", { exact: true }).click();
  await tabs.getByText("bearer_auth(key)").waitFor();
  await tabs.locator("details[open]").getByRole("button", { name: /^Copy/ }).click();
  await tabs.getByText("Copied").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^use serde_json::Value;/);

  await page.getByRole("button", { name: "Copy as Markdown" }).click();
  await page.locator(".take").getByText("Copied").waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(copied.startsWith("# Using a key\n") && copied.includes(`${server.base}/api/v1/me`));
  const served = await (await fetch(`${server.base}/docs/using-a-key.md`)).text();
  assert.equal(copied.trim(), served.trim());
  await close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`a search is answered ${javaScriptEnabled ? "with" : "without"} scripts`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    await page.goto("/docs");
    for (const [words, guide] of [["rotate", "Rotating without downtime"], ["401", "Reading a refusal"], ["Zapier", "Webhooks and automation"]]) {
      const field = page.getByRole("main").getByRole("searchbox");
      await field.fill(words);
      await field.press("Enter");
      await page.getByRole("status").filter({ hasText: /results? for/ }).waitFor();
      const first = page.locator(".found a").filter({ hasText: guide }).first();
      await first.waitFor();
      assert.ok((await page.locator(".found mark").count()) > 0, words);
    }
    if (javaScriptEnabled) await show(page, "docs-search");
    await page.locator(".found a").filter({ hasText: "Zapier" }).first().click();
    await heading(page, "Webhooks and automation");
    assert.ok(page.url().endsWith("#zapier"));

    await page.goto("/docs/search?q=teapot");
    await page.getByRole("heading", { name: "Nothing is found for “teapot”" }).waitFor();
    if (javaScriptEnabled) await inspect(page, "docs-nothing-found");
    await page.goto("/docs/nothing");
    await heading(page, "There is no such page");
    if (javaScriptEnabled) await inspect(page, "docs-missing");
    await close();
  });
}

test("a guide without scripts shows the first tab, opens the others, and offers nothing that needs one", async () => {
  const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false });
  await page.goto("/docs/checking-keys");
  const tabs = page.locator(".tabs").first();
  assert.ok(await tabs.getByText(`curl ${server.base}/api/v1/verify`).isVisible());
  await tabs.getByText("TypeScript", { exact: true }).click();
  assert.ok(await tabs.getByText("await fetch(").isVisible());
  assert.equal(await page.getByRole("button").count(), 0);
  await page.getByRole("link", { name: "View as Markdown" }).click();
  await page.getByText("# Checking keys").waitFor();
  await close();
});

test("the keyboard reaches the search by one key and the guide by Tab, and print shows the text alone", async () => {
  const { page, close } = await openWindow(browser, server);
  await page.goto("/docs/rotating");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await page.keyboard.type("lost");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: /results? for/ }).waitFor();

  await page.goto("/docs/rotating");
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.getByRole("navigation", { name: "Guides" }).isVisible(), false);
  assert.ok(await page.getByRole("heading", { name: "At the console" }).isVisible());
  await keep(page, "docs-rotating-print");
  await close();
});

test("S1.13, S1.14, S1.15: the documentation of both versions, workflows, trigger links, forms and best practice are reached by clicks", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const { token } = await createKey(page, "Documentation", (it) => it.getByLabel("ADMIN").check());
  const { organization } = await call(server, token, 200, "GET", "/me");
  const { data } = await call(server, token, 200, "GET", `/organizations/${organization.id}/apis`);
  const { id, name } = data.find((it) => it.slug === "default");
  const api = `/organizations/${organization.id}/apis/${id}`;
  const versions = [
    { slug: "1.0", status: "deprecated", sunset_at: "2027-03-01T00:00:00Z" },
    { slug: "2.0", status: "current" },
  ];
  await call(server, token, 200, "PATCH", api, { name: "Acme CRM", versions });
  const guides = [["workflows", "Workflows"], ["trigger-links", "Trigger links"], ["forms", "Forms"]];
  for (const [slug, title] of guides) {
    const body = { title, markdown: `# ${title}\n\nHow ${title} are made.\n\n## Example\n\nOne of them.\n\n## More\n\nAll of them.\n` };
    await call(server, token, 201, "PUT", `${api}/versions/1.0/guides/${slug}`, body);
  }
  const paths = { "/contacts": { get: { summary: "List contacts", responses: { 200: { description: "Contacts." } } } } };
  await call(server, token, 201, "PUT", `${api}/versions/2.0/openapi`, { openapi: "3.1.0", info: { title: "Acme" }, paths });

  await walk(page);
  await page.getByRole("main").getByRole("link", { name: /^Developer documentation/ }).click();
  await heading(page, "Documentation");
  await page.getByRole("heading", { name: "Acme CRM", level: 2 }).first().waitFor();
  await page.getByRole("main").getByRole("link", { name: /^API 1.0/ }).click();
  await heading(page, "API 1.0");
  await page.getByText("deprecated, ends 1 Mar 2027").waitFor();
  for (const [, title] of guides) {
    await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: title, exact: true }).click();
    await heading(page, title);
    await page.getByText(`How ${title} are made.`, { exact: true }).waitFor();
  }
  await inspect(page, "docs-host-guide");
  await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "API 2.0", exact: true }).click();
  await heading(page, "API 2.0");
  await page.getByRole("main").getByRole("link", { name: /^Operations/ }).click();
  await heading(page, "Operations");
  await page.getByRole("heading", { name: "List contacts" }).waitFor();
  await inspect(page, "docs-host-reference");
  await page.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "Best practice" }).click();
  await heading(page, "Best practice");

  // As it was: the other tests look at documentation of which a host has said nothing.
  await call(server, token, 200, "PATCH", api, { name, versions: [] });
  await close();
});
