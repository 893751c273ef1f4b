// Every way in which the clients of the five products present a key; and where a secret must not stand, whatever it is spelt like.

import { execFile } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { basic, bearer } from "./harness.mjs";
import { environment } from "./server.mjs";

const BYTES_MAX = 256 * 1024 * 1024;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Signs in with a key and the organization's shared secret, as a program does. */
export const buy = async (server, { name, token }, sharedSecret, shortname) => {
  const claims = { iat: Math.floor(Date.now() / 1000), jti: randomUUID(), appname: name, appkey: token, shortname };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const jwt = `${text}.${createHmac("sha256", sharedSecret).update(text).digest("base64url")}`;
  const answer = await fetch(`${server.base}/api/v1/auth/token`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ jwt }) });
  return { status: answer.status, ...(await answer.json()) };
};

/** What a request carries for a key, by the name of the way: headers, a query. */
export const PRESENTATIONS = {
  Bearer: (_, { token }) => ({ headers: bearer(token) }),
  "X-Api-Key": (_, { token }) => ({ headers: { "X-Api-Key": token } }),
  Basic: (_, { access, secret }) => ({ headers: basic(access, secret) }),
  "accessKey and secretKey": (_, { access, secret }) => ({ headers: { accessKey: access, secretKey: secret } }),
  "?api_key=": (_, { token }) => ({ headers: {}, query: `?api_key=${token}` }),
  JWT: async (server, key, sharedSecret, shortname, keep) => {
    const tokens = await buy(server, key, sharedSecret, shortname);
    keep("an access token", tokens.access_token);
    keep("a refresh token", tokens.refresh_token);
    return { headers: bearer(tokens.access_token) };
  },
};

/** The same key with another secret of the same form. */
export const wrong = ({ name, access, secret }) => {
  const other = [...secret].reverse().join("");
  return { name, access, secret: other, token: access + other };
};

/** How a text may be spelt: as it is, in hexadecimal, percent-encoded, and in base64 wherever it begins in a longer text. */
const spellings = (text) => {
  const bytes = Buffer.from(text);
  const all = [text, encodeURIComponent(text), bytes.toString("hex"), bytes.toString("hex").toUpperCase(), text.replaceAll(" ", "+")];
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before, " "), bytes]);
    const whole = padded.subarray(0, padded.length - (padded.length % 3));
    for (const encoding of ["base64", "base64url"]) all.push(whole.toString(encoding).slice(before === 0 ? 0 : 4));
  }
  return [...new Set(all)];
};

/** Which of these stand in a text, by what they are. */
export const find = (texts, where) => [...texts].filter(([, text]) => spellings(text).some((it) => where.includes(it))).map(([what]) => what);

/** Everything that a server has kept, once it has ended, by what it is: its files as they are, `claviger export`, and a dump by PostgreSQL. */
export const keptIn = async ({ data, database, where }) => {
  const kept = {};
  for (const name of await readdir(data)) kept[name] = (await readFile(path.join(data, name))).toString("latin1");
  const options = { env: { ...environment(), ...where }, maxBuffer: BYTES_MAX };
  kept.export = (await promisify(execFile)(process.env.CLAVIGER_BIN, ["export", "--data-dir", data, "-"], options)).stdout;
  if (database) kept.dump = await database.dump();
  return kept;
};
