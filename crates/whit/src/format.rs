//! Sizes, durations and counts, as people write and read them.

use std::time::Duration;

pub use whit_server::parse_size;

/// `512 B`, `1.5 KiB`, `3.25 GiB`: three significant figures.
pub fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        // Above this, three figures would round to 1024 or more.
        if value < 1023.5 {
            return format!("{} {unit}", figures(value));
        }
        value /= 1024.0;
    }
    format!("{} TiB", figures(value))
}

/// `98 thousand`, `1.24 billion`.
pub fn count(count: u64) -> String {
    match count as f64 {
        n if n < 999.5 => format!("{count}"),
        n if n < 999.5e3 => format!("{} thousand", figures(n / 1e3)),
        n if n < 999.5e6 => format!("{} million", figures(n / 1e6)),
        n => format!("{} billion", figures(n / 1e9)),
    }
}

/// `830 µs`, `12.5 ms`, `3.21 s`, `4 min 05 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 999.5e-6 => format!("{} µs", figures(s * 1e6)),
        s if s < 0.9995 => format!("{} ms", figures(s * 1e3)),
        s if s < 59.95 => format!("{} s", figures(s)),
        s => format!("{} min {:02} s", (s.round() as u64) / 60, (s.round() as u64) % 60),
    }
}

/// A time as it is written in a configuration: `90 d`, `36 h`, `5 min`, `90 s`; in the largest unit of which it is a whole number.
pub fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match [(86_400, "d"), (3600, "h"), (60, "min")]
        .iter()
        .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit))
    {
        Some((unit, name)) if age.subsec_nanos() == 0 => format!("{} {name}", seconds / unit),
        _ => format!("{} s", figures(age.as_secs_f64())),
    }
}

/// `12.3 tokens/s`, or a dash if there was no time to speak of.
pub fn rate(tokens: usize, duration: Duration) -> String {
    match per_second(tokens, duration) {
        Some(rate) => format!("{} tokens/s", figures(rate)),
        None => "-".into(),
    }
}

/// Tokens per second, unless there were no tokens or no time.
pub fn per_second(tokens: usize, duration: Duration) -> Option<f64> {
    (tokens > 0 && !duration.is_zero()).then(|| tokens as f64 / duration.as_secs_f64())
}

/// At least three significant figures, all whole ones, no trailing point; zeros only where they count.
pub fn figures(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1000.0 {
        return format!("{value:.0}");
    }
    match value.abs() {
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Three significant figures, however small; all whole ones.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

/// `4.10 to 5.32`.
pub fn range(low: f64, high: f64) -> String {
    format!("{} to {}", significant(low), significant(high))
}

/// `131072` as `131,072`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

/// Lines of cells, as wide as the widest of their column: the first to the left, the others to the right.
pub fn columns(lines: &[Vec<String>]) -> String {
    let mut widths = vec![0; lines.iter().map(Vec::len).max().unwrap_or(0)];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_with_three_figures() {
        for (value, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.50 KiB"),
            (1048575, "1.00 MiB"),
            (5 << 40, "5 TiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn figures_have_three_digits_however_small() {
        let texts = [0.0, 1234.5, 12.345, 1.0, 0.00000234].map(significant);
        assert_eq!(texts, ["0", "1234", "12.3", "1.00", "0.00000234"]);
    }

    #[test]
    fn counts_and_durations() {
        assert_eq!(count(98), "98");
        assert_eq!(count(260_032), "260 thousand");
        assert_eq!(count(1_235_814_400), "1.24 billion");
        assert_eq!(duration(Duration::from_micros(830)), "830 µs");
        assert_eq!(duration(Duration::from_micros(12_480)), "12.5 ms");
        assert_eq!(duration(Duration::from_secs(245)), "4 min 05 s");
        let ages = [90 * 86_400, 36 * 3600, 300, 90].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["90 d", "36 h", "5 min", "90 s"]);
        assert_eq!(age(Duration::from_millis(2500)), "2.50 s");
        assert_eq!(rate(0, Duration::from_secs(1)), "-");
        assert_eq!(rate(100, Duration::from_secs(8)), "12.5 tokens/s");
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!([0, 999, 131_072].map(grouped), ["0", "999", "131,072"]);
    }

    #[test]
    fn cells_stand_below_each_other() {
        let lines = [["", "tokens"], ["größe", "7"], ["a", "12345678"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(columns(&lines), "         tokens\ngröße         7\na      12345678\n");
    }
}
