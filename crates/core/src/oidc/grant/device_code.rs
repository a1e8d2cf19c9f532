//! A device asks for its tokens (RFC 8628 sections 3.4 and 3.5).

use super::{Granted, TokenError};
use crate::{
    oauth::{client::Client, error::ErrorCode, parameters::Parameters},
    policy::Permit,
    time::UnixTime,
    token::{Device, Plain},
};

/// A request of a device.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The device code.
    pub device_code: Plain<Device>,
}

impl Request {
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, TokenError> {
        let code = parameters
            .value("device_code")
            .ok_or_else(|| TokenError::invalid_request("device_code is missing"))?;
        Ok(Self { device_code: Plain::parse(code).ok_or_else(TokenError::not_valid)? })
    }
}

/// Why a device has no tokens yet, or never will.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Nobody has decided.
    Pending,
    /// It asks too often, and must from now on wait [`super::super::device::INTERVAL`] longer.
    TooFast,
    /// The person refused.
    Refused,
    /// Nobody decided in time.
    Expired,
}

impl From<Waiting> for TokenError {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::Pending => Self::new(ErrorCode::AuthorizationPending, "nobody has decided yet"),
            Waiting::TooFast => {
                Self::new(ErrorCode::SlowDown, "wait five seconds longer between two requests")
            }
            Waiting::Refused => Self::new(ErrorCode::AccessDenied, "the person refused"),
            Waiting::Expired => Self::new(ErrorCode::ExpiredToken, "nobody decided in time"),
        }
    }
}

/// Whether tokens may be issued on what a person granted: the policy of now is asked again, as by every grant (O-17).
pub fn check(granted: &Granted<'_>, client: &Client, now: UnixTime) -> Result<Permit, TokenError> {
    granted.admit(client, now)
}
