//! Leftovers that a start finds, and a start that fails.

mod lanes_support;

use lanes_support::{Lab, can_run, sync};
use tornado_contracts::wg::Wg as _;
use tornado_rpc::NoInput;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_a_former_process_are_replaced() {
    if !can_run() {
        return;
    }
    let lab = Lab::new();
    lab.server.ok("ip tuntap add wg0 mode tun");
    lab.server.ok("ip link set wg0 alias 'Tornado VPN'");
    lab.server.ok("ip rule add pref 100 iif wg1 prohibit");
    lab.server.ok("nft add table inet tornado");
    lab.server.ok("nft add chain inet tornado tornado_vpn");
    lab.server.ok("nft add chain inet tornado forward '{ type filter hook forward priority 0; policy drop; }'");
    lab.server.ok("nft add table inet tornado_canary");
    lab.server.ok("nft add chain inet tornado_canary tornado_vpn");
    lab.server.ok("nft add table inet others");
    let service = lab.start();
    let client = lab.client();
    let status = service.wait_for_status(&client).await;
    assert!(status.firewall_verified && status.lanes.iter().all(|end| end.up));
    let device = lab.device();
    sync(&client, vec![device.spec(&lab)]).await;
    assert_eq!(client.status(NoInput {}).await.unwrap().peers, 1);
    service.stop().unwrap();
    assert_eq!(lab.server.ok("nft list tables").trim(), "table inet others", "tables of other programs were changed");
    let rules = lab.server.ok("ip -d rule");
    assert!(!rules.contains("wg1"), "{rules}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_leaves_nothing_behind() {
    if !can_run() {
        return;
    }
    for made in ["ip link add wg1 type veth peer name other", "ip tuntap add wg1 mode tun"] {
        let lab = Lab::new();
        lab.server.ok(made);
        lab.server.ok("ip address add 192.0.2.77/24 dev wg1");
        let before = lab.server.ok("ip -d address show wg1");
        let error = lab.start().ended().unwrap_err();
        assert!(error.contains("wg1") && error.contains("not created by this server"), "{error}");
        assert_eq!(lab.server.ok("nft list tables").trim(), "");
        assert!(!lab.server.ok("ip rule").contains("wg1"));
        assert!(!lab.server.ok("ip -o link").contains("wg0"));
        assert_eq!(lab.server.ok("ip -d address show wg1"), before, "an interface of another program was changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_another_program_with_our_name_stays() {
    if !can_run() {
        return;
    }
    for name in ["tornado", "tornado_canary"] {
        let lab = Lab::new();
        lab.server.ok(&format!("nft add table inet {name}"));
        lab.server.ok(&format!("nft add chain inet {name} forward '{{ type filter hook forward priority 0; }}'"));
        lab.server.ok(&format!("nft add rule inet {name} forward tcp dport 23 drop"));
        let before = lab.server.ok("nft list ruleset");
        let error = lab.start().ended().unwrap_err();
        for cure in [format!("nft delete table inet {name}"), "table in [wg]".to_owned()] {
            assert!(error.contains("was not created by this server") && error.contains(&cure), "{error}");
        }
        assert_eq!(lab.server.ok("nft list ruleset"), before);
        assert!(!lab.server.ok("ip rule").contains("wg") && !lab.server.ok("ip -o link").contains("wg"));
    }
}
