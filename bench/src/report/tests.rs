use super::*;

fn run(contender: &'static str, callers: usize, per_second: u64) -> Run {
    Run {
        contender,
        callers,
        done: per_second,
        failed: 0,
        per_second,
        p50_us: 1_234,
        p99_us: 56_789,
        processor_us: 55,
        first_failure: None,
    }
}

fn report() -> Report {
    let machine = Machine {
        cores: 2,
        processor: "a processor".to_owned(),
        postgres: "15".to_owned(),
        fsync: "on".to_owned(),
        synchronous_commit: "on".to_owned(),
        wal_sync_method: "fdatasync".to_owned(),
        optimised: true,
    };
    Report {
        machine,
        seconds_per_run: 5,
        runs: vec![
            run(PEER, 64, 3_000),
            run(IN_PROCESS, 64, 30_000),
            run(LOG, 512, 29_999),
            run(PEER_SPENDS, 64, 1_000),
            run(SQL_SPENDS, 64, 1_501),
            run(SQL_CALL_SPENDS, 64, 3_000),
            run(SPENDS, 64, 7_500),
            run(SPENDS, 512, 10_000),
            run(THROUGH_NATS, 64, 4_000),
            run(THROUGH_NATS, 512, 6_000),
        ],
        catch_up: Some(CatchUp { events_behind: 77, milliseconds: 1_500 }),
        paced: Some(Latency { samples: 5_000, p50_us: 900, p99_us: 25_000 }),
        round_trip: Some(Latency { samples: 200, p50_us: 3_000, p99_us: 9_000 }),
        visible: Some(Latency { samples: 200, p50_us: 9_999, p99_us: 50_001 }),
        rebuild: None,
        replays: None,
        reconciliation: None,
        beside: None,
        memory: Memory { in_process: Some(12_345_678), idle: Some(99_999_999), load: None },
        growth: Vec::new(),
        tenants: Vec::new(),
        hot_stream: None,
    }
}

fn verdict(what: &str) -> (String, Option<bool>) {
    let figure = figures::all(&report()).into_iter().find(|figure| figure.what == what).unwrap();
    (figure.measured, figure.met)
}

#[test]
fn figures_are_met_from_their_bound_on() {
    let ratio = verdict("commands/s in process to the peer, 64 callers");
    assert_eq!(ratio, ("10.00 x".to_owned(), Some(true)));
    let appends = verdict("durable appends/s, 512 callers");
    assert_eq!(appends, ("29999".to_owned(), Some(false)));
}

#[test]
fn spends_are_compared_with_the_spends_of_the_peer() {
    let spends = verdict("spends/s with the chain of hashes, 512 callers");
    assert_eq!(spends, ("10000".to_owned(), Some(true)));
    assert_eq!(verdict("spends/s to the peer, 64 callers"), ("7.50 x".to_owned(), None));
    let sql = verdict("spends/s to double entry in SQL, 64 callers");
    assert_eq!(sql, ("4.99 x".to_owned(), Some(false)));
    assert_eq!(verdict("the same to one call of a function in SQL").0, "2.50 x");
}

#[test]
fn the_best_number_of_callers_counts_through_nats() {
    let nats = verdict("commands/s through NATS with all followers");
    assert_eq!(nats, ("6000".to_owned(), Some(true)));
}

#[test]
fn latencies_and_memory_must_stay_below_their_bound() {
    let round_trip = verdict("round trip through NATS, idle, p50");
    assert_eq!(round_trip, ("3.000 ms".to_owned(), Some(false)));
    assert_eq!(verdict("append to visible, idle, p50").1, Some(true));
    assert_eq!(verdict("append to visible, idle, p99").1, Some(false));
    let idle = verdict("resident memory with all roles, idle");
    assert_eq!(idle, ("99.9 MB".to_owned(), Some(true)));
}

#[test]
fn what_was_not_measured_is_neither_met_nor_missed() {
    for what in ["rebuild of a projection, events/s", "resident memory with all roles, under load"]
    {
        assert_eq!(verdict(what), ("not measured".to_owned(), None));
    }
}

#[test]
fn the_table_names_the_machine_the_ratio_and_every_verdict() {
    let mut table = Vec::new();
    report().write(&mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    for expected in [
        "2 cores",
        "fsync on (fdatasync)",
        "10.00 x",
        "1.234",
        "56.789",
        "MISSED",
        "77 events, 1.500 s",
    ] {
        assert!(table.contains(expected), "{expected} is missing in:\n{table}");
    }
    assert!(!table.contains("DEBUG"));
    let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
    assert_eq!(json["runs"][1]["per_second"], 30_000);
    assert_eq!(json["figures"][0]["met"], true);
}
