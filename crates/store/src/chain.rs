//! The chain, as it is kept: a link for every change, one row each. [`verify`] proves it.

pub mod verify;

use std::collections::HashMap;
use std::sync::LazyLock;

use claviger_core::chain::{Field, Head, Link};
use claviger_core::event::{Position, Stream};
use claviger_core::id::OrganizationId;
use claviger_core::tenant::Tenant;

use crate::db::Row;
use crate::readers::LogReader;
use crate::row::{Column, Columns, Raw, Unreadable, decode};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, rows_of, statements};
use crate::value::{Value, args};
use crate::{Connection, StoreResult, Tx};

/// What a link covers of an event, its place first. Who reads these reads them as they are stored.
macro_rules! covered {
    () => {
        "e.epoch, e.seq, e.id, e.kind, e.v, e.at, e.actor_user_id, e.actor_key_id, e.actor_job, e.entity_kind, e.entity_id, e.touched, \
         e.first_key_id, e.last_key_id, e.commitment"
    };
}
use covered;

/// How many columns that are.
const COVERED: usize = 15;
/// Which of them says when it happened.
const AT: usize = 5;

statements! {
    UNLINKED = concat!(
        "SELECT ", covered!(), ", e.organization_id FROM event e WHERE e.stream = 'change' AND (e.epoch, e.seq) > ($1, $2) \
         ORDER BY e.epoch, e.seq LIMIT $3"
    );
    LAST_LINK = "SELECT organization_id, number, link FROM chain_link WHERE organization_id = $1 ORDER BY number DESC LIMIT 1";
    INSERT_LINK = "INSERT INTO chain_link (organization_id, number, epoch, seq, link) VALUES ($1, $2, $3, $4, $5)";
    /// Each organization's last: the one behind which there is none.
    PAGE_HEADS = "SELECT c.organization_id, c.number, c.link FROM chain_link c WHERE c.organization_id > $1 AND NOT EXISTS \
                  (SELECT 1 FROM chain_link n WHERE n.organization_id = c.organization_id AND n.number = c.number + 1) \
                  ORDER BY c.organization_id LIMIT $2";
}

static INSERT_LINKS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!("INSERT INTO chain_link (organization_id, number, epoch, seq, link) VALUES {}", rows_of(5)))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    vec![("INSERT_LINKS".to_owned(), INSERT_LINKS.portable.clone())]
}

impl Column for Link {
    fn read(raw: Raw<'_>) -> Result<Self, Unreadable> {
        <[u8; 32]>::read(raw).map(Self::from_bytes)
    }
}

/// What a link covers, from the first columns of a row.
fn covered_of(row: &Row) -> Result<Vec<Field<'_>>, Unreadable> {
    let field = |index| {
        Ok(match row.raw(index)? {
            Raw::Null => Field::Absent,
            Raw::Text(text) => Field::Text(text),
            Raw::Integer(integer) => Field::Integer(integer),
            Raw::Bytes(bytes) => Field::Bytes(bytes),
        })
    };
    (0..COVERED).map(field).collect()
}

fn head(it: &mut Columns<'_>) -> Result<Head, Unreadable> {
    Ok(Head { organization_id: it.next()?, number: it.next()?, link: it.next()? })
}

impl Connection {
    /// Where the chains of all organizations end, by organization, behind one of them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_chain_heads_unchecked(
        &mut self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> StoreResult<Vec<Head>> {
        let after = after.map_or_else(String::new, |it| it.to_string());
        self.list(PAGE_HEADS, args![after, i64::from(limit)], "chain_link", head).await
    }

    /// Where the chain of the tenant's organization ends; nothing where none of its changes is linked yet.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_chain_head(&mut self, tenant: &Tenant) -> StoreResult<Option<Head>> {
        self.last_link(tenant.organization_id()).await
    }

    async fn last_link(&mut self, organization_id: OrganizationId) -> StoreResult<Option<Head>> {
        self.find(LAST_LINK, args![organization_id], "chain_link", head).await
    }
}

impl Tx {
    /// Links changes that are in no chain yet, the oldest first, and says how many those were.
    ///
    /// # Errors
    /// What any statement can meet; `Corrupt` where an event does not say whose it is, behind which nothing can be linked.
    pub async fn extend_chains_unchecked(&mut self, events_max: u32) -> StoreResult<u32> {
        let place = self.take_turn_unchecked(LogReader::Chain, Stream::Change).await?;
        let rows = self.fetch_all(UNLINKED, args![place.epoch, place.seq, i64::from(events_max)]).await?;
        let mut heads: HashMap<OrganizationId, Head> = HashMap::new();
        let (mut links, mut last) = (Vec::with_capacity(rows.len()), None);
        for row in &rows {
            let (position, organization_id) = decode("event", row, place_and_organization)?;
            let before = match heads.get(&organization_id) {
                Some(head) => Some(*head),
                None => self.last_link(organization_id).await?,
            };
            let fields = decode("event", row, |_| covered_of(row))?;
            let head = Head {
                organization_id,
                number: before.map_or(0, |it| it.number) + 1,
                link: Link::next(organization_id, before.map(|it| it.link), fields),
            };
            heads.insert(organization_id, head);
            links.push(args![organization_id, head.number, position.epoch, position.seq, *head.link.as_bytes()]);
            last = Some(position);
        }
        self.insert_links(links).await?;
        if let Some(last) = last {
            self.move_reader_unchecked(LogReader::Chain, Stream::Change, last).await?;
        }
        Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }

    async fn insert_links(&mut self, links: Vec<Vec<Value>>) -> StoreResult<()> {
        let (whole, rest) = links.as_chunks::<ROWS_PER_STATEMENT>();
        for rows in whole {
            self.execute_bulk(&INSERT_LINKS, rows.concat()).await?;
        }
        for row in rest {
            self.execute(INSERT_LINK, row.clone()).await?;
        }
        Ok(())
    }
}

fn place_and_organization(it: &mut Columns<'_>) -> Result<(Position, OrganizationId), Unreadable> {
    let position = crate::log::position(it)?;
    it.skip(COVERED - 2);
    Ok((position, it.next()?))
}
