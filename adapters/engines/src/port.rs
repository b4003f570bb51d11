//! Free and taken ports of 127.0.0.1.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use crate::EngineError;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A port that nobody listens on at this moment.
pub(crate) fn free() -> Result<u16, EngineError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EngineError::io("no free port on 127.0.0.1"))
}

/// Refuses a port that somebody listens on, and names who.
pub(crate) fn require_free(engine: &'static str, port: u16) -> Result<(), EngineError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::AddrInUse => Err(taken(engine, port)),
        Err(err) => Err(EngineError::Io {
            what: format!("port {port} on 127.0.0.1 cannot be used"),
            source: err,
        }),
    }
}

/// The error for a port that is taken.
pub(crate) fn taken(engine: &'static str, port: u16) -> EngineError {
    EngineError::PortTaken { engine, port, holder: port_holder(port) }
}

/// The process that listens on a port of this machine, such as `process 4711 (nginx)`, as well as
/// this user may know it.
pub fn port_holder(port: u16) -> Option<String> {
    let pid = if Path::new("/proc/net/tcp").exists() {
        holder_in_proc(port)?
    } else {
        holder_by_lsof(port)?
    };
    let command = Command::new("ps").args(["-o", "comm=", "-p", &pid]).output().ok()?;
    let name = String::from_utf8_lossy(&command.stdout).trim().to_owned();
    Some(format!("process {pid} ({name})"))
}

fn holder_in_proc(port: u16) -> Option<String> {
    let suffix = format!(":{port:04X}");
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).ok());
    let socket = tables.iter().flatten().flat_map(|table| table.lines()).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&suffix) && *state == LISTENING).then(|| format!("socket:[{inode}]"))
    })?;
    fs::read_dir("/proc").ok()?.flatten().find_map(|process| {
        let pid = process.file_name().into_string().ok()?;
        pid.parse::<u32>().ok()?;
        let holds = fs::read_dir(process.path().join("fd")).ok()?.flatten().any(|file| {
            fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket.as_str())
        });
        holds.then_some(pid)
    })
}

fn holder_by_lsof(port: u16) -> Option<String> {
    let output = Command::new("lsof")
        .args(["-nP", "-t", "-sTCP:LISTEN", &format!("-iTCP:{port}")])
        .output()
        .ok()?;
    let first = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (!first.is_empty()).then_some(first)
}
