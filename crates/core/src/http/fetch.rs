//! What a browser says about where a request comes from (Fetch Metadata, RFC 6454).

/// What a browser says about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchMetadata {
    /// Who started it.
    pub site: Site,
    /// Whether a person is navigating to a page, who can then be sent somewhere else to sign in.
    pub navigation: bool,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
}

/// Who started a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// A page of the same origin, or the person (typed, bookmark).
    Own,
    /// A page of any other origin, siblings under the same domain included.
    Other,
    /// The client does not say: no browser of this decade.
    Unknown,
}
