//! The Claviger server: issues API keys, keeps their history, and answers whether a request may pass.

pub mod gateway;
