"use strict";

const { version: platformVersion } = require("zapier-platform-core");
const { version } = require("./package.json");
const authentication = require("./authentication");
const { withKey, checked } = require("./requests");
const event = require("./triggers/event");
const eventType = require("./triggers/event_type");
const revokeKey = require("./creates/revoke_key");

module.exports = {
  version,
  platformVersion,
  authentication,
  beforeRequest: [withKey],
  afterResponse: [checked],
  triggers: { [event.key]: event, [eventType.key]: eventType },
  creates: { [revokeKey.key]: revokeKey },
};
