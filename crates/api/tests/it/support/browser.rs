//! A real browser, where one is installed, driven over the protocol of its developer tools.
//!
//! The protocol is spoken over a pair of pipes, a message of JSON each up to a zero byte: no port,
//! no WebSocket, and nobody else who could join in.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The variable that turns a missing browser from a skipped test into a failed
/// one: set it to anything but the empty string or `0`. `.ci/run` sets it.
const REQUIRE: &str = "RECTO_REQUIRE_CHROMIUM";

/// The variable that names a directory for pictures of what the tests see.
const PICTURES: &str = "RECTO_BROWSER_PICTURES";

/// The names that Chromium goes by.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long anything may take, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often to look whether it has happened.
const POLL: Duration = Duration::from_millis(50);

/// Chromium finds its end of the pipes at the descriptors 3 and 4, which a shell puts there.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// A Chromium without a window, and a tab in it.
pub(crate) struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Of the tab, once there is one.
    session: Option<String>,
    sent: u64,
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// The browser that is installed, with an empty tab; `None` if there is none, which is said
    /// loudly.
    ///
    /// # Panics
    /// If there is none and there has to be.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let runs = |name: &&str| {
            let asked = Command::new(name).arg("--version").stdin(Stdio::null()).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let program = NAMES.into_iter().find(runs);
        let required =
            std::env::var_os(REQUIRE).is_some_and(|value| !value.is_empty() && value != "0");
        assert!(program.is_some() || !required, "{REQUIRE} is set, and Chromium is not installed");
        if program.is_none() {
            // Not `eprintln!`, which the test harness shows for failed tests only.
            let _ = writeln!(std::io::stderr(), "skipped: {test}: Chromium is not installed");
        }
        program.map(Self::start)
    }

    fn start(program: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("recto-browser-").tempdir().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", PIPES, program, "--remote-debugging-pipe"])
            // Tests may run as root in a container, where the sandbox cannot.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-extensions"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let commands = child.stdin.take();
        let messages = listen(child.stdout.take().unwrap());
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
        browser.resize(1280, 900);
        browser
    }

    /// Opens a page, and waits until its scripts have run.
    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(opened.get("errorText"), None, "{url}: {opened}");
        self.wait("document.readyState === 'complete'");
    }

    /// Makes the tab that large, in CSS pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What an expression of JavaScript gives.
    ///
    /// # Panics
    /// If it throws.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let what = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut given = self.call("Runtime.evaluate", &what);
        assert_eq!(given.get("exceptionDetails"), None, "{expression}: {given}");
        given["result"]["value"].take()
    }

    /// Waits until an expression gives something that is neither `null` nor false.
    ///
    /// # Panics
    /// If it does not in time; with what the page says and what the browser says of it.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let given = self.evaluate(expression);
            if !given.is_null() && given != false {
                return given;
            }
            if Instant::now() > until {
                let seen = self.evaluate("location.href + '\\n' + document.body.innerText");
                let seen = seen.as_str().unwrap_or_default();
                panic!("never: {expression}\n{seen}\n{:?}", self.complaints);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until what a selector finds says that.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait(&format!(
            "[...document.querySelectorAll({selector})].some((element) => \
             element.checkVisibility() && element.innerText.includes({text}))"
        ));
    }

    /// Clicks, as a mouse does, on the first element that a selector finds, once it is to be seen
    /// and nothing covers it.
    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        let place = self.wait(&CLICKABLE.replace("SELECTOR", &json!(selector).to_string()));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let mut event = place.clone();
            event["type"] = kind.into();
            event["button"] = if kind == "mouseMoved" { "none" } else { "left" }.into();
            event["clickCount"] = u8::from(kind != "mouseMoved").into();
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Types a text into a field, instead of what is there.
    #[track_caller]
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.evaluate("document.activeElement.select()");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// The document as it stands.
    pub(crate) fn dom(&mut self) -> String {
        let dom = self.evaluate("document.documentElement.outerHTML");
        dom.as_str().unwrap().to_owned()
    }

    /// What the browser has complained of so far: what a policy forbade, what scripts threw or
    /// told the console. That the server refused something is not among it, nor is advice.
    pub(crate) fn complaints(&mut self) -> &[String] {
        // Whatever was said before this is answered has arrived then.
        self.evaluate("null");
        &self.complaints
    }

    /// Keeps a picture of the tab, if somebody wants to look at what the tests see.
    pub(crate) fn picture(&mut self, name: &str) {
        let Some(directory) = std::env::var_os(PICTURES) else { return };
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let image = BASE64.decode(shot["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::write(PathBuf::from(directory).join(format!("{name}.png")), image).unwrap();
    }

    /// Sends a command, and waits for its result.
    #[track_caller]
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut command = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = session.as_str().into();
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.as_mut().unwrap().write_all(&bytes).expect("the browser takes commands");
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(mut message) = self.messages.recv_timeout(left) else {
                panic!("the browser does not answer to {method}: {:?}", self.child.try_wait());
            };
            if message["id"] == self.sent {
                assert_eq!(message.get("error"), None, "{method}: {message}");
                return message["result"].take();
            }
            self.complaints.extend(complaint(&message));
        }
    }
}

/// The middle of an element that can be clicked on, or `null`.
const CLICKABLE: &str = "(() => {
    const element = document.querySelector(SELECTOR);
    if (!element?.checkVisibility() || element.disabled) return null;
    element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    return element.contains(document.elementFromPoint(x, y)) ? { x, y } : null;
})()";

/// Reads messages until the browser is gone.
fn listen(output: ChildStdout) -> Receiver<Value> {
    let (told, messages) = mpsc::channel();
    std::thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let Ok(message) = message else { break };
            let Ok(message) = serde_json::from_slice(&message) else { continue };
            if told.send(message).is_err() {
                break;
            }
        }
    });
    messages
}

/// What an event complains of, if it does.
fn complaint(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Log.entryAdded" => {
            let entry = &params["entry"];
            let told = entry["source"] != "network" && entry["level"] != "verbose";
            told.then(|| entry["text"].as_str().map(ToOwned::to_owned))?
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
        // With its pipe closed, the browser ends by itself.
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
