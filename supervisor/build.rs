//! Notes the commit for `--version`, and has the embedded Python package looked at again when it changes.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../python/src");
    println!("cargo::rerun-if-changed=../config/ishowtts.toml");
    let git = Path::new("../.git");
    for file in ["HEAD", "logs/HEAD"] {
        if git.join(file).exists() {
            println!("cargo::rerun-if-changed=../.git/{file}");
        }
    }
    #[expect(clippy::disallowed_types, reason = "a build script has no runtime to keep waiting")]
    let output = std::process::Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = output.ok().filter(|output| output.status.success());
    let commit = commit.and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=ISHOWTTS_COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
}
