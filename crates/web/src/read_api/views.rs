//! The JSON of the read API.

use crate::cargo_api::owners::number;
use holdfast_registry::Downloads;
use holdfast_registry::entity::{CrateHead, Version as Stored};
use holdfast_types::{
    CrateName, DependencyKind, FeatureName, IndexDependency, Login, PartialVersion, RegistryName, Sha256,
    Timestamp, Version,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A crate as a whole.
#[derive(Debug, Serialize)]
pub(crate) struct CrateView {
    id: CrateName,
    name: CrateName,
    created_at: Timestamp,
    updated_at: Timestamp,
    description: Option<String>,
    homepage: Option<String>,
    documentation: Option<String>,
    repository: Option<String>,
    keywords: Vec<String>,
    categories: Vec<String>,
    badges: [(); 0],
    downloads: u64,
    recent_downloads: Option<u64>,
    default_version: Option<Version>,
    max_version: Version,
    max_stable_version: Option<Version>,
    newest_version: Version,
    num_versions: u32,
    yanked: bool,
    /// Ids of the versions, where they are in the answer.
    versions: Option<Vec<u32>>,
    exact_match: bool,
    links: CrateLinks,
}

/// Where more about a crate is.
#[derive(Debug, Serialize)]
struct CrateLinks {
    versions: String,
    version_downloads: String,
    owners: String,
    owner_user: String,
    owner_team: String,
    reverse_dependencies: String,
}

impl CrateView {
    /// A crate in a list; `None` for one without a version.
    pub(crate) fn listed(
        root: &str,
        head: CrateHead,
        downloads: u64,
        exact_match: bool,
    ) -> Option<CrateView> {
        let place = path(root, &head.registry, &head.name);
        let newest = head.max_version.clone()?;
        Some(CrateView {
            id: head.name.clone(),
            created_at: head.created_at,
            updated_at: moment(head.updated_millis),
            description: head.about.description,
            homepage: head.about.homepage,
            documentation: head.about.documentation,
            repository: head.about.repository,
            keywords: head.about.keywords,
            categories: head.about.categories,
            badges: [],
            downloads,
            recent_downloads: None,
            default_version: Some(newest.clone()),
            max_stable_version: Some(newest.clone()).filter(|version| !version.is_prerelease()),
            max_version: newest.clone(),
            newest_version: newest,
            num_versions: head.version_count,
            yanked: head.max_yanked,
            versions: None,
            exact_match,
            links: CrateLinks {
                versions: format!("{place}/versions"),
                version_downloads: format!("{place}/downloads"),
                owners: format!("{place}/owners"),
                owner_user: format!("{place}/owner_user"),
                owner_team: format!("{place}/owner_team"),
                reverse_dependencies: format!("{place}/reverse_dependencies"),
            },
            name: head.name,
        })
    }

    /// A crate with its versions, the highest first.
    pub(crate) fn with_versions(
        root: &str,
        head: CrateHead,
        versions: &[Stored],
        downloads: &Downloads,
    ) -> Option<CrateView> {
        let newest = versions.iter().rev().max_by_key(|version| version.published_at)?.line.vers.clone();
        let ids = versions.iter().map(version_id).collect();
        let view = CrateView::listed(root, head, downloads.total, false)?;
        Some(CrateView { newest_version: newest, versions: Some(ids), ..view })
    }
}

/// A version.
#[derive(Debug, Serialize)]
pub(crate) struct VersionView {
    id: u32,
    #[serde(rename = "crate")]
    krate: CrateName,
    num: Version,
    dl_path: String,
    readme_path: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
    downloads: u64,
    features: BTreeMap<FeatureName, Vec<String>>,
    yanked: bool,
    yank_message: Option<String>,
    lib_links: Option<String>,
    license: Option<String>,
    description: Option<String>,
    homepage: Option<String>,
    documentation: Option<String>,
    repository: Option<String>,
    edition: Option<String>,
    rust_version: Option<PartialVersion>,
    crate_size: u64,
    checksum: Sha256,
    published_by: Option<UserView>,
    links: VersionLinks,
}

/// Where more about a version is.
#[derive(Debug, Serialize)]
struct VersionLinks {
    dependencies: String,
    version_downloads: String,
}

/// Whoever published a version.
#[derive(Debug, Serialize)]
pub(crate) struct UserView {
    id: u32,
    login: Login,
    name: Option<String>,
}

impl VersionView {
    /// A version with its downloads.
    pub(crate) fn new(root: &str, stored: Stored, downloads: &Downloads) -> VersionView {
        let id = version_id(&stored);
        let line = stored.line;
        let krate = path(root, &stored.registry, &line.name);
        let place = format!("{krate}/{}", line.vers);
        let mut features = line.features;
        features.extend(line.features2.unwrap_or_default());
        VersionView {
            id,
            dl_path: format!("{place}/download"),
            readme_path: None,
            created_at: stored.published_at,
            updated_at: stored.published_at,
            downloads: downloads.by_version.get(&line.vers.key()).copied().unwrap_or(0),
            features,
            yanked: line.yanked,
            yank_message: None,
            lib_links: line.links,
            license: stored.about.license,
            description: stored.about.description,
            homepage: stored.about.homepage,
            documentation: stored.about.documentation,
            repository: stored.about.repository,
            edition: stored.about.edition,
            rust_version: line.rust_version,
            crate_size: stored.size_bytes,
            checksum: line.cksum,
            published_by: stored.published_by.map(|login| UserView {
                id: number(login.as_str()),
                login,
                name: None,
            }),
            links: VersionLinks {
                dependencies: format!("{place}/dependencies"),
                version_downloads: format!("{krate}/downloads"),
            },
            krate: line.name,
            num: line.vers,
        }
    }
}

/// A dependency of a version.
#[derive(Debug, Serialize)]
pub(crate) struct DependencyView {
    id: u32,
    version_id: u32,
    crate_id: String,
    req: String,
    optional: bool,
    default_features: bool,
    features: Vec<String>,
    target: Option<String>,
    kind: DependencyKind,
    explicit_name_in_toml: Option<String>,
    /// The index of the registry that it is in, when that is another one.
    registry: Option<String>,
    downloads: u64,
}

impl DependencyView {
    /// A dependency of `version`.
    pub(crate) fn new(version: &Stored, dependency: &IndexDependency) -> DependencyView {
        let alias = dependency.package.is_some().then(|| dependency.name.to_string());
        let version_id = version_id(version);
        let target = dependency.target.as_deref().unwrap_or_default();
        let place = format!("{version_id}/{}/{:?}/{target}", dependency.name, dependency.kind);
        DependencyView {
            id: number(&place),
            version_id,
            crate_id: dependency.package_name().to_owned(),
            req: dependency.req.to_string(),
            optional: dependency.optional,
            default_features: dependency.default_features,
            features: dependency.features.clone(),
            target: dependency.target.clone(),
            kind: dependency.kind,
            explicit_name_in_toml: alias,
            registry: dependency.registry.clone(),
            downloads: 0,
        }
    }
}

/// A word that crates are filed under.
#[derive(Debug, Serialize)]
pub(crate) struct TagView {
    id: String,
    slug: Option<String>,
    keyword: Option<String>,
    category: Option<String>,
}

impl TagView {
    /// A keyword.
    pub(crate) fn keyword(word: &str) -> TagView {
        TagView { id: word.to_owned(), slug: None, keyword: Some(word.to_owned()), category: None }
    }

    /// A category.
    pub(crate) fn category(word: &str) -> TagView {
        TagView {
            id: word.to_owned(),
            slug: Some(word.to_owned()),
            keyword: None,
            category: Some(word.to_owned()),
        }
    }
}

/// The size of a list, and where its other parts are.
#[derive(Debug, Serialize)]
pub(crate) struct Meta {
    /// Of the whole list.
    pub(crate) total: u64,
    /// The query of the next part.
    pub(crate) next_page: Option<String>,
    /// The query of the part before.
    pub(crate) prev_page: Option<String>,
}

impl Meta {
    /// A list that is not cut.
    pub(crate) fn whole(length: usize) -> Meta {
        Meta { total: length as u64, next_page: None, prev_page: None }
    }
}

/// The number of a version.
pub(crate) fn version_id(version: &Stored) -> u32 {
    number(&format!("{}/{}@{}", version.registry, version.krate(), version.line.vers.key()))
}

/// The path of a crate in the API; `root` is the path that the whole server is under.
fn path(root: &str, registry: &RegistryName, krate: &CrateName) -> String {
    format!("{root}/r/{registry}/api/v1/crates/{krate}")
}

fn moment(millis: u64) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
}
