// What people have to know: notices of keys that end, by the bell, day by day on a clock that can be set, with scripts and without.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, inspect, openWindow, shared, signIn, startDev, walk, walkToKeys } from "./harness.mjs";

const DAY = 86_400_000;
const { browser } = await shared();

/** A server on which keys that nobody uses end after 90 days, set by clicks, and the day from which is counted. */
const begin = async (options) => {
  const server = await startDev();
  const { page, close } = await openWindow(browser, server, options);
  await signIn(page, server.admin);
  await page.getByRole("link", { name: "Settings", exact: true }).first().click();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: /^Policies/ }).click();
  await page.locator('a[href$="/policies/idle_days"]').first().click();
  await page.getByLabel("A number of days").check();
  await page.locator("#number").fill("90");
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("status").getByText("saved").waitFor();
  const start = Date.now() + 60_000;
  /** Lets days pass; after a day without use nobody is signed in any more. */
  const pass = async (days) => {
    await server.setClock(new Date(start + days * DAY).toISOString());
    await signIn(page, server.admin);
    await page.goto("/");
  };
  return { server, page, pass, end: async () => { await close(); await server.stop(); } };
};

const bell = (page) => page.getByRole("banner").getByRole("link", { name: /Notifications/ });

for (const javaScriptEnabled of [true, false]) {
  test(`A1.4, S1.10, S1.11, S1.12: notices come 15, 7 and 1 day before a key ends, and use withdraws them${javaScriptEnabled ? "" : ", without JavaScript"}`, async () => {
    const { server, page, pass, end } = await begin({ javaScriptEnabled });
    try {
      await walkToKeys(page);
      const used = await createKey(page, "Used on day 89");
      await walkToKeys(page);
      const unused = await createKey(page, "Never used");
      const notice = (name) => page.getByRole("row").filter({ hasText: `Key “${name}”` });
      await pass(74);
      await bell(page).click();
      assert.equal(await notice("Never used").count(), 0);
      for (const [before, day] of [75, 83, 89].entries()) {
        await pass(day);
        await bell(page).click();
        await page.getByRole("heading", { name: "Notifications", level: 1 }).waitFor();
        const told = notice("Never used").filter({ hasText: "is deleted on" });
        await told.nth(before).waitFor();
        assert.equal(await told.count(), before + 1, `each of the days is told once, and so is day ${day}`);
      }
      if (javaScriptEnabled) await inspect(page, "notifications");
      assert.ok((await notice("Used on day 89").filter({ hasText: "unread" }).count()) > 0, "nothing took them back yet");
      await page.goto("/");
      // The samples' own keys end too, and sooner: home warns of a few.
      await page.getByText(/^Key “.+” is deleted on/).first().waitFor();
      assert.equal(await callWith(server, bearer(used.token)), 200);
      await pass(90.5);
      assert.deepEqual([await callWith(server, bearer(used.token)), await callWith(server, bearer(unused.token))], [200, 401]);
      await bell(page).click();
      await page.getByText("Key “Never used” was deleted, since nobody used it.").waitFor();
      assert.equal(await notice("Used on day 89").filter({ hasText: "unread" }).count(), 0);
      await walk(page, "Audit");
      const deleted = page.getByRole("row", { name: /^Key deleted/ }).filter({ hasText: "Never used" });
      assert.match(await deleted.innerText(), /idle/i, "why it was deleted");
      await bell(page).click();
      await page.getByRole("link", { name: "Only unread" }).click();
      await page.getByRole("button", { name: "Mark all as read" }).click();
      await page.getByRole("status").getByText("marked as read").waitFor();
    } finally {
      await end();
    }
  });
}

test("a key is kept by a press, and one is put away by another", async () => {
  const { server, page, pass, end } = await begin({});
  try {
    await walkToKeys(page);
    const kept = await createKey(page, "Kept by a press");
    await pass(76);
    await bell(page).click();
    const row = page.getByRole("row").filter({ hasText: "Key “Kept by a press”" });
    // On a telephone the buttons stand below what is said, on a wide screen in one line; the rest is in the row's menu.
    for (const [width, high] of [[360, 260], [1280, 64]]) {
      await page.setViewportSize({ width, height: 800 });
      const [text, buttons] = await Promise.all([row.getByRole("rowheader"), row.locator(".buttons")].map((it) => it.first().boundingBox()));
      const apart = text.y + text.height <= buttons.y || text.x + text.width <= buttons.x;
      assert.ok(apart, `${width}: ${JSON.stringify([text, buttons])}`);
      assert.ok((await row.first().boundingBox()).height <= high, `${width} px: ${JSON.stringify(await row.first().boundingBox())}`);
      await row.getByRole("button", { name: /^More for/ }).first().click();
      await row.getByRole("link", { name: /^Rotate/ }).first().waitFor();
      await row.getByRole("button", { name: /^Let it be deleted/ }).first().waitFor();
      await page.keyboard.press("Escape");
    }
    await row.getByRole("button", { name: /^Keep/ }).click();
    await page.getByRole("status").getByText("“Kept by a press” is kept").waitFor();
    await pass(95);
    assert.equal(await callWith(server, bearer(kept.token)), 200);
    await bell(page).click();
    await row.getByRole("button", { name: /^(Dismiss|Let it be deleted)/ }).first().click();
    await page.getByRole("status").getByText("put away").waitFor();
  } finally {
    await end();
  }
});

test("preferences say what the bell tells", async () => {
  const { page, pass, end } = await begin({});
  try {
    await bell(page).click();
    await page.getByRole("link", { name: "Preferences", exact: true }).click();
    await inspect(page, "notification preferences");
    await page.getByRole("checkbox", { name: "A key ends soon because nobody uses it: bell" }).uncheck();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("status").getByText("Saved.").waitFor();
    await walkToKeys(page);
    await createKey(page, "Nobody is told of me");
    await pass(76);
    await bell(page).click();
    await page.getByRole("heading", { name: "Notifications", level: 1 }).waitFor();
    assert.equal(await page.getByText("Nobody is told of me").count(), 0);
  } finally {
    await end();
  }
});
