//! No receiver leads the service into its own network (assurance.md S10). Whatever is tried stands beside the same call where it is allowed,
//! which arrives: otherwise nothing would be shown.

use std::time::Duration;

use bytes::Bytes;
use claviger::config::Config;
use claviger::ops::page::PageRequest;
use claviger::ops::webhooks::{delete_webhook, get_delivery, list_deliveries};
use claviger::outgoing::{Answer, Connector};
use claviger_core::id::WebhookId;
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::Outcome;
use claviger_core::webhook::target::TargetUrl;
use http::HeaderMap;

use super::hooks::{event, hook, report, subscribe};
use super::receiver::{Manner, Receiver, Table, connector};
use super::world::open_config;
use crate::api::fixture::Fixture;
use crate::app::{TestApp, config};
use crate::raw::Raw;

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1"];

async fn post(connector: &Connector, url: &str) -> Answer {
    let target = TargetUrl::parse(url).unwrap();
    connector.post(&target, HeaderMap::new(), Bytes::from_static(b"{}"), Timestamp::MIN).await
}

fn status(status: u16) -> Outcome {
    Outcome::Answered { status, wish: None, retry_after: None }
}

// S10
#[tokio::test]
async fn every_spelling_of_an_address_within_is_refused_before_a_connection() {
    let receiver = Receiver::new(Manner::status(200)).await;
    let (closed, open) = (connector(&[], Table::of(&[])), connector(LOOPBACK, Table::of(&[])));
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "１２７.0.0.1",
    ] {
        let url = |scheme: &str| format!("{scheme}://{host}:{}/hook", receiver.address.port());
        let before = receiver.connections();
        for scheme in ["http", "https"] {
            let refused = post(&closed, &url(scheme)).await;
            assert_eq!((&refused.outcome, refused.status()), (&Outcome::Forbidden, None), "{host}: {refused:?}");
        }
        assert_eq!(receiver.connections(), before, "{host}");
        assert_eq!(post(&open, &url("http")).await.outcome, status(200), "{host}");
    }
    let arrived = receiver.received().len();
    assert_eq!(arrived, 11, "each where it was allowed, and none where it was not");
    for host in [
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "169.254.169.254",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[fec0::1]",
        "[fe80::1]",
        "[::127.0.0.1]",
        "[::ffff:0:7f00:1]",
    ] {
        let refused = post(&closed, &format!("https://{host}:{}/", receiver.address.port())).await;
        assert_eq!(refused.outcome, Outcome::Forbidden, "{host}: {refused:?}");
    }
    for text in
        ["https://[fe80::1%25lo]/", "https://user@127.0.0.1/", "https://example.com:25/", "http://127.0.0.1:22/"]
    {
        assert!(TargetUrl::parse(text).is_err(), "{text}");
    }
}

// S10
#[tokio::test]
async fn a_name_is_judged_by_every_address_it_leads_to_each_time_it_is_called() {
    let [here, there] =
        [Receiver::new(Manner::status(200)).await, Receiver::at([127, 0, 0, 2], Manner::status(204)).await];
    let (port, other) = (here.address.port(), there.address.port());
    let names = || {
        Table::of(&[
            ("private.example.com", &[&["127.0.0.1"]]),
            // As a server of names that knows who asks: public when it is judged, private when it is called.
            ("flips.example.com", &[&["127.0.0.2"], &["127.0.0.1"]]),
            // An alias tells nothing of where it leads to but the address.
            ("alias.example.com", &[&["127.0.0.1", "::ffff:127.0.0.1"]]),
            ("mixed.example.com", &[&["127.0.0.1", "127.0.0.2", "10.0.0.1"]]),
            ("empty.example.com", &[&[]]),
            ("sixes.example.com", &[&["64:ff9b::7f00:1", "2002:7f00:1::1", "fec0::1", "::1", "::ffff:10.0.0.1"]]),
        ])
    };
    let closed = connector(&[], names());
    for name in ["private", "alias", "mixed", "sixes"] {
        let refused = post(&closed, &format!("https://{name}.example.com:{port}/")).await;
        assert_eq!(refused.outcome, Outcome::Forbidden, "{name}: {refused:?}");
    }
    let told = post(&closed, "https://empty.example.com/").await;
    assert_eq!(told.outcome, Outcome::Unanswered, "{told:?}");
    let told = post(&closed, "https://nowhere.example.com/").await;
    assert_eq!(told.error.as_deref(), Some("The address has a name that leads nowhere."));
    assert_eq!((here.connections(), there.connections()), (0, 0));

    // Of mixed answers only the one is called that may be: 127.0.0.2 stands for what is public.
    let half = connector(&["127.0.0.2"], names());
    assert_eq!(post(&half, &format!("http://mixed.example.com:{other}/")).await.outcome, status(204));
    assert_eq!(post(&half, &format!("http://flips.example.com:{other}/")).await.outcome, status(204));
    let flipped = post(&half, &format!("http://flips.example.com:{port}/")).await;
    assert_eq!(flipped.outcome, Outcome::Forbidden, "{flipped:?}");
    assert_eq!((here.connections(), there.received().len()), (0, 2));

    let open = connector(LOOPBACK, names());
    for name in ["private", "alias", "mixed"] {
        assert_eq!(post(&open, &format!("http://{name}.example.com:{port}/")).await.outcome, status(200), "{name}");
    }
    assert_eq!(here.received().len(), 3, "the receiver is there all the time");
}

// S10
#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let inner = Receiver::at([127, 0, 0, 2], Manner::status(200)).await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let connector = connector(LOOPBACK, Table::of(&[]));
    for code in [301, 302, 303, 307, 308] {
        receiver.becomes(Manner::with(code, &format!("Location: {}\r\n", inner.url()), ""));
        let told = post(&connector, &receiver.url()).await;
        assert_eq!(told.outcome, status(code));
        assert!(told.error.is_some_and(|it| it.contains("Redirects are not followed")), "{code}");
    }
    assert_eq!((inner.connections(), receiver.received().len()), (0, 5));
    assert_eq!(post(&connector, &inner.url()).await.outcome, status(200), "it could have been called");
}

#[tokio::test]
async fn without_tls_only_named_networks_are_called() {
    let receiver = Receiver::new(Manner::status(200)).await;
    let port = receiver.address.port();
    let names = || Table::of(&[("hooks.example.com", &[&["127.0.0.1"]]), ("public.example.com", &[&["8.8.8.8"]])]);
    let closed = connector(&[], names());
    for url in [format!("http://hooks.example.com:{port}/"), "http://8.8.8.8/".to_owned()] {
        assert_eq!(post(&closed, &url).await.outcome, Outcome::Forbidden, "{url}");
    }
    let open = connector(LOOPBACK, names());
    assert_eq!(post(&open, &format!("http://hooks.example.com:{port}/")).await.outcome, status(200));
    let clear = post(&open, "http://public.example.com/").await;
    assert_eq!(clear.outcome, Outcome::Forbidden, "a name leads to the Internet: {clear:?}");
    // Under TLS a receiver has to show who it is.
    let unproven = post(&open, &format!("https://hooks.example.com:{port}/")).await;
    assert_eq!(unproven.outcome, Outcome::Unanswered, "{unproven:?}");
}

#[tokio::test]
async fn a_request_carries_what_it_is_given_and_nothing_of_ours() {
    let receiver = Receiver::new(Manner::with(200, "Set-Cookie: a=b\r\n", "")).await;
    let connector = connector(LOOPBACK, Table::of(&[]));
    for _ in 0..2 {
        post(&connector, &receiver.url()).await;
    }
    let [first, second] = receiver.received().try_into().unwrap();
    assert_eq!((first.line.as_str(), &*first.body), ("POST /hook", b"{}".as_slice()));
    assert!(first.header("user-agent").starts_with("Claviger/"), "{first:?}");
    for name in ["authorization", "cookie", "referer", "proxy-authorization", "accept-encoding"] {
        assert!(!first.headers.contains_key(name) && !second.headers.contains_key(name), "{name}: {second:?}");
    }
}

/// What comes of webhooks that lead to a receiver on this machine, though nobody could subscribe them there: a service whose networks were named
/// otherwise before may have such. They are told of an event, and are then deleted, which their receiver is to be told too. Answers what has
/// arrived, on how many connections, and what is said of the attempts.
async fn led_within(config: Config, schemes: &[&str]) -> (Vec<String>, usize, Vec<Option<String>>) {
    let it = Fixture::around(TestApp::with_config(config).await).await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let (app, admin) = (&it.app.app, &it.app.admin);
    let mut hooks: Vec<WebhookId> = Vec::new();
    for scheme in schemes {
        let id = subscribe(&it.admin, hook("contact", "create")).await;
        let target = format!("{scheme}://{}/hook", receiver.address);
        let statement = format!("UPDATE webhook SET target_url = '{target}' WHERE id = '{id}'");
        Raw::of(app.store()).await.execute(&statement).await;
        hooks.push(id.parse().expect("an id"));
    }
    report(&it, &[event(&it, "1", "contact.created", &it.root)]).await;
    let mut errors = Vec::new();
    for id in hooks {
        let tried = async || {
            let found = list_deliveries(app, admin, id, None, PageRequest::default()).await.expect("a page").items;
            found.into_iter().map(|it| it.row).find(|it| 0 < it.attempts)
        };
        let mut looks = 0..1000;
        let delivery = loop {
            if let Some(delivery) = tried().await {
                break delivery;
            }
            looks.next().expect("it is tried within some seconds");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let mut attempts = get_delivery(app, admin, id, delivery.id).await.expect("a delivery").attempts;
        errors.push(attempts.remove(0).error);
        delete_webhook(app, admin, id).await.expect("it is deleted");
    }
    // Each receiver was told of the end, which takes it away, or it was tried.
    let mut raw = Raw::of(app.store()).await;
    let mut looks = 0..1000;
    while !raw.rows::<(String,)>("SELECT webhook_id FROM farewell WHERE attempts = 0").await.is_empty() {
        looks.next().expect("it is tried within some seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (receiver.received().into_iter().map(|it| it.line).collect(), receiver.connections(), errors)
}

// S10: the guard is asked by whoever sends, and not only by whoever subscribes.
#[tokio::test]
async fn a_service_calls_nobody_within_whatever_stands_in_its_database() {
    let (arrived, connections, errors) = led_within(config(), &["http", "https"]).await;
    assert_eq!((arrived, connections), (vec![], 0));
    let is_refused = |it: &Option<String>| it.as_ref().is_some_and(|it| it.starts_with("The address "));
    assert!(errors.len() == 2 && errors.iter().all(is_refused), "{errors:?}");
    // The control: the same where this machine may be called.
    let (arrived, connections, errors) = led_within(open_config(), &["http"]).await;
    assert_eq!((arrived, errors), (vec!["POST /hook".to_owned(), "DELETE /hook".to_owned()], vec![None]));
    assert!(0 < connections);
}
