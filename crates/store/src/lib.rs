//! All of Claviger's SQL.
//!
//! A mutating transaction is committed with its event and in no other way, so that nothing changes without its place in
//! the log; every function on tenant data takes a [`Tenant`](claviger_core::tenant::Tenant), so that no statement is
//! unscoped by accident. What has no tenant yet ends in `_unchecked`.
//!
//! [`db`] is the only room that knows the engines; everything else is statements in the subset that SQLite and PostgreSQL share.

pub mod api_documents;
pub mod apis;
pub mod chain;
pub mod clocks;
pub mod db;
pub mod dump;
pub mod endings;
pub mod error;
pub mod event_types;
pub mod feed;
pub mod host_events;
pub mod idempotency;
pub mod imports;
pub mod installation;
pub mod keys;
pub mod leaving;
pub mod links;
pub mod log;
pub mod members;
pub mod nodes;
pub mod notifications;
pub mod organizations;
pub mod page;
pub mod passwords;
pub mod people;
pub mod readers;
pub mod restore;
pub mod role_impact;
pub mod roles;
mod row;
pub mod sealing;
pub mod sessions;
pub mod shared_secrets;
pub mod sign_ins;
pub mod signing_keys;
mod sql;
mod statement;
pub mod usage;
pub mod users;
mod value;
pub mod webhooks;

pub use db::{Connection, Doorbell, Durability, Hold, Options, Reader, Store, Tx, close_to_others};
pub use error::{Error, StoreResult, Unique};
pub use page::{Cursor, Page, PageRequest};
pub use sql::ROWS_PURGED_MAX;

/// The statements that only PostgreSQL is asked, by name: locks, the places of events, and the nodes.
#[doc(hidden)]
pub fn postgres_statements() -> Vec<(String, String)> {
    let statements =
        [log::SEQUENCE_STATEMENTS, log::WAITING_STATEMENTS, db::HOLD_STATEMENTS, nodes::STATEMENTS].concat();
    statements.into_iter().map(|(name, sql)| (name.to_owned(), sql.to_owned())).collect()
}

/// Every statement of this crate that both engines are asked, by name: for the test that prepares each of them on both.
#[doc(hidden)]
pub fn statements() -> Vec<(String, String)> {
    let constant = [
        api_documents::STATEMENTS,
        apis::STATEMENTS,
        chain::STATEMENTS,
        chain::verify::STATEMENTS,
        clocks::STATEMENTS,
        dump::STATEMENTS,
        endings::STATEMENTS,
        event_types::STATEMENTS,
        feed::RECORD_STATEMENTS,
        feed::STATEMENTS,
        host_events::STATEMENTS,
        host_events::revisions::STATEMENTS,
        idempotency::STATEMENTS,
        imports::STATEMENTS,
        installation::STATEMENTS,
        keys::BELOW_STATEMENTS,
        keys::BREAKING_STATEMENTS,
        keys::LIST_STATEMENTS,
        keys::STATEMENTS,
        leaving::STATEMENTS,
        links::STATEMENTS,
        log::STATEMENTS,
        log::ERASURE_STATEMENTS,
        log::UNSEEN_STATEMENTS,
        members::STATEMENTS,
        notifications::STATEMENTS,
        organizations::STATEMENTS,
        passwords::STATEMENTS,
        people::STATEMENTS,
        readers::STATEMENTS,
        restore::STATEMENTS,
        role_impact::STATEMENTS,
        roles::STATEMENTS,
        sealing::STATEMENTS,
        sessions::STATEMENTS,
        shared_secrets::STATEMENTS,
        sign_ins::STATEMENTS,
        signing_keys::STATEMENTS,
        usage::STATEMENTS,
        usage::counts::STATEMENTS,
        usage::denials::STATEMENTS,
        usage::quotas::STATEMENTS,
        usage::versions::STATEMENTS,
        users::STATEMENTS,
        webhooks::STATEMENTS,
        webhooks::deliveries::STATEMENTS,
        webhooks::fan_out::STATEMENTS,
        webhooks::secrets::STATEMENTS,
        webhooks::sending::STATEMENTS,
    ];
    let mut statements: Vec<_> =
        constant.concat().into_iter().map(|(name, sql)| (name.to_owned(), sql.to_owned())).collect();
    statements.extend(chain::built_statements());
    statements.extend(dump::built_statements());
    statements.extend(imports::built_statements());
    statements.extend(keys::built_statements());
    statements.extend(leaving::built_statements());
    statements.extend(log::built_statements());
    statements.extend(members::built_statements());
    statements.extend(notifications::built_statements());
    statements.extend(sealing::built_statements());
    statements.extend(usage::built_statements());
    statements.extend(webhooks::built_statements());
    statements.extend(webhooks::fan_out::built_statements());
    statements
}
