//! What earlier versions stored.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use serde_json::Value;
use vrsky_plan::{Program, VERSION};

/// Nothing writes this file anew. When what a program is written as changes, the programs of the
/// version before stay, in its file, and the change comes with what reads them.
const STORED: [(&str, &str); 1] = [("0.1.0", include_str!("stored/0.1.0.json"))];

/// The operator that follows an upgrade holds a flow that does not compile by what is stored of it. If
/// it could not read that, the flow would go, with the messages that wait for it.
#[test]
fn programs_that_earlier_versions_stored_are_read_and_stored_as_they_were() {
    for (version, programs) in STORED {
        let stored: Vec<Value> = serde_json::from_str(programs).unwrap();
        assert!(!stored.is_empty(), "{version}");
        for before in stored {
            let flow = format!("{version}: {}", before["flow"]);
            let program: Program = serde_json::from_value(before.clone())
                .unwrap_or_else(|error| panic!("{flow}: {error}"));
            assert_eq!(program.version, VERSION, "{flow}: is not held");
            assert_eq!(program.hash, program.clone().sealed().hash, "{flow}");
            assert_eq!(serde_json::to_value(program).unwrap(), before, "{flow}");
        }
    }
}
