//! Where suggestions are generated: by a model on this machine, or by a server of the user's team.

use std::{path::PathBuf, time::Duration};

use foretell_engine::remote::{Format, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where suggestions are generated. Ignored in a workspace's file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Engine {
    /// `local`: by the model on this machine; nothing leaves it. `remote`: by a server that speaks
    /// OpenAI's completions protocol; it receives the text around the cursor.
    #[schemars(with = "String", extend("enum" = ["local", "remote"]))]
    pub kind: Kind,
    /// The server for `remote`.
    pub remote: Remote,
}

impl Engine {
    /// The address of the server, if the engine is remote.
    #[must_use]
    pub fn remote_url(&self) -> Option<&str> {
        (self.kind == Kind::Remote).then_some(self.remote.url.as_str())
    }
}

/// Where suggestions are generated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By the model on this machine.
    #[default]
    Local,
    /// By a server.
    Remote,
}

/// A server that generates suggestions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Remote {
    /// The server's address, such as `https://host:8000`; Foretell appends `/v1/completions`.
    pub url: String,
    /// The model's name on that server.
    pub model: String,
    /// The prompt format: that of a model family such as `qwen2.5-coder`, or `suffix` if the server
    /// builds the prompt from the text before and after the cursor.
    #[schemars(with = "String", extend("enum" = Format::names()))]
    pub format: Format,
    /// The environment variable with the server's bearer token.
    pub token_env: Option<String>,
    /// The file with the server's bearer token; only its owner may have access (mode 0600).
    pub token_file: Option<PathBuf>,
    /// How long the server may stay silent before a request fails, in milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub timeout_ms: u64,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            format: Format::default(),
            token_env: None,
            token_file: None,
            timeout_ms: 10_000,
        }
    }
}

impl Remote {
    /// The same as options of the engine.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            url: self.url.clone(),
            model: self.model.clone(),
            format: self.format,
            token_env: self.token_env.clone(),
            token_file: self.token_file.clone(),
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}
