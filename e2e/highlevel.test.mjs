// A1, as far as the console has it: an agency with two locations, by clicks from home along the view switch.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { askAsGateway, bearer, callWith, createKey, inspect, keep, launch, openWindow, setUp, signIn, startDev, startServer, switchTo, walk, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

let browser;
let server;
let admin;
let agency;

const call = async (method, path, body) => {
  const headers = { ...bearer(admin), "Content-Type": "application/json" };
  const answer = await fetch(`${server.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
};

/** What the service says about a key that is used at an organization. */
const verify = async (key, organization) => {
  const { allowed, code } = await call("POST", "/verify", { key, organization });
  return allowed ? "allowed" : code;
};

before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
  const { page, close } = await openWindow(browser, server);
  await setUp(page, server);
  // There is no other place yet, and so nothing to switch to.
  assert.equal(await page.getByRole("button", { name: "Switch organization" }).count(), 0);
  // The form's keys reach their own organization; one for the whole tree is made by the signed-in admin over HTTP.
  const made = await page.evaluate(async () => {
    const { organization } = await (await fetch("/api/v1/me")).json();
    const body = JSON.stringify({ name: "Agency admin", reach: "subtree" });
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`/api/v1/organizations/${organization.id}/keys`, { method: "POST", headers, body });
    return { agency: organization.id, token: (await answer.json()).secret.token };
  });
  [agency, admin] = [made.agency, made.token];
  for (const name of ["Harbor Street", "Hill Road"]) await call("POST", `/organizations/${agency}/organizations`, { name });
  await close();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const colorScheme of ["light", "dark"]) {
  test(`the list of organizations can be used by everybody, ${colorScheme}`, async () => {
    const { page, close } = await openWindow(browser, server, { colorScheme });
    await signIn(page);
    await page.getByRole("button", { name: "Switch organization" }).click();
    await page.getByRole("link", { name: "All organizations…" }).click();
    await page.getByRole("heading", { name: "Switch organization", level: 1 }).waitFor();
    await page.getByText("You are here").waitFor();
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 });
      await inspect(page, `organizations, ${colorScheme}, ${width} px`);
    }
    await close();
  });
}

for (const javaScriptEnabled of [true, false]) {
  test(`the view switch opens where it stands${javaScriptEnabled ? "" : " without JavaScript"}, on a phone and by the keyboard alone`, async () => {
    const { page, close } = await openWindow(browser, server, { javaScriptEnabled });
    await signIn(page);
    const button = page.getByRole("button", { name: "Switch organization" });
    const menu = page.locator("#views");
    await button.waitFor();
    assert.equal(await menu.isVisible(), false);
    for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 390], ["dark", 320]]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await button.click();
      await menu.waitFor();
      assert.equal(await menu.locator("[aria-current=true]").innerText(), "Agency view\nAcme");
      const { x, width: wide } = await menu.boundingBox();
      assert.ok(x >= 0 && x + wide <= width, `${width} px: from ${x} on, ${wide} wide`);
      if (javaScriptEnabled) {
        await inspect(page, `view switch, ${colorScheme}, ${width} px`);
        await keep(page, `views-${colorScheme}-${width}`);
      }
      await page.keyboard.press("Escape");
      await menu.waitFor({ state: "hidden" });
    }
    await button.focus();
    await page.keyboard.press("Enter");
    for (const name of ["Agency view Acme", "Harbor Street", "Hill Road"]) {
      await page.keyboard.press("Tab");
      assert.equal((await page.locator(":focus").innerText()).replace(/\s+/g, " "), name);
    }
    await page.keyboard.press("Enter");
    await page.waitForURL("**/o/hill-road/keys");
    await page.getByRole("button", { name: "Switch organization" }).click();
    assert.equal(await menu.locator("[aria-current=true]").innerText(), "Hill Road");
    await close();
  });
}

test("S1.3: the way from a location to the agency's keys is the agency's view, Settings, API Keys", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await switchTo(page, "Harbor Street");
  await page.getByRole("button", { name: "Switch organization" }).click();
  await page.getByRole("link", { name: "Agency view Acme" }).click();
  await page.getByRole("link", { name: "Settings", exact: true }).first().click();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "API Keys" }).click();
  await page.getByRole("rowheader", { name: "Agency admin" }).waitFor();
  await close();
});

test("A1.2: a location's key is let in there and refused at the other location, and an agency’s key is let in at both", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await switchTo(page, "Harbor Street");
  const key = await createKey(page, "Till");
  await page.getByRole("button", { name: "Copy token" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key.token);
  await page.goto("/");
  await page.goBack();
  await page.getByRole("heading", { name: "Till", level: 1 }).waitFor();
  assert.ok(!(await page.content()).includes(key.secret), "it is shown once, and its page is what one comes back to");
  assert.equal(await verify(key.token, "harbor-street"), "allowed");
  assert.equal(await verify(key.token, "hill-road"), "out_of_reach");
  assert.equal(await verify(key.token, "root"), "out_of_reach");
  // So says the gateway of a request to either place, which asks for itself.
  const ask = (token, place) => askAsGateway(server, { ...bearer(token), "Claviger-Organization": place }, "contacts:read");
  for (const [place, answer] of [["harbor-street", "200"], ["hill-road", "403 out_of_reach"]]) assert.equal(await ask(key.token, place), answer, place);
  const { secret } = await call("POST", `/organizations/${agency}/keys`, { name: "Agency reporting", reach: "subtree" });
  for (const place of ["root", "harbor-street", "hill-road"]) {
    assert.equal(await verify(secret.token, place), "allowed", place);
    assert.equal(await ask(secret.token, place), "200", place);
  }
  await switchTo(page, "Hill Road");
  assert.equal(await page.getByText("Till").count(), 0, "the other location does not list it");
  await close();
});

test("A1.3: of a location's two keys one is deactivated and refused, the other still works", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await switchTo(page, "Hill Road");
  const first = await createKey(page, "Website");
  await switchTo(page, "Hill Road");
  const second = await createKey(page, "Marketing Automation");
  for (const key of [first, second]) assert.equal(await verify(key.token, "hill-road"), "allowed");
  await switchTo(page, "Hill Road");
  await page.getByRole("link", { name: "Website", exact: true }).click();
  await page.getByRole("button", { name: "Deactivate", exact: true }).click();
  await page.getByRole("status").getByText("Key “Website” deactivated.").waitFor();
  assert.equal(await verify(first.token, "hill-road"), "inactive");
  assert.equal(await verify(second.token, "hill-road"), "allowed");
  await switchTo(page, "Hill Road");
  await page.getByRole("row", { name: "Website" }).getByText("Inactive").waitFor();
  await page.getByRole("row", { name: "Marketing Automation" }).getByText("Active", { exact: true }).waitFor();
  await close();
});

test("A1.5: rotated in seven days both secrets work until the seventh is over, and a lost key leads to its replacement", async () => {
  const dev = await startDev();
  try {
    const { page, close } = await openWindow(browser, dev);
    await signIn(page, dev.admin);
    await walkToKeys(page);
    const old = await createKey(page, "Website");
    await page.getByRole("link", { name: "View key" }).click();
    await page.getByRole("link", { name: "Rotate", exact: true }).first().click();
    await page.getByRole("dialog").getByLabel("In 7 days").check();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    await page.getByRole("heading", { name: "New secret for “Website”" }).waitFor();
    const token = await page.locator("#token").textContent();
    const until = Date.parse(await page.getByText("The old secret is accepted until").locator("time").getAttribute("datetime"));
    assert.ok(Math.abs(until - Date.now() - 7 * 86_400_000) < 60_000, "seven days from now");
    // A minute before, since the clock goes on while the requests are on their way.
    await dev.setClock(new Date(until - 60_000).toISOString());
    assert.deepEqual([await callWith(dev, bearer(old.token)), await callWith(dev, bearer(token))], [200, 200]);
    await dev.setClock(new Date(until + 1_000).toISOString());
    assert.deepEqual([await callWith(dev, bearer(old.token)), await callWith(dev, bearer(token))], [401, 200]);

    // Seven days later nobody is signed in any more.
    await signIn(page, dev.admin);
    await walkToKeys(page);
    await page.getByRole("link", { name: "Website", exact: true }).click();
    await page.getByRole("link", { name: "create a replacement" }).click();
    await page.getByLabel("Key Name").fill("Website, again");
    await page.getByRole("button", { name: "Generate" }).click();
    const replacement = await page.locator("#token").textContent();
    await page.getByText("“Website” still works until you deactivate it").waitFor();
    assert.equal(await callWith(dev, bearer(token)), 200, "so it does");
    await show(page, "key-replacement");
    await page.getByRole("button", { name: /^Deactivate/ }).click();
    await page.getByRole("status").getByText("Key “Website” deactivated.").waitFor();
    assert.deepEqual([await callWith(dev, bearer(token)), await callWith(dev, bearer(replacement))], [401, 200]);
    await close();
  } finally {
    await dev.stop();
  }
});

test("A1.0, A1.6: the agency's policy is set; limits show in headers, 429 says when to come back, and the key's page says how often it may be used", async () => {
  const dev = await startDev();
  try {
    const { page, close } = await openWindow(browser, dev);
    await signIn(page, dev.admin);
    await walk(page, "Policies");
    await page.getByRole("link", { name: "Edit Unused keys end" }).click();
    await page.getByLabel("A number of days").check();
    await page.getByRole("textbox", { name: "Number of days" }).fill("90");
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByRole("button", { name: "Save the policy" }).click();
    await page.getByRole("row", { name: /^Unused keys end.*90 days.*Set here/ }).waitFor();
    await page.getByRole("row", { name: /^What happens to unused keys.*Deleted/ }).waitFor();
    await page.getByRole("row", { name: /^Notices before an unused key ends.*15, 7 and 1 days before/ }).waitFor();
    await page.getByRole("link", { name: "Edit Rate limit of keys" }).click();
    await page.getByLabel("So many requests in a period").check();
    await page.getByRole("textbox", { name: "Requests and period" }).fill("often");
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByRole("alert").getByText("such as 100/10s").waitFor();
    await page.getByRole("textbox", { name: "Requests and period" }).fill("100/10s");
    await page.getByRole("button", { name: "Review the change" }).click();
    await page.getByText("100 requests per 10 seconds").first().waitFor();
    await show(page, "policy-rate-review");
    await page.getByRole("button", { name: "Save the policy" }).click();
    await page.getByRole("row", { name: /^Rate limit of keys.*100 requests per 10 seconds.*Set here/ }).waitFor();

    await walkToKeys(page);
    const key = await createKey(page, "Website");
    const call = async () => {
      const answer = await fetch(`${dev.base}/api/v1/me`, { headers: bearer(key.token) });
      // Read, so that the connection is used again: a new one for each call takes longer than they come back.
      await answer.text();
      const { status, headers } = answer;
      return { status, policy: headers.get("ratelimit-policy"), left: headers.get("ratelimit"), wait: headers.get("retry-after") };
    };
    const first = await call();
    assert.deepEqual([first.status, first.wait], [200, null]);
    // Beside the server's own for each caller.
    assert.match(first.policy, /"key";q=100;w=10$/);
    assert.match(first.left, /"key";r=99;t=1$/);
    // Some come back while they are used up, ten in a second.
    let last = first;
    for (let calls = 0; last.status === 200 && calls < 1000; calls += 1) last = await call();
    assert.deepEqual([last.status, last.wait], [429, "1"]);
    assert.match(last.left, /"key";r=0;t=1$/);
    await new Promise((done) => setTimeout(done, 1000));
    assert.equal((await call()).status, 200, "after the time that it said");

    await page.getByRole("link", { name: "View key" }).click();
    await page.getByText("100 requests per 10 seconds").waitFor();
    await page.getByText("by the policy").waitFor();
    await show(page, "key-limits");
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await page.getByText("More: scopes, allowed IPs, limits").click();
    await page.getByLabel("Daily quota").fill("2");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("2 requests a day").waitFor();
    assert.deepEqual([(await call()).status, (await call()).status], [200, 200]);
    const over = await call();
    assert.equal(over.status, 429);
    const untilMidnight = 86_400 - (Date.now() / 1000) % 86_400;
    assert.ok(Math.abs(Number(over.wait) - untilMidnight) < 60, `${over.wait} s until midnight UTC`);
    await page.reload();
    await page.getByText("0 left until 00:00 UTC").waitFor();
    await close();
  } finally {
    await dev.stop();
  }
});
