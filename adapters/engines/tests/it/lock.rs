use std::{fs, process::Command};

use kontor_engines::{DataLock, EngineError};

#[test]
fn a_second_holder_is_refused_with_the_process_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".kontor/lock");
    let first = DataLock::acquire(&path).unwrap();
    assert_eq!(first.took_over(), None);
    let second = DataLock::acquire(&path).unwrap_err();
    assert!(
        matches!(second, EngineError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{second}"
    );
    drop(first);
    assert_eq!(DataLock::acquire(&path).unwrap().took_over(), None);
}

#[test]
fn the_lock_of_a_dead_process_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lock");
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    fs::write(&path, format!("{}\n", child.id())).unwrap();
    let lock = DataLock::acquire(&path).unwrap();
    assert_eq!(lock.took_over(), Some(child.id()));
    assert_eq!(fs::read_to_string(&path).unwrap().trim(), std::process::id().to_string());
}
