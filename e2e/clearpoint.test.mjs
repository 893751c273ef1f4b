// A2, as far as nothing has to be shown again: a key that rests on somebody else's permissions, by clicks from home, with a gateway that asks
// for each request.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  askAsGateway, call, createKey, invite, isRed, launch, openWindow, setApiAccess, signIn, startDev, walk, walkProfile,
} from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

let browser;

before(async () => {
  browser = await launch();
});

after(async () => {
  await browser?.close();
});

const M = { name: "Mia Moser", email: "mia@example.com", password: "eleven plus one" };
const EXPIRED = /^401 expired$/;

const walkToIntegrations = (page) => walk(page, "System Settings", "System setup", "Integrations", "API Keys");
const row = (page) => page.getByRole("row", { name: "Integration" });

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

  await scenario.test("A2.3, S2.13: M is given scorecard B, and the same key is let in", async () => {
    await allow(page, ["scorecards/A:read", "scorecards/B:read"]);
    assert.deepEqual([await ask("A"), await ask("B"), await ask("C")], ["200", "200", "404 insufficient_permission"]);
    assert.match(await lastEvent(page), /Member changed/);
  });

  await scenario.test("S2.28, S2.29, S2.30: M finds the key under Edit Profile, Security, API Keys, and neither edits nor deletes it", async () => {
    await walkProfile(m.page, "Edit Profile", "Security", "API Keys");
    await row(m.page).getByText("Active").waitFor();
    await row(m.page).getByRole("link", { name: "View" }).click();
    await m.page.getByRole("heading", { name: "Integration", level: 1 }).waitFor();
    for (const kind of ["link", "button"]) assert.equal(await m.page.getByRole("main").getByRole(kind, { name: /Edit|Delete|Deactivate|Rotate/ }).count(), 0);
  });

  await scenario.test("S2.10: past its date it is refused, and verification and both pages say expired", async () => {
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
    const { allowed, code } = await call(dev, admin.token, 200, "POST", "/verify", { key: key.token });
    assert.deepEqual([allowed, code], [false, "expired"]);
  });

  await scenario.test("S2.19: a new date revives it, and its secret is the same", async () => {
    await row(page).getByRole("link", { name: "Integration", exact: true }).click();
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByLabel("Expires").selectOption("30");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText("Its secret is unchanged.").waitFor();
    assert.equal(await ask("A"), "200");
    assert.match(await lastEvent(page), /Key changed[\s\S]*Integration/);
  });

  await scenario.test("S2.22, S2.31: deletion wants the red button, and does not revive", async () => {
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
