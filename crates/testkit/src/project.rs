//! Packages as people write them, for the real cargo.

use crate::cargo::Cargo;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A package that cargo can build, publish or install.
#[derive(Clone, Debug)]
pub struct Project {
    name: String,
    version: String,
    fields: String,
    dependencies: String,
    tail: String,
    files: Vec<(String, String)>,
}

impl Project {
    /// A library with a function `name` that gives the package's name and version.
    pub fn library(name: &str, version: &str) -> Project {
        let code = format!("pub fn name() -> &'static str {{\n    \"{name} {version}\"\n}}\n");
        Project::new(name, version).file("src/lib.rs", &code)
    }

    /// A program that prints these expressions, a line each.
    pub fn program(name: &str, version: &str, printed: &[&str]) -> Project {
        let lines: Vec<String> =
            printed.iter().map(|printed| format!("    println!(\"{{}}\", {printed});")).collect();
        Project::new(name, version).file("src/main.rs", &format!("fn main() {{\n{}\n}}\n", lines.join("\n")))
    }

    fn new(name: &str, version: &str) -> Project {
        Project {
            name: name.to_owned(),
            version: version.to_owned(),
            fields: "edition = \"2024\"\ndescription = \"A package for tests\"\nlicense = \"MIT\"\n"
                .to_owned(),
            dependencies: String::new(),
            tail: String::new(),
            files: Vec::new(),
        }
    }

    /// A field of `[package]`, with its value as TOML.
    #[must_use]
    pub fn field(mut self, key: &str, value: &str) -> Project {
        writeln!(self.fields, "{key} = {value}").expect("writing to a string cannot fail");
        self
    }

    /// A dependency on a crate of the registry `main`.
    #[must_use]
    pub fn depends(self, name: &str, requirement: &str) -> Project {
        self.dependency(name, &format!("version = \"{requirement}\", registry = \"main\""))
    }

    /// A dependency on a package of the same workspace, which is published to the registry `main`.
    #[must_use]
    pub fn depends_beside(self, name: &str, requirement: &str) -> Project {
        let place = format!("version = \"{requirement}\", registry = \"main\", path = \"../{name}\"");
        self.dependency(name, &place)
    }

    /// A dependency with its inline table as TOML.
    #[must_use]
    pub fn dependency(mut self, name: &str, table: &str) -> Project {
        writeln!(self.dependencies, "{name} = {{ {table} }}").expect("writing to a string cannot fail");
        self
    }

    /// Sections at the end of the manifest.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Project {
        self.tail.push_str(text);
        self.tail.push('\n');
        self
    }

    /// A file, in place of an earlier one at its path.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Project {
        self.files.retain(|(known, _)| known != path);
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Writes the package into a new folder of `cargo`, which it gives back.
    pub fn write(&self, cargo: &Cargo) -> PathBuf {
        let folder = free_folder(cargo, &format!("{}-{}", self.name, self.version));
        self.write_to(&folder);
        folder
    }

    /// Writes the package and publishes it, which must succeed. It is not built.
    #[track_caller]
    pub fn publish(&self, cargo: &Cargo) -> PathBuf {
        let folder = self.write(cargo);
        cargo.ok(&folder, "publish --no-verify");
        folder
    }

    fn write_to(&self, folder: &Path) {
        let Project { name, version, fields, dependencies, tail, files } = self;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\n{fields}\n\
             [dependencies]\n{dependencies}\n{tail}"
        );
        put(&folder.join("Cargo.toml"), &manifest);
        for (path, text) in files {
            put(&folder.join(path), text);
        }
    }
}

/// Several packages in one workspace.
#[derive(Clone, Debug)]
pub struct Workspace(pub Vec<Project>);

impl Workspace {
    /// Writes the workspace into a new folder of `cargo`, which it gives back.
    pub fn write(&self, cargo: &Cargo) -> PathBuf {
        let folder = free_folder(cargo, "workspace");
        let members: Vec<String> = self.0.iter().map(|project| format!("\"{}\"", project.name)).collect();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", "));
        put(&folder.join("Cargo.toml"), &manifest);
        for project in &self.0 {
            project.write_to(&folder.join(&project.name));
        }
        folder
    }
}

fn free_folder(cargo: &Cargo, name: &str) -> PathBuf {
    let numbered = (1..).map(|number| cargo.work().join(format!("{name}-{number}")));
    let mut free = numbered.filter(|folder| !folder.exists());
    free.next().expect("there are endless numbers")
}

fn put(path: &Path, text: &str) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("a temporary folder takes folders");
    fs::write(path, text).expect("a temporary folder takes files");
}
