// A receiver of webhooks that plays Zapier: it keeps what it is sent, and answers as it is told to.

import { createServer } from "node:http";
import { createHmac, timingSafeEqual } from "node:crypto";

const WAIT_MS_MAX = 20_000;

/** Starts one on a port of its own. `answer` is the status it answers posts with; every request is kept in `requests`. */
export const startReceiver = async () => {
  const receiver = { requests: [], answer: 200 };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      receiver.requests.push({ method: request.method, path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(request.method === "POST" ? receiver.answer : 204).end();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = (path) => `http://127.0.0.1:${server.address().port}${path}`;
  /** The posts of events, by what the host calls the thing. */
  receiver.told = (path) => receiver.requests.filter((it) => it.method === "POST" && it.path === path).map((it) => JSON.parse(it.body).entity_id);
  /** Waits until something is so. */
  receiver.until = async (what, isSo) => {
    for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; ) {
      if (isSo(receiver)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${what} did not happen; requests: ${JSON.stringify(receiver.requests, null, 1)}`);
  };
  receiver.close = () => new Promise((resolve) => server.close(resolve));
  return receiver;
};

/** Whether a request carries a signature by this secret (Standard Webhooks 1.0). */
export const isSigned = ({ headers, body }, secret) => {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = createHmac("sha256", key).update(signed).digest();
  return headers["webhook-signature"].split(" ").some((it) => {
    const [version, digest] = it.split(",");
    const given = Buffer.from(digest, "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
};
