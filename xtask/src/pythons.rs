//! Which Pythons are here: `pythonX.Y` on the path, or one of pyenv's. The one that is found must run, be that version,
//! be CPython with a GIL, and be able to make a venv.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const FIT: &str = "\
import sys, sysconfig, venv, ensurepip
fit = sys.implementation.name == 'cpython' and not sysconfig.get_config_var('Py_GIL_DISABLED')
print('%d.%d' % sys.version_info[:2] if fit else 'unfit', sys.executable)";

/// Prints `X.Y path` for each of `versions` that is here, and says on stderr which are not.
pub fn print(versions: &[&str]) {
    for version in versions {
        match candidates(version).into_iter().find_map(|candidate| ask(&candidate, version)) {
            Some(path) => println!("{version} {path}"),
            None => eprintln!("Python {version}: not found here, left out"),
        }
    }
}

/// Where this version could be, the likeliest first; pyenv's newest patch release before its older ones.
fn candidates(version: &str) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(format!("python{version}"))];
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv")));
    if let Some(entries) = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok()) {
        let names = entries.flatten().filter_map(|entry| {
            let patch = patch_of(&entry.file_name().to_string_lossy(), version)?;
            Some((patch, entry.path().join("bin/python")))
        });
        let sorted: BTreeSet<(u32, PathBuf)> = names.collect();
        places.extend(sorted.into_iter().rev().map(|(_, path)| path));
    }
    places
}

/// 7 for `3.11.7` when `version` is `3.11`.
fn patch_of(name: &str, version: &str) -> Option<u32> {
    name.strip_prefix(version)?.strip_prefix('.')?.parse().ok()
}

fn ask(candidate: &PathBuf, version: &str) -> Option<String> {
    let output = Command::new(candidate)
        .args(["-E", "-c", FIT])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let answer = String::from_utf8(output.stdout).ok()?;
    let (found, path) = answer.trim().split_once(' ')?;
    (found == version).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_belong_to_their_own_version_only() {
        assert_eq!(patch_of("3.11.7", "3.11"), Some(7));
        assert_eq!(patch_of("3.1.17", "3.11"), None);
        assert_eq!(patch_of("3.110.7", "3.11"), None);
        assert_eq!(patch_of("3.13.0t", "3.13"), None);
        assert_eq!(patch_of("3.11", "3.11"), None);
    }
}
