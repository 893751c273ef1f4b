//! The program itself, started as an operator starts it.

#![cfg(test)]

use std::process::Command;

#[test]
fn it_refuses_to_listen_where_others_could_name_the_caller() {
    for address in ["0.0.0.0:0", "192.0.2.1:7402", "[::]:0", "localhost"] {
        let output = Command::new(env!("CARGO_BIN_EXE_scorecards")).args(["--listen", address]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{address}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("address"), "{address}");
    }
}
