//! Style, script and icon, at addresses that name their content so that browsers may keep them for ever.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::token::sha256;
use http::{HeaderValue, header};

use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};

use crate::{refusal::Refusal, reply};

/// A file and its media type.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const STYLE: Asset = Asset {
    name: "style.css",
    media_type: "text/css; charset=utf-8",
    content: include_str!("../assets/style.css"),
};
const PASSKEY: Asset = Asset {
    name: "passkey.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/passkey.js"),
};
const FORM_POST: Asset = Asset {
    name: "form-post.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/form-post.js"),
};
const DOOR: Asset =
    Asset { name: "door.svg", media_type: "image/svg+xml", content: include_str!("../assets/door.svg") };
const ALL: [Asset; 4] = [STYLE, PASSKEY, FORM_POST, DOOR];

impl Asset {
    fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(&sha256(self.content.as_bytes())[..9])
    }
}

/// Addresses of the assets, below a folder.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    folder: String,
    style: String,
    passkey: String,
    form_post: String,
    door: String,
}

impl Assets {
    pub(crate) fn new() -> Self {
        let address = |asset: &Asset| format!("{}/{}", asset.hash(), asset.name);
        Self {
            folder: "/assets".to_owned(),
            style: address(&STYLE),
            passkey: address(&PASSKEY),
            form_post: address(&FORM_POST),
            door: address(&DOOR),
        }
    }

    /// The same on a service's host.
    pub(crate) fn on_service(&self) -> Self {
        Self { folder: "/.doorward/assets".to_owned(), ..self.clone() }
    }

    /// The same by whole addresses, for pages at hosts where we serve no assets.
    pub(crate) fn on_portal(&self, portal: &str) -> Self {
        Self { folder: format!("{portal}/assets"), ..self.clone() }
    }

    pub(crate) fn style(&self) -> String {
        format!("{}/{}", self.folder, self.style)
    }

    pub(crate) fn passkey(&self) -> String {
        format!("{}/{}", self.folder, self.passkey)
    }

    pub(crate) fn form_post(&self) -> String {
        format!("{}/{}", self.folder, self.form_post)
    }

    pub(crate) fn door(&self) -> String {
        format!("{}/{}", self.folder, self.door)
    }
}

/// `GET …/assets/{hash}/{name}`.
pub(crate) async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ALL.into_iter().find(|asset| asset.name == name && asset.hash() == hash) else {
        return Refusal::not_found().into_response();
    };
    let mut response = reply::with_type(asset.media_type, asset.content);
    let immutable = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, immutable);
    response
}
