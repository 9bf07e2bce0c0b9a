//! A lab whose service answers, where a test may make one.

use super::{Lab, Running, can_run};
use tornado_contracts::wg::{WgClient, WgStatus};

/// Lab, service, its client and what it said first; nothing where namespaces cannot be made. Bound by one pattern, the
/// service ends before the lab goes.
pub async fn up() -> Option<(Lab, Running, WgClient, WgStatus)> {
    up_with(|_| ()).await
}

/// The same in a lab that is changed before the service starts.
pub async fn up_with(change: impl FnOnce(&mut Lab)) -> Option<(Lab, Running, WgClient, WgStatus)> {
    if !can_run() {
        return None;
    }
    let mut lab = Lab::new();
    change(&mut lab);
    let service = lab.start();
    let client = lab.client();
    let status = service.answers(&client).await;
    Some((lab, service, client, status))
}
