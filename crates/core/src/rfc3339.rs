//! Dates and times as people write them (RFC 3339).

use crate::time::UnixTime;

/// Reads `2027-01-31` (00:00 UTC of that day), or `2027-01-31T12:00:00Z` with any offset. Fractions of seconds are left
/// out. `None` for anything else, and for days that do not exist.
pub fn parse(text: &str) -> Option<UnixTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = days(date)?;
    if rest.is_empty() {
        return Some(UnixTime(day * 86_400));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let seconds = of_clock(clock)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.find(|letter: char| !letter.is_ascii_digit())?;
            if end == 0 {
                return None;
            }
            &fraction[end..]
        }
        None => rest,
    };
    Some(UnixTime(day * 86_400 + seconds - offset(rest)?))
}

/// Writes a time in UTC, such as `2027-01-31T12:00:00Z`.
pub fn write(time: UnixTime) -> String {
    let (day, second) = (time.0.div_euclid(86_400), time.0.rem_euclid(86_400));
    // Days since the first of March of the year 0; years that begin in March end with the leap day.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01, in the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || !(1..=longest).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day; 400 of them are 146,097 days.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468)
}

/// Seconds since midnight; a leap second is the one before it.
fn of_clock(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute, second) =
        (number(parts.next()?, 2)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let possible = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    possible.then(|| hour * 3600 + minute * 60 + second.min(59))
}

/// Seconds that the clock of this offset is ahead of UTC.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text[1..].split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29", 951_782_400),
            ("2027-01-31", 1_801_353_600),
            ("2027-01-31T12:00:00+02:00", 1_801_389_600),
            ("2027-01-31T12:00:00.25-00:30", 1_801_398_600),
            ("2027-01-31 00:00:00z", 1_801_353_600),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(UnixTime(expected)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in [
            "",
            "2027",
            "2027-1-31",
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-01",
            "2027-04-31",
            "31.01.2027",
            "2027-01-31T12:00:00",
            "2027-01-31T24:00:00Z",
            "2027-01-31T12:00Z",
            "2027-01-31T12:00:00.Z",
            "2027-01-31T12:00:00+2",
            "2027-01-31x",
            "+027-01-31",
            "２０２７-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(write(UnixTime(0)), "1970-01-01T00:00:00Z");
        assert_eq!(write(UnixTime(1_767_225_600)), "2026-01-01T00:00:00Z");
        assert_eq!(write(UnixTime(951_782_399)), "2000-02-28T23:59:59Z");
        for day in (0..60_000).step_by(17) {
            let time = UnixTime(day * 86_400 + day % 86_400);
            assert_eq!(parse(&write(time)), Some(time), "{day}");
        }
    }
}
