//! Exports of what happened: CSV for spreadsheets, JSON Lines for programs, streamed page by page.

use std::cmp::Reverse;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use claviger_core::reject::Reject;
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::app::App;
use crate::ops::exports::{Export, Listed};
use crate::spreadsheet::{harmless, lines};

/// In which form a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// Pages.
    Json,
    /// RFC 4180, with a line of names first.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The form that an `Accept` header likes best (RFC 9110 §12.5.1), of several the one it names first; pages where it names none.
    fn accepted(accept: &str) -> Self {
        // The last of those that are liked alike counts, so pages come last.
        const OFFERED: [(Format, &str, &str); 4] = [
            (Format::Jsonl, "application/x-ndjson", "application/*"),
            (Format::Jsonl, "application/jsonl", "application/*"),
            (Format::Csv, "text/csv", "text/*"),
            (Format::Json, "application/json", "application/*"),
        ];
        let ranges: Vec<_> = accept.split(',').map(range).collect();
        let liked = |(format, exact, kind): (Self, &str, &str)| {
            // The range that names a type most exactly says how much it is liked.
            let position = [exact, kind, "*/*"].iter().find_map(|it| ranges.iter().position(|(name, _)| name == it))?;
            let quality = ranges[position].1;
            (quality > 0).then_some(((quality, Reverse(position)), format))
        };
        let best = OFFERED.into_iter().filter_map(liked).max_by_key(|(liking, _)| *liking);
        best.map_or(Self::Json, |(_, format)| format)
    }
}

/// In which form a list is asked for: by the parameter, else by the header.
pub(super) fn wanted(format: Option<Format>, headers: &HeaderMap) -> Format {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    format.unwrap_or_else(|| Format::accepted(accepted))
}

/// A media range in lower case, and how much it is liked in thousandths.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(|it| it.trim().to_ascii_lowercase());
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|it| it.strip_prefix("q=")?.parse::<f32>().ok());
    (name, (quality.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16)
}

/// Refuses what only pages have.
pub(super) fn without_pages(cursor: Option<&str>, limit: Option<u32>) -> Result<(), Reject> {
    let name = if cursor.is_some() { "cursor" } else { "limit" };
    if cursor.is_none() && limit.is_none() {
        return Ok(());
    }
    Err(Reject::field(name, "is for pages, and an export has none"))
}

/// What is exported, a line each.
pub(super) trait Line: Serialize + Send + 'static {
    /// What the file is called, without its ending.
    const FILE: &'static str;
    /// The names of a CSV's columns.
    const COLUMNS: &'static [&'static str];

    /// What stands in them.
    fn cells(self) -> Vec<String>;
}

/// A value of no fixed form, in one cell.
pub(super) fn json_cell(it: Option<Value>) -> String {
    it.map(|it| it.to_string()).unwrap_or_default()
}

fn json_lines(views: Vec<impl Serialize>) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for view in views {
        serde_json::to_writer(&mut lines, &view).map_err(io::Error::other)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// A body whose parts come from a task. An error cuts the connection, so that nobody takes a part for the whole.
struct Parts(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|part| part.map(|it| it.map(Frame::data)))
    }
}

/// Answers with all lines of an export, as fast as they are taken.
pub(super) fn respond<L: Listed, V: Line + From<L::Row>>(app: &App, mut export: Export<L>, format: Format) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    let csv = |rows: Vec<Vec<String>>| lines(rows.into_iter().map(|it| it.into_iter().map(harmless)));
    app.spawn(async move {
        let names = || vec![V::COLUMNS.iter().map(|it| (*it).to_owned()).collect()];
        if format == Format::Csv && sender.send(csv(names()).map(Bytes::from)).await.is_err() {
            return;
        }
        loop {
            let part = match export.next_page().await {
                Ok(rows) if rows.is_empty() => return,
                Ok(rows) => {
                    let views: Vec<_> = rows.into_iter().map(V::from).collect();
                    match format {
                        Format::Csv => csv(views.into_iter().map(V::cells).collect()),
                        Format::Json | Format::Jsonl => json_lines(views),
                    }
                }
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            let is_last = part.is_err();
            // Nobody takes any more once the client has gone.
            if sender.send(part.map(Bytes::from)).await.is_err() || is_last {
                return;
            }
        }
    });
    let (media_type, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv"),
        Format::Json | Format::Jsonl => ("application/jsonl", "jsonl"),
    };
    let name = format!("attachment; filename=\"{}.{ending}\"", V::FILE);
    let headers = [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, Body::new(Parts(receiver))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(cell: &str) -> [String; 14] {
        std::array::from_fn(|_| harmless(cell.to_owned()))
    }

    proptest! {
        // Assurance S11: what is written is read again, and no cell begins like a formula.
        #[test]
        fn cells_survive_a_round_trip_and_none_is_a_formula(cell in "[=+@\t\r'\"\n,;a-]{0,3}\\PC{0,20}") {
            let bytes = lines([row(&cell)]).expect("a table");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
            let read = reader.records().next().expect("a row").expect("cells");
            for it in &read {
                prop_assert!(!it.starts_with(['=', '+', '-', '@', '\t', '\r']));
                prop_assert_eq!(it.strip_prefix('\'').unwrap_or(it), &cell);
            }
        }
    }

    #[test]
    fn the_form_is_the_one_that_is_liked_best() {
        for (accept, format) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("text/html, Text/CSV;q=0.9, */*", Format::Json),
            ("text/html, Text/CSV, */*", Format::Csv),
            ("text/csv;q=0.1, application/json", Format::Json),
            ("text/csv;q=0.1, application/json; Q=0.05", Format::Csv),
            ("application/json;q=0, */*;q=0.5", Format::Csv),
            ("application/json;q=0", Format::Json),
            ("application/*", Format::Json),
            ("text/*;q=0.5", Format::Csv),
            ("text/csv;q=nonsense, application/json;q=0.9", Format::Csv),
            ("application/x-ndjson", Format::Jsonl),
            ("application/json, text/csv", Format::Json),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }
}
