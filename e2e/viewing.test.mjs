// Secrets that policy shows again: to whom a key belongs and to whom it was made for, after a reload and while it is rotated; by clicks from
// home, with scripts and once more without.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, invite, newestEvents, openWindow, setApiAccess, setReveal, setUp, shared, startServer, walk, walkProfile, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser } = await shared();

const ANN = { name: "Ann Meyer", email: "ann@acme.example", password: "eleven plus one" };

/** What pages show of a token. */
const hint = (token) => `${token.slice(0, 7)}…`;

/** Presses what opens the question, in a dialog where scripts run, and answers it; whoever signed in just now is not asked for a password. */
const view = async (page, opener) => {
  await page.getByRole("main").getByRole("link", { name: opener, exact: true }).click();
  await page.getByRole("heading", { name: /^View the secret of/ }).waitFor();
  const button = page.getByRole("button", { name: "View", exact: true });
  const said = await page.getByText("That you looked stands in the audit.").boundingBox();
  assert.ok((await button.boundingBox()).y - said.y - said.height >= 12, "there is room between what is said and its button");
  await button.click();
  await page.getByRole("heading", { name: /^Secret of/ }).waitFor();
  const text = (id) => page.locator(`#${id}-1`).textContent();
  return { token: await text("token"), access: await text("access"), secret: await text("secret") };
};

for (const scripts of [true, false]) {
  const how = scripts ? "" : ", without scripts";

  test(`secrets are shown again to whom they are for${how}`, async (scenario) => {
    const server = await startServer();
    const options = { javaScriptEnabled: scripts };
    const admin = await openWindow(browser, server, options);
    await setUp(admin.page, server);
    await walkToKeys(admin.page);
    const outside = await createKey(admin.page, "Outside tools", (page) => page.getByLabel("ADMIN").check());
    const ann = await invite(browser, server, admin.page, ANN, "MEMBER", options);
    await setApiAccess(admin.page, "MEMBER", "Allowed");

    await scenario.test("where policy shows a secret once, the page of the key says so and what to do instead", async () => {
      await walkToKeys(admin.page);
      await admin.page.getByRole("link", { name: "Outside tools", exact: true }).click();
      await admin.page.getByText("Policy shows a secret once, when it is made.").waitFor();
      assert.equal(await admin.page.getByRole("main").getByRole("link", { name: "View", exact: true }).count(), 0);
      await admin.page.getByText("Lost it?").waitFor();
    });

    await scenario.test("A0.0, A0.3, S0.8: the member toggles on, the key appears without a form, and again after a reload", async () => {
      await setReveal(admin.page, /^To its owner/);
      await walkProfile(ann.page, "Your Profile & Preferences", "API Access");
      await ann.page.getByRole("button", { name: "Turn API access on" }).click();
      await ann.page.getByText("It can be viewed again under API Access.").waitFor();
      const made = await ann.page.locator("#token").textContent();
      await walkProfile(ann.page, "Your Profile & Preferences", "API Access");
      await ann.page.reload();
      const shown = await view(ann.page, "Show");
      assert.equal(shown.token, made);
      assert.equal(await callWith(server, bearer(shown.token)), 200);
      if (scripts) {
        await show(ann.page, "key-viewed");
        await ann.page.getByRole("button", { name: "Copy secret key" }).click();
        assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), shown.secret);
      }
      assert.equal((await newestEvents(server, outside.token))[0], "key.revealed");
      assert.match(await lastEvent(admin.page), /Secret shown again[\s\S]*Ann Meyer/);
      // Nobody goes back to the page that showed it: its place is the key's page, and without scripts the browser says that it keeps no such page.
      await ann.page.goto("/");
      if (scripts) {
        await ann.page.goBack();
        await ann.page.getByRole("heading", { name: "Secrets", exact: true }).waitFor();
        assert.ok(!(await ann.page.content()).includes(shown.secret));
      } else await assert.rejects(ann.page.goBack(), /ERR_CACHE_MISS/);
    });

    await scenario.test("S2.23, S2.28, S2.29: who is no admin finds a key that was made for them, sees both values and uses them", async () => {
      await walkToKeys(admin.page);
      const key = await createKey(admin.page, "Integration", (page) => page.getByLabel("Mapped User Account").selectOption({ label: ANN.name }));
      await walkProfile(ann.page, "Edit Profile", "Security", "API Keys");
      await ann.page.getByRole("row", { name: "Integration" }).getByRole("link", { name: "View" }).click();
      const shown = await view(ann.page, "View");
      assert.deepEqual(shown, key);
      assert.equal(await callWith(server, { accessKey: shown.access, secretKey: shown.secret }), 200);
      assert.match(await lastEvent(admin.page), /Secret shown again[\s\S]*Ann Meyer/);
    });

    await scenario.test("A1.5: the page of a rotated key says who still calls with the old secret, and ends it", async () => {
      await walkToKeys(admin.page);
      await admin.page.getByRole("link", { name: "Integration", exact: true }).click();
      const old = (await view(admin.page, "View")).token;
      await admin.page.getByRole("link", { name: "Done" }).click();
      await admin.page.getByRole("main").getByRole("link", { name: "Rotate", exact: true }).first().click();
      await admin.page.getByLabel("In 7 days").check();
      await admin.page.getByRole("button", { name: "Rotate", exact: true }).click();
      const token = await admin.page.locator("#token").textContent();
      await admin.page.getByRole("link", { name: "View key" }).click();
      await admin.page.getByText("was not used since it was replaced, nor was the new one").waitFor();
      const headers = { ...bearer(old), "User-Agent": "nightly-export/2" };
      assert.equal(await callWith(server, headers), 200);
      // What was used is written down within seconds.
      for (let tries = 0; tries < 20 && !(await admin.page.getByText("Something still calls").count()); tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        await admin.page.reload();
      }
      await admin.page.locator("#rotation").getByText("from 127.0.0.1 by nightly-export/2").waitFor();
      if (scripts) await show(admin.page, "key-rotating");
      await walkToKeys(admin.page);
      await admin.page.getByRole("row", { name: "Integration" }).getByText(/^Rotating until/).waitFor();
      await admin.page.getByRole("link", { name: "Integration", exact: true }).click();
      const answer = async (link, button) => {
        await admin.page.getByRole("link", { name: `${link} ${hint(old)}`, exact: true }).click();
        await admin.page.getByRole("button", { name: button, exact: true }).click();
      };
      await answer("Extend", "Extend");
      await admin.page.getByRole("status").getByText("works for longer").waitFor();
      await answer("End now", "End now");
      await admin.page.getByRole("status").getByText("is refused from now on").waitFor();
      assert.deepEqual([await callWith(server, bearer(old)), await callWith(server, bearer(token))], [401, 200]);
      assert.match(await lastEvent(admin.page), /Key rotation ended[\s\S]*Integration/);
    });

    await scenario.test("of two old secrets the one that is pressed beside ends, and the other goes on", async () => {
      const rotate = async (overlap) => {
        await admin.page.getByRole("main").getByRole("link", { name: "Rotate", exact: true }).first().click();
        await admin.page.getByLabel(overlap).check();
        await admin.page.getByRole("button", { name: "Rotate", exact: true }).click();
        const token = await admin.page.locator("#token").textContent();
        await admin.page.getByRole("link", { name: "View key" }).click();
        return token;
      };
      await walkToKeys(admin.page);
      const { token: first } = await createKey(admin.page, "Twice");
      await walkToKeys(admin.page);
      await admin.page.getByRole("link", { name: "Twice", exact: true }).click();
      const second = await rotate("In 7 days");
      const third = await rotate("In 24 hours");
      const answers = () => Promise.all([first, second, third].map((token) => callWith(server, bearer(token))));
      assert.deepEqual(await answers(), [200, 200, 200]);
      if (scripts) await show(admin.page, "key-rotating-twice");
      await admin.page.getByRole("link", { name: `End now ${hint(second)}`, exact: true }).click();
      await admin.page.getByRole("heading", { name: `End the old secret ${hint(second)} of “Twice” now?` }).waitFor();
      await admin.page.getByRole("button", { name: "End now", exact: true }).click();
      await admin.page.getByRole("status").getByText(`The old secret ${hint(second)} of “Twice” is refused from now on`).waitFor();
      assert.deepEqual(await answers(), [200, 401, 200]);
      assert.match(await lastEvent(admin.page), /Key rotation ended[\s\S]*Twice/);
    });

    await scenario.test("a cancelled rotation makes the old secret current again, and the new one never comes back", async () => {
      await walkToKeys(admin.page);
      await admin.page.getByRole("link", { name: "Integration", exact: true }).click();
      const old = (await view(admin.page, "View")).token;
      await admin.page.getByRole("link", { name: "Done" }).click();
      await admin.page.getByRole("main").getByRole("link", { name: "Rotate", exact: true }).first().click();
      await admin.page.getByLabel("In 7 days").check();
      await admin.page.getByRole("button", { name: "Rotate", exact: true }).click();
      const token = await admin.page.locator("#token").textContent();
      await admin.page.getByRole("link", { name: "View key" }).click();
      await admin.page.getByRole("link", { name: "Cancel rotation", exact: true }).click();
      await admin.page.getByText(/^The new secret ck_.* was never used\.$/).waitFor();
      await admin.page.getByRole("button", { name: "Cancel rotation", exact: true }).click();
      await admin.page.getByRole("status").getByText("is cancelled").waitFor();
      assert.deepEqual([await callWith(server, bearer(old)), await callWith(server, bearer(token))], [200, 401]);
      assert.match(await lastEvent(admin.page), /Key rotation cancelled[\s\S]*Integration/);
    });

    await ann.close();
    await admin.close();
    await server.stop();
  });
}
