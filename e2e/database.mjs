// PostgreSQL under a server of a test's own: a database for each, made and dropped with the programs that come with PostgreSQL.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);
const DUMP_BYTES_MAX = 256 * 1024 * 1024;

/** Where PostgreSQL is, as `cargo xtask test` says it to all tests. */
const URL_VARIABLE = "CLAVIGER_TEST_POSTGRES_URL";

/** What a test can run on that is told on which engine: the embedded one, and PostgreSQL where there is one. */
export const ENGINES = process.env[URL_VARIABLE] ? ["sqlite", "postgres"] : ["sqlite"];

/** What all other tests run on. `claviger dev` has the embedded one whatever stands here: it keeps nothing. */
export const ENGINE = process.env.CLAVIGER_TEST_ENGINE || "sqlite";

/** An empty database: its address, what `pg_dump` makes of it, and its end. */
export const createDatabase = async () => {
  const server = process.env[URL_VARIABLE];
  if (!server) throw new Error(`${URL_VARIABLE} says where PostgreSQL is`);
  const name = `claviger_e2e_${randomBytes(8).toString("hex")}`;
  const tell = (statement) => run("psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", `--command=${statement}`, server]);
  await tell(`CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const dump = async () => (await run("pg_dump", ["--dbname", url.href], { maxBuffer: DUMP_BYTES_MAX })).stdout;
  return { url: url.href, dump, drop: () => tell(`DROP DATABASE ${name} WITH (FORCE)`) };
};
