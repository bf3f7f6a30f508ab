//! Which answer cargo gets: one function for each thing that it asks for.

use crate::environment::{self, Environment};
use crate::http::Http;
use crate::login::login;
use crate::logout::logout;
use crate::place::{NotOurs, Place};
use crate::protocol::{Cache, Done, Kind, Operation, Request};
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::session;
use crate::store::{self, Store, StoreError, Stored};
use crate::tokens::{self, Access, Change, Exchanged};

/// Everything that an answer needs.
pub(crate) struct Provider {
    pub(crate) environment: Environment,
    pub(crate) http: Http,
}

impl Provider {
    pub(crate) fn new(environment: Environment) -> Provider {
        let http = Http::new(environment.authorities.clone());
        Provider { environment, http }
    }

    /// Answers one request.
    pub(crate) fn answer(&self, request: &Request) -> Result<Done, Refusal> {
        let registry = &request.registry;
        let place = match Place::of(&registry.index_url, registry.name.as_deref()) {
            Ok(place) => place,
            // Who signs in must hear why this is not possible; for the rest, another provider may have a token.
            Err(error @ NotOurs::Clear(_)) if request.kind == Kind::Login => {
                return Err(Refusal::Clear(error));
            }
            Err(error) => return Err(Refusal::NotOurs(error)),
        };
        match (request.kind, request.operation) {
            (Kind::Login, _) => login(self, &place, request.token.as_deref()).map(|()| Done::Login),
            (Kind::Logout, _) => logout(self, &place).map(|()| Done::Logout),
            (Kind::Get, Some(Operation::Read)) => self.read(&place),
            (Kind::Get, Some(Operation::Unknown) | None) | (Kind::Unknown, _) => Err(Refusal::Unknown),
            (Kind::Get, Some(operation)) => self.change(&place, operation, request),
        }
    }

    /// Where credentials are kept.
    pub(crate) fn store(&self) -> Result<Store, StoreError> {
        Store::open(self.environment.cargo_home.clone(), self.environment.store.as_deref())
    }

    fn read(&self, place: &Place) -> Result<Done, Refusal> {
        match self.current(place)? {
            Some(Stored::Token { token } | Stored::Exchanged(store::Exchanged { token, .. })) => {
                Ok(for_everything(token))
            }
            Some(Stored::Session(session)) => {
                let cache = Cache::Expires { expiration: session.expires_at };
                Ok(Done::Get { token: session.access_token, cache, operation_independent: false })
            }
            None => {
                let token = self.exchanged(place, Access::Read)?;
                Ok(Done::Get { token, cache: Cache::Session, operation_independent: false })
            }
        }
    }

    fn change(&self, place: &Place, operation: Operation, request: &Request) -> Result<Done, Refusal> {
        let token = match self.current(place)? {
            Some(Stored::Token { token } | Stored::Exchanged(store::Exchanged { token, .. })) => {
                return Ok(for_everything(token));
            }
            Some(Stored::Session(session)) => {
                let change = Change {
                    registry: &place.registry,
                    operation,
                    name: request.name.as_deref(),
                    vers: request.vers.as_deref(),
                    cksum: request.cksum.as_deref(),
                };
                let access = &session.access_token;
                tokens::bound(&self.http, place, access, &change).map_err(Refusal::Bound)?
            }
            None if operation == Operation::Publish => self.exchanged(place, Access::Publish)?,
            // The token of a job is for nothing else.
            None => return Err(not_found(place)),
        };
        Ok(Done::Get { token, cache: Cache::Never, operation_independent: false })
    }

    fn current(&self, place: &Place) -> Result<Option<Stored>, Refusal> {
        Ok(session::current(&self.store()?, &self.http, place, environment::now)?)
    }

    fn exchanged(&self, place: &Place, access: Access) -> Result<Secret, Refusal> {
        let jwt = self.environment.job.token(&self.http, place.audience())?;
        let jwt = jwt.ok_or_else(|| not_found(place))?;
        let exchange = || tokens::exchange(&self.http, place, &jwt, access).map_err(Refusal::Exchange);
        if access == Access::Read || !self.environment.job.has_one_token() {
            return Ok(exchange()?.token);
        }
        // The job's one token is good for one exchange, and a workspace publishes many crates.
        let job: String = jwt.reveal().chars().rev().take(24).collect();
        let shelf = format!("{} for a CI job", place.index);
        let store = self.store()?;
        let locked = store.lock()?;
        if let Some(Stored::Exchanged(kept)) = locked.load(&shelf)?
            && kept.job == job
            && session::lasts(kept.expires_at, environment::now())
        {
            return Ok(kept.token);
        }
        let Exchanged { token, expires_in } = exchange()?;
        let expires_at = environment::now() + expires_in.unwrap_or_default();
        let kept = store::Exchanged { token: token.clone(), expires_at, job };
        locked.save(&shelf, &Stored::Exchanged(kept))?;
        Ok(token)
    }
}

fn for_everything(token: Secret) -> Done {
    Done::Get { token, cache: Cache::Session, operation_independent: true }
}

fn not_found(place: &Place) -> Refusal {
    Refusal::NotFound { name: place.name.clone() }
}
