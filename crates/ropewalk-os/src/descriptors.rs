//! Which shared memory a process has open: seen from outside, in `/proc`.
//!
//! Memory without a name is found so by others: who may look into a process (the same user, or root) can open what it
//! has open.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The descriptors of a process that lead to a [`Mapping`](crate::memory::Mapping) whose name begins so, with these names.
///
/// # Errors
/// What reading `/proc` reports: no such process, or none that this user may look into.
///
/// ```
/// use ropewalk_os::{descriptors, memory::Mapping};
/// let memory = Mapping::create(c"example-of-descriptors", 4096)?;
/// let found = descriptors::memories(std::process::id(), "example-of-descr")?;
/// assert_eq!(found[0].1, "example-of-descriptors");
/// # drop(memory);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn memories(pid: u32, name: &str) -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let place = entry?.path();
        let Ok(target) = fs::read_link(&place) else { continue }; // closed meanwhile
        let target = target.to_str().and_then(|target| target.strip_prefix("/memfd:"));
        let whole = target.map(|target| target.strip_suffix(" (deleted)").unwrap_or(target));
        if let Some(whole) = whole.filter(|whole| whole.starts_with(name)) {
            found.push((place, whole.to_owned()));
        }
    }
    Ok(found)
}

/// Opens what a descriptor of another process leads to, to be mapped.
///
/// # Errors
/// What open(2) reports.
///
/// ```
/// use ropewalk_os::{descriptors, memory::Mapping};
/// let memory = Mapping::create(c"example-of-opening", 4096)?;
/// let (place, _) = descriptors::memories(std::process::id(), "example-of-opening")?.remove(0);
/// assert_eq!(Mapping::open(descriptors::open(&place)?)?.len(), memory.len());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open(place: &std::path::Path) -> io::Result<OwnedFd> {
    Ok(fs::File::options().read(true).write(true).open(place)?.into())
}

/// The number of the memory behind a descriptor: the same in every process that has it.
///
/// # Errors
/// What fstat(2) reports.
///
/// ```
/// use ropewalk_os::{descriptors, memory::Mapping};
/// let memory = Mapping::create(c"example", 4096)?;
/// let other = Mapping::create(c"example", 4096)?;
/// assert_ne!(descriptors::number(&memory)?, descriptors::number(&other)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn number(memory: &impl AsFd) -> io::Result<u64> {
    Ok(fs::File::from(memory.as_fd().try_clone_to_owned()?).metadata()?.ino())
}

/// The same for one of another process.
///
/// # Errors
/// What stat(2) reports.
///
/// ```
/// use ropewalk_os::{descriptors, memory::Mapping};
/// let memory = Mapping::create(c"example-of-numbers", 4096)?;
/// let (place, _) = descriptors::memories(std::process::id(), "example-of-numbers")?.remove(0);
/// assert_eq!(descriptors::number_at(&place)?, descriptors::number(&memory)?);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn number_at(place: &std::path::Path) -> io::Result<u64> {
    Ok(fs::metadata(place)?.ino())
}

/// The numbers of all processes that there are.
///
/// # Errors
/// What reading `/proc` reports.
///
/// ```
/// assert!(ropewalk_os::descriptors::processes()?.contains(&std::process::id()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn processes() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}
