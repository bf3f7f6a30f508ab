//! Replicas: several processes on one database and one file storage, as operators run them behind a balancer.
//!
//! Every test runs on every database that processes of several machines can share, each a real server. What
//! is shown: races have one winner, what one replica acknowledged the others serve, caches end within the
//! staleness bound, counts add up, the sweeper works once for all, restarts lose no request, and a database or
//! an object store in trouble is never mistaken for something that is not there.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod agreement;
mod faults;
mod races;
mod rolling;
mod staleness;
mod storage;
mod support;
mod sweeping;

use holdfast_servers::Kind;

macro_rules! databases {
    ($($database:ident: $kind:ident,)*) => {
        $(mod $database {
            use crate::support::Site;
            use holdfast_servers::Kind;

            /// What takes one set of replicas, one after the other.
            #[test]
            fn replicas_agree() {
                let Some(mut site) = Site::open(Kind::$kind) else { return };
                crate::races::one_version_has_one_winner(&site);
                crate::races::an_owner_always_stays(&site);
                crate::races::a_lost_answer_is_made_good_elsewhere(&site);
                crate::agreement::what_is_published_is_everywhere_at_once(&site);
                crate::staleness::changes_arrive_within_the_bound(&site);
                crate::agreement::downloads_add_up_and_the_latest_use_stays(&mut site);
                site.assert_unharmed();
            }

            #[test]
            fn no_publish_is_lost_with_a_replica() {
                let Some(mut site) = Site::open(Kind::$kind) else { return };
                crate::races::no_publish_is_lost_with_a_replica(&mut site);
            }

            #[test]
            fn a_rolling_restart_loses_no_request() {
                let Some(mut site) = Site::open(Kind::$kind) else { return };
                crate::rolling::a_rolling_restart_loses_no_request(&mut site);
            }

            #[test]
            fn one_sweeps_for_all() {
                crate::sweeping::one_sweeps_for_all(Kind::$kind);
            }

            #[test]
            fn a_database_in_trouble_hides_nothing() {
                crate::faults::a_database_in_trouble_hides_nothing(Kind::$kind);
            }
        })*

        #[test]
        fn every_database_is_here() {
            assert_eq!(Kind::DATABASES, [$(Kind::$kind),*]);
        }
    };
}

databases! {
    postgres: Postgres,
    mysql: Mysql,
    redis: Redis,
    mongodb: Mongodb,
    dynamodb: Dynamodb,
}
