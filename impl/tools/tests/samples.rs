//! The files in `config/` are what a new user starts from: legal, served, and nothing strange in them.

use std::path::Path;

use kraftig_server::config::Config;

#[test]
fn every_sample_is_served() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let config = Config::load(&path, &[]).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{path:?}");
        assert_eq!(config.check_served(), Ok(()), "{path:?}");
        count += 1;
    }
    assert!(count >= 2);
}
