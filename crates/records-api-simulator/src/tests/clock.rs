//! A simulator whose clock differs from its clients' clock.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_clock_may_be_ahead_or_behind() {
    let hour = Duration::from_secs(3600);
    for (ahead, behind, date, by) in [
        (hour, Duration::ZERO, "Wed, 11 Sep 2024 15:00:00 GMT", 3_600_000),
        (Duration::ZERO, hour, "Wed, 11 Sep 2024 13:00:00 GMT", -3_600_000),
    ] {
        let simulator = simulator(|options| {
            options.clock_ahead = ahead;
            options.clock_behind = behind;
        });
        assert_eq!(send(&simulator, LIST).await.headers()["date"], date);
        assert_eq!(simulator.truth(0).now, NOW + by);
        assert_eq!(simulator.requests().asked[0].at, NOW + by);
    }
}
