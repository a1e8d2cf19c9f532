//! Every input that is in the corpus of a fuzz target, and thousands that are nearly like one of them.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::path::{Path, PathBuf};

use doorward_core::time::Random as _;
use doorward_testkit::{SeededRandom, properties};

/// Inputs per property that are made from those of the corpus.
const MUTATIONS: usize = 4000;

/// What turns one reading of something into another.
const PIECES: [&[u8]; 26] = [
    b"/",
    b"//",
    b"/../",
    b"/./",
    b"..;/",
    b"%2e",
    b"%2F",
    b"%5c",
    b"%25",
    b"%",
    b"\\",
    b";",
    b"#",
    b"?",
    b"%00",
    b"\xc3\xa9",
    b"\xff",
    b"\n",
    b", ",
    b":",
    b"=",
    b"__Host-doorward=x",
    b"Connection: ",
    b"_",
    b"\t",
    b"10.0.0.1",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

struct Draw(SeededRandom);

impl Draw {
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// `input` with one thing changed.
    fn mutated(&self, input: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        match self.below(5) {
            0 => drop(input.splice(at..at, PIECES[self.below(PIECES.len())].iter().copied())),
            1 if at < input.len() => input[at] ^= 1 << self.below(8),
            2 => drop(input.drain(at..(at + self.below(4)).min(input.len()))),
            3 => {
                let other = &others[self.below(others.len())];
                input.truncate(at);
                input.extend(&other[self.below(other.len() + 1)..]);
            }
            _ => {
                let again = input[at..(at + self.below(12)).min(input.len())].to_vec();
                drop(input.splice(at..at, again));
            }
        }
        input.truncate(4096);
    }
}

#[test]
fn what_fuzzing_has_found_stays_found() {
    for (name, holds) in properties::ALL {
        let inputs = corpus(name);
        assert!(inputs.len() > 5, "the corpus of {name} has only {} inputs", inputs.len());
        for input in &inputs {
            holds(input);
        }
    }
}

#[test]
fn what_is_near_to_the_corpus_holds_too() {
    for (name, holds) in properties::ALL {
        let inputs = corpus(name);
        let draw = Draw(SeededRandom::new(7));
        for number in 0..MUTATIONS {
            let mut input = inputs[number % inputs.len()].clone();
            for _ in 0..=draw.below(4) {
                draw.mutated(&mut input, &inputs);
            }
            holds(&input);
        }
    }
}

/// Each property is a fuzz target, and each target has a property.
#[test]
fn fuzz_targets_are_the_properties() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let names = |text: &str| -> Vec<String> {
        let names = text.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
        names.map(|name| name.trim_end_matches(".rs\"").to_owned()).collect()
    };
    assert_eq!(names(&manifest), properties::ALL.map(|(name, _)| name));
    for (name, _) in properties::ALL {
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name}");
    }
}
