//! Who is taken for whom.

use kraftig_wire::messages::describe_quorum_response::ReplicaState;

use super::super::reason::reason;
use super::*;

fn vote(id: i32) -> Voter {
    Voter { id, directory: None, host: format!("host{id}"), port: 9093 }
}

fn place(at: u8, heard: Heard) -> Place {
    let resolved = vec![SocketAddr::from(([10, 0, 0, at], 9093))];
    Place { at: HostPort { host: format!("host{at}"), port: 9093 }, resolved, heard }
}

fn answer(cluster_id: &str, id: i32, epoch: i32) -> Answer {
    Answer {
        cluster_id: cluster_id.to_owned(),
        node_id: Some(id),
        role: Some("Prospective".to_owned()),
        epoch: Some(epoch),
        vote: Vote::Nobody,
        voters: vec![vote(1), vote(2), vote(3)],
        ..Answer::default()
    }
}

fn says(at: u8, answer: Answer) -> Place {
    place(at, Heard::Answer(Box::new(answer)))
}

#[track_caller]
fn sentence(places: Vec<Place>, want: &str) {
    assert_eq!(reason(&survey(places)).sentence, want);
}

#[test]
fn the_first_that_answers_says_of_which_cluster() {
    let leader = |id| Answer {
        role: Some("Leader".to_owned()),
        leader: Some(id),
        voters: vec![vote(id)],
        ..answer("Y", id, 90)
    };
    let places = || vec![place(1, Heard::Refused), says(2, answer("X", 2, 4)), says(3, leader(3))];
    assert_eq!(voters(&places()), (Told::Voters, vec![vote(1), vote(2), vote(3)]));
    sentence(
        places(),
        "No leader: 2 of 3 voters cannot take part (1 refuses connections, 3 is of another cluster, Y), so there is no majority.",
    );
    // It is no voter here, whatever it says that its id is.
    let mut places = places();
    places[2] = place(3, Heard::Refused);
    places.push(says(9, leader(3)));
    sentence(
        places,
        "No leader: 2 of 3 voters cannot be reached (1 refuses connections, 3 refuses connections), so there is no majority. Beside, host9:9093 is of another cluster, Y.",
    );
    let other = vec![says(3, leader(3)), says(2, answer("X", 2, 4))];
    sentence(other, "Node 3 leads epoch 90. Beside, host2:9093 is of another cluster, X.");
}

#[test]
fn voters_with_swapped_addresses() {
    let want = "No leader: 2 of 3 voters cannot take part (2 is node 3 at host2:9093, 3 is node 2 at host3:9093), so there is no majority.";
    let first = || says(1, answer("X", 1, 4));
    let second = || says(2, answer("X", 3, 4));
    let third = || says(3, answer("X", 2, 4));
    sentence(vec![first(), second(), third()], want);
    sentence(vec![third(), second(), first()], want);
}

#[test]
fn a_voter_by_another_address() {
    // Its own address cannot be reached from here.
    let places = || vec![says(9, answer("X", 2, 4)), place(2, Heard::Silent)];
    let controllers = survey(places()).controllers;
    let found: Vec<_> = controllers.iter().map(|it| (it.id, it.answer().is_some())).collect();
    assert_eq!(found, [(Some(1), false), (Some(2), true), (Some(3), false)]);
    // It can be reached by both, and does not say who it is.
    let stock = || {
        Heard::Answer(Box::new(Answer {
            cluster_id: "X".to_owned(),
            registered: vec![vote(2)],
            ..Answer::default()
        }))
    };
    let alias = Place { at: HostPort { host: "alias".to_owned(), port: 1 }, ..place(2, stock()) };
    let survey = survey(vec![alias, place(2, stock())]);
    assert_eq!((survey.told, survey.controllers.len()), (Told::Registered, 1));
    assert!(survey.controllers[0].answer().is_some());
}

#[test]
fn who_votes_weighs_more_than_who_is_registered() {
    let stock = Answer {
        voters: Vec::new(),
        registered: vec![vote(1), vote(2), vote(3), vote(4)],
        ..answer("X", 2, 9)
    };
    let both = [says(2, stock.clone()), says(1, answer("X", 1, 4))];
    assert_eq!(voters(&both), (Told::Voters, vec![vote(1), vote(2), vote(3)]));
    assert_eq!(voters(&[says(2, stock.clone())]), (Told::Registered, stock.registered));
}

#[test]
fn figures_out_of_range() {
    let replica = |replica_id, figure| ReplicaState {
        replica_id,
        log_end_offset: figure,
        last_fetch_timestamp: figure,
        last_caught_up_timestamp: figure,
        ..ReplicaState::default()
    };
    let current_voters = vec![replica(1, i64::MIN), replica(2, i64::MAX)];
    let log = PartitionData { leader_id: 1, current_voters, ..PartitionData::default() };
    let follower = followers(&log)[&2];
    assert_eq!((follower.lag, follower.silent_ms), (i64::MIN, Some(i64::MIN)));
}

#[tokio::test]
async fn the_order_of_those_that_are_named_stays() {
    let refuses = |port| HostPort { host: "127.0.0.1".to_owned(), port };
    let mut places = Vec::new();
    ask_new(&mut places, vec![refuses(2), refuses(1), refuses(2)]).await;
    let ports: Vec<u16> = places.iter().map(|place| place.at.port).collect();
    assert_eq!(ports, [2, 1]);
}

#[test]
fn nobody_answers() {
    sentence(
        vec![place(2, Heard::Refused), place(1, Heard::Silent), place(2, Heard::Refused)],
        "No leader can be seen: nobody answers (host1:9093 does not answer, host2:9093 refuses connections).",
    );
}
