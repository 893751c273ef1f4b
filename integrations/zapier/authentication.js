"use strict";

const { api } = require("./requests");

/**
 * Whose key it is; wrong keys are refused with 401. No secret stands in the answer. Many a server answers any path with 200 and a page: a
 * connection is good only where the answer says of a key and of its organization.
 */
const test = async (z, bundle) => {
  const { data } = await z.request(api(bundle, "/me"));
  if (!data?.key?.id || !data.organization?.id) {
    const said = "What answers at this address is no Claviger: type what stands in the address bar of the page with your API keys, up to the name of the server.";
    throw new z.errors.Error(said, "not_claviger");
  }
  return data;
};

/** The name of a connection among others of the same person. */
const connectionLabel = (z, bundle) => {
  const { key, user, organization } = bundle.inputData;
  const name = key?.name ?? user?.name;
  return [name, organization?.name].filter(Boolean).join(" at ");
};

module.exports = {
  type: "custom",
  test,
  connectionLabel,
  fields: [
    {
      key: "base_url",
      label: "Address of your Claviger",
      required: true,
      type: "string",
      placeholder: "https://keys.example.com",
      helpText: "As it stands in the address bar of the page with your API keys.",
    },
    {
      key: "api_key",
      label: "API key",
      required: true,
      type: "password",
      helpText: "Your own key stands under *Your Profile & Preferences › API Access*; keys of an organization under *Settings › API Keys*.",
    },
  ],
};
