//! The options of the section Access, as the operations need them.

use holdfast_registry::{PasswordCost, SelfRegistration};

use crate::failure::Problem;
use crate::options::{Config, OptionValue as _, Registration};

/// What hashing a password costs.
pub(crate) fn password_cost(config: &Config) -> PasswordCost {
    PasswordCost {
        memory_kib: u32::try_from(config.password_memory.bytes() / 1024).unwrap_or(u32::MAX),
        passes: config.password_passes.get(),
        lanes: config.password_lanes.get(),
    }
}

/// Who may make an account without an invitation.
pub(crate) fn self_registration(config: &Config) -> Option<SelfRegistration> {
    match config.self_registration {
        Registration::Off => None,
        Registration::As(role) => {
            let domains = config.registration_domains.iter().map(|domain| domain.as_str().to_owned());
            Some(SelfRegistration { role, domains: domains.collect() })
        }
    }
}

/// What is wrong with values that are sound one by one.
pub(crate) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(fault) = password_cost(config).check() {
        problems.push(Problem {
            message: format!(
                "{fault} (`password-memory` is {}, `password-passes` {}, `password-lanes` {})",
                config.password_memory.show(),
                config.password_passes.show(),
                config.password_lanes.show(),
            ),
            hint: Some("each lane needs at least 8KiB of memory".to_owned()),
        });
    }
    let durations = [
        ("token-default-lifetime", config.token_default_lifetime),
        ("token-max-lifetime", config.token_max_lifetime),
        ("session-idle", Some(config.session_idle)),
        ("session-lifetime", Some(config.session_lifetime)),
    ];
    let too_short = durations.into_iter().filter(|(_, span)| span.is_some_and(|span| span.as_secs() == 0));
    problems.extend(too_short.map(|(key, _)| Problem {
        message: format!("`{key}` is less than a second, so nobody could use what it is about"),
        hint: None,
    }));
    problems
}
