//! Values and wire formats of a Cargo registry: names, versions, checksums, index lines, the publish frame
//! and the JSON that cargo reads. No I/O, no clock, no randomness; a value that exists is valid.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that panics says where"))]

mod api;
mod checksum;
mod dependency;
mod frame;
mod index;
mod metadata;
mod name;
mod password;
mod principal;
mod source;
mod timestamp;
mod token;
mod trust;
mod version;

pub use api::{
    ApiErrors, CrateSummary, ErrorDetail, IndexConfig, Ok as ApiOk, OwnerView, OwnersList, OwnersRequest,
    PublishWarnings, Published, SearchMeta, SearchResults,
};
pub use checksum::{ChecksumError, Sha256, Sha256Hasher};
pub use dependency::{DependencyKind, crates_io_index};
pub use frame::{FrameError, FrameHead, FrameLimits};
pub use index::{IndexDependency, IndexLine};
pub use metadata::{MetadataDependency, MetadataError, PublishMetadata};
pub use name::{CanonicalName, CrateName, DependencyAlias, FeatureName, NameError, RegistryName};
pub use password::{Password, PasswordError};
pub use principal::{Login, Principal, PrincipalError, TeamName};
pub use source::{DependencyTarget, DependencyTargetError, RegistryIndex, RegistryIndexError};
pub use timestamp::{Day, Timestamp, TimestampError};
pub use token::{
    CratePattern, Endpoint, ScopeError, Scopes, SecretError, TokenId, TokenIdError, TokenSecret,
};
pub use trust::{
    BUILDKITE_ISSUER, BuildkiteTrust, ClaimName, ClaimPattern, ClaimText, CustomTrust, CustomTrustError,
    ForgejoTrust, GITHUB_ISSUER, GITLAB_ISSUER, GitRef, GithubTrust, GitlabTrust, IssuerPattern, IssuerUrl,
    Mismatch, ProjectPath, Slug, TrustRule, TrustTextError, WorkflowFile,
};
pub use version::{PartialVersion, Version, VersionError, VersionKey, VersionReq};
