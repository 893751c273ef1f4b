// Access tokens as libraries that others wrote get, use, check and take them back, against a running server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createRemoteJWKSet, customFetch, errors, jwtVerify } from "jose";
import * as oauth from "openid-client";

import { adminKey, call, startServer } from "../server.mjs";
import { here, runPython, startLiar } from "./tools.mjs";

let server;
let admin;
let host;

const at = (path) => `/organizations/${admin.organization}${path}`;
const post = (status, path, body) => call(server, admin.token, status, "POST", path, body);
let keys = 0;
const makeKey = async (more) => {
  const name = `Key ${(keys += 1)}`;
  const { key, secret } = await post(201, at("/keys"), { name, ...more });
  return { id: key.id, name, ...secret };
};

before(async () => {
  server = await startServer();
  admin = await adminKey(server);
  host = await makeKey({ scopes: ["claviger/keys:verify"] });
});
after(() => server?.stop());

const runAssertions = async (base, secret) => {
  const key = await makeKey({ scopes: ["*:read"], reach: "organization" });
  const { organization } = await call(server, admin.token, 200, "GET", "/me");
  return runPython("python", [here("clients/assertions.py")], {
    BASE_URL: base, ISSUER: server.base, ADMIN_KEY: admin.token, ORGANIZATION_ID: admin.organization,
    SHARED_SECRET: secret, KEY: key.token, KEY_ID: key.id, APP_NAME: key.name, SHORTNAME: organization.slug, OTHER_SHORTNAME: "below",
  });
};

// A3.3, A3.4, A3.5
test("PyJWT signs in, refreshes and checks what it got, and whatever a hostile client makes with it is refused", async () => {
  // The key reaches its own organization, and not this one.
  await post(201, at("/organizations"), { name: "Below" });
  const { shared_secret: secret } = await post(201, at("/shared-secret"), {});
  const { code, output } = await runAssertions(server.base, secret);
  assert.equal(code, 0, output);
  assert.match(output, /^refused \d\d and more$/m, output);

  // The control.
  const liar = await startLiar(server, (method, path, body, status) =>
    path === "/api/v1/auth/token" && status === 401 ? { status: 200, body } : undefined,
  );
  try {
    const fooled = await runAssertions(liar.base, secret);
    assert.equal(fooled.code, 1, fooled.output);
    assert.match(fooled.output, /AssertionError: used before: 200/, fooled.output);
  } finally {
    await liar.stop();
  }
});

const runAuthlib = async (base) => {
  const key = await makeKey({ scopes: ["contacts:*", "claviger/keys:read"] });
  return runPython("python", [here("clients/oauth.py")], {
    BASE_URL: base, KEY_ID: key.id, ACCESS_KEY: key.access_key, SECRET_KEY: key.secret_key,
    HOST_ACCESS_KEY: host.access_key, HOST_SECRET_KEY: host.secret_key,
  });
};

test("Authlib gets tokens by either method, looks into them, takes them back and checks them offline", async () => {
  const { code, output } = await runAuthlib(server.base);
  assert.equal(code, 0, output);
  assert.match(output, /^worked with client_secret_basic client_secret_post$/m, output);
});

// The control.
test("Authlib does not take a token that no published key signed", async () => {
  const liar = await startLiar(server, (method, path, body, status) => {
    if (path.startsWith("/.well-known/")) return { status, body: body.replace(`"jwks_uri":"${server.base}`, `"jwks_uri":"${liar.base}`) };
    // Their letters turned around are keys, too, and nobody's.
    if (path === "/oauth/jwks.json") return { status, body: body.replace(/"x":"([^"]+)"/g, (_, x) => `"x":"${[...x.slice(0, 42)].reverse().join("")}A"`) };
    return undefined;
  });
  try {
    const { code, output } = await runAuthlib(liar.base);
    assert.equal(code, 1, output);
    assert.match(output, /BadSignatureError/, output);
  } finally {
    await liar.stop();
  }
});

/** What openid-client knows after it asked the service where everything is. */
const discover = (key, method) =>
  oauth.discovery(new URL(server.base), key.access_key, undefined, method(key.secret_key), {
    algorithm: "oauth2",
    execute: [oauth.allowInsecureRequests],
  });

/** Status and error of a refusal. With 401 openid-client says the challenge instead of the error. */
const refusal = async (promise) => {
  const found = await promise.then(() => undefined, (error) => error);
  assert.ok(found, "nothing was refused");
  return [found.status, found.error ?? found.code];
};
const CHALLENGED = [401, "OAUTH_WWW_AUTHENTICATE_CHALLENGE"];

const METHODS = { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost };

for (const [name, method] of Object.entries(METHODS)) {
  test(`openid-client discovers the service, gets a token, looks into it and takes it back, by ${name}`, async () => {
    const key = await makeKey({ scopes: ["contacts:*", "claviger/keys:read"] });
    const client = await discover(key, method);
    const metadata = client.serverMetadata();
    assert.equal(metadata.issuer, server.base);
    assert.ok(metadata.token_endpoint_auth_methods_supported.includes(name) && metadata.revocation_endpoint_auth_methods_supported.includes(name));

    const wide = await oauth.clientCredentialsGrant(client);
    assert.deepEqual(wide.scope.split(" ").sort(), ["claviger/keys:read", "contacts:*"]);
    const token = await oauth.clientCredentialsGrant(client, { scope: "contacts:read" });
    assert.deepEqual([token.scope, token.token_type, token.expiresIn() > 0, token.refresh_token], ["contacts:read", "bearer", true, undefined]);
    assert.deepEqual(await refusal(oauth.clientCredentialsGrant(client, { scope: "users:delete" })), [400, "invalid_scope"]);
    assert.deepEqual(await refusal(oauth.clientCredentialsGrant(await discover({ ...key, secret_key: "wrong" }, method))), CHALLENGED);
    const use = async (path, { access_token: it }) => (await oauth.fetchProtectedResource(client, it, new URL(`${server.base}/api/v1${path}`), "GET")).status;
    assert.equal(await use(at("/keys"), wide), 200);
    const narrow = call(server, token.access_token, 403, "GET", at("/keys"));
    assert.equal((await narrow).code, "insufficient_permission");

    const resource = await discover(host, oauth.ClientSecretBasic);
    const look = ({ access_token: it }) => oauth.tokenIntrospection(resource, it);
    const said = await look(token);
    assert.deepEqual([said.active, said.scope, said.client_id, said.aud], [true, "contacts:read", key.id, "default"]);
    assert.ok(said.exp - said.iat === token.expires_in, JSON.stringify(said));
    const other = await discover(host, method);
    assert.deepEqual(await refusal(oauth.tokenRevocation(other, token.access_token)), [400, "unauthorized_client"]);
    assert.equal((await look(token)).active, true);
    await oauth.tokenRevocation(client, token.access_token);
    assert.deepEqual(await look(token), { active: false });
    assert.equal((await look(wide)).active, true, "other sign-ins go on");

    // A resource server authenticates as the metadata says that it may.
    const looked = oauth.tokenIntrospection(other, wide.access_token);
    if (metadata.introspection_endpoint_auth_methods_supported.includes(name)) assert.equal((await looked).active, true);
    else assert.deepEqual(await refusal(looked), CHALLENGED);
  });
}

test("jose checks tokens by the published keys, before a rotation, after it, and after what leaked was revoked", async () => {
  const key = await makeKey({ scopes: ["contacts:*"] });
  const client = await discover(key, oauth.ClientSecretBasic);
  const { issuer, jwks_uri: keys } = client.serverMetadata();
  const get = async () => (await oauth.clientCredentialsGrant(client)).access_token;
  // A set that is kept is fetched again only for a key that is not in it; how soon is up to whoever keeps it.
  let fetched = 0;
  const counted = (...question) => ((fetched += 1), fetch(...question));
  const keep = () => createRemoteJWKSet(new URL(keys), { cooldownDuration: 0, [customFetch]: counted });
  const kept = keep();
  const rules = { issuer, audience: "default", typ: "at+jwt", algorithms: ["EdDSA"], requiredClaims: ["exp", "iat", "jti", "sub", "client_id"] };
  const check = async (token, set = kept, more = {}) => {
    const { payload, protectedHeader } = await jwtVerify(token, set, { ...rules, ...more });
    assert.equal(payload.client_id, key.id);
    return protectedHeader.kid;
  };
  const rotate = (body) => post(200, "/signing-keys/rotate", body);
  const code = (promise) => promise.then(() => "taken", (error) => error.code);

  const first = await get();
  const before = await check(first);
  for (const wrong of [{ issuer: "https://other.example" }, { audience: "billing" }]) {
    assert.equal(await code(check(first, kept, wrong)), errors.JWTClaimValidationFailed.code);
  }
  assert.equal(await code(check(first, kept, { typ: "JWT" })), errors.JWTClaimValidationFailed.code);
  const [header, body, signature] = first.split(".");
  assert.equal(await code(check(`${header}.${body}.${signature.slice(1)}${signature[0]}`)), errors.JWSSignatureVerificationFailed.code);
  assert.equal(fetched, 1);

  await rotate({});
  const second = await get();
  const during = await check(second);
  assert.notEqual(during, before);
  assert.equal(fetched, 1, "the next key is published before it signs");
  const afresh = [await check(first), await check(first, keep()), await check(second, keep())];
  assert.deepEqual(afresh, [before, before, during]);
  for (let times = 0; times < 3; times += 1) await rotate({});
  const third = await get();
  assert.ok(![before, during].includes(await check(third)), "a key that the set that was kept did not have is fetched");
  assert.equal(await check(first, keep()), before, "what an old key signed is checked until its time is over");

  await rotate({ revoke: true });
  assert.equal(await code(check(third, keep())), errors.JWKSNoMatchingKey.code);
  assert.notEqual(await check(await get()), before);
  const { active } = await oauth.tokenIntrospection(await discover(host, oauth.ClientSecretBasic), third);
  assert.equal(active, false);
});
