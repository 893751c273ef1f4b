//! The contract of the store, on real databases.

mod counts;
mod dump;
mod engine;
mod feed;
mod imports;
mod key_health;
mod key_lists;
mod keys;
mod leaving;
mod log;
mod nodes;
mod opening;
mod organizations;
mod people;
mod previews;
mod readers;
mod schema;
mod sealing;
mod sign_in;
mod silence;
mod tenancy;
mod transactions;
mod unseen;
mod usage;
mod webhooks;
mod world;
