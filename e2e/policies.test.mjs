// Policies, by clicks from home: what holds and where it comes from, a change with its preview, locks; seen by calls and in the audit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, openWindow, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

const asAdmin = async (page) => {
  await page.getByLabel("ADMIN", { exact: false }).first().check();
};

const policyOf = async (token) => {
  const headers = bearer(token);
  const me = await (await fetch(`${server.base}/api/v1/me`, { headers })).json();
  return (await fetch(`${server.base}/api/v1/organizations/${me.organization.id}/policy`, { headers })).json();
};

/** The page of a setting, from home. */
const open = async (page, label) => {
  await walk(page, "Policies");
  await page.getByRole("link", { name: `Edit ${label}` }).click();
  await page.getByRole("heading", { name: label, level: 1 }).waitFor();
};

test("a setting is changed after a look at what that would do, and counts for the next key", async () => {
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  await walkToKeys(page);
  const admin = await createKey(page, "Endless", asAdmin);

  await walk(page, "Policies");
  await page.getByRole("row", { name: /^Longest life of a key/ }).getByText("Default").waitFor();
  await show(page, "policies");
  await open(page, "Longest life of a key");
  await page.getByLabel("A number of days").check();
  await page.getByRole("textbox", { name: "Number of days" }).fill("ninety");
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByRole("alert").getByText("Enter a whole number of days").waitFor();
  await show(page, "policy-errors");
  await page.getByRole("textbox", { name: "Number of days" }).fill("90");
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByText(/^\d keys have no expiry\.$/).waitFor();
  await page.getByRole("link", { name: "Endless" }).waitFor();
  await show(page, "policy-review");
  assert.equal((await policyOf(admin.token)).expiry_days_max.effective, null, "nothing is changed yet");
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("status").getByText("Policy “Longest life of a key” saved.").waitFor();
  await page.getByRole("row", { name: /^Longest life of a key.*90 days.*Set here/ }).waitFor();
  assert.equal((await policyOf(admin.token)).expiry_days_max.effective, 90);
  assert.equal(await callWith(server, bearer(admin.token)), 200, "what exists goes on working");
  assert.match(await lastEvent(page), /Policy changed[\s\S]*Maria Keller[\s\S]*Longest life of a key/);

  await walkToKeys(page);
  await page.getByRole("link", { name: "Create API Key" }).click();
  await page.getByLabel("Key Name").fill("Too long");
  assert.equal(await page.getByLabel("Expires").inputValue(), "90", "the longest that policy allows");
  assert.ok(await page.getByRole("option", { name: /^Never: policy allows 90 days at most/ }).isDisabled());
  await page.getByLabel("Expires").selectOption("date");
  await page.getByLabel("Last day").fill("2099-01-01");
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByRole("alert").waitFor();

  await open(page, "Longest life of a key");
  await page.getByLabel("The default").check();
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("row", { name: /^Longest life of a key.*Default/ }).waitFor();
  assert.equal((await policyOf(admin.token)).expiry_days_max.effective, null);
  await close();
});

test("what is locked above is said below, and only a narrower value is taken there, without JavaScript too", async () => {
  const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false });
  await signIn(page);
  await walk(page, "Organizations");
  await page.getByRole("link", { name: "Create organization" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Location");
  await page.getByRole("button", { name: "Create organization" }).click();
  await page.getByRole("status").getByText("created").waitFor();

  await open(page, "Unused keys end");
  await page.getByLabel("A number of days").check();
  await page.getByRole("textbox", { name: "Number of days" }).fill("90");
  await page.getByLabel("Lock for organizations below").check();
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByText("Another value would hold in 2 organizations.").waitFor();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("row", { name: /^Unused keys end.*90 days.*Set here.*Locked here/ }).waitFor();

  await walk(page, "Organizations");
  await page.getByRole("link", { name: "Switch to Location" }).click();
  await page.getByRole("link", { name: "Settings" }).first().click();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: /^Policies/ }).click();
  await page.getByRole("row", { name: /^Unused keys end.*90 days.*Set by Acme.*Locked by Acme/ }).waitFor();
  await page.getByRole("link", { name: "Edit Unused keys end" }).click();
  await page.getByText("Acme has locked this at “90 days” or narrower.").waitFor();
  const save = async (days) => {
    await page.getByLabel("A number of days").check();
    await page.getByRole("textbox", { name: "Number of days" }).fill(days);
    await page.getByRole("button", { name: "Review the change" }).click();
  };
  await save("365");
  await page.getByRole("alert").getByText("An organization above has locked this").waitFor();
  await save("30");
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("row", { name: /^Unused keys end.*30 days.*Set here/ }).waitFor();
  await close();
});
