//! Opening and closing the files.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use claviger_store::{Durability, Error, Options, PageRequest, Store};

use crate::engine::{embedded, harm};
use crate::world::{World, event, now, rng};

/// A folder that goes away in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("claviger-opening-{}-{number}{name}", std::process::id())))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn open(folder: &Folder) -> Result<Store, Error> {
    static NEXT: AtomicU32 = AtomicU32::new(100);
    let options = Options { durability: Durability::None, bytes_max: None };
    // As on a real start, every opening makes other event ids.
    Store::open(folder.path(), options, rng(NEXT.fetch_add(1, Ordering::Relaxed).into())).await
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_store_is_opened_again() {
    let folder = Folder::new("");
    let world = World::in_store(open(&folder).await.expect("a store")).await;
    let (key, _) = world.insert_key(&world.acme, "CI").await;
    world.store.close().await;
    let tenant = world.acme.tenant.clone();
    drop(world);
    let store = open(&folder).await.expect("the same store");
    let found = store.read().await.expect("a reader").find_key(&tenant, key.id).await.expect("an answer");
    assert_eq!(found, Some(key));
}

#[tokio::test]
async fn second_opening_of_the_same_folder_is_refused_until_the_first_is_gone() {
    let folder = Folder::new("");
    let first = open(&folder).await.expect("a store");
    let second = open(&folder).await.expect_err("a second store");
    assert!(matches!(&second, Error::Locked(path) if path == folder.path()), "{second}");
    assert!(second.to_string().contains("in use by another process"), "{second}");
    let clone = first.clone();
    drop(first);
    assert!(matches!(open(&folder).await, Err(Error::Locked(_))), "a clone still has it");
    drop(clone);
    open(&folder).await.expect("a store");
}

#[tokio::test]
async fn folder_may_have_any_name() {
    let folder = Folder::new(" a'b?c#d%20e&mode=memory");
    let world = World::in_store(open(&folder).await.expect("a store")).await;
    let (_, secret) = world.insert_key(&world.acme, "CI").await;
    let used = crate::world::used_once(world.acme.organization.id, &secret, now());
    world.store.record_uses(&[used]).await.expect("a use");
    let mut reader = world.store.read().await.expect("a reader");
    let uses = reader.find_uses(&world.acme.tenant, &[secret.key_id]).await.expect("uses");
    assert_eq!(uses.len(), 1);
    assert!(folder.path().join("usage.db").is_file() && folder.path().join("claviger.db").is_file());
}

/// What others on this machine may do with something.
fn others(path: &Path) -> u32 {
    std::fs::metadata(path).expect("metadata").permissions().mode() & 0o077
}

/// The files in a folder that others may do something with; how many there are besides.
fn open_to_others(folder: &Folder) -> (Vec<PathBuf>, usize) {
    let files = std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("a file").path());
    let (open, closed): (Vec<_>, Vec<_>) = files.partition(|it| others(it) != 0);
    (open, closed.len())
}

#[tokio::test]
async fn only_their_owner_reads_the_files_also_in_a_folder_that_others_may_enter() {
    let folder = Folder::new("");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    std::fs::create_dir_all(folder.path()).expect("a folder");
    mode(folder.path(), 0o755);
    let store = open(&folder).await.expect("a store");
    // Both databases, with what the engine has beside each, and the lock.
    assert_eq!(open_to_others(&folder), (Vec::new(), 7));
    store.close().await;
    drop(store);

    // As a build has left them, and a crash, that did not look after this.
    std::fs::write(folder.path().join("claviger.db-wal"), "").expect("a file");
    let made: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|it| it.expect("a file").path()).collect();
    for path in &made {
        mode(path, 0o644);
    }
    assert!(open_to_others(&folder).0.len() >= 4, "{made:?}");
    let store = open(&folder).await.expect("a store");
    assert_eq!(open_to_others(&folder), (Vec::new(), 7));
    assert_eq!(others(folder.path()), 0o055, "the folder is whoever made it to close");
    store.close().await;
}

#[tokio::test]
async fn folder_that_cannot_be_made_is_named() {
    let folder = Folder::new("");
    std::fs::create_dir_all(folder.path()).expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    let error = Store::open(&file.join("data"), Options::default(), rng(1)).await.expect_err("no folder");
    assert!(matches!(&error, Error::Folder { .. }) && error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn database_of_a_newer_build_is_refused() {
    let folder = Folder::new("");
    let store = open(&folder).await.expect("a store");
    harm(&store, "INSERT INTO _sqlx_migrations SELECT 999, 'later', installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1").await;
    drop(store);
    let error = open(&folder).await.expect_err("an older build");
    assert!(matches!(error, Error::Schema(_)), "{error}");
}

#[tokio::test]
async fn file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new("");
    std::fs::create_dir_all(folder.path()).expect("a folder");
    let garbage = "this is not a database, and long enough to be looked at ".repeat(100);
    std::fs::write(folder.path().join("claviger.db"), &garbage).expect("a file");
    let error = open(&folder).await.expect_err("no database");
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(folder.path().join("claviger.db")).expect("the file"), garbage);
}

#[tokio::test]
async fn throwaway_store_leaves_nothing_behind() {
    let store = embedded().await;
    let folder = store.folder().expect("a folder").to_owned();
    assert!(folder.join("claviger.db").is_file());
    assert_eq!(others(&folder), 0, "it lies where everybody may look");
    store.close().await;
    drop(store);
    assert!(!folder.exists());
}

#[tokio::test]
async fn full_storage_refuses_changes_and_goes_on_reading_and_recovers() {
    let folder = Folder::new("");
    let bytes_max = Some(1024 * 1024);
    let options = Options { durability: Durability::None, bytes_max };
    let world = World::in_store(Store::open(folder.path(), options, rng(1)).await.expect("a store")).await;
    let (mut written, mut number) = (0, 0);
    let error = loop {
        let (key, secret, _) = world.key(&world.acme, &format!("key {number}"));
        number += 1;
        let mut tx = world.store.begin().await.expect("a transaction");
        let result = match tx.insert_key(&world.acme.tenant, &key, &[secret]).await {
            Ok(()) => tx.commit(event(&world.acme.tenant, key.id)).await.map(drop),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(number < 10_000, "the storage never fills up");
    };
    assert!(matches!(error, Error::StorageFull), "{error}");
    assert_eq!(error.to_reject().code.http_status(), 507);
    let mut reader = world.store.read().await.expect("a reader");
    assert_eq!(reader.count_live_keys(&world.acme.tenant).await.expect("a count"), written);
    let head = reader.head(claviger_core::event::Stream::Change).await.expect("a head");
    assert_eq!(head.seq, written as u64 + 1, "what failed left no event");
    drop(reader);
    world.store.close().await;
    let (tenant, acme) = (world.acme.tenant.clone(), world.acme.organization.id);
    drop(world);
    // With room again it goes on.
    let store = open(&folder).await.expect("a store");
    let mut tx = store.begin().await.expect("a transaction");
    let user = crate::world::user(acme, "late");
    tx.insert_user(&tenant, &user).await.expect("a user");
    tx.commit(event(&tenant, user.id)).await.expect("a commit");
    let page =
        store.read().await.expect("a reader").page_users(&tenant, &Default::default(), &PageRequest::default()).await;
    assert_eq!(page.expect("a page").rows.len(), 2);
}

/// What PgBouncer answers to the first message of a client that sets something.
#[tokio::test]
async fn pooler_that_keeps_settings_back_is_named_as_what_is_in_the_way() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let pooler = async {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut first = [0; 1024];
            let length = stream.read(&mut first).await.expect("a message");
            // A question for TLS has eight bytes, and comes before.
            if length == 8 {
                stream.write_all(b"N").await.expect("it is open");
                assert_ne!(stream.read(&mut first).await.expect("a message"), 0, "it goes on without TLS");
            }
            let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: extra_float_digits\0\0";
            let length = u32::try_from(fields.len() + 4).expect("it is short");
            let message = [b"E", &length.to_be_bytes()[..], fields].concat();
            stream.write_all(&message).await.expect("it is open");
        }
    };
    let url = format!("postgres://claviger@{address}/claviger");
    let connecting = Store::connect(&url, Options::default(), rng(1));
    let refused = tokio::select! { () = pooler => None, it = connecting => it.err() };
    assert!(matches!(refused, Some(Error::Pooler)), "{refused:?}");
}
