// The console without scripts, walked by following its links and sending its forms: every page that a link leads to opens, and every
// action that the console has is reached by a plain form and done. Nobody tells this test where anything is. It begins with the set-up link
// that the server prints; the list of actions is that of the router (a test of the server keeps posts.txt so), and whoever adds one sees it
// fail here until a form leads there.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { ADMIN, openWindow, shared, startServer, walk } from "./harness.mjs";

const ROUTES = (await readFile(new URL("../crates/server/tests/it/console/posts.txt", import.meta.url), "utf8")).trim().split("\n")
  // What is told takes days to come: notifications.test.mjs does this, without scripts too. And what a host reports comes by no form.
  // What a webhook is sent needs a receiver: webhooks.test.mjs does that, without scripts too.
  .filter((it) => !/\/(notifications|revision-history|webhooks\/\{webhook\})\//.test(it));

/** Pages of one kind that are looked at in each round: a key that is active and one that is not have other forms. */
const OF_A_KIND_MAX = 2;

/** In which order things are done, so that nothing is gone before everything else was done to it. */
const RANKS = [
  /./,
  /\/(clear|off|suspend|disable|withdraw|deactivate|shared-secret\/end)$/,
  // What a version is documented by goes with it.
  /\/(openapi|\{guide\})\/delete$/,
  /(?<!\/(openapi|\{guide\}))\/(delete|remove|end)$/,
  /\/(end-others|password)$/,
  /\/sign-out$/,
];
const rankOf = (route) => RANKS.findLastIndex((it) => it.test(route));

/** What has to be done again first: each of the former needs a key and takes it away, and to move an organization there have to be two. */
const AGAIN = {
  "/o/{organization}/keys/{key}/rotate": /\/rotation\/(end|extend|cancel)$/,
  "/o/{organization}/shared-secret": /\/shared-secret\/(end|extend|rotate|view|delete)$/,
  "/o/{organization}/shared-secret/rotate": /\/shared-secret\/(end|extend)$/,
  "/o/{organization}/profile/api-access": /\/(clear|off)$/,
  "/o/{organization}/tree": /\/move$/,
};

const { browser, server } = await shared(startServer);

const segments = (path) => path.split("/");
const fits = (route, path) => {
  const [wanted, found] = [segments(route), segments(path)];
  return wanted.length === found.length && wanted.every((it, at) => it.startsWith("{") || it === found[at]);
};
/** The route of a path; of several the one with the fewest gaps. */
const routeOf = (path) => ROUTES.filter((it) => fits(it, path)).sort((one, other) => one.split("{").length - other.split("{").length)[0];

const OPENAPI = JSON.stringify({ openapi: "3.1.0", info: { title: "Crawled", version: "1" }, paths: {} });

const ID = /[a-z]{3}_[0-9a-z]{26}/;

/** What pages have in common that are about different things. */
const kindOf = (href) => {
  const { pathname, searchParams } = new URL(href, server.base);
  const path = pathname.replace(/^\/o\/[^/]+/, "/o/{}").replace(/\b(key|usr|mem|rol|org|ses|evt|whk|dlv|ntf|api)_[0-9a-z]{26}\b/g, "{}").replace(/\/(policies|versions|guides)\/[^/]+/g, "/$1/{}");
  return `${path}?${[...new Set(searchParams.keys())].sort()}`;
};

class Crawl {
  /** `onInvitation` gets the link that the page shows for somebody else. */
  constructor(page, onInvitation) {
    this.page = page;
    this.onInvitation = onInvitation;
    this.done = new Map();
    /** Where a link was seen, so that its page can be reached again by clicks. */
    this.seenOn = new Map();
    /** Pages to which no way led any more: what they are about is gone, and to ask each round took longer than all the rest. */
    this.lost = new Set();
    this.kinds = new Map();
    this.serial = 0;
    this.rounds = 1;
    this.problems = [];
    page.on("response", (response) => this.note(response));
  }

  note(response) {
    const request = response.request();
    const { pathname, search } = new URL(response.url());
    const status = response.status();
    if (request.method() === "POST") {
      const route = routeOf(pathname);
      if (!route) this.problems.push(`POST ${pathname} is not in the list`);
      else if (status === 303 || status === 200) this.done.set(route, (this.done.get(route) ?? 0) + 1);
      // The last administrator cannot be removed, say; then it has to be done elsewhere.
      else if (status !== 409 && status !== 422) this.problems.push(`POST ${pathname} is answered with ${status}`);
      // The log goes on naming what was removed, and leads to where it was; a fault of the server is none of that.
    } else if (status >= 500 || (status >= 400 && !this.isRemoving)) this.problems.push(`${pathname}${search} is answered with ${status}`);
  }

  get undone() {
    return ROUTES.filter((it) => !this.done.has(it));
  }

  /** Opens what hides an element: a menu, or a part that is folded. */
  async reveal(element) {
    if (await element.isVisible()) return;
    const menu = element.locator("xpath=ancestor::*[@popover]");
    if (await menu.count()) await this.page.locator(`[popovertarget="${await menu.getAttribute("id")}"]`).click();
    const folded = element.locator("xpath=ancestor::details[not(@open)]/summary");
    if (await folded.count()) await folded.click();
  }

  async press(element) {
    await this.reveal(element);
    const [response] = await Promise.all([this.page.waitForNavigation({ waitUntil: "domcontentloaded" }), element.click({ noWaitAfter: true })]);
    return response;
  }

  /** Presses a link that stands on this page. */
  async follow(href) {
    const links = this.page.locator(`a[href=${JSON.stringify(href)}]:not([target])`);
    if (!(await links.count())) return false;
    const shown = links.filter({ visible: true });
    await this.press((await shown.count()) ? shown.first() : links.first());
    return true;
  }

  /** Goes home, which every page with a menu leads to; a refusal is a page without one. */
  async goHome() {
    const home = this.page.locator("a.brand");
    // Behind it may be an answer that showed a secret: of that nothing is left, and the browser says so in a page of its own.
    for (let steps = 0; steps < 3 && !(await home.count()); steps += 1) await this.page.goBack().catch(() => null);
    if (!(await home.count())) return false;
    await this.press(home);
    return true;
  }

  /** Goes to a page by clicks: from here, from where its link was seen, or from home. Says whether there still is a way. */
  async go(href, passed = []) {
    if (href === this.home) return this.goHome();
    if (await this.follow(href)) return true;
    // Above all from the pages that it stands below.
    const places = [...this.seenOn.get(href)].sort((one, other) => href.startsWith(other) - href.startsWith(one));
    for (const from of places.filter((it) => !passed.includes(it)).slice(0, 3)) {
      if ((await this.go(from, [...passed, href])) && (await this.follow(href))) return true;
    }
    return false;
  }

  /** The links of this page that lead to pages of a kind that was not looked at enough. */
  async newLinks(here) {
    const hrefs = await this.page.locator("a[href]:not([target], [rel=external])").evaluateAll((links) => links.map((it) => it.getAttribute("href")));
    const fresh = [];
    for (const href of hrefs) {
      // Other surfaces, and a file.
      if (href.startsWith("#") || /^\/(docs|api)(\/|$)|\/keys\/csv/.test(href) || href === this.home) continue;
      if (this.seenOn.has(href)) {
        this.seenOn.get(href).add(here);
        this.lost.delete(href);
        continue;
      }
      const kind = (this.isElsewhere(href) ? "elsewhere " : "") + kindOf(new URL(href, this.page.url()).href);
      const count = this.kinds.get(kind) ?? 0;
      // What is asked for beside an id, a sort say, is the same page; but `?secret=` names another thing each time.
      const isOfOneThing = kind.endsWith("?") || ID.test(href.split("?")[1]);
      if (count >= (isOfOneThing ? OF_A_KIND_MAX * this.rounds : 1)) continue;
      this.kinds.set(kind, count + 1);
      this.seenOn.set(href, new Set([here]));
      fresh.push(href);
    }
    return fresh;
  }

  /** Whether it leads to another organization. */
  isElsewhere(href) {
    return /^\/o\//.test(href) && `${href}/`.split("/")[2].split("?")[0] !== this.home.split("/")[2];
  }

  /** Every button that sends a form of this page, and where to. */
  buttons() {
    return this.page.evaluate(() =>
      [...document.forms].flatMap((form, at) =>
        [...form.elements]
          .filter((it) => it.tagName === "BUTTON" && it.type === "submit")
          .map((it) => ({
            form: at,
            id: form.id,
            words: it.textContent.trim(),
            method: it.getAttribute("formmethod") ?? form.method,
            path: new URL(it.getAttribute("formaction") ?? form.getAttribute("action"), location).pathname,
            isSearch: form.getAttribute("role") === "search",
            at: [...form.querySelectorAll("button:not([type=button])")].indexOf(it),
          })),
      ),
    );
  }

  /** The first form of this page that does what is wanted, or leads to a question about it. */
  async wanted(isWanted, asked) {
    const buttons = (await this.buttons()).filter((it) => !it.isSearch && !(it.method === "get" && asked.has(it.path)));
    // What does it comes before what only asks.
    for (const button of buttons.sort((one, other) => other.method.localeCompare(one.method))) {
      const route = routeOf(button.path) ?? routeOf(button.path.replace(/\/[^/]+$/, ""));
      if (route && isWanted(route)) return { ...button, route };
    }
    return null;
  }

  /** Types what a person would, into every field that is empty or has to be another. */
  async fill(form) {
    this.serial += 1;
    const isVersion = (await form.getAttribute("action")).endsWith("/versions");
    for (const field of await form.locator("input:not([type=hidden]):not([readonly]), textarea, select").all()) {
      const it = await field.evaluate((field) => ({
        kind: field.tagName === "INPUT" ? field.type : field.tagName,
        name: field.name,
        value: field.value,
        label: field.labels?.[0]?.textContent ?? "",
        is_chosen: field.type === "radio" && [...field.form.elements].some((other) => other.name === field.name && other.checked),
        options: field.tagName === "SELECT" ? field.options.length : 0,
      }));
      const asked = /^Type (.+) to confirm$/.exec(it.label);
      if (asked) await field.fill(asked[1]);
      else if (it.kind === "password") await field.fill(ADMIN.password);
      else if (it.kind === "email" && !it.value) await field.fill(`crawled-${this.serial}@acme.example`);
      else if (it.kind === "radio" && !it.is_chosen) await form.getByRole("radio").nth(1).check();
      else if (it.name === "name") await field.fill(isVersion ? `${this.serial}.0` : `Crawled ${this.serial}`);
      else if (it.name === "title" && !it.value) await field.fill(`Crawled ${this.serial}`);
      else if (it.name === "markdown") await field.fill("# Crawled");
      else if (it.name === "openapi") await field.fill(OPENAPI);
      else if (it.kind === "url" && !it.value) await field.fill("https://receiver.example/crawled");
      else if (it.name === "entity") await field.fill("contact");
      else if (it.name === "operation") await field.fill("create");
      else if (it.name === "leaked" || it.name === "reason") await field.fill(`Crawled ${this.serial}`);
      else if (it.name === "permissions") await field.fill("contacts:read");
      else if (it.name === "parent") await field.selectOption({ index: it.options - 1 });
    }
  }

  async send(button) {
    const form = this.page.locator("form").nth(button.form);
    // Rows of a list that belong to a form elsewhere on the page.
    const rows = this.page.locator(`input[type=checkbox][form="${button.id}"]`);
    if (button.id && (await rows.count())) await rows.first().check();
    else if (await form.getByRole("button").first().isVisible()) await this.fill(form);
    await this.press(form.locator("button:not([type=button])").nth(button.at));
    const link = this.page.locator("#link");
    if (this.onInvitation && (await link.count())) {
      await this.onInvitation(await link.textContent());
      this.onInvitation = null;
    }
  }

  /** Does all that is wanted and can be done here, and on the pages that this leads to. */
  async act(isWanted) {
    const asked = new Set();
    for (let sent = 0; sent < 12; sent += 1) {
      const button = await this.wanted(isWanted, asked);
      if (!button) return sent;
      asked.add(button.path);
      await this.send(button);
    }
    throw new Error(`the forms of ${this.page.url()} lead to one another`);
  }

  /** Walks over all pages, and does what may be done. */
  async walk(isWanted, isRelevant) {
    const visit = async (href) => {
      if (!(await this.go(href))) return void this.lost.add(href);
      // What is done there is done here, too, and home is another one.
      if (this.isElsewhere(href)) return void (await this.page.goBack());
      if ((await this.act(isWanted)) && !(await this.go(href))) return;
      for (const link of await this.newLinks(href)) await visit(link);
    };
    if (!isRelevant) return visit(this.home);
    const known = [...this.seenOn.keys()].filter((it) => isRelevant(it) && !this.isElsewhere(it) && !this.lost.has(it));
    this.rounds += 1;
    for (const href of [this.home, ...known]) {
      if (!(await this.go(href))) {
        this.lost.add(href);
        continue;
      }
      if ((await this.act(isWanted)) && !(await this.go(href))) continue;
      for (const link of (await this.newLinks(href)).filter(isRelevant)) await visit(link);
    }
  }
}

/** Signs in from another window, as somebody does who finds the set-up link used up. */
const signInElsewhere = async () => {
  const window = await openWindow(browser, server, { javaScriptEnabled: false });
  const crawl = new Crawl(window.page);
  await window.page.goto(server.setUpLink);
  crawl.problems = [];
  await crawl.follow("/sign-in");
  await window.page.getByLabel("E-mail").fill(ADMIN.email);
  await window.page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await crawl.press(window.page.getByRole("button", { name: "Sign in" }));
  return { ...window, crawl };
};

/** Opens an invitation, as the one whom it is for. */
const accept = async (link) => {
  const window = await openWindow(browser, server, { javaScriptEnabled: false });
  const crawl = new Crawl(window.page);
  await window.page.goto(link);
  await crawl.act((route) => route === "/link");
  return { ...window, crawl };
};

const walkAll = async () => {
  const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false });
  const others = [];
  const crawl = new Crawl(page, async (link) => others.push(await accept(link)));
  await page.goto(server.setUpLink);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("E-mail").fill(ADMIN.email);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await crawl.press(page.getByRole("button", { name: "Create account" }));
  crawl.home = await page.locator("a.brand").getAttribute("href");
  await crawl.press(page.locator("a.brand"));
  // Secrets are shown again only where policy says so, and of keys that were made since.
  await walk(page, "Policies");
  await page.getByRole("link", { name: "Edit Show secrets again" }).click();
  await page.getByRole("radio").last().check();
  await page.getByRole("button", { name: "Review the change" }).click();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await crawl.press(page.locator("a.brand"));

  await crawl.walk((route) => rankOf(route) === 0 && !crawl.done.has(route));
  assert.ok(crawl.kinds.size > 50, `only ${crawl.kinds.size} kinds of pages were found: ${[...crawl.kinds.keys()].join(" ")}`);

  // Else there is nobody to be signed out elsewhere.
  others.push(await signInElsewhere(), await signInElsewhere());
  for (const it of others) {
    for (const route of it.crawl.done.keys()) crawl.done.set(route, 1);
    crawl.problems.push(...it.crawl.problems);
  }

  for (let rank = 0; rank < RANKS.length; rank += 1) {
    crawl.isRemoving = rank >= 2;
    const due = () => crawl.undone.filter((route) => rankOf(route) <= rank);
    // Until nothing more comes of it.
    for (let before = Infinity; due().length && due().length < before; ) {
      const left = due();
      before = left.length;
      const again = Object.keys(AGAIN).filter((it) => left.some((route) => AGAIN[it].test(route)));
      // A form stands on the page of what it is about: somewhere on the way to its own address.
      const leadsTo = (page, route) => segments(page).every((it, at) => segments(route)[at]?.startsWith("{") || segments(route)[at] === it);
      const isRelevant = (href) => [...left, ...again].some((route) => leadsTo(new URL(href, server.base).pathname, route));
      let repeats = again.length;
      await crawl.walk((route) => {
        if (due().includes(route)) return true;
        const isRepeated = repeats > 0 && again.includes(route);
        if (isRepeated) repeats -= 1;
        return isRepeated;
      }, isRelevant);
    }
  }

  assert.deepEqual(crawl.undone, [], "no form led to these");
  assert.deepEqual(crawl.problems, []);
  for (const window of [...others, { close }]) await window.close();
};

// Where an action is left over it looks for a way to it for very long, and would be waited for to no end.
test("every link leads to a page and every action is done by a plain form, without scripts", { timeout: 900_000 }, walkAll);
