//! The queue of log lines, and the thread that writes them.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;
use super::line::clean;

/// The maximum number of lines that wait to be written. Further ones are lost.
const CAPACITY: usize = 8_192;
/// The number of bytes from which on lines are not joined into one write.
const BATCH: usize = 64 * 1024;

/// Log lines on their way to an output.
///
/// A request that logs never waits for the output and never fails because of it: a thread writes
/// the lines. Lines that do not fit in the queue or cannot be written are counted, and one line has
/// their number as soon as writing works again.
#[derive(Debug)]
pub(crate) struct LogQueue {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    lost: Arc<AtomicU64>,
    format: LogFormat,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Notified when all lines before it are written or lost.
    Flush(Sender<()>),
}

thread_local! {
    /// The line that the writing thread logs itself.
    static OWN_LINE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

impl LogQueue {
    /// Returns an empty queue.
    pub(crate) fn new(format: LogFormat) -> Self {
        let (sender, receiver) = bounded(CAPACITY);
        Self { sender, receiver, lost: Arc::default(), format }
    }

    /// Starts a thread that writes the lines to `output`, until the queue is dropped.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn write_to(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let (receiver, lost) = (self.receiver.clone(), Arc::clone(&self.lost));
        let writer = LineWriter { output, lost, is_torn: false };
        let thread = thread::Builder::new().name("recto-log".to_owned());
        thread.spawn(move || writer.run(&receiver)).map(|_| ())
    }

    /// Adds a line, with its line break.
    pub(crate) fn add(&self, line: Vec<u8>) {
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until the lines so far are written or lost, but at most this time.
    pub(crate) fn flush(&self, limit: Duration) {
        let (sender, receiver) = bounded(1);
        if self.sender.send_timeout(Message::Flush(sender), limit).is_ok() {
            let _ = receiver.recv_timeout(limit);
        }
    }
}

/// `tracing-subscriber` calls `write` once with each line.
impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let cleaned = clean(line, self.format);
        let cleaned = OWN_LINE.with_borrow_mut(|own| match own {
            Some(own) => {
                own.extend_from_slice(&cleaned);
                None
            }
            None => Some(cleaned),
        });
        if let Some(cleaned) = cleaned {
            self.add(cleaned);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for &'static LogQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self
    }
}

struct LineWriter<W> {
    output: W,
    lost: Arc<AtomicU64>,
    /// Whether the last line was written in part.
    is_torn: bool,
}

impl<W: Write> LineWriter<W> {
    fn run(mut self, messages: &Receiver<Message>) {
        let mut batch = Vec::new();
        while let Ok(first) = messages.recv() {
            let mut flushed = Vec::new();
            for message in std::iter::once(first).chain(messages.try_iter()) {
                match message {
                    Message::Line(line) => batch.extend_from_slice(&line),
                    Message::Flush(sender) => flushed.push(sender),
                }
                if batch.len() >= BATCH {
                    break;
                }
            }
            self.write(&batch);
            batch.clear();
            self.report_lost();
            for sender in flushed {
                let _ = sender.send(());
            }
        }
    }

    /// Writes lines. Those that cannot be written are counted as lost.
    fn write(&mut self, lines: &[u8]) {
        let mut left = lines;
        if self.is_torn && !left.is_empty() && self.output.write_all(b"\n").is_ok() {
            self.is_torn = false;
        }
        while !left.is_empty() {
            match self.output.write(left) {
                Ok(0) => break,
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if !left.is_empty() {
            let written = &lines[..lines.len() - left.len()];
            self.is_torn |= written.last().is_some_and(|byte| *byte != b'\n');
            let lost = left.split_inclusive(|byte| *byte == b'\n').count() as u64;
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Writes a line with the number of lost lines, if any. If that fails, too, they are reported
    /// later.
    fn report_lost(&mut self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost == 0 {
            return;
        }
        OWN_LINE.set(Some(Vec::new()));
        tracing::error!(target: "recto::log", lines = lost, "log lines were lost");
        let report = OWN_LINE.take().unwrap_or_default();
        let before = self.lost.load(Ordering::Relaxed);
        self.write(&report);
        if self.lost.load(Ordering::Relaxed) > before && !report.is_empty() {
            // The report itself is not a lost line. Lines that are lost meanwhile are counted.
            self.lost.fetch_add(lost - 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::subscriber::with_default;

    use super::*;

    /// An output that fails after so many bytes, until it has more space.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Disk {
        fn add_space(&self, bytes: usize) {
            self.0.lock().unwrap().1 += bytes;
        }

        fn content(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (content, space) = &mut *self.0.lock().unwrap();
            if *space == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(*space);
            content.extend_from_slice(&bytes[..written]);
            *space -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns a subscriber whose lines go to a queue, as those of the program do.
    fn subscriber(queue: &'static LogQueue) -> impl tracing::Subscriber {
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(queue).finish()
    }

    fn leaked_queue() -> &'static LogQueue {
        Box::leak(Box::new(LogQueue::new(LogFormat::Text)))
    }

    #[test]
    fn lost_lines_are_reported_once() {
        let disk = Disk::default();
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter { output: disk.clone(), lost, is_torn: false };
        let mut write = |lines: &[u8]| {
            writer.write(lines);
            writer.report_lost();
        };
        with_default(subscriber(leaked_queue()), || {
            disk.add_space(8);
            write(b"one\ntwo two\nthree\n");
            write(b"four\n");
            disk.add_space(1_000);
            write(b"five\n");
            write(b"six\n");
        });
        let report = "ERROR recto::log: log lines were lost lines=3";
        assert_eq!(disk.content(), format!("one\ntwo \nfive\n{report}\nsix\n"));
    }

    #[test]
    fn full_queue_counts_lines() {
        let queue = leaked_queue();
        for number in 0..CAPACITY + 7 {
            queue.add(format!("{number}\n").into_bytes());
        }
        assert_eq!(queue.lost.load(Ordering::Relaxed), 7);
        let disk = Disk::default();
        disk.add_space(usize::MAX / 2);
        queue.write_to(disk.clone()).unwrap();
        queue.flush(Duration::from_mins(1));
        let numbers: Vec<usize> =
            disk.content().lines().filter_map(|line| line.parse().ok()).collect();
        assert_eq!(numbers, (0..CAPACITY).collect::<Vec<_>>());
    }
}
