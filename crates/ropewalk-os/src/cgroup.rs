//! How much memory this process's container may use.
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

/// How many processes of this container, or of this process's control group, the kernel has killed for want of memory;
/// 0 if that can not be read.
///
/// ```
/// let before = ropewalk_os::cgroup::out_of_memory_kills();
/// assert!(ropewalk_os::cgroup::out_of_memory_kills() >= before);
/// ```
pub fn out_of_memory_kills() -> u64 {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    kills(&groups, Path::new("/sys/fs/cgroup")).unwrap_or(0)
}

/// The count of the first group that has one: the process's own, or the root as its container sees it.
fn kills(groups: &str, root: &Path) -> Option<u64> {
    groups.lines().find_map(|line| {
        let (top, group, file) = place(line, root, "memory.events", "memory.oom_control")?;
        [group, top].iter().find_map(|folder| {
            let text = std::fs::read_to_string(folder.join(file)).ok()?;
            let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
            count.trim().parse().ok()
        })
    })
}

/// Where a group's memory is accounted, by its line in `/proc/PID/cgroup`: the folder of all groups, that of this one,
/// and the file, whose name depends on the version. `None` if it accounts for something else.
fn place<'a>(line: &str, root: &Path, two: &'a str, one: &'a str) -> Option<(PathBuf, PathBuf, &'a str)> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let (top, file) = match controllers {
        "" => (root.to_path_buf(), two),
        list if list.split(',').any(|name| name == "memory") => (root.join("memory"), one),
        _ => return None,
    };
    let group = top.join(path.trim_start_matches('/'));
    Some((top, group, file))
}

/// The smallest limit on the way from each of the process's groups (cgroups(7), `/proc/PID/cgroup`) up to the root.
fn tightest(groups: &str, root: &Path) -> Option<u64> {
    let mut limits = Vec::new();
    for line in groups.lines() {
        let Some((top, group, file)) = place(line, root, "memory.max", "memory.limit_in_bytes") else {
            continue;
        };
        let on_the_way = group.ancestors().take_while(|folder| folder.starts_with(&top));
        limits.extend(on_the_way.filter_map(|folder| {
            // "max" is no number; version 1 says "none" with a number near the largest.
            let text = std::fs::read_to_string(folder.join(file)).ok()?;
            text.trim().parse().ok().filter(|&limit: &u64| limit < 1 << 60)
        }));
    }
    limits.into_iter().min()
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
