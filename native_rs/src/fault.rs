//! The `fault` operation: a worker that panics or spins, so that tests can see the daemon survive it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::call::on_worker;
use crate::cancel::Flag;
use crate::error::{Error, Result};
use crate::stats;

/// One unit of spinning.
const SLICE: Duration = Duration::from_millis(1);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Fault {
    panic: bool,
    spin_ms: u64,
    /// Spin without asking the flag: a call that cannot be cancelled.
    deaf: bool,
}

/// Do what the request asks for, on a worker.
pub fn run(body: &[u8], flag: &Arc<Flag>) -> Result<Vec<u8>> {
    let fault: Fault = serde_json::from_slice(body)
        .map_err(|cause| Error::invalid(format!("fault: {cause}"), "send {panic} or {spinMs}"))?;
    let flag = Arc::clone(flag);
    on_worker(move || {
        assert!(!fault.panic, "a panic that was asked for");
        let ends = Instant::now() + Duration::from_millis(fault.spin_ms);
        while Instant::now() < ends {
            if !fault.deaf && flag.poll().is_some() {
                return if flag.is_set() {
                    Err(Error::Cancelled)
                } else {
                    Ok(b"{\"truncated\":true}".to_vec())
                };
            }
            spin();
            stats::bump(&stats::UNITS);
            if flag.is_set() {
                stats::bump(&stats::UNITS_AFTER_STOP);
            }
        }
        Ok(b"{\"truncated\":false}".to_vec())
    })
}

fn spin() {
    let ends = Instant::now() + SLICE;
    while Instant::now() < ends {
        std::hint::spin_loop();
    }
}
