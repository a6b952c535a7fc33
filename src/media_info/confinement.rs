//! Starts a program that must be kept from everything but one port: its limits, its environment, what it may open. Not what
//! it is asked.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, path_beneath_rules,
};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::Confinement;

/// Where programs are looked for, by us and by `prlimit`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Sets the limits and becomes the program.
const PRLIMIT: &str = "prlimit";
/// Opened before the thread is confined, because the program has no use for it.
const NOTHING: &str = "/dev/null";
/// Where programs and their libraries are. Anything else cannot be read: no secrets, no `/proc`, no `/dev`.
const READABLE: [&str; 6] = ["/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache"];
/// MediaInfo takes some 20 MB for most files, and as much as a Matroska cluster or an index has for others.
const ADDRESS_SPACE_BYTES_MAX: u64 = 1 << 30;
/// Standard streams, a socket or two, and the libraries while they are loaded.
const OPEN_FILES_MAX: u32 = 32;
/// The newest interface of Landlock that is made use of where the kernel has it: since this one (Linux 6.7) also
/// connections are confined.
const LANDLOCK: ABI = ABI::V4;

/// What to start, and how.
pub(super) struct Confined<'a> {
    /// By its path or its name.
    pub(super) program: &'a str,
    /// As the program gets them.
    pub(super) arguments: Vec<OsString>,
    /// The only address it may connect to, and the proxy for whatever else it would: there it is refused.
    pub(super) proxy: SocketAddr,
    /// Processor time.
    pub(super) seconds_max: u64,
    /// What the kernel must do, or else nothing is started.
    pub(super) required: Confinement,
}

/// Why it was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStarted {
    /// A program is missing.
    #[error("{0:?} cannot be started: {1}")]
    Program(String, #[source] io::Error),
    /// The kernel cannot do what is required.
    #[error(
        "this machine cannot confine the program as analysis.confinement says: it takes Linux 6.7 with Landlock"
    )]
    Unconfined,
    /// The kernel would not have it.
    #[error("the program cannot be confined: {0}")]
    Ruleset(#[from] RulesetError),
}

/// Starts it. The child dies when it is dropped.
pub(super) async fn start(confined: Confined<'_>) -> Result<Child, NotStarted> {
    let mut command = command(&confined).map_err(|error| NotStarted::Program(NOTHING.to_owned(), error))?;
    let Confined { proxy, required, .. } = confined;
    let own_folder = folder(confined.program);
    let (runtime, (tell, told)) = (Handle::current(), oneshot::channel());
    // A domain of Landlock holds for a thread and its children, for ever: this thread ends when the child is started.
    let thread = std::thread::Builder::new().name("confinement".to_owned());
    let spawned = thread.spawn(move || {
        let _runtime = runtime.enter();
        let child = confine(own_folder.as_deref(), proxy.port(), required)
            .and_then(|()| command.spawn().map_err(|error| NotStarted::Program(PRLIMIT.to_owned(), error)));
        // Whoever asked may have given up; then the child is dropped, and dies.
        let _ = tell.send(child);
    });
    let no_thread = |error| NotStarted::Program("a thread".to_owned(), error);
    spawned.map_err(no_thread)?;
    told.await.unwrap_or_else(|_| Err(no_thread(io::Error::other("it ended before its time"))))
}

fn command(confined: &Confined<'_>) -> io::Result<Command> {
    let mut command = Command::new(PRLIMIT);
    command
        .arg(format!("--as={ADDRESS_SPACE_BYTES_MAX}"))
        .arg(format!("--cpu={}", confined.seconds_max))
        .arg(format!("--nofile={OPEN_FILES_MAX}"))
        .args(["--fsize=0", "--core=0", "--"])
        .arg(confined.program)
        .args(&confined.arguments)
        .env_clear()
        .envs([("PATH", PATH), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC")])
        .current_dir("/")
        .stdin(File::open(NOTHING)?)
        .stdout(Stdio::piped())
        .stderr(File::options().write(true).open(NOTHING)?)
        .kill_on_drop(true);
    // libcurl asks the proxy for every scheme it knows.
    for scheme in ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy"] {
        command.env(scheme, format!("http://{}", confined.proxy));
    }
    Ok(command)
}

/// The folder of a program that is given by its path: it may not be where programs usually are.
fn folder(program: &str) -> Option<PathBuf> {
    let program = Path::new(program).is_absolute().then(|| Path::new(program).canonicalize().ok())??;
    program.parent().map(Path::to_owned)
}

/// Keeps this thread, and what it starts, from all files but programs and from all ports but one.
fn confine(own_folder: Option<&Path>, port: u16, required: Confinement) -> Result<(), NotStarted> {
    let readable = READABLE.iter().map(Path::new).chain(own_folder).filter(|path| path.exists());
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::from_read(LANDLOCK)))?
        .add_rule(NetPort::new(port, AccessNet::ConnectTcp))?
        .restrict_self()?;
    let is_enough = match status.ruleset {
        RulesetStatus::FullyEnforced => true,
        // Files since the first version of the interface, connections since the fourth.
        RulesetStatus::PartiallyEnforced => required != Confinement::Full,
        RulesetStatus::NotEnforced => required == Confinement::None,
    };
    if is_enough { Ok(()) } else { Err(NotStarted::Unconfined) }
}
