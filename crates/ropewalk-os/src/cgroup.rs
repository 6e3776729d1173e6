//! How much memory and how many processors this process's container may use.
//!
//! Shared memory counts against the limit when it is first written, and beyond it the kernel kills instead of
//! refusing. So who is about to keep much asks first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that the tightest control group around this process may use; `None` if none is limited, or if that can
/// not be read. Asked for once.
///
/// ```
/// assert_eq!(ropewalk_os::cgroup::memory_limit(), ropewalk_os::cgroup::memory_limit());
/// ```
pub fn memory_limit() -> Option<u64> {
    /// No limit, among limits.
    const NONE: u64 = u64::MAX;
    /// Zero: not asked yet. Not a OnceLock: a forked child must not wait for a thread that it has not.
    static LIMIT: AtomicU64 = AtomicU64::new(0);
    let mut limit = LIMIT.load(Ordering::Relaxed);
    if limit == 0 {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        limit = tightest(&groups, Path::new("/sys/fs/cgroup")).unwrap_or(NONE).max(1);
        LIMIT.store(limit, Ordering::Relaxed);
    }
    (limit != NONE).then_some(limit)
}

/// Processors that the tightest control group around this process may use, in processors' time: 1.5 is one and a
/// half. `None` if none is limited, or if that can not be read. Asked for anew each time.
///
/// ```
/// assert!(ropewalk_os::cgroup::cpu_limit().is_none_or(|processors| processors > 0.0));
/// ```
pub fn cpu_limit() -> Option<f64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    fewest(&groups, Path::new("/sys/fs/cgroup"))
}

/// How many processes of this process's control group, or of the container around it, the kernel has killed for want of
/// memory; 0 if that can not be read. Asked for anew each time.
///
/// ```
/// let before = ropewalk_os::cgroup::out_of_memory_kills();
/// assert!(ropewalk_os::cgroup::out_of_memory_kills() >= before);
/// ```
pub fn out_of_memory_kills() -> u64 {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    kills(&groups, Path::new("/sys/fs/cgroup")).unwrap_or(0)
}

/// Bytes that the processes of this process's control group use; `None` if that can not be read. Asked for anew each
/// time.
///
/// ```
/// assert!(ropewalk_os::cgroup::memory_usage().is_none_or(|bytes| bytes > 0));
/// ```
pub fn memory_usage() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    usage(&groups, Path::new("/sys/fs/cgroup"))
}

/// That of the first folder on the way up that has one.
fn usage(groups: &str, root: &Path) -> Option<u64> {
    folders(groups, root, "memory").into_iter().find_map(|(folder, version)| {
        let file = match version {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        };
        std::fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
    })
}

/// The count of the first folder on the way up that has one.
fn kills(groups: &str, root: &Path) -> Option<u64> {
    folders(groups, root, "memory").into_iter().find_map(|(folder, version)| {
        let file = match version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
    })
}

/// The smallest limit on the way from each of the process's groups up to the root.
fn tightest(groups: &str, root: &Path) -> Option<u64> {
    let limit = |(folder, version): (PathBuf, Version)| {
        let file = match version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        // "max" is no number; version 1 says "none" with a number near the largest.
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        text.trim().parse().ok().filter(|&limit: &u64| limit < 1 << 60)
    };
    folders(groups, root, "memory").into_iter().filter_map(limit).min()
}

fn fewest(groups: &str, root: &Path) -> Option<f64> {
    let limit = |(folder, version): (PathBuf, Version)| {
        let read = |file| std::fs::read_to_string(folder.join(file)).ok();
        // Time in a period; "max" or -1 is no limit.
        let text = match version {
            Version::One => format!("{} {}", read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
            Version::Two => read("cpu.max")?,
        };
        let mut numbers = text.split_ascii_whitespace();
        let mut number = || numbers.next()?.parse::<f64>().ok().filter(|&number| number > 0.0);
        Some(number()? / number()?)
    };
    folders(groups, root, "cpu").into_iter().filter_map(limit).min_by(f64::total_cmp)
}

enum Version {
    One,
    Two,
}

/// The folders on the way from each of the process's groups (cgroups(7), `/proc/PID/cgroup`) up to the root.
fn folders(groups: &str, root: &Path, controller: &str) -> Vec<(PathBuf, Version)> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (tops, version): (Vec<PathBuf>, fn() -> Version) = match controllers {
            "" => (vec![root.to_path_buf()], || Version::Two),
            // The folder is named after one of them or after all.
            list if list.split(',').any(|name| name == controller) => {
                (vec![root.join(controller), root.join(list)], || Version::One)
            }
            _ => continue,
        };
        for top in tops {
            let group = top.join(path.trim_start_matches('/'));
            let on_the_way = group.ancestors().take_while(|folder| folder.starts_with(&top));
            found.extend(on_the_way.map(|folder| (folder.to_path_buf(), version())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for a test, gone with it.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Folder {
            let folder = Folder(std::env::temp_dir().join(format!("ropewalk-{}-{name}", std::process::id())));
            for (path, text) in files {
                let path = folder.0.join(path);
                std::fs::create_dir_all(path.parent().expect("inside")).expect("mkdir");
                std::fs::write(path, text).expect("write");
            }
            folder
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_tightest_group_on_the_way_up_counts() {
        let folder = Folder::with(
            "tightest",
            &[("a/b/memory.max", "max\n"), ("a/memory.max", "4096\n"), ("memory.max", "8192\n")],
        );
        assert_eq!(tightest("0::/a/b\n", &folder.0), Some(4096));
        assert_eq!(tightest("0::/\n", &folder.0), Some(8192));
    }

    #[test]
    fn groups_of_the_first_version_are_found_by_their_controller() {
        let folder = Folder::with(
            "first",
            &[
                ("memory/a/memory.limit_in_bytes", "4096\n"),
                ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("cpu/a/memory.limit_in_bytes", "1\n"),
            ],
        );
        assert_eq!(tightest("3:cpu,cpuacct:/a\n2:memory:/a\n", &folder.0), Some(4096));
        assert_eq!(tightest("2:memory:/\n", &folder.0), None);
    }

    #[test]
    fn processors_are_time_in_a_period() {
        let folder = Folder::with(
            "processors",
            &[
                ("a/b/cpu.max", "max 100000\n"),
                ("a/cpu.max", "150000 100000\n"),
                ("cpu.max", "400000 100000\n"),
                ("cpu,cpuacct/c/cpu.cfs_quota_us", "50000\n"),
                ("cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"),
                ("cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ],
        );
        assert_eq!(fewest("0::/a/b\n", &folder.0), Some(1.5));
        assert_eq!(fewest("4:cpu,cpuacct:/c\n", &folder.0), Some(0.5));
        assert_eq!(fewest("4:cpu,cpuacct:/\n", &folder.0), None);
    }

    #[test]
    fn what_is_used_is_that_of_the_group_or_its_container() {
        let folder = Folder::with(
            "usage",
            &[("a/memory.current", "4096\n"), ("memory/b/memory.usage_in_bytes", "8192\n")],
        );
        assert_eq!(usage("0::/a\n", &folder.0), Some(4096));
        assert_eq!(usage("0::/a/c\n", &folder.0), Some(4096));
        assert_eq!(usage("4:memory:/b\n0::/\n", &folder.0), Some(8192));
        assert_eq!(usage("0::/\n", &folder.0), None);
    }

    #[test]
    fn those_killed_for_want_of_memory_are_counted_by_the_group_or_its_container() {
        let folder = Folder::with(
            "kills",
            &[
                ("a/memory.events", "oom 3\noom_kill 2\noom_group_kill 0\n"),
                ("memory.events", "oom_kill 7\n"),
                ("memory/b/memory.oom_control", "under_oom 0\noom_kill 4\n"),
            ],
        );
        assert_eq!(kills("0::/a\n", &folder.0), Some(2));
        assert_eq!(kills("0::/seen/from/outside\n", &folder.0), Some(7));
        assert_eq!(kills("3:cpu:/b\n2:memory:/b\n", &folder.0), Some(4));
        assert_eq!(kills("", &folder.0), None);
    }

    #[test]
    fn what_can_not_be_read_is_no_limit() {
        assert_eq!(tightest("0::/nowhere\nnonsense\n", Path::new("/nonexistent")), None);
    }
}
