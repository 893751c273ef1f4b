// The console itself: every page in both themes and on a narrow window, by keyboard alone, and what a browser may do with a session.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADMIN, bearer, callWith, createKey, inspect, keep, openWindow, setUp, shared, signIn, startServer, walkToKeys } from "./harness.mjs";

const { browser, server } = await shared(startServer);

test("the set-up link makes the first account, once", async () => {
  const { page, close } = await openWindow(browser, server);
  await page.goto("/");
  await page.getByText("Not set up yet: open the link that the server printed").waitFor();
  await page.goto(server.setUpLink);
  await inspect(page, "set-up");
  await page.getByLabel("E-mail").fill("not an address");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  assert.equal(await page.getByRole("alert").getByRole("link").count(), 3);
  await inspect(page, "set-up-errors");
  assert.equal(await page.getByLabel("E-mail").inputValue(), "not an address");

  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await page.locator("#password").getAttribute("type"), "text");
  await setUp(page, server);
  await page.getByRole("status").getByText("Your account is ready.").waitFor();

  await page.goto(server.setUpLink);
  await page.getByRole("heading", { name: "This set-up link no longer works" }).waitFor();
  await inspect(page, "set-up-gone");
  await close();
});

const looks = [
  { name: "light", colorScheme: "light" },
  { name: "dark", colorScheme: "dark" },
  { name: "320", colorScheme: "light", viewport: { width: 320, height: 640 } },
];
for (const { name: look, ...options } of looks) {
  test(`every page stands up to axe and fits the window: ${look}`, async () => {
    const { page, close } = await openWindow(browser, server, options);
    const look_at = async (name) => {
      await inspect(page, `${name}, ${look}`);
      await keep(page, `${name}-${look}`);
    };
    await page.goto("/sign-in");
    await look_at("sign-in");
    await page.getByLabel("E-mail").fill(ADMIN.email);
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("E-mail or password is wrong.").waitFor();
    await look_at("sign-in-refused");
    await signIn(page);
    await look_at("home");
    await walkToKeys(page);
    await look_at("keys");

    const name = `Look ${look}`;
    await page.getByRole("link", { name: "Create API Key" }).click();
    await look_at("key-new");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.getByRole("alert").waitFor();
    await look_at("key-new-errors");
    await page.goto("/settings/api-keys");
    await createKey(page, name);
    await look_at("key-created");
    await page.getByRole("link", { name: "View key" }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await look_at("key");
    for (const [link, heading, picture] of [["Edit", "Edit key", "key-edit"], ["Rotate", `Rotate “${name}”`, "key-rotate"], ["Delete", `Delete “${name}”?`, "key-delete"]]) {
      const target = await page.getByRole("link", { name: link, exact: true }).first().getAttribute("href");
      await page.goto(target);
      await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
      await look_at(picture);
      await page.goBack();
    }
    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByRole("status").getByText("deactivated").waitFor();
    await look_at("key-inactive");
    await walkToKeys(page);
    await page.getByRole("row", { name }).getByRole("button", { name: `More for ${name}` }).click();
    await inspect(page, `row menu, ${look}`);
    await page.goto("/o/nobody/keys");
    await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
    await look_at("not-found");
    await close();
  });
}

test("the console is walked by keyboard alone", async () => {
  const { page, close } = await openWindow(browser, server);
  const focused = () => page.evaluate(() => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim().replace(/\s+/g, " "));
  const tabTo = async (wanted) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()).startsWith(wanted)) return;
    }
    assert.fail(`no way to ${wanted} by the Tab key; last at ${await focused()}`);
  };
  await page.goto("/sign-in");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Tab");
  await page.keyboard.type(ADMIN.email);
  await page.keyboard.press("Tab");
  await page.keyboard.type(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  await tabTo("Settings");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Settings", level: 1 }).waitFor();
  await tabTo("API KeysCreate, watch");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
  await tabTo("Create API Key");
  await page.keyboard.press("Enter");
  await page.getByLabel("Key Name").waitFor();
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Key “By keyboard” created" }).waitFor();
  await tabTo("Copy token");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Copied").waitFor({ state: "attached" });
  const token = await page.locator("#token").textContent();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  assert.equal(await callWith(server, bearer(token)), 200);

  await tabTo("View key");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "By keyboard", level: 1 }).waitFor();
  await tabTo("Rotate");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("ArrowDown");
  assert.match(await page.evaluate(() => document.activeElement.closest("label").textContent), /^In \d+ (hour|day)/, "arrows choose how long both work");
  await tabTo("Rotate");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "New secret for “By keyboard”" }).waitFor();
  await tabTo("Copy token");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Copied").waitFor({ state: "attached" });
  const rotated = await page.evaluate(() => navigator.clipboard.readText());
  assert.notEqual(rotated, token);
  assert.deepEqual([await callWith(server, bearer(token)), await callWith(server, bearer(rotated))], [200, 200]);
  await tabTo("Done");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();

  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await tabTo("More for By keyboard");
  await page.keyboard.press("Enter");
  await tabTo("Deactivate");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("deactivated").waitFor();
  assert.deepEqual([await callWith(server, bearer(token)), await callWith(server, bearer(rotated))], [401, 401]);
  await tabTo("Delete");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focused(), "Cancel", "what destroys is not what Enter presses by accident");
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await focused(), "Delete", "focus returns to where it came from");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Shift+Tab");
  assert.equal(await focused(), "Delete key");
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Key “By keyboard” deleted.").waitFor();
  await close();
});

test("S1.16, S1.17, S1.18: who lost a key makes another, both work, and the old one is deactivated", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const lost = await createKey(page, "Lost");
  await page.getByRole("link", { name: "View key" }).click();
  await page.getByRole("link", { name: "create a replacement" }).click();
  await page.getByText("It begins with all that “Lost” is set to, to take its place.").waitFor();
  await page.getByLabel("Key Name").fill("Found");
  await page.getByRole("button", { name: "Generate" }).click();
  await page.getByRole("heading", { name: "Key “Found” created" }).waitFor();
  const found = { token: await page.locator("#token").textContent() };
  assert.notEqual(found.token, lost.token);
  assert.equal(await callWith(server, bearer(lost.token)), 200);
  assert.equal(await callWith(server, bearer(found.token)), 200);
  await walkToKeys(page);
  await page.getByRole("link", { name: "Lost", exact: true }).click();
  await page.getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("status").getByText("Key “Lost” deactivated.").waitFor();
  assert.equal(await callWith(server, bearer(lost.token)), 401);
  assert.equal(await callWith(server, bearer(found.token)), 200);
  await page.getByRole("button", { name: "Activate", exact: true }).click();
  await page.getByRole("status").getByText("Key “Lost” activated.").waitFor();
  assert.equal(await callWith(server, bearer(lost.token)), 200);
  await close();
});

test("a rotated key's old secret works until the overlap ends, or stops at once", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const first = await createKey(page, "Turning");
  await page.getByRole("link", { name: "View key" }).click();
  const rotate = async (overlap) => {
    await page.getByRole("link", { name: "Rotate", exact: true }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(overlap).check();
    await dialog.getByRole("button", { name: "Rotate" }).click();
    await page.getByRole("heading", { name: "New secret for “Turning”" }).waitFor();
    return page.locator("#token").textContent();
  };
  const second = await rotate("In 24 hours");
  await page.getByText("The old secret is accepted until").waitFor();
  assert.equal(await callWith(server, bearer(first.token)), 200);
  assert.equal(await callWith(server, bearer(second)), 200);
  await page.getByRole("link", { name: "View key" }).click();
  assert.equal(await page.getByRole("table", { name: "Secrets of Turning" }).getByRole("row").count(), 3);
  const third = await rotate("Now");
  assert.equal(await callWith(server, bearer(first.token)), 401);
  assert.equal(await callWith(server, bearer(second)), 401);
  assert.equal(await callWith(server, bearer(third)), 200);
  await close();
});

test("a reload of the page with the secret makes no second key and shows no secret again", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  const key = await createKey(page, "Reloaded");
  await page.reload();
  // The script has put the key's own page in the place of the one that made it, for reloading and for coming back.
  await page.getByRole("heading", { name: "Reloaded", level: 1 }).waitFor();
  assert.ok(!(await page.content()).includes(key.secret));
  await inspect(page, "key-shown");
  await walkToKeys(page);
  assert.equal(await page.getByRole("row", { name: "Reloaded" }).count(), 1);
  await close();
});

test("the list is searched, filtered and shared by its address", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await walkToKeys(page);
  await createKey(page, "Needle");
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByRole("searchbox").fill("needle");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText(/^1 key ·/).waitFor();
  const address = page.url();
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByRole("row", { name: "Found" }).waitFor();
  await page.goto(address);
  await page.getByText(/^1 key ·/).waitFor();
  await page.getByRole("combobox", { name: "Status" }).selectOption("Inactive");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("heading", { name: "No key matches" }).waitFor();
  await inspect(page, "keys-none-match");
  // What narrows the list is taken away by itself.
  await page.getByRole("link", { name: /^Status: Inactive/ }).click();
  await page.getByText(/^1 key ·/).waitFor();
  await close();
});

test("looks that were chosen are kept, without a script", async () => {
  const { page, close } = await openWindow(browser, server, { javaScriptEnabled: false, colorScheme: "light" });
  await signIn(page);
  await walkToKeys(page);
  await page.getByRole("button", { name: "Profile of" }).click();
  await page.getByRole("button", { name: "Dark", exact: true }).click();
  await page.getByRole("heading", { name: "API Keys", level: 1 }).waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByRole("button", { name: "Profile of" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("status").getByText("You are signed out.").waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.goto("/settings/api-keys");
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await close();
});

test("a signed-out session is dead on the server, and another site can change nothing", async () => {
  const { page, close } = await openWindow(browser, server);
  await signIn(page);
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  const cookie = (await page.context().cookies()).find((it) => it.name === "sid");
  assert.ok(cookie.httpOnly && cookie.sameSite === "Lax" && cookie.path === "/");
  const send = (method, path, headers) =>
    fetch(server.base + path, { method, redirect: "manual", headers: { Cookie: `sid=${cookie.value}`, ...headers }, ...(method === "POST" && { body: new URLSearchParams() }) });
  assert.equal((await send("GET", "/settings/api-keys", {})).status, 303);
  for (const headers of [{ Origin: "https://evil.example" }, { "Sec-Fetch-Site": "cross-site" }, { "Sec-Fetch-Site": "same-site" }, { Origin: "null" }, {}]) {
    assert.equal((await send("POST", "/sign-out", headers)).status, 403, JSON.stringify(headers));
  }
  await page.getByRole("button", { name: "Profile of" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("status").getByText("You are signed out.").waitFor();
  const answer = await send("GET", "/settings/api-keys", {});
  assert.match(answer.headers.get("location"), /^\/sign-in/);
  await close();
});
