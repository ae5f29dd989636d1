//! Where a message goes on: each edge may be spread over several subjects.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use vrsky_plan::Subject;

/// The edges to which one output publishes.
#[derive(Clone, Debug)]
pub(crate) struct Outlets {
    /// The edges' own subjects, whatever they are spread over.
    pub(crate) edges: Arc<[Subject]>,
    /// Over how many subjects each is spread; `None`: none is.
    partitions: Option<Arc<[u32]>>,
}

impl Outlets {
    /// Each edge, spread over so many subjects as `partitions` says.
    pub(crate) fn new(edges: &[Subject], partitions: impl Fn(&Subject) -> u32) -> Self {
        let numbers: Arc<[u32]> = edges.iter().map(partitions).collect();
        Self {
            edges: edges.into(),
            partitions: numbers.iter().any(|number| *number > 1).then_some(numbers),
        }
    }

    /// One subject of each edge, in their order: for a message's id always the same.
    pub(crate) fn of(&self, id: &str) -> Arc<[Subject]> {
        let Some(partitions) = &self.partitions else {
            return Arc::clone(&self.edges);
        };
        let spread = self.edges.iter().zip(partitions.iter());
        spread
            .map(|(edge, partitions)| edge.partition(partition(id, *partitions)))
            .collect()
    }
}

/// Which of so many partitions a message takes. It need not be the same in another version: what
/// keeps a message from being stored twice is its id, which names the edge and no partition.
pub(crate) fn partition(id: &str, partitions: u32) -> u32 {
    if partitions < 2 {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    u32::try_from(hasher.finish() % u64::from(partitions)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Outlets, partition};
    use vrsky_plan::Subject;

    fn edge(text: &str) -> Subject {
        Subject::new(text).expect("a subject")
    }

    #[test]
    fn a_message_takes_one_partition_of_each_edge_and_the_same_each_time() {
        let edges = ["e.acme_a.in", "e.acme_b.in", "x.orders"].map(edge);
        let outlets = Outlets::new(&edges, |edge| match edge.as_str() {
            "e.acme_b.in" => 4,
            _ => 1,
        });
        let mut seen = [0; 4];
        for number in 0..1_000 {
            let id = format!("m-{number}");
            let chosen = outlets.of(&id);
            assert_eq!(chosen, outlets.of(&id));
            assert_eq!((&chosen[0], &chosen[2]), (&edges[0], &edges[2]));
            let place = partition(&id, 4);
            assert_eq!(chosen[1], edges[1].partition(place));
            seen[place as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 150), "{seen:?}");
    }

    #[test]
    fn what_is_not_spread_goes_to_the_edge_itself() {
        let edges = [edge("e.acme_a.in")];
        let outlets = Outlets::new(&edges, |_| 1);
        assert_eq!(*outlets.of("m"), edges);
    }
}
