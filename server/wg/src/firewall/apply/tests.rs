//! The table in a real kernel. Each test has its own network namespace and is skipped without root.

use super::*;
use crate::config::Settings;
use crate::netfilter::OwnChanges;
use tornado_contracts::TrafficPolicy;
use tornado_contracts::wg::{Group, Isolation};
use tornado_shared::model::{LanePools, Slot, UserId};

/// Loads the table in a new namespace of this thread, which the nft(8) processes inherit.
async fn loaded() -> Option<Firewall> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return None;
    }
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let policy = Policy::of(&Settings::default()).unwrap();
    let maps = Maps::open(&policy.table, &OwnChanges::default()).unwrap();
    let firewall = Firewall::new(policy, Nft::default(), maps);
    firewall.apply().await.unwrap();
    assert!(firewall.verify().await);
    Some(firewall)
}

fn request(slots: &[u32], rate: u64) -> SetGroups {
    let pools = LanePools::default();
    let of = |slot: &u32| (pools.direct.addresses(Slot(*slot)).unwrap(), pools.tor.addresses(Slot(*slot)).unwrap());
    let policy = TrafficPolicy { download_rate: Some(rate), upload_rate: None, peer_group: true };
    let user_id = UserId(uuid::Uuid::from_u128(7));
    SetGroups { groups: vec![Group { user_id, traffic_policy: policy, devices: slots.iter().map(of).collect() }] }
}

impl Firewall {
    async fn set_rate(&self, slots: &[u32], rate: u64) {
        self.set_groups(self.groups_of(&request(slots, rate)).unwrap()).await.unwrap();
    }

    /// Applies a change as another program.
    async fn change_as_other(&self, text: &str) {
        self.nft.load(text.into()).await.unwrap();
    }

    /// Replaces the first rule of a chain with one of the same comment that accepts.
    async fn make_first_rule_accept(&self, chain: &str) {
        let text = self.nft.run(&["-j", "list", "chain", "inet", "tornado", chain], None).await.unwrap();
        let listing: Value = serde_json::from_str(&text).unwrap();
        let rule = listing["nftables"].as_array().unwrap().iter().find_map(|object| object.get("rule")).unwrap();
        let (handle, comment) = (&rule["handle"], &rule["comment"]);
        self.change_as_other(&format!("replace rule inet tornado {chain} handle {handle} accept comment {comment}"))
            .await;
    }
}

#[tokio::test]
async fn groups_that_the_kernel_rejects_leave_the_former_ones() {
    let Some(firewall) = loaded().await else { return };
    firewall.set_rate(&[5], 9_000).await;
    let before = firewall.content.lock().await.groups.clone();
    let refused = Groups::rejected_by_the_kernel();
    assert!(matches!(firewall.set_groups(refused).await, Err(FirewallError::Refused(_))));
    assert_eq!(firewall.content.lock().await.groups, before);
    assert!(firewall.verify().await && matches!(firewall.check_elements().await, Check::Unchanged));
    // The table can still be loaded, and groups can still be changed.
    firewall.apply().await.unwrap();
    firewall.set_rate(&[5, 6], tornado_contracts::MAX_RATE).await;
    assert!(firewall.verify().await && matches!(firewall.check_elements().await, Check::Unchanged));
}

#[tokio::test]
async fn our_change_hides_no_change_by_another_program() {
    let Some(firewall) = loaded().await else { return };
    for what in ["groups", "state", "country"] {
        firewall.make_first_rule_accept("guard").await;
        match what {
            "groups" => firewall.set_rate(&[5, 6], 9_000).await,
            "state" => {
                let open = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
                firewall.switch(open.into()).await.unwrap();
            }
            _ => {
                let assignment =
                    TorAssignment { isolation: Isolation::try_from(7).unwrap(), exit: Some("de".parse().unwrap()) };
                firewall.assign([([10, 9, 0, 5].into(), assignment)].into(), Vec::new()).await.unwrap();
            }
        }
        assert!(matches!(firewall.check().await, Check::Changed), "{what}");
        firewall.apply().await.unwrap();
        assert!(firewall.verify().await && matches!(firewall.check_elements().await, Check::Unchanged), "{what}");
    }
    // Without a change by another program no change is reported.
    firewall.set_rate(&[5, 6, 7], 1 << 20).await;
    firewall.switch(TorLane::Maintenance { page_port: 9041 }.into()).await.unwrap();
    let assignment = TorAssignment { isolation: Isolation::try_from(8).unwrap(), exit: Some("nl".parse().unwrap()) };
    firewall.assign([([10, 9, 0, 6].into(), assignment)].into(), Vec::new()).await.unwrap();
    assert!(firewall.verify().await && matches!(firewall.check_elements().await, Check::Unchanged));
}

#[tokio::test]
async fn a_switch_does_not_verify_a_table_that_was_not_loaded() {
    let Some(firewall) = loaded().await else { return };
    firewall.make_first_rule_accept("guard").await;
    firewall.content.lock().await.loaded = None;
    firewall.switch(TorLane::Maintenance { page_port: 9041 }.into()).await.unwrap();
    assert!(firewall.verify().await);
    let chain = firewall.nft.run(&["list", "chain", "inet", "tornado", "guard"], None).await.unwrap();
    assert!(!chain.contains("accept comment"), "{chain}");
}

#[tokio::test]
async fn a_limit_or_element_of_another_program_is_detected() {
    let Some(firewall) = loaded().await else { return };
    let limit = format!("down_{:032x}", 7);
    let other = "rate over 1 mbytes/second burst 512 kbytes";
    let limits = [
        format!("add limit inet tornado own {{ {other}; }}"),
        format!(
            "delete element inet tornado down4 {{ 10.8.0.5, 10.9.0.5, 10.8.0.6, 10.9.0.6 }}\n\
             delete element inet tornado down6 {{ fd74:6f72:6e61:8::5, fd74:6f72:6e61:9::5, fd74:6f72:6e61:8::6, fd74:6f72:6e61:9::6 }}\n\
             delete limit inet tornado {limit}\nadd limit inet tornado {limit} {{ {other}; }}\n"
        ),
    ];
    for planted in limits {
        firewall.set_rate(&[5, 6], 9_000).await;
        assert!(firewall.verify().await);
        firewall.change_as_other(&planted).await;
        assert!(matches!(firewall.check().await, Check::Changed), "{planted}");
        firewall.apply().await.unwrap();
    }
    for planted in [
        "add element inet tornado together4 { 10.8.0.5 . 10.8.0.9 }",
        "add element inet tornado together4 { * }",
        "add element inet tornado together6 { fd74:6f72:6e61:8::5 . fd74:6f72:6e61:8::9 }",
        "delete element inet tornado together4 { 10.8.0.5 . 10.8.0.6 }",
        "delete element inet tornado down4 { 10.8.0.5 }",
        "delete element inet tornado down6 { fd74:6f72:6e61:9::5 }",
        "add element inet tornado isolation4 { * : 100.64.0.9 }",
    ] {
        firewall.set_rate(&[5, 6], 9_000).await;
        assert!(matches!(firewall.check_elements().await, Check::Unchanged), "{planted}");
        firewall.change_as_other(planted).await;
        assert!(firewall.verify().await, "{planted}: the listing shows no elements");
        assert!(matches!(firewall.check_elements().await, Check::Changed), "{planted}");
        firewall.apply().await.unwrap();
        assert!(matches!(firewall.check_elements().await, Check::Unchanged), "{planted}");
    }
}
