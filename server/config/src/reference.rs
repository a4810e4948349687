//! `docs/settings.md`, made from the schema. `make docs-generated` writes it anew.

use std::fmt::Write;

use expect_test::expect_file;
use serde_json::{Map, Value};

use super::Config;

const HEAD: &str = "\
# Settings

Made from the schema that `foretell config --schema` prints, by `make docs-generated`.

They stand in `foretell.toml` in the folder `foretell` of your configuration folder: `foretell config` names the file and prints what holds.
An editor's own settings have the same names and hold over the file; [the order](protocol.md#settings) has the rest.
A wrong one is left out, and named with the nearest that there is.

```toml
[suggest]
max_lines = 4
```
";

#[test]
fn the_page_of_the_settings_is_the_schema_s() {
    expect_file!["../../../docs/settings.md"].assert_eq(&page().unwrap());
}

fn page() -> Result<String, std::fmt::Error> {
    let mut out = HEAD.to_owned();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let schema = Config::schema().to_value();
    for name in defaults.as_object().unwrap().keys() {
        group(&mut out, name, &schema["properties"][name])?;
    }
    Ok(out)
}

/// A heading, a table of the group's settings, then the groups in it.
fn group(out: &mut String, name: &str, schema: &Value) -> std::fmt::Result {
    let settings = schema["properties"].as_object().unwrap();
    let is_group = |it: &Value| it.get("properties").is_some();
    writeln!(out, "\n## `{name}`\n\n{}\n", text(schema))?;
    writeln!(out, "| setting | default | values | |\n|---|---|---|---|")?;
    for (key, it) in settings.iter().filter(|(_, it)| !is_group(it)) {
        let meaning = [text(it), choices(it)].concat();
        writeln!(out, "| `{key}` | {} | {} | {meaning} |", default(it), values(it))?;
    }
    for (key, it) in settings.iter().filter(|(_, it)| is_group(it)) {
        group(out, &format!("{name}.{key}"), it)?;
    }
    Ok(())
}

fn text(schema: &Value) -> String {
    schema["description"].as_str().expect("each setting is documented").replace('\n', " ")
}

fn default(setting: &Value) -> String {
    match &setting["default"] {
        Value::Null => "none".to_owned(),
        Value::Array(items) => {
            items.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join("<br>")
        }
        it => format!("`{it}`"),
    }
}

/// What a setting may be, in few words.
fn values(setting: &Value) -> String {
    let constants = setting["oneOf"].as_array().map(|all| all.iter().map(|it| &it["const"]));
    let constants: Option<Vec<&Value>> = constants
        .map(Iterator::collect)
        .or_else(|| setting["enum"].as_array().map(|all| all.iter().collect()));
    if let Some(constants) = constants {
        return constants.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    }
    let kind = match &setting["type"] {
        Value::Array(either) => either[0].as_str(),
        it => it.as_str(),
    };
    match (kind.unwrap_or_default(), &setting["minimum"], &setting["maximum"]) {
        ("integer", Value::Number(least), Value::Number(most)) => format!("{least} to {most}"),
        ("boolean", ..) => "`true`, `false`".to_owned(),
        ("string", ..) => "text".to_owned(),
        ("array", ..) => "a list".to_owned(),
        ("object", ..) => "a table".to_owned(),
        (kind, ..) => kind.to_owned(),
    }
}

/// What each of a setting's values means, where the schema says it.
fn choices(setting: &Value) -> String {
    let described = |it: &Map<String, Value>| {
        Some(format!(" `{}`: {}", it["const"], it.get("description")?.as_str()?))
    };
    let all = setting["oneOf"].as_array().into_iter().flatten();
    all.filter_map(|it| described(it.as_object()?)).collect()
}
