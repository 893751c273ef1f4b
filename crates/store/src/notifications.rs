//! What people have to know, and how each wants to be told. A person's own, wherever what it is about stands; hence without a tenant.

use std::sync::LazyLock;

use claviger_core::event::Entity;
use claviger_core::id::{EventId, NotificationId, UserId};
use claviger_core::limits::{BANNERS_MAX, NOTIFICATIONS_COUNTED_MAX, NOTIFIED_ADMINS_MAX};
use claviger_core::name::{Email, Name, Slug};
use claviger_core::notification::{Channels, Facts, Notification, NotificationKind, NotificationState};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Json, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, statements};
use crate::value::{Argument as _, args, json};
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "n.id, n.user_id, n.organization_id, n.kind, n.subject_id, n.facts, n.deadline, n.state, n.created_at"
    };
}
/// With where what it is about stands.
macro_rules! rows {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            ", o.slug, o.name FROM notification n JOIN organization o ON o.id = n.organization_id "
        )
    };
}

statements! {
    INSERT =
        "INSERT INTO notification (id, user_id, organization_id, kind, subject_id, event_id, facts, deadline, state, mail, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (user_id, event_id, subject_id) DO NOTHING";
    /// Admins of the organization and of the one right above: of those beside it nobody is concerned.
    FIND_ADMINS =
        "SELECT DISTINCT m.user_id FROM organization_closure near JOIN member m ON m.organization_id = near.ancestor_id \
         JOIN role r ON r.id = m.role_id JOIN \"user\" u ON u.id = m.user_id \
         WHERE near.descendant_id = $1 AND near.depth <= 1 AND r.built_in = 'admin' AND u.status = 'active' \
         ORDER BY m.user_id LIMIT $2";
    FIND_RECIPIENT = "SELECT u.id FROM \"user\" u WHERE u.id = $1 AND u.status = 'active'";
    PAGE_ALL = concat!(rows!(), "WHERE n.user_id = $1 AND n.state <> 'dismissed' AND n.id < $2 ORDER BY n.id DESC LIMIT $3");
    PAGE_UNREAD = concat!(rows!(), "WHERE n.user_id = $1 AND n.state = 'unread' AND n.id < $2 ORDER BY n.id DESC LIMIT $3");
    FIND = concat!(rows!(), "WHERE n.id = $1 AND n.user_id = $2");
    COUNT_UNREAD =
        "SELECT count(*) FROM (SELECT 1 FROM notification n WHERE n.user_id = $1 AND n.state = 'unread' LIMIT $2) counted";
    FIND_ENDING = concat!(
        rows!(), "WHERE n.user_id = $1 AND n.deadline IS NOT NULL AND n.state IN ('unread', 'read') \
         AND n.deadline > $2 AND n.deadline <= $3 AND (n.subject_id = $4 OR $4 IS NULL) ORDER BY n.deadline, n.id LIMIT $5"
    );
    /// What was taken back is looked at and stays so: read, it would warn once more of what does not come.
    SET_STATE =
        "UPDATE notification SET state = $3 WHERE id = $1 AND user_id = $2 AND state <> $3 AND state <> 'dismissed' \
         AND (state <> 'withdrawn' OR $3 = 'dismissed')";
    READ_ALL =
        "UPDATE notification SET state = 'read' WHERE id IN (SELECT n.id FROM notification n \
         WHERE n.user_id = $1 AND n.state = 'unread' AND n.id <= $2 ORDER BY n.id LIMIT $3)";
    /// What does not come any more is not mailed either, be it that the reader put it away or wants mail alone.
    WITHDRAW =
        "UPDATE notification SET state = CASE WHEN state IN ('unread', 'read') THEN 'withdrawn' ELSE state END, mail = $4 \
         WHERE subject_id = $1 AND kind IN ($2, $3) AND (state IN ('unread', 'read') OR mail) AND organization_id = $5";
    /// Of what ended by itself; what is still to come stands.
    WITHDRAW_UNTIL =
        "UPDATE notification SET state = CASE WHEN state IN ('unread', 'read') THEN 'withdrawn' ELSE state END, mail = $4 \
         WHERE subject_id = $1 AND kind = $2 AND deadline <= $3 AND (state IN ('unread', 'read') OR mail) AND organization_id = $5";
    PURGE =
        "DELETE FROM notification WHERE id IN (SELECT n.id FROM notification n WHERE n.created_at < $1 ORDER BY n.created_at LIMIT $2)";
    FIND_CHOICES = "SELECT c.kind, c.in_app, c.mail FROM notification_choice c WHERE c.user_id = $1";
    FIND_CHOICE = "SELECT c.in_app, c.mail FROM notification_choice c WHERE c.user_id = $1 AND c.kind = $2";
    PUT_CHOICE =
        "INSERT INTO notification_choice (user_id, kind, in_app, mail) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id, kind) DO UPDATE SET in_app = excluded.in_app, mail = excluded.mail";
    /// The first wait counts; a try that failed is not made sooner by more to say. The turn that is there is written as it is, and so locked: whoever
    /// ends it waits, and then sees what is to be mailed.
    ADD_TURN =
        "INSERT INTO mail_turn (user_id, due_at, failures) VALUES ($1, $2, 0) \
         ON CONFLICT (user_id) DO UPDATE SET failures = mail_turn.failures";
    LOCK_TURN = "UPDATE mail_turn SET failures = failures WHERE user_id = $1";
    FIND_DUE_TURNS = "SELECT t.user_id FROM mail_turn t WHERE t.due_at <= $1 ORDER BY t.due_at, t.user_id LIMIT $2";
    /// Whoever takes a turn has it until then; after a crash somebody else does.
    TAKE_TURN =
        "UPDATE mail_turn SET due_at = $3, failures = failures + 1 WHERE user_id = $1 AND due_at <= $2 RETURNING failures";
    PUT_OFF_TURN = "UPDATE mail_turn SET due_at = $2 WHERE user_id = $1";
    END_TURN = "DELETE FROM mail_turn WHERE user_id = $1";
    AGAIN = "UPDATE mail_turn SET due_at = $2, failures = 0 WHERE user_id = $1";
    FIND_WAITING = concat!(rows!(), "WHERE n.user_id = $1 AND n.mail ORDER BY n.id LIMIT $2");
    /// Of two questions, since an index answers each.
    HAS_KEYS =
        "SELECT 1 FROM key k JOIN organization_closure c ON c.descendant_id = k.organization_id \
         WHERE k.owner_id = $1 AND k.standing <> 'revoked' AND c.ancestor_id = $2 \
         UNION ALL SELECT 1 FROM key k JOIN organization_closure c ON c.descendant_id = k.organization_id \
         WHERE k.mapped_user_id = $1 AND k.standing <> 'revoked' AND c.ancestor_id = $2 LIMIT 1";
    FIND_ADDRESS = "SELECT u.name, u.email FROM \"user\" u WHERE u.id = $1 AND u.status = 'active'";
}

static MARK_MAILED: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 2);
    Bulk::new(format!("UPDATE notification SET mail = $1 WHERE user_id = $2 AND id IN {places}"))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> [(String, String); 1] {
    [("MARK_MAILED".into(), MARK_MAILED.portable.clone())]
}

/// A notification as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRow {
    /// The notification.
    pub notification: Notification,
    /// The slug of the organization where what it is about stands.
    pub organization_slug: Slug,
    /// What that is called.
    pub organization_name: Name,
}

fn row(it: &mut Columns<'_>) -> Result<NotificationRow, Unreadable> {
    let notification = Notification {
        id: it.next()?,
        user_id: it.next()?,
        organization_id: it.next()?,
        kind: it.next()?,
        subject_id: it.next()?,
        facts: it.next::<Json<Facts>>()?.0,
        deadline: it.next()?,
        state: it.next()?,
        created_at: it.next()?,
    };
    Ok(NotificationRow { notification, organization_slug: it.next()?, organization_name: it.next()? })
}

fn channels(it: &mut Columns<'_>) -> Result<Channels, Unreadable> {
    Ok(Channels { in_app: it.next()?, mail: it.next()? })
}

impl Connection {
    /// Users who are not disabled and have a built-in admin role in the tenant's organization or in the one right above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_admins_concerned(&mut self, tenant: &Tenant) -> StoreResult<Vec<UserId>> {
        let arguments = args![tenant.organization_id(), NOTIFIED_ADMINS_MAX];
        self.list(FIND_ADMINS, arguments, "member", |it| it.next()).await
    }

    /// Whether a user can be told anything.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn is_recipient_unchecked(&mut self, user_id: UserId) -> StoreResult<bool> {
        Ok(self.fetch_optional(FIND_RECIPIENT, args![user_id]).await?.is_some())
    }

    /// A user's notifications, the newest first, without those that were dismissed; or only what nobody has looked at.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_notifications_unchecked(
        &mut self,
        user_id: UserId,
        only_unread: bool,
        request: &PageRequest,
    ) -> StoreResult<Page<NotificationRow>> {
        let statement = if only_unread { PAGE_UNREAD } else { PAGE_ALL };
        let arguments = args![user_id, request.before_id(), request.rows_to_read()];
        let rows = self.list(statement, arguments, "notification", row).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new("", it.notification.id)))
    }

    /// One of a user's notifications.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_notification_unchecked(
        &mut self,
        user_id: UserId,
        id: NotificationId,
    ) -> StoreResult<Option<NotificationRow>> {
        self.find(FIND, args![id, user_id], "notification", row).await
    }

    /// How many of a user's notifications nobody has looked at; counted up to [`NOTIFICATIONS_COUNTED_MAX`].
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_unread_unchecked(&mut self, user_id: UserId) -> StoreResult<u64> {
        self.number(COUNT_UNREAD, args![user_id, NOTIFICATIONS_COUNTED_MAX]).await
    }

    /// What a user was warned of that happens between two instants, the nearest first; a few. Of everything, or of one thing alone.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_ending_unchecked(
        &mut self,
        user_id: UserId,
        (from, until): (Timestamp, Timestamp),
        subject: Option<Entity>,
    ) -> StoreResult<Vec<NotificationRow>> {
        self.list(
            FIND_ENDING,
            args![user_id, from, until, subject.map(|it| it.to_string()), BANNERS_MAX],
            "notification",
            row,
        )
        .await
    }

    /// What a user chose of how to be told of each kind; where nothing is said, it is as for everybody.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_choices_unchecked(&mut self, user_id: UserId) -> StoreResult<Vec<(NotificationKind, Channels)>> {
        self.list(FIND_CHOICES, args![user_id], "notification_choice", |it| Ok((it.next()?, channels(it)?))).await
    }

    /// How a user wants to be told of a kind.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_channels_unchecked(&mut self, user_id: UserId, kind: NotificationKind) -> StoreResult<Channels> {
        let found = self.find(FIND_CHOICE, args![user_id, kind.as_str()], "notification_choice", channels).await?;
        Ok(found.unwrap_or(kind.by_default()))
    }

    /// Users whom mail waits for by an instant, the longest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_mail_turns_unchecked(&mut self, by: Timestamp, limit: u32) -> StoreResult<Vec<UserId>> {
        self.list(FIND_DUE_TURNS, args![by, i64::from(limit)], "mail_turn", |it| it.next()).await
    }

    /// What is to be mailed to a user, the oldest first, at most so much.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_unmailed_unchecked(&mut self, user_id: UserId, limit: u32) -> StoreResult<Vec<NotificationRow>> {
        self.list(FIND_WAITING, args![user_id, i64::from(limit)], "notification", row).await
    }

    /// Whether live keys of the tenant's organization or of one below belong to a user or act for them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_live_keys(&mut self, tenant: &Tenant, user_id: UserId) -> StoreResult<bool> {
        Ok(self.fetch_optional(HAS_KEYS, args![user_id, tenant.organization_id()]).await?.is_some())
    }

    /// What an active user is called, and the address of their mail.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_address_unchecked(&mut self, user_id: UserId) -> StoreResult<Option<(Name, Option<Email>)>> {
        self.find(FIND_ADDRESS, args![user_id], "user", |it| Ok((it.next()?, it.next()?))).await
    }
}

impl Tx {
    /// Tells a user something, once for each event.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_notification(
        &mut self,
        tenant: &Tenant,
        it: &Notification,
        event_id: EventId,
        mail_from: Option<Timestamp>,
    ) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "what it is about is the tenant's");
        let arguments = args![
            it.id,
            it.user_id,
            it.organization_id,
            it.kind.as_str(),
            it.subject_id,
            event_id,
            json(&it.facts),
            it.deadline,
            it.state.as_str(),
            mail_from.is_some(),
            it.created_at,
        ];
        let told = self.execute(INSERT, arguments).await?;
        if let Some(due_at) = mail_from.filter(|_| 0 < told) {
            self.execute(ADD_TURN, args![it.user_id, due_at]).await?;
        }
        Ok(())
    }

    /// Takes back what was told of a thing: two kinds of it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn withdraw_notifications(
        &mut self,
        tenant: &Tenant,
        subject: impl Into<Entity>,
        kinds: [NotificationKind; 2],
    ) -> StoreResult<()> {
        let [first, second] = kinds.map(NotificationKind::as_str);
        self.execute(WITHDRAW, args![subject.into().to_string(), first, second, false, tenant.organization_id()])
            .await
            .map(drop)
    }

    /// Takes back what was told of a thing that has ended by an instant: one kind of it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn withdraw_notifications_until(
        &mut self,
        tenant: &Tenant,
        subject: impl Into<Entity>,
        kind: NotificationKind,
        until: Timestamp,
    ) -> StoreResult<()> {
        let arguments = args![subject.into().to_string(), kind.as_str(), until, false, tenant.organization_id()];
        self.execute(WITHDRAW_UNTIL, arguments).await.map(drop)
    }

    /// Changes what has become of a user's notification; one that was dismissed stays so, and one that was taken back can only be dismissed.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn set_notification_state_unchecked(
        &mut self,
        user_id: UserId,
        id: NotificationId,
        state: NotificationState,
    ) -> StoreResult<()> {
        self.execute(SET_STATE, args![id, user_id, state.as_str()]).await.map(drop)
    }

    /// Marks a user's notifications as read, up to one of them; so many at a time, and says how many it were.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn read_notifications_unchecked(&mut self, user_id: UserId, until: NotificationId) -> StoreResult<u64> {
        self.execute(READ_ALL, args![user_id, until, ROWS_PURGED_MAX]).await
    }

    /// Clears away what came before an instant, whatever became of it; so much at a time, and says how much it was.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_notifications_unchecked(&mut self, before: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE, args![before, ROWS_PURGED_MAX]).await
    }

    /// Notes how a user wants to be told of a kind.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn put_choice_unchecked(
        &mut self,
        user_id: UserId,
        kind: NotificationKind,
        it: Channels,
    ) -> StoreResult<()> {
        self.execute(PUT_CHOICE, args![user_id, kind.as_str(), it.in_app, it.mail]).await.map(drop)
    }

    /// Takes the turn to mail a user, until an instant, and says how many turns this makes since mail went out; absent where somebody else has it.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn take_mail_turn_unchecked(
        &mut self,
        user_id: UserId,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<u64>> {
        self.find(TAKE_TURN, args![user_id, now, until], "mail_turn", |it| it.next()).await
    }

    /// Puts off the next try to mail a user.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn put_off_mail_unchecked(&mut self, user_id: UserId, until: Timestamp) -> StoreResult<()> {
        self.execute(PUT_OFF_TURN, args![user_id, until]).await.map(drop)
    }

    /// Notes that these were mailed to a user. In a transaction before the one that ends the turn: who tells locks notifications and turns in this
    /// order and in the other one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn mark_mailed_unchecked(&mut self, user_id: UserId, mailed: &[NotificationId]) -> StoreResult<()> {
        for chunk in mailed.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![false, user_id];
            arguments.extend(padded(chunk, NotificationId::value));
            self.execute_bulk(&MARK_MAILED, arguments).await?;
        }
        Ok(())
    }

    /// Ends a user's turn. Where more came meanwhile, its turn is at an instant.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn end_mail_unchecked(&mut self, user_id: UserId, more_at: Timestamp) -> StoreResult<()> {
        // Before it is looked whether there is more: what is not committed yet is not seen, and has the turn locked.
        self.execute(LOCK_TURN, args![user_id]).await?;
        let more = self.find_unmailed_unchecked(user_id, 1).await?;
        if more.is_empty() {
            self.execute(END_TURN, args![user_id]).await.map(drop)
        } else {
            self.execute(AGAIN, args![user_id, more_at]).await.map(drop)
        }
    }
}
