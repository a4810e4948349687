//! Embeds the model scripts in the binary, so that `foretell setup` works without the repository.

use std::{env, fs, io::Write, path::Path};

fn main() -> std::io::Result<()> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model-scripts");
    let mut names = vec!["requirements.lock".to_owned()];
    // Every file, including data: only folders (compiled files) and hidden files are left out.
    for entry in fs::read_dir(scripts.join("foretell_models"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && !name.starts_with('.') {
            names.push(format!("foretell_models/{name}"));
        }
    }
    names.sort();
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    let mut file = fs::File::create(Path::new(&out).join("model_scripts.rs"))?;
    writeln!(file, "const FILES: &[(&str, &[u8])] = &[")?;
    for name in names {
        let path = scripts.join(&name);
        // Not the folder, into which Python writes compiled files.
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(file, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    writeln!(file, "];")
}
