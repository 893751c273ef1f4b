//! Makes tokens of our form that no key has, for loads that are to be refused, and writes them into a file, one in each line.
//! With `mistyped` their checksums are wrong.
//!
//! Usage: `tokens PREFIX COUNT FILE [mistyped]`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use claviger_core::name::KeyPrefix;
use claviger_core::secret::Token;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (prefix, count, path, mistyped) = match arguments.as_slice() {
        [_, prefix, count, path] => (prefix, count, path, false),
        [_, prefix, count, path, word] if word == "mistyped" => (prefix, count, path, true),
        _ => return Err("usage: tokens PREFIX COUNT FILE [mistyped]".into()),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(u64::MAX);
    let prefix = KeyPrefix::parse(prefix)?;
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..count.parse()? {
        let token = Token::generate(&prefix, &mut rng);
        let (rest, last) = token.expose().split_at(token.expose().len() - 1);
        let last = match (mistyped, last) {
            (false, last) => last,
            (true, "0") => "1",
            (true, _) => "0",
        };
        writeln!(file, "{rest}{last}")?;
    }
    file.flush()?;
    Ok(())
}
