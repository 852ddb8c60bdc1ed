------------------------------- MODULE KRaftTla -------------------------------
(*
The same world as the Rust model `kraft-tla` (spec/src/model/kraft_tla), for TLC: it is there so that both checkers can be run on one
specification and must count the same. Its meaning is that of the public KRaft.tla by Jack Vanlightly (raft-tlaplus, pull-raft); the
words are our own.

A message stays in `sent` for ever, with the number of its copies that nobody has handled. Whether something was ever sent
decides what may be sent: requests for votes and announcements of leaders once, the same response to a fetch once, everything
else again and again.
*)
EXTENDS Integers, FiniteSets, Sequences, TLC

CONSTANTS
    Servers,       \* All of them vote.
    Values,        \* Each is proposed at most once.
    Nobody,        \* No server, and nothing asked for.
    MaxElections,  \* How many candidacies there may be in all.
    MaxRestarts    \* How many restarts there may be in all.

VARIABLES
    server,     \* What each server is and has.
    sent,       \* Messages ever sent, and how many copies of each are still to be handled.
    progress,   \* What became of each value.
    elections,  \* How many candidacies there were.
    restarts    \* How many restarts there were.

vars == <<server, sent, progress, elections, restarts>>

Renamed == Permutations(Servers)

-------------------------------------------------------------------------------
(* Logs. Offsets count from 1. *)

Highest(offsets) == CHOOSE one \in offsets : \A other \in offsets : other <= one

EpochAt(log, offset) == IF offset = 0 THEN 0 ELSE log[offset].epoch

LastEpoch(log) == EpochAt(log, Len(log))

\* Where the last epoch up to this one ends; 0 if the log has none.
EndOfEpoch(log, epoch) == Highest({0} \cup {offset \in DOMAIN log : log[offset].epoch <= epoch})

\* Whether a log that ends so has no less than another.
AtLeast(epoch, offset, otherEpoch, otherOffset) ==
    IF epoch = otherEpoch THEN offset >= otherOffset ELSE epoch > otherEpoch

IsMajority(some) == 2 * Cardinality(some) > Cardinality(Servers)

-------------------------------------------------------------------------------
(* Messages. *)

\* The responses to fetches. Each holds its request.
FetchResponses == {"fetched", "diverging", "refused"}

ToHandle(kinds) == {message \in DOMAIN sent : message.kind \in kinds /\ sent[message] > 0}

SendAllOnce(messages) ==
    /\ messages \cap DOMAIN sent = {}
    /\ sent' = sent @@ [message \in messages |-> 1]

OneMore(message) == message :> (IF message \in DOMAIN sent THEN sent[message] + 1 ELSE 1)

OneLess(message) == message :> (sent[message] - 1)

Send(message) == sent' = OneMore(message) @@ sent

Handled(message) == sent' = OneLess(message) @@ sent

Answer(request, response) ==
    /\ ~(response.kind \in FetchResponses /\ response \in DOMAIN sent)
    /\ sent' = OneMore(response) @@ OneLess(request) @@ sent

-------------------------------------------------------------------------------
(* What news of epochs and leaders make of a server. *)

Stance(role, epoch, leader) == [role |-> role, epoch |-> epoch, leader |-> leader]

Now(s) == Stance(server[s].role, server[s].epoch, server[s].leader)

Illegal == Stance("illegal", 0, Nobody)

\* Whether what a server knows and what it hears can both be true.
IsConsistent(s, leader, epoch) ==
    IF leader = s
    THEN server[s].role = "leader"
    ELSE \/ epoch # server[s].epoch
         \/ Nobody \in {leader, server[s].leader}
         \/ leader = server[s].leader

Follow(s, leader, epoch) ==
    IF epoch = server[s].epoch /\ server[s].role \in {"follower", "leader"}
    THEN Illegal
    ELSE Stance("follower", epoch, leader)

\* News of an epoch that is not older than the server's own.
AfterNews(s, leader, epoch) ==
    IF ~IsConsistent(s, leader, epoch)
    THEN Illegal
    ELSE IF epoch > server[s].epoch
         THEN IF leader = Nobody
              THEN Stance("unattached", epoch, Nobody)
              ELSE Follow(s, leader, epoch)
         ELSE IF leader # Nobody /\ server[s].leader = Nobody
              THEN Follow(s, leader, epoch)
              ELSE Now(s)

\* Whether a response says no more than what it was asked for.
IsPlain(s, response) ==
    /\ response.epoch = server[s].epoch
    /\ response.error = "none"
    /\ response.leader # Nobody => server[s].leader # Nobody

AfterResponse(s, response) ==
    IF response.epoch < server[s].epoch
    THEN Now(s)
    ELSE IF response.epoch > server[s].epoch \/ response.error # "none"
         THEN AfterNews(s, response.leader, response.epoch)
         ELSE Stance("follower", response.epoch, response.leader)

-------------------------------------------------------------------------------
(* What can happen. *)

Init ==
    /\ server = [s \in Servers |->
                    [role |-> "unattached", epoch |-> 1, leader |-> Nobody, voted |-> Nobody,
                     votes |-> {}, log |-> <<>>, high |-> 0, ends |-> [other \in Servers |-> 0],
                     awaited |-> Nobody]]
    /\ sent = <<>>
    /\ progress = [value \in Values |-> "unsent"]
    /\ elections = 0
    /\ restarts = 0

\* Epoch, vote and log are kept. Whatever it was, it comes back as a follower of nobody: that is the flaw.
Restart(s) ==
    /\ restarts < MaxRestarts
    /\ server' = [server EXCEPT
                    ![s] = [@ EXCEPT !.role = "follower", !.leader = Nobody, !.votes = {}, !.high = 0,
                                     !.ends = [other \in Servers |-> 0], !.awaited = Nobody]]
    /\ restarts' = restarts + 1
    /\ UNCHANGED <<sent, progress, elections>>

RequestVotes(s) ==
    /\ elections < MaxElections
    /\ server[s].role \in {"follower", "candidate", "unattached"}
    /\ LET epoch == server[s].epoch + 1
           log == server[s].log
       IN /\ server' = [server EXCEPT
                          ![s] = [@ EXCEPT !.role = "candidate", !.epoch = epoch, !.leader = Nobody,
                                           !.voted = s, !.votes = {s}, !.awaited = Nobody]]
          /\ SendAllOnce({[kind |-> "vote", from |-> s, to |-> other, epoch |-> epoch,
                           offset |-> Len(log), last |-> LastEpoch(log)] : other \in Servers \ {s}})
    /\ elections' = elections + 1
    /\ UNCHANGED <<progress, restarts>>

HandleVoteRequest ==
    \E request \in ToHandle({"vote"}) :
        LET s == request.to
            me == server[s]
            fenced == request.epoch < me.epoch
            before == IF request.epoch > me.epoch
                      THEN Stance("unattached", request.epoch, Nobody)
                      ELSE Now(s)
            free == before.role = "unattached"
            granted == IF fenced
                       THEN FALSE
                       ELSE IF free \/ (before.role = "voted" /\ me.voted = request.from)
                            THEN AtLeast(request.last, request.offset, LastEpoch(me.log), Len(me.log))
                            ELSE FALSE
            after == IF fenced
                     THEN Now(s)
                     ELSE IF granted THEN Stance("voted", before.epoch, Nobody) ELSE before
        IN /\ server' = [server EXCEPT
                           ![s] = [@ EXCEPT !.role = after.role, !.epoch = after.epoch, !.leader = after.leader,
                                            !.voted = IF granted THEN request.from ELSE @,
                                            !.awaited = IF after.role = me.role THEN @ ELSE Nobody]]
           /\ Answer(request, [kind |-> "voted", from |-> s, to |-> request.from, epoch |-> after.epoch,
                               leader |-> after.leader, granted |-> granted,
                               error |-> IF fenced THEN "fenced" ELSE "none"])
           /\ UNCHANGED <<progress, elections, restarts>>

HandleVoteResponse ==
    \E response \in ToHandle({"voted"}) :
        LET s == response.to
            after == AfterResponse(s, response)
        IN /\ IF IsPlain(s, response)
              THEN /\ server[s].role = "candidate"
                   /\ server' = [server EXCEPT
                                   ![s].votes = IF response.granted THEN @ \cup {response.from} ELSE @]
              ELSE server' = [server EXCEPT
                                ![s] = [@ EXCEPT !.role = after.role, !.epoch = after.epoch,
                                                 !.leader = after.leader]]
           /\ Handled(response)
           /\ UNCHANGED <<progress, elections, restarts>>

BecomeLeader(s) ==
    /\ server[s].role = "candidate"
    /\ IsMajority(server[s].votes)
    /\ server' = [server EXCEPT
                    ![s] = [@ EXCEPT !.role = "leader", !.leader = s, !.ends = [other \in Servers |-> 0]]]
    /\ SendAllOnce({[kind |-> "begin", from |-> s, to |-> other, epoch |-> server[s].epoch] :
                        other \in Servers \ {s}})
    /\ UNCHANGED <<progress, elections, restarts>>

HandleBegin ==
    \E request \in ToHandle({"begin"}) :
        LET s == request.to
            fenced == request.epoch < server[s].epoch
            after == AfterNews(s, request.from, request.epoch)
        IN /\ IF fenced
              THEN UNCHANGED server
              ELSE server' = [server EXCEPT
                                ![s] = [@ EXCEPT !.role = after.role, !.epoch = after.epoch,
                                                 !.leader = after.leader, !.awaited = Nobody]]
           /\ Answer(request, [kind |-> "begun", from |-> s, to |-> request.from,
                               epoch |-> IF fenced THEN server[s].epoch ELSE request.epoch,
                               error |-> IF fenced THEN "fenced" ELSE "none"])
           /\ UNCHANGED <<progress, elections, restarts>>

Propose(s, value) ==
    /\ server[s].role = "leader"
    /\ progress[value] = "unsent"
    /\ server' = [server EXCEPT ![s].log = Append(@, [epoch |-> server[s].epoch, value |-> value])]
    /\ progress' = [progress EXCEPT ![value] = "proposed"]
    /\ UNCHANGED <<sent, elections, restarts>>

SendFetch(s) ==
    /\ server[s].role = "follower"
    /\ server[s].leader \notin {Nobody, s}
    /\ server[s].awaited = Nobody
    /\ LET request == [kind |-> "fetch", from |-> s, to |-> server[s].leader, epoch |-> server[s].epoch,
                       offset |-> Len(server[s].log), last |-> LastEpoch(server[s].log)]
       IN /\ server' = [server EXCEPT ![s].awaited = request]
          /\ Send(request)
    /\ UNCHANGED <<progress, elections, restarts>>

\* What every response to a fetch says, before what is its own.
Response(kind, request, error) ==
    [kind |-> kind, from |-> request.to, to |-> request.from, epoch |-> server[request.to].epoch,
     leader |-> server[request.to].leader, error |-> error, request |-> request]

Leads(request) ==
    server[request.to].role = "leader" /\ server[request.to].epoch = request.epoch

RefuseFetch ==
    \E request \in ToHandle({"fetch"}) :
        LET me == server[request.to]
            error == IF me.role # "leader"
                     THEN "not leader"
                     ELSE IF request.epoch < me.epoch THEN "fenced" ELSE "unknown epoch"
        IN /\ ~Leads(request)
           /\ Answer(request, Response("refused", request, error) @@ [high |-> me.high])
           /\ UNCHANGED <<server, progress, elections, restarts>>

\* A fetch is valid for one of two reasons, or for both.
IsStart(request) == request.offset = 0 /\ request.last = 0

IsIn(log, request) ==
    LET end == EndOfEpoch(log, request.last)
    IN request.offset <= end /\ request.last = EpochAt(log, end)

AnswerDiverging ==
    \E request \in ToHandle({"fetch"}) :
        LET me == server[request.to]
            end == EndOfEpoch(me.log, request.last)
        IN /\ Leads(request)
           /\ ~IsStart(request)
           /\ ~IsIn(me.log, request)
           /\ Answer(request, Response("diverging", request, "none")
                                @@ [high |-> me.high, end |-> end, endEpoch |-> EpochAt(me.log, end)])
           /\ UNCHANGED <<server, progress, elections, restarts>>

AcceptFetch ==
    \E request \in ToHandle({"fetch"}) :
        LET s == request.to
            me == server[s]
            next == request.offset + 1
            ends == [me.ends EXCEPT ![request.from] = request.offset]
            has(offset) == {s} \cup {other \in Servers : ends[other] >= offset}
            common == Highest({0} \cup {offset \in DOMAIN me.log : IsMajority(has(offset))})
            high == IF common > 0 /\ EpochAt(me.log, common) = me.epoch THEN common ELSE me.high
            committed == {me.log[offset].value : offset \in me.high + 1 .. high}
        IN /\ Leads(request)
           \* Where both reasons hold, TLC generates what comes of it twice.
           /\ IsStart(request) \/ IsIn(me.log, request)
           /\ Answer(request, Response("fetched", request, "none")
                                @@ [high |-> IF high < next THEN high ELSE next,
                                    entries |-> IF next <= Len(me.log) THEN <<me.log[next]>> ELSE <<>>])
           /\ server' = [server EXCEPT ![s] = [@ EXCEPT !.ends = ends, !.high = high]]
           /\ progress' = [value \in Values |->
                              IF progress[value] = "proposed" /\ value \in committed
                              THEN "acknowledged"
                              ELSE progress[value]]
           /\ UNCHANGED <<elections, restarts>>

\* Responses to the fetch that its receiver waits for.
Awaited(kinds) == {response \in ToHandle(kinds) : server[response.to].awaited = response.request}

HandleFetched ==
    \E response \in Awaited({"fetched"}) :
        /\ IsPlain(response.to, response)
        /\ server' = [server EXCEPT
                        ![response.to] = [@ EXCEPT !.high = response.high, !.log = @ \o response.entries,
                                                   !.awaited = Nobody]]
        /\ Handled(response)
        /\ UNCHANGED <<progress, elections, restarts>>

HandleDiverging ==
    \E response \in Awaited({"diverging"}) :
        LET log == server[response.to].log
            common == Highest({0} \cup {offset \in DOMAIN log :
                                          AtLeast(response.endEpoch, response.end, log[offset].epoch, offset)})
        IN /\ IsPlain(response.to, response)
           /\ server' = [server EXCEPT
                           ![response.to] = [@ EXCEPT !.log = SubSeq(@, 1, common), !.awaited = Nobody]]
           /\ Handled(response)
           /\ UNCHANGED <<progress, elections, restarts>>

\* A fetch is refused, or its response tells of another epoch.
HandleRefused ==
    \E response \in Awaited(FetchResponses) :
        LET after == AfterResponse(response.to, response)
        IN /\ ~IsPlain(response.to, response)
           /\ server' = [server EXCEPT
                           ![response.to] = [@ EXCEPT !.role = after.role, !.epoch = after.epoch,
                                                      !.leader = after.leader, !.awaited = Nobody]]
           /\ Handled(response)
           /\ UNCHANGED <<progress, elections, restarts>>

Next ==
    \/ \E s \in Servers :
        \/ Restart(s)
        \/ RequestVotes(s)
        \/ BecomeLeader(s)
        \/ SendFetch(s)
        \/ \E value \in Values : Propose(s, value)
    \/ HandleVoteRequest
    \/ HandleVoteResponse
    \/ HandleBegin
    \/ RefuseFetch
    \/ AnswerDiverging
    \/ AcceptFetch
    \/ HandleFetched
    \/ HandleDiverging
    \/ HandleRefused

Spec == Init /\ [][Next]_vars

-------------------------------------------------------------------------------
(* What always holds. *)

\* With restarts it does not.
NoIllegalState == \A s \in Servers : server[s].role # "illegal"

\* Two logs are the same as far as both servers take them for committed.
NoLogDivergence ==
    \A one, other \in Servers :
        \A offset \in 1 .. server[one].high :
            offset <= server[other].high => server[one].log[offset] = server[other].log[offset]

NeverTwoLeadersInSameEpoch ==
    \A one, other \in Servers :
        server[one].epoch = server[other].epoch =>
            \/ Nobody \in {server[one].leader, server[other].leader}
            \/ server[one].leader = server[other].leader

\* A leader with the highest epoch has every value that a client was told is committed.
LeaderHasAllAckedValues ==
    \A s \in Servers :
        /\ server[s].role = "leader"
        /\ \A other \in Servers : server[other].epoch <= server[s].epoch
        => \A value \in Values :
            progress[value] = "acknowledged" =>
                \E offset \in DOMAIN server[s].log : server[s].log[offset].value = value

===============================================================================
