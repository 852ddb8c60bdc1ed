//! Promises under weak fairness, by strongly connected components of the whole graph.
//!
//! The graph is held in memory: states as bytes, compared whole; edges with the groups that their actions are of. A promise is
//! broken if some fair behaviour stays for ever where it is owed. What a behaviour visits again and again lies in one component
//! of that part of the graph; it can be fair there if each group acts on an edge inside, or cannot act in some state inside. As more states and edges
//! only help, whole components are enough, and a single state in which no group can act is one of them: there a behaviour may stay.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use kraftig_spec::model::{Kind, Live, Promise};

use super::in_parallel;

mod components;

use components::components;

/// States that are explored between two looks at the memory.
const BLOCK: usize = 4 * 1024;
/// No state.
const NONE: u32 = u32::MAX;

/// What came of a model's promises.
pub struct Judged<M: Live> {
    /// Different states.
    pub states: u64,
    /// Transitions that change the state.
    pub edges: u64,
    /// Steps from the start to the farthest state.
    pub depth: usize,
    /// Whether all of the graph was seen. Else nothing is judged.
    pub complete: bool,
    /// The most bytes that the graph took.
    pub bytes: usize,
    /// Each promise, how many states there are in which it is owed, and how it is broken if it is.
    pub promises: Vec<Outcome<M>>,
}

/// What came of a promise.
pub struct Outcome<M: Live> {
    /// Its name.
    pub name: &'static str,
    /// States in which it is owed: where there are none it says nothing.
    pub owed: u64,
    /// A fair behaviour that breaks it.
    pub broken: Option<Lasso<M>>,
}

/// A behaviour without end: a stem, and a loop that is walked for ever.
pub struct Lasso<M: Live> {
    /// The start, and each step to where the loop begins.
    pub stem: Vec<(Option<M::Action>, M::State)>,
    /// Each step of the loop, the last back to where it begins. Empty: nothing happens any more.
    pub around: Vec<(M::Action, M::State)>,
}

/// An edge: where it leads, and which class its action is of.
#[derive(Clone, Copy)]
struct Edge {
    to: u32,
    class: u32,
}

/// All states in the order of a breadth-first search, and how they lead to each other.
#[derive(Default)]
struct Graph {
    bytes: Vec<u8>,
    /// Of each state where its bytes end.
    ends: Vec<usize>,
    /// The state that each was first reached from.
    parents: Vec<u32>,
    /// Steps from the start.
    depths: Vec<u32>,
    /// Of each state where its edges end.
    last_edges: Vec<usize>,
    edges: Vec<Edge>,
    /// The sets of groups that an action is of.
    classes: Vec<u64>,
    /// Of each state a bit for each condition that is so: two of each promise.
    facts: Vec<u64>,
    seen: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Graph {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn state(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[id]]
    }

    fn edges(&self, id: u32) -> &[Edge] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.last_edges[before]);
        &self.edges[start..self.last_edges[id]]
    }

    /// The groups that can act in a state.
    fn enabled(&self, id: u32) -> u64 {
        self.edges(id).iter().fold(0, |groups, edge| groups | self.classes[edge.class as usize])
    }

    /// The state with these bytes; it is new if it was not seen before.
    fn intern(&mut self, state: &[u8], parent: u32, facts: impl FnOnce() -> u64) -> u32 {
        let hash = self.hasher.hash_one(state);
        if let Some(id) = self.seen.find(hash, |id| self.state(*id) == state) {
            return *id;
        }
        let id = self.len() as u32;
        assert!(id != NONE, "more states than an edge can name");
        self.bytes.extend_from_slice(state);
        self.ends.push(self.bytes.len());
        self.parents.push(parent);
        let depth = if parent == NONE { 0 } else { self.depths[parent as usize] + 1 };
        self.depths.push(depth);
        self.facts.push(facts());
        let (ends, bytes, hasher) = (&self.ends, &self.bytes, &self.hasher);
        let of = |id: &u32| {
            let id = *id as usize;
            let start = id.checked_sub(1).map_or(0, |before| ends[before]);
            hasher.hash_one(&bytes[start..ends[id]])
        };
        self.seen.insert_unique(hash, id, of);
        id
    }

    fn class(&mut self, groups: u64) -> u32 {
        let known = self.classes.iter().position(|class| *class == groups);
        known.unwrap_or_else(|| {
            self.classes.push(groups);
            self.classes.len() - 1
        }) as u32
    }

    fn size(&self) -> usize {
        let words = self.ends.capacity() + self.last_edges.capacity() + self.facts.capacity();
        let halves = self.parents.capacity() + self.depths.capacity() + self.seen.capacity();
        self.bytes.capacity() + 8 * (words + self.edges.capacity()) + 4 * halves
    }
}

/// Judges the promises of a model, with so much memory for its graph.
pub fn judge<M: Live>(model: &M, threads: usize, memory: usize) -> Judged<M> {
    let promises = model.promises();
    assert!(promises.len() <= 32, "two bits for each promise");
    let (graph, complete) = explore(model, &promises, threads, memory);
    let groups = match model.fair().len() {
        64 => u64::MAX,
        count => (1 << count) - 1,
    };
    let mut judged = Judged {
        states: graph.len() as u64,
        edges: graph.edges.len() as u64,
        depth: graph.depths.last().map_or(0, |depth| *depth as usize),
        complete,
        bytes: graph.size(),
        promises: Vec::new(),
    };
    if complete {
        for (index, promise) in promises.iter().enumerate() {
            let owed = Owed::of(&graph, index, &promise.kind);
            let broken = owed.broken(groups).map(|path| lasso(model, &graph, &path));
            judged.promises.push(Outcome { name: promise.name, owed: owed.count(), broken });
        }
    }
    judged
}

fn facts<M: Live>(model: &M, promises: &[Promise<M>], state: &M::State) -> u64 {
    promises.iter().enumerate().fold(0, |facts, (index, promise)| {
        let (first, second) = match promise.kind {
            Kind::AlwaysEventually(is) | Kind::EventuallyAlways(is) => (true, is(model, state)),
            Kind::LeadsTo(from, to) => (from(model, state), to(model, state)),
        };
        facts | (u64::from(first) | u64::from(second) << 1) << (2 * index)
    })
}

/// What a state leads to: the groups of each action, the next state's bytes, and its facts.
type Next = Vec<(u64, Vec<u8>, u64)>;

/// Everything, or as much as there is memory for.
fn explore<M: Live>(
    model: &M,
    promises: &[Promise<M>],
    threads: usize,
    memory: usize,
) -> (Graph, bool) {
    let mut graph = Graph::default();
    let encode = |state: &M::State| {
        let mut bytes = Vec::new();
        model.encode(state, &mut bytes);
        bytes
    };
    for state in model.init_states() {
        graph.intern(&encode(&state), NONE, || facts(model, promises, &state));
    }
    while graph.last_edges.len() < graph.len() {
        if graph.size() > memory {
            return (graph, false);
        }
        let first = graph.last_edges.len();
        let block: Vec<u32> = (first..graph.len().min(first + BLOCK)).map(|id| id as u32).collect();
        let expand = |ids: &&[u32]| -> Vec<Next> {
            let next = |id: &u32| {
                let bytes = graph.state(*id);
                let mut found = Vec::new();
                model.successors(&model.decode(bytes), &mut found);
                let told = found.iter().map(|(action, next)| {
                    (model.fairness_of(action), encode(next), facts(model, promises, next))
                });
                told.filter(|(_, next, _)| next != bytes).collect()
            };
            ids.iter().map(next).collect()
        };
        let chunks: Vec<&[u32]> = block.chunks(64).collect();
        let found: Vec<Next> =
            in_parallel(threads, &chunks, expand).into_iter().flatten().collect();
        for (id, next) in block.iter().zip(found) {
            for (groups, bytes, facts) in next {
                let edge =
                    Edge { to: graph.intern(&bytes, *id, || facts), class: graph.class(groups) };
                graph.edges.push(edge);
            }
            graph.last_edges.push(graph.edges.len());
        }
    }
    (graph, true)
}

/// Where a promise is owed, and how one comes to be there.
struct Owed<'a> {
    graph: &'a Graph,
    /// Of each state, whether a behaviour that breaks the promise may be there.
    here: Vec<bool>,
    /// Of each such state, whether a loop that breaks the promise must come by one of these.
    wanted: Vec<bool>,
    /// Where one is from; itself where the promise begins to be owed. `NONE`: it is not owed there.
    from: Vec<u32>,
    /// Steps from the start, on that way.
    steps: Vec<u32>,
}

/// A behaviour without end: states, and where the loop begins; the groups of the edges of the loop.
struct Path {
    stem: Vec<u32>,
    around: Vec<Edge>,
}

impl<'a> Owed<'a> {
    fn of<M: Live>(graph: &'a Graph, index: usize, kind: &Kind<M>) -> Self {
        let fact = |id: usize, which: usize| graph.facts[id] >> (2 * index + which) & 1 == 1;
        let always = matches!(kind, Kind::EventuallyAlways(_));
        let all = 0..graph.len();
        let here: Vec<bool> = all.clone().map(|id| always || !fact(id, 1)).collect();
        let wanted: Vec<bool> = all.clone().map(|id| !fact(id, 1)).collect();
        let begins = all.filter(|id| here[*id] && fact(*id, 0)).map(|id| id as u32);
        let mut sources: VecDeque<u32> = begins.collect();
        let (from, steps) = (vec![NONE; here.len()], graph.depths.clone());
        let mut owed = Self { graph, here, wanted, from, steps };
        // Breadth-first from many places at once: those that lie `steps` from the start come in when the search is as far.
        let mut queue = VecDeque::new();
        loop {
            let next = match (queue.front(), sources.front()) {
                (None, None) => break,
                (Some(next), Some(source)) if owed.depth(*next) < owed.depth(*source) => *next,
                (Some(next), None) => *next,
                (_, Some(source)) => {
                    let source = *source;
                    sources.pop_front();
                    if owed.from[source as usize] == NONE {
                        owed.from[source as usize] = source;
                        owed.steps[source as usize] = graph.depths[source as usize];
                        queue.push_front(source);
                    }
                    continue;
                }
            };
            queue.pop_front();
            for edge in graph.edges(next) {
                let to = edge.to as usize;
                if owed.here[to] && owed.from[to] == NONE {
                    owed.from[to] = next;
                    owed.steps[to] = owed.steps[next as usize] + 1;
                    queue.push_back(edge.to);
                }
            }
        }
        owed
    }

    fn depth(&self, id: u32) -> u32 {
        self.steps[id as usize]
    }

    fn reached(&self, id: u32) -> bool {
        self.from[id as usize] != NONE
    }

    fn count(&self) -> u64 {
        let owed = self.from.iter().zip(&self.wanted);
        owed.filter(|(from, wanted)| **from != NONE && **wanted).count() as u64
    }

    /// The edges that stay where the promise is owed.
    fn inside(&self, id: u32) -> impl Iterator<Item = Edge> + '_ {
        self.graph.edges(id).iter().copied().filter(|edge| self.here[edge.to as usize])
    }

    /// A fair behaviour that stays where the promise is owed, if there is one; with the shortest stem.
    fn broken(&self, groups: u64) -> Option<Path> {
        let graph = self.graph;
        let of =
            components(graph.len(), |id| self.reached(id), |id| self.inside(id).map(|it| it.to));
        let count = of.iter().filter(|it| **it != NONE).max().map_or(0, |last| *last as usize + 1);
        // The groups that act inside, or cannot act somewhere inside; and whether it has what a loop must come by.
        let mut kept = vec![(0_u64, false); count];
        let members = (0..graph.len() as u32).filter(|id| of[*id as usize] != NONE);
        for id in members.clone() {
            let (component, enabled) = (of[id as usize], graph.enabled(id));
            let inside = self.inside(id).filter(|edge| of[edge.to as usize] == component);
            let acts = inside.fold(0, |acts, edge| acts | graph.classes[edge.class as usize]);
            let (groups, wanted) = &mut kept[component as usize];
            *groups |= acts | !enabled;
            *wanted |= self.wanted[id as usize];
        }
        let fair = |id: &u32| {
            let (kept, wanted) = kept[of[*id as usize] as usize];
            groups & !kept == 0 && wanted
        };
        let entry = members.filter(fair).min_by_key(|id| self.depth(*id))?;
        Some(Path { stem: self.stem(entry), around: self.around(entry, &of, groups) })
    }

    fn stem(&self, entry: u32) -> Vec<u32> {
        let mut stem = vec![entry];
        let mut id = entry;
        while self.from[id as usize] != id {
            id = self.from[id as usize];
            stem.push(id);
        }
        while self.graph.parents[id as usize] != NONE {
            id = self.graph.parents[id as usize];
            stem.push(id);
        }
        stem.reverse();
        stem
    }

    /// A way round inside the component that is fair: always to the nearest place that adds anything, and back.
    fn around(&self, entry: u32, of: &[u32], groups: u64) -> Vec<Edge> {
        let graph = self.graph;
        let (mut missing, mut wanting) = (groups, true);
        let mut around: Vec<Edge> = Vec::new();
        let mut now = entry;
        loop {
            missing &= graph.enabled(now);
            wanting &= !self.wanted[now as usize];
            let done = missing == 0 && !wanting;
            if done && now == entry {
                return around;
            }
            let adds = |edge: Edge| {
                if done {
                    edge.to == entry
                } else {
                    let acts = graph.classes[edge.class as usize];
                    missing & (acts | !graph.enabled(edge.to)) != 0
                        || wanting && self.wanted[edge.to as usize]
                }
            };
            let way = self.nearest(now, of, adds);
            for edge in way {
                missing &= !graph.classes[edge.class as usize] & graph.enabled(edge.to);
                wanting &= !self.wanted[edge.to as usize];
                now = edge.to;
                around.push(edge);
            }
        }
    }

    /// The shortest way inside a component that ends with such an edge.
    fn nearest(&self, start: u32, of: &[u32], is: impl Fn(Edge) -> bool) -> Vec<Edge> {
        let mut came: hashbrown::HashMap<u32, (u32, Edge)> = hashbrown::HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(id) = queue.pop_front() {
            let component = of[id as usize];
            for edge in self.inside(id).filter(|edge| of[edge.to as usize] == component) {
                if is(edge) {
                    let mut way = vec![edge];
                    let mut at = id;
                    while at != start {
                        let (before, edge) = came[&at];
                        way.push(edge);
                        at = before;
                    }
                    way.reverse();
                    return way;
                }
                if edge.to != start && !came.contains_key(&edge.to) {
                    came.insert(edge.to, (id, edge));
                    queue.push_back(edge.to);
                }
            }
        }
        unreachable!("each state of a component leads to each other")
    }
}

/// The same path in the model's own words.
fn lasso<M: Live>(model: &M, graph: &Graph, path: &Path) -> Lasso<M> {
    let walk = |from: u32, to: u32, groups: Option<u64>| {
        let mut found = Vec::new();
        model.successors(&model.decode(graph.state(from)), &mut found);
        let mut bytes = Vec::new();
        let is = |(action, next): &(M::Action, M::State)| {
            bytes.clear();
            model.encode(next, &mut bytes);
            bytes == graph.state(to)
                && groups.is_none_or(|groups| groups == model.fairness_of(action))
        };
        found.into_iter().find(is).expect("an edge that was found can be walked again")
    };
    // Of several ways from one state to the next, the stem takes any.
    let mut stem = vec![(None, model.decode(graph.state(path.stem[0])))];
    for pair in path.stem.windows(2) {
        let (action, next) = walk(pair[0], pair[1], None);
        stem.push((Some(action), next));
    }
    let mut now = path.stem[path.stem.len() - 1];
    let mut around = Vec::new();
    for edge in &path.around {
        around.push(walk(now, edge.to, Some(graph.classes[edge.class as usize])));
        now = edge.to;
    }
    Lasso { stem, around }
}

#[cfg(test)]
mod tests;
