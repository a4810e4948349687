//! Documents without suggestions, matched by path.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use percent_encoding::percent_decode_str;

/// Files with secrets, and files that are not written by hand.
pub const DEFAULT: [&str; 14] = [
    "**/.env{,.*,-*,_*}",
    "**/*.env",
    "**/.{envrc,netrc,npmrc,pypirc,pgpass,my.cnf,htpasswd,vault-token,git-credentials}",
    "**/.{ssh,gnupg,aws,password-store}/**",
    "**/{.docker/config.json,.kube/config*,.azure/*token*}",
    "**/.config/{gh,gcloud}/**",
    "**/.cargo/credentials*",
    "**/*.{pem,key,p8,p12,pfx,ppk,jks,keystore,kdbx,asc,gpg,age}",
    "**/*.{tfvars,tfstate}{,.*}",
    "**/{id,ssh_host}_{rsa,dsa,ecdsa,ed25519}*",
    "**/{secrets,credentials}{,.*}",
    "**/{secret,*.secret,*.secrets}.{json,yaml,yml,toml,ini,txt,properties,xml,enc}",
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
    /// Compiles globs. Invalid ones are ignored; the second value has a message for each.
    #[must_use]
    pub fn new(globs: &[String]) -> (Self, Vec<String>) {
        let mut set = GlobSetBuilder::new();
        let mut invalid = Vec::new();
        for glob in globs {
            // `.ENV` is a secret too; on some systems it is the same file.
            let mut glob = GlobBuilder::new(glob);
            // `{,.*}` may be empty, and `*` does not match `/`.
            match glob.case_insensitive(true).empty_alternates(true).literal_separator(true).build()
            {
                Ok(glob) => {
                    set.add(glob);
                }
                Err(error) => invalid.push(format!("suggest.exclude: {error}")),
            }
        }
        match set.build() {
            Ok(set) => (Self(Some(set)), invalid),
            Err(error) => {
                invalid.push(format!(
                    "suggest.exclude: {error}: every document is excluded until this is corrected"
                ));
                (Self(None), invalid)
            }
        }
    }

    /// Whether a document is excluded.
    #[must_use]
    pub fn contain(&self, uri: &str) -> bool {
        // Some clients do not escape a `#` in the name of a folder.
        [uri, without_query(uri)].iter().any(|uri| self.contain_path(&path_of(uri)))
    }

    /// Whether a file is excluded, by its path or by the path that it links to.
    #[must_use]
    pub fn contain_file(&self, path: &Path) -> bool {
        let named = std::path::absolute(path);
        self.contain_path(named.as_deref().unwrap_or(path))
            || path.canonicalize().is_ok_and(|it| self.contain_path(&it))
    }

    fn contain_path(&self, path: &Path) -> bool {
        // Backups of an excluded file are excluded too.
        let original = path.to_str().map(|it| {
            let endings = ["~", ".bak", ".old", ".orig", ".save", ".swp"];
            endings.iter().find_map(|ending| it.strip_suffix(ending)).unwrap_or(it)
        });
        self.0.as_ref().is_none_or(|set| {
            set.is_match(path) || original.is_some_and(|original| set.is_match(original))
        })
    }
}

/// The path of a URI, percent-decoded. `untitled:Untitled-1` has the path `Untitled-1`.
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

/// The path of a `file:` URI with all links resolved; `None` if the file does not exist. The file is
/// not read.
#[must_use]
pub fn real_path(uri: &str) -> Option<PathBuf> {
    uri.starts_with("file:").then(|| path_of(uri).canonicalize().ok())?
}

/// A URI without query and fragment (RFC 3986, sections 3.4 and 3.5).
fn without_query(uri: &str) -> &str {
    uri.find(['?', '#']).map_or(uri, |end| &uri[..end])
}

/// Whether the text is a URI scheme (RFC 3986, section 3.1). A single letter is a drive.
fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_dependencies_are_excluded() {
        let (exclusions, invalid) = Exclusions::new(&DEFAULT.map(str::to_owned));
        assert!(invalid.is_empty(), "{invalid:?}");
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
            "file:///home/me/credentials",
            "file:///home/me/.git-credentials",
            "file:///home/me/.env~",
            "file:///home/me/.env-local",
            "file:///home/me/server.key.bak",
            "file:///etc/ssh/ssh_host_rsa_key",
            "git:/home/me/.env?%7B%22ref%22%3A%22~%22%7D",
            "file:///home/me/.env#L3",
            "file:///home/me/C#/.env",
            "file:///home/me/app/.envrc",
            "file:///home/me/.kube/config",
            "file:///home/me/.docker/config.json",
            "file:///home/me/.config/gh/hosts.yml",
            "file:///home/me/putty.ppk",
            "file:///home/me/infra/prod.tfvars",
            "file:///home/me/infra/terraform.tfstate.backup",
            "file:///home/me/k8s/prod.secrets.yaml",
            "file:///home/me/k8s/secret.yaml",
        ] {
            assert!(exclusions.contain(uri), "{uri}");
        }
        for uri in [
            "file:///home/me/app/src/environment.rs",
            "file:///home/me/app/keys.rs",
            "untitled:Untitled-1",
            "file:///home/me/app/secrets_test.go",
            "file:///home/me/app/docker/config.json",
            "file:///home/me/app/.docker/php/Dockerfile",
            "file:///home/me/app/secret.rs",
            "file:///home/me/app.secrets.io/src/main.rs",
            "file:///home/me/.env-tools/src/a.py",
            "file:///home/me/.config/nvim/init.lua",
        ] {
            assert!(!exclusions.contain(uri), "{uri}");
        }
    }

    #[test]
    fn invalid_glob_is_reported() {
        let (exclusions, invalid) = Exclusions::new(&["**/[".into(), "**/*.lock".into()]);
        assert_eq!(invalid.len(), 1, "{invalid:?}");
        assert!(invalid[0].contains("**/["), "{invalid:?}");
        assert!(exclusions.contain("file:///a/Cargo.lock"));
    }

    #[test]
    fn uri_paths_are_decoded() {
        assert_eq!(path_of("file:///a/b%20c.rs"), PathBuf::from("/a/b c.rs"));
        assert_eq!(path_of("file:///c%3A/x"), PathBuf::from("c:/x"));
        assert_eq!(path_of("untitled:Untitled-1"), PathBuf::from("Untitled-1"));
        assert_eq!(path_of("c:/x"), PathBuf::from("c:/x"));
        assert_eq!(path_of("/private/a:b.rs"), PathBuf::from("/private/a:b.rs"));
    }
}
