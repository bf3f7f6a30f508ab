//! Which paths a package may hold: those that mean the same file on every system.

use crate::error::printable;
use crate::{Limits, PackageError};
use std::fmt;

/// The most bytes of a path, the package's folder included.
const PATH_BYTES: usize = 1024;

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// Not text.
    NotUtf8,
    /// Nothing at all.
    Empty,
    /// More bytes than allowed.
    TooLong,
    /// Starts at the root of a file system.
    Absolute,
    /// Has `..` in it.
    Parent,
    /// Has `.` or nothing between two slashes, or a slash at the end.
    Component,
    /// Has a character that some system does not allow.
    Character(char),
    /// Has a component that Windows would shorten.
    Ending,
    /// Has a component that is a device on Windows.
    Device,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathFault::NotUtf8 => "is not valid UTF-8",
            PathFault::Empty => "is empty",
            PathFault::TooLong => return write!(f, "is longer than {PATH_BYTES} bytes"),
            PathFault::Absolute => "is absolute",
            PathFault::Parent => "leads out of its folder with `..`",
            PathFault::Component => "has an empty part or a `.` between its slashes",
            PathFault::Character(found) => {
                return write!(f, "contains {found:?}, which is not allowed everywhere");
            }
            PathFault::Ending => "has a part that ends in a dot or a space, which Windows drops",
            PathFault::Device => "has a part that is the name of a device on Windows",
        })
    }
}

/// Checks a whole path, as it stands in the archive.
pub(crate) fn check(path: &str) -> Result<(), PackageError> {
    let fault = if path.len() > PATH_BYTES {
        Some(PathFault::TooLong)
    } else if path.is_empty() {
        Some(PathFault::Empty)
    } else if path.starts_with('/') {
        Some(PathFault::Absolute)
    } else {
        path.split('/').find_map(component_fault)
    };
    match fault {
        None => Ok(()),
        Some(fault) => Err(PackageError::Path { path: printable(path), fault }),
    }
}

fn component_fault(component: &str) -> Option<PathFault> {
    match component {
        "" | "." => return Some(PathFault::Component),
        ".." => return Some(PathFault::Parent),
        _ => {}
    }
    // `cargo package` refuses the same marks.
    let hostile = |c: &char| matches!(c, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*') || c.is_control();
    if let Some(found) = component.chars().find(hostile) {
        return Some(PathFault::Character(found));
    }
    if component.ends_with(['.', ' ']) {
        return Some(PathFault::Ending);
    }
    is_device(component).then_some(PathFault::Device)
}

/// Whether Windows takes a name, whatever its extension, for a device.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().trim_end();
    let is = |name: &str| stem.eq_ignore_ascii_case(name);
    if ["con", "prn", "aux", "nul", "conin$", "conout$"].into_iter().any(is) {
        return true;
    }
    match stem.split_at_checked(3) {
        Some((port, number)) if port.eq_ignore_ascii_case("com") || port.eq_ignore_ascii_case("lpt") => {
            matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        }
        _ => false,
    }
}

/// All paths of a package, to find those that exclude each other.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    paths: Vec<Placed>,
    bytes: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    /// Folded, with NUL for `/`, so that what lies in a folder sorts right behind it.
    key: String,
    is_folder: bool,
    path: String,
}

impl Layout {
    /// Remembers a path.
    pub(crate) fn add(&mut self, path: &str, is_folder: bool) -> Result<(), PackageError> {
        self.bytes += path.len();
        if self.bytes > Limits::PATHS_BYTES {
            return Err(PackageError::PathsTooLarge { limit: Limits::PATHS_BYTES });
        }
        let fold = |c: char| if c == '/' { '\0' } else { c.to_ascii_lowercase() };
        let key = if path.is_ascii() {
            path.chars().map(fold).collect()
        } else {
            path.to_lowercase().replace('/', "\0")
        };
        self.paths.push(Placed { key, is_folder, path: path.to_owned() });
        Ok(())
    }

    /// Refuses paths of which only one can exist.
    pub(crate) fn finish(mut self) -> Result<(), PackageError> {
        self.paths.sort_unstable();
        for pair in self.paths.windows(2) {
            let [first, second] = pair else { continue };
            let (path, other) = (printable(&first.path), printable(&second.path));
            if first.key == second.key && !first.is_folder {
                return Err(match (second.is_folder, first.path == second.path) {
                    (true, _) => PackageError::FileIsFolder { path, other },
                    (false, true) => PackageError::Duplicate { path },
                    (false, false) => PackageError::Collision { path, other },
                });
            }
            let below = second.key.strip_prefix(&first.key).is_some_and(|rest| rest.starts_with('\0'));
            if below && !first.is_folder {
                return Err(PackageError::FileIsFolder { path, other });
            }
        }
        Ok(())
    }
}
