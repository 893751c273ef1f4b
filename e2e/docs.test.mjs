// The documentation: by clicks from home, with scripts and without, in both themes and on a phone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inspect, invite, keep, openWindow, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
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

/** From home to the page of an api that is called so. */
const walkToApi = async (page, name) => {
  await walk(page, "Configure", "APIs");
  await page.getByRole("rowheader").getByRole("link", { name, exact: true }).click();
  await heading(page, name);
};

const done = (page, words) => page.getByRole("status").getByText(words).first().waitFor();

test("A1.6, S1.13, S1.14, S1.15: an admin documents two versions by clicks, and a member reads them by clicks, up to best practice", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToApi(page, "Default");
  await page.getByText("your customers read them at").waitFor();
  await inspect(page, "api-none");
  await page.getByRole("link", { name: "Rename" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Acme CRM");
  await page.getByRole("button", { name: "Save" }).click();
  await heading(page, "Acme CRM");

  const addVersion = async (name, fill = async () => {}) => {
    await walkToApi(page, "Acme CRM");
    await page.getByRole("link", { name: "Add version" }).click();
    await heading(page, "Add version");
    await page.getByLabel("Name", { exact: true }).fill(name);
    await fill();
    await page.getByRole("button", { name: "Add version" }).click();
    await heading(page, `API ${name}`);
  };
  await addVersion("1.0", async () => {
    await page.getByLabel("Status").selectOption("deprecated");
    await page.getByLabel("Ends").fill("2027-03-01");
    await inspect(page, "api-version-new");
  });
  await page.getByText("Deprecated, ends 1 Mar 2027").waitFor();

  const guides = [["workflows", "Workflows"], ["trigger-links", "Trigger links"], ["forms", "Forms"]];
  for (const [slug, title] of guides) {
    const markdown = `# ${title}\n\nHow ${title} are made.\n\n## Example\n\nOne of them.\n\n## More\n\nAll of them.\n`;
    await page.getByRole("link", { name: "Add guide" }).click();
    await heading(page, "Add guide");
    await page.getByLabel("Title").fill(title);
    // One is typed, and the others are files.
    if (slug === "workflows") await page.getByLabel("Text", { exact: true }).fill(markdown);
    else await page.getByLabel("Or a file").setInputFiles({ name: `${slug}.md`, mimeType: "text/markdown", buffer: Buffer.from(markdown) });
    if (slug === "forms") await inspect(page, "api-guide-new");
    await page.getByRole("button", { name: "Add guide" }).click();
    await done(page, `“${title}” saved.`);
  }
  await inspect(page, "api-version");

  await addVersion("2.0");
  await page.getByRole("link", { name: "Upload document" }).click();
  await page.getByLabel("Or paste it").fill("openapi: 3.1.0");
  await page.getByRole("button", { name: "Upload document" }).click();
  await page.getByRole("alert").getByText("turn YAML into JSON first").waitFor();
  assert.equal(await page.getByLabel("Or paste it").inputValue(), "openapi: 3.1.0");
  await inspect(page, "api-openapi-refused");
  const paths = { "/contacts": { get: { summary: "List contacts", responses: { 200: { description: "Contacts." } } } } };
  const openapi = JSON.stringify({ openapi: "3.1.0", info: { title: "Acme", version: "2.4" }, paths });
  await page.getByLabel("File", { exact: true }).setInputFiles({ name: "openapi.json", mimeType: "application/json", buffer: Buffer.from(openapi) });
  await page.getByRole("button", { name: "Upload document" }).click();
  await done(page, "saved.");
  await page.getByText("2.4", { exact: true }).waitFor();

  const person = { name: "Robin Reader", email: "robin@docs.example", password: "correct horse battery staple" };
  const { page: reader, close: closeReader } = await invite(browser, server, page, person, "MEMBER");
  await walk(reader);
  assert.equal(await reader.getByRole("link", { name: /^Configure/ }).count(), 0);
  await reader.getByRole("main").getByRole("link", { name: /^Developer documentation/ }).click();
  await heading(reader, "Documentation");
  await reader.getByRole("heading", { name: "Acme CRM", level: 2 }).first().waitFor();
  await reader.getByRole("main").getByRole("link", { name: /^API 1.0/ }).click();
  await heading(reader, "API 1.0");
  await reader.getByText("deprecated, ends 1 Mar 2027").waitFor();
  for (const [, title] of guides) {
    await reader.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: title, exact: true }).click();
    await heading(reader, title);
    await reader.getByText(`How ${title} are made.`, { exact: true }).waitFor();
  }
  await inspect(reader, "docs-host-guide");
  await reader.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "API 2.0", exact: true }).click();
  await heading(reader, "API 2.0");
  await reader.getByRole("main").getByRole("link", { name: /^Operations/ }).click();
  await heading(reader, "Operations");
  await reader.getByRole("heading", { name: "List contacts" }).waitFor();
  await inspect(reader, "docs-host-reference");
  await reader.getByRole("navigation", { name: "Guides" }).getByRole("link", { name: "Best practice" }).click();
  await heading(reader, "Best practice");
  await closeReader();

  // As it was: the other tests look at documentation of which a host has said nothing.
  for (const name of ["API 1.0", "API 2.0"]) {
    await walkToApi(page, "Acme CRM");
    await page.getByRole("rowheader").getByRole("link", { name, exact: true }).click();
    await heading(page, name);
    await page.getByRole("link", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "Delete version" }).click();
    await done(page, `“${name}” deleted.`);
  }
  await page.getByRole("link", { name: "Rename" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Default");
  await page.getByRole("button", { name: "Save" }).click();
  await heading(page, "Default");
  await close();
});
