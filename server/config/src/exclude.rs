//! Documents without suggestions, matched by path.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use percent_encoding::percent_decode_str;

/// Files with secrets, and files that are not written by hand.
pub const DEFAULT: [&str; 26] = [
    // Environments.
    "**/.env{,.*,-*,_*}",
    "**/*.env",
    "**/env.{local,dev,development,prod,production,stage,staging,test,ci}",
    "**/.{envrc,flaskenv,Renviron,dev.vars}{,.*,-*,_*}",
    "**/{Renviron.site,{,*.}local.settings.json}",
    // Tools that keep their credentials in a file of their own.
    "**/{.,_}netrc",
    "**/.{npmrc,pypirc,my.cnf,mylogin.cnf,htpasswd,git-credentials,dockercfg,dockerconfigjson}",
    "**/.{s3cfg,boto,passwd-s3fs,databrickscfg,terraformrc,curlrc,fetchmailrc,msmtprc,vault-token}",
    "**/{{.,}pgpass{,.conf},.pg_service.conf,rclone.conf,terraform.rc}",
    "**/{kubeconfig{,.{yaml,yml,json,conf}},*.kubeconfig}",
    "**/.{ssh,gnupg,aws,password-store,oci,aliyun}/**",
    "**/{.docker/config.json,.kube/config*,.azure/*token*,.m2/settings*.xml}",
    "**/{.gradle/gradle.properties,.bundle/config,{.,}composer/auth.json,.snowsql/config,.dbt/profiles.yml}",
    "**/.config/{gh,glab,hub,gcloud,doctl,op,rclone}/**",
    "**/.cargo/credentials*",
    // Keys.
    "**/*.{pem,key,p8,p12,pfx,ppk,jks,keystore,kdbx,asc,gpg,age,keytab,ovpn}",
    "**/{id,ssh_host}_{rsa,dsa,ecdsa,ed25519}*",
    "**/{,*[-_.]}{service,Service}{-,_,}{account,Account}{,Key,-*,_*,.*}.json",
    "**/{client_secret*,application_default_credentials}.json",
    // Whatever is named after its secrets.
    "**/*.{tfvars,tfstate}{,.*}",
    "**/{secrets,credentials}{,.*}",
    "**/{secret,*.secret,*.secrets}.{json,yaml,yml,toml,ini,txt,properties,xml,enc}",
    "**/{{,*[-_.]}vault.{yml,yaml,json},{.,}vault{-,_}pass{,word}{,.*}}",
    // What was typed elsewhere.
    "**/{.*{_,-}history,.history,.histfile,.zhistory,.lesshst,.viminfo,fish_history,*_history.txt}",
    "**/node_modules/**",
    "**/.git/**",
];

/// Languages of files with secrets, with the name of such a file: a buffer that has not been saved
/// yet has no name.
const SECRET_LANGUAGES: [(&str, &str); 3] =
    [("dotenv", ".env"), ("env", ".env"), ("netrc", ".netrc")];

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

    /// Whether an open document is excluded, by its URI or by the client's name for its language,
    /// for instance `dotenv`.
    #[must_use]
    pub fn contain_document(&self, uri: &str, language: &str) -> bool {
        let like = SECRET_LANGUAGES.iter().find(|(it, _)| it.eq_ignore_ascii_case(language));
        self.contain(uri) || like.is_some_and(|(_, name)| self.contain_path(Path::new(name)))
    }

    /// Like [`Exclusions::contain_document`], also by the real path of the document's file, if known.
    #[must_use]
    pub fn contain_open(&self, uri: &str, language: &str, real_path: Option<&str>) -> bool {
        self.contain_document(uri, language) || real_path.is_some_and(|it| self.contain(it))
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
            "file:///home/me/.Renviron",
            "file:///home/me/.Renviron.site",
            "file:///home/me/app/.dev.vars",
            "file:///home/me/app/.dev.vars.production",
            "file:///home/me/app/.envrc.local",
            "file:///home/me/app/.flaskenv",
            "file:///home/me/app/.flaskenv.example",
            "file:///home/me/app/env.local",
            "file:///home/me/app/env.production",
            "file:///home/me/app/local.settings.json",
            "file:///home/me/.s3cfg",
            "file:///home/me/.boto",
            "file:///c%3A/Users/me/AppData/Roaming/postgresql/pgpass.conf",
            "file:///home/me/.pgpass",
            "file:///home/me/.pgpass.conf",
            "file:///c%3A/Users/me/_netrc",
            "file:///home/me/rclone.conf",
            "file:///home/me/.config/rclone/rclone.conf",
            "file:///home/me/.m2/settings.xml",
            "file:///home/me/.m2/settings-security.xml",
            "file:///home/me/app/service-account.json",
            "file:///home/me/app/service_account.json",
            "file:///home/me/app/serviceAccountKey.json",
            "file:///home/me/app/prod-service-account.json",
            "file:///home/me/app/service-account-prod.json",
            "file:///home/me/app/serviceaccount.json",
            "file:///home/me/app/client_secret_1234.json",
            "file:///home/me/kubeconfig",
            "file:///home/me/kubeconfig.yaml",
            "file:///home/me/prod.kubeconfig",
            "file:///home/me/group_vars/all/vault.yml",
            "file:///home/me/group_vars/prod-vault.yaml",
            "file:///home/me/.vault_pass",
            "file:///home/me/vault-password.txt",
            "file:///home/me/.bash_history",
            "file:///home/me/.zsh_history",
            "file:///home/me/.psql_history",
            "file:///home/me/.python_history",
            "file:///home/me/.node_repl_history",
            "file:///home/me/.local/share/fish/fish_history",
            "file:///home/me/PSReadLine/ConsoleHost_history.txt",
            "file:///home/me/.viminfo",
            "file:///home/me/.oci/config",
            "file:///home/me/krb5.keytab",
            "untitled:.env",
            "untitled:/home/me/app/.env.local",
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
            "file:///home/me/app/src/env.rs",
            "file:///home/me/app/env.d.ts",
            "file:///home/me/app/settings.json",
            "file:///home/me/app/settings.xml",
            "file:///home/me/app/.vscode/settings.json",
            "file:///home/me/app/vault.py",
            "file:///home/me/app/src/default.rs",
            "file:///home/me/app/history.py",
            "file:///home/me/app/git_history.go",
            "file:///home/me/app/service-account.yaml",
            "file:///home/me/app/service_account.go",
            "file:///home/me/app/customer-service-accounts.json",
            "file:///home/me/app/nginx.conf",
            "file:///home/me/app/kubeconfig.go",
            "file:///home/me/app/composer.json",
        ] {
            assert!(!exclusions.contain(uri), "{uri}");
        }
    }

    #[test]
    fn unsaved_secrets_are_excluded_by_language() {
        let (exclusions, _) = Exclusions::new(&DEFAULT.map(str::to_owned));
        for language in ["dotenv", "Dotenv", "env"] {
            assert!(exclusions.contain_document("untitled:Untitled-1", language), "{language}");
        }
        for language in ["", "python", "shellscript", "properties"] {
            assert!(!exclusions.contain_document("untitled:Untitled-1", language), "{language}");
        }
        let (exclusions, _) = Exclusions::new(&["**/*.key".to_owned()]);
        assert!(!exclusions.contain_document("untitled:Untitled-1", "dotenv"), "`.env` is allowed");
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
