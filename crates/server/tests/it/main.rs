//! The server's integration tests: one binary, one module for each surface.

#![cfg(test)]

mod api;
mod app;
mod brute_force;
mod changes;
mod console;
mod docs;
mod engine;
mod every_change;
mod fail_closed;
mod gateway;
mod lattice;
mod leak_pattern;
mod nodes;
mod operations;
mod ops;
mod poisoned;
mod process;
mod raw;
mod receipts;
mod repetition;
mod routes;
mod webhooks;
