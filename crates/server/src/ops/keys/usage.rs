//! How a key is used: how often by the hour and by the day, and what was refused of late.

use std::collections::HashMap;

use claviger_core::api::ApiVersion;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::Key;
use claviger_core::limits::USAGE_HOURS_KEPT;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;
use claviger_store::Connection;
use claviger_store::usage::counts::Counts;
use claviger_store::usage::denials::Denial;

use super::list::{find_visible, is_visible};
use super::{KeyInfo, LastUse, get_key};
use crate::app::App;
use crate::ops::apis::place_of;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;

/// Hours that are shown.
const HOURS: u32 = 24;
/// Days that are shown.
const DAYS: u32 = 30;
/// Days of a week.
pub const WEEK: usize = 7;
/// Hours before those that are kept: where nothing ran for a while, they have not been made days yet.
const HOURS_LATE: u32 = 24;

/// How a key is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsage {
    /// Of the latest 24 hours, oldest first, the present one included.
    pub hours: Vec<Stretch>,
    /// Of the latest 30 days in UTC, oldest first, today included.
    pub days: Vec<Stretch>,
    /// The latest requests that were refused, newest first.
    pub denials: Vec<Denial>,
    /// All versions of its api, as the api lists them; none where it has none.
    pub versions: Vec<VersionUsage>,
}

/// How a version of a key's api was called with it in the latest 30 days in UTC, as far as whoever asked said which version it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionUsage {
    /// The version.
    pub version: ApiVersion,
    /// Where it is documented: an address, or a path on this server.
    pub documentation: Option<String>,
    /// How many requests passed.
    pub requests: u64,
    /// When the last day begins on which one did.
    pub last_used_on: Option<Timestamp>,
}

/// The requests of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// When it begins.
    pub since: Timestamp,
    /// How many requests there were.
    pub counts: Counts,
}

/// Tells of the latest use of a key: of one on this node at once, of one on another within a minute.
///
/// # Errors
/// Refusals; a key that is not this organization's is not there.
pub async fn latest_use(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
) -> OpResult<Option<LastUse>> {
    let info = get_key(app, caller, organization_id, key_id).await?;
    let here = app.replica().last_use(key_id).map(|(at, ip)| LastUse { at, ip, user_agent: None });
    Ok(here.into_iter().chain(info.last_use).max_by_key(|it| it.at))
}

/// Puts in what this node has counted and not written down yet: of the key and of each of its secrets the later of both last uses.
pub fn with_uses_here(app: &App, mut info: KeyInfo) -> KeyInfo {
    // Of two that are the same use, the one that was written down says more.
    let later =
        |here: Option<LastUse>, written: Option<LastUse>| here.into_iter().chain(written).max_by_key(|it| it.at);
    let key_id = info.key.id;
    for it in &mut info.secrets {
        let here = app.replica().last_use_of(key_id, it.secret.id);
        let here = here.map(|(at, ip, user_agent)| LastUse { at, ip, user_agent: user_agent.map(Into::into) });
        it.last_use = later(here, it.last_use.take());
    }
    let here = app.replica().last_use(key_id).map(|(at, ip)| LastUse { at, ip, user_agent: None });
    let of_secrets = info.secrets.iter().filter_map(|it| it.last_use.clone());
    info.last_use = here.into_iter().chain(of_secrets).chain(info.last_use.take()).max_by_key(|it| it.at);
    info
}

/// Whether other nodes may have answered for keys meanwhile, whose uses are known here within a minute.
pub fn is_behind(app: &App) -> bool {
    !app.nodes().last_known().is_empty()
}

/// Tells how a key is used. Other nodes' requests are in it within a minute.
///
/// # Errors
/// Refusals; a key that is not this organization's is not there.
pub async fn key_usage(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
) -> OpResult<KeyUsage> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let now = app.now();
    // As of one moment: hours become days meanwhile, and none may count twice.
    let mut reader = app.store().snapshot().await?;
    let key = find_visible(&mut reader, &tenant, whose, key_id).await?;
    let starts = Span::Hour.latest(USAGE_HOURS_KEPT as u32 + HOURS_LATE, now);
    let by_hour = reader.find_counts(&tenant, key.id, Span::Hour, &starts).await?;
    let starts = Span::Day.latest(DAYS, now);
    let mut by_day = reader.find_counts(&tenant, key.id, Span::Day, &starts).await?;
    for (hour, counts) in &by_hour {
        by_day.entry(Span::Day.start_of(*hour)).or_default().add(*counts);
    }
    let versions = version_usage(&mut reader, &tenant, &key, &starts).await?;
    let stretch = |since, counts: Option<&Counts>| Stretch { since, counts: counts.copied().unwrap_or_default() };
    Ok(KeyUsage {
        hours: Span::Hour.latest(HOURS, now).into_iter().map(|it| stretch(it, by_hour.get(&it))).collect(),
        days: starts.into_iter().map(|it| stretch(it, by_day.get(&it))).collect(),
        denials: reader.find_denials(&tenant, key.id).await?,
        versions,
    })
}

/// How the versions of the key's api were called on these days. Whoever looks after a key has to find out that it calls one that ends, and mostly may
/// not read apis.
async fn version_usage(
    reader: &mut Connection,
    tenant: &Tenant,
    key: &Key,
    days: &[Timestamp],
) -> OpResult<Vec<VersionUsage>> {
    let Some(api) = reader.find_api(tenant, key.api_id).await?.filter(|it| !it.versions.is_empty()) else {
        return Ok(Vec::new());
    };
    let said = reader.find_documents(tenant, api.id).await?;
    let counts = reader.find_version_uses(tenant, key.id, days).await?;
    let usage = |version: &ApiVersion| {
        let count = counts.get(version.slug.as_str());
        VersionUsage {
            documentation: place_of(&api, version, &said),
            requests: count.map_or(0, |it| it.allowed),
            last_used_on: count.map(|it| it.last_day),
            version: version.clone(),
        }
    };
    Ok(api.versions.iter().map(usage).collect())
}

/// How many requests with each of these keys passed on each of the latest seven days in UTC, oldest first, today included. Keys without any are
/// left out, and so are those that the caller may not look at.
///
/// # Errors
/// Refusals.
pub async fn weeks_of(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    keys: &[KeyInfo],
) -> OpResult<HashMap<KeyId, [u64; WEEK]>> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let now = app.now();
    let days = Span::Day.latest(WEEK as u32, now);
    // Most keys of many are quiet, and of those nothing is asked.
    let is_recent = |it: &LastUse| days.first().is_some_and(|first| *first <= it.at);
    let used = keys.iter().filter(|it| is_visible(whose, &it.key) && it.last_use.as_ref().is_some_and(is_recent));
    let ids: Vec<_> = used.map(|it| it.key.id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    // As of one moment, as above.
    let mut reader = app.store().snapshot().await?;
    let hours = Span::Hour.latest(USAGE_HOURS_KEPT as u32 + HOURS_LATE, now);
    let mut passed = reader.find_passed(&tenant, &ids, Span::Hour, &hours).await?;
    passed.extend(reader.find_passed(&tenant, &ids, Span::Day, &days).await?);
    let mut weeks: HashMap<_, [u64; WEEK]> = HashMap::new();
    for (key_id, since, count) in passed {
        let day = Span::Day.start_of(since);
        if let Some(at) = days.iter().position(|it| *it == day) {
            weeks.entry(key_id).or_default()[at] += count;
        }
    }
    Ok(weeks)
}
