//! Metrics that other parts of the server count, read at each scrape.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use recto_mail::MailWorkerHandle;
use recto_persistence::{ClassStatistics, Database};

use crate::audit_queue::AuditQueue;
use crate::connection::Connections;

/// The parts of the server whose state is reported.
pub(crate) struct CurrentState {
    pub(crate) database: Database,
    pub(crate) connections: Arc<Connections>,
    pub(crate) mail: MailWorkerHandle,
    pub(crate) audit_queue: AuditQueue,
}

/// Values of a metric, each with its label.
type Values<'a, T> = &'a [(&'static str, T)];

impl Collector for CurrentState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.encode_database(encoder)?;
        self.encode_connections(encoder)?;
        let mails = self.mail.waiting();
        gauge(encoder, "mails_waiting", "Mails in the outbox, also of other servers", mails)?;
        let entries = self.audit_queue.len();
        gauge(encoder, "audit_entries_waiting", "Audit entries that are not stored yet", entries)
    }
}

impl CurrentState {
    fn encode_database(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let statistics = self.database.statistics();
        let classes = [
            ("read", statistics.reads),
            ("expensive-read", statistics.expensive_reads),
            ("write", statistics.writes),
        ];
        let of = |value: fn(&ClassStatistics) -> u64| {
            classes.map(|(class, statistics)| (class, value(&statistics)))
        };
        let seconds = classes.map(|(class, one)| (class, one.waited.as_secs_f64()));
        gauges(encoder, "database_connections", "Connections of a pool", &of(|one| one.threads))?;
        gauges(encoder, "database_running", "Jobs that run now", &of(|one| one.running))?;
        gauges(encoder, "database_queued", "Jobs that wait now", &of(|one| one.queued as u64))?;
        counters(encoder, "database_started", "Jobs dequeued", &of(|one| one.started))?;
        counters(
            encoder,
            "database_waited_seconds",
            "Time that dequeued jobs had waited",
            &seconds,
        )?;
        let help = "Jobs that were refused: their queue was full, or they waited too long";
        counters(encoder, "database_refused", help, &of(|one| one.refused))?;
        let help = "Jobs that did not end in time";
        counters(encoder, "database_timed_out", help, &of(|one| one.timed_out))?;
        let help = "Jobs skipped because the client had disconnected";
        counters(encoder, "database_abandoned", help, &of(|one| one.abandoned))?;
        let help = "Statements, except transaction control";
        counters(encoder, "database_statements", help, &of(|one| one.statements))
    }

    fn encode_connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counters = self.connections.counters();
        gauge(encoder, "connections_open", "Open connections of clients", counters.open)?;
        let help = "Bytes held by bodies of requests under way";
        gauge(encoder, "request_body_bytes", help, counters.request_body_bytes)?;
        let help = "Bytes held by responses under way";
        gauge(encoder, "response_bytes", help, counters.response_bytes)?;
        let refusals: Vec<_> =
            counters.refusals.iter().map(|one| (one.reason, one.count)).collect();
        let help = "Connections, requests and responses that exceeded a limit";
        counters_by(encoder, "refusals", help, "reason", &refusals)
    }
}

impl fmt::Debug for CurrentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentState").finish_non_exhaustive()
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    metric.encode_gauge(&(value as u64))
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Values<'_, u64>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (class, value) in values {
        metric.encode_family(&[("class", *class)])?.encode_gauge(value)?;
    }
    Ok(())
}

fn counters<T: EncodeCounterValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: Values<'_, T>,
) -> fmt::Result {
    counters_by(encoder, name, help, "class", values)
}

fn counters_by<T: EncodeCounterValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    values: Values<'_, T>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (label_value, value) in values {
        let labels = [(label, *label_value)];
        metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(value, None)?;
    }
    Ok(())
}
