//! Events in words for people.

use claviger_core::event::{EntityKind, EventKind};

use crate::console::policies::words::label_of;

/// What happened, as a short sentence without a subject: `Key rotated`.
///
/// Where the name on the wire says it well enough, the words are made of it, so that no new kind of event is without any.
pub(super) fn kind_words(kind: EventKind) -> String {
    let known = match kind {
        EventKind::InstallationCreated => "Claviger set up",
        EventKind::InstallationClaimed => "Set-up link used",
        EventKind::InstallationRestored => "Restored from a backup",
        EventKind::MemberCreated => "Member added",
        EventKind::MemberDeleted => "Member removed",
        EventKind::MemberInvited => "Person invited",
        EventKind::KeyRevoked => "Key deleted",
        EventKind::KeyRevealed => "Secret shown again",
        EventKind::KeyLeakReported => "Key reported as leaked",
        EventKind::OrganizationPolicyUpdated => "Policy changed",
        EventKind::SessionRefused => "Sign-in failed",
        EventKind::KeyIdleNoticed => "Told of a key that nobody uses",
        EventKind::KeyOldSecretUsed => "Told of an old secret that is still used",
        EventKind::KeyExpiryNoticed => "Told of a key that expires soon",
        EventKind::KeysActivated => "Keys activated together",
        EventKind::KeysDeactivated => "Keys deactivated together",
        EventKind::KeysRevoked => "Keys deleted together",
        EventKind::KeysExtended => "Keys extended together",
        EventKind::KeysReleased => "Keys of a leaver released",
        EventKind::UserLinkCreated => "Link to set a password made",
        EventKind::UserLinkDeleted => "Links to set a password withdrawn",
        EventKind::UserPasswordSet => "Password set",
        EventKind::SessionCreated => "Signed in",
        EventKind::SessionConfirmed => "Confirmed by password",
        EventKind::SessionEnded => "Signed out",
        EventKind::SessionsEnded => "Signed out elsewhere",
        EventKind::SharedSecretCreated => "Created the shared secret",
        EventKind::SharedSecretRotated => "Rotated the shared secret",
        EventKind::SharedSecretRotationEnded => "Ended old shared secrets",
        EventKind::SharedSecretRotationExtended => "Extended an old shared secret",
        EventKind::SharedSecretRevealed => "Looked at the shared secret",
        EventKind::SharedSecretDeleted => "Deleted the shared secret",
        EventKind::SigningKeyCreated => "Made the first key that signs access tokens",
        EventKind::SigningKeyRotated => "Let another key sign access tokens",
        EventKind::SigningKeyRevoked => "Revoked the key that signed access tokens",
        EventKind::SigningKeyDeleted => "Cleared away keys that signed access tokens before",
        EventKind::ApiDocumentPut => "API document uploaded",
        EventKind::WebhookPlayed => "Webhook switched on again",
        EventKind::WebhookResent => "Webhook delivery sent again",
        EventKind::WebhookEnded => "Webhook ended with its key",
        EventKind::WebhooksEnded => "Webhooks ended with their keys",
        EventKind::EventErased => "What an event told was erased",
        EventKind::SignInEnded => "Took back access tokens",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let (entity, operation) = kind.as_str().split_once('.').unwrap_or((kind.as_str(), ""));
    let operation = if operation == "updated" { "changed" } else { operation };
    let entity = if entity == "api" { "API".to_owned() } else { capitalized(&spaced(entity)) };
    format!("{entity} {}", spaced(operation))
}

/// What kinds of events are about, for the groups of a choice: `Keys`.
pub(super) fn group_words(kind: EventKind) -> String {
    let entity = kind.as_str().split_once('.').map_or(kind.as_str(), |it| it.0).trim_end_matches('s');
    match entity {
        "api" => "APIs".to_owned(),
        "session" => "Signing in".to_owned(),
        "sign_in" => "Access tokens".to_owned(),
        _ => format!("{}s", capitalized(&spaced(entity))),
    }
}

/// What an event is about: `organization`.
pub(super) fn entity_words(kind: EntityKind) -> String {
    match kind {
        EntityKind::Api => "API".to_owned(),
        EntityKind::Key => "key".to_owned(),
        EntityKind::SignIn => "sign-in for access tokens".to_owned(),
        _ => spaced(kind.as_str()),
    }
}

/// A field of what was changed: `Mapped user`, `Policy: Unused keys end`.
pub(super) fn field_words(path: &str) -> String {
    let word = |name: &str| match name {
        "locked" => "locked for those below".to_owned(),
        "docs_url" => "documentation".to_owned(),
        "key_locations" => "where keys are sent".to_owned(),
        "one_key_per_user" => "one key for each user".to_owned(),
        "expiry_days_default" => "days a key lives by default".to_owned(),
        "deprecated_at" => "deprecated".to_owned(),
        "sunset_at" => "ends".to_owned(),
        "documented_at" => "documented".to_owned(),
        "api_id" => "type".to_owned(),
        "slug" => "short name".to_owned(),
        "external_id" => "external id".to_owned(),
        "email" => "e-mail".to_owned(),
        "ip" => "address".to_owned(),
        "allowed_ips" => "allowed IPs".to_owned(),
        "expires_at" => "expires".to_owned(),
        "standing" => "switched".to_owned(),
        "api_access" => "API access".to_owned(),
        "copy_destroyed" => "kept copy of its secret destroyed".to_owned(),
        _ => spaced(name.strip_suffix("_id").or_else(|| name.strip_suffix("_secs")).unwrap_or(name)),
    };
    match path.split_once('.') {
        // As the page of policies calls it.
        Some(("policy", inner)) if label_of(inner).is_some() => {
            format!("Policy: {}", label_of(inner).unwrap_or_default())
        }
        Some((outer, inner)) => format!("{}: {}", capitalized(&word(outer)), word(inner)),
        None => capitalized(&word(path)),
    }
}

fn spaced(text: &str) -> String {
    text.replace('_', " ")
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |it| it.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_event_has_words_of_its_own() {
        let mut words: Vec<_> = EventKind::ALL.iter().map(|it| kind_words(*it)).collect();
        assert!(words.iter().all(|it| it.contains(' ') && !it.contains(['_', '.'])), "{words:?}");
        words.sort();
        words.dedup();
        assert_eq!(words.len(), EventKind::ALL.len());
        assert_eq!(kind_words(EventKind::KeyRotated), "Key rotated");
        assert_eq!(kind_words(EventKind::OrganizationUpdated), "Organization changed");
        assert_eq!(kind_words(EventKind::ApiCreated), "API created");
    }

    #[test]
    fn no_event_is_called_as_programs_call_it_and_no_two_groups_are_alike() {
        for (kind, words) in [
            (EventKind::ApiDocumentPut, "API document uploaded"),
            (EventKind::WebhookPlayed, "Webhook switched on again"),
            (EventKind::WebhookResent, "Webhook delivery sent again"),
        ] {
            assert_eq!(kind_words(kind), words);
        }
        assert_eq!(group_words(EventKind::SessionCreated), "Signing in");
        assert_eq!(group_words(EventKind::SignInEnded), "Access tokens");
    }

    #[test]
    fn fields_are_called_what_people_call_them() {
        for (path, words) in [
            ("mapped_user_id", "Mapped user"),
            ("policy.idle_days", "Policy: Unused keys end"),
            ("policy.locked", "Policy: locked for those below"),
            ("allowed_ips", "Allowed IPs"),
            ("external_id", "External id"),
            ("email", "E-mail"),
            ("name", "Name"),
            ("api_id", "Type"),
            ("slug", "Short name"),
        ] {
            assert_eq!(field_words(path), words);
        }
    }
}
