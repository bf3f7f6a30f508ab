//! The reference page of the book, made from the table.

use std::fmt::Write as _;

use super::spec::{OptionSpec, Section};
use super::table::TABLE;

const INTRODUCTION: &str = "\
<!-- Printed by `holdfast config reference`; change the table of options instead of this page. -->

# Options

Every option can be set in four places. A flag on the command line beats an environment variable, that beats
the configuration file, and that beats the default.

- **Flag**: before or after the subcommand, as in `holdfast serve --listen 0.0.0.0:8000`.
- **Environment**: a variable that is empty counts as not set.
- **File**: `holdfast.toml`, in the data folder or the working directory, or the file that `--config` names. A
  key that no option has is an error.
- **Lists** are written with commas between the values; a flag can be repeated as well, and the file may hold an
  array.
- **Sizes** are bytes (`10485760`) or have a unit (`10MiB`, `20MB`); **durations** have a unit (`500ms`, `30s`,
  `5m`, `24h`, `30d`).

`holdfast config show --sources` shows each value and the place it comes from. `holdfast config check` finds what
is wrong without starting anything.
";

/// The page as Markdown.
pub fn reference_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in Section::ALL {
        write!(page, "\n## {}\n", section.title()).expect("a String takes everything");
        for spec in TABLE.iter().filter(|spec| spec.section == section) {
            page.push_str(&paragraph(spec));
        }
    }
    page
}

fn paragraph(spec: &OptionSpec) -> String {
    let flag = spec.flag().map_or("none".to_owned(), |flag| format!("`--{flag} {}`", spec.value_name));
    let environment = spec.environment();
    let file = spec.file_key().map_or("none".to_owned(), |key| format!("`{key}`"));
    let default = spec.default.map_or("none".to_owned(), |text| format!("`{text}`"));
    let value = if spec.many { format!("a list, each {}", spec.expected) } else { spec.expected.to_owned() };
    format!(
        "\n### `{}`\n\n{}\n\n\
         - Value: {value}\n- Default: {default}\n- Flag: {flag}\n- Environment: `{environment}`\n- File: {file}\n",
        spec.key,
        spec.help(),
    )
}
