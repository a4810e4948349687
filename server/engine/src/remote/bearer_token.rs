//! The bearer token of a server: from the environment, or from a private file.

use std::{fs::File, io::Read, path::Path};

use super::Options;

/// The longest token, in bytes.
const MAX_BYTES: u64 = 1 << 14;

/// The configured token; `None` if none is configured. An error says what to do.
pub(super) fn read(options: &Options) -> Result<Option<String>, String> {
    let token = match (&options.token_env, &options.token_file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err("engine.remote.token_env and token_file are both set: keep one".into());
        }
        (Some(name), None) => std::env::var(name).map_err(|_| {
            format!("the environment variable {name} (engine.remote.token_env) has no text: set it")
        })?,
        (None, Some(path)) => of_file(path)?,
    };
    match token.trim() {
        "" => Err("the token of the remote engine is empty".into()),
        token => Ok(Some(token.to_owned())),
    }
}

fn of_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("{shown} (engine.remote.token_file): {error}");
    let file = File::open(path).map_err(unreadable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "{shown} (engine.remote.token_file) has mode {mode:04o}, others can read it: \
                 `chmod 600 {shown}`"
            ));
        }
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn token_file_must_be_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "secret\n").unwrap();
        let options = Options { token_file: Some(path.clone()), ..Options::default() };
        for (mode, is_private) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match read(&options) {
                Ok(token) => assert!(is_private && token.as_deref() == Some("secret"), "{mode:o}"),
                Err(error) => {
                    assert!(!is_private && error.contains("chmod 600"), "{mode:o}: {error}");
                }
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, " \n").unwrap();
        assert!(read(&options).unwrap_err().contains("is empty"));
        let both = Options { token_env: Some("HOME".into()), ..options };
        assert!(read(&both).unwrap_err().contains("keep one"));
        assert_eq!(read(&Options::default()), Ok(None));
    }
}
