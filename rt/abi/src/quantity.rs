//! How sizes and times are written: by the compiler's options and by the variables of a run alike.

/// Nanoseconds in a second.
pub const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// Bytes written as `4096`, `64K`, `16M` or `2G` (powers of 1024; a `B` or `iB` may follow); `None` for
/// anything else, and for what does not fit.
pub fn parse_size(text: &[u8]) -> Option<u64> {
    let (digits, unit) = split_number(text);
    let shift = match unit {
        b"" | b"B" => 0,
        b"K" | b"KB" | b"KiB" => 10,
        b"M" | b"MB" | b"MiB" => 20,
        b"G" | b"GB" | b"GiB" => 30,
        _ => return None,
    };
    parse_decimal(digits)?.checked_mul(1 << shift)
}

/// Nanoseconds written as `5`, `1.5` or `5s` (seconds), `500ms`, `2m` or `1h`; `None` for anything else, for
/// nothing at all (no program ends before it starts), and for what does not fit.
pub fn parse_duration(text: &[u8]) -> Option<u64> {
    let (number, unit) = split_number(text);
    let unit_ns = match unit {
        b"" | b"s" => NANOSECONDS_PER_SECOND,
        b"ms" => NANOSECONDS_PER_SECOND / 1000,
        b"m" => 60 * NANOSECONDS_PER_SECOND,
        b"h" => 3600 * NANOSECONDS_PER_SECOND,
        _ => return None,
    };
    let mut parts = number.splitn(2, |&byte| byte == b'.');
    let whole = parse_decimal(parts.next()?)?.checked_mul(unit_ns)?;
    let fraction = parts.next().map_or(Some(0), |digits| parse_fraction(digits, unit_ns))?;
    whole.checked_add(fraction).filter(|&total| total > 0)
}

/// A decimal number, of at least one digit.
pub fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The digits behind a point, as a part of `unit`.
fn parse_fraction(digits: &[u8], mut unit: u64) -> Option<u64> {
    parse_decimal(&digits[..digits.len().min(1)])?;
    digits.iter().try_fold(0, |sum, &byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        unit /= 10;
        Some(sum + u64::from(digit) * unit)
    })
}

/// The digits (and points) at the beginning, and the rest.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, size) in [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64K", Some(65_536)),
            ("16MiB", Some(16 << 20)),
            ("2G", Some(2 << 30)),
            ("", None),
            ("K", None),
            ("1.5M", None),
            ("-1", None),
            ("1T", None),
            ("18446744073709551616", None),
            ("18446744073709551615K", None),
        ] {
            assert_eq!(parse_size(text.as_bytes()), size, "{text}");
        }
    }

    #[test]
    fn durations_are_seconds_unless_they_say_otherwise() {
        const SECOND: u64 = NANOSECONDS_PER_SECOND;
        for (text, duration) in [
            ("5", Some(5 * SECOND)),
            ("5s", Some(5 * SECOND)),
            ("1.5", Some(SECOND * 3 / 2)),
            ("0.25s", Some(SECOND / 4)),
            ("500ms", Some(SECOND / 2)),
            ("2m", Some(120 * SECOND)),
            ("1h", Some(3600 * SECOND)),
            ("0", None),
            ("0.0", None),
            ("", None),
            ("s", None),
            ("1.", None),
            (".5", None),
            ("1.2.3", None),
            ("-1", None),
            ("1d", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_duration(text.as_bytes()), duration, "{text}");
        }
    }
}
