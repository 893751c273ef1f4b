//! The Claviger server: issues API keys, keeps their history, and answers whether a request may pass.
//!
//! `ops` defines each operation once; `api`, `console`, `gateway`, `cli` and `jobs` stand beside each other on top of it. `docs` tells about all of them.

pub mod api;
pub mod app;
pub mod assets;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod data_folder;
pub mod docs;
pub mod gateway;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod metrics;
pub mod operations;
pub mod ops;
pub mod outgoing;
pub mod replica;
pub mod service;

mod codes;
mod limit_fields;
mod rates;
mod site;
mod spreadsheet;
