// A key that leaked, by clicks from home: three steps, and it is refused; and what an event tells, erased for good.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, openWindow, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

for (const javaScriptEnabled of [true, false]) {
  // S2.18: whoever finds a key ends it.
  test(`a leaked key is ended three steps from home${javaScriptEnabled ? "" : " without JavaScript"}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    if (javaScriptEnabled) await setUp(page, server);
    else await signIn(page);
    await walkToKeys(page);
    const name = javaScriptEnabled ? "CI release" : "CI nightly";
    const key = await createKey(page, name);
    await page.getByRole("link", { name: "Done" }).click();
    const other = await createKey(page, `${name} 2`);
    assert.equal(await callWith(server, bearer(key.token)), 200);
    await page.locator("a.brand").click();

    await page.getByRole("link", { name: /live API keys?$/ }).click();
    await page.getByRole("link", { name: "Report a leak" }).click();
    await page.getByText("deleted at once").waitFor();
    if (javaScriptEnabled) await show(page, "leak");
    await page.getByLabel("Leaked keys").fill(`API_KEY="${key.token}"\nnobody's key`);
    await page.getByLabel("Where it was found").fill("https://example.com/paste");
    await page.getByRole("button", { name: "Report and delete" }).click();
    await page.getByRole("heading", { name: "What came of the report" }).waitFor();

    assert.equal(await callWith(server, bearer(key.token)), 401);
    assert.equal(await callWith(server, bearer(other.token)), 200);
    const said = await page.locator("main").innerText();
    assert.match(said, new RegExp(`${name}[\\s\\S]*Deleted now[\\s\\S]*Not one of ours`));
    assert.ok(!(await page.content()).includes(key.secret) && !page.url().includes("ck_"), "it stands nowhere");
    if (javaScriptEnabled) await show(page, "leaked");
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    assert.match(await lastEvent(page), new RegExp(`Key deleted[\\s\\S]*${name}`));

    // What it told has to be forgotten.
    await page.getByRole("row").nth(1).getByRole("link", { name: "Key deleted" }).click();
    await page.getByText("https://example.com/paste").first().waitFor();
    await page.getByRole("link", { name: "Erase…" }).click();
    if (javaScriptEnabled) await show(page, "audit-erase");
    await page.getByLabel("Why").fill("Request 4711");
    await page.getByRole("button", { name: "Erase" }).click();
    await page.getByText("What this event told was erased.").waitFor();
    assert.ok(!(await page.content()).includes("example.com/paste"));
    await page.getByRole("link", { name: "By whom, and why" }).click();
    await page.getByText("Request 4711").first().waitFor();

    await walk(page, "Audit");
    await page.getByText(/^Chain of \d+ events/).click();
    assert.match(await page.locator("#chain").innerText(), /^[0-9a-f]{64}$/);
    if (javaScriptEnabled) await show(page, "audit-chain");
    await walk(page, "Key health");
    await page.getByRole("link", { name: "Report a leak" }).click();
    await page.getByRole("heading", { name: "Report a leak" }).waitFor();
    await close();
  });
}
