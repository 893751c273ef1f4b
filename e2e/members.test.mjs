// What a member is called and may do, changed by clicks from home; seen by signing in, by calls and in the audit.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, createKey, openWindow, setUp, shared, signIn, startServer, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

const openMember = async (page, name) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "User Management" }).click();
  await page.getByRole("navigation", { name: "User Management" }).getByRole("link", { name: "Members" }).click();
  await page.getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
};

for (const javaScriptEnabled of [true, false]) {
  test(`a member gets another name, address and permissions${javaScriptEnabled ? "" : " without JavaScript"}`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    if (javaScriptEnabled) await setUp(page, server);
    else await signIn(page);
    const [name, renamed, email] = javaScriptEnabled ? ["Ann Meyer", "Ann Smith", "ann@acme.example"] : ["Ben Meyer", "Ben Smith", "ben@acme.example"];
    const moved = email.replace("@", ".smith@");
    await walkToKeys(page);
    const key = await createKey(page, `Seen by calls ${name}`, async () => {
      await page.getByLabel("ADMIN", { exact: false }).first().check();
    });
    await page.goto("/");
    await page.getByRole("link", { name: "Settings" }).click();
    await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "User Management" }).click();
    await page.getByRole("navigation", { name: "User Management" }).getByRole("link", { name: "Members" }).click();
    await page.getByRole("link", { name: "Invite a person" }).click();
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("MEMBER").check();
    await page.getByRole("button", { name: "Make invitation" }).click();
    await page.locator("#link").waitFor();

    await openMember(page, name);
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("E-mail").fill("maria@acme.example");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").waitFor();
    if (javaScriptEnabled) await show(page, "member-edit-errors");
    await page.getByLabel("Name").fill(renamed);
    await page.getByLabel("E-mail").fill(moved);
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText(`“${renamed}” saved.`).waitFor();
    assert.match(await lastEvent(page), /User changed[\s\S]*Maria Keller[\s\S]*Name: /);

    await openMember(page, renamed);
    await page.getByRole("link", { name: "Change role" }).click();
    await page.getByLabel("Also allowed").fill("scorecards/A:read\nnonsense");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").waitFor();
    await page.getByLabel("Also allowed").fill("scorecards/A:read\ncontacts:update");
    if (javaScriptEnabled) await show(page, "member-role");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText(`What “${renamed}” may do is changed`).waitFor();
    await page.getByText("scorecards/A:read").waitFor();
    const headers = bearer(key.token);
    const me = await (await fetch(`${server.base}/api/v1/me`, { headers })).json();
    const members = await (await fetch(`${server.base}/api/v1/organizations/${me.organization.id}/members`, { headers })).json();
    const found = JSON.stringify(members);
    assert.ok(found.includes("contacts:update") && found.includes("scorecards/A:read"), found);
    assert.match(await lastEvent(page), /Member changed[\s\S]*Extra permissions: /);

    await openMember(page, renamed);
    await page.getByRole("button", { name: /^Make (an|a new) invitation$/ }).click();
    const link = await page.locator("#link").textContent();
    const other = await openWindow(browser, server);
    await other.page.goto(link);
    await other.page.getByLabel("Password", { exact: true }).fill("a password of hers");
    await other.page.getByRole("button", { name: "Set password and sign in" }).click();
    await other.page.getByRole("status").getByText("Your password is set").waitFor();
    await other.page.getByRole("button", { name: /^Profile of/ }).click();
    await other.page.getByText(moved).waitFor();
    await other.close();
    await close();
  });
}
