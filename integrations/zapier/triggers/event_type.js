"use strict";

const { api } = require("../requests");

/** What can happen, for the list from which the user chooses: a page of it at a time. */
const perform = async (z, bundle) => {
  const params = { limit: 100 };
  if (bundle.meta.page) params.cursor = await z.cursor.get();
  const { organization } = (await z.request(api(bundle, "/me"))).data;
  const path = `/organizations/${organization.id}/event-types`;
  const { data, next_cursor: next } = (await z.request(api(bundle, path), { params })).data;
  if (next) await z.cursor.set(next);
  return data.map(({ type, description }) => ({ id: type, name: description ? `${type}: ${description}` : type }));
};

module.exports = {
  key: "event_type",
  noun: "Event Type",
  display: { label: "New Event Type", description: "Lists what a Zap can wait for.", hidden: true },
  operation: { perform, canPaginate: true },
};
