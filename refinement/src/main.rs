//! t
fn main() {
    use kraftig_refinement::simulation::*;
    let mut total = Counts::default();
    for seed in 1..=std::env::args().nth(1).unwrap().parse().unwrap() {
        let r = run(seed, Options { nodes: 3, fault: None });
        total.add(&r.counts);
        if let Some(f) = r.failure { println!("{seed}: {f}"); 
          for (id, t) in r.traces { std::fs::write(format!("/tmp/t-sim/traces/{seed}-{id}"), t).unwrap(); } }
    }
    println!("{:?}", total);
}
