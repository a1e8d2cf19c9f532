//! `[services.<name>.basic]`: names and passwords of a file.

use std::sync::Arc;

use doorward_core::policy::{Posture, Realm};
use http::HeaderName;

use crate::config::{
    reader::Section,
    service::{Context, closing::Closing, disclosure},
    value,
};

/// Largest file of names and hashes that is read, in bytes.
const SIZE_MAX: u64 = 1024 * 1024;

/// Reads who may sign in by name and password. They are known when their file is read.
pub(super) fn read(
    section: &mut Section<'_>,
    context: &Context<'_>,
    closing: &Closing,
) -> Option<Arc<Realm>> {
    let (place, node) = section.take(&["basic"])?;
    let mut section = Section::new(place, node, section.findings)?;
    let file = section.required(&["users_file", "usersFile"], "name the file of `name:hash` lines");
    let realm = section.text(&["realm"]);
    let user_header = section.text(&["user_header"]);
    section.finish();
    let realm = match realm {
        None => "Restricted".to_owned(),
        Some(text)
            if text.text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') =>
        {
            text.text
        }
        Some(text) => {
            let message = format!("`{}` can't be shown by every browser", text.text);
            context.findings.add("E005", &text.place, message, "use ASCII letters, digits and spaces");
            return None;
        }
    };
    let user_header: Option<HeaderName> = match user_header {
        None => None,
        Some(text) => Some(disclosure::header_name(&text.text, &text.place, context.findings)?),
    };
    let file = file?;
    let path = value::file(context.source, &file);
    let empty = Realm::new(realm, user_header);
    let mut complete = empty.clone();
    closing.read_later(file.place, "closed_users_file", move |service| {
        let shown = path.display();
        let unreadable = |error: std::io::Error| format!("the users {shown} can't be read: {error}");
        let size = std::fs::metadata(&path).map_err(unreadable)?.len();
        if size > SIZE_MAX {
            return Err(format!("the users {shown} have {size} bytes; at most {SIZE_MAX} are read"));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        complete.read(&text).map_err(|problem| format!("the users {shown}: {problem}"))?;
        if let Posture::Basic(realm) = &mut service.guard.posture {
            *realm = Arc::new(complete);
        }
        Ok(())
    });
    Some(Arc::new(empty))
}
