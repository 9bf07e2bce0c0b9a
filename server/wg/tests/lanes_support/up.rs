//! A lab with a running service, if the test can have one.

use super::{Lab, Running, can_run};
use tornado_contracts::wg::{WgClient, WgStatus};

/// Lab, service, its client and its first status; `None` if namespaces cannot be created. Bind the result with one
/// pattern, so that the service ends before the lab is dropped.
pub async fn up() -> Option<(Lab, Running, WgClient, WgStatus)> {
    up_with(|_| ()).await
}

/// Like [`up`], in a lab that `change` modifies before the service starts.
pub async fn up_with(change: impl FnOnce(&mut Lab)) -> Option<(Lab, Running, WgClient, WgStatus)> {
    if !can_run() {
        return None;
    }
    let mut lab = Lab::new();
    change(&mut lab);
    let service = lab.start();
    let client = lab.client();
    let status = service.wait_for_status(&client).await;
    Some((lab, service, client, status))
}
