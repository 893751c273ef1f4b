// A0: the key of one's own behind a toggle, and the administrator who sees and clears everybody's, by clicks from home.
// With scripts, and once more without.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, bearer, call, callWith, createKey, invite, isRed, newestEvents, openWindow, setApiAccess, setUp, shared, startServer, walk, walkProfile, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser } = await shared();

const ANN = { name: "Ann Meyer", email: "ann@acme.example", password: "eleven plus one" };

const walkToApiAccess = (page) => walkProfile(page, "Your Profile & Preferences", "API Access");
const token = (page) => page.locator("#token").textContent();
const switchOn = async (page) => {
  await walkToApiAccess(page);
  await page.getByRole("button", { name: "Turn API access on" }).click();
  await page.getByRole("heading", { name: /^Key “.*” created$/ }).waitFor();
  return token(page);
};

for (const scripts of [true, false]) {
  test(`A0: API access is allowed, switched on, regenerated and cleared${scripts ? "" : ", without scripts"}`, async (scenario) => {
    const server = await startServer();
    const options = { javaScriptEnabled: scripts };
    const admin = await openWindow(browser, server, options);
    await setUp(admin.page, server);
    await walkToKeys(admin.page);
    const outside = await createKey(admin.page, "Outside tools", (page) => page.getByLabel("ADMIN").check());
    const member = await invite(browser, server, admin.page, ANN, "MEMBER", options);
    const happened = async (...kinds) => assert.deepEqual((await newestEvents(server, outside.token)).slice(0, kinds.length), kinds);
    let first;
    let second;

    // A0.1
    await scenario.test("S0.2, S0.3: a member has no toggle and makes no key, and the page says who can allow it; the admin needs no switch", async () => {
      await walkToApiAccess(member.page);
      await member.page.getByRole("heading", { name: "API access is not allowed for your role" }).waitFor();
      await member.page.getByText("An administrator of Acme can allow it").waitFor();
      assert.equal(await member.page.getByRole("button", { name: "Turn API access on" }).count(), 0);
      if (scripts) {
        await show(member.page, "api-access-not-allowed");
        const status = await member.page.evaluate(async () => {
          const { organization } = await (await fetch("/api/v1/me")).json();
          const headers = { "Content-Type": "application/json" };
          const answer = await fetch(`/api/v1/organizations/${organization.id}/keys`, { method: "POST", headers, body: '{"name":"Mine"}' });
          return answer.status;
        });
        assert.equal(status, 403);
      }
      const own = await switchOn(admin.page);
      assert.equal(await callWith(server, bearer(own)), 200);
      await happened("key.created");
      // A0.6
      await walk(admin.page, "Security", "API Management");
      assert.deepEqual(await admin.page.getByRole("rowheader").allTextContents(), [ADMIN.name], "the member has no key yet");
    });

    // A0.2
    await scenario.test("S0.4: the admin allows it on the member's role", async () => {
      await setApiAccess(admin.page, "MEMBER", "Allowed");
      await happened("role.updated");
    });

    await scenario.test("S0.1, S0.6, S0.7: the member toggles on and has a key, without a form; the page begins with the documentation", async () => {
      await walkToApiAccess(member.page);
      const begins = await member.page.getByRole("main").evaluate((main) => {
        const first = [...main.querySelectorAll("a, button")].find((it) => !it.closest(".crumbs"));
        return [first.textContent, first.getAttribute("href")];
      });
      assert.deepEqual(begins, ["API documentation", "/docs"], "it stands before the switch");
      if (scripts) await show(member.page, "api-access-off");
      first = await switchOn(member.page);
      if (scripts) await show(member.page, "api-access-created");
      assert.equal(await callWith(server, bearer(first)), 200);
      await happened("key.created");
      await member.page.getByRole("link", { name: "Done" }).click();
      await member.page.getByText("Policy shows a secret once").waitFor();
      await member.page.getByText(first.slice(0, 6)).waitFor();
      if (scripts) await show(member.page, "api-access");
      assert.ok(!(await member.page.content()).includes(first));
    });

    await scenario.test("S0.26: the documentation opens from the section and from the profile it stands in", async () => {
      await walkProfile(member.page, "Your Profile & Preferences");
      assert.equal(await member.page.getByRole("link", { name: /^Developer documentation/ }).getAttribute("href"), "/docs");
      await walkToApiAccess(member.page);
      await member.page.getByRole("link", { name: "API documentation" }).click();
      await member.page.waitForURL("**/docs");
    });

    await scenario.test("S0.9, S0.10, S0.11, S0.13: Regenerate New Key warns first; then the old key fails at once and the new one works", async () => {
      await walkToApiAccess(member.page);
      await member.page.getByText("Please note: regenerating the key or turning API access off makes every existing link with the old key fail.").waitFor();
      await member.page.getByRole("link", { name: "Regenerate New Key" }).click();
      // Without scripts the question is a page of its own.
      const question = member.page.getByRole(scripts ? "dialog" : "main");
      await question.getByText("Please note: every existing link with the old key fails at once.").waitFor();
      assert.equal(await callWith(server, bearer(first)), 200, "a question changes nothing");
      await question.getByRole("button", { name: "Regenerate New Key" }).click();
      await member.page.getByRole("heading", { name: "New secret for “Personal key of Ann Meyer”" }).waitFor();
      second = await token(member.page);
      assert.equal(await callWith(server, bearer(first)), 401);
      assert.equal(await callWith(server, bearer(second)), 200);
      await happened("key.rotated");
      const { organization } = await call(server, outside.token, 200, "GET", "/me");
      const { data } = await call(server, outside.token, 200, "GET", `/organizations/${organization.id}/keys?limit=100`);
      assert.deepEqual(data.filter((it) => it.mapped_user?.name === ANN.name).map((it) => it.state), ["active"], "one key, before and after");
    });

    await scenario.test("S0.14, S0.15: API Management stands in Security and in Advanced Settings, and lists who holds an active key and nobody else", async () => {
      for (const section of ["Advanced Settings", "Security"]) {
        await walk(admin.page, section, "API Management");
        const names = await admin.page.getByRole("rowheader").allTextContents();
        assert.deepEqual(names.sort(), [ANN.name, ADMIN.name]);
      }
      if (scripts) await show(admin.page, "api-management");
    });

    await scenario.test("S0.17, S0.18: Clear API Key asks in red, and every reference to the key fails", async () => {
      await admin.page.getByRole("link", { name: ANN.name, exact: true }).click();
      await admin.page.getByRole("heading", { name: ANN.name, level: 1 }).waitFor();
      if (scripts) await show(admin.page, "api-management-user");
      await admin.page.getByRole("link", { name: "Clear API Key" }).click();
      await admin.page.getByText("Every reference to the key fails at once").waitFor();
      const button = admin.page.getByRole("button", { name: "Clear API Key" });
      assert.ok(await isRed(button));
      assert.equal(await callWith(server, bearer(second)), 200);
      await button.click();
      await admin.page.getByRole("status").getByText("The API key of “Ann Meyer” is cleared.").waitFor();
      await admin.page.getByRole("row", { name: ADMIN.name }).waitFor();
      assert.equal(await admin.page.getByRole("row", { name: ANN.name }).count(), 0);
      assert.equal(await callWith(server, bearer(second)), 401);
      await happened("key.revoked");
    });

    let third;
    await scenario.test("S0.19: the member's toggle is off; on again makes another key, and the cleared one stays dead", async () => {
      third = await switchOn(member.page);
      assert.equal(await callWith(server, bearer(third)), 200);
      assert.equal(await callWith(server, bearer(second)), 401);
    });

    // A0.9
    await scenario.test("S0.5, S0.28: not allowed again refuses the member's key and not the admin's; API Management is not for members", async () => {
      await setApiAccess(admin.page, "MEMBER", "Not allowed");
      assert.equal(await callWith(server, bearer(third)), 403);
      assert.equal(await callWith(server, bearer(outside.token)), 200);
      await setApiAccess(admin.page, "MEMBER", "Allowed");
      assert.equal(await callWith(server, bearer(third)), 200);
      await member.page.goto("/");
      await member.page.getByRole("link", { name: "Settings", exact: true }).click();
      await member.page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
      assert.equal(await member.page.locator("nav.index").getByRole("link", { name: /^(Security|Advanced Settings)/ }).count(), 0);
      const [, organization] = /\/o\/([^/]+)/.exec(member.page.url());
      for (const section of ["security", "advanced-settings"]) {
        const answer = await member.page.goto(`/o/${organization}/${section}/api-management`);
        assert.equal(answer.status(), 403);
      }
    });

    await scenario.test("S0.12: turning API access off asks first, and makes the key fail", async () => {
      await walkToApiAccess(member.page);
      await member.page.getByRole("link", { name: "Turn API access off" }).click();
      await member.page.getByText("every existing link with it fails at once").waitFor();
      await member.page.getByRole("button", { name: "Turn off" }).click();
      await member.page.getByRole("status").getByText("API access is off.").waitFor();
      assert.equal(await callWith(server, bearer(third)), 401);
      await happened("key.revoked");
    });

    await scenario.test("S2.28, S2.29, S2.30: a key that an admin made for the member is found under Edit Profile, Security, API Keys, and only used there", async () => {
      await walk(admin.page, "System Settings", "System setup", "Integrations", "API Keys");
      await admin.page.getByRole("link", { name: "Create API Key" }).first().click();
      await admin.page.getByLabel("API Key Name (Application)").fill("Reports for Ann");
      await admin.page.getByLabel("Mapped User Account").selectOption({ label: ANN.name });
      await admin.page.getByRole("button", { name: "Save" }).click();
      await admin.page.getByRole("heading", { name: "Key “Reports for Ann” created" }).waitFor();
      const made = await token(admin.page);
      assert.equal(await callWith(server, bearer(made)), 200);
      await walkProfile(member.page, "Edit Profile", "Security", "API Keys");
      const row = member.page.getByRole("row", { name: "Reports for Ann" });
      await row.getByText(ADMIN.name).waitFor();
      if (scripts) await show(member.page, "mapped-keys");
      for (const kind of ["link", "button"]) assert.equal(await row.getByRole(kind, { name: /Edit|Delete/ }).count(), 0);
      await row.getByRole("link", { name: "View" }).click();
      await member.page.getByRole("heading", { name: "Reports for Ann", level: 1 }).waitFor();
      const main = member.page.getByRole("main");
      for (const kind of ["link", "button"]) assert.equal(await main.getByRole(kind, { name: /Edit|Delete|Deactivate|Rotate/ }).count(), 0);
    });

    await admin.close();
    await member.close();
    await server.stop();
  });
}
