//! Where nothing is suggested, by a document's path.

use std::path::PathBuf;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use percent_encoding::percent_decode_str;

/// Files that hold secrets, and files that nobody writes by hand.
pub const DEFAULT: [&str; 14] = [
    "**/.env",
    "**/.env.*",
    "**/*.env",
    "**/.netrc",
    "**/.npmrc",
    "**/.pypirc",
    "**/.ssh/**",
    "**/.gnupg/**",
    "**/.aws/**",
    "**/*.{pem,key,p12,pfx,jks,keystore,kdbx,asc,gpg,age}",
    "**/id_{rsa,dsa,ecdsa,ed25519}*",
    "**/{secrets,credentials}{,.*}",
    "**/node_modules/**",
    "**/.git/**",
];

/// The globs of `suggest.exclude`, compiled.
#[derive(Debug, Clone)]
pub struct Exclusions(
    /// `None` where they can't be compiled: then every document is excluded.
    Option<GlobSet>,
);

impl Default for Exclusions {
    /// Excludes nothing.
    fn default() -> Self {
        Self(Some(GlobSet::empty()))
    }
}

impl Exclusions {
    /// Compiles globs. Those that are none are left out and returned, each with what is wrong.
    #[must_use]
    pub fn new(globs: &[String]) -> (Self, Vec<String>) {
        let mut set = GlobSetBuilder::new();
        let mut unfit = Vec::new();
        for glob in globs {
            // `.ENV` is a secret too, and on some systems the same file.
            match GlobBuilder::new(glob).case_insensitive(true).build() {
                Ok(glob) => {
                    set.add(glob);
                }
                Err(error) => unfit.push(format!("suggest.exclude: {error}")),
            }
        }
        match set.build() {
            Ok(set) => (Self(Some(set)), unfit),
            Err(error) => {
                unfit.push(format!("suggest.exclude: {error}: until then all is excluded"));
                (Self(None), unfit)
            }
        }
    }

    /// Whether a document is excluded.
    #[must_use]
    pub fn contain(&self, uri: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(path_of(uri)))
    }
}

/// The path of a URI, or what stands in its place: `untitled:Untitled-1` has the path `Untitled-1`.
#[must_use]
pub fn path_of(uri: &str) -> PathBuf {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => uri.split_once(':').filter(|(it, _)| is_scheme(it)).map_or(uri, |it| it.1),
    };
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    // `file:///c:/x` is the path `c:/x`.
    let is_drive = path.len() > 2 && path.starts_with('/') && path.as_bytes()[2] == b':';
    if is_drive { path[1..].into() } else { path.into() }
}

/// Whether a URI begins with it (RFC 3986, section 3.1); a single letter is a drive.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_foreign_code_are_excluded_by_default() {
        let (exclusions, unfit) = Exclusions::new(&DEFAULT.map(str::to_owned));
        assert!(unfit.is_empty(), "{unfit:?}");
        for uri in [
            "file:///home/me/app/.env",
            "file:///home/me/app/%2Eenv",
            "file:///home/me/app/.env.local",
            "file:///home/me/.ssh/config",
            "file:///home/me/id_rsa",
            "file:///home/me/my%20app/server.key",
            "file:///c%3A/app/node_modules/left-pad/index.js",
            "file:///home/me/secrets.yaml",
            "vscode-remote://ssh-remote+host/home/me/.env",
            "/home/me/.env",
            "/home/me/a:b/.env",
            "file:///home/me/app/.ENV",
            "file:///home/me/server.PEM",
            "file:///home/me/Secrets.yaml",
        ] {
            assert!(exclusions.contain(uri), "{uri}");
        }
        for uri in [
            "file:///home/me/app/src/environment.rs",
            "file:///home/me/app/keys.rs",
            "untitled:Untitled-1",
            "file:///home/me/app/secrets_test.go",
        ] {
            assert!(!exclusions.contain(uri), "{uri}");
        }
    }

    #[test]
    fn a_glob_that_is_none_is_told_and_the_others_hold() {
        let (exclusions, unfit) = Exclusions::new(&["**/[".into(), "**/*.lock".into()]);
        assert_eq!(unfit.len(), 1, "{unfit:?}");
        assert!(unfit[0].contains("**/["), "{unfit:?}");
        assert!(exclusions.contain("file:///a/Cargo.lock"));
    }

    #[test]
    fn a_path_is_decoded() {
        assert_eq!(path_of("file:///a/b%20c.rs"), PathBuf::from("/a/b c.rs"));
        assert_eq!(path_of("file:///c%3A/x"), PathBuf::from("c:/x"));
        assert_eq!(path_of("untitled:Untitled-1"), PathBuf::from("Untitled-1"));
        assert_eq!(path_of("c:/x"), PathBuf::from("c:/x"));
        assert_eq!(path_of("/private/a:b.rs"), PathBuf::from("/private/a:b.rs"));
    }
}
