------------------------------- MODULE Quorum -------------------------------
(***************************************************************************)
(* The quorum of spec/src/quorum in the world of spec/src/model/quorum:    *)
(* KIP-595 with pre-votes (KIP-996), said a second time, in another        *)
(* language and for another checker. `compare_quorum` has TLC count the    *)
(* states of this module, and requires the numbers of `kraftig-check check *)
(* quorum`. Whoever wrote the one had read the other, so what was          *)
(* misunderstood may be wrong in both; what was only written wrong, packed *)
(* wrong, renamed wrong or not searched is not.                            *)
(*                                                                         *)
(* The abstraction is that of `--network rpc`: two nodes or more, all of   *)
(* them vote for ever, there are no snapshots, disks do not fill up.       *)
(*  - A request acts on its receiver, and its answer arrives or is lost,   *)
(*    in one step. Requests are not stored: a node may say at any time     *)
(*    what it has to say then. Only the pre-vote that completes a majority *)
(*    travels on (`promised`), as nobody records it.                       *)
(*  - An answer to a fetch brings any number of entries, at least one.     *)
(*  - A flush is a step; a crash loses any part of what is not flushed,    *)
(*    and falls anywhere in a step. A node that crashed is up again.       *)
(*  - Timers fire and leaders resign at any time. So what only paces       *)
(*    messages is no part of a state: who was heard from, who refused,     *)
(*    who acknowledged, whether a follower has lost its leader. Nor is a   *)
(*    vote once the leader of its epoch is known: no rule reads it.        *)
(*  - States that differ in names of nodes or values are one (Symmetry).   *)
(***************************************************************************)
EXTENDS Integers, Sequences, FiniteSets, TLC

CONSTANTS
    Nodes,      \* model values
    Values,     \* model values: so many are proposed
    Epochs,     \* nobody enters a later one
    Crashes,    \* how many there can be; Uncounted: not counted
    Uncounted,
    Nobody,
    Assumed,    \* whether a node may get enough pre-votes at any time, whoever would give one (`--assume-pre-votes`)
    Mutant      \* one of Mutants

VARIABLES
    nodes,      \* what each node knows and holds
    committed,  \* all that any node ever took for committed
    used,       \* how many values were proposed
    crashes     \* how many crashes are left

vars == <<nodes, committed, used, crashes>>
Symmetry == Permutations(Nodes) \cup Permutations(Values)

\* Bugs that can be switched on, one line each, under their names in `kraftig-check mutants quorum --list`.
Mutants == {"none", "grants-twice", "vote-ignores-log", "records-pre-votes", "vote-claims-unflushed",
            "fetches-unflushed", "counts-unflushed", "commits-at-epoch-start", "commits-old-epochs",
            "no-divergence", "truncation-does-nothing", "restart-forgets-vote", "answers-before-writing"}
ASSUME Mutant \in Mutants
Bug(name) == Mutant = name

Larger(a, b) == IF a > b THEN a ELSE b
Smaller(a, b) == IF a < b THEN a ELSE b
Max(set) == CHOOSE x \in set : \A y \in set : x >= y
Majority(some) == 2 * Cardinality(some) > Cardinality(Nodes)

-----------------------------------------------------------------------------
(* Logs: sequences of entries [epoch, holds]. An entry that opens an epoch *)
(* holds the node that leads it, any other holds a value.                  *)

First(log, k) == SubSeq(log, 1, k)
Starts(log, with) == Len(with) <= Len(log) /\ First(log, Len(with)) = with
LastEpoch(log) == IF log = <<>> THEN 0 ELSE log[Len(log)].epoch

\* The largest epoch up to `epoch` that has entries, and where it ends; without any, `epoch` ends at the beginning.
EndOfEpoch(log, epoch) ==
    LET upTo == {k \in 1..Len(log) : log[k].epoch <= epoch}
    IN IF upTo = {} THEN [epoch |-> epoch, end |-> 0]
       ELSE LET k == Max(upTo) IN [epoch |-> log[k].epoch, end |-> k]

-----------------------------------------------------------------------------
(* A node. On disk are epoch, leader, voted and the log, whose entries up  *)
(* to `flushed` survive a crash. `votes` are those of a campaign, `ends`   *)
(* is what a leader knows of the logs of others; hw 0 is none.             *)

NoEnds == [node \in Nodes |-> 0]
Blank == [role |-> "Unattached", epoch |-> 0, leader |-> Nobody, voted |-> Nobody, log |-> <<>>,
          flushed |-> 0, hw |-> 0, votes |-> {}, promised |-> FALSE, ends |-> NoEnds]

As(n, role) == [n EXCEPT !.role = role, !.votes = {}, !.promised = FALSE, !.ends = NoEnds]
In(n, epoch, leader, voted) == [n EXCEPT !.epoch = epoch, !.leader = leader, !.voted = voted]
AllFlushed(n) == n.flushed = Len(n.log)

Enter(n, epoch) == In(As(n, "Unattached"), epoch, Nobody, Nobody)
Follow(n, epoch, leader) == In(As(n, "Follower"), epoch, leader, Nobody)
AskAround(n, i) == [As(n, "Prospective") EXCEPT !.votes = {i}]
GiveUp(n) == As(n, IF n.leader = Nobody THEN "Unattached" ELSE "Follower")
Campaign(n, i) == [In(As(n, "Candidate"), n.epoch + 1, Nobody, i) EXCEPT !.votes = {i}]
Lead(n, i) == [In(As(n, "Leader"), n.epoch, i, Nobody) EXCEPT
    !.hw = 0, !.log = Append(@, [epoch |-> n.epoch, holds |-> i])]
StepDown(n) == [As(n, "Resigned") EXCEPT !.hw = 0]

\* What comes back after a crash that leaves the election state and `kept` entries of the log.
Restart(i, left, kept) ==
    LET disk == IF Bug("restart-forgets-vote") THEN In(left, left.epoch, Nobody, Nobody) ELSE left
        role == IF disk.leader = i THEN "Resigned" ELSE IF disk.voted = i THEN "Candidate"
                ELSE IF disk.leader = Nobody THEN "Unattached" ELSE "Follower"
    IN [As(disk, role) EXCEPT !.log = First(@, kept), !.flushed = kept, !.hw = 0,
                              !.votes = IF role = "Candidate" THEN {i} ELSE {}]

\* A leader takes for committed what a majority has flushed, from its first own entry on.
Advance(n, i) ==
    LET end == IF Bug("counts-unflushed") THEN Len(n.log) ELSE n.flushed
        holders(k) == {v \in Nodes : k <= IF v = i THEN end ELSE n.ends[v]}
        to == Max({k \in 0..Len(n.log) : Majority(holders(k))})
        own(k) == n.log[k].epoch = n.epoch \/ Bug("commits-old-epochs")
                  \/ (Bug("commits-at-epoch-start") /\ n.log[k + 1].epoch = n.epoch)
    IN IF to > n.hw /\ own(to) THEN [n EXCEPT !.hw = to] ELSE n

\* Whether node i can believe that `leader` leads `epoch`.
CanBe(n, i, epoch, leader) ==
    /\ ~(epoch = n.epoch /\ n.leader \notin {Nobody, leader})
    /\ leader = i => n.leader = i /\ epoch <= n.epoch

-----------------------------------------------------------------------------
(* What a node has to say, and to whom.                                    *)

Says(n, i) ==
    LET kind == CASE n.role = "Prospective" -> "PreVote" [] n.role = "Candidate" -> "Vote"
                  [] n.role = "Leader" -> "BeginQuorumEpoch" [] n.role = "Resigned" -> "EndQuorumEpoch"
                  [] OTHER -> "Fetch"
        \* Who campaigns or fetches claims a log that it must not lose.
        silent == /\ ~AllFlushed(n)
                  /\ \/ n.role = "Follower" /\ ~Bug("fetches-unflushed")
                     \/ n.role \in {"Prospective", "Candidate"} /\ ~Bug("vote-claims-unflushed")
        to == IF silent \/ n.role = "Unattached" THEN {}
              ELSE IF n.role = "Follower" THEN {n.leader} ELSE Nodes \ ({i} \cup n.votes)
    IN [to |-> to, kind |-> kind, from |-> i, epoch |-> n.epoch,
        lastEpoch |-> LastEpoch(n.log), end |-> Len(n.log)]

(* What node j makes of a request: what it is then, and its answer. `yes`  *)
(* says that a vote is granted or a fetch served.                          *)

Answer(n, yes) == [node |-> n, yes |-> yes, epoch |-> n.epoch, leader |-> n.leader,
                   cut |-> [epoch |-> 0, end |-> -1], follow |-> <<>>, hw |-> 0]

UpToDate(m, log) ==
    \/ Bug("vote-ignores-log")
    \/ m.lastEpoch > LastEpoch(log)
    \/ m.lastEpoch = LastEpoch(log) /\ m.end >= Len(log)

Grants(n, m) ==
    IF m.kind = "PreVote" THEN n.role # "Leader" /\ UpToDate(m, n.log)
    ELSE /\ n.role \in {"Unattached", "Prospective"}
         /\ n.leader = Nobody
         /\ IF n.voted = Nobody THEN UpToDate(m, n.log)
            ELSE n.voted = m.from \/ Bug("grants-twice")

AskedForVote(n, m) ==
    \* An epoch that has entries is no longer to be won.
    IF m.epoch < n.epoch \/ (m.kind = "Vote" /\ m.lastEpoch = m.epoch) THEN Answer(n, FALSE)
    ELSE LET at == IF m.epoch > n.epoch THEN Enter(n, m.epoch) ELSE n
             yes == Grants(at, m)
             records == yes /\ (m.kind = "Vote" \/ (Bug("records-pre-votes") /\ at.leader = Nobody))
         IN Answer(IF records THEN [at EXCEPT !.voted = m.from] ELSE at, yes)

ToldOfLeader(n, j, m) ==
    LET heeds == /\ m.epoch >= n.epoch
                 /\ CanBe(n, j, m.epoch, m.from)
                 /\ m.epoch > n.epoch \/ n.leader = Nobody
    IN Answer(IF heeds THEN Follow(n, m.epoch, m.from) ELSE n, FALSE)

AskedForEntries(n, j, m) ==
    IF n.role # "Leader" \/ m.epoch # n.epoch THEN Answer(n, FALSE)
    ELSE LET agreed == EndOfEpoch(n.log, m.lastEpoch)
             strays == m.end > 0 /\ (agreed.epoch # m.lastEpoch \/ agreed.end < m.end)
             after == Advance([n EXCEPT !.ends[m.from] = Larger(@, m.end)], j)
         IN IF strays /\ ~Bug("no-divergence")
            THEN [Answer(n, TRUE) EXCEPT !.cut = agreed, !.hw = n.hw]
            ELSE [Answer(after, TRUE) EXCEPT !.hw = after.hw, !.follow = SubSeq(n.log, m.end + 1, Len(n.log))]

Asked(n, j, m) ==
    CASE m.kind \in {"PreVote", "Vote"} -> AskedForVote(n, m)
      [] m.kind \in {"BeginQuorumEpoch", "EndQuorumEpoch"} -> ToldOfLeader(n, j, m)
      [] OTHER -> AskedForEntries(n, j, m)

(* What node i, which asked, makes of the answer of j that brings `taken`  *)
(* entries.                                                                *)

Voted(n, i, j, m, a) ==
    LET votes == n.votes \cup {j}
        hopeful == {v \in Nodes : v \in n.votes \/ v \notin {j, n.leader}}
    IN IF a.yes THEN IF m.kind = "Vote" /\ Majority(votes) THEN Lead(n, i) ELSE [n EXCEPT !.votes = votes]
       ELSE IF m.kind = "PreVote" /\ ~Majority(hopeful) THEN GiveUp(n) ELSE n

Cut(n, told) ==
    LET own == EndOfEpoch(n.log, told.epoch)
        to == IF own.epoch = told.epoch THEN Smaller(own.end, told.end) ELSE own.end
    IN IF to < n.hw \/ to >= Len(n.log) \/ Bug("truncation-does-nothing") THEN n
       ELSE [n EXCEPT !.log = First(@, to), !.flushed = Smaller(@, to)]

Fetched(n, a, taken) ==
    IF ~a.yes THEN n
    ELSE IF a.cut.end >= 0 THEN Cut(n, a.cut)
    ELSE LET log == n.log \o First(a.follow, taken)
         IN [n EXCEPT !.log = log, !.hw = Larger(@, Smaller(a.hw, Len(log)))]

Answered(n, i, j, m, a, taken) ==
    IF a.epoch < n.epoch \/ (a.leader # Nobody /\ ~CanBe(n, i, a.epoch, a.leader)) THEN n
    ELSE IF a.leader # Nobody /\ (a.epoch > n.epoch \/ n.leader = Nobody) THEN Follow(n, a.epoch, a.leader)
    ELSE IF a.epoch > n.epoch THEN Enter(n, a.epoch)
    ELSE CASE m.kind \in {"PreVote", "Vote"} -> Voted(n, i, j, m, a)
           [] m.kind = "Fetch" -> Fetched(n, a, taken)
           [] OTHER -> n

\* Whether the answer is a pre-vote, and whether it is the last that node n needs. Whoever has it anyway learns nothing by it.
Favours(n, m, a) ==
    m.kind = "PreVote" /\ a.yes /\ a.epoch = n.epoch /\ a.leader \in {Nobody, n.leader}
Completes(n, j, m, a) == Favours(n, m, a) /\ ~Assumed /\ Majority(n.votes \cup {j})
Tells(n, j, m, a) == ~Completes(n, j, m, a) /\ ~(Favours(n, m, a) /\ Assumed)

-----------------------------------------------------------------------------
(* The ways in which node i can go from `old` to `new`: to the end, or to  *)
(* a crash. The election state is written first; then the log grows; then  *)
(* a high watermark is told; then an answer leaves (`said`).               *)

Learn(known, n) == IF n.hw > Len(known) /\ Starts(n.log, known) THEN First(n.log, n.hw) ELSE known

Dies(i, disk, known, said) ==
    {[node |-> Restart(i, disk, k), committed |-> known, died |-> TRUE, said |-> said] :
        k \in disk.flushed..Len(disk.log)}

Ways(i, old, new, known) ==
    LET late == Bug("answers-before-writing")
        half == IF late THEN In(new, old.epoch, old.leader, old.voted)
                ELSE In(old, new.epoch, new.leader, new.voted)
        wrote == <<old.epoch, old.leader, old.voted>> # <<new.epoch, new.leader, new.voted>>
        went == Len(new.log) > Len(old.log) \/ new.hw > old.hw
        learnt == Learn(known, new)
    IN {[node |-> new, committed |-> learnt, died |-> FALSE, said |-> TRUE]}
       \cup (IF crashes # 0 /\ wrote THEN Dies(i, half, known, late) ELSE {})
       \cup (IF crashes # 0 /\ went THEN Dies(i, new, learnt, FALSE) ELSE {})

Count(died) == crashes' = IF died /\ crashes # Uncounted THEN crashes - 1 ELSE crashes

\* Node i becomes `new`, or crashes on the way.
Becomes(i, new) ==
    \E way \in Ways(i, nodes[i], new, committed) :
        /\ nodes' = [nodes EXCEPT ![i] = way.node]
        /\ committed' = way.committed
        /\ Count(way.died)

-----------------------------------------------------------------------------
(* What can happen.                                                        *)

Timeout(i) ==
    LET n == nodes[i] IN
    /\ n.role # "Leader"
    /\ n.role = "Resigned" => n.epoch < Epochs
    /\ Becomes(i, CASE n.role = "Prospective" -> GiveUp(n)
                    [] n.role = "Resigned" -> Enter(n, n.epoch + 1)
                    [] OTHER -> AskAround(n, i))
    /\ UNCHANGED used

Resign(i) ==
    /\ nodes[i].role = "Leader"
    /\ Becomes(i, StepDown(nodes[i]))
    /\ UNCHANGED used

\* A value that is lost everywhere is forgotten, and may be another one's name.
Propose(i) ==
    LET logs == {committed} \cup {nodes[j].log : j \in Nodes}
        known == UNION {{log[k].holds : k \in 1..Len(log)} : log \in logs}
    IN /\ nodes[i].role = "Leader"
       /\ used < Cardinality(Values)
       /\ used' = used + 1
       /\ \E value \in Values \ known :
            Becomes(i, [nodes[i] EXCEPT !.log = Append(@, [epoch |-> nodes[i].epoch, holds |-> value])])

Flush(i) ==
    LET n == nodes[i] IN
    /\ \E to \in n.flushed + 1..Len(n.log) :
         /\ n.role = "Leader" \/ to = Len(n.log)
         /\ LET flushed == [n EXCEPT !.flushed = to]
            IN Becomes(i, IF n.role = "Leader" THEN Advance(flushed, i) ELSE flushed)
    /\ UNCHANGED used

Crash(i) ==
    /\ crashes # 0
    /\ \E way \in Dies(i, nodes[i], committed, FALSE) : nodes' = [nodes EXCEPT ![i] = way.node]
    /\ Count(TRUE)
    /\ UNCHANGED <<committed, used>>

\* The last pre-vote arrives.
Promised(i) ==
    /\ nodes[i].promised \/ (Assumed /\ nodes[i].role = "Prospective")
    /\ Says(nodes[i], i).to # {}
    /\ nodes[i].epoch < Epochs
    /\ Becomes(i, Campaign(nodes[i], i))
    /\ UNCHANGED used

Rpc(i) ==
    LET n == nodes[i]
        m == Says(n, i)
    IN /\ \E j \in m.to :
            LET a == Asked(nodes[j], j, m)
                most == Len(a.follow)
            IN \E there \in Ways(j, nodes[j], a.node, committed) :
                 \* The answer is lost, or there is none.
                 \/ /\ nodes' = [nodes EXCEPT ![j] = there.node]
                    /\ committed' = there.committed
                    /\ Count(there.died)
                 \/ /\ there.said /\ Completes(n, j, m, a)
                    /\ nodes' = [nodes EXCEPT ![j] = there.node, ![i].votes = {i}, ![i].promised = TRUE]
                    /\ committed' = there.committed
                    /\ Count(there.died)
                 \/ /\ there.said /\ Tells(n, j, m, a)
                    /\ \E taken \in Smaller(most, 1)..most :
                       \E here \in Ways(i, n, Answered(n, i, j, m, a, taken), there.committed) :
                         /\ nodes' = [nodes EXCEPT ![j] = there.node, ![i] = here.node]
                         /\ committed' = here.committed
                         /\ Count(there.died \/ here.died)
       /\ UNCHANGED used

Init ==
    /\ nodes = [i \in Nodes |-> Blank]
    /\ committed = <<>>
    /\ used = 0
    /\ crashes = Crashes

Next == \E i \in Nodes :
    Timeout(i) \/ Resign(i) \/ Propose(i) \/ Flush(i) \/ Crash(i) \/ Promised(i) \/ Rpc(i)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* Properties, under the names of spec/src/quorum/properties.rs.           *)

ElectionSafety ==
    LET roles == {<<nodes[i].epoch, i>> : i \in {i \in Nodes : nodes[i].role \in {"Leader", "Resigned"}}}
        beliefs == {<<nodes[i].epoch, nodes[i].leader>> : i \in {i \in Nodes : nodes[i].leader # Nobody}}
        opened == UNION {{<<nodes[i].log[k].epoch, nodes[i].log[k].holds>> :
                            k \in {k \in 1..Len(nodes[i].log) : nodes[i].log[k].holds \in Nodes}} : i \in Nodes}
        leaders == roles \cup beliefs \cup opened
    IN \A a, b \in leaders : a[1] = b[1] => a = b

LogMatching ==
    \A i, j \in Nodes : LET a == nodes[i].log b == nodes[j].log IN
        \A k \in 1..Smaller(Len(a), Len(b)) : a[k].epoch = b[k].epoch => First(a, k) = First(b, k)

LeaderCompleteness ==
    \A i \in Nodes : nodes[i].role = "Leader" /\ nodes[i].epoch >= LastEpoch(committed)
                     => Starts(nodes[i].log, committed)

Durability ==
    Majority({i \in Nodes : nodes[i].flushed >= Len(committed) /\ Starts(nodes[i].log, committed)})

\* No node takes anything else for committed. That `committed` only grows is in CommittedGrows.
CommittedImmutable ==
    \A i \in Nodes : LET hw == Smaller(nodes[i].hw, Len(nodes[i].log)) IN
        Starts(committed, First(nodes[i].log, hw))

HighWatermarkWithinLog == \A i \in Nodes : nodes[i].hw <= Len(nodes[i].log)

NoSelfFollower == \A i \in Nodes : nodes[i].role = "Follower" => nodes[i].leader \notin {Nobody, i}

CommittedGrows == [][Starts(committed', committed)]_vars

LeaderAppendOnly ==
    [][\A i \in Nodes : nodes[i].role = "Leader" /\ nodes'[i].role = "Leader"
                        => Starts(nodes'[i].log, nodes[i].log)]_vars
=============================================================================
