// A0.4–A0.8: what a member's key subscribes to, and how an administrator sees, pauses and ends it, by clicks from home; and the pages of webhooks
// themselves. With scripts, and once more without.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, bearer, call, callWith, createKey, inspect, invite, openWindow, setUp, shared, startServer, walk, walkProfile, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";
import { isSigned, startReceiver } from "./receiver.mjs";

const { browser } = await shared();

const ANN = { name: "Ann Meyer", email: "ann@acme.example", password: "eleven plus one" };
const RECRUITER = ["claviger/profile:*", "claviger/own-keys:*", "claviger/own-webhooks:*", "claviger/event-types:read", "contacts:*"];

const token = (page) => page.locator("#token").textContent();
const walkToApiAccess = (page) => walkProfile(page, "Your Profile & Preferences", "API Access");
const switchOn = async (page) => {
  await walkToApiAccess(page);
  await page.getByRole("button", { name: "Turn API access on" }).click();
  await page.getByRole("heading", { name: /^Key “.*” created$/ }).waitFor();
  return token(page);
};

for (const scripts of [true, false]) {
  test(`A0: hooks of a member's key are seen, paused, played and ended${scripts ? "" : ", without scripts"}`, async (scenario) => {
    const receiver = await startReceiver();
    const server = await startServer(["--webhook-allow-networks", "127.0.0.0/8"]);
    const options = { javaScriptEnabled: scripts };
    const admin = await openWindow(browser, server, options);
    await setUp(admin.page, server);
    await walkToKeys(admin.page);
    const outside = (await createKey(admin.page, "Outside tools", (page) => page.getByLabel("ADMIN").check())).token;
    const { organization } = await call(server, outside, 200, "GET", "/me");
    const roles = `/organizations/${organization.id}/roles`;
    await call(server, outside, 201, "POST", roles, { name: "Recruiter", permissions: RECRUITER, api_access: true });
    const member = await invite(browser, server, admin.page, ANN, "Recruiter", options);
    let number = 0;
    /** Reports that a contact was created, and answers with what the host calls it. */
    const report = async () => {
      number += 1;
      const event = { id: `e${number}`, type: "contact.created", at: new Date().toISOString(), entity_id: `c${number}`, data: { name: "Ada" } };
      await call(server, outside, 200, "POST", "/events", { events: [event] });
      return event.entity_id;
    };
    const subscribe = (key, path) => call(server, key, 201, "POST", "/hooks", { target_url: receiver.url(path), entity: "contact", operation: "create" });
    const isTold = (path, thing) => receiver.until(`${path} is told of ${thing}`, (it) => it.told(path).includes(thing));
    const openHolder = async () => {
      await walk(admin.page, "Security", "API Management");
      await admin.page.getByRole("link", { name: ANN.name, exact: true }).click();
      await admin.page.getByRole("heading", { name: ANN.name, level: 1 }).waitFor();
    };
    const row = (path) => admin.page.getByRole("row", { name: new RegExp(`${path}\\b`) });
    const configure = async (path) => {
      await openHolder();
      await row(path).getByRole("radio").check();
      await admin.page.getByRole("button", { name: "Configure" }).click();
      await admin.page.getByRole("heading", { name: "Webhook", level: 1 }).waitFor();
    };
    let key;
    let hook;

    // A0.4
    await scenario.test("a hook that the member's key subscribes is told, signed", async () => {
      key = await switchOn(member.page);
      // The last character belongs to the checksum: another one makes it nobody's key.
      const wrong = key.slice(0, -1) + (key.endsWith("0") ? "1" : "0");
      for (const [value, status] of [[key, 200], [wrong, 401]]) {
        assert.equal((await fetch(`${server.base}/api/v1/me?api_key=${value}`)).status, status);
        assert.equal(await callWith(server, { "X-Api-Key": value }), status);
      }
      hook = await subscribe(key, "/zap");
      assert.match(hook.id, /^whk_/);
      const thing = await report();
      await isTold("/zap", thing);
      assert.ok(isSigned(receiver.requests.at(-1), hook.signing_secret));
    });

    /** After the warning; the old key is refused then, and the new one let in. */
    const regenerate = async () => {
      const old = key;
      await walkToApiAccess(member.page);
      await member.page.getByRole("link", { name: "Regenerate New Key" }).click();
      await member.page.getByText("Please note: every existing link with the old key fails at once.").waitFor();
      await member.page.getByRole("button", { name: "Regenerate New Key" }).click();
      await member.page.getByRole("heading", { name: /^New secret for/ }).waitFor();
      key = await token(member.page);
      assert.deepEqual([await callWith(server, bearer(old)), await callWith(server, bearer(key))], [401, 200]);
    };

    // A0.5
    await scenario.test("regenerating pauses it, and the same hook plays on", async () => {
      await regenerate();
      const missed = await report();
      await configure("/zap");
      await admin.page.getByText("It is sent nothing.").waitFor();
      await admin.page.getByRole("button", { name: "Play" }).click();
      await admin.page.getByRole("status").getByText("The webhook goes on.").waitFor();
      await isTold("/zap", await report());
      assert.ok(!receiver.told("/zap").includes(missed));
    });

    // A0.5
    await scenario.test("where policy keeps webhooks, regenerating pauses nothing", async () => {
      await walk(admin.page, "Policies");
      await admin.page.getByRole("link", { name: "Edit Webhooks of a regenerated key" }).click();
      await admin.page.getByRole("radio", { name: /^Kept/ }).check();
      await admin.page.getByRole("button", { name: "Review the change" }).click();
      await admin.page.getByRole("button", { name: "Save the policy" }).click();
      await admin.page.getByRole("status").getByText("saved.").waitFor();
      await regenerate();
      await isTold("/zap", await report());
      await openHolder();
      await row("/zap").getByText("On", { exact: true }).waitFor();
    });

    // A0.6
    await scenario.test("S0.16, S0.20, S0.21, S0.22, S0.23, S0.24, S0.25: API Management lists the member with the hook; one radio a row, then Configure: pause and play", async () => {
      await walk(admin.page, "Security", "API Management");
      await admin.page.getByRole("row", { name: ANN.name }).getByText("1 webhook").waitFor();
      if (scripts) await show(admin.page, "api-management-webhooks");
      await openHolder();
      await admin.page.getByRole("heading", { name: "User's Webhooks" }).waitFor();
      await admin.page.getByRole("link", { name: "Clear API Key" }).waitFor();
      const heads = await admin.page.getByRole("table", { name: "User's Webhooks" }).getByRole("columnheader").allTextContents();
      assert.deepEqual(heads.map((it) => it.trim()).filter((it) => it !== "Select"), ["URL", "Entity", "Operation Type", "Key", "Status"]);
      for (const text of [receiver.url("/zap"), "contact", "create", "On"]) await row("/zap").getByText(text, { exact: true }).waitFor();
      const button = admin.page.getByRole("button", { name: "Configure" });
      if (scripts) {
        await show(admin.page, "api-management-user-webhooks");
        assert.ok(await button.isDisabled(), "nothing is selected");
      } else {
        await button.click();
        await admin.page.getByRole("status").getByText("Select a webhook first").waitFor();
      }
      await configure("/zap");
      if (scripts) await show(admin.page, "webhook");
      await admin.page.getByRole("button", { name: "Pause" }).click();
      await admin.page.getByRole("status").getByText("The webhook is paused.").waitFor();
      const missed = await report();
      await configure("/zap");
      assert.ok(new URL(admin.page.url()).pathname.endsWith(`/webhooks/${hook.id}`));
      await admin.page.getByRole("button", { name: "Play" }).click();
      await admin.page.getByRole("status").getByText("The webhook goes on.").waitFor();
      assert.equal((await call(server, key, 200, "GET", `/hooks/${hook.id}`)).status, "active", "the same one, with the key that subscribed it");
      await isTold("/zap", await report());
      assert.ok(isSigned(receiver.requests.at(-1), hook.signing_secret), "and with its secret");
      assert.ok(!receiver.told("/zap").includes(missed));
    });

    // A0.7
    await scenario.test("a receiver that answers 410 is gone, and is sent nothing further", async () => {
      await subscribe(key, "/gone");
      receiver.answer = 410;
      const last = await report();
      // The other hook hears the same answer: it is gone too, and nothing of it is left for the next step.
      for (const path of ["/gone", "/zap"]) await isTold(path, last);
      receiver.answer = 200;
      for (let tries = 0; ; tries += 1) {
        await openHolder();
        if ((await row("/gone").getByText("Gone").count()) > 0) break;
        assert.ok(tries < 40, "its status says so");
      }
      const before = receiver.told("/gone").length;
      await subscribe(key, "/other");
      await isTold("/other", await report());
      assert.equal(receiver.told("/gone").length, before);
    });

    // A0.8
    await scenario.test("S0.18: Clear API Key ends the hooks, and their receivers are told", async () => {
      await openHolder();
      await admin.page.getByRole("link", { name: "Clear API Key" }).click();
      await admin.page.getByText("One webhook ends with it, and its receiver is told.").waitFor();
      await admin.page.getByRole("button", { name: "Clear API Key" }).click();
      await admin.page.getByRole("status").getByText("is cleared.").waitFor();
      assert.equal(await callWith(server, bearer(key)), 401);
      await receiver.until("its receiver is told", (it) => it.requests.some((one) => one.method === "DELETE" && one.path === "/other"));
      const before = receiver.told("/other").length;
      const after = await report();
      await walk(admin.page, "Security", "API Management");
      await admin.page.getByRole("row", { name: ADMIN.name }).waitFor();
      assert.equal(await admin.page.getByRole("row", { name: ANN.name }).count(), 0);
      const again = await switchOn(member.page);
      await subscribe(again, "/again");
      await isTold("/again", await report());
      assert.ok(!receiver.told("/again").includes(after));
      assert.equal(receiver.told("/other").length, before);
      assert.equal(await callWith(server, bearer(key)), 401);
    });

    await scenario.test("the organization's own webhook is added, tested, looked at, signed anew and deleted", async () => {
      await walk(admin.page, "System Settings", "System setup", "Integrations", "Webhooks");
      await admin.page.getByRole("link", { name: "Add webhook" }).first().click();
      await admin.page.getByLabel("URL").fill("http://169.254.169.254/latest");
      await admin.page.getByLabel("Entity").fill("contact");
      await admin.page.getByLabel("Operation Type").fill("update");
      await admin.page.getByRole("button", { name: "Add webhook" }).click();
      await admin.page.getByRole("alert").getByText("The URL").waitFor();
      await admin.page.getByLabel("URL").fill(receiver.url("/own"));
      await admin.page.getByRole("button", { name: "Add webhook" }).click();
      await admin.page.getByRole("heading", { name: "Webhook added" }).waitFor();
      const first = await admin.page.locator("#signing-secret").textContent();
      assert.match(first, /^whsec_/);
      await admin.page.getByRole("link", { name: "Done" }).click();
      await admin.page.getByRole("button", { name: "Send test event" }).click();
      await receiver.until("the test arrives", (it) => it.requests.some((one) => one.path === "/own"));
      const sent = receiver.requests.findLast((it) => it.path === "/own");
      assert.ok(JSON.parse(sent.body).test && isSigned(sent, first));
      await admin.page.getByRole("heading", { name: "contact.updated", level: 1 }).waitFor();
      for (let tries = 0; (await admin.page.getByText("Delivered").count()) === 0; tries += 1) {
        assert.ok(tries < 40, "the page tells that it arrived");
        await admin.page.reload();
      }
      await admin.page.getByRole("cell", { name: "200" }).waitFor();
      const headers = await admin.page.getByRole("group", { name: "Headers" }).textContent();
      for (const name of ["webhook-id", "webhook-timestamp"]) assert.ok(headers.includes(`${name}: ${sent.headers[name]}`), headers);
      assert.ok(!headers.includes("v1,"), "who has a signature could look for the secret");
      if (scripts) {
        await inspect(admin.page, "delivery");
        await show(admin.page, "delivery");
      }
      await admin.page.getByRole("button", { name: "Resend" }).click();
      await receiver.until("it is sent again", (it) => it.requests.filter((one) => one.path === "/own").length === 2);
      await admin.page.getByRole("link", { name: "Webhook", exact: true }).click();
      for (let tries = 0; (await admin.page.getByText("0 of the last 1 that have ended (0 %)").count()) === 0; tries += 1) {
        assert.ok(tries < 40, "the page tells how many failed");
        await admin.page.reload();
      }
      if (scripts) await inspect(admin.page, "webhook");
      await admin.page.getByRole("link", { name: "Rotate secret" }).click();
      await admin.page.getByLabel("In 24 hours").check();
      await admin.page.getByRole("button", { name: "Rotate" }).click();
      await admin.page.getByRole("heading", { name: "New signing secret" }).waitFor();
      const second = await admin.page.locator("#signing-secret").textContent();
      await admin.page.getByRole("link", { name: "Done" }).click();
      await admin.page.getByText("the one before signs beside it until").waitFor();
      await admin.page.getByRole("button", { name: "Send test event" }).click();
      await receiver.until("another test arrives", (it) => it.requests.filter((one) => one.path === "/own").length === 3);
      const both = receiver.requests.findLast((it) => it.path === "/own");
      assert.ok(isSigned(both, first) && isSigned(both, second));
      await admin.page.getByRole("link", { name: "Webhook", exact: true }).click();
      await admin.page.getByRole("link", { name: "Delete" }).click();
      await admin.page.getByRole("button", { name: "Delete webhook" }).click();
      await admin.page.getByRole("status").getByText("The webhook is deleted.").waitFor();
      assert.equal(await admin.page.getByText(receiver.url("/own")).count(), 0);
    });

    await admin.close();
    await member.close();
    await server.stop();
    await receiver.close();
  });
}
