//! Hooks: the world changes while a client reads the list.

use super::*;

const SORTED: &str = "sort_field=start_time&sort_type=asc";

/// Reads pages of ten by offset, one after the other, and returns the ids in the order of the
/// pages.
async fn read(simulator: &Simulator) -> Vec<u128> {
    let (rows, _) = list(simulator, SORTED, 10).await;
    let id = |row: &Value| u128::from_str_radix(row["id"].as_str().unwrap(), 16).unwrap();
    rows.iter().map(id).collect()
}

fn thirty_records() -> (Simulator, Vec<u128>) {
    let simulator = simulator(|options| options.records = 30);
    let all = simulator.edit(|world| world.records_from(0).map(|record| record.id).collect());
    (simulator, all)
}

#[tokio::test(start_paused = true)]
async fn a_record_inserted_at_the_end_is_on_the_last_page() {
    let (simulator, mut all) = thirty_records();
    let inserted = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&inserted);
    simulator.before_request(Endpoint::Records, move |context, world| {
        if context.number == 3 {
            let now = world.now();
            *seen.lock() = Some(world.insert_at(now, Status::Recording));
        }
    });
    let seen = read(&simulator).await;
    all.push(inserted.lock().unwrap());
    assert_eq!(seen, all);
    assert_flows_balance(&simulator);
}

#[tokio::test(start_paused = true)]
async fn a_record_inserted_before_the_cursor_repeats_a_row() {
    let (simulator, all) = thirty_records();
    simulator.after_request(Endpoint::Records, |context, world| {
        if context.number == 1 {
            assert_eq!(context.rows.len(), 10);
            let middle = world.record(context.rows[5]).unwrap().start;
            let id = world.insert_at(middle, Status::UploadCompleted);
            let record = world.record(id).unwrap();
            assert!(record.end.is_some() && record.size.is_some() && record.update == world.now());
            assert_eq!(world.record_at(6).unwrap().id, id);
        }
    });
    let seen = read(&simulator).await;
    assert_eq!((seen.len(), seen[9], seen[10]), (31, all[9], all[9]));
}

#[tokio::test(start_paused = true)]
async fn a_record_deleted_before_the_cursor_hides_another_row() {
    let (simulator, all) = thirty_records();
    simulator.after_request(Endpoint::Records, |context, world| {
        if context.number == 1 {
            assert!(context.query.contains("offset=0&"));
            assert!(world.delete(context.rows[3]));
        }
    });
    let seen = read(&simulator).await;
    assert_eq!(seen.len(), 29);
    assert!(!seen.contains(&all[10]) && seen.contains(&all[3]));
    let (simulator, all) = thirty_records();
    let ahead = all[20];
    simulator.after_request(Endpoint::Records, move |context, world| {
        assert_eq!(context.number > 1, !world.delete(ahead));
    });
    let seen = read(&simulator).await;
    assert_eq!(seen.len(), 29);
    assert!(!seen.contains(&ahead) && seen.contains(&all[21]));
    assert_flows_balance(&simulator);
}

#[tokio::test(start_paused = true)]
async fn a_status_changes_between_two_pages() {
    let (simulator, all) = thirty_records();
    let changing = all[15];
    simulator.edit(|world| world.set_status(changing, Status::Uploading));
    simulator.before_request(Endpoint::Records, move |context, world| {
        if context.number == 2 {
            assert!(context.rows.is_empty());
            assert!(world.set_status(changing, Status::UploadFailed));
        }
    });
    let (rows, _) = list(&simulator, SORTED, 10).await;
    assert_eq!(rows[15]["status"], "UPLOAD_FAILED");
    assert_flows_balance(&simulator);
}

#[tokio::test(start_paused = true)]
async fn hooks_count_requests_to_their_endpoint_once_set() {
    let (simulator, _) = thirty_records();
    send(&simulator, LIST).await;
    let numbers = Arc::new(Mutex::new(Vec::new()));
    for (name, endpoint) in [("records", Endpoint::Records), ("pools", Endpoint::Pools)] {
        let seen = Arc::clone(&numbers);
        simulator.before_request(endpoint, move |context, _| {
            seen.lock().push((name, context.number));
        });
    }
    simulator.set_faults(vec!["status=503,times=1".parse().unwrap()]);
    for uri in [LIST, "/v2/p/desktop-pools", LIST] {
        send(&simulator, uri).await;
    }
    assert_eq!(*numbers.lock(), [("records", 1), ("pools", 1), ("records", 2)]);
    simulator.clear_hooks();
    send(&simulator, LIST).await;
    assert_eq!(numbers.lock().len(), 3);
}
