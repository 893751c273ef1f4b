//! Every limit of the domain, in one place; `docs/limits.md` carries the same table for people.

/// Characters in a name of a key, role, user or organization.
pub const NAME_CHARS_MAX: usize = 80;
/// Characters in a description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// Characters in `stored_in`.
pub const STORED_IN_CHARS_MAX: usize = 120;
/// Characters in an external id, each of them a byte.
pub const EXTERNAL_ID_BYTES_MAX: usize = 128;
/// Bytes in an e-mail address (RFC 5321 §4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Characters in a slug, each of them a byte.
pub const SLUG_BYTES_MAX: usize = 40;
/// Bytes in a key prefix.
pub const PREFIX_BYTES_MAX: usize = 12;
/// Bytes in a credential; anything longer is malformed before it is hashed.
pub const CREDENTIAL_BYTES_MAX: usize = 4096;
/// Bytes in one permission.
pub const PERMISSION_BYTES_MAX: usize = 200;
/// Permissions in one set.
pub const PERMISSIONS_MAX: usize = 256;
/// Permissions asked for in one request.
pub const PERMISSIONS_PER_REQUEST_MAX: usize = 16;
/// Keys asked about in one batch of verifications.
pub const VERIFIED_PER_BATCH_MAX: usize = 1000;
/// Lines of one report of leaked keys at the console.
pub const LEAKS_PER_REPORT_MAX: usize = 20;
/// Bytes of one alert of GitHub's about leaked keys.
pub const GITHUB_ALERT_BYTES_MAX: usize = 1024 * 1024;
/// Tokens of one such alert.
pub const GITHUB_ALERT_TOKENS_MAX: usize = 1000;
/// Bytes of the list of keys that GitHub signs alerts with.
pub const GITHUB_KEYS_BYTES_MAX: usize = 64 * 1024;
/// Keys of that list.
pub const GITHUB_KEYS_MAX: usize = 64;
/// Seconds for which that list is good; then it is fetched again, and without it nothing is believed.
pub const GITHUB_KEYS_SECS_MAX: u64 = 24 * 60 * 60;
/// Seconds between two tries to fetch that list, however many alerts name a key that it does not have.
pub const GITHUB_KEYS_PAUSE_SECS: u64 = 5 * 60;
/// Networks in one allow-list.
pub const ALLOWED_IPS_MAX: usize = 100;
/// Bytes of metadata on a key, as JSON.
pub const METADATA_BYTES_MAX: usize = 4096;
/// Levels of the organization tree, the root included.
pub const TREE_LEVELS_MAX: usize = 8;
/// Apis that one organization defines itself.
pub const APIS_PER_ORGANIZATION_MAX: u64 = 100;
/// Places where one api looks for keys.
pub const KEY_LOCATIONS_MAX: usize = 8;
/// Bytes in the name of a header or parameter where an api looks for keys.
pub const KEY_LOCATION_BYTES_MAX: usize = 64;
/// Versions of one api.
pub const API_VERSIONS_MAX: usize = 50;
/// Bytes in the name of an api's version.
pub const API_VERSION_BYTES_MAX: usize = 40;
/// Bytes in the address of a version's documentation.
pub const DOCS_URL_BYTES_MAX: usize = 500;
/// Bytes of the OpenAPI document of one version.
pub const OPENAPI_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Operations in one such document.
pub const OPENAPI_OPERATIONS_MAX: usize = 1000;
/// Bytes of one guide to a version, as Markdown.
pub const GUIDE_BYTES_MAX: usize = 256 * 1024;
/// Quotes and lists that are shown within each other in one guide; what stands deeper is shown at that depth.
pub const GUIDE_LEVELS_MAX: usize = 8;
/// Guides to one version.
pub const GUIDES_PER_VERSION_MAX: usize = 50;
/// Bytes of all that an organization says of its apis: guides and OpenAPI documents together, since every server holds them in memory.
pub const API_DOCUMENTATION_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Keys that are counted at most where it is said what stands in the way of a deletion.
pub const COUNTED_KEYS_MAX: u32 = 10_000;
/// Live keys of one organization.
pub const KEYS_PER_ORGANIZATION_MAX: i64 = 10_000_000;
/// Live keys of one user in one organization that a policy may allow.
pub const KEYS_PER_USER_MAX: u32 = 10_000_000;
/// Secrets of one key that are not dead: the current one and those retiring.
pub const LIVE_SECRETS_PER_KEY_MAX: usize = 3;
/// Organizations in which one change is judged against what its caller holds there.
pub const PLACES_JUDGED_MAX: usize = 100;
/// Rows one event may stand for.
pub const ROWS_PER_EVENT_MAX: usize = 1000;
/// Organizations below one whose keys the preview of a policy looks through; it says where there are more.
pub const PREVIEWED_ORGANIZATIONS_MAX: usize = 1000;
/// Keys that the preview of a policy counts at most for each rule.
pub const PREVIEWED_KEYS_MAX: u32 = 10_000;
/// Keys that the preview of a policy names for each rule.
pub const PREVIEWED_KEYS_NAMED: u32 = 5;
/// Keys that the preview of a policy looks through at most for each rule; it says where there are more.
pub const PREVIEWED_KEYS_READ_MAX: u32 = 100_000;
/// Keys that the closing words of a restore name, those first that want something done; they say how many more there are.
pub const RESTORED_KEYS_NAMED: usize = 20;
/// Members of a role that its preview looks through, and keys that it counts; it says where there are more.
pub const PREVIEWED_ROLE_MAX: u32 = 10_000;
/// Events in one export.
pub const EXPORTED_EVENTS_MAX: u32 = 100_000;
/// Keys that one request for bulk work names, or that are changed before it says where to go on.
pub const KEYS_PER_BULK_MAX: usize = ROWS_PER_EVENT_MAX;
/// Days of the filter for keys that were not used for so many.
pub const UNUSED_DAYS_MAX: u16 = 3650;
/// Keys that one request for a list of keys looks at, besides those it shows; the next one goes on from there.
pub const KEYS_EXAMINED_MAX: usize = 2000;
/// Organizations below one that a search for keys looks into; it says where there are more.
pub const ORGANIZATIONS_SEARCHED_MAX: usize = 2000;
/// Live keys in those that such a search goes through; where there are more, it finds names that begin with what is searched for.
pub const KEYS_BELOW_EXAMINED_MAX: usize = 10_000;
/// Organizations below one that a page looks through of those which somebody reaches; the next one goes on behind the last one it shows, and where it shows none, the list ends.
pub const REACHED_LOOKED_THROUGH_MAX: usize = 2000;
/// Live keys of organizations below one that key health looks at together; it says how far it came where there are more.
pub const KEYS_REVIEWED_BELOW_MAX: u64 = 10_000;
/// Sessions of one user that their own page shows, the newest.
pub const SESSIONS_SHOWN_MAX: usize = 100;
/// Items on one page of a list.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// Items on a page when nothing is asked for.
pub const PAGE_ITEMS_DEFAULT: u32 = 25;
/// Bytes of a request body on the management API.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes in an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
/// Hours for which the answer to an `Idempotency-Key` is kept.
pub const IDEMPOTENCY_HOURS: u64 = 24;
/// Callers whose rates are kept at once; beyond, those nearest to a full allowance are forgotten.
pub const RATE_BUCKETS_MAX: usize = 65_536;
/// Requests of one key in a day that a quota may allow.
pub const DAILY_QUOTA_MAX: u32 = 1_000_000_000;
/// Requests for which one request may count, where whoever verifies says so.
pub const REQUEST_COST_MAX: u32 = 1_000_000;
/// Hours for which it is remembered what keys have used of their quotas.
pub const QUOTA_HOURS_KEPT: u64 = 48;
/// Hours for which requests are counted by the hour; then they count by the day.
pub const USAGE_HOURS_KEPT: u64 = 48;
/// Days for which requests are counted by the day.
pub const USAGE_DAYS_KEPT: u64 = 90;
/// Refused requests of one key that are remembered.
pub const DENIALS_PER_KEY_MAX: usize = 20;
/// Days for which refused requests are remembered.
pub const DENIAL_DAYS_KEPT: u64 = 30;
/// Bytes of an assertion to sign in with.
pub const ASSERTION_BYTES_MAX: usize = 8 * 1024;
/// Bytes in an assertion's `jti`.
pub const ASSERTION_ID_BYTES_MAX: usize = 255;
/// Seconds by which an assertion's `iat` may differ from the server's clock.
pub const ASSERTION_AGE_SECS_MAX: u64 = 300;
/// Seconds for which an access token is good.
pub const ACCESS_TOKEN_SECS: u64 = 15 * 60;
/// Seconds for which a refresh token is good.
pub const REFRESH_TOKEN_SECS: u64 = 24 * 60 * 60;
/// Days after which another key signs access tokens.
pub const SIGNING_KEY_DAYS: u64 = 30;
/// Sign-ins of one key that were ended before their time and are remembered.
pub const ENDED_SIGN_INS_PER_KEY_MAX: u32 = 10_000;
/// Shared secrets of one organization that are good at once.
pub const SHARED_SECRETS_MAX: usize = 5;
/// Characters in a password, least and most; the least is NIST SP 800-63B's for a password without a second factor plus four.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Characters in a password at most, so that hashing one costs a bounded time.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Hours for which an invitation can be taken up.
pub const INVITATION_HOURS: u64 = 7 * 24;
/// Hours for which a link to set another password is good.
pub const PASSWORD_RESET_HOURS: u64 = 24;
/// Seconds that a request to the management API may take, reading its body included.
pub const REQUEST_SECS_MAX: u64 = 30;
/// Bytes in the name of a node.
pub const NODE_NAME_BYTES_MAX: usize = 63;
/// Seconds for which a node that says nothing still counts as live.
pub const NODE_LEASE_SECS: u64 = 10;
/// Hours for which a node that was lost is still named: longer than a verifier may go on answering without its database.
pub const LOST_NODE_HOURS: u64 = 25;
/// Nodes that are kept track of.
pub const NODES_MAX: u32 = 1000;
/// Nodes that a receipt names as pending, and as lost.
pub const NODES_NAMED_MAX: usize = 16;
/// Milliseconds that an answer to a change waits for other nodes.
pub const RECEIPT_MILLIS_MAX: u64 = 1000;
/// Admins who are told of one event.
pub const NOTIFIED_ADMINS_MAX: u64 = 100;
/// Unread notifications that are counted; beyond, there are more.
pub const NOTIFICATIONS_COUNTED_MAX: u64 = 100;
/// Days for which a notification is kept.
pub const NOTIFICATION_DAYS_KEPT: u64 = 180;
/// Notices before a key ends, of one kind.
pub const NOTICES_MAX: usize = 5;
/// Days before a key ends on which a notice comes at the earliest.
pub const NOTICE_DAYS_MAX: u16 = 365;
/// Keys that the banner of a page names because they end within a day.
pub const BANNERS_MAX: u64 = 10;
/// Lines in one mail; it says how much more there is.
pub const MAIL_LINES_MAX: usize = 50;
/// Times that one mail is tried.
pub const MAIL_TRIES_MAX: u64 = 12;
/// Master keys in the file of a node.
pub const MASTER_KEYS_MAX: usize = 8;
/// Bytes in the address of a webhook's receiver.
pub const TARGET_URL_BYTES_MAX: usize = 2000;
/// Bytes in the entity and in the operation of what happens.
pub const TOPIC_WORD_BYTES_MAX: usize = 40;
/// Hours without a success after which a webhook is disabled.
pub const WEBHOOK_FAILING_HOURS_MAX: u64 = 5 * 24;
/// Hours between two failures of a webhook after which the second is the first of its own: longer than any wait between two attempts.
pub const WEBHOOK_FAILING_GAP_HOURS_MAX: u64 = 30;
/// Seconds for which a receiver can ask to be left alone.
pub const WEBHOOK_WAIT_SECS_MAX: u64 = 24 * 60 * 60;
/// Webhooks that one key makes.
pub const WEBHOOKS_PER_KEY_MAX: u64 = 100;
/// Webhooks that end with their keys because of one change and have an event each; of more than these, which only a change of many keys ends, one event
/// names many. As many as one key may have.
pub const WEBHOOK_ENDINGS_TOLD_MAX: usize = 100;
/// Webhooks that one transaction looks at to make deliveries of what has happened; others wait for no more than these.
pub const FAN_OUT_WEBHOOKS_MAX: usize = 500;
/// Turns of fanning out that a webhook is given before it is paused, so that it is told of what had happened until then. Who pauses one waits for no more.
pub const FAN_OUT_TURNS_BEFORE_PAUSE_MAX: usize = 50;
/// Webhooks of one organization, its keys' included.
pub const WEBHOOKS_PER_ORGANIZATION_MAX: u64 = 10_000;
/// Hours for which a webhook's old signing secret stays good in a rotation, at most.
pub const WEBHOOK_OVERLAP_HOURS_MAX: u64 = 7 * 24;
/// Hours for which it stays good where a rotation does not say.
pub const WEBHOOK_OVERLAP_HOURS_DEFAULT: u64 = 24;
/// Signing secrets of one webhook that are good at once.
pub const WEBHOOK_SECRETS_MAX: usize = 3;
/// Deliveries that one request has sent again; it says whether there are more.
pub const DELIVERIES_RECOVERED_MAX: usize = 1000;
/// Deliveries of a webhook, the latest, and attempts at them, by which its receiver is judged.
pub const HEALTH_ATTEMPTS_MAX: usize = 100;
/// Hours of attempts by which a webhook's receiver is judged.
pub const HEALTH_HOURS: u64 = 24;
/// Days for which deliveries and their attempts are kept.
pub const DELIVERY_DAYS_KEPT: u64 = 30;
/// Days for which what a host reported is kept.
pub const HOST_EVENT_DAYS_KEPT: u64 = 90;
/// Events that a host reports at a time.
pub const HOST_EVENTS_PER_BATCH_MAX: usize = 100;
/// Bytes of a batch of such events: each as long as it may be, with what stands around its data.
pub const HOST_BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one event of a host as it is sent to receivers, who are promised less than 20 kB (Standard Webhooks).
pub const HOST_EVENT_BYTES_MAX: usize = 18 * 1024;
/// Bytes of how something of Claviger's own looked before and after, as receivers are sent it; what has more is told without.
pub const CHANGE_MESSAGE_BYTES_MAX: usize = 18 * 1024;
/// Bytes of the identifier that a host gives an event, and of that of the thing that it is about.
pub const HOST_ID_BYTES_MAX: usize = 128;
/// Days by which an event may have happened before it is reported; what seems older has a wrong date.
pub const HOST_EVENT_BEHIND_DAYS_MAX: u64 = 3650;
/// Hours by which an event may have happened after it is reported: clocks differ.
pub const HOST_EVENT_AHEAD_HOURS_MAX: u64 = 1;
/// Types of events in the catalogue of one organization.
pub const EVENT_TYPES_PER_ORGANIZATION_MAX: u64 = 500;
/// Bytes of the schema of a type of events, and of its example.
pub const EVENT_TYPE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a receiver's answer that are read and kept.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 4096;
/// Seconds in which a receiver's name has to be found, and a connection to it made.
pub const WEBHOOK_CONNECT_SECS_MAX: u64 = 5;
/// Seconds that an attempt at a delivery takes, from the first question for the receiver's name to the end of its answer.
pub const WEBHOOK_ATTEMPT_SECS_MAX: u64 = 15;
/// Names of receivers that a node looks up at once.
pub const WEBHOOK_LOOKUPS_MAX: usize = 32;
/// Of these, names that have not answered quickly yet.
pub const WEBHOOK_LOOKUPS_UNPROVEN_MAX: usize = 16;
/// Of these, names that were slow to answer within the last hour.
pub const WEBHOOK_LOOKUPS_SLOW_MAX: usize = 8;
/// Names of receivers of which a node remembers how quickly they answer.
pub const WEBHOOK_NAMES_KNOWN_MAX: usize = 10_000;
/// Receivers to which a node keeps connections (two each) for a while after an attempt.
pub const WEBHOOK_RECEIVERS_KEPT_MAX: usize = 128;
/// Seconds for which a node has a webhook to itself while it sends; what a node leaves behind that was lost is sent again after them.
pub const WEBHOOK_LEASE_SECS: u64 = 30;
/// Attempts at deliveries that a node makes at once: two for each webhook, and half of all for those whose receivers fail.
pub const WEBHOOK_ATTEMPTS_AT_ONCE_MAX: usize = 256;
/// Deliveries of a webhook that are sent before others have their turn.
pub const WEBHOOK_TURN_DELIVERIES_MAX: usize = 20;
/// Times that a receiver is told, by a `DELETE` of its address, that its webhook ended with its key.
pub const FAREWELL_ATTEMPTS_MAX: u64 = 4;
/// Characters of what is searched for in the documentation.
pub const DOCS_QUERY_CHARS_MAX: usize = 100;
/// Results that a search of the documentation shows.
pub const DOCS_RESULTS_MAX: usize = 20;
