//! Sizes, as people write them.

/// Reads a size: `500000000`, `512MiB`, `2GiB`, `1.5GB`. A bare `K`, `M`, `G` or `T` is binary, as in `ls -h`.
///
/// # Errors
/// A sentence with examples, for anything else or a size of 2^63 bytes or more.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is not a size; write it like 2GiB, 1.5GB, 800MiB or 2147483648");
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor).ok_or_else(wrong)?,
        Err(_) => {
            let value = number.parse::<f64>().map_err(|_| wrong())? * factor as f64;
            if value.is_finite() { value as u64 } else { return Err(wrong()) }
        }
    };
    if bytes == 0 || bytes >= 1 << 63 { Err(wrong()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("2147483648", 2 << 30),
            ("2GiB", 2 << 30),
            ("2 GiB", 2 << 30),
            ("2g", 2 << 30),
            ("1.5KiB", 1536),
            ("1.5GB", 1_500_000_000),
            ("800MB", 800_000_000),
            ("64k", 65536),
            ("7b", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "GiB", "-1GiB", "2 gigs", "1e9", "1.2.3G", "9223372036854775808", "99999999999TiB", "nan"]
        {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
