//! Tests with a socket that sends to itself.

use super::{Narrow, Received, Socket};
use crate::Offload;
use gotatun::packet::Packet;
use std::net::{Ipv4Addr, SocketAddr};

#[tokio::test]
async fn datagrams_come_through_one_socket_to_itself_and_an_empty_one_does_no_harm() {
    for offload in [Offload::Auto, Offload::Off] {
        let socket = Socket::bind(0, None, offload).await.unwrap();
        let port = socket.socket.local_addr().unwrap().port();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let sizes: Vec<usize> = [vec![0], vec![1400; 300], vec![200, 1400, 32, 64]].concat();
        let one = |(number, size): (usize, &usize)| (Packet::copy_from(vec![number as u8; *size].as_slice()), to);
        let mut batch: Vec<_> = sizes.iter().enumerate().map(one).collect();
        socket.send(&mut Narrow::default(), &mut batch).await.unwrap();
        assert!(batch.is_empty());
        let (mut received, mut got) = (Received::default(), Vec::new());
        while got.len() + 1 < sizes.len() {
            // Received datagrams stay valid while more are received.
            socket.receive(&mut received, &mut got).await.unwrap();
        }
        for ((packet, from), (number, size)) in got.iter().zip(sizes.iter().enumerate().skip(1)) {
            assert_eq!((*from, packet.len()), (to, *size));
            assert!(packet.iter().all(|byte| *byte == number as u8));
        }
    }
}

#[tokio::test]
async fn the_buffer_is_used_again_when_its_datagrams_are_gone() {
    let socket = Socket::bind(0, None, Offload::Auto).await.unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, socket.socket.local_addr().unwrap().port()));
    let (mut received, mut got, mut places) = (Received::default(), Vec::new(), Vec::new());
    for _ in 0..3 {
        socket.send_now((Packet::copy_from([7; 100].as_slice()), to));
        socket.receive(&mut received, &mut got).await.unwrap();
        places.push(got[0].0.as_ptr());
        got.clear();
    }
    assert!(places.iter().all(|place| *place == places[0]));
}
