// A3: a program signs in with a key and the organization's shared secret. By clicks from home, and over HTTP as its own client would.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { test } from "node:test";

import { bearer, call, callWith, createKey, inspect, isRed, openWindow, setReveal, shared, signIn, startDev, walk } from "./harness.mjs";
import { lastEvent, show } from "./looks.mjs";

const { browser } = await shared();

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signed = (claims, secret, header = { alg: "HS256", typ: "JWT" }) => {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
};

test("A3.0: policy shows secrets once and lets unused keys be, where both were otherwise before", async () => {
  const dev = await startDev();
  const { page, close } = await openWindow(browser, dev);
  const start = Date.now();
  /** After a day without use nobody is signed in any more. */
  const pass = async (days) => {
    await dev.setClock(new Date(start + days * DAY).toISOString());
    await signIn(page, dev.admin);
  };
  const setIdle = async (fill, review) => {
    await walk(page, "Policies");
    await page.getByRole("link", { name: "Edit Unused keys end" }).click();
    await fill();
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByText(review).first().waitFor();
    await page.getByRole("button", { name: "Save the policy" }).click();
    await page.getByRole("status").getByText("Policy “Unused keys end” saved.").waitFor();
  };
  const create = async (name, role) => {
    await walk(page, "User Management", "API Keys");
    return createKey(page, name, (it) => it.getByLabel(role).check(), "ADD API KEY");
  };
  const open = async (name) => {
    await walk(page, "User Management", "API Keys");
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
  };
  const mayView = () => page.getByRole("main").getByRole("link", { name: "View", exact: true }).count();
  /** What the API tells whoever is signed in of the secret of a key. */
  const reveal = async (token) => {
    const { organization, key } = await call(dev, token, 200, "GET", "/me");
    return page.evaluate(async (path) => {
      const answer = await fetch(path, { method: "POST" });
      return { status: answer.status, text: await answer.text() };
    }, `/api/v1/organizations/${organization.id}/keys/${key.id}/reveal`);
  };
  await signIn(page, dev.admin);

  await setReveal(page, /administrators/);
  await setIdle(async () => {
    await page.getByLabel("A number of days").check();
    await page.getByRole("textbox", { name: "Number of days" }).fill("90");
  }, "90 days");
  const before = await create("made before", "ADMIN");
  await open("made before");
  assert.equal(await mayView(), 1, "shown again, as policy still has it");
  const shown = await reveal(before.token);
  assert.ok(shown.status === 200 && shown.text.includes(before.token), shown.text);
  await create("forgotten", "READONLY");
  await pass(89);
  assert.equal(await callWith(dev, bearer(before.token)), 200);
  await pass(91);
  await walk(page, "User Management", "API Keys");
  assert.equal(await page.getByRole("link", { name: "forgotten", exact: true }).count(), 0, "ended, as policy still has it");

  await setReveal(page, /^Never/);
  assert.match(await lastEvent(page), /Policy changed[\s\S]*Show secrets again/);
  await setIdle(() => page.getByLabel("Never", { exact: true }).check(), "Never");
  assert.match(await lastEvent(page), /Policy changed[\s\S]*Unused keys end/);
  const once = await create("automation_ro", "READONLY");
  for (const name of ["made before", "automation_ro"]) {
    await open(name);
    await page.getByText("Policy shows a secret once, when it is made.").waitFor();
    assert.equal(await mayView(), 0, name);
    assert.ok(!(await page.content()).includes(once.secret));
  }
  for (const { token } of [before, once]) {
    const { status, text } = await reveal(token);
    assert.ok(status >= 400 && status < 500 && !text.includes(token), `${status} ${text}`);
  }
  await pass(500);
  assert.deepEqual([await callWith(dev, bearer(once.token)), await callWith(dev, bearer(before.token))], [200, 200], "409 days without use");
  await walk(page, "User Management", "API Keys");
  await page.getByRole("row", { name: "automation_ro" }).getByText("Active", { exact: true }).waitFor();
  await close();
  await dev.stop();
});

for (const scripts of [true, false]) {
  test(`A3: a shared secret, a bundle, and access tokens${scripts ? "" : ", without scripts"}`, async (scenario) => {
    const dev = await startDev();
    const { page, close } = await openWindow(browser, dev, { javaScriptEnabled: scripts });
    let now = Date.now();
    const wait = async (ms) => {
      now += ms;
      await dev.setClock(new Date(now).toISOString());
    };
    await signIn(page, dev.admin);
    const walkToKeys = () => walk(page, "User Management", "API Keys");
    const walkToSecret = async () => {
      await walkToKeys();
      await page.getByRole("link", { name: "API SHARED SECRET" }).click();
    };
    const shown = () => page.locator("#shared-secret").textContent();
    const post = async (path, body, type = "application/json") =>
      fetch(`${dev.base}${path}`, { method: "POST", headers: { "Content-Type": type }, body });
    const signInWith = (jwt) => post("/api/v1/auth/token", JSON.stringify({ jwt }));
    const refresh = (token) => post("/api/auth/bearer/refresh", new URLSearchParams({ refresh_token: token }).toString(), "application/x-www-form-urlencoded");
    const createIn = async (name, role, fill = async () => {}) => {
      await walkToKeys();
      const key = await createKey(page, name, async (it) => {
        await it.getByLabel(role).check();
        await fill(it);
      }, "ADD API KEY");
      return key;
    };
    /** Asks for the bundle on the page that shows a new key: it stands there only on request. */
    const bundleOf = async (key, password) => {
      assert.equal(await page.locator("#bundle").count(), 0, "nobody has asked for it");
      await page.getByRole("button", { name: "Show sign-in bundle" }).click();
      if (password) {
        await page.getByLabel("Your password").fill(password);
        await page.getByRole("button", { name: "Show sign-in bundle" }).click();
      }
      const line = await page.locator("#bundle").textContent();
      assert.equal(await page.locator("#token").count(), 0, "it stands in the bundle");
      return { ...key, bundle: JSON.parse(Buffer.from(line, "base64").toString()) };
    };
    const claims = ({ appname, appkey, shortname }, more = {}) => ({ iat: Math.floor(now / 1000), jti: randomUUID(), appname, appkey, shortname, ...more });
    const get = (token, path = "/me") => fetch(`${dev.base}/api/v1${path}`, { headers: bearer(token) });
    let first;
    let readonly;
    let admin;
    let tokens;

    await scenario.test("A3.1, S3.4, S3.5: API SHARED SECRET on the page of keys creates one, and shows it again later", async () => {
      await walkToSecret();
      await page.getByText("No shared secret yet").waitFor();
      await page.getByRole("button", { name: "Create shared secret" }).click();
      first = await shown();
      assert.match(first, /^css_[0-9A-Za-z]{54}$/);
      if (scripts) {
        await show(page, "shared-secret");
        await inspect(page, "shared-secret-shown");
      }
      await page.getByRole("link", { name: "Done" }).click();
      assert.ok(!(await page.content()).includes(first), "the page itself does not show it");
      const [lead, facts] = await Promise.all([".lead", ".facts"].map((it) => page.locator(it).boundingBox()));
      assert.ok(facts.y - lead.y - lead.height >= 16, "the introduction stands apart from the table");
      await wait(11 * MINUTE);
      await page.getByRole("link", { name: "View Shared Secret" }).click();
      await page.getByLabel("Your password").fill(dev.admin.password);
      await page.getByRole("button", { name: "View", exact: true }).click();
      await page.getByRole("heading", { name: "Shared secret", exact: true }).waitFor();
      assert.equal(await shown(), first);
      assert.match(await lastEvent(page), /Looked at the shared secret/);
    });

    await scenario.test("A3.2, S3.3: ADD API KEY with READONLY shows key and bundle once, and the list says Never", async () => {
      readonly = await bundleOf(await createIn("automation_ro", "READONLY"));
      if (scripts) await inspect(page, "key-bundle");
      const card = await page.locator(".secret").boundingBox();
      const done = await page.getByRole("link", { name: "Done" }).boundingBox();
      assert.ok(done.y - card.y - card.height >= 16, "the way on stands apart from the card");
      const edge = await page.locator(".secret > :first-child").evaluate((it) => getComputedStyle(it).borderTopWidth);
      assert.equal(edge, "0px", "the card has its upper edge once");
      const looked = await lastEvent(page);
      assert.match(looked, /Looked at the shared secret/);
      await walkToKeys();
      assert.deepEqual(readonly.bundle, { url: dev.base, shortname: "root", appname: "automation_ro", sharedsecret: first, appkey: readonly.token });
      const row = page.getByRole("row", { name: "automation_ro" });
      // Under Expires there is a “Never” too.
      assert.equal((await row.locator('[data-label="Last Login"]').innerText()).trim(), "Never");
      await row.getByRole("link", { name: "automation_ro", exact: true }).click();
      await page.getByRole("heading", { name: "automation_ro", level: 1 }).waitFor();
      for (const id of ["token", "secret", "bundle"]) assert.equal(await page.locator(`#${id}`).count(), 0, id);
      assert.equal(await page.getByRole("button", { name: "Show sign-in bundle" }).count(), 0);
      const content = await page.content();
      for (const secret of [readonly.secret, first]) assert.ok(!content.includes(secret), "it was shown once");
    });

    await scenario.test("A3.2: whoever signed in a while ago gets the bundle after confirming", async () => {
      await wait(11 * MINUTE);
      const { bundle } = await bundleOf(await createIn("with", "READONLY"), dev.admin.password);
      assert.equal(bundle.appname, "with");
    });

    await scenario.test("A3.3: its JWT gets an access token that reads, writes nothing and shows no secret; Last Login and the address are kept", async () => {
      const answer = await signInWith(signed(claims(readonly.bundle), first));
      assert.equal(answer.status, 200, await answer.clone().text());
      tokens = await answer.json();
      assert.deepEqual([tokens.token_type, tokens["not-before-policy"], tokens.expires_in], ["bearer", 0, 900]);
      const organization = (await (await get(tokens.access_token)).json()).organization.id;
      const list = await get(tokens.access_token, `/organizations/${organization}/keys`);
      assert.equal(list.status, 200);
      assert.ok(!(await list.text()).includes(readonly.secret));
      const made = await fetch(`${dev.base}/api/v1/organizations/${organization}/keys`, {
        method: "POST", headers: { ...bearer(tokens.access_token), "Content-Type": "application/json" }, body: JSON.stringify({ name: "no" }),
      });
      assert.equal(made.status, 403);
      await walkToKeys();
      const login = page.getByRole("row", { name: "automation_ro" }).locator('[data-label="Last Login"] time');
      for (const deadline = Date.now() + 30_000; (await login.count()) === 0 && Date.now() < deadline; ) {
        await page.waitForTimeout(1_000);
        await page.reload();
      }
      assert.match((await login.textContent()).trim(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      await page.getByRole("row", { name: "automation_ro" }).getByRole("link", { name: "automation_ro", exact: true }).click();
      // The pieces of code on the page have the server's address in them, which is the same here.
      assert.match(await page.locator("dl.facts > div").filter({ hasText: "Last Login" }).innerText(), /from 127\.0\.0\.1$/);
    });

    await scenario.test("A3.5: alg none, RS256, a stale iat, a jti used before and an unknown shortname are 401", async () => {
      const good = claims(readonly.bundle);
      const once = signed(good, first);
      assert.equal((await signInWith(once)).status, 200);
      const refused = [
        once,
        `${part({ alg: "none" })}.${part(claims(readonly.bundle))}.`,
        signed(claims(readonly.bundle), first, { alg: "RS256", typ: "JWT" }),
        signed(claims(readonly.bundle, { iat: Math.floor(now / 1000) - 400 }), first),
        signed(claims(readonly.bundle, { iat: Math.floor(now / 1000) + 400 }), first),
        signed(claims(readonly.bundle, { shortname: "nowhere" }), first),
        signed(claims(readonly.bundle), `${first}x`),
      ];
      for (const jwt of refused) {
        const answer = await signInWith(jwt);
        assert.equal(answer.status, 401, jwt);
        const { status, name, message } = await answer.json();
        assert.deepEqual([status, name], [401, "Unauthorized"]);
        assert.ok(message.length > 10, message);
      }
    });

    await scenario.test("A3.4, S3.14: an ADMIN key warns, may do everything, and takes its tokens along when it is deleted", async () => {
      admin = await createIn("automation_admin", "ADMIN", (it) => it.getByText("Full administrative privileges").waitFor());
      const said = await (await signInWith(signed(claims({ appname: "automation_admin", appkey: admin.token, shortname: "root" }), first))).json();
      const organization = (await (await get(said.access_token)).json()).organization.id;
      const keys = `/organizations/${organization}/keys`;
      const send = (path, body) => fetch(`${dev.base}/api/v1${path}`, {
        method: "POST", headers: { ...bearer(said.access_token), "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      const made = await (await send(keys, { name: "made by a token" })).json();
      assert.equal(await callWith(dev, bearer(made.secret.token)), 200);
      await call(dev, said.access_token, 200, "PATCH", `${keys}/${made.key.id}`, { name: "changed by a token" });
      assert.equal((await call(dev, made.secret.token, 200, "GET", "/me")).key.name, "changed by a token");
      assert.equal((await send(`${keys}/${made.key.id}/revoke`, {})).status, 200);
      assert.equal(await callWith(dev, bearer(made.secret.token)), 401);
      assert.equal((await refresh(said.refresh_token)).status, 200);
      await walkToKeys();
      await page.getByRole("link", { name: "Delete automation_admin" }).click();
      const destroy = page.getByRole("button", { name: "Delete key" });
      assert.ok(await isRed(destroy));
      if (await page.getByLabel("Your password").count()) await page.getByLabel("Your password").fill(dev.admin.password);
      await destroy.click();
      await page.getByRole("status").getByText("deleted").waitFor();
      assert.deepEqual([await callWith(dev, bearer(said.access_token)), (await refresh(said.refresh_token)).status], [401, 400]);
      assert.equal(await callWith(dev, bearer(tokens.access_token)), 200, "other keys' tokens go on");
    });

    await scenario.test("A3.6: a new secret ends the old one's tokens; the shared secret rotates with an overlap", async () => {
      await wait(11 * MINUTE);
      await walkToSecret();
      await page.getByRole("link", { name: "Rotate", exact: true }).click();
      await page.getByLabel("In 1 hour").check();
      await page.getByLabel("Your password").fill(dev.admin.password);
      await page.getByRole("button", { name: "Rotate", exact: true }).click();
      await page.getByRole("heading", { name: "New shared secret" }).waitFor();
      const second = await shown();
      assert.notEqual(second, first);
      assert.match(await lastEvent(page), /Rotated the shared secret/);
      for (const secret of [first, second]) assert.equal((await signInWith(signed(claims(readonly.bundle), secret))).status, 200);
      await wait(61 * MINUTE);
      assert.equal((await signInWith(signed(claims(readonly.bundle), first))).status, 401);
      assert.equal((await signInWith(signed(claims(readonly.bundle), second))).status, 200);

      const live = await (await signInWith(signed(claims(readonly.bundle), second))).json();
      await walkToKeys();
      await page.getByRole("row", { name: "automation_ro" }).getByRole("link", { name: "automation_ro", exact: true }).click();
      await page.getByRole("link", { name: "Rotate", exact: true }).first().click();
      await page.getByLabel("Now").check();
      await page.getByRole("button", { name: "Rotate", exact: true }).click();
      const appkey = await page.locator("#token").textContent();
      assert.equal(await callWith(dev, bearer(live.access_token)), 401);
      assert.equal((await signInWith(signed(claims(readonly.bundle), second))).status, 401);
      assert.equal((await signInWith(signed(claims({ ...readonly.bundle, appkey }), second))).status, 200);

      await walkToSecret();
      await page.getByRole("link", { name: "Delete", exact: true }).click();
      const destroy = page.getByRole("button", { name: "Delete shared secret" });
      assert.ok(await isRed(destroy));
      await page.getByLabel("Your password").fill(dev.admin.password);
      await destroy.click();
      await page.getByRole("status").getByText("The shared secret is deleted").waitFor();
      await page.getByText("No shared secret yet").waitFor();
      assert.match(await lastEvent(page), /Deleted the shared secret/);
    });

    await close();
    await dev.stop();
  });
}
