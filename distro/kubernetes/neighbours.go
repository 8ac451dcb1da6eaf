package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tellNeighbours tells everybody on the link who has the address now, by an ARP
// announcement (RFC 5227, 3).
func tellNeighbours(link *netlink.LinkAttrs, address netip.Addr) error {
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("announce %s: %w", address, err)
	}
	defer unix.Close(socket)
	to := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ARP), Ifindex: link.Index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	if err := unix.Sendto(socket, announcement(link.HardwareAddr, address), 0, to); err != nil {
		return fmt.Errorf("announce %s on %s: %w", address, link.Name, err)
	}
	return nil
}

// announcement is an ARP request of which sender and target have the same
// address.
func announcement(from net.HardwareAddr, address netip.Addr) []byte {
	packet := []byte{0, unix.ARPHRD_ETHER, 8, 0, 6, 4, 0, 1} // Ethernet, IPv4, request
	packet = append(packet, from...)
	packet = append(packet, address.AsSlice()...)
	packet = append(packet, make([]byte, 6)...)
	return append(packet, address.AsSlice()...)
}

// bigEndian is a number as the network writes it.
func bigEndian(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
