//! The same start as a normal user; under root the other tests run as root alone.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use kontor_engines::{PostgresBinaries, PostgresOptions, PrivatePostgres};

use crate::psql;

/// The folder to work in; its presence tells this binary to be the normal user.
const FOLDER: &str = "KONTOR_TEST_OTHER_USER";
/// The id of `nobody` on Linux.
const NOBODY: u32 = 65534;

#[test]
fn a_normal_user_starts_the_same_cluster() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    if !rustix::process::geteuid().is_root() {
        start_and_stop(folder.path());
        return;
    }
    // The target directory may lie where a normal user cannot reach.
    let program = folder.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args(["--ignored", "--exact", "other_user::normal_user", "--nocapture"])
        .env(FOLDER, folder.path())
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[test]
#[ignore = "a process of its own, started by the test above"]
fn normal_user() {
    assert!(!rustix::process::geteuid().is_root());
    start_and_stop(&PathBuf::from(std::env::var_os(FOLDER).unwrap()));
}

fn start_and_stop(folder: &Path) {
    assert!(PostgresBinaries::find().unwrap().major() >= 14);
    let options =
        || PostgresOptions { data_dir: folder.join("postgres"), port: None, durable: true };
    let server = PrivatePostgres::start(options()).unwrap();
    assert_eq!(server.data_dir(), folder.canonicalize().unwrap().join("postgres"));
    psql(&server.url("postgres"), "create table kept (n int); insert into kept values (3)")
        .unwrap();
    server.stop().unwrap();
    let server = PrivatePostgres::start(options()).unwrap();
    assert_eq!(psql(&server.url("postgres"), "select n from kept").unwrap(), "3");
    server.stop().unwrap();
}

#[test]
fn the_way_to_data_in_a_private_temporary_folder_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    start_and_stop(folder.path());
    // Others may pass through and still not look around.
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o044, 0);
}

#[test]
fn root_keeps_data_elsewhere_when_the_engine_s_user_cannot_reach_it() {
    // Outside of the temporary directory permissions are left alone.
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let asked = folder.path().canonicalize().unwrap().join("postgres");
    let options = || PostgresOptions { data_dir: asked.clone(), port: None, durable: true };
    let server = PrivatePostgres::start(options()).unwrap();
    let real = server.data_dir().to_owned();
    psql(&server.url("postgres"), "create table kept (n int); insert into kept values (4)")
        .unwrap();
    server.stop().unwrap();
    if rustix::process::geteuid().is_root() {
        assert!(real.starts_with("/var/lib/kontor"), "{}", real.display());
        assert_eq!(fs::read_link(&asked).unwrap(), real);
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
    } else {
        assert_eq!(real, asked);
    }
    let server = PrivatePostgres::start(options()).unwrap();
    assert_eq!(server.data_dir(), real);
    assert_eq!(psql(&server.url("postgres"), "select n from kept").unwrap(), "4");
    server.stop().unwrap();
    if real != asked {
        fs::remove_dir_all(real.parent().unwrap()).unwrap();
    }
}
