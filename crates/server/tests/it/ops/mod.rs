//! The operations themselves, on a real store and replica.

mod api_access;
mod keys;
