//! Deliveries: one event on its way to one webhook.

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is still to be made, or tried again.
    Pending,
    /// It arrived.
    Delivered,
    /// It is not tried again, unless somebody asks for it.
    Failed,
    /// Its webhook ended before it could be made. Stored as pending, since a webhook with a long backlog ends in one short transaction.
    Cancelled,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Cancelled];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// What a delivery is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// One of our own changes.
    Change,
    /// What a host reported.
    Host,
    /// Nothing that happened: somebody wanted to see whether it arrives.
    Test,
}

impl Source {
    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Host => "host",
            Self::Test => "test",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Change, Self::Host, Self::Test].into_iter().find(|it| it.as_str() == text)
    }
}
