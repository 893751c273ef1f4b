//! The contract of the store, on a real database file.

mod feed;
mod key_lists;
mod keys;
mod log;
mod opening;
mod organizations;
mod schema;
mod transactions;
mod world;
