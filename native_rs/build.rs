//! Puts the git commit and the versions of the search crates (from Cargo.lock) into the build. Works without git.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    println!("cargo:rerun-if-env-changed=SIDECAR_COMMIT");
    // Grows with every commit; a path that does not exist (a source distribution) would rebuild every time.
    if std::path::Path::new("../.git/logs/HEAD").exists() {
        println!("cargo:rerun-if-changed=../.git/logs/HEAD");
    }
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    for (name, variable) in [
        ("grep-searcher", "GREP_SEARCHER"),
        ("grep-regex", "GREP_REGEX"),
        ("ignore", "IGNORE"),
    ] {
        println!("cargo:rustc-env=SIDECAR_{variable}={}", locked(&lock, name));
    }
    println!("cargo:rustc-env=SIDECAR_COMMIT={}", commit());
}

fn commit() -> String {
    if let Ok(commit) = std::env::var("SIDECAR_COMMIT") {
        return commit;
    }
    let asked = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    match asked {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

fn locked<'l>(lock: &'l str, name: &str) -> &'l str {
    lock.split("[[package]]")
        .find(|package| package.contains(&format!("\nname = \"{name}\"\n")))
        .and_then(|package| {
            package
                .lines()
                .find_map(|line| line.strip_prefix("version = "))
        })
        .map_or("unknown", |version| version.trim_matches('"'))
}
