// Each page for people who see little, or have no mouse: at 320 px, at 200 % zoom, by the Tab key, and as a screen reader tells it.
//
// What is told stands in aria/*.yml, so that a change of a page shows there what it changes for those who listen:
// `CLAVIGER_ARIA=renew cargo xtask test --only browser` writes the files anew, to be looked at before they are committed.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { ADMIN, adminKey, call } from "./server.mjs";
import { inspect, launch, openWindow, signIn, startServer } from "./harness.mjs";

let browser;
let server;
let pages;

before(async () => {
  [browser, server] = await Promise.all([launch(), startServer()]);
  const { organization, token } = await adminKey(server);
  const make = async (path, body) => call(server, token, 201, "POST", `/organizations/${organization}${path}`, body);
  const key = await make("/keys", { name: "CI deploy", description: "Nightly build" });
  await make("/keys", { name: "Zapier", expires_at: "2099-12-31T00:00:00Z" });
  const role = await make("/roles", { name: "Clerk", permissions: ["contacts:read"], api_access: true });
  const user = await make("/users", { name: "Ann Meyer", email: "ann@acme.example" });
  const member = await make("/members", { user_id: user.id, role_id: role.id });
  const below = await make("/organizations", { name: "Harbor Street" });
  pages = {
    home: "",
    organizations: "/organizations",
    keys: "/keys",
    "keys-none-match": "/keys?q=nothing+is+called+so",
    "key-new": "/keys/new",
    key: `/keys/${key.key.id}`,
    "key-edit": `/keys/${key.key.id}/edit`,
    "key-rotate": `/keys/${key.key.id}/rotate`,
    "key-delete": `/keys/${key.key.id}/delete`,
    settings: "/settings",
    members: "/members",
    member: `/members/${member.id}`,
    "member-invite": "/members/new",
    roles: "/roles",
    role: `/roles/${role.id}`,
    policies: "/policies",
    policy: "/policies/idle_days",
    audit: "/audit",
    tree: "/tree",
    organization: `/tree/${below.id}`,
    health: "/health",
    sessions: "/sessions",
    "api-access": "/profile/api-access",
    "api-management": "/security/api-management",
    "data-loader": "/integrations/data-loader",
  };
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Without what differs from run to run. */
const lasting = (text) =>
  text
    .replace(/\b(api|key|org|usr|mem|rol|ses|evt|sec)_[0-9a-z]{26}\b/g, "$1_…")
    .replace(/\bck_\w+…?/g, "ck_…")
    .replace(/http:\/\/127\.0\.0\.1:\d+/g, "http://127.0.0.1:…")
    .replace(/Claviger \d+\.\d+\.\d+[\w.-]*/g, "Claviger …")
    .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?/g, "(instant)")
    .replace(/\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}(, \d\d:\d\d)?|\b\d{4}-\d\d-\d\d\b/g, "(day)")
    .replace(/\b(Edge|Opera|Firefox|Chrome|Safari) on (Windows|Android|iOS|iPadOS|macOS|Linux)\b/g, "(browser)")
    // Events are linked every few seconds, and each link is another.
    .replace(/^ *- group: Chain of .*\n/gm, "")
    // Uses are written down every few seconds.
    .replace(/\b\d+ requests? in 7 days\b/g, "(requests)")
    // Spans of time only where they are counted from now: “Older than 30 d” is a choice, and stays.
    .replace(/,? ?\b(just now|in less than a minute|in \d+ (y|d|h|min)|\d+ (y|d|h|min) ago)\b/g, "");

// The first one, since what the others do stands in the audit.
test("a screen reader tells each page as it did when somebody last looked", async () => {
  const { page, close } = await openWindow(browser, server);
  const told = {};
  // The menu is told once, with the page that comes first.
  const listen = async (name) => {
    const part = page.locator(name === "home" || name === "sign-in" ? "body" : "main");
    told[name] = `${lasting(await part.ariaSnapshot())}\n`;
  };
  await page.goto("/sign-in");
  await listen("sign-in");
  await signIn(page, ADMIN);
  // The last use of the key that made all this is written down within ten seconds.
  for (const deadline = Date.now() + 30_000; !(await page.getByText("the last call").count()) && Date.now() < deadline; ) {
    await page.waitForTimeout(500);
    await page.goto("/o/root");
  }
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`/o/root${path}`);
    await listen(name);
  }
  const file = (name) => new URL(`aria/${name}.yml`, import.meta.url);
  if (process.env.CLAVIGER_ARIA === "renew") {
    for (const [name, text] of Object.entries(told)) await writeFile(file(name), text);
  }
  for (const [name, text] of Object.entries(told)) {
    const expected = await readFile(file(name), "utf8").catch(() => "");
    assert.equal(text, expected, `${name}: if this is meant, run with CLAVIGER_ARIA=renew`);
  }
  await close();
});

/** Goes through a page by the Tab key alone, and answers with what was wrong on the way. */
const tabThrough = async (page) => {
  const count = await page.evaluate(() => {
    const candidates = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
    const isTabbable = (it) => {
      if (it.disabled || it.tabIndex < 0 || it.type === "hidden" || !it.checkVisibility()) return false;
      if (it.type !== "radio" || it.checked) return true;
      const group = [...it.form.elements].filter((other) => other.name === it.name);
      return !group.some((other) => other.checked) && group[0] === it;
    };
    window.order = [...candidates].filter(isTabbable);
    scrollTo(0, 0);
    window.order[0].focus();
    return window.order.length;
  });
  const problems = [];
  for (let expected = 1, presses = 1; expected < count; presses += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate((expected) => {
      const at = document.activeElement;
      const name = (it) => `${it.localName} “${(it.getAttribute("aria-label") ?? it.name ?? "").trim() || it.textContent.trim().slice(0, 40)}”`;
      const wanted = window.order[expected];
      // A field for a date has several parts.
      if (at === window.order[expected - 1]) return { moved: false };
      if (at !== wanted) return { moved: true, problem: `Tab leads to ${name(at)} where ${name(wanted)} comes next`, index: window.order.indexOf(at) };
      const style = getComputedStyle(at);
      if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return { moved: true, problem: `the focus cannot be seen on ${name(at)}` };
      const box = [...at.getClientRects()].find((it) => it.width && it.height) ?? at.getBoundingClientRect();
      const points = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]].map(([x, y]) => [box.left + box.width * x, box.top + box.height * y]);
      const isShown = ([x, y]) => {
        const hit = document.elementFromPoint(x, y);
        return hit && (at.contains(hit) || (hit.closest("label") !== null && hit.closest("label") === at.closest("label")));
      };
      if (!points.some(isShown)) return { moved: true, problem: `${name(at)} is hidden while it has the focus` };
      return { moved: true };
    }, expected);
    if (found.problem) problems.push(found.problem);
    if (found.index === -1) break;
    if (found.moved) expected += 1;
    if (presses > count + 20) {
      problems.push(`the Tab key does not come further than ${expected} of ${count}`);
      break;
    }
  }
  return { count, problems };
};

for (const [name, options] of [
  ["at 320 px", { viewport: { width: 320, height: 640 } }],
  // What a window of 1280 by 800 is at 200 %, which is how WCAG 1.4.10 counts it.
  ["at 200 %", { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
]) {
  test(`${name} no page scrolls sideways, and the Tab key leads to every control, seen and in order`, async () => {
    const { page, close } = await openWindow(browser, server, options);
    await signIn(page);
    const problems = {};
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(`/o/root${path}`);
      await inspect(page, name, { "target-size": { enabled: true } });
      const walked = await tabThrough(page);
      assert.ok(walked.count > 8, `${name}: ${walked.count} controls`);
      if (walked.problems.length) problems[name] = walked.problems;
    }
    assert.deepEqual(problems, {});
    await close();
  });
}

// The control: what is wrong on the way is seen.
test("the walk by the Tab key sees a focus that cannot be seen, a control that is covered, and one that is out of order", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  for (const [spoil, seen] of [
    [(link) => (link.style.outline = "none"), /the focus cannot be seen on a “API Keys”/],
    [() => Object.assign(document.body.appendChild(document.createElement("div")).style, { position: "fixed", inset: "0", zIndex: "9" }), /“API Keys” is hidden/],
    [(link) => (link.tabIndex = 1), /where a “API Keys” comes next/],
  ]) {
    await page.goto("/o/root/settings");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API Keys" }).evaluate(spoil);
    const { problems } = await tabThrough(page);
    assert.ok(problems.some((it) => seen.test(it)), problems.join("\n"));
  }
  await close();
});
