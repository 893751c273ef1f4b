// What the browser tests share: Chromium, and the steps that every scenario begins with.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import AxeBuilder from "@axe-core/playwright";
import { chromium } from "playwright-core";

import { ADMIN } from "./server.mjs";

export { ADMIN, askAsGateway, call, startDev, startServer } from "./server.mjs";

const OUTPUT = path.join(path.dirname(fileURLToPath(import.meta.url)), "output");

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CLAVIGER_CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });

/** Chromium for all tests of a file, and a server where one is for all of them; both end with the last test. */
export const shared = async (start = async () => {}) => {
  const [browser, server] = await Promise.all([launch(), start()]);
  after(async () => {
    await browser.close();
    await server?.stop();
  });
  return { browser, server };
};

/** A browser window of its own. Whatever the page logs as an error, a breach of the content security policy included, fails the test at `close`. */
export const openWindow = async (browser, server, options = {}) => {
  const context = await browser.newContext({ baseURL: server.base, viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  if (options.javaScriptEnabled !== false) await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // Chromium logs every answer of 400 and above; these tests look at the statuses themselves.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  return {
    page,
    close: async () => {
      await context.close();
      assert.deepEqual(errors, []);
    },
  };
};

/** Follows the set-up link and makes the first account. */
export const setUp = async (page, server) => {
  await page.goto(server.setUpLink);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("E-mail").fill(ADMIN.email);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
};

export const signIn = async (page, { email, password } = ADMIN) => {
  await page.goto("/sign-in");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
};

/** From home along the path that Orufy names: gear, then API Keys in the settings menu. */
export const walkToKeys = async (page) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "API Keys" }).click();
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
};

/** From home over the view switch to an organization: its keys. */
export const switchTo = async (page, name) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Switch organization" }).click();
  await page.locator("#views").getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
};

/** Goes on from a page that only leads on, to the one that is called so. */
const goOn = async (page, name) => {
  await page.locator("nav.index").getByRole("link", { name: new RegExp(`^${name}`) }).click();
  await page.getByRole("heading", { name, exact: true, level: 1 }).waitFor();
};

/** From home through the menu behind the gear, page by page. */
export const walk = async (page, ...names) => {
  await page.goto("/");
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
  for (const name of names) await goOn(page, name);
};

/** From home through the menu of the profile: one of its entries, and from there page by page. */
export const walkProfile = async (page, entry, ...names) => {
  await page.goto("/");
  await page.getByRole("button", { name: /^Profile of/ }).click();
  await page.getByRole("link", { name: entry, exact: true }).click();
  await page.getByRole("heading", { name: entry, exact: true, level: 1 }).waitFor();
  for (const name of names) await goOn(page, name);
};

/** Invites somebody with a role, whose first window is answered. */
export const invite = async (browser, server, admin, person, role, options = {}) => {
  await walk(admin, "User Management", "Members");
  await admin.getByRole("link", { name: "Invite a person" }).click();
  await admin.getByLabel("Name").fill(person.name);
  await admin.getByLabel("E-mail").fill(person.email);
  await admin.getByLabel(role).check();
  await admin.getByRole("button", { name: "Make invitation" }).click();
  const link = await admin.locator("#link").textContent();
  const window = await openWindow(browser, server, options);
  await window.page.goto(link);
  await window.page.getByLabel("Password", { exact: true }).fill(person.password);
  await window.page.getByRole("button", { name: "Set password and sign in" }).click();
  await window.page.getByRole("status").getByText("Your password is set").waitFor();
  return window;
};

/** User Roles, the role, Misc: API Access. */
export const setApiAccess = async (page, role, choice) => {
  await walk(page, "User Management", "User Roles");
  await page.getByRole("link", { name: role }).click();
  await page.getByRole("heading", { name: "Misc" }).waitFor();
  await page.getByRole("group", { name: "API Access" }).getByRole("radio", { name: new RegExp(`^${choice}`) }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").getByText(`Role “${role}” saved.`).waitFor();
};

/** Settings, Policies, who sees secrets again. */
export const setReveal = async (page, choice) => {
  await walk(page, "Policies");
  await page.getByRole("link", { name: "Edit Show secrets again" }).click();
  await page.getByLabel(choice).check();
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByRole("status").getByText("saved.").waitFor();
};

/** What the newest events were of an organization, newest first, as a key of it reads them. */
export const newestEvents = async (server, token) => {
  const headers = bearer(token);
  const { organization } = await (await fetch(`${server.base}/api/v1/me`, { headers })).json();
  const answer = await fetch(`${server.base}/api/v1/organizations/${organization.id}/events?limit=5`, { headers });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()).data.map((it) => it.operation);
};

/** Waits for a heading; on the way to it, a key that may do everything is asked about. */
export const confirmRights = async (page, heading) => {
  const made = page.getByRole("heading", { name: heading });
  const meant = page.getByRole("button", { name: "Create with full rights" });
  await made.or(meant).first().waitFor();
  if ((await meant.count()) > 0) await meant.click();
  await made.waitFor();
};

/** Creates a key by clicks and answers with what the page shows of it. */
export const createKey = async (page, name, fill = async () => {}, button = "Create API Key") => {
  await page.getByRole("link", { name: button }).click();
  await page.getByLabel("Key Name").fill(name);
  await fill(page);
  await page.getByRole("button", { name: "Generate" }).click();
  await confirmRights(page, `Key “${name}” created`);
  const text = (id) => page.locator(`#${id}`).textContent();
  return { token: await text("token"), access: await text("access"), secret: await text("secret") };
};

/** The status of a call to the management API in each of the presentations that carry a header. */
export const callWith = async (server, headers) => (await fetch(`${server.base}/api/v1/me`, { headers })).status;
export const bearer = (token) => ({ Authorization: `Bearer ${token}` });
export const basic = (access, secret) => ({ Authorization: `Basic ${Buffer.from(`${access}:${secret}`).toString("base64")}` });

/** Whether an element is filled with red, as a person sees it: painted on a canvas and read back. */
export const isRed = (locator) =>
  locator.evaluate((element) => {
    const painter = document.createElement("canvas").getContext("2d");
    painter.fillStyle = getComputedStyle(element).backgroundColor;
    painter.fillRect(0, 0, 1, 1);
    const [red, green, blue] = painter.getImageData(0, 0, 1, 1).data;
    return red > 150 && green < 80 && blue < 80;
  });

/** Keeps a picture of the page, for people to look at. */
export const keep = async (page, name) => {
  await mkdir(OUTPUT, { recursive: true });
  await page.screenshot({ path: path.join(OUTPUT, `${name}.png`), fullPage: true });
};

/** No violation of WCAG 2.2 AA or axe's best practices, and nothing wider than the window; with rules that axe leaves out unless asked. */
export const inspect = async (page, name, rules = {}) => {
  const found = await new AxeBuilder({ page }).options({ rules }).analyze();
  const violations = found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(violations, [], name);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(beyond <= 0, `${name}: ${beyond} px wider than the window`);
};
