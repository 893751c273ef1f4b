//! The server's integration tests: one binary, one module for each surface.

#![cfg(test)]

mod api;
mod app;
mod changes;
mod console;
mod engine;
mod gateway;
mod nodes;
mod operations;
mod ops;
mod process;
