//! Changes one setting in a settings file and preserves everything else: comments, order, blank
//! lines.

use toml_edit::{DocumentMut, Item, Table, TomlError, Value};

/// Why a setting cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is not TOML; the message says where.
    #[error("{0}\nnothing was changed; correct the file first")]
    NotToml(#[source] TomlError),
    /// The group's name is used for something else.
    #[error("`{0}` is not a group of settings; nothing was changed, correct the file first")]
    NoGroup(String),
}

/// The text with `group.name` set to `value`.
///
/// # Errors
/// See [`EditError`].
pub fn with_setting(text: &str, group: &str, name: &str, value: &str) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(EditError::NotToml)?;
    let dotted = format!("{group}.{name}");
    // A quoted key `"model.name"` is the same setting.
    if document.contains_key(&dotted) {
        replace(&mut document[&dotted], value);
        return Ok(document.to_string());
    }
    let table = document.entry(group).or_insert_with(|| Item::Table(Table::new()));
    let table = table.as_table_like_mut().ok_or_else(|| EditError::NoGroup(group.to_owned()))?;
    replace(table.entry(name).or_insert(Item::None), value);
    Ok(document.to_string())
}

/// Replaces a value and keeps the white space and comments around it.
fn replace(item: &mut Item, value: &str) {
    let mut new = Value::from(value);
    if let Some(old) = item.as_value() {
        *new.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<String, EditError> {
        with_setting(text, "model", "name", "b")
    }

    #[test]
    fn missing_group_is_added() {
        assert_eq!(set("").unwrap(), "[model]\nname = \"b\"\n");
        assert_eq!(
            set("# mine\n[suggest]\nmax_lines = 4\n").unwrap(),
            "# mine\n[suggest]\nmax_lines = 4\n\n[model]\nname = \"b\"\n"
        );
    }

    #[test]
    fn rest_of_the_file_is_unchanged() {
        let text = "# all of it\n\n[model]   # a group\nname   = 'a' # the old one\nthreads = 2\n";
        let new = text.replace("'a'", "\"b\"");
        assert_eq!(set(text).unwrap(), new);
        assert_eq!(set(&new).unwrap(), new);
    }

    #[test]
    fn notation_of_a_setting_is_kept() {
        assert_eq!(set("model.name = 'a'\n").unwrap(), "model.name = \"b\"\n");
        assert_eq!(set("\"model.name\" = 'a'\n").unwrap(), "\"model.name\" = \"b\"\n");
        assert_eq!(set("model = { name = 'a' }\n").unwrap(), "model = { name = \"b\" }\n");
    }

    #[test]
    fn invalid_file_is_refused() {
        assert!(matches!(set("[model\n"), Err(EditError::NotToml(_))));
        assert_eq!(set("model = 3\n"), Err(EditError::NoGroup("model".into())));
    }

    /// Quotes, backslashes and line breaks are escaped.
    #[test]
    fn values_round_trip() {
        for value in ["a\"b", "a\\b", "a\nb", "ä"] {
            let text = with_setting("", "model", "name", value).unwrap();
            let read: toml::Table = toml::from_str(&text).unwrap();
            assert_eq!(read["model"]["name"].as_str(), Some(value));
        }
    }
}
