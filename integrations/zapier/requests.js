"use strict";

// What every call to Claviger has in common: the address of the server, the key in a header, and what a refusal means to Zapier.

/** The address that the user typed, without what stands behind it by accident. Browsers show it without its scheme, so one that has none is taken for https. */
const base = (bundle) => {
  const typed = String(bundle.authData.base_url ?? "").trim().replace(/\/+$/, "");
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(typed) ? typed : `https://${typed}`;
};

/** A path below the API of the user's server. */
const api = (bundle, path) => `${base(bundle)}/api/v1${path}`;

/** The key goes in a header and never in an address, where logs would keep it. */
const withKey = (request, z, bundle) => {
  if (bundle.authData.api_key && request.url.startsWith(`${base(bundle)}/`)) {
    request.headers.Authorization = `Bearer ${bundle.authData.api_key}`;
  }
  return request;
};

/** What the server says of a refusal: what is wrong, and the way out. */
const told = (response) => {
  const { detail, title, fix } = response.data ?? {};
  return [detail ?? title ?? `The server answered ${response.status}.`, fix].filter(Boolean).join(" ");
};

/** Turns refusals into the errors by which Zapier asks for another key, waits, or tells the user. */
const checked = (response, z) => {
  // Who asked to look at the answer themselves does.
  if (response.skipThrowForStatus) return response;
  if (response.status === 401) {
    throw new z.errors.ExpiredAuthError(told(response));
  }
  if (response.status === 429) {
    const seconds = Number.parseInt(response.getHeader("Retry-After"), 10) || 60;
    throw new z.errors.ThrottledError(told(response), seconds);
  }
  if (400 <= response.status) {
    throw new z.errors.Error(told(response), response.data?.code ?? "refused", response.status);
  }
  return response;
};

module.exports = { api, base, checked, withKey };
