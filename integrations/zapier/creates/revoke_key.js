"use strict";

const { api } = require("../requests");

/** Revokes a key for good. The connection's own key needs the right to delete keys. */
const perform = async (z, bundle) => {
  const { organization_id: organization, key_id: key, reason } = bundle.inputData;
  const path = `/organizations/${encodeURIComponent(organization)}/keys/${encodeURIComponent(key)}/revoke`;
  return (await z.request({ url: api(bundle, path), method: "POST", body: { reason } })).data;
};

module.exports = {
  key: "revoke_key",
  noun: "API Key",
  display: { label: "Revoke API Key", description: "Ends an API key at once and for good, when it was leaked say." },
  operation: {
    perform,
    inputFields: [
      { key: "organization_id", label: "Organization", type: "string", required: true, helpText: "Its identifier, `org_…`." },
      { key: "key_id", label: "Key", type: "string", required: true, helpText: "The key's identifier, `key_…`, not the key itself." },
      {
        key: "reason",
        label: "Reason",
        type: "string",
        required: true,
        default: "unspecified",
        choices: {
          unspecified: "None in particular",
          key_compromise: "It was leaked",
          superseded: "Another key took its place",
          cessation_of_operation: "It is used no longer",
        },
      },
    ],
    sample: { id: "key_01k0examp1e0000000000000000", name: "CI deploy", state: "revoked" },
  },
};
