// Stylesheets are served without what only people need: Chromium has to read the same rules in them as in the files that people edit.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { openWindow, shared, startServer } from "./harness.mjs";

const { browser, server } = await shared(startServer);

/** The rules of a stylesheet as the browser writes them; where it keeps what it read, as in custom properties, spaces around signs tell nothing. In front of a colon
 * they do: `a :is(b)` is another rule than `a:is(b)`. */
const rulesOf = (page, text) =>
  page.evaluate((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return [...sheet.cssRules].map((rule) => rule.cssText.replace(/\s*([,;/{}])\s*|(:)\s+/g, "$1$2"));
  }, text);

for (const [at, name, rules] of [["/sign-in", "claviger.css", 150], ["/docs", "docs.css", 40]]) {
  test(`${name} as it is served has the rules of the one that was written`, async () => {
    const { page, close } = await openWindow(browser, server);
    await page.goto(at);
    const address = await page.locator("link[rel=stylesheet]").last().getAttribute("href");
    const served = await (await fetch(server.base + address)).text();
    const written = await readFile(new URL(`../crates/server/assets/${name}`, import.meta.url), "utf8");
    const expected = await rulesOf(page, written);
    assert.deepEqual(await rulesOf(page, served), expected);
    assert.ok(expected.length > rules, `${expected.length} rules were read`);
    assert.ok(served.length < written.length, "the served one is the shorter");
    // What differs is seen to differ.
    assert.notDeepEqual(await rulesOf(page, served.replace("display:grid", "display:flex")), expected);
    await close();
  });
}
