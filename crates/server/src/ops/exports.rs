//! Exports: the whole of a list, page by page, for as long as the caller may see it.

use claviger_core::id::OrganizationId;
use claviger_core::limits::{EXPORTED_EVENTS_MAX, PAGE_ITEMS_MAX};

use super::caller::Caller;
use super::error::OpResult;
use super::page::{Cursor, Page, PageRequest};
use crate::app::App;

/// What narrows a list, and so says which one it is.
pub trait Listed: Send + Sync + Sized + 'static {
    /// What stands in it.
    type Row: Send;

    /// A page of the list, newest first.
    ///
    /// # Errors
    /// Refusals.
    fn page(
        &self,
        app: &App,
        caller: &Caller,
        organization_id: OrganizationId,
        page: PageRequest,
    ) -> impl Future<Output = OpResult<Page<Self::Row>>> + Send;
}

/// The newest [`EXPORTED_EVENTS_MAX`] of a list.
#[derive(Debug)]
pub struct Export<L> {
    app: App,
    caller: Caller,
    organization_id: OrganizationId,
    list: L,
    next: Option<Cursor>,
    is_over: bool,
    left: u32,
}

impl<L: Listed> Export<L> {
    /// Prepares an export for a caller who may see the list.
    pub(super) fn new(app: &App, caller: &Caller, organization_id: OrganizationId, list: L) -> Self {
        let (app, caller) = (app.clone(), caller.clone());
        Self { app, caller, organization_id, list, next: None, is_over: false, left: EXPORTED_EVENTS_MAX }
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// Refusals: who loses the right meanwhile is told no more.
    pub async fn next_page(&mut self) -> OpResult<Vec<L::Row>> {
        if self.is_over || self.left == 0 {
            return Ok(Vec::new());
        }
        let page = PageRequest { after: self.next.take(), limit: self.left.min(PAGE_ITEMS_MAX) };
        let page = self.list.page(&self.app, &self.caller, self.organization_id, page).await?;
        self.left -= u32::try_from(page.items.len()).unwrap_or(self.left).min(self.left);
        self.is_over = page.next.is_none();
        self.next = page.next;
        Ok(page.items)
    }
}
