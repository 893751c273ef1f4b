// People and roles, by clicks from home: an invitation, the first password, a key, the switch of the role, a lost password.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearer, callWith, createKey, keep, openWindow, setApiAccess, setUp, shared, signIn, startServer, walk, walkToKeys } from "./harness.mjs";
import { show } from "./looks.mjs";

const { browser, server } = await shared(startServer);

const ANN = { name: "Ann Meyer", email: "ann@acme.example", password: "eleven plus one" };

const openLink = async (browser, link, password, name) => {
  const window = await openWindow(browser, server);
  await window.page.goto(link);
  await show(window.page, name);
  await window.page.getByLabel("Password", { exact: true }).fill(password);
  await window.page.getByRole("button", { name: "Set password and sign in" }).click();
  await window.page.getByRole("status").getByText("Your password is set").waitFor();
  return window;
};

test("S0.4, S0.5: an admin invites somebody, who sets a password and creates a key; the role's API Access turns it off and on", async () => {
  const admin = await openWindow(browser, server);
  await setUp(admin.page, server);
  await setApiAccess(admin.page, "MEMBER", "Allowed");
  await show(admin.page, "role");
  await walk(admin.page, "User Management", "User Roles");
  await show(admin.page, "roles");
  await admin.page.getByRole("link", { name: "Create role" }).click();
  await show(admin.page, "role-new");
  await walk(admin.page, "User Management", "Members");
  await admin.page.getByRole("link", { name: "Invite a person" }).click();
  await admin.page.getByLabel("Name").fill(ANN.name);
  await admin.page.getByLabel("E-mail").fill(ANN.email);
  await show(admin.page, "member-invite");
  await admin.page.getByLabel("MEMBER").check();
  await admin.page.getByRole("button", { name: "Make invitation" }).click();
  await admin.page.getByText("never links that sign somebody in").waitFor();
  const link = await admin.page.locator("#link").textContent();
  await show(admin.page, "member-invitation");
  await admin.page.getByRole("link", { name: "Done" }).click();
  await admin.page.getByRole("row", { name: ANN.name }).getByText("Invited until").waitFor();
  await show(admin.page, "members");

  const ann = await openLink(browser, link, ANN.password, "link");
  await walkToKeys(ann.page);
  const key = await createKey(ann.page, "Ann's reports");
  assert.equal(await callWith(server, bearer(key.token)), 200);

  await setApiAccess(admin.page, "MEMBER", "Not allowed");
  assert.equal(await callWith(server, bearer(key.token)), 403);
  await setApiAccess(admin.page, "MEMBER", "Allowed");
  assert.equal(await callWith(server, bearer(key.token)), 200);

  await walk(admin.page, "User Management", "Members");
  await admin.page.getByRole("link", { name: ANN.name }).click();
  await show(admin.page, "member");
  await admin.page.getByRole("link", { name: "Disable" }).click();
  const question = admin.page.getByRole("dialog");
  await question.getByRole("link", { name: "1 active key" }).waitFor();
  await question.getByRole("link", { name: "Ann's reports" }).waitFor();
  await question.getByText("Enable them again to undo it").waitFor();
  await keep(admin.page, "member-disable-dialog");
  await question.getByRole("button", { name: "Disable" }).click();
  await admin.page.getByRole("status").getByText("disabled").waitFor();
  assert.notEqual(await callWith(server, bearer(key.token)), 200);
  await admin.page.getByRole("button", { name: "Enable" }).click();
  await admin.page.getByRole("status").getByText("enabled").waitFor();
  assert.equal(await callWith(server, bearer(key.token)), 200);
  await admin.page.getByRole("link", { name: "Remove" }).click();
  const dialog = admin.page.getByRole("dialog");
  await dialog.getByText("1 key that belongs to this person stays without an owner").waitFor();
  await keep(admin.page, "member-remove-dialog");
  await dialog.getByRole("link", { name: "Cancel" }).click();
  await ann.close();
  await admin.close();
});

test("a lost password is replaced by a link of the admin, and the own sessions are seen and ended", async () => {
  const admin = await openWindow(browser, server);
  await signIn(admin.page);
  const old = await openWindow(browser, server);
  await signIn(old.page, ANN);
  await old.page.getByRole("heading", { name: "Acme" }).first().waitFor();
  await walk(admin.page, "User Management", "Members");
  await admin.page.getByRole("link", { name: ANN.name }).click();
  await admin.page.getByRole("button", { name: "Make a reset link" }).click();
  const link = await admin.page.locator("#link").textContent();
  const ann = await openLink(browser, link, "another password", "link-reset");
  await old.page.goto("/");
  await old.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await old.page.getByText("Password lost? Ask an administrator").waitFor();
  await old.page.goto(link);
  await old.page.getByRole("heading", { name: "This link no longer works" }).waitFor();
  await show(old.page, "link-gone");
  await signIn(old.page, { ...ANN, password: "another password" });
  await old.page.getByRole("heading", { name: "Acme" }).first().waitFor();

  await ann.page.getByRole("button", { name: /^Profile of/ }).click();
  await ann.page.getByRole("link", { name: "Sessions" }).click();
  await ann.page.getByRole("heading", { name: "Sessions" }).waitFor();
  await show(ann.page, "sessions");
  await ann.page.getByRole("button", { name: "Sign out all others" }).click();
  await ann.page.getByRole("status").getByText("Signed out everywhere but here.").waitFor();
  await old.page.goto("/");
  await old.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await ann.page.getByRole("link", { name: "Change password" }).click();
  await show(ann.page, "password");
  await Promise.all([admin.close(), old.close(), ann.close()]);
});
