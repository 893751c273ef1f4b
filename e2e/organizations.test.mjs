// Organizations, by clicks from home: made, renamed, suspended, resumed, moved, and switched to; seen by calls with a key and in the audit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, openWindow, setUp, shared, startServer, walk } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

for (const javaScriptEnabled of [true, false]) {
  const kind = javaScriptEnabled ? "" : " without JavaScript";
  test(`an organization is made, renamed, suspended, resumed, moved and switched to${kind}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    const name = (it) => (javaScriptEnabled ? it : `Quiet ${it}`);
    if (javaScriptEnabled) {
      await setUp(page, server);
      await walk(page, "Organizations");
      await page.getByRole("heading", { name: "One organization so far" }).waitFor();
      await show(page, "tree-first");
    } else {
      await page.goto("/sign-in");
      await page.getByLabel("E-mail").fill("maria@acme.example");
      await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
      await page.getByRole("button", { name: "Sign in" }).click();
    }
    const make = async (what, below, externalId) => {
      await walk(page, "Organizations");
      await page.getByRole("link", { name: "Create organization" }).first().click();
      await page.getByLabel("Name", { exact: true }).fill(what);
      await page.getByLabel("Below").selectOption({ label: below });
      await page.getByLabel("External id").fill(externalId);
      if (javaScriptEnabled) await show(page, "organization-new");
      await page.getByRole("button", { name: "Create organization" }).click();
      await page.getByRole("heading", { name: what, level: 1 }).waitFor();
    };
    await make(name("North"), "Acme", name("n-1").replace(" ", "-"));
    await make(name("Harbor Street"), name("North"), name("h-7").replace(" ", "-"));
    await make(name("South"), "Acme", "");
    await walk(page, "Organizations");
    if (javaScriptEnabled) await show(page, "tree");

    await page.getByRole("link", { name: `Switch to ${name("Harbor Street")}` }).click();
    await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
    const key = await createKey(page, "Till");
    assert.equal(await callWith(server, bearer(key.token)), 200);

    const openPage = async (what) => {
      await page.goto("/o/root/settings");
      await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Organizations" }).click();
      await page.getByRole("row", { name: new RegExp(name(what)) }).getByRole("rowheader").getByRole("link").click();
      await page.getByRole("heading", { name: name(what), level: 1 }).waitFor();
    };
    await openPage("Harbor Street");
    if (javaScriptEnabled) await show(page, "organization");
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("Name", { exact: true }).fill(name("Harbor Road"));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText("saved").waitFor();

    await page.getByRole("link", { name: "Suspend" }).click();
    await page.getByRole("button", { name: "Suspend organization" }).click();
    await page.getByRole("alert").getByText("Type the name exactly").waitFor();
    if (javaScriptEnabled) await show(page, "organization-suspend");
    assert.equal(await callWith(server, bearer(key.token)), 200);
    await page.getByLabel(`Type ${name("Harbor Road")} to confirm`).fill(name("Harbor Road"));
    await page.getByRole("button", { name: "Suspend organization" }).click();
    await page.getByRole("status").getByText("suspended").waitFor();
    assert.equal(await callWith(server, bearer(key.token)), 403);
    // Its keys stand in the agency's list as before, and nothing can be done to them.
    await page.goto("/o/root/keys");
    const closed = page.getByRole("table", { name: `API keys of ${name("Harbor Road")}`, exact: true }).getByRole("row", { name: /Till/ });
    await closed.getByText("the organization is suspended").waitFor();
    assert.equal(await closed.getByRole("link").count(), 0);
    assert.ok(await closed.getByRole("button", { name: "More for Till" }).isDisabled());
    if (javaScriptEnabled) await show(page, "keys-suspended-location");
    await openPage("Harbor Road");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("status").getByText("resumed").waitFor();
    assert.equal(await callWith(server, bearer(key.token)), 200);

    await page.getByRole("link", { name: "Move" }).click();
    await page.getByLabel("Below").selectOption({ label: name("South") });
    await page.getByRole("button", { name: "Review the move" }).click();
    await page.getByRole("heading", { name: "What it would do" }).waitFor();
    if (javaScriptEnabled) await show(page, "organization-move");
    await page.getByRole("button", { name: "Move organization" }).click();
    await page.getByRole("status").getByText("moved").waitFor();
    await page.getByRole("main").getByText(name("South"), { exact: true }).waitFor();
    assert.equal(await callWith(server, bearer(key.token)), 200);

    // Who makes an organization, or resumes it, does so from above, and there it is told.
    await openPage("North");
    await page.getByRole("link", { name: "Switch to it" }).click();
    await page.getByRole("link", { name: "Settings" }).first().click();
    await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Audit" }).click();
    const resumed = page.getByRole("row", { name: new RegExp(`^Organization changed ${name("Harbor Road")}`) });
    await resumed.getByText("Status: suspended → active").waitFor();
    await openPage("Harbor Road");
    await page.getByRole("link", { name: "History" }).click();
    const told = await page.getByRole("rowheader").allInnerTexts();
    assert.deepEqual(
      told.map((it) => it.split("\n")[0]),
      ["Organization moved", "Organization changed", "Organization changed"],
    );
    await close();
  });
}
