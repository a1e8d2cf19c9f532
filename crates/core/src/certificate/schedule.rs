//! When a certificate is renewed, and how long to wait after a failure.

use crate::time::UnixTime;

/// The wait after the first failure, in seconds. Each further one doubles it: at most five attempts in the first hour,
/// which is what Let's Encrypt allows for a name.
const FIRST_WAIT: i64 = 120;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 6 * 3600;

/// When a certificate should be renewed, as its issuer says (RFC 9773 section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// From when on.
    pub start: UnixTime,
    /// Until when.
    pub end: UnixTime,
}

/// When to renew: at a random moment of the issuer's window, or else when two thirds of the certificate's life are
/// over. `random` spreads many over the window.
pub fn renewal_at(valid: Window, suggested: Option<Window>, random: u32) -> UnixTime {
    match suggested {
        Some(window) if window.start <= window.end => {
            UnixTime(part(window, i64::from(random), i64::from(u32::MAX)))
        }
        _ => UnixTime(part(valid, 2, 3)),
    }
}

fn part(window: Window, numerator: i64, denominator: i64) -> i64 {
    let length = i128::from(window.end.0) - i128::from(window.start.0);
    let offset = length * i128::from(numerator) / i128::from(denominator);
    i64::try_from(i128::from(window.start.0) + offset).unwrap_or(i64::MAX)
}

/// When to try again after `failures` in a row, the last one `now`: exponential, up to a quarter later by `random`, and
/// never before `retry_after` seconds, if the authority named them.
pub fn attempt_again_at(now: UnixTime, failures: u32, retry_after: Option<u32>, random: u32) -> UnixTime {
    let doubled =
        FIRST_WAIT.saturating_mul(1_i64.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(1));
    let wait = doubled.min(LONGEST_WAIT);
    let jitter = wait / 4 * i64::from(random) / i64::from(u32::MAX);
    UnixTime(now.0.saturating_add((wait + jitter).max(retry_after.map_or(0, i64::from))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64, end: i64) -> Window {
        Window { start: UnixTime(start), end: UnixTime(end) }
    }

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_life() {
        assert_eq!(renewal_at(window(1000, 91_000), None, 7), UnixTime(61_000));
    }

    #[test]
    fn the_issuers_window_counts_before_ours() {
        let valid = window(0, 90_000);
        assert_eq!(renewal_at(valid, Some(window(100, 200)), 0), UnixTime(100));
        assert_eq!(renewal_at(valid, Some(window(100, 200)), u32::MAX), UnixTime(200));
        assert_eq!(renewal_at(valid, Some(window(100, 200)), u32::MAX / 2), UnixTime(149));
        // A window that ends before it begins is none.
        assert_eq!(renewal_at(valid, Some(window(200, 100)), 0), UnixTime(60_000));
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<i64> =
            (1..=12).map(|failures| attempt_again_at(UnixTime(0), failures, None, 0).0).collect();
        assert_eq!(waits, [120, 240, 480, 960, 1920, 3840, 7680, 15_360, 21_600, 21_600, 21_600, 21_600]);
        assert_eq!(attempt_again_at(UnixTime(0), u32::MAX, None, u32::MAX), UnixTime(27_000));
    }

    #[test]
    fn no_name_is_tried_more_than_five_times_in_an_hour() {
        let (mut now, mut attempts) = (UnixTime(0), 1);
        for failures in 1.. {
            now = attempt_again_at(now, failures, None, 0);
            if now.0 >= 3600 {
                break;
            }
            attempts += 1;
        }
        assert_eq!(attempts, 5);
    }

    #[test]
    fn an_authority_that_asks_for_patience_gets_it() {
        assert_eq!(attempt_again_at(UnixTime(10), 1, Some(86_400), 0), UnixTime(86_410));
        assert_eq!(attempt_again_at(UnixTime(10), 1, Some(5), 0), UnixTime(130));
    }
}
