//! The console over HTTP, as a browser without scripts meets it.

mod account;
mod audit;
mod browser;
mod bulk;
mod changes;
mod confirm;
mod confirmations;
mod edits;
mod failures;
mod files;
mod hostile;
mod limits;
mod organizations;
mod origins;
mod own_keys;
mod pages;
mod people;
mod questions;
mod rights;
mod roles;
mod rotations;
mod secrets;
mod sessions;
mod tenants;
mod views;
