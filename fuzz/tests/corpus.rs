//! Replays the corpus without libFuzzer, as suite `fuzz`, so that fixed findings stay fixed.

use std::path::Path;
use tornado_fuzz::TARGETS;

#[test]
fn every_target_holds_on_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let directory = corpus.join(target.name);
        let seeds = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        let mut count = 0;
        for seed in seeds {
            let bytes = std::fs::read(seed.unwrap().path()).unwrap();
            (target.run)(&bytes);
            count += 1;
        }
        assert!(count > 1, "{} has no seeds", target.name);
    }
    let kept = std::fs::read_dir(&corpus).unwrap().count();
    assert_eq!(kept, TARGETS.len(), "a directory in the corpus has no target");
}
