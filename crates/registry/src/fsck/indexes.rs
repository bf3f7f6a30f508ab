//! Index entries: that each belongs to an entity, and that every entity can be read and has its own.

use super::Check;
use crate::entity::{
    CrateHead, DeviceRequest, Identity, Invitation, Membership, PasswordRecord, Readme, RegistryRecord,
    ServerRecord, SigningKey, Spent, Team, Token, TokenUse, User, trust_part,
};
use crate::error::Result;
use holdfast_store::{Entity, IndexCheck};
use holdfast_types::{BUILDKITE_ISSUER, GITHUB_ISSUER, GITLAB_ISSUER, Login};

impl Check<'_> {
    /// Everything but versions, which are checked with their crates, and the audit log. After all that finds
    /// names, because index entries of whoever is no more are looked for under their name.
    pub(super) async fn indexes(&mut self) -> Result<()> {
        self.without_indexes().await?;
        let by_user = [self.of_users(Token::user_part), vec![Token::DIGEST_PART.to_owned()]].concat();
        self.index::<Token>(&[Token::PART], &by_user).await?;
        self.index::<Identity>(&[Identity::PART], &self.of_users(Identity::user_part)).await?;
        self.index::<SigningKey>(&[SigningKey::PART], &self.of_users(SigningKey::user_part)).await?;
        let members: Vec<String> = self.teams().map(Membership::part).collect();
        self.index::<Membership>(&members, &self.of_users(Membership::teams_part)).await?;
        let codes = DeviceRequest::code_key("").part;
        self.index::<DeviceRequest>(&[DeviceRequest::PART], &[codes]).await?;
        self.heads().await
    }

    /// What has no index entries needs only be readable, and where it belongs.
    async fn without_indexes(&mut self) -> Result<()> {
        let mut plain = IndexCheck::new(self.store);
        plain.entities::<ServerRecord>(&ServerRecord::key_of().part).await?;
        plain.entities::<User>(User::PART).await?;
        plain.entities::<Team>(Team::PART).await?;
        plain.entities::<PasswordRecord>(PasswordRecord::PART).await?;
        plain.entities::<Invitation>(Invitation::PART).await?;
        plain.entities::<TokenUse>(TokenUse::PART).await?;
        plain.entities::<Spent>(Spent::PART).await?;
        for registry in &self.registries {
            plain.entities::<Readme>(&format!("readme/{registry}")).await?;
        }
        self.findings.tell(plain.finish([""; 0]).await?);
        Ok(())
    }

    /// The indexes of registries and crates, which share that of trust rules.
    async fn heads(&mut self) -> Result<()> {
        let mut heads = IndexCheck::new(self.store);
        heads.entities::<RegistryRecord>(RegistryRecord::PART).await?;
        for registry in &self.registries {
            heads.entities::<CrateHead>(&CrateHead::part(registry)).await?;
        }
        let known = [GITHUB_ISSUER, GITLAB_ISSUER, BUILDKITE_ISSUER].map(trust_part);
        self.trust_parts.extend(known);
        let recent = self.registries.iter().map(CrateHead::recent_part);
        let owned = self.principals.iter().map(CrateHead::owned_part);
        let visible = self.teams().map(CrateHead::visible_part);
        let trusted = self.trust_parts.iter().cloned();
        let problems = heads.finish(recent.chain(owned).chain(visible).chain(trusted)).await?;
        self.findings.tell(problems);
        Ok(())
    }

    fn of_users(&self, part: fn(&Login) -> String) -> Vec<String> {
        self.logins().map(part).collect()
    }

    async fn index<E: Entity>(
        &mut self,
        entity_parts: &[impl AsRef<str> + Sync],
        index_parts: &[String],
    ) -> Result<()> {
        let mut check = IndexCheck::new(self.store);
        for part in entity_parts {
            check.entities::<E>(part.as_ref()).await?;
        }
        self.findings.tell(check.finish(index_parts).await?);
        Ok(())
    }
}
