//! Makes tokens and writes them into a file, one in each line, for loads that need keys. The same count and seed make the
//! same tokens.
//!
//! Usage: `tokens COUNT FILE [SEED]`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};

use claviger_core::name::KeyPrefix;
use claviger_core::secret::Token;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, count, path, rest @ ..] = arguments.as_slice() else {
        return Err("usage: tokens COUNT FILE [SEED]".into());
    };
    let seed = rest.first().map_or(Ok(1), |it| it.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let prefix = KeyPrefix::parse("ck")?;
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..count.parse()? {
        writeln!(file, "{}", Token::generate(&prefix, &mut rng).expose())?;
    }
    file.flush()?;
    Ok(())
}
