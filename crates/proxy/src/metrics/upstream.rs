//! What can go wrong with an upstream, as metrics tell it.

/// Why a permitted request got no answer of an upstream, or not a whole one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// No connection could be made.
    Connect,
    /// None was made in time.
    Timeout,
    /// One was made, but TLS was not.
    Tls,
    /// A connection, or a stream on one, broke before the answer.
    Reset,
    /// It was closed before the answer.
    Closed,
    /// What came can't be read in one way only, or was not asked for.
    Invalid,
    /// It was not asked: its health checks fail.
    Unwell,
    /// The answer did not begin within the service's limit of time.
    TooSlow,
    /// The answer broke off in its middle.
    Broken,
}

impl Fault {
    /// Each of them, in order, with its word.
    pub(crate) const ALL: [(Self, &'static str); Self::KINDS] = [
        (Self::Connect, "connect"),
        (Self::Timeout, "timeout"),
        (Self::Tls, "tls"),
        (Self::Reset, "reset"),
        (Self::Closed, "closed"),
        (Self::Invalid, "invalid"),
        (Self::Unwell, "unwell"),
        (Self::TooSlow, "too_slow"),
        (Self::Broken, "broken"),
    ];
    /// How many there are.
    pub(crate) const KINDS: usize = Self::Broken as usize + 1;
}
