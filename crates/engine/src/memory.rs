//! How much memory this machine can still give.

use whit_kernels::topology::control_groups;

/// Bytes available to this process: the system's own estimate, within its control groups' limits. `None` where neither is
/// known.
pub fn available() -> Option<u64> {
    available_from(|path| std::fs::read_to_string(path).ok())
}

fn available_from(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let system = read("/proc/meminfo").and_then(|text| field(&text, "MemAvailable:")).map(|kib| kib * 1024);
    let groups = control_groups(&read, "memory").into_iter().filter_map(|(folder, second)| {
        let (limit, used) = match second {
            true => ("memory.max", "memory.current"),
            false => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        };
        let number = |name: &str| read(&format!("{folder}/{name}"))?.trim().parse::<u64>().ok();
        // Cached files count as used, but make room when room is needed; a model just downloaded is all cache.
        let stat = read(&format!("{folder}/memory.stat")).unwrap_or_default();
        let cache = ["active_file", "inactive_file"].iter().filter_map(|name| field(&stat, name)).sum::<u64>();
        Some(number(limit)?.saturating_sub(number(used)?.saturating_sub(cache)))
    });
    system.into_iter().chain(groups).min()
}

/// The number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_files_are_available_and_the_tightest_limit_counts() {
        let files = [
            ("/proc/meminfo", "MemTotal:       24689764 kB\nMemFree:         1 kB\nMemAvailable:   20000000 kB\n"),
            ("/proc/self/cgroup", "0::/app\n"),
            ("/sys/fs/cgroup/app/memory.max", "8000000000\n"),
            ("/sys/fs/cgroup/app/memory.current", "7000000000\n"),
            (
                "/sys/fs/cgroup/app/memory.stat",
                "anon 1000000000\nfile 6000000000\nactive_file 2000000000\ninactive_file 4000000000\n",
            ),
            ("/sys/fs/cgroup/memory.max", "max\n"),
        ];
        let read = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| text.to_string());
        assert_eq!(available_from(read), Some(7_000_000_000));
        assert_eq!(available_from(|path| read(path).filter(|_| path == "/proc/meminfo")), Some(20_480_000_000));
        assert_eq!(available_from(|_| None), None);
    }
}
