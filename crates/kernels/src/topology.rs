//! How many threads are worth having, and where to put them.

/// Processors this process may run on, in rising order.
pub fn allowed_cores() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the set is plain data of the size that is passed, and the call only writes it.
        let set = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            (libc::sched_getaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &mut set) == 0).then_some(set)
        };
        if let Some(set) = set {
            // SAFETY: the index is within the set.
            let cores: Vec<usize> =
                (0..libc::CPU_SETSIZE as usize).filter(|&core| unsafe { libc::CPU_ISSET(core, &set) }).collect();
            if !cores.is_empty() {
                return cores;
            }
        }
    }
    (0..std::thread::available_parallelism().map_or(1, |n| n.get())).collect()
}

/// Binds the calling thread to one processor; without effect where the system has no such call.
pub(crate) fn pin_to(core: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the set is plain data of the size that is passed. A refusal leaves the thread where it was.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// Physical cores among the allowed processors, within the control group's quota rounded down; at least 1.
pub fn default_threads() -> usize {
    let allowed = allowed_cores();
    let physical = physical_cores(&allowed, |core| {
        std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")).ok()
    });
    let quota = quota_cores(|path| std::fs::read_to_string(path).ok());
    physical.min(quota.unwrap_or(usize::MAX)).max(1)
}

/// Counts each group of hardware threads once. `siblings` gives the text of the kernel's list, for example `0,4` or `0-1`.
fn physical_cores(allowed: &[usize], siblings: impl Fn(usize) -> Option<String>) -> usize {
    let mut groups: Vec<String> =
        allowed.iter().map(|&core| siblings(core).unwrap_or_else(|| core.to_string()).trim().to_owned()).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.len()
}

/// Whole processors the control group (v2, then v1) grants; `None` if it sets no limit.
fn quota_cores(read: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let (quota, period) = if let Some(max) = read("/sys/fs/cgroup/cpu.max") {
        let mut words = max.split_whitespace();
        (words.next()?.parse::<f64>().ok()?, words.next()?.parse::<f64>().ok()?)
    } else {
        let number = |path| read(path)?.trim().parse::<f64>().ok();
        (number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?, number("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?)
    };
    (quota > 0.0 && period > 0.0).then(|| (quota / period) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_threads_of_a_core_count_once() {
        let lists = ["0,2", "1,3", "0,2", "1,3"];
        assert_eq!(physical_cores(&[0, 1, 2, 3], |core| Some(format!("{}\n", lists[core]))), 2);
        assert_eq!(physical_cores(&[0, 1], |_| None), 2);
    }

    #[test]
    fn a_quota_is_rounded_down_and_max_is_none() {
        let v2 = |text: &str| {
            let text = text.to_owned();
            quota_cores(move |path| (path == "/sys/fs/cgroup/cpu.max").then(|| text.clone()))
        };
        assert_eq!(v2("250000 100000\n"), Some(2));
        assert_eq!(v2("max 100000\n"), None);
        let v1 = |quota: &'static str| {
            quota_cores(move |path| match path {
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us" => Some(quota.to_owned()),
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us" => Some("100000".to_owned()),
                _ => None,
            })
        };
        assert_eq!(v1("-1"), None);
        assert_eq!(v1("350000"), Some(3));
    }
}
