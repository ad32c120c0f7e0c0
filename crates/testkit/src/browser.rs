//! A browser, where one is installed, driven by the protocol of its developer tools.
//!
//! Messages are JSON that ends with a zero byte, over a pair of pipes: without a port, no other
//! process can connect.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The variable that makes tests fail without a browser, unless it is empty or `0`. `.ci/run` sets
/// it.
const REQUIRE: &str = "RECTO_REQUIRE_CHROMIUM";

/// The variable with the directory for screenshots.
const PICTURES: &str = "RECTO_BROWSER_PICTURES";

/// The names of the program.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The time limit of every step, for a busy machine.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The time between two checks of a condition.
const POLL: Duration = Duration::from_millis(50);

/// Chromium expects the pipes at the descriptors 3 and 4, to which a shell moves them.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// A headless Chromium with one tab.
pub struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// The session of the tab, once it is open.
    session: Option<String>,
    sent: u64,
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the installed browser. If there is none, reports that the test is skipped.
    ///
    /// # Panics
    /// If there is none although it is required.
    pub fn find() -> Option<Self> {
        let runs = |name: &&str| {
            let asked = Command::new(name).arg("--version").stdin(Stdio::null()).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let program = NAMES.into_iter().find(runs);
        let required =
            std::env::var_os(REQUIRE).is_some_and(|value| !value.is_empty() && value != "0");
        assert!(program.is_some() || !required, "{REQUIRE} is set, and Chromium is not installed");
        if program.is_none() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or_default();
            // The test harness shows the output of `eprintln!` only if the test fails.
            let _ = writeln!(std::io::stderr(), "skipped: {test}: Chromium is not installed");
        }
        program.map(Self::start)
    }

    fn start(program: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("recto-browser-").tempdir();
        let profile = profile.expect("a temporary directory can be created");
        let mut child = Command::new("sh")
            .args(["-c", PIPES, program, "--remote-debugging-pipe"])
            // The sandbox does not run as root in a container.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell can be started");
        let commands = child.stdin.take();
        let messages = listen(child.stdout.take().expect("the output is piped"));
        let mut browser = Self {
            child,
            commands,
            messages,
            session: None,
            sent: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let tab = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().map(ToOwned::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        // Screenshots show pages and no browser.
        browser.call("Emulation.setScrollbarsHidden", &json!({"hidden": true}));
        browser.resize(1280, 900);
        browser
    }

    /// Opens a page and waits until its scripts have run.
    ///
    /// # Panics
    /// If it cannot be loaded.
    pub fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(opened.get("errorText"), None, "{url}: {opened}");
        self.wait("document.readyState === 'complete'");
    }

    /// Sets the size of the tab, in CSS pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Sets the colour scheme that pages see: dark, or light.
    pub fn prefer_dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Returns the value of a JavaScript expression.
    ///
    /// # Panics
    /// If it throws.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut evaluated = self.call("Runtime.evaluate", &params);
        assert_eq!(evaluated.get("exceptionDetails"), None, "{expression}: {evaluated}");
        evaluated["result"]["value"].take()
    }

    /// Waits until the value of an expression is neither `null` nor `false`, and returns it.
    ///
    /// # Panics
    /// After the time limit, with the text of the page and the complaints.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) -> Value {
        let until = Instant::now() + TIME_LIMIT;
        loop {
            let value = self.evaluate(expression);
            if !value.is_null() && value != false {
                return value;
            }
            if Instant::now() > until {
                let page = self.evaluate("location.href + '\\n' + document.body.innerText");
                let page = page.as_str().unwrap_or_default();
                panic!("never: {expression}\n{page}\n{:?}", self.complaints);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until a visible element that matches the selector contains the text.
    #[track_caller]
    pub fn wait_for(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait(&format!(
            "[...document.querySelectorAll({selector})].some((element) => \
             element.checkVisibility() && element.innerText.includes({text}))"
        ));
    }

    /// Waits until a visible element of the selector has text that matches a regular expression.
    pub fn wait_for_match(&mut self, selector: &str, pattern: &str) {
        let (selector, pattern) = (json!(selector), json!(pattern));
        self.wait(&format!(
            "[...document.querySelectorAll({selector})].some((element) => \
             element.checkVisibility() && new RegExp({pattern}).test(element.innerText))"
        ));
    }

    /// Waits until the first element that matches the selector is visible and not covered, and
    /// clicks on it with the mouse.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let position = self.wait(&CLICKABLE.replace("SELECTOR", &json!(selector).to_string()));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let mut event = position.clone();
            event["type"] = kind.into();
            event["button"] = if kind == "mouseMoved" { "none" } else { "left" }.into();
            event["clickCount"] = u8::from(kind != "mouseMoved").into();
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Replaces the text of a field.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate("document.activeElement.select()");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Returns the HTML of the document.
    pub fn dom(&mut self) -> String {
        let dom = self.evaluate("document.documentElement.outerHTML");
        dom.as_str().unwrap_or_default().to_owned()
    }

    /// Returns the violations of policies, the exceptions and the console errors so far, without
    /// error responses.
    pub fn complaints(&mut self) -> &[String] {
        // Earlier events arrive before this response.
        self.evaluate("null");
        &self.complaints
    }

    /// Saves a screenshot, if a directory for screenshots is set.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn picture(&mut self, name: &str) {
        let Some(directory) = std::env::var_os(PICTURES) else { return };
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let image = BASE64.decode(shot["data"].as_str().unwrap_or_default().as_bytes());
        let image = image.expect("a screenshot is in base 64");
        std::fs::write(PathBuf::from(directory).join(format!("{name}.png")), image)
            .expect("the directory for screenshots can be written to");
    }

    /// Sends a command and waits for its result.
    #[track_caller]
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut command = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        let commands = self.commands.as_mut().expect("they are open until the end");
        commands.write_all(&bytes).expect("the browser reads commands");
        let until = Instant::now() + TIME_LIMIT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(mut message) = self.messages.recv_timeout(left) else {
                panic!("no response to {method}: {:?}", self.child.try_wait());
            };
            if message["id"] == self.sent {
                assert_eq!(message.get("error"), None, "{method}: {message}");
                return message["result"].take();
            }
            self.complaints.extend(complaint(&message));
        }
    }
}

/// The centre of an element that can be clicked, or `null`.
const CLICKABLE: &str = "(() => {
    const element = document.querySelector(SELECTOR);
    if (!element?.checkVisibility() || element.disabled) return null;
    element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    return element.contains(document.elementFromPoint(x, y)) ? { x, y } : null;
})()";

/// Reads messages until the browser exits.
fn listen(output: ChildStdout) -> Receiver<Value> {
    let (sender, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let Ok(message) = message else { break };
            let Ok(message) = serde_json::from_slice(&message) else { continue };
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    messages
}

/// Returns the complaint in an event, if it is one.
fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let is_complaint = entry["source"] != "network" && entry["level"] != "verbose";
            is_complaint.then(|| entry["text"].as_str().map(ToOwned::to_owned))?
        }
        "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" if params["type"] == "error" => {
            let mut text = String::new();
            for part in params["args"].as_array()? {
                let _ = write!(text, "{part} ");
            }
            Some(text)
        }
        _ => None,
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser exits when its pipe is closed.
        self.commands.take();
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
