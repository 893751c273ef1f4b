//! What the same inserts cost without Claviger: pgbench, on the same cluster, writes the rows that creating a key writes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shell::{Failure, Outcome, read};
use crate::test::postgres::{self, Server};

/// The rows of one key: itself, its secret, the number of keys, and the event that waits for its place. They belong to an organization that
/// nothing else is written for; its tables and indexes are those of the service.
const SCRIPT: &str = "\
\\set a random(1, 9000000000000000)
\\set b random(1, 9000000000000000)
BEGIN;
INSERT INTO key (id, organization_id, api_id, name, name_key, description, role_id, owner_id, mapped_user_id, reach, standing, origin, personal, \
version, created_at, created_by, updated_at) SELECT 'key_z' || :a || '_' || :b, k.organization_id, k.api_id, 'p ' || :a || ' ' || :b, \
'p ' || :a || ' ' || :b, '', k.role_id, k.owner_id, k.mapped_user_id, k.reach, 'active', 'api', false, 1, k.created_at, k.created_by, k.updated_at \
FROM key k WHERE k.id = (SELECT min(id) FROM key);
INSERT INTO secret (key_id, id, organization_id, access_id, digest, state, created_at) SELECT 'key_z' || :a || '_' || :b, 'sec_z' || :a || '_' || :b, \
k.organization_id, 'ck_' || :a || :b, sha256(convert_to(:a || ' ' || :b, 'UTF8')), 'current', 0 FROM key k WHERE k.id = 'key_z' || :a || '_' || :b;
UPDATE key_count SET live = live + 1 WHERE organization_id = (SELECT organization_id FROM key WHERE id = 'key_z' || :a || '_' || :b);
INSERT INTO outbox (stream, event_id, kind, v, at, organization_id, entity_kind, entity_id, touched) \
SELECT 'bench', 'evt_z' || :a || '_' || :b, 'key.created', 1, 0, k.organization_id, 'key', k.id, '[]' FROM key k WHERE k.id = 'key_z' || :a || '_' || :b;
COMMIT;
";

/// Takes away what was written, so that the service reads none of it.
const CLEAN: &str = "\
DELETE FROM outbox WHERE stream = 'bench'; \
UPDATE key_count c SET live = live - (SELECT count(*) FROM key k WHERE k.organization_id = c.organization_id AND k.id LIKE 'key\\_z%'); \
DELETE FROM secret WHERE id LIKE 'sec\\_z%'; DELETE FROM key WHERE id LIKE 'key\\_z%'; VACUUM ANALYZE;";

/// Transactions a second.
///
/// # Errors
/// When pgbench is missing or fails.
pub(super) fn pgbench(server: &Server, folder: &Path, clients: usize, seconds: u32) -> Outcome<f64> {
    let script = folder.join("inserts.sql");
    fs::write(&script, SCRIPT).map_err(|error| Failure::new(format!("cannot write {}: {error}", script.display())))?;
    let programs = postgres::program_folder().ok_or_else(|| Failure::new("PostgreSQL is not installed"))?;
    let mut command = Command::new(programs.join("pgbench"));
    command.args([
        "--no-vacuum",
        "--protocol=prepared",
        "--client",
        &clients.to_string(),
        "--jobs",
        "2",
        "--time",
        &seconds.to_string(),
    ]);
    let said = read(command.arg("--file").arg(&script).arg(server.url()))?;
    read(
        Command::new(programs.join("psql"))
            .args(["--quiet", "--set=ON_ERROR_STOP=1"])
            .args(statements())
            .arg(server.url()),
    )?;
    transactions_per_second(&said).ok_or_else(|| Failure::new(format!("pgbench says no rate:\n{said}")))
}

/// One option for each statement: a vacuum does not run beside others.
fn statements() -> Vec<String> {
    let statements = CLEAN.split(';').map(str::trim).filter(|it| !it.is_empty());
    statements.flat_map(|it| ["--command".to_owned(), it.to_owned()]).collect()
}

fn transactions_per_second(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|it| it.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_pgbench_is_read() {
        let said = "latency average = 1.9 ms\ntps = 4123.5 (without initial connection time)\n";
        assert!(transactions_per_second(said).is_some_and(|it| (it - 4123.5).abs() < 1e-6));
        assert_eq!(transactions_per_second("no"), None);
        assert_eq!(statements().len(), 10);
    }
}
