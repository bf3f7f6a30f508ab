//! What can be found wrong with a configuration without starting the server: folders that cannot be used,
//! addresses that do not resolve, values that do not go together.

use std::collections::BTreeSet;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};

use crate::access;
use crate::failure::Problem;
use crate::options::{Config, ListenAddress, Provenance};

/// Every problem, of the options whose value is sound. Nothing is created.
pub(super) fn problems(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let folders = [
        ("data", Some(config.data.clone())),
        ("database", config.database.local_path().map(|file| folder_of(&file))),
        ("storage", config.storage.local_path()),
    ];
    let sound = |key: &str| provenance.is_sound(key) && (key == "listen" || provenance.is_sound("data"));
    let mut problems: Vec<Problem> = folders
        .into_iter()
        .filter(|(key, _)| sound(key))
        .filter_map(|(key, folder)| folder_problem(key, &folder?))
        .collect();
    if sound("listen") {
        problems.extend(listen_problems(&config.listen));
    }
    problems.extend(access::problems(config));
    problems
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Why files cannot be written to the folder, once its missing parents are made.
fn folder_problem(key: &str, folder: &Path) -> Option<Problem> {
    let existing =
        folder.ancestors().find(|ancestor| ancestor.exists()).filter(|path| !path.as_os_str().is_empty());
    let existing = existing.unwrap_or(Path::new("."));
    let fault = if existing.is_dir() {
        tempfile::tempfile_in(existing).err()?.to_string()
    } else {
        "it is not a folder".to_owned()
    };
    Some(Problem {
        message: format!(
            "`{key}` needs the folder `{}`, but nothing can be written to `{}`: {fault}",
            folder.display(),
            existing.display(),
        ),
        hint: Some(format!("choose another `{key}`, or let this user write there")),
    })
}

fn listen_problems(addresses: &[ListenAddress]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    if addresses.is_empty() {
        problems.push(Problem { message: "`listen` has no address".to_owned(), hint: None });
    }
    for address in addresses {
        if address.port() != 0 && !seen.insert(address) {
            problems.push(Problem { message: format!("`listen` names `{address}` twice"), hint: None });
        }
        if let Err(error) = (address.host(), address.port()).to_socket_addrs() {
            problems.push(Problem {
                message: format!("`listen` names `{address}`, which does not resolve: {error}"),
                hint: None,
            });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::folder_problem;

    #[test]
    fn a_folder_that_can_be_made_is_fine_and_is_not_made() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b/c");
        assert_eq!(folder_problem("data", &folder), None);
        assert!(!home.path().join("a").exists());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the probe is gone");
        assert_eq!(folder_problem("data", Path::new("not-there")), None);
    }

    #[test]
    fn a_file_in_the_way_is_a_problem() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "text").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let problem = folder_problem("storage", &folder).unwrap();
            assert!(problem.message.contains("it is not a folder"), "{}", problem.message);
            assert!(problem.message.contains(&file.display().to_string()), "{}", problem.message);
        }
    }
}
