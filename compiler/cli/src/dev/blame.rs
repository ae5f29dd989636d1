//! From a flow's field path, as runtimes report it, to the line that a person wrote.

use std::collections::BTreeMap;

use vrsky_compiler::{Document, locate};
use vrsky_plan::FlowId;

use super::event::Spot;
use crate::render::place;

/// Finds lines in one state of the files. Runtimes repeat themselves every two seconds, so what was
/// found once is remembered.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    found: BTreeMap<(FlowId, String), Option<Spot>>,
}

impl Blame {
    /// Where `path` of `flow` stands; the nearest field above it if it is not written down.
    pub(crate) fn find(
        &mut self,
        documents: &[Document],
        flow: &FlowId,
        path: &str,
    ) -> Option<Spot> {
        self.found
            .entry((flow.clone(), path.to_owned()))
            .or_insert_with(|| search(documents, flow, path))
            .clone()
    }
}

fn search(documents: &[Document], flow: &FlowId, path: &str) -> Option<Spot> {
    documents.iter().find_map(|document| {
        let span = locate(document, "Flow", flow.namespace(), flow.name(), path)?;
        let place = place(&document.text, span.start);
        Some(Spot {
            file: document.origin.to_string(),
            line: place.line,
            column: place.column,
        })
    })
}
