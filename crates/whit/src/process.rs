//! What the system says about this process.

/// Most memory the process has had resident, in bytes; `None` where the system does not say.
pub fn peak_resident_bytes() -> Option<u64> {
    status_field("VmHWM:")
}

/// Memory the process has resident now, in bytes; `None` where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    status_field("VmRSS:")
}

/// A field of Linux's `/proc/self/status`, which are in KiB (proc_pid_status(5)).
fn status_field(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
