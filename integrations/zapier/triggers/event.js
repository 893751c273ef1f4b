"use strict";

const crypto = require("node:crypto");
const { api } = require("../requests");

/** How old a delivery may be, in seconds: one that somebody caught is good for no longer. */
const AGE_MAX = 5 * 60;

/** Subscribes the Zap's address: what is answered is kept by Zapier for as long as the Zap is on, the signing secret with it. */
const performSubscribe = async (z, bundle) => {
  const [entity, operation] = bundle.inputData.event_type.split(".");
  const body = { target_url: bundle.targetUrl, entity, operation };
  const { data } = await z.request({ url: api(bundle, "/hooks"), method: "POST", body });
  return { id: data.id, secret: data.signing_secret };
};

/** Ends the subscription. One that is gone already was ended by Claviger, with its key say. */
const performUnsubscribe = async (z, bundle) => {
  const url = api(bundle, `/hooks/${encodeURIComponent(bundle.subscribeData.id)}`);
  const response = await z.request({ url, method: "DELETE", skipThrowForStatus: true });
  return { ended: response.status < 400 };
};

/** Whether it was Claviger that sent this: Standard Webhooks 1.0, by one of the secrets that are good now. */
const isSigned = (headers, body, secret) => {
  const named = (name) => headers[`Http-Webhook-${name}`] ?? headers[`webhook-${name.toLowerCase()}`];
  const [id, at, signatures] = [named("Id"), Number(named("Timestamp")), named("Signature")];
  if (!id || !signatures || !(Math.abs(Date.now() / 1000 - at) < AGE_MAX)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = crypto.createHmac("sha256", key).update(`${id}.${at}.${body}`).digest();
  return signatures.split(" ").some((signature) => {
    const [version, digest] = signature.split(",");
    const given = Buffer.from(digest ?? "", "base64");
    return version === "v1" && given.length === expected.length && crypto.timingSafeEqual(given, expected);
  });
};

/** One delivery. Whoever knows the address of a Zap could post to it, so one without a good signature starts nothing. */
const perform = async (z, bundle) => {
  const { secret } = bundle.subscribeData ?? {};
  const { headers = {}, content = "" } = bundle.rawRequest ?? {};
  if (!secret || !isSigned(headers, content, secret)) {
    throw new z.errors.HaltedError("This came without a signature of the subscription, and was left out.");
  }
  return [bundle.cleanedRequest];
};

/** Examples of the same form, with which the user builds the Zap. */
const performList = async (z, bundle) => {
  const [entity, operation] = bundle.inputData.event_type.split(".");
  return (await z.request(api(bundle, "/hooks/samples"), { params: { entity, operation } })).data;
};

module.exports = {
  key: "event",
  noun: "Event",
  display: { label: "New Event", description: "Triggers when something happens that your API key may read." },
  operation: {
    type: "hook",
    inputFields: [
      {
        key: "event_type",
        label: "Event",
        type: "string",
        required: true,
        dynamic: "event_type.id.name",
        helpText: "What the Zap waits for.",
      },
    ],
    perform,
    performList,
    performSubscribe,
    performUnsubscribe,
    sample: {
      id: "evt_01k0examp1e0000000000000000",
      type: "contact.created",
      timestamp: "2026-01-31T09:00:00Z",
      data: { id: "c-1", name: "Ada" },
    },
  },
};
