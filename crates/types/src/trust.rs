//! Which job of a CI system may publish without a secret (RFC 3691, trusted publishing): where its token must
//! come from, and what must stand in it.
//!
//! A rule names claims; it does not verify tokens. Whoever checks a job has verified the token's signature,
//! audience and times before, with the keys of [`TrustRule::issuer`].

mod requirement;
#[cfg(test)]
mod tests;
mod text;

use crate::Sha256;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use requirement::Mismatch;
use requirement::{Requirement, Wanted};
pub use text::{
    ClaimName, ClaimPattern, ClaimText, IssuerPattern, IssuerUrl, ProjectPath, Slug, TrustTextError,
    WorkflowFile,
};

/// Where the tokens of GitHub's own runners come from. A GitHub Enterprise Server has
/// `https://HOST/_services/token`, an enterprise may have an issuer of its own.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Where the tokens of gitlab.com come from. A GitLab of one's own is its own issuer, by its base address.
pub const GITLAB_ISSUER: &str = "https://gitlab.com";

/// Where the tokens of Buildkite come from, for all organizations.
pub const BUILDKITE_ISSUER: &str = "https://agent.buildkite.com";

/// Where the tokens of public CI systems come from, each an [`IssuerPattern`].
const PUBLIC_ISSUERS: &[&str] = &[
    GITHUB_ISSUER,
    // An enterprise on GitHub may have its name in its issuer.
    "https://token.actions.githubusercontent.com/*",
    GITLAB_ISSUER,
    BUILDKITE_ISSUER,
    "https://codeberg.org/api/actions",
    "https://oidc.circleci.com/org/*",
    "https://api.bitbucket.org/2.0/workspaces/*/pipelines-config/identity/oidc",
];

/// Sources of pipelines on GitLab whose `ref` may be the name that somebody gave the branch of a merge request, in a
/// fork maybe; a child of such a pipeline says that it has a parent.
const MERGE_REQUESTS: &[&str] = &["merge_request_event", "external_pull_request_event", "parent_pipeline"];

/// Events by which somebody else's change starts a workflow with the rights of the repository.
const FOREIGN_EVENTS: &[&str] = &["pull_request_target", "workflow_run"];

/// One kind of job that may publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "provider", rename_all = "kebab-case")]
pub enum TrustRule {
    /// GitHub Actions.
    Github(GithubTrust),
    /// GitLab CI/CD.
    Gitlab(GitlabTrust),
    /// Forgejo Actions.
    Forgejo(ForgejoTrust),
    /// Buildkite.
    Buildkite(BuildkiteTrust),
    /// Anything else that signs OpenID Connect tokens for its jobs.
    Custom(CustomTrust),
}

/// A workflow of a repository on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GithubTrust {
    /// [`GITHUB_ISSUER`], or that of a GitHub Enterprise.
    #[serde(default = "github_issuer", skip_serializing_if = "is_github_issuer")]
    pub issuer: IssuerUrl,
    /// The user or organization.
    pub owner: Slug,
    /// The owner's number, so that whoever takes a name that became free is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<u64>,
    /// The repository, without its owner.
    pub repository: Slug,
    /// The file in `.github/workflows` that is started; not one that it calls.
    pub workflow: WorkflowFile,
    /// The environment that the job must run in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<ClaimText>,
    /// The branch or tag that the workflow must run for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<GitRef>,
}

/// A pipeline of a project on GitLab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GitlabTrust {
    /// [`GITLAB_ISSUER`], or the address of a GitLab of one's own.
    #[serde(default = "gitlab_issuer", skip_serializing_if = "is_gitlab_issuer")]
    pub issuer: IssuerUrl,
    /// The project with its groups.
    pub project: ProjectPath,
    /// The number of its namespace, so that whoever takes a name that became free is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_id: Option<u64>,
    /// The file that defines the pipeline, `.gitlab-ci.yml` mostly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ProjectPath>,
    /// The environment that the job must deploy to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<ClaimText>,
    /// The branch or tag that the pipeline must run for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<GitRef>,
}

/// A workflow of a repository on Forgejo, whose tokens know no environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ForgejoTrust {
    /// The address of the Forgejo with `/api/actions` after it.
    pub issuer: IssuerUrl,
    /// The user or organization.
    pub owner: Slug,
    /// The owner's number, which newer versions of Forgejo tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<u64>,
    /// The repository, without its owner.
    pub repository: Slug,
    /// The file in `.forgejo/workflows`, `.gitea/workflows` or `.github/workflows`.
    pub workflow: WorkflowFile,
    /// The branch or tag that the workflow must run for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<GitRef>,
}

/// A pipeline on Buildkite. Its builds of pull requests are its own too: where it builds those of strangers,
/// the rule needs a `git_ref`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BuildkiteTrust {
    /// The organization.
    pub organization: Slug,
    /// The pipeline.
    pub pipeline: Slug,
    /// The key of the step that publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<ClaimText>,
    /// The branch or tag that is built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<GitRef>,
}

/// Claims of tokens of any issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CustomFields", into = "CustomFields")]
pub struct CustomTrust(CustomFields);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct CustomFields {
    issuer: IssuerUrl,
    claims: BTreeMap<ClaimName, ClaimPattern>,
}

/// A branch or a tag by its name, in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitRef {
    /// A branch, like `main`.
    Branch(ClaimPattern),
    /// A tag, like `v*`.
    Tag(ClaimPattern),
}

/// Why claims make no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomTrustError {
    /// None that says anything.
    #[error("the rule trusts every job of the issuer; name at least one claim with a value other than `*`")]
    Everybody,
    /// Too many.
    #[error("the rule has more than {} claims", CustomTrust::MAX_CLAIMS)]
    TooMany,
}

impl CustomTrust {
    /// The most claims of one rule.
    pub const MAX_CLAIMS: usize = 20;

    /// A rule that asks for all of these claims.
    pub fn new(
        issuer: IssuerUrl,
        claims: BTreeMap<ClaimName, ClaimPattern>,
    ) -> Result<CustomTrust, CustomTrustError> {
        if claims.len() > CustomTrust::MAX_CLAIMS {
            return Err(CustomTrustError::TooMany);
        }
        if claims.values().all(ClaimPattern::is_anything) {
            return Err(CustomTrustError::Everybody);
        }
        Ok(CustomTrust(CustomFields { issuer, claims }))
    }
}

impl TryFrom<CustomFields> for CustomTrust {
    type Error = CustomTrustError;

    fn try_from(fields: CustomFields) -> Result<CustomTrust, CustomTrustError> {
        CustomTrust::new(fields.issuer, fields.claims)
    }
}

impl From<CustomTrust> for CustomFields {
    fn from(trust: CustomTrust) -> CustomFields {
        trust.0
    }
}

impl TrustRule {
    /// Whose tokens count, exactly as they say it in `iss`.
    pub fn issuer(&self) -> IssuerUrl {
        match self {
            TrustRule::Github(trust) => trust.issuer.clone(),
            TrustRule::Gitlab(trust) => trust.issuer.clone(),
            TrustRule::Forgejo(trust) => trust.issuer.clone(),
            TrustRule::Buildkite(_) => issuer_of(BUILDKITE_ISSUER),
            TrustRule::Custom(CustomTrust(trust)) => trust.issuer.clone(),
        }
    }

    /// What tells it from every other rule.
    pub fn digest(&self) -> Sha256 {
        Sha256::of(serde_json::to_string(self).expect("it has string keys only").as_bytes())
    }

    /// Whether a job with these claims may publish; otherwise the first claim that differs.
    pub fn check(&self, claims: &Map<String, Value>) -> Result<(), Mismatch> {
        self.requirements().iter().try_for_each(|requirement| requirement.check(claims))
    }

    /// Whether it is about the repository, project or pipeline that a job is of, so that what else differs is that
    /// job's business. Others may not learn who trusts whom. A custom rule does not say where such a job is of; it is
    /// about all jobs of an issuer that is not the public's.
    pub fn is_about(&self, claims: &Map<String, Value>) -> bool {
        let places = match self {
            TrustRule::Github(_) | TrustRule::Gitlab(_) | TrustRule::Forgejo(_) => 1,
            TrustRule::Buildkite(_) => 2,
            TrustRule::Custom(CustomTrust(trust)) => return !IssuerPattern::public().takes(&trust.issuer),
        };
        // After the issuer, the place comes first.
        self.requirements().iter().skip(1).take(places).all(|place| place.check(claims).is_ok())
    }

    fn requirements(&self) -> Vec<Requirement> {
        let issuer = Requirement::exactly("iss", self.issuer());
        let more = match self {
            TrustRule::Github(trust) => trust.requirements(),
            TrustRule::Gitlab(trust) => trust.requirements(),
            TrustRule::Forgejo(trust) => trust.requirements(),
            TrustRule::Buildkite(trust) => trust.requirements(),
            TrustRule::Custom(CustomTrust(trust)) => trust.requirements(),
        };
        std::iter::once(issuer).chain(more).collect()
    }
}

impl GithubTrust {
    fn requirements(&self) -> Vec<Requirement> {
        let GithubTrust { owner, owner_id, repository, workflow, git_ref, .. } = self;
        let folders = &[".github/workflows"];
        let mut all = of_workflow(owner, *owner_id, repository, folders, workflow, git_ref.as_ref());
        all.extend(self.environment.as_ref().map(|name| {
            // GitHub takes `Release` and `release` for one environment.
            Requirement::new("environment", Wanted::IgnoringCase(name.to_string()))
        }));
        all
    }
}

impl GitlabTrust {
    fn requirements(&self) -> Vec<Requirement> {
        let mut all = vec![Requirement::new("project_path", Wanted::IgnoringCase(self.project.to_string()))];
        all.extend(self.namespace_id.map(|id| Requirement::exactly("namespace_id", id)));
        all.extend(self.config.as_ref().map(|config| {
            let project = self.project.to_string();
            Requirement::new("ci_config_ref_uri", Wanted::Config { project, file: config.to_string() })
        }));
        all.extend(self.environment.as_ref().map(|name| Requirement::exactly("environment", name)));
        all.extend(self.git_ref.iter().flat_map(|git_ref| {
            let (kind, name, source) = match git_ref {
                GitRef::Branch(name) => ("branch", name, Some(Wanted::NoneOf(MERGE_REQUESTS))),
                GitRef::Tag(name) => ("tag", name, None),
            };
            let kind = Requirement::exactly("ref_type", kind);
            let name = Requirement::new("ref", Wanted::Pattern(name.clone()));
            let source = source.map(|wanted| Requirement::new("pipeline_source", wanted));
            [kind, name].into_iter().chain(source)
        }));
        all
    }
}

impl ForgejoTrust {
    fn requirements(&self) -> Vec<Requirement> {
        let ForgejoTrust { owner, owner_id, repository, workflow, git_ref, .. } = self;
        let folders = &[".forgejo/workflows", ".gitea/workflows", ".github/workflows"];
        of_workflow(owner, *owner_id, repository, folders, workflow, git_ref.as_ref())
    }
}

impl BuildkiteTrust {
    fn requirements(&self) -> Vec<Requirement> {
        let mut all = vec![
            Requirement::exactly("organization_slug", &self.organization),
            Requirement::exactly("pipeline_slug", &self.pipeline),
        ];
        all.extend(self.step.as_ref().map(|key| Requirement::exactly("step_key", key)));
        all.extend(self.git_ref.as_ref().map(|git_ref| match git_ref {
            GitRef::Branch(name) => Requirement::new("build_branch", Wanted::Pattern(name.clone())),
            GitRef::Tag(name) => Requirement::new("build_tag", Wanted::Pattern(name.clone())),
        }));
        all
    }
}

impl CustomFields {
    fn requirements(&self) -> Vec<Requirement> {
        let requirement = |(claim, pattern): (&ClaimName, &ClaimPattern)| {
            Requirement::new(claim.as_str(), Wanted::Pattern(pattern.clone()))
        };
        self.claims.iter().map(requirement).collect()
    }
}

impl GitRef {
    /// As git spells it in full, in the claim `ref`.
    fn full(&self) -> Requirement {
        let pattern = match self {
            GitRef::Branch(name) => name.after("refs/heads/"),
            GitRef::Tag(name) => name.after("refs/tags/"),
        };
        Requirement::new("ref", Wanted::Pattern(pattern))
    }
}

/// What GitHub says of a workflow, and Forgejo after it.
fn of_workflow(
    owner: &Slug,
    owner_id: Option<u64>,
    repository: &Slug,
    folders: &'static [&'static str],
    file: &WorkflowFile,
    git_ref: Option<&GitRef>,
) -> Vec<Requirement> {
    let repository = format!("{owner}/{repository}");
    let file = Wanted::Workflow { repository: repository.clone(), folders, file: file.to_string() };
    let mut all = vec![
        Requirement::new("repository", Wanted::IgnoringCase(repository)),
        Requirement::new("workflow_ref", file),
        Requirement::new("event_name", Wanted::NoneOf(FOREIGN_EVENTS)),
    ];
    all.extend(owner_id.map(|id| Requirement::exactly("repository_owner_id", id)));
    all.extend(git_ref.map(GitRef::full));
    all
}

fn issuer_of(text: &str) -> IssuerUrl {
    text.parse().expect("it is one of the constants above")
}

fn github_issuer() -> IssuerUrl {
    issuer_of(GITHUB_ISSUER)
}

fn is_github_issuer(issuer: &IssuerUrl) -> bool {
    issuer.as_str() == GITHUB_ISSUER
}

fn gitlab_issuer() -> IssuerUrl {
    issuer_of(GITLAB_ISSUER)
}

fn is_gitlab_issuer(issuer: &IssuerUrl) -> bool {
    issuer.as_str() == GITLAB_ISSUER
}
