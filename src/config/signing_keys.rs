//! `[signing_keys]`: how often the keys that sign tokens are replaced.

use doorward_core::{jose::rotation::Schedule, oidc::discovery::KEY_SET_AGE, time::Lifetime};

use super::{reader::Section, value};

const ROTATE: (u32, u32) = (86_400, 3650 * 86_400);
/// Less than the time for which caches may keep the key set would leave applications without the key that signs.
const AHEAD: (u32, u32) = (4 * KEY_SET_AGE.0, 30 * 86_400);

pub(super) fn read(section: Option<Section<'_>>) -> Schedule {
    let default = Schedule::default();
    let Some(mut section) = section else { return default };
    let rotate_every = value::lifetime(&mut section, "rotate_every", ROTATE, default.rotate_every);
    // Who shortens the one has shortened the other.
    let ahead = default.publish_ahead.min(Lifetime(rotate_every.0 / 2));
    let publish_ahead = value::lifetime(&mut section, "publish_ahead", AHEAD, ahead);
    if publish_ahead >= rotate_every {
        let place = section.place_of("publish_ahead");
        let help = "a key signs for `rotate_every` (90d if not written) and is published `publish_ahead` before that";
        section.findings.add("E008", &place, "`publish_ahead` is not shorter than `rotate_every`", help);
    }
    section.finish();
    Schedule { rotate_every, publish_ahead }
}
