//! What the process has counted, as Prometheus reads it. Read at each scrape from where it is counted
//! anyway; nothing is counted twice.

use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use vrsky_plan::report::{Counters, State};

use super::Health;
use crate::status::{Slow, lock};

pub(super) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

type Label = (&'static str, String);

/// Everything at one moment.
#[derive(Debug)]
struct Snapshot {
    started: f64,
    connected: bool,
    connections: u64,
    flows: Vec<Flow>,
}

#[derive(Debug)]
struct Flow {
    labels: [Label; 2],
    counters: Counters,
    slow: Slow,
    edges: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    labels: [Label; 3],
    backlog: Option<u64>,
    messages: u64,
    bytes: u64,
}

/// The text of a scrape.
pub(super) fn text(health: &Health) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot::of(health)));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Snapshot {
    fn of(health: &Health) -> Self {
        let flows = lock(&health.0.flows).clone();
        let connection = health.0.connection.get();
        Self {
            started: health.0.started_ms as f64 / 1_000.0,
            connected: health.is_connected(),
            connections: connection.map_or(0, |connection| *connection.connects().borrow()),
            flows: flows
                .into_iter()
                .map(|(flow, status)| {
                    let labels = || {
                        (
                            ("flow_namespace", flow.namespace().to_owned()),
                            ("flow_name", flow.name().to_owned()),
                        )
                    };
                    Flow {
                        labels: labels().into(),
                        counters: status.counters(),
                        slow: status.slow(),
                        edges: status
                            .edges()
                            .into_iter()
                            .map(|(edge, status)| Edge {
                                labels: [labels().0, labels().1, ("edge", edge.to_string())],
                                backlog: *lock(&status.backlog),
                                messages: status.unfinished.load(Ordering::Relaxed),
                                bytes: status.bytes.load(Ordering::Relaxed),
                            })
                            .collect(),
                    }
                })
                .collect(),
        }
    }

    fn counters(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&Counters) -> u64;
        let all: [(&str, &str, Read); 7] = [
            (
                "vrsky_messages_accepted",
                "Messages taken in by the flow's source and stored",
                |c| c.accepted,
            ),
            (
                "vrsky_messages_refused",
                "Messages refused by the flow's source",
                |c| c.refused,
            ),
            (
                "vrsky_messages_filtered",
                "Messages dropped by a filter, or that no output takes",
                |c| c.filtered,
            ),
            (
                "vrsky_messages_unread",
                "Messages published to a topic that nobody reads",
                |c| c.unread,
            ),
            (
                "vrsky_messages_errored",
                "Messages taken by the error branch",
                |c| c.errored,
            ),
            (
                "vrsky_messages_dead_lettered",
                "Messages stored as dead letters",
                |c| c.dead_lettered,
            ),
            (
                "vrsky_delivery_retries",
                "Attempts at a sink after the first",
                |c| c.retried,
            ),
        ];
        for (name, help, read) in all {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for flow in &self.flows {
                counter(&mut metric, &flow.labels, read(&flow.counters))?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "vrsky_messages_delivered",
            "Messages acknowledged by a sink, or stored for all readers of a topic",
            None,
            MetricType::Counter,
        )?;
        for flow in &self.flows {
            for (output, delivered) in &flow.counters.delivered {
                let [namespace, name] = flow.labels.clone();
                let labels = [namespace, name, ("output", output.clone())];
                counter(&mut metric, &labels, *delivered)?;
            }
        }
        Ok(())
    }

    fn states(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "vrsky_flow_state",
            "1 for what the flow is doing: running, suspended or blocked",
            None,
            MetricType::Gauge,
        )?;
        for flow in &self.flows {
            let is = match flow.slow.reported() {
                State::Running => "running",
                State::Suspended => "suspended",
                State::Blocked { .. } => "blocked",
            };
            for state in ["running", "suspended", "blocked"] {
                let [namespace, name] = flow.labels.clone();
                let labels = [namespace, name, ("state", state.to_owned())];
                gauge(&mut metric, &labels, u64::from(state == is))?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "vrsky_flow_last_error_timestamp",
            "When something last went wrong in the flow, since 1970",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for flow in &self.flows {
            if let Some(error) = &flow.slow.last_error {
                let seconds = error.at_ms as f64 / 1_000.0;
                metric.encode_family(&flow.labels)?.encode_gauge(&seconds)?;
            }
        }
        Ok(())
    }

    fn edges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Read = fn(&Edge) -> Option<u64>;
        let all: [(&str, &str, Option<&Unit>, Read); 3] = [
            (
                "vrsky_edge_backlog_messages",
                "Messages that wait on an edge that this process reads, its lanes included",
                None,
                |e| e.backlog,
            ),
            (
                "vrsky_edge_in_flight_messages",
                "Messages of an edge that this process has received and not finished",
                None,
                |e| Some(e.messages),
            ),
            (
                "vrsky_edge_in_flight",
                "Their bytes",
                Some(&Unit::Bytes),
                |e| Some(e.bytes),
            ),
        ];
        for (name, help, unit, read) in all {
            let mut metric = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
            for edge in self.flows.iter().flat_map(|flow| &flow.edges) {
                if let Some(number) = read(edge) {
                    gauge(&mut metric, &edge.labels, number)?;
                }
            }
        }
        Ok(())
    }

    fn process(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION").to_owned())];
        let mut metric = encoder.encode_descriptor(
            "vrsky_build_info",
            "1, with the version of the runtime",
            None,
            MetricType::Gauge,
        )?;
        gauge(&mut metric, &version, 1)?;
        encoder
            .encode_descriptor(
                "vrsky_process_start_time",
                "When the process started, since 1970",
                Some(&Unit::Seconds),
                MetricType::Gauge,
            )?
            .encode_gauge(&self.started)?;
        encoder
            .encode_descriptor(
                "vrsky_nats_connected",
                "Whether there is a connection to NATS",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&u64::from(self.connected))?;
        encoder
            .encode_descriptor(
                "vrsky_nats_connections",
                "Connections made to NATS, the first included",
                None,
                MetricType::Counter,
            )?
            .encode_counter::<NoLabelSet, _, u64>(&self.connections, None)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.process(&mut encoder)?;
        self.counters(&mut encoder)?;
        self.states(&mut encoder)?;
        self.edges(&mut encoder)
    }
}

fn counter(
    metric: &mut MetricEncoder<'_>,
    labels: &impl EncodeLabelSet,
    value: u64,
) -> fmt::Result {
    metric
        .encode_family(labels)?
        .encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn gauge(metric: &mut MetricEncoder<'_>, labels: &impl EncodeLabelSet, value: u64) -> fmt::Result {
    metric.encode_family(labels)?.encode_gauge(&value)
}
