//! The contract of the store, on a real database file.

mod keys;
mod schema;
mod world;
