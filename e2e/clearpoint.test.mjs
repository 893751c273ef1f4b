// A2: a key that rests on somebody else's permissions, and the keys of the data loader, by clicks from home, with a gateway that asks for each
// request.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, askAsGateway, bearer, call, callWith, createKey, invite, isRed, openWindow, setApiAccess, setReveal, setUp, shared, signIn, startDev, startServer, walk, walkProfile, walkToKeys } from "./harness.mjs";
import { startHost } from "./host.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser } = await shared();

const M = { name: "Mia Moser", email: "mia@example.com", password: "eleven plus one" };
const EXPIRED = /^401 expired$/;

const walkToIntegrations = (page) => walk(page, "System Settings", "System setup", "Integrations", "API Keys");
// The samples of the agency's location have a key of that name too, in a table of its own.
const row = (page, name = "Integration") => page.getByRole("table").first().getByRole("row", { name });
const minutes = (count) => new Date(Date.now() + count * 60_000).toISOString();

/** From a key's page: View, the password where it was typed a while ago, and both values. */
const view = async (page, password) => {
  await page.getByRole("main").getByRole("link", { name: "View", exact: true }).click();
  await page.getByRole("heading", { name: /^View the secret of/ }).waitFor();
  if (password) await page.getByLabel("Your password").fill(password);
  await page.getByRole("button", { name: "View", exact: true }).click();
  await page.getByRole("heading", { name: /^Secret of/ }).waitFor();
  const text = (id) => page.locator(`#${id}-1`).textContent();
  return { token: await text("token"), access: await text("access"), secret: await text("secret") };
};

/** User Management, Members, the person, Change role: what else they may do. */
const allow = async (page, permissions) => {
  await walk(page, "User Management", "Members");
  await page.getByRole("link", { name: M.name }).click();
  await page.getByRole("link", { name: "Change role" }).click();
  await page.getByLabel("Also allowed").fill(permissions.join("\n"));
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").getByText(`What “${M.name}” may do is changed`).waitFor();
};

test("A2: a key sees what its mapped user may see, until its date", async (scenario) => {
  const dev = await startDev();
  const { page, close } = await openWindow(browser, dev);
  await signIn(page, dev.admin);
  await setApiAccess(page, "MEMBER", "Allowed");
  const m = await invite(browser, dev, page, M, "MEMBER");
  await scenario.test("A2.0: policy shows secrets again, to administrators too", async () => {
    await setReveal(page, /administrators/);
    assert.match(await lastEvent(page), /Policy changed/);
  });
  await allow(page, ["scorecards/A:read"]);
  await walk(page, "User Management", "API Keys");
  const admin = await createKey(page, "Outside tools", (it) => it.getByLabel("ADMIN").check(), "ADD API KEY");
  let key;
  const ask = (element, headers = { accessKey: key.access, secretKey: key.secret }) => askAsGateway(dev, headers, `scorecards/${element}:read`);

  await scenario.test("A2.1, S2.10, S2.11, S2.15: plus, name, expiry in 30 days, and M instead of the creator; saved, it stands in the list", async () => {
    await walkToIntegrations(page);
    await page.locator('main a:has(use[href$="#plus"])').first().click();
    await page.getByLabel("API Key Name (Application)").fill("Integration");
    await page.getByLabel("Expires").selectOption("30");
    const mapped = page.getByLabel("Mapped User Account");
    assert.match(await mapped.locator("option:checked").innerText(), /\(me\)$/);
    await mapped.selectOption({ label: M.name });
    await page.getByRole("button", { name: "Save" }).click();
    const text = (id) => page.locator(`#${id}`).textContent();
    key = { token: await text("token"), access: await text("access"), secret: await text("secret") };
    await page.getByRole("link", { name: "Done" }).click();
    const cells = await row(page).getByRole("cell").allInnerTexts();
    const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    assert.ok(cells.includes(M.name) && cells.includes(day) && cells.some((it) => it.startsWith("Active")), cells.join());
    assert.match(await lastEvent(page), /Key created[\s\S]*Integration/);
  });

  await scenario.test("S2.12, S2.24, S2.25: scorecard A is let in and B is not; one header missing or both swapped is 401", async () => {
    assert.deepEqual([await ask("A"), await ask("B")], ["200", "404 insufficient_permission"]);
    for (const headers of [{ accessKey: key.access }, { secretKey: key.secret }, { accessKey: key.secret, secretKey: key.access }]) {
      assert.match(await ask("A", headers), /^401 /);
    }
  });

  await scenario.test("A2.2, S2.16: what the key changes in the product stands in Revision History under M's name, via the key", async () => {
    await allow(page, ["scorecards/A:read", "scorecards/A:update"]);
    // A new key only reads.
    await walkToIntegrations(page);
    await row(page).getByRole("link", { name: "Integration", exact: true }).click();
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("ADMIN").check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText("Its secret is unchanged.").waitFor();
    const host = await startHost(dev, admin.token);
    const both = { accessKey: key.access, secretKey: key.secret };
    const update = (element) => host.ask(both, `scorecards/${element}:read,scorecards/${element}:update`, "PUT", `/scorecards/${element}`, { score: 7 });
    assert.deepEqual([await update("A"), await update("B")], [200, 404]);
    await walk(page, "Revision History");
    const revision = page.getByRole("row", { name: /Scorecard updated/ });
    for (let tries = 0; (await revision.count()) === 0; tries += 1) {
      assert.ok(tries < 40, "the host reports it");
      await page.waitForTimeout(100);
      await page.reload();
    }
    assert.equal(await revision.count(), 1);
    for (const text of ["Customer satisfaction", M.name, "82", "7"]) await revision.getByText(text, { exact: true }).waitFor();
    await revision.getByText("via Integration").waitFor();
    await show(page, "revision-history");
    await revision.getByRole("link", { name: "Scorecard updated" }).click();
    await page.getByRole("table", { name: "What differs before and after" }).getByRole("row", { name: /Score.*82.*7/ }).waitFor();
    await host.stop();
  });

  await scenario.test("A2.3, S2.13: M is given scorecard B, and the same key is let in", async () => {
    await allow(page, ["scorecards/A:read", "scorecards/B:read"]);
    assert.deepEqual([await ask("A"), await ask("B"), await ask("C")], ["200", "200", "404 insufficient_permission"]);
    assert.match(await lastEvent(page), /Member changed/);
  });

  await scenario.test("A2.4, S2.13, S2.19, S2.21: three dots, Edit changes name, expiry and mapped user, and the secret stays the same", async () => {
    const edit = async (from, name, user, days) => {
      await walkToIntegrations(page);
      await row(page, from).getByRole("button", { name: `More for ${from}` }).click();
      await page.getByRole("link", { name: "Edit", exact: true }).click();
      await page.getByLabel("API Key Name (Application)").fill(name);
      await page.getByLabel("Mapped User Account").selectOption(user);
      await page.getByLabel("Expires").selectOption(days);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("status").getByText("Its secret is unchanged.").waitFor();
    };
    await edit("Integration", "Warehouse", { index: 0 }, "90");
    assert.match(await lastEvent(page), /Key changed[\s\S]*Warehouse/);
    assert.equal(await ask("C"), "200", "it rests on the administrator now");
    await edit("Warehouse", "Integration", { label: M.name }, "30");
    assert.deepEqual([await ask("A"), await ask("C")], ["200", "404 insufficient_permission"]);
  });

  await scenario.test("A2.4, S2.23: View shows both values, after the password and with an event", async () => {
    await dev.setClock(minutes(20));
    await walkToIntegrations(page);
    await row(page).getByRole("link", { name: "Integration", exact: true }).click();
    assert.deepEqual(await view(page, dev.admin.password), key);
    assert.match(await lastEvent(page), /Secret shown again[\s\S]*Integration/);
  });

  await scenario.test("A2.4, S2.22: cancel keeps the key", async () => {
    await walkToIntegrations(page);
    await row(page).getByRole("link", { name: "Delete Integration" }).click();
    assert.ok(await isRed(page.getByRole("button", { name: "Delete key" })));
    await page.getByRole("link", { name: "Cancel" }).click();
    assert.equal(await ask("A"), "200");
  });

  await scenario.test("A2.5, S2.28, S2.29, S2.30: M finds the key under Edit Profile, Security, API Keys, views and uses it, and neither edits nor deletes it", async () => {
    await walkProfile(m.page, "Edit Profile", "Security", "API Keys");
    await row(m.page).getByText(/^Active/).waitFor();
    await row(m.page).getByRole("link", { name: "View" }).click();
    await m.page.getByRole("heading", { name: "Integration", level: 1 }).waitFor();
    for (const kind of ["link", "button"]) assert.equal(await m.page.getByRole("main").getByRole(kind, { name: /Edit|Delete|Deactivate|Rotate/ }).count(), 0);
    const shown = await view(m.page, M.password);
    assert.deepEqual(shown, key);
    assert.equal(await ask("A", { accessKey: shown.access, secretKey: shown.secret }), "200");
    assert.match(await lastEvent(page), new RegExp(`Secret shown again[\\s\\S]*${M.name}`));
  });

  await scenario.test("A2.5, S2.10: past its date it is refused, and verification, its explanation and both pages say expired", async () => {
    await dev.setClock(new Date(Date.now() + 32 * 86_400_000).toISOString());
    assert.match(await ask("A"), EXPIRED);
    // A month later nobody is signed in any more.
    await signIn(page, dev.admin);
    await signIn(m.page, M);
    await walkProfile(m.page, "Edit Profile", "Security", "API Keys");
    await row(m.page).getByText("Expired").waitFor();
    await walkToIntegrations(page);
    await row(page).getByText("Expired").waitFor();
    await show(page, "key-expired");
    const { allowed, code, trace } = await call(dev, admin.token, 200, "POST", "/verify", { key: key.token, explain: true });
    assert.deepEqual([allowed, code], [false, "expired"]);
    assert.ok(trace.some((it) => JSON.stringify(it).includes("expired")), JSON.stringify(trace));
  });

  await scenario.test("A2.5, S2.19: a new date revives it, and its secret is the same", async () => {
    await row(page).getByRole("link", { name: "Integration", exact: true }).click();
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("Expires").selectOption("30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText("Its secret is unchanged.").waitFor();
    assert.equal(await ask("A"), "200");
    assert.match(await lastEvent(page), /Key changed[\s\S]*Integration/);
  });

  await scenario.test("A2.4, A2.5, S2.22, S2.31: deletion wants the red button, and does not revive", async () => {
    await walkToIntegrations(page);
    await row(page).getByRole("link", { name: "Delete Integration" }).click();
    const button = page.getByRole("button", { name: "Delete key" });
    assert.ok(await isRed(button));
    await button.click();
    await page.getByRole("status").getByText("Key “Integration” deleted.").waitFor();
    assert.match(await ask("A"), /^401 revoked$/);
    assert.match(await lastEvent(page), /Key deleted[\s\S]*Integration/);
  });

  await m.close();
  await close();
  await dev.stop();
});

/** What the gateway is told of a key where this api's keys are wanted. */
const askFor = (server, api, token) => askAsGateway(server, { Authorization: `Bearer ${token}`, "Claviger-Api": api }, "contacts:read");

for (const scripts of [true, false]) {
  const how = scripts ? "" : ", without scripts";

  test(`A2.6, S2.5: the data loader has keys of its own, one for each user${how}`, async (scenario) => {
    const server = await startServer();
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled: scripts });
    await setUp(page, server);
    await walkToKeys(page);
    const usual = await createKey(page, "Outside tools", (it) => it.getByLabel("ADMIN").check());
    const m = await invite(browser, server, page, M, "READONLY", { javaScriptEnabled: scripts });
    const walkToLoader = () => walk(page, "System Settings", "System setup", "Integrations", "Data Loader");
    const mia = page.getByRole("row", { name: M.name });
    const press = (name) => page.getByRole("button", { name, exact: true }).click();
    const text = (id) => page.locator(`#${id}`).textContent();
    const tell = (words) => page.getByRole("status").getByText(words).waitFor();
    let token;

    await scenario.test("a key of whoever may do everything is given with a warning that is seen", async () => {
      await walkToLoader();
      await page.getByRole("link", { name: `Give ${ADMIN.name} a Data Loader key` }).click();
      await page.getByText("Full administrative privileges: whoever has this key can load").waitFor();
      await page.getByRole("link", { name: "Cancel" }).click();
      await page.getByRole("heading", { name: "Data Loader", level: 1 }).waitFor();
    });

    await scenario.test("the plus beside M leads to a confirmation, with one year preset, and then to the key", async () => {
      await walkToLoader();
      if (scripts) await show(page, "data-loader-empty");
      await page.getByRole("link", { name: `Give ${M.name} a Data Loader key` }).click();
      await page.getByRole("heading", { name: `Give “${M.name}” access by Data Loader?` }).waitFor();
      const year = new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10);
      assert.equal(await page.getByLabel("Expires").inputValue(), "365");
      if (scripts) await show(page, "data-loader-give");
      await press("Give access");
      await page.getByRole("heading", { name: `Key “Data Loader of ${M.name}” created` }).waitFor();
      token = await text("token");
      assert.match(token, /^cdl_/);
      assert.equal(await page.getByText("/api/v1/me").count(), 0, "it would be refused there");
      await page.getByRole("link", { name: "Done" }).click();
      await mia.getByText(year).waitFor();
      await mia.getByText("Active", { exact: true }).waitFor();
      assert.equal(await mia.getByRole("link", { name: /^Give/ }).count(), 0, "there is one for each user");
      assert.match(await lastEvent(page), new RegExp(`Key created[\\s\\S]*${M.name}`));
    });

    await scenario.test("it works where a data loader key is wanted and nowhere else, and the other way round", async () => {
      assert.equal(await askFor(server, "data-loader", token), "200");
      assert.equal(await askFor(server, "default", token), "403 wrong_api");
      assert.equal(await askAsGateway(server, bearer(token), "contacts:read"), "403 wrong_api");
      assert.equal(await askFor(server, "data-loader", usual.token), "403 wrong_api");
      assert.equal(await callWith(server, bearer(token)), 403);
      assert.equal(await callWith(server, bearer(usual.token)), 200);
      const { code } = await call(server, usual.token, 200, "POST", "/verify", { key: token, api: "default" });
      assert.equal(code, "wrong_api");
      const { allowed, mapped_user } = await call(server, usual.token, 200, "POST", "/verify", { key: token, api: "data-loader" });
      assert.deepEqual([allowed, mapped_user.name], [true, M.name]);
    });

    await scenario.test("Edit changes until when it is good, and nothing else", async () => {
      await walkToLoader();
      await mia.getByRole("button", { name: `More for ${M.name}` }).click();
      await page.getByRole("link", { name: "Edit", exact: true }).click();
      await page.getByRole("heading", { name: /^Edit the Data Loader key of/ }).waitFor();
      assert.deepEqual(await page.locator("form[action$='/edit'] :is(input, select):not([type=hidden])").evaluateAll((all) => all.map((it) => it.name)), ["expires", "expires_on"]);
      await page.getByLabel("Expires").selectOption("30");
      await press("Save");
      await tell("Its secret is unchanged.");
      await mia.getByText(new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10)).waitFor();
      assert.equal(await askFor(server, "data-loader", token), "200");
      assert.match(await lastEvent(page), new RegExp(`Key changed[\\s\\S]*${M.name}`));
    });

    await scenario.test("who is no admin gives nobody a key, and finds the own one in the profile", async () => {
      await m.page.goto("/");
      await m.page.getByRole("link", { name: "Settings", exact: true }).click();
      await walkProfile(m.page, "Edit Profile", "Security", "API Keys");
      const own = m.page.getByRole("row", { name: M.name });
      await own.getByRole("cell", { name: "Data Loader", exact: true }).waitFor();
      await walk(m.page, "System Settings", "System setup", "Integrations", "Data Loader");
      assert.equal(await m.page.getByRole("main").getByRole("link", { name: /^(Give|Edit|Delete)/ }).count(), 0);
    });

    await scenario.test("disabling M refuses the key, and the page warns the admin", async () => {
      await walk(page, "User Management", "Members");
      await page.getByRole("link", { name: M.name }).click();
      await page.getByRole("link", { name: "Disable" }).click();
      await press("Disable");
      await tell("disabled");
      assert.equal(await askFor(server, "data-loader", token), "401 user_inactive");
      await walkToLoader();
      await page.getByText("The key of somebody who is disabled is refused.").waitFor();
      await mia.getByText("Blocked: its mapped user is disabled or gone").waitFor();
      if (scripts) await show(page, "data-loader-blocked");
      await walk(page, "User Management", "Members");
      await page.getByRole("link", { name: M.name }).click();
      await press("Enable");
      assert.equal(await askFor(server, "data-loader", token), "200");
    });

    await scenario.test("Delete wants the red button; cancel keeps the key, and afterwards there is room for another", async () => {
      await walkToLoader();
      const ask = () => page.getByRole("link", { name: `Delete the key of ${M.name}` }).click();
      await ask();
      const button = page.getByRole("button", { name: "Delete key" });
      await button.waitFor();
      assert.ok(await isRed(button));
      await page.getByRole("link", { name: "Cancel" }).click();
      assert.equal(await askFor(server, "data-loader", token), "200");
      await walkToLoader();
      await ask();
      await button.click();
      await tell(`Key “Data Loader of ${M.name}” deleted.`);
      await page.getByRole("heading", { name: "Data Loader", level: 1 }).waitFor();
      assert.equal(await askFor(server, "data-loader", token), "401 revoked");
      await page.getByRole("link", { name: `Give ${M.name} a Data Loader key` }).waitFor();
      assert.match(await lastEvent(page), new RegExp(`Key deleted[\\s\\S]*${M.name}`));
    });

    await m.close();
    await close();
    await server.stop();
  });
}
