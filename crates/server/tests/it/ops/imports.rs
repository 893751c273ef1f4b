//! Imports: lines sorted into keys, known ones and bad ones, and chunks that can be sent again.

use claviger::ops::events::{EventFilter, list_events};
use claviger::ops::imports::{ChunkOutcome, ImportLine, NewImport, append_import, create_import, get_import};
use claviger::ops::keys::{KeyFilter, KeyQuery, list_keys, revoke_key};
use claviger::ops::page::PageRequest;
use claviger_core::api::DATA_LOADER_API;
use claviger_core::event::EventKind;
use claviger_core::id::{ImportId, OrganizationId};
use claviger_core::key::{Origin, RevocationReason};
use claviger_core::name::Slug;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::secret::Digest;
use data_encoding::{BASE64, HEXLOWER};

use crate::app::{DAY, TestApp, new_key, permissions, refused};

fn line(number: u64, token: &str) -> ImportLine {
    let sha256 = HEXLOWER.encode(Digest::of_token(token.as_bytes()).as_bytes());
    ImportLine {
        line: number,
        sha256,
        name: Some(format!("Old {token}")),
        description: None,
        expires_at: None,
        fault: None,
    }
}

async fn terms(test: &TestApp, at: OrganizationId, file: u8) -> NewImport {
    NewImport {
        source_digest: [file; 32],
        source_name: "keys.csv".to_owned(),
        api: None,
        role_id: Some(test.built_in(at, BuiltIn::Readonly).await.id),
        scopes: None,
        owner_id: None,
        mapped_user_id: None,
    }
}

async fn begin(test: &TestApp, at: OrganizationId, file: u8) -> ImportId {
    create_import(&test.app, &test.admin, at, terms(test, at, file).await).await.unwrap().id
}

#[tokio::test]
async fn the_same_file_on_other_terms_is_refused() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    assert_eq!(begin(&test, test.root, 1).await, id, "the same terms go on");
    let other = NewImport { scopes: Some(permissions(&["contacts:read"])), ..terms(&test, test.root, 1).await };
    let elsewhere = NewImport { api: Some(Slug::parse(DATA_LOADER_API).unwrap()), ..terms(&test, test.root, 1).await };
    for other in [other, elsewhere] {
        let refusal = refused(create_import(&test.app, &test.admin, test.root, other).await);
        assert_eq!(refusal, RejectCode::StateConflict);
    }
}

async fn append(test: &TestApp, at: OrganizationId, id: ImportId, lines: Vec<ImportLine>) -> ChunkOutcome {
    append_import(&test.app, &test.admin, at, id, lines, None, false).await.unwrap()
}

fn counts(outcome: &ChunkOutcome) -> (u64, u64, u64, u64) {
    let it = &outcome.import;
    (it.done_line, it.accepted, it.existing, it.rejected)
}

#[tokio::test]
async fn imported_keys_verify_with_their_old_values() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    let mut base64 = line(3, "legacy-2");
    base64.sha256 = BASE64.encode(Digest::of_token(b"legacy-2").as_bytes());
    base64.name = None;
    let outcome = append(&test, test.root, id, vec![line(2, "legacy-1"), base64]).await;
    assert_eq!(counts(&outcome), (3, 2, 0, 0));
    for token in ["legacy-1", "legacy-2"] {
        assert_eq!(test.verify_text(token, &["contacts:read"]), Ok(()));
        assert_eq!(test.verify_text(token, &["contacts:update"]), Err("insufficient_permission"));
    }
    assert_eq!(test.verify_text("legacy-3", &[]), Err("not_found"));
    let list = list_keys(&test.app, &test.admin, test.root, KeyQuery::default(), PageRequest::default()).await.unwrap();
    assert!(list.page.items.iter().any(|it| it.key.name.as_str().starts_with("Imported ")), "a name was made");
    // Its import stands in the history of each, and of no key that was made otherwise.
    for key in list.page.items.iter().map(|it| &it.key) {
        let filter = EventFilter { entity: Some(key.id.into()), ..EventFilter::default() };
        let page = PageRequest::default();
        let history = list_events(&test.app, &test.admin, test.root, &filter, page).await.unwrap();
        let is_imported = key.origin == Origin::Import;
        assert_eq!(history.items.iter().any(|it| it.kind == EventKind::KeysImported), is_imported, "{}", key.name);
    }
}

#[tokio::test]
async fn bad_lines_are_named_and_the_rest_is_taken() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    // A key elsewhere, a key here, and one revoked here.
    let other = begin(&test, acme, 9).await;
    append(&test, acme, other, vec![line(2, "theirs")]).await;
    let id = begin(&test, test.root, 1).await;
    append(&test, test.root, id, vec![line(2, "here"), line(3, "gone")]).await;
    let query = KeyQuery::from(KeyFilter { search: Some("Old gone".to_owned()), ..KeyFilter::default() });
    let gone = list_keys(&test.app, &test.admin, test.root, query, PageRequest::default()).await.unwrap();
    let gone = gone.page.items[0].key.id;
    revoke_key(&test.app, &test.admin, test.root, gone, RevocationReason::Unspecified, None).await.unwrap();

    let second = begin(&test, test.root, 2).await;
    let with = |number, token: &str, change: fn(&mut ImportLine)| {
        let mut line = line(number, token);
        change(&mut line);
        line
    };
    let lines = vec![
        line(2, "fresh"),
        with(3, "a", |it| it.sha256 = "not a digest".to_owned()),
        with(4, "b", |it| it.name = Some("two\u{202E}faced".to_owned())),
        with(5, "c", |it| it.expires_at = Some("tomorrow".to_owned())),
        with(6, "d", |it| it.expires_at = Some("2020-01-01T00:00:00Z".to_owned())),
        with(7, "e", |it| it.name = Some("OLD fresh".to_owned())),
        line(8, "theirs"),
        line(9, "gone"),
        line(10, "here"),
        line(11, "fresh"),
        line(12, "last"),
    ];
    let outcome = append(&test, test.root, second, lines).await;
    assert_eq!(counts(&outcome), (12, 2, 2, 7));
    let rejected: Vec<_> = outcome.rejected.iter().map(|it| (it.line, it.reason.as_str())).collect();
    assert_eq!(
        rejected,
        [
            (3, "sha256 is no SHA-256 in hex or base64"),
            (
                4,
                "the name must not contain control, invisible or bidirectional formatting characters, nor heaps of marks"
            ),
            (5, "expires_at is not an RFC 3339 instant between the years 1970 and 9999"),
            (6, "expires_at has passed"),
            (7, "a live key of this name exists"),
            (8, "the key cannot be imported"),
            (9, "the key was revoked here and never works again"),
        ]
    );
    assert_eq!(test.verify_text("gone", &[]), Err("revoked"));
    assert_eq!((test.verify_text("fresh", &[]), test.verify_text("last", &[])), (Ok(()), Ok(())));
    let kept = get_import(&test.app, &test.admin, test.root, second).await.unwrap();
    assert_eq!(kept.rejected_lines, outcome.rejected);
}

#[tokio::test]
async fn a_chunk_can_be_sent_again_and_the_same_file_goes_on() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    let chunk = || vec![line(2, "a"), line(3, "b")];
    append(&test, test.root, id, chunk()).await;
    let again = append(&test, test.root, id, chunk()).await;
    assert_eq!(counts(&again), (3, 2, 0, 0), "nothing is done twice");
    assert_eq!(begin(&test, test.root, 1).await, id, "the same file is the same import");
    let overlapping = append(&test, test.root, id, vec![line(3, "b"), line(4, "c")]).await;
    assert_eq!(counts(&overlapping), (4, 3, 0, 0));
    let acme = test.organization(test.root, "Acme").await;
    assert_ne!(begin(&test, acme, 1).await, id, "another organization's import is another one");
}

#[tokio::test]
async fn an_import_that_came_to_its_end_says_when_and_takes_no_more() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    let append =
        async |lines, finishes| append_import(&test.app, &test.admin, test.root, id, lines, None, finishes).await;
    assert_eq!(append(vec![line(2, "a")], false).await.unwrap().import.finished_at, None);
    let end = append(vec![line(3, "b")], true).await.unwrap();
    assert_eq!((end.import.finished_at, counts(&end)), (Some(test.now()), (3, 2, 0, 0)));
    test.clock.advance(DAY);
    let again = append(vec![line(3, "b")], true).await.unwrap();
    assert_eq!(again.import.finished_at, end.import.finished_at, "the last chunk can be sent again");
    assert_eq!(refused(append(vec![line(4, "c")], true).await), RejectCode::StateConflict);
    assert_eq!(test.verify_text("c", &[]), Err("not_found"));

    let empty = begin(&test, test.root, 2).await;
    let ended = append_import(&test.app, &test.admin, test.root, empty, Vec::new(), None, true).await.unwrap();
    assert_eq!(ended.import.finished_at, Some(test.now()), "a file may hold nothing but its header");
}

#[tokio::test]
async fn an_import_grants_no_more_than_its_caller_holds_and_needs_a_say() {
    let test = TestApp::new().await;
    let new = |role_id| NewImport {
        source_digest: [1; 32],
        source_name: "keys.csv".to_owned(),
        api: None,
        role_id,
        scopes: None,
        owner_id: None,
        mapped_user_id: None,
    };
    let bare = create_import(&test.app, &test.admin, test.root, new(None)).await;
    assert_eq!(refused(bare), RejectCode::InvalidField);
    let mut narrow = new_key("Narrow");
    narrow.scopes = Some(permissions(&["claviger/keys:create", "contacts:read"]));
    let narrow = test.create_key(&test.admin, test.root, narrow).await.unwrap();
    let role_id = Some(test.built_in(test.root, BuiltIn::Readonly).await.id);
    let exceeding = create_import(&test.app, &test.caller(&narrow.token), test.root, new(role_id)).await;
    assert!(matches!(refused(exceeding), RejectCode::PolicyDenied | RejectCode::GrantExceedsOwn));
    let (member, ..) = test.member(test.root, "Sam", BuiltIn::Member).await;
    assert_eq!(refused(create_import(&test.app, &member, test.root, new(role_id)).await).http_status(), 403);
}

#[tokio::test]
async fn chunk_that_overtakes_the_one_before_it_is_refused_and_passes_no_line_over() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    let send = async |lines, after| append_import(&test.app, &test.admin, test.root, id, lines, after, false).await;
    let (first, second) = (|| vec![line(2, "a"), line(3, "b")], || vec![line(5, "c")]);
    assert_eq!(refused(send(second(), Some(3)).await), RejectCode::StateConflict);
    assert_eq!(refused(send(second(), Some(5)).await), RejectCode::InvalidField);
    assert_eq!(counts(&send(first(), None).await.unwrap()), (3, 2, 0, 0));
    assert_eq!(counts(&send(second(), Some(3)).await.unwrap()), (5, 3, 0, 0));
    assert_eq!(counts(&send(first(), None).await.unwrap()), (5, 3, 0, 0), "sent again, as after a lost answer");
    for text in ["a", "b", "c"] {
        assert_eq!(test.verify_text(text, &[]), Ok(()), "{text}");
    }
}

#[tokio::test]
async fn chunks_have_an_order_and_a_size() {
    let test = TestApp::new().await;
    let id = begin(&test, test.root, 1).await;
    let send = async |lines| append_import(&test.app, &test.admin, test.root, id, lines, None, false).await;
    for lines in [
        vec![line(3, "a"), line(2, "b")],
        vec![line(2, "a"), line(2, "b")],
        vec![line(0, "a")],
        (2..=1002).map(|it| line(it, &it.to_string())).collect(),
    ] {
        assert_eq!(refused(send(lines).await), RejectCode::InvalidField);
    }
    let outcome = send((2..=1001).map(|it| line(it, &it.to_string())).collect()).await.unwrap();
    assert_eq!(counts(&outcome), (1001, 1000, 0, 0));
    assert_eq!(test.verify_text("1001", &[]), Ok(()));
}
