//! Connectors and their parameters, with the expressions in them.

use serde_json::Value as Json;
use vrsky_crds::values::Parameters;
use vrsky_expression::Computed;
use vrsky_types::Type;

use super::Body;
use crate::check;
use crate::path::Path;
use crate::resolve::{self, Connection, Side};

impl Body<'_, '_> {
    /// Finds a connector; says what is wrong.
    pub(super) fn connect(&mut self, name: &str, side: Side, path: &Path) -> Option<Connection> {
        let context = self.context;
        let namespace = self.flow.id.namespace();
        match resolve::connect(
            context.objects,
            context.signatures,
            namespace,
            name,
            side,
            path,
        ) {
            Ok(connection) => {
                // A connector with a mistake of its own is not built upon.
                if connection
                    .set
                    .iter()
                    .any(|(object, _)| self.reports.is_withheld(*object))
                {
                    self.reports.withhold(self.flow.object);
                }
                Some(connection)
            }
            Err(issue) => {
                match issue {
                    Some(issue) => self.report(*issue),
                    None => self.reports.withhold(self.flow.object),
                }
                None
            }
        }
    }

    /// The parameters, checked; expressions in them are typed against what arrives.
    pub(super) fn parameters(
        &mut self,
        connection: &Connection,
        with: Option<&Parameters>,
        path: &Path,
        payload: Option<&Type>,
    ) -> Json {
        let with = with
            .map(|with| with.0.clone().into_iter().collect())
            .unwrap_or_default();
        let (merged, walked) = connection.parameters(self.context.objects, with, path);
        for issue in walked.issues {
            self.reports
                .add_refined(self.context.objects, self.flow.object, issue);
        }
        for (path, text) in &walked.literals {
            if let Some(issue) = check::likely_secret::check(path, text) {
                self.report(issue);
            }
        }
        let Some(payload) = payload else {
            return merged;
        };
        for (path, text) in walked.expressions {
            match Computed::compile(&text, payload) {
                Ok((_, value)) => {
                    let body =
                        path.segments().len() >= 2 && path.to_string().ends_with(".body.expr");
                    if let Some(found) = not_text(&value).filter(|_| !body) {
                        self.report(check::wrong_parameter::not_text(&path, found));
                    }
                }
                Err(mistakes) => self.mistakes(&path, &text, mistakes),
            }
        }
        merged
    }
}

/// What a value surely is that cannot stand in an address or a header.
fn not_text(value: &Type) -> Option<&'static str> {
    match value.to_schema().get("type")?.as_str()? {
        "object" => Some("an object"),
        "array" => Some("a list"),
        "null" => Some("nothing"),
        _ => None,
    }
}
