//! The forgiving date of `Expires` (RFC 6265 section 5.1.1).

use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date; one before 1970 is 1970. None if it is no date, and then the attribute is ignored.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|token| !token.is_empty())
    {
        if time.is_none() && token.contains(':') {
            time = Some(time_of_day(token)?);
        } else if let Ok(number) = token.parse::<u64>() {
            // The day of the month comes before the year in every form of the date.
            if day.is_none() {
                day = Some(number);
            } else {
                year = year.or(Some(number));
            }
        } else if month.is_none() {
            month = token
                .get(..3)
                .and_then(|start| MONTHS.iter().position(|name| start.eq_ignore_ascii_case(name)));
        }
    }
    let year = match year? {
        short @ 0..=69 => short + 2000,
        short @ 70..=99 => short + 1900,
        full => full,
    };
    let day = day.filter(|day| (1..=31).contains(day))?;
    if !(1601..=9999).contains(&year) {
        return None;
    }
    let days = days_since_epoch(year, month? as u64 + 1, day);
    let seconds = days.map_or(0, |days| days * 86_400 + time.unwrap_or(0));
    time?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn time_of_day(token: &str) -> Option<u64> {
    let mut parts = token.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Days from 1 January 1970 in the Gregorian calendar; none before.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}
