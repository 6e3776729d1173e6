//! Compiles `csrc/greenlet` against the headers of the Python that the module is built for.
//!
//! What a thread state holds is said in one file for each version of Python; this picks it.

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: &str = "csrc/greenlet";

fn main() {
    println!("cargo:rerun-if-changed={SOURCES}");
    println!("cargo:rerun-if-env-changed=ROPEWALK_PYTHON_INCLUDE");
    let python = pyo3_build_config::get();
    let version = python.version();
    let file = format!("{SOURCES}/python_{}_{}.c", version.major, version.minor);
    assert!(
        Path::new(&file).exists(),
        "ropewalk has greenlets for the versions of Python that csrc/greenlet has a file for; {}.{} is none of them",
        version.major,
        version.minor
    );
    let mut build = cc::Build::new();
    build.files([format!("{SOURCES}/body.c"), file]);
    build.include(SOURCES).include(headers(python.executable()));
    build.std("c11").opt_level(2).warnings(true).extra_warnings(true);
    // A daemon thread that is ended at exit is unwound through these frames; the rest is what the interpreter's own
    // headers need.
    build.flag("-fexceptions").flag("-fvisibility=hidden").flag("-Wno-unused-parameter");
    build.compile("ropewalk_greenlet");
}

/// The folder of `Python.h`: where the interpreter says, or as ROPEWALK_PYTHON_INCLUDE says for a build for another machine.
fn headers(executable: Option<&str>) -> PathBuf {
    if let Some(said) = std::env::var_os("ROPEWALK_PYTHON_INCLUDE") {
        return said.into();
    }
    let executable = executable.expect(
        "nobody says which Python to build for: set PYO3_PYTHON to it, or ROPEWALK_PYTHON_INCLUDE to the folder of Python.h",
    );
    let program = "import sysconfig; print(sysconfig.get_path('include'))";
    let output = Command::new(executable).args(["-c", program]).output();
    let output = output.unwrap_or_else(|error| panic!("{executable} does not start: {error}"));
    let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    assert!(
        folder.join("Python.h").exists(),
        "{executable} has no header files at {}: install them (python3-dev, python3-devel), or set ROPEWALK_PYTHON_INCLUDE",
        folder.display()
    );
    folder
}
