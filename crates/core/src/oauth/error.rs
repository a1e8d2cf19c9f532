//! Error codes of OAuth and OpenID Connect.

/// A registered error code. The text that goes with it is written where it is raised.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    /// RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1.
    InvalidRequest,
    /// RFC 6749 section 5.2.
    InvalidClient,
    /// RFC 6749 section 5.2.
    InvalidGrant,
    /// RFC 6749 sections 4.1.2.1 and 5.2.
    UnauthorizedClient,
    /// RFC 6749 section 5.2.
    UnsupportedGrantType,
    /// RFC 6749 sections 4.1.2.1 and 5.2.
    InvalidScope,
    /// RFC 6749 section 4.1.2.1.
    AccessDenied,
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 section 4.1.2.1.
    ServerError,
    /// RFC 6749 section 4.1.2.1.
    TemporarilyUnavailable,
    /// OpenID Connect Core section 3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core section 3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core Unmet Authentication Requirements 1.0 section 2.
    UnmetAuthenticationRequirements,
    /// OpenID Connect Core section 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RequestUriNotSupported,
    /// OpenID Connect Core section 3.1.2.6.
    RegistrationNotSupported,
    /// RFC 6750 section 3.1.
    InvalidToken,
    /// RFC 8628 section 3.5.
    AuthorizationPending,
    /// RFC 8628 section 3.5.
    SlowDown,
    /// RFC 8628 section 3.5.
    ExpiredToken,
}

impl ErrorCode {
    /// The registered name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidToken => "invalid_token",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
        }
    }
}
