//! The tables, read off the migrations of PostgreSQL. SQLite's have the same columns in the same order, which a test keeps.

use crate::value::Value;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/postgres/0001_state.sql"),
    include_str!("../../migrations/postgres/0002_usage.sql"),
    include_str!("../../migrations/postgres/0003_readers.sql"),
    include_str!("../../migrations/postgres/0004_webhooks.sql"),
    include_str!("../../migrations/postgres/0005_notifications.sql"),
    include_str!("../../migrations/postgres/0006_chain.sql"),
    include_str!("../../migrations/postgres/0007_ended_shared_secrets.sql"),
    include_str!("../../migrations/postgres/0008_key_limits.sql"),
    include_str!("../../migrations/postgres/0008_quotas.sql"),
    include_str!("../../migrations/postgres/0009_api_documents.sql"),
    include_str!("../../migrations/postgres/0010_listening.sql"),
    include_str!("../../migrations/postgres/0011_version_uses.sql"),
    include_str!("../../migrations/postgres/0012_tried_deliveries.sql"),
];
/// Which of them have the tables that are written often.
const USAGE: [usize; 3] = [1, 8, 11];
/// Arguments in one statement; SQLite takes no more than 32,766.
const ARGUMENTS_MAX: usize = 1500;

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    Bytes,
}

/// A table that is moved.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// Where in a row its place stands.
    pub(super) place: Vec<usize>,
    /// Where in a row stands which row of the same table it hangs below.
    pub(super) parent: Option<usize>,
    /// Reads a page of it.
    pub(super) page: String,
    /// Whether it is written often and may be lost for a minute.
    pub(super) is_usage: bool,
}

/// What is not moved: in an outbox is no event yet, and the nodes run on the one database and not on the other.
const LEFT_BEHIND: [&str; 2] = ["outbox", "node"];

/// All tables, those that others refer to first.
pub(super) fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    for (number, sql) in MIGRATIONS.iter().enumerate() {
        for text in sql.split("CREATE TABLE ").skip(1) {
            let (name, rest) = text.split_once(" (\n").expect("a table has columns");
            let (body, _) = rest.split_once("\n);").expect("a table ends");
            if !LEFT_BEHIND.contains(&name) {
                let added: String = added_columns(name).map(|it| format!("\n{it}")).collect();
                tables.push(table(name, &format!("{body}{added}"), USAGE.contains(&number)));
            }
        }
    }
    tables
}

/// The columns that a later migration has added to a table.
fn added_columns(name: &str) -> impl Iterator<Item = &'static str> {
    let begin = format!("ALTER TABLE {name} ADD COLUMN ");
    let lines = MIGRATIONS.iter().flat_map(|sql| sql.lines());
    lines.filter_map(move |line| line.strip_prefix(begin.as_str())).map(|it| it.trim_end_matches(';'))
}

fn table(name: &str, body: &str, is_usage: bool) -> Table {
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for line in body.lines().map(str::trim) {
        if let Some(columns) = line.strip_prefix("PRIMARY KEY (") {
            key = columns.trim_end_matches([')', ',']).split(", ").map(str::to_owned).collect();
        }
        let mut words = line.split([' ', ',']);
        let (Some(column), Some(kind)) = (words.next(), words.next()) else { continue };
        let kind = match kind {
            "text" => Kind::Text,
            "bigint" => Kind::Integer,
            "boolean" => Kind::Boolean,
            "bytea" => Kind::Bytes,
            _ => continue,
        };
        if line.contains("PRIMARY KEY") {
            key = vec![column.to_owned()];
        }
        columns.push((column.to_owned(), kind));
    }
    let index = |column: &String| columns.iter().position(|(name, _)| name == column).expect("a column");
    let place: Vec<_> = key.iter().map(index).collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| format!("t.{name}")).collect();
    let key: Vec<_> = key.iter().map(|it| format!("t.{it}")).collect();
    let (key, arguments) = (key.join(", "), arguments(place.len(), 0));
    let page = format!(
        "SELECT {} FROM {name} t WHERE ({key}) > {arguments} ORDER BY {key} LIMIT ${}",
        names.join(", "),
        place.len() + 1
    );
    let parent = columns.iter().position(|(name, _)| name == "parent_id");
    Table { name: name.to_owned(), columns, place, parent, page, is_usage }
}

/// `($3, $4)`: so many arguments behind so many others.
fn arguments(count: usize, behind: usize) -> String {
    crate::sql::row_of(count, behind)
}

impl Table {
    /// The place before all rows.
    pub(super) fn first(&self) -> Vec<Value> {
        let before = |index: &usize| match self.columns[*index].1 {
            Kind::Integer => Value::Integer(Some(i64::MIN)),
            _ => Value::Text(Some(String::new())),
        };
        self.place.iter().map(before).collect()
    }

    pub(super) fn rows_per_insert(&self) -> usize {
        ARGUMENTS_MAX / self.columns.len()
    }

    /// Writes so many rows.
    pub(super) fn insert(&self, rows: usize) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<_> = (0..rows).map(|it| arguments(names.len(), it * names.len())).collect();
        format!("INSERT INTO {} ({}) VALUES {}", self.name, names.join(", "), values.join(", "))
    }
}
