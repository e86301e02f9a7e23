//! How many threads are worth having, and where to put them.

/// Processors this process may run on, in rising order: with hyper-threading, more than there are cores.
pub fn allowed_processors() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the set is plain data of the size that is passed, and the call only writes it.
        let set = unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            (libc::sched_getaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &mut set) == 0).then_some(set)
        };
        if let Some(set) = set {
            // SAFETY: the index is within the set.
            let processors: Vec<usize> =
                (0..libc::CPU_SETSIZE as usize).filter(|&number| unsafe { libc::CPU_ISSET(number, &set) }).collect();
            if !processors.is_empty() {
                return processors;
            }
        }
    }
    (0..std::thread::available_parallelism().map_or(1, |n| n.get())).collect()
}

/// Binds the calling thread to some processors; without effect where the system has no such call.
pub(crate) fn pin_to(processors: &[usize]) {
    #[cfg(target_os = "linux")]
    // SAFETY: the set is plain data of the size that is passed. A refusal leaves the thread where it was.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        processors.iter().for_each(|&number| libc::CPU_SET(number, &mut set));
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = processors;
}

/// Whether one stream of reads runs at the memory's full speed without being asked for ahead. It does on AMD's processors, and
/// more streams or prefetches slow it down; on Intel's it is the other way round (`docs/decisions/0002-streaming-weights.md`).
pub(crate) fn reads_ahead_well() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        static AMD: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
            let vendor = std::arch::x86_64::__cpuid(0);
            let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat();
            name == b"AuthenticAMD" || name == b"HygonGenuine"
        });
        *AMD
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The allowed processors, by the physical core they belong to.
pub(crate) fn cores() -> Vec<Vec<usize>> {
    by_core(&allowed_processors(), |number| {
        std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")).ok()
    })
}

/// Physical cores among the allowed processors, within the control groups' quotas rounded down; at least 1.
pub fn default_threads() -> usize {
    let quota = quota_cores(|path| std::fs::read_to_string(path).ok());
    cores().len().min(quota.unwrap_or(usize::MAX)).max(1)
}

/// Folders of the control groups this process is in, its own first, then those around it: what limits them limits it.
/// `read` reads a file; `controller` is named in version 1 of the interface. Whether a folder is of version 2 comes with it.
pub fn control_groups(read: impl Fn(&str) -> Option<String>, controller: &str) -> Vec<(String, bool)> {
    let mut folders = Vec::new();
    for line in read("/proc/self/cgroup").unwrap_or_default().lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let root = match controllers {
            "" => "/sys/fs/cgroup".to_owned(),
            _ if controllers.split(',').any(|c| c == controller) => format!("/sys/fs/cgroup/{controller}"),
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            folders.push((format!("{root}{path}"), controllers.is_empty()));
            let Some(parent) = path.rfind('/') else { break };
            path = &path[..parent];
        }
    }
    folders
}

/// Puts hardware threads of a core together, cores in the order of their first. `siblings` gives the text of the kernel's list, for example `0,4` or `0-1`.
fn by_core(allowed: &[usize], siblings: impl Fn(usize) -> Option<String>) -> Vec<Vec<usize>> {
    let mut cores: Vec<(String, Vec<usize>)> = vec![];
    for &number in allowed {
        let name = siblings(number).unwrap_or_else(|| number.to_string()).trim().to_owned();
        match cores.iter_mut().find(|(other, _)| *other == name) {
            Some((_, processors)) => processors.push(number),
            None => cores.push((name, vec![number])),
        }
    }
    cores.into_iter().map(|(_, processors)| processors).collect()
}

/// Whole processors the tightest control group grants; `None` if none sets a limit.
fn quota_cores(read: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let quota = |(folder, second): (String, bool)| {
        let (quota, period) = if second {
            let max = read(&format!("{folder}/cpu.max"))?;
            let mut words = max.split_whitespace();
            (words.next()?.parse::<f64>().ok()?, words.next()?.parse::<f64>().ok()?)
        } else {
            let number = |name: &str| read(&format!("{folder}/{name}"))?.trim().parse::<f64>().ok();
            (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
        };
        (quota > 0.0 && period > 0.0).then(|| (quota / period) as usize)
    };
    control_groups(&read, "cpu").into_iter().filter_map(quota).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_threads_of_a_core_count_once() {
        let lists = ["0,2", "1,3", "0,2", "1,3"];
        assert_eq!(by_core(&[0, 1, 2, 3], |number| Some(format!("{}\n", lists[number]))), [[0, 2], [1, 3]]);
        assert_eq!(by_core(&[0, 1], |_| None), [[0], [1]]);
    }

    #[test]
    fn the_tightest_quota_around_counts_rounded_down() {
        let files = |all: &'static [(&'static str, &'static str)]| {
            move |path: &str| all.iter().find(|(name, _)| *name == path).map(|(_, text)| text.to_string())
        };
        let second = files(&[
            ("/proc/self/cgroup", "0::/user/app\n"),
            ("/sys/fs/cgroup/user/app/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/user/cpu.max", "250000 100000\n"),
        ]);
        assert_eq!(quota_cores(second), Some(2));
        assert_eq!(
            quota_cores(files(&[("/proc/self/cgroup", "0::/\n"), ("/sys/fs/cgroup/cpu.max", "max 100000\n")])),
            None
        );
        let first = files(&[
            ("/proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory:/\n"),
            ("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_quota_us", "350000\n"),
            ("/sys/fs/cgroup/cpu/docker/1/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(quota_cores(first), Some(3));
    }
}
