//! A sentence for each situation.

use super::*;

fn answer(role: &str, epoch: i32, leader: Option<i32>) -> Answer {
    Answer {
        cluster_id: "A".to_owned(),
        role: Some(role.to_owned()),
        epoch: Some(epoch),
        leader,
        vote: Vote::Nobody,
        ..Answer::default()
    }
}

fn voter(id: i32, heard: Heard) -> Controller {
    let address = format!("host{id}:9093");
    Controller { id: Some(id), address, is_voter: true, directory: None, heard }
}

fn says(id: i32, answer: Answer) -> Controller {
    voter(id, Heard::Answer(Box::new(Answer { node_id: Some(id), ..answer })))
}

fn follower(lag: i64, silent_ms: i64, behind_ms: i64) -> Follower {
    Follower { lag, silent_ms: Some(silent_ms), behind_ms: Some(behind_ms) }
}

fn survey(told: Told, controllers: &[Controller]) -> Survey {
    let answered = controllers.iter().any(|one| one.answer().is_some());
    let cluster_id = answered.then(|| "A".to_owned());
    Survey { cluster_id, told, controllers: controllers.to_vec() }
}

#[track_caller]
fn leads(controllers: &[Controller], leader: (i32, i32), sentence: &str) {
    let want = Finding { leader: Some(leader), sentence: sentence.to_owned() };
    assert_eq!(reason(&survey(Told::Voters, controllers)), want);
}

#[track_caller]
fn unled(controllers: &[Controller], sentence: &str) {
    assert_eq!(reason(&survey(Told::Voters, controllers)), none(sentence.to_owned()));
}

#[test]
fn somebody_leads() {
    let leader = || says(2, answer("Leader", 7, Some(2)));
    let follows = |id| says(id, answer("Follower", 7, Some(2)));
    let all = "Node 2 leads epoch 7, and all 3 voters are with it.";
    leads(&[follows(1), leader(), follows(3)], (2, 7), all);
    leads(&[leader()], (2, 7), "Node 2 leads epoch 7.");
    leads(
        &[follows(1), leader(), voter(3, Heard::Refused)],
        (2, 7),
        "Node 2 leads epoch 7; 3 refuses connections.",
    );
    leads(
        &[voter(1, Heard::Silent), leader(), follows(3)],
        (2, 7),
        "Node 2 leads epoch 7; 1 does not answer.",
    );
    leads(
        &[follows(1), leader(), voter(3, Heard::Broken("it closed the connection".to_owned()))],
        (2, 7),
        "Node 2 leads epoch 7; 3 cannot be asked: it closed the connection.",
    );
    let late = says(3, answer("Unattached", 6, None));
    leads(
        &[follows(1), leader(), late],
        (2, 7),
        "Node 2 leads epoch 7; 3 does not follow it: it is Unattached.",
    );
    // An observer that follows counts for nothing.
    let observer = Controller { is_voter: false, ..follows(9) };
    leads(
        &[leader(), follows(1), voter(3, Heard::Refused), observer],
        (2, 7),
        "Node 2 leads epoch 7; 3 refuses connections.",
    );
}

#[test]
fn a_follower_lags_when_it_is_behind_for_long() {
    let with = |third: Follower| {
        let followers = BTreeMap::from([(1, follower(0, 10, 10)), (3, third)]);
        [
            says(1, answer("Follower", 7, Some(2))),
            says(2, Answer { followers, ..answer("Leader", 7, Some(2)) }),
            says(3, answer("Follower", 7, Some(2))),
        ]
    };
    let all = "Node 2 leads epoch 7, and all 3 voters are with it.";
    leads(&with(follower(120, 10, 500)), (2, 7), all);
    let lags = "Node 2 leads epoch 7; 3 lags by 120 records.";
    leads(&with(follower(120, 10, 2500)), (2, 7), lags);
    leads(&with(Follower { behind_ms: None, ..follower(120, 10, 0) }), (2, 7), lags);
}

#[test]
fn a_leader_needs_a_majority() {
    let leader = says(1, answer("Leader", 4, Some(1)));
    let (second, third) = (voter(2, Heard::Refused), voter(3, Heard::Silent));
    unled(
        &[leader.clone(), second.clone(), third.clone()],
        "No leader that can commit: only 1 of 3 voters are with node 1, who leads epoch 4 and is about to resign (2 refuses connections, 3 does not answer).",
    );
    // That nobody but the leader reaches 3 is no reason for it to resign.
    let followers = BTreeMap::from([(3, follower(0, 100, 100))]);
    let heard = says(1, Answer { followers, ..answer("Leader", 4, Some(1)) });
    leads(
        &[heard, second.clone(), third.clone()],
        (1, 4),
        "Node 1 leads epoch 4; 2 refuses connections, 3 does not answer.",
    );
    let followers = BTreeMap::from([(3, follower(0, 3500, 3500))]);
    let unheard = says(1, Answer { followers, ..answer("Leader", 4, Some(1)) });
    assert_eq!(reason(&survey(Told::Voters, &[unheard, second, third])).leader, None);
    // Nor does a leader of the past lead.
    unled(
        &[leader, says(2, answer("Candidate", 5, None)), says(3, answer("Follower", 4, Some(1)))],
        "No leader: node 1 leads epoch 4 and does not know yet that 2 is in epoch 5 already, so an election is under way.",
    );
    leads(
        &[
            says(1, answer("Leader", 4, Some(1))),
            says(2, answer("Leader", 5, Some(2))),
            says(3, answer("Follower", 5, Some(2))),
        ],
        (2, 5),
        "Node 2 leads epoch 5; 1 does not follow it: it is Leader.",
    );
}

#[test]
fn too_few_are_there() {
    unled(
        &[
            says(1, answer("Prospective", 4, None)),
            voter(2, Heard::Refused),
            voter(3, Heard::Silent),
        ],
        "No leader: 2 of 3 voters cannot be reached (2 refuses connections, 3 does not answer), so there is no majority.",
    );
    // Two of four are no majority, whomever they follow.
    unled(
        &[
            says(1, answer("Follower", 4, Some(4))),
            says(2, answer("Follower", 4, Some(4))),
            voter(3, Heard::Refused),
            voter(4, Heard::Refused),
        ],
        "No leader: 2 of 4 voters cannot be reached (3 refuses connections, 4 refuses connections), so there is no majority.",
    );
    unled(
        &[voter(1, Heard::Refused), voter(2, Heard::Silent)],
        "No leader can be seen: nobody answers (1 refuses connections, 2 does not answer).",
    );
    let somewhere = Controller { id: None, ..voter(1, Heard::Refused) };
    unled(&[somewhere], "No leader can be seen: nobody answers (host1:9093 refuses connections).");
}

#[test]
fn who_is_not_what_the_others_take_it_for() {
    let foreign =
        |id| says(id, Answer { cluster_id: "B".to_owned(), ..answer("Prospective", 1, None) });
    unled(
        &[says(1, answer("Prospective", 4, None)), foreign(2), voter(3, Heard::Refused)],
        "No leader: 2 of 3 voters cannot take part (2 is of another cluster, B, 3 refuses connections), so there is no majority.",
    );
    leads(
        &[
            says(1, answer("Leader", 4, Some(1))),
            says(2, answer("Follower", 4, Some(1))),
            foreign(3),
        ],
        (1, 4),
        "Node 1 leads epoch 4; 3 is of another cluster, B.",
    );
    // However many they are.
    unled(
        &[foreign(2), says(1, answer("Prospective", 4, None)), foreign(3)],
        "No leader: 2 of 3 voters cannot take part (2 is of another cluster, B, 3 is of another cluster, B), so there is no majority.",
    );
    let stranger = Controller { id: None, is_voter: false, ..foreign(9) };
    leads(
        &[says(1, answer("Leader", 4, Some(1))), stranger],
        (1, 4),
        "Node 1 leads epoch 4. Beside, host9:9093 is of another cluster, B.",
    );
    let other = Answer { node_id: Some(5), ..answer("Leader", 9, Some(5)) };
    unled(
        &[
            says(1, answer("Unattached", 4, None)),
            voter(2, Heard::Answer(Box::new(other))),
            voter(3, Heard::Silent),
        ],
        "No leader: 2 of 3 voters cannot take part (2 is node 5 at host2:9093, 3 does not answer), so there is no majority.",
    );
    let (old, new) = (Uuid([1; 16]), Uuid([2; 16]));
    let wiped = Answer { directory: Some(new), ..answer("Unattached", 0, None) };
    let wiped = Controller { directory: Some(old), ..says(2, wiped) };
    unled(
        &[says(1, answer("Prospective", 4, None)), wiped],
        "No leader: 1 of 2 voters cannot take part (2 has directory AgICAgICAgICAgICAgICAg, and not AQEBAQEBAQEBAQEBAQEBAQ that votes), so there is no majority.",
    );
}

#[test]
fn voters_that_know_different_voters() {
    let knows = |id: i32, ids: &[i32]| {
        let voter = |id: &i32| Voter { id: *id, directory: None, host: "h".to_owned(), port: 1 };
        let voters = ids.iter().map(voter).collect();
        says(id, Answer { voters, ..answer("Prospective", 1, None) })
    };
    unled(
        &[knows(1, &[1, 2, 3]), knows(2, &[4, 2, 1]), voter(3, Heard::Refused)],
        "No leader: the voters disagree about who votes (1 says 1 2 3, 2 says 1 2 4).",
    );
}

#[test]
fn a_majority_that_has_yet_to_elect() {
    let lost = |id| says(id, answer("Follower", 6, Some(2)));
    unled(
        &[lost(1), voter(2, Heard::Refused), lost(3)],
        "No leader: node 2, who led epoch 6, refuses connections; 1, 3 are a majority and elect another.",
    );
    unled(
        &[lost(1), voter(2, Heard::Silent), lost(3)],
        "No leader: node 2, who led epoch 6, does not answer; 1, 3 are a majority and elect another.",
    );
    unled(
        &[lost(1), says(2, answer("Resigned", 6, Some(2))), lost(3)],
        "No leader: node 2, who led epoch 6, leads no more; 1, 2, 3 are a majority and elect another.",
    );
    let lost = |id| says(id, answer("Follower", 6, Some(9)));
    unled(&[lost(1), lost(2)], "No leader: node 9, who led epoch 6, is no voter.");
    let voted = |id, to| {
        let vote = Vote::For(to, Uuid::ZERO);
        says(id, Answer { vote, ..answer("Candidate", 8, None) })
    };
    unled(
        &[voted(1, 1), voted(2, 2), voter(3, Heard::Refused)],
        "No leader: the votes of epoch 8 are split (1 voted for 1, 2 voted for 2), so another election follows.",
    );
    let four = [voted(1, 1), voted(2, 2), voted(3, 1), voted(4, 2), voter(5, Heard::Refused)];
    assert!(reason(&survey(Told::Voters, &four)).sentence.contains("are split"));
    // Who has a majority wins, and who may still get one may win.
    let won = [voted(1, 1), voted(2, 1), voted(3, 1), voted(4, 1), voted(5, 5)];
    unled(&won, "No leader: an election is under way in epoch 8; 1, 2, 3, 4, 5 asks for votes.");
    unled(
        &[voted(1, 1), voted(2, 2), says(3, answer("Unattached", 8, None))],
        "No leader: an election is under way in epoch 8; 1, 2 asks for votes.",
    );
    let plain = |id, role| says(id, answer(role, 8, None));
    unled(
        &[plain(1, "Candidate"), plain(2, "Unattached"), voter(3, Heard::Refused)],
        "No leader: an election is under way in epoch 8; 1 asks for votes.",
    );
    unled(
        &[plain(1, "Prospective"), plain(2, "Unattached"), voter(3, Heard::Refused)],
        "No leader: 1 asks whether an election after epoch 8 would be won, and has no majority for it yet.",
    );
    unled(
        &[plain(1, "Resigned"), plain(2, "Unattached"), voter(3, Heard::Refused)],
        "No leader: 1, 2 are a majority and know no leader of epoch 8, so an election is due.",
    );
}

#[test]
fn who_has_no_room_leads_nothing() {
    let full = |id, role| says(id, Answer { disk_full: true, ..answer(role, 4, None) });
    unled(
        &[full(1, "Resigned"), full(2, "Unattached"), says(3, answer("Unattached", 4, None))],
        "No leader: only 1 of 3 voters can be reached and have room on their disks (no room: 1, 2), so there is no majority.",
    );
    let follows = |id, disk_full| says(id, Answer { disk_full, ..answer("Follower", 4, Some(2)) });
    let leader = || says(2, answer("Leader", 4, Some(2)));
    leads(
        &[follows(1, true), leader(), follows(3, false)],
        (2, 4),
        "Node 2 leads epoch 4; the disk of 1 is full.",
    );
    // That it lags is no news then.
    let followers = BTreeMap::from([(1, follower(250, 2500, 2500))]);
    let tells = says(2, Answer { followers, ..answer("Leader", 4, Some(2)) });
    leads(
        &[follows(1, true), tells, follows(3, false)],
        (2, 4),
        "Node 2 leads epoch 4; the disk of 1 is full.",
    );
    unled(
        &[follows(1, true), leader(), follows(3, true)],
        "No leader that can commit: only 1 of 3 voters are with node 2, who leads epoch 4 and is about to resign (the disk of 1 is full, the disk of 3 is full).",
    );
    unled(
        &[
            full(1, "Resigned"),
            says(2, answer("Candidate", 5, None)),
            says(3, answer("Unattached", 4, None)),
        ],
        "No leader: an election is under way in epoch 5; 2 asks for votes.",
    );
}

#[test]
fn nodes_that_do_not_say_what_they_are() {
    // Stock followers tell the epoch and its leader, and a stock leader what it knows of the others.
    let stock = |id, leader| {
        let epoch = Some(7);
        let heard = Answer { cluster_id: "A".to_owned(), epoch, leader, ..Answer::default() };
        voter(id, Heard::Answer(Box::new(heard)))
    };
    leads(
        &[stock(1, Some(2)), says(2, answer("Leader", 7, Some(2))), stock(3, Some(2))],
        (2, 7),
        "Node 2 leads epoch 7, and all 3 voters are with it.",
    );
    unled(
        &[stock(1, Some(2)), voter(2, Heard::Refused), stock(3, Some(2))],
        "No leader: node 2, who led epoch 7, refuses connections; 1, 3 are a majority and elect another.",
    );
    unled(
        &[stock(1, None), stock(2, None), voter(3, Heard::Refused)],
        "No leader: 1, 2 are a majority and know no leader of epoch 7, so an election is due.",
    );
}

#[test]
fn nobody_says_who_votes() {
    let stock = |id, leader| {
        let epoch = Some(7);
        let heard = Answer { cluster_id: "A".to_owned(), epoch, leader, ..Answer::default() };
        voter(id, Heard::Answer(Box::new(heard)))
    };
    let untold = |told, controllers: &[Controller], sentence: &str| {
        assert_eq!(reason(&survey(told, controllers)), none(sentence.to_owned()));
    };
    // 3 may be an observer: then 2 and 3 are no majority.
    untold(
        Told::Registered,
        &[voter(1, Heard::Refused), stock(2, Some(1)), stock(3, Some(1))],
        "No leader can be seen: node 1, who led epoch 7, refuses connections; 2 of 3 registered controllers can be reached (1 refuses connections), and nobody says which of them vote.",
    );
    untold(
        Told::Registered,
        &[stock(1, None), voter(2, Heard::Refused), voter(3, Heard::Silent)],
        "No leader of epoch 7 is named by 1; 1 of 3 registered controllers can be reached (2 refuses connections, 3 does not answer), and nobody says which of them vote.",
    );
    untold(
        Told::Registered,
        &[stock(1, Some(1)), stock(2, Some(1))],
        "No leader can be seen: node 1, who led epoch 7, does not say that it leads; 2 of 2 registered controllers can be reached, and nobody says which of them vote.",
    );
    let asked = |id, leader| Controller { id: None, ..stock(id, leader) };
    untold(
        Told::Nothing,
        &[asked(1, Some(9)), asked(2, Some(9))],
        "No leader can be seen: node 9, who led epoch 7, is not found; 2 of 2 controllers that were asked can be reached, and nobody says which of them vote.",
    );
}
