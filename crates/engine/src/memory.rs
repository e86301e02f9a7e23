//! How much memory this machine can still give.

/// Bytes available to this process: the system's own estimate, within the control group's limit. `None` where neither is known.
pub(crate) fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let system = read("/proc/meminfo").and_then(|text| available_kib(&text)).map(|kib| kib * 1024);
    let group = read("/sys/fs/cgroup/memory.max").and_then(|max| max.trim().parse::<u64>().ok()).map(|max| {
        max.saturating_sub(read("/sys/fs/cgroup/memory.current").and_then(|s| s.trim().parse().ok()).unwrap_or(0))
    });
    match (system, group) {
        (Some(system), Some(group)) => Some(system.min(group)),
        (system, group) => system.or(group),
    }
}

fn available_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_systems_estimate_is_found() {
        let text = "MemTotal:       24689764 kB\nMemFree:         1 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(super::available_kib(text), Some(20_000_000));
        assert_eq!(super::available_kib("MemTotal: 1 kB\n"), None);
    }
}
