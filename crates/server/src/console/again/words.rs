//! What was sent while nobody was signed in, in words: what it would do, and each field as its form calls it, with names instead of identifiers.

use claviger_core::id::{KeyId, MemberId, OrganizationId, RoleId, UserId};
use claviger_core::limits::PAGE_ITEMS_MAX;
use claviger_core::time::Timestamp;

use super::Kept;
use crate::app::App;
use crate::console::keys::choices::{KEEP, NEVER, NOBODY, ON_DATE};
use crate::console::keys::secrets::overlap_label;
use crate::console::keys::view::{role_label, type_label};
use crate::console::pages::again::KeptRow;
use crate::console::pages::form::typed;
use crate::ops::caller::Caller;
use crate::ops::keys::get_key;
use crate::ops::me::find_reached_organization;
use crate::ops::members::{get_member, list_members};
use crate::ops::organizations::get_organization;
use crate::ops::page::PageRequest;
use crate::ops::roles::get_role;

/// What a form calls its fields, and what it calls them to people; empty for what our pages put into it themselves, which goes along and is of no
/// interest. A test compares them with the forms that there are.
pub(in crate::console) const LABELS: [(&str, &str); 61] = [
    ("allowed_ips", "Allowed IPs"),
    ("api", "Type"),
    ("api_access", "API access"),
    ("back", ""),
    ("began", ""),
    ("choice", "Setting"),
    ("confirmed", ""),
    ("count", "Typed to confirm"),
    ("daily_quota", "Daily quota"),
    ("deprecated_at", "Deprecated since"),
    ("description", "Description"),
    ("docs_url", "Documented at"),
    ("documents", ""),
    ("door", ""),
    ("email", "E-mail"),
    ("entity", "Entity"),
    ("even_if_used", ""),
    ("expires", "Expires"),
    ("expires_on", "Last day"),
    ("external_id", "External id"),
    ("extra", "Extra permissions"),
    ("file", "File"),
    ("found_at", "Where it was found"),
    ("from", ""),
    ("in_app", "Bell"),
    ("key", "Keys"),
    ("label", "Label"),
    ("locked", "Locked below"),
    ("mail", "Mail"),
    ("mapped_user", "Mapped user"),
    ("markdown", "Text"),
    ("name", "Name"),
    ("newest", ""),
    ("number", "Number"),
    ("on", ""),
    ("once", ""),
    ("openapi", "OpenAPI document"),
    ("operation", "Operation Type"),
    ("overlap", "Old secret stops"),
    ("owner", "Belongs to"),
    ("parent", "Below"),
    ("permission", "Permissions"),
    ("permissions", "Permissions"),
    ("position", "Position"),
    ("rate", "Rate limit"),
    ("reach", "Reach"),
    ("reason", "Why"),
    ("replaces", ""),
    ("role", "Role"),
    ("scopes", "Scopes"),
    ("secret", ""),
    ("since", "Send again what failed since"),
    ("slug", "Short name"),
    ("status", "Status"),
    ("sunset_at", "Ends"),
    ("title", "Title"),
    ("under", "Below"),
    ("until", "Old secret works until"),
    ("url", "URL"),
    ("user", "User"),
    ("version", ""),
];

/// What the form calls a field to people; none where it is of no interest to them.
pub(super) fn label(name: &str) -> Option<&'static str> {
    LABELS.iter().find(|it| it.0 == name).map(|it| it.1).filter(|it| !it.is_empty())
}

/// Who looks at what was sent, and where.
pub(super) struct Reader<'a> {
    app: &'a App,
    caller: &'a Caller,
    organization_id: Option<OrganizationId>,
}

impl<'a> Reader<'a> {
    /// Whoever has just signed in, at the organization that the form belongs to, as far as they reach it.
    pub(super) async fn of(app: &'a App, caller: &'a Caller, action: &str) -> Self {
        let slug = action.strip_prefix("/o/").and_then(|it| it.split('/').next()).unwrap_or_default();
        let organization_id = find_reached_organization(app, caller, slug).await.ok().map(|it| it.id);
        Self { app, caller, organization_id }
    }

    /// What an identifier stands for, as far as the reader may know it.
    async fn name(&self, id: &str) -> Option<String> {
        let (app, caller, here) = (self.app, self.caller, self.organization_id?);
        if let Ok(id) = id.parse::<KeyId>() {
            get_key(app, caller, here, id).await.ok().map(|it| it.key.name.to_string())
        } else if let Ok(id) = id.parse::<RoleId>() {
            get_role(app, caller, here, id).await.ok().map(|it| role_label(it.role.name.as_str()))
        } else if let Ok(id) = id.parse::<MemberId>() {
            get_member(app, caller, here, id).await.ok().map(|it| it.user.name.to_string())
        } else if let Ok(id) = id.parse::<OrganizationId>() {
            get_organization(app, caller, id).await.ok().map(|it| it.organization.name.to_string())
        } else if let Ok(id) = id.parse::<UserId>() {
            let all = PageRequest { after: None, limit: PAGE_ITEMS_MAX };
            let members = list_members(app, caller, here, all).await.ok()?;
            members.items.into_iter().find(|it| it.user.id == id).map(|it| it.user.name.to_string())
        } else {
            None
        }
    }

    /// What would be done, as a question's verb and object: "Edit the key “CI”".
    pub(super) async fn what(&self, kept: &Kept) -> String {
        let rest = kept.action.strip_prefix("/o/").and_then(|it| it.split_once('/')).map_or("", |it| it.1);
        let parts: Vec<&str> = rest.split('/').collect();
        let at = if parts.starts_with(&["integrations"]) { 2 } else { 1 };
        let name = match parts.get(at) {
            Some(id) => self.name(id).await.map(|it| format!(" “{it}”")).unwrap_or_default(),
            None => String::new(),
        };
        let keys = kept.fields.iter().filter(|it| it.0 == "key").count();
        let several = if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") };
        match parts.as_slice() {
            ["keys"] => "Create a key".to_owned(),
            ["keys", "leaked"] => "Report a leak".to_owned(),
            ["audit" | "revision-history", _, "erase"] => "Erase what an event tells".to_owned(),
            ["keys", "bulk", verb] => format!("{} {several}", verb_of(verb)),
            ["keys", _, "rotation", verb] => format!("{} the rotation of the key{name}", verb_of(verb)),
            ["keys", _, verb] => format!("{} the key{name}", verb_of(verb)),
            ["integrations", "data-loader", _, "new"] => format!("Make a key of the data loader for{name}"),
            ["integrations", "data-loader", ..] => format!("Change the key of the data loader of{name}"),
            ["members"] => "Invite a person".to_owned(),
            ["members", _, "role"] => {
                format!("Change the role of{}", if name.is_empty() { " a member" } else { &name })
            }
            ["members", _, "link"] => format!("Make a link for{}", if name.is_empty() { " a member" } else { &name }),
            ["members", _, verb] => format!("{} the member{name}", verb_of(verb)),
            ["roles"] => "Create a role".to_owned(),
            ["roles", _, "api-access"] => format!("Change API access of the role{name}"),
            ["roles", _, verb] => format!("{} the role{name}", verb_of(verb)),
            ["tree"] => "Create an organization".to_owned(),
            ["tree", _, verb] => format!("{} the organization{name}", verb_of(verb)),
            ["policies", setting] => format!("Change the policy “{}”", setting.replace(['-', '_'], " ")),
            ["shared-secret"] => "Create the shared secret".to_owned(),
            ["shared-secret", verb] => format!("{} the shared secret", verb_of(verb)),
            ["configure", "apis", ..] => "Change an API or what is said of it".to_owned(),
            ["profile", "api-access", ..] => "Change your API access".to_owned(),
            _ => "What you sent".to_owned(),
        }
    }

    /// What was typed and chosen, each field once with all its values.
    pub(super) async fn rows(&self, kept: &Kept) -> Vec<KeptRow> {
        let is_on_date = kept.fields.iter().any(|(name, value)| name == "expires" && value == ON_DATE);
        let mut rows: Vec<KeptRow> = Vec::new();
        for (name, value) in &kept.fields {
            let Some(label) = label(name).filter(|_| !value.is_empty()) else { continue };
            // The day counts where it was chosen to, and then says all.
            if (name == "expires_on") != is_on_date && matches!(name.as_str(), "expires" | "expires_on") {
                continue;
            }
            let text = match self.name(value).await {
                Some(found) => found,
                None => typed(&words(name, value)),
            };
            match rows.iter_mut().find(|it| it.label == label) {
                Some(row) => row.values.push(text),
                None => rows.push(KeptRow { label, values: vec![text] }),
            }
        }
        rows
    }
}

/// The verb of what a path ends in.
fn verb_of(end: &str) -> &'static str {
    match end {
        "activate" => "Activate",
        "deactivate" => "Deactivate",
        "extend" => "Extend",
        "delete" => "Delete",
        "rotate" => "Rotate",
        "view" => "View",
        "cancel" => "Cancel",
        "end" => "End",
        "remove" => "Remove",
        "move" => "Move",
        "suspend" => "Suspend",
        "resume" => "Resume",
        "disable" => "Disable",
        "enable" => "Enable",
        "withdraw" => "Withdraw the links of",
        _ => "Change",
    }
}

/// What is chosen, as the form says it.
fn words(name: &str, value: &str) -> String {
    let date = |it: &str| format!("{it}T00:00:00Z").parse::<Timestamp>().map(Timestamp::to_date_text);
    match (name, value) {
        ("expires", NEVER) => "Never".to_owned(),
        ("expires", KEEP) => "As now".to_owned(),
        ("expires", "1") => "In 1 day".to_owned(),
        ("expires", days) if days.parse::<u32>().is_ok() => format!("In {days} days"),
        ("expires_on", day) => date(day).unwrap_or_else(|_| day.to_owned()),
        ("until", at) => {
            at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |it| format!("{} UTC", it.to_table_text()))
        }
        ("mapped_user" | "owner", NOBODY) => "Nobody".to_owned(),
        ("reach", "organization") => "This organization only".to_owned(),
        ("reach", "subtree") => "This organization and all below".to_owned(),
        ("overlap", secs) => secs.parse().map_or_else(|_| secs.to_owned(), overlap_label),
        ("api", slug) => type_label(slug),
        ("locked", _) => "Yes".to_owned(),
        ("scopes" | "allowed_ips" | "permissions" | "extra", lines) => {
            lines.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ")
        }
        ("choice" | "api_access", word) => {
            let word = word.replace(['-', '_'], " ");
            let mut letters = word.chars();
            letters.next().map(|it| it.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
        (_, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_said_as_the_form_says_it() {
        for (name, value, said) in [
            ("expires", "never", "Never"),
            ("expires", "30", "In 30 days"),
            ("expires_on", "2027-02-20", "20 Feb 2027"),
            ("expires_on", "soon", "soon"),
            ("until", "2027-01-08T00:00:00Z", "2027-01-08 00:00:00 UTC"),
            ("mapped_user", "nobody", "Nobody"),
            ("overlap", "604800", "In 7 days"),
            ("api", "default", "API"),
            ("allowed_ips", "10.0.0.0/8\r\n\r\n192.0.2.1", "10.0.0.0/8, 192.0.2.1"),
            ("api_access", "not_allowed", "Not allowed"),
            ("name", "CI & co", "CI & co"),
        ] {
            assert_eq!(words(name, value), said, "{name}={value}");
        }
    }
}
