//! Rules that say what to look at about a key: each finds what it is about, in a list and of a single key.

use std::net::IpAddr;
use std::time::Duration;

use claviger_core::key::Key;
use claviger_core::network::IpAllowList;
use claviger_core::secret::SecretState;
use claviger_store::PageRequest;
use claviger_store::keys::{KeyFilter, KeyHealth, KeySort};
use claviger_store::usage::SecretUse;
use claviger_store::usage::denials::{Denial, KeyDenials};

use crate::world::{World, event, now, used_once};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn every_rule_finds_the_keys_that_it_is_about_and_a_key_says_the_same() {
    let world = World::new().await;
    let tenant = &world.acme.tenant;
    let ago = |days: u32| now().saturating_sub(DAY * days);
    let calm = |key: &mut Key| {
        key.expires_at = Some(now().saturating_add(DAY * 200));
        key.allowed_ips = Some(IpAllowList::parse(&["192.0.2.1"]).expect("addresses"));
        key.created_at = ago(10);
    };
    let mut tx = world.store.begin().await.expect("a transaction");
    let (mut keys, mut uses, mut denials) = (Vec::new(), Vec::new(), Vec::new());
    for name in [
        "calm", "day", "week", "month", "never", "idle", "endless", "old", "anywhere", "nobody", "shared", "turned",
        "often", "seldom", "mistyped", "formerly", "around", "exits",
    ] {
        let (mut key, mut secret, _) = world.key(&world.acme, name);
        calm(&mut key);
        let mut used = Some(ago(1));
        match name {
            "day" => key.expires_at = Some(now().saturating_add(DAY / 2)),
            "week" => key.expires_at = Some(now().saturating_add(DAY * 5)),
            "month" => key.expires_at = Some(now().saturating_add(DAY * 20)),
            "never" => (key.created_at, used) = (ago(31), None),
            "idle" => (key.created_at, used) = (ago(100), Some(ago(91))),
            "endless" => key.expires_at = None,
            "old" => key.created_at = ago(366),
            "anywhere" => key.allowed_ips = None,
            "nobody" => (key.owner_id, key.mapped_user_id) = (None, None),
            // Made for nobody on purpose, and acting as somebody who is here: nothing to look at.
            "shared" => (key.owner_id, key.mapped_user_id) = (None, Some(world.acme.user.id)),
            _ => {}
        }
        let mut secrets = Vec::new();
        if name == "turned" {
            let (_, mut new, _) = world.key(&world.acme, name);
            (new.key_id, new.created_at) = (key.id, ago(2));
            secret.state = SecretState::Retiring { until: now().saturating_add(DAY) };
            secret.replaced_at = Some(new.created_at);
            secrets.push(new);
        }
        let refused = match name {
            "often" => Some((20, now().saturating_sub(DAY / 24))),
            // A small share of many, and all of very few.
            "seldom" => {
                let lately = used_once(tenant.organization_id(), &secret, now().saturating_sub(DAY / 24));
                uses.push(SecretUse { count: 1_000, ..lately });
                Some((20, now().saturating_sub(DAY / 24)))
            }
            "mistyped" => Some((9, now().saturating_sub(DAY / 24))),
            "formerly" => Some((20, ago(2))),
            _ => None,
        };
        denials.extend(refused.map(|(count, at)| KeyDenials {
            key_id: key.id,
            organization_id: tenant.organization_id(),
            count,
            latest: vec![Denial { at, code: "insufficient_permission".to_owned(), ip: None, user_agent: None }],
        }));
        // From five addresses, and as often from four.
        let addresses = match name {
            "around" => 5,
            "exits" => 4,
            _ => 0,
        };
        let from = |at: u8| Denial {
            at: now().saturating_sub(DAY / 24).saturating_add(Duration::from_secs(at.into())),
            code: "insufficient_permission".to_owned(),
            ip: Some(IpAddr::from([192, 0, 2, at % addresses])),
            user_agent: None,
        };
        if addresses > 0 {
            let latest = (0..5).map(from).collect();
            denials.push(KeyDenials { key_id: key.id, organization_id: tenant.organization_id(), count: 5, latest });
        }
        uses.extend(used.map(|at| used_once(tenant.organization_id(), &secret, at)));
        secrets.insert(0, secret);
        tx.insert_key(tenant, &key, &secrets).await.expect("a key");
        keys.push(key);
    }
    tx.commit(event(tenant, keys[0].id)).await.expect("a commit");
    world.store.record_uses(&uses).await.expect("uses");
    world.store.record_denials(&denials).await.expect("denials");

    let first = PageRequest::default();
    let mut reader = world.store.read().await.expect("a reader");
    for (rule, names) in [
        (KeyHealth::ToReview, vec!["day", "idle", "never", "nobody", "often", "turned", "week"]),
        (KeyHealth::EndsInADay, vec!["day"]),
        (KeyHealth::EndsInAWeek, vec!["day", "week"]),
        (KeyHealth::EndsInAMonth, vec!["day", "month", "week"]),
        (KeyHealth::OldSecretUsed, vec!["turned"]),
        (KeyHealth::NobodyAnswers, vec!["nobody"]),
        (KeyHealth::NeverUsed, vec!["never"]),
        (KeyHealth::Idle, vec!["idle"]),
        (KeyHealth::OftenRefused, vec!["often"]),
        (KeyHealth::ManyAddresses, vec!["around"]),
        (KeyHealth::NoExpiry, vec!["endless"]),
        (KeyHealth::Old, vec!["old"]),
        (KeyHealth::AnyAddress, vec!["anywhere"]),
    ] {
        let filter = KeyFilter { health: Some(rule), ..KeyFilter::default() };
        let rows = reader.page_keys(tenant, &filter, KeySort::Name, &first, now()).await.expect("a page").rows;
        assert_eq!(rows.iter().map(|it| it.key.name.as_str()).collect::<Vec<_>>(), names, "{rule:?}");
        let total = reader.count_keys(tenant, &filter, now()).await.expect("a count");
        assert_eq!((total.count, total.is_exact), (names.len() as u64, true), "{rule:?}");
        for key in &keys {
            let found = reader.find_key_health(tenant, key.id, now()).await.expect("rules");
            assert_eq!(found.contains(&rule), names.contains(&key.name.as_str()), "{rule:?} of {}", key.name);
        }
    }
    let others = reader.find_key_health(&world.beta.tenant, keys[1].id, now()).await.expect("rules");
    assert_eq!(others, [], "another organization's key");
}
