//! OpenID Connect Core as data and decisions.
