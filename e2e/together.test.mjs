// A5: what five products do, in one organization and without a setting for any of them, by clicks from home: one key of each form in every
// presentation, in one list and one audit, and its secret in clear nowhere. On both engines.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { ENGINES } from "./database.mjs";
import { ADMIN, askAsGateway, bearer, call, callWith, createKey, invite, isRed, openWindow, setApiAccess, setReveal, setUp, shared, startServer, walk, walkProfile, walkToKeys } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";
import { buy, find, keptIn, PRESENTATIONS, wrong } from "./presented.mjs";
import { startReceiver } from "./receiver.mjs";

const { browser } = await shared();

const ANN = { name: "Ann Meyer", email: "ann@acme.example", password: "eleven plus one" };
// The key behind her own toggle.
const OWN = `Personal key of ${ANN.name}`;
const MIA = { name: "Mia Moser", email: "mia@acme.example", password: "a battery of horses" };
/** What is sent as the number of a request, and has to be found in the log by what looks for secrets there. */
const NUMBER = "numbered-by-the-test-4711";
const contact = (id) => ({ id, type: "contact.created", at: new Date().toISOString(), entity_id: id, data: { name: "Ada" } });
const DAY = 86_400_000;
const dayIn = (days) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

for (const engine of ENGINES) {
  test(`A5: the keys of five products in one organization, on ${engine}`, async (scenario) => {
    const receiver = await startReceiver();
    scenario.after(() => receiver.close());
    const server = await startServer(["--log", "claviger=trace", "--webhook-allow-networks", "127.0.0.0/8"], engine);
    scenario.after(() => server.stop());
    /** Every address that a browser went to or said that it came from. */
    const addresses = [];
    const watch = (page) => {
      page.on("framenavigated", (frame) => addresses.push(frame.url()));
      page.on("request", (request) => addresses.push(request.url(), request.headers().referer ?? ""));
    };
    const { page, close } = await openWindow(browser, server, { acceptDownloads: true });
    await setUp(page, server);
    watch(page);
    await setApiAccess(page, "MEMBER", "Allowed");
    const ann = await invite(browser, server, page, ANN, "MEMBER");
    const mia = await invite(browser, server, page, MIA, "READONLY");
    watch(ann.page);
    watch(mia.page);
    /** The keys, by the product whose form made them, and every secret that there ever was. */
    const keys = {};
    const secrets = new Map(Object.entries({ "Maria's password": ADMIN.password, "Ann's password": ANN.password, "Mia's password": MIA.password }));
    const keep = (what, text) => {
      assert.ok(text?.length >= 12, what);
      secrets.set(`${what} (${secrets.size})`, text);
      return text;
    };
    const made = (product, name, { token, access, secret }) => {
      keep(`the secret of ${name}`, secret);
      keys[product] = { name, token, access, secret };
    };
    const shown = async (of, suffix = "") => {
      const text = (id) => of.locator(`#${id}${suffix}`).textContent();
      return { token: await text("token"), access: await text("access"), secret: await text("secret") };
    };
    const happened = async (...words) => {
      const event = await lastEvent(page);
      for (const word of words) assert.ok(event.includes(word), `${word}: ${event}`);
    };
    /** A setting of the policy, by clicks. */
    const choose = async (label, choice) => {
      await walk(page, "Policies");
      await page.getByRole("link", { name: `Edit ${label}` }).click();
      await page.getByLabel(choice, { exact: true }).check();
      await page.getByRole("button", { name: "Review the change" }).click();
      await page.getByRole("button", { name: "Save the policy" }).click();
      await page.getByRole("status").getByText(`Policy “${label}” saved.`).waitFor();
    };
    const press = (name, of = page) => of.getByRole("button", { name, exact: true }).click();
    const tell = (words, of = page) => of.getByRole("status").getByText(words).waitFor();
    const open = async (name) => {
      await walkToKeys(page);
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { name, level: 1 }).waitFor();
    };
    const row = (name) => page.getByRole("rowheader").filter({ has: page.getByRole("link", { name, exact: true }) }).locator("xpath=..");
    const cell = async (name, label) => (await row(name).locator(`[data-label="${label}"]`).innerText()).trim();
    const admin = () => keys.netography.token;
    let organization;
    let sharedSecret;

    await scenario.test("the policy is the organization's, by no more than two settings", async () => {
      await setReveal(page, /administrators/);
      await choose("Unused keys end", "Never");
      await happened("Policy changed", "Unused keys end");
      for (const name of ["Policies", "Advanced Settings", "System Settings"]) {
        await walk(page, name);
        assert.doesNotMatch(await page.locator("body").innerText(), /product|crelate|highlevel|clearpoint|netography|orufy/i);
      }
    });

    await scenario.test("Netography: the shared secret, and ADD API KEY with ADMIN", async () => {
      await walk(page, "User Management", "API Keys");
      await page.getByRole("link", { name: "API SHARED SECRET" }).click();
      await press("Create shared secret");
      sharedSecret = keep("the shared secret", await page.locator("#shared-secret").textContent());
      await happened("Created the shared secret");
      await walk(page, "User Management", "API Keys");
      const fill = async (it) => {
        await it.getByLabel("Description").fill("Terraform");
        await it.getByLabel("ADMIN").check();
      };
      made("netography", "automation_admin", await createKey(page, "automation_admin", fill, "ADD API KEY"));
      await happened("Key created", "automation_admin", ADMIN.name);
      const me = await call(server, admin(), 200, "GET", "/me");
      organization = me.organization;
      const { policy } = await call(server, admin(), 200, "GET", `/organizations/${organization.id}`);
      assert.doesNotMatch(JSON.stringify(policy ?? {}), /product|crelate|highlevel|clearpoint|netography|orufy/i);
    });

    await scenario.test("Crelate: the member's toggle makes a key at once", async () => {
      await walkProfile(ann.page, "Your Profile & Preferences", "API Access");
      await press("Turn API access on", ann.page);
      await ann.page.getByRole("heading", { name: `Key “${OWN}” created` }).waitFor();
      made("crelate", OWN, await shown(ann.page));
      await happened("Key created", OWN);
    });

    await scenario.test("HighLevel: a key of the agency's settings, copied", async () => {
      await walkToKeys(page);
      made("highlevel", "Marketing Automation", await createKey(page, "Marketing Automation", (it) => it.getByLabel("Description").fill("Campaigns of spring")));
      await press("Copy token");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), keys.highlevel.token);
      await happened("Key created", "Marketing Automation");
    });

    await scenario.test("ClearPoint: a key of the integrations that acts for Mia for 30 days, and her Data Loader key", async () => {
      await walk(page, "System Settings", "System setup", "Integrations", "API Keys");
      await page.locator('main a:has(use[href$="#plus"])').first().click();
      await page.getByLabel("API Key Name (Application)").fill("Integration");
      await page.getByLabel("Expires").selectOption("30");
      await page.getByLabel("Mapped User Account").selectOption({ label: MIA.name });
      await press("Save");
      await page.getByRole("heading", { name: "Key “Integration” created" }).waitFor();
      made("clearpoint", "Integration", await shown(page));
      await happened("Key created", "Integration");
      await walk(page, "System Settings", "System setup", "Integrations", "Data Loader");
      await page.getByRole("link", { name: `Give ${MIA.name} a Data Loader key` }).click();
      await press("Give access");
      await page.getByRole("heading", { name: `Key “Data loader of ${MIA.name}” created` }).waitFor();
      made("loader", `Data loader of ${MIA.name}`, await shown(page));
      await happened("Key created", `Data loader of ${MIA.name}`);
    });

    await scenario.test("Orufy: gear, Settings, API Keys, Create API Key", async () => {
      await walkToKeys(page);
      made("orufy", "Integration with CRM", await createKey(page, "Integration with CRM", (it) => it.getByLabel("READONLY").check()));
      await press("Copy secret key");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), keys.orufy.secret);
      await happened("Key created", "Integration with CRM");
    });

    await scenario.test("A5.2: nobody has used them, and the list says so", async () => {
      await walkToKeys(page);
      for (const product of ["crelate", "highlevel", "clearpoint", "loader", "orufy"]) assert.equal(await cell(keys[product].name, "Last Login"), "Never", product);
    });

    await scenario.test("A5.1: each of them is let in by every presentation, as itself, and with another secret by none", async () => {
      for (const [product, key] of Object.entries(keys).filter(([product]) => product !== "loader")) {
        for (const [way, present] of Object.entries(PRESENTATIONS)) {
          const where = `${key.name}, ${way}`;
          const { headers, query } = await present(server, key, sharedSecret, organization.slug, keep);
          const answer = await fetch(`${server.base}/api/v1/me${query ?? ""}`, { headers: { "X-Request-Id": NUMBER, ...headers } });
          const text = await answer.text();
          assert.equal(answer.status, 200, `${where}: ${text}`);
          assert.equal(JSON.parse(text).key.name, key.name, where);
          if (way === "JWT") continue;
          const other = await present(server, wrong(key));
          const refused = await fetch(`${server.base}/api/v1/me${other.query ?? ""}`, { headers: other.headers });
          assert.equal(refused.status, 401, `${where}, with another secret: ${await refused.text()}`);
        }
        assert.equal((await buy(server, wrong(key), sharedSecret, organization.slug)).status, 401, product);
        assert.equal((await buy(server, key, `${sharedSecret}x`, organization.slug)).status, 401, product);
      }
    });

    await scenario.test("A5.1: the Data Loader key is let in by every presentation where one is wanted, and nowhere else", async () => {
      const ask = (headers, query, api) => askAsGateway(server, { ...headers, ...(query && { "X-Original-URI": `/load${query}` }), "Claviger-Api": api }, "contacts:read");
      for (const [way, present] of Object.entries(PRESENTATIONS).filter(([way]) => way !== "JWT")) {
        const { headers, query } = await present(server, keys.loader);
        assert.deepEqual([await ask(headers, query, "data-loader"), await ask(headers, query, "default")], ["200", "403 wrong_api"], way);
        const usual = await present(server, keys.orufy);
        assert.deepEqual([await ask(usual.headers, usual.query, "data-loader"), await ask(usual.headers, usual.query, "default")], ["403 wrong_api", "200"], way);
      }
    });

    await scenario.test("A5.2: they stand in one list behind each of its doors, with what is known of each", async () => {
      // Name, description, type, role, mapped user and expiry.
      const facts = {
        netography: ["Terraform", "API", "ADMIN", ADMIN.name, "Never"],
        crelate: ["", "API", "As mapped user", ANN.name, "Never"],
        highlevel: ["Campaigns of spring", "API", "READONLY", ADMIN.name, "Never"],
        clearpoint: ["", "API", "READONLY", MIA.name, dayIn(30)],
        loader: ["", "Data Loader", "As mapped user", MIA.name, dayIn(365)],
        orufy: ["", "API", "READONLY", ADMIN.name, "Never"],
      };
      const doors = [() => walkToKeys(page), () => walk(page, "User Management", "API Keys"), () => walk(page, "System Settings", "System setup", "Integrations", "API Keys")];
      for (const walkTo of doors) {
        await walkTo();
        // What was used is written down within seconds.
        for (let tries = 0; tries < 40 && (await page.locator('tbody [data-label="Last Login"] time').count()) < Object.keys(keys).length; tries += 1) {
          await page.waitForTimeout(500);
          await page.reload();
        }
        assert.equal(await page.getByRole("table").count(), 1, "one list");
        const names = await page.getByRole("rowheader").getByRole("link").allInnerTexts();
        // A new installation has a key already, which no form made.
        assert.deepEqual(names.sort(), [...Object.values(keys).map((it) => it.name), "First key"].sort());
        for (const [product, [description, ...wanted]] of Object.entries(facts)) {
          const { name, token } = keys[product];
          const found = await Promise.all(["Type", "Role", "Mapped user", "Expires"].map((label) => cell(name, label)));
          assert.deepEqual(found.map((it) => it.split("\n")[0].trim()), wanted, name);
          const head = row(name).getByRole("rowheader");
          assert.equal((await head.locator(".desc").allInnerTexts()).join(), description, name);
          const hint = await head.locator("code").innerText();
          assert.ok(hint.endsWith("…") && token.startsWith(hint.slice(0, -1)), `${name}: ${hint}`);
          assert.match(await cell(name, "Status"), /^Active/, name);
          assert.match(await row(name).locator('[data-label="Last Login"] time').innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, name);
        }
      }
      await show(page, "keys-together");
    });

    await scenario.test("Crelate: a hook is told once the member may read what it tells, and regenerating ends the old key and pauses the hook", async () => {
      const { token } = keys.crelate;
      const subscribe = (status) => call(server, token, status, "POST", "/hooks", { target_url: receiver.url("/zap"), entity: "contact", operation: "create" });
      await subscribe(403);
      await walk(page, "User Management", "Members");
      await page.getByRole("link", { name: ANN.name }).click();
      await page.getByRole("link", { name: "Change role" }).click();
      await page.getByLabel("Also allowed").fill("contacts:read");
      await press("Save");
      await tell(`What “${ANN.name}” may do is changed`);
      await happened("Member changed", ANN.name);
      const hook = await subscribe(201);
      await happened("Webhook created", ANN.name);
      keep("the signing secret of a hook", hook.signing_secret);
      await call(server, admin(), 200, "POST", "/events", { events: [contact("c1")] });
      await receiver.until("the hook is told", (it) => it.told("/zap").includes("c1"));
      await walkProfile(ann.page, "Your Profile & Preferences", "API Access");
      await ann.page.getByRole("link", { name: "Regenerate New Key" }).click();
      assert.equal(await callWith(server, bearer(token)), 200, "a question changes nothing");
      await press("Regenerate New Key", ann.page);
      await ann.page.getByRole("heading", { name: `New secret for “${OWN}”` }).waitFor();
      made("crelate", OWN, await shown(ann.page));
      assert.deepEqual([await callWith(server, bearer(token)), await callWith(server, bearer(keys.crelate.token))], [401, 200]);
      await happened("Key rotated", OWN);
      await walk(page, "Security", "API Management");
      await page.getByRole("link", { name: ANN.name, exact: true }).click();
      await page.getByRole("row", { name: /\/zap/ }).getByText("Paused").waitFor();
    });

    await scenario.test("Crelate: Configure and Play let the hook go on, and Clear API Key ends both", async () => {
      await page.getByRole("row", { name: /\/zap/ }).getByRole("radio").check();
      await press("Configure");
      await press("Play");
      await tell("The webhook goes on.");
      await call(server, admin(), 200, "POST", "/events", { events: [contact("c2")] });
      await receiver.until("the hook is told again", (it) => it.told("/zap").includes("c2"));
      await walk(page, "Advanced Settings", "API Management");
      await page.getByRole("link", { name: ANN.name, exact: true }).click();
      await page.getByRole("link", { name: "Clear API Key" }).click();
      await press("Clear API Key");
      await tell(`The API key of “${ANN.name}” is cleared.`);
      assert.equal(await callWith(server, bearer(keys.crelate.token)), 401);
      await receiver.until("its receiver is told", (it) => it.requests.some((one) => one.method === "DELETE" && one.path === "/zap"));
      await happened("Key deleted", OWN);
    });

    await scenario.test("HighLevel: rotated in seven days both secrets work; deactivated neither does, and activated both do again", async () => {
      const old = keys.highlevel;
      await open(old.name);
      await page.getByRole("main").getByRole("link", { name: "Rotate", exact: true }).first().click();
      await page.getByLabel("In 7 days").check();
      await press("Rotate");
      await page.getByRole("heading", { name: `New secret for “${old.name}”` }).waitFor();
      made("highlevel", old.name, await shown(page));
      const both = () => Promise.all([old, keys.highlevel].map((it) => callWith(server, bearer(it.token))));
      assert.deepEqual(await both(), [200, 200]);
      await happened("Key rotated", old.name);
      for (const [button, status, words] of [["Deactivate", 401, "Key deactivated"], ["Activate", 200, "Key activated"]]) {
        await open(old.name);
        await press(button);
        await tell(words.split(" ")[1]);
        assert.deepEqual(await both(), [status, status], button);
        await happened(words, old.name);
      }
    });

    await scenario.test("ClearPoint: edited and mapped to somebody else the key keeps its secret, and View shows it again", async () => {
      const { name, ...key } = keys.clearpoint;
      const mapped = async () => (await call(server, key.token, 200, "GET", "/me")).user.name;
      assert.equal(await mapped(), MIA.name);
      await open(name);
      await page.getByRole("link", { name: "Edit", exact: true }).click();
      await page.getByLabel("Mapped User Account").selectOption({ label: ANN.name });
      await page.getByLabel("Expires").selectOption("90");
      await press("Save");
      await tell("Its secret is unchanged.");
      assert.equal(await mapped(), ANN.name);
      await happened("Key changed", name, ANN.name);
      await open(name);
      await page.getByRole("main").getByRole("link", { name: "View", exact: true }).click();
      await page.getByRole("heading", { name: /^View the secret of/ }).waitFor();
      await press("View");
      await page.getByRole("heading", { name: /^Secret of/ }).waitFor();
      assert.deepEqual(await shown(page, "-1"), key);
      await happened("Secret shown again", name, ADMIN.name);
    });

    await scenario.test("Netography: a token of the ADMIN key changes another key under its own name, and the shared secret rotates with an overlap", async () => {
      const { access_token: token } = await buy(server, keys.netography, sharedSecret, organization.slug);
      const { data } = await call(server, token, 200, "GET", `/organizations/${organization.id}/keys`);
      const { id } = data.find((it) => it.name === keys.orufy.name);
      await call(server, token, 200, "PATCH", `/organizations/${organization.id}/keys/${id}`, { description: "Bookings" });
      await happened("Key changed", keys.orufy.name, "via automation_admin");
      await walk(page, "User Management", "API Keys");
      await page.getByRole("link", { name: "API SHARED SECRET" }).click();
      await page.getByRole("link", { name: "Rotate", exact: true }).click();
      await page.getByLabel("In 1 hour").check();
      await press("Rotate");
      await page.getByRole("heading", { name: "New shared secret" }).waitFor();
      const second = keep("the second shared secret", await page.locator("#shared-secret").textContent());
      for (const secret of [sharedSecret, second]) {
        const tokens = await buy(server, keys.orufy, secret, organization.slug);
        assert.equal(await callWith(server, bearer(keep("an access token", tokens.access_token))), 200);
      }
      assert.notEqual(second, sharedSecret);
      await happened("Rotated the shared secret");
    });

    await scenario.test("Orufy: the bin asks, cancel keeps the key, and deleted it is refused in every presentation", async () => {
      const { name, token } = keys.orufy;
      const ask = async () => {
        await walkToKeys(page);
        await page.getByRole("link", { name: `Delete ${name}`, exact: true }).click();
      };
      await ask();
      await page.getByRole("link", { name: "Cancel" }).click();
      assert.equal(await callWith(server, bearer(token)), 200);
      const { access_token: bought } = await buy(server, keys.orufy, sharedSecret, organization.slug);
      await ask();
      assert.ok(await isRed(page.getByRole("button", { name: "Delete key" })));
      await press("Delete key");
      await tell(`Key “${name}” deleted.`);
      assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
      for (const [way, present] of Object.entries(PRESENTATIONS).filter(([way]) => way !== "JWT")) {
        const { headers, query } = await present(server, keys.orufy);
        assert.equal((await fetch(`${server.base}/api/v1/me${query ?? ""}`, { headers })).status, 401, way);
      }
      assert.equal(await callWith(server, bearer(bought)), 401);
      assert.equal((await buy(server, keys.orufy, sharedSecret, organization.slug)).status, 401);
      await happened("Key deleted", name);
    });

    let audit;
    await scenario.test("A5.3: the audit holds every action, is filtered by key and by who did it, and exports that", async () => {
      const download = async (name) => {
        const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).click()]);
        return readFile(await file.path(), "utf8");
      };
      const lines = async () => (await download("Export JSON Lines")).trim().split("\n").map((line) => JSON.parse(line)).reverse();
      await walk(page, "Audit");
      audit = await lines();
      const by = ({ operation, actor }) => `${operation} by ${actor.user_name ?? actor.job}${actor.key_name ? ` via ${actor.key_name}` : ""}`;
      assert.deepEqual(audit.map(by), [
        ...["installation.created by installation", "key.created by installation"],
        "installation.claimed by Maria Keller",
        "role.updated by Maria Keller",
        ...["member.invited by Maria Keller", "user.password_set by Ann Meyer", "member.invited by Maria Keller", "user.password_set by Mia Moser"],
        ...["organization.policy_updated by Maria Keller", "organization.policy_updated by Maria Keller"],
        "shared_secret.created by Maria Keller",
        ...["key.created by Maria Keller", "key.created by Ann Meyer", ...Array(4).fill("key.created by Maria Keller")],
        "signing_key.created by signing-keys",
        "member.updated by Maria Keller",
        "webhook.created by Ann Meyer via Personal key of Ann Meyer",
        ...["webhook.paused by Ann Meyer", "key.rotated by Ann Meyer"],
        ...["webhook.played by Maria Keller", "webhook.ended by Maria Keller", "key.revoked by Maria Keller"],
        ...["key.rotated by Maria Keller", "key.deactivated by Maria Keller", "key.activated by Maria Keller"],
        ...["key.updated by Maria Keller", "key.revealed by Maria Keller"],
        ...["key.updated by Maria Keller via automation_admin", "shared_secret.rotated by Maria Keller"],
        "key.revoked by Maria Keller",
      ]);

      await open("Integration");
      await page.getByRole("link", { name: "History", exact: true }).click();
      await page.getByRole("heading", { name: "History of Integration" }).waitFor();
      const words = await page.getByRole("rowheader").getByRole("link", { name: /^(Key|Secret) / }).allInnerTexts();
      assert.deepEqual(words, ["Secret shown again", "Key changed", "Key created"]);
      const about = await lines();
      assert.deepEqual(about.map((it) => it.operation), ["key.created", "key.updated", "key.revealed"]);
      assert.equal((await download("Export CSV")).trim().split("\r\n").length, 4, "a head, and no row of another key");

      await walk(page, "Audit");
      await page.getByLabel("Who").selectOption({ label: "automation_admin" });
      await press("Apply");
      assert.equal(await page.getByRole("row").count(), 2, "the head and what the key did");
      await page.getByRole("row", { name: /^Key changed/ }).getByText("via automation_admin").waitFor();
      assert.deepEqual((await lines()).map((it) => it.after.description), ["Bookings"]);
    });

    await mia.close();
    await ann.close();
    await close();
    await server.halt();

    await scenario.test("A5.5: no secret stands in clear in the log, in an address, in the audit, or in what is kept", async () => {
      const kept = await keptIn(server);
      const places = { log: server.printed(), audit: JSON.stringify(audit), ...kept };
      // The same search finds what is meant to stand there.
      const controls = [["log", NUMBER], ["audit", "Marketing Automation"], ["export", "Marketing Automation"], [engine === "postgres" ? "dump" : "claviger.db", "Marketing Automation"]];
      for (const [place, text] of controls) assert.deepEqual(find(new Map([["control", text]]), places[place]), ["control"], place);
      for (const before of ["", "a", "ab"]) {
        const planted = Buffer.from(`${before}${keys.highlevel.secret}:`).toString("base64");
        assert.deepEqual(find(new Map([["planted", keys.highlevel.secret]]), planted), ["planted"], planted);
      }
      assert.ok(addresses.some((it) => it.includes("/policies")) && secrets.size > 20, `${addresses.length} addresses, ${secrets.size} secrets`);
      for (const [place, text] of Object.entries({ ...places, addresses: addresses.join("\n") })) {
        assert.deepEqual(find(secrets, text), [], place);
      }
    });
  });
}
