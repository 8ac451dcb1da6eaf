package main

import "github.com/jeroboam-cloud/jeroboam"

// driverTable is the one table of what this program can make clusters of: a
// server type, an image's distro and a COE choose a row, the row names the
// cloud. A new cloud or COE is one line here and one in the constructors below.
var driverTable = []jeroboam.Driver{
	{Name: "k8s_local", ServerType: "vm", Distro: "linux-host", COE: "kubernetes", Cloud: "local"},
	{Name: "k8s_sim", ServerType: "vm", Distro: "sim", COE: "kubernetes", Cloud: "sim"},
}

func driverNames() []string {
	names := make([]string, len(driverTable))
	for i, d := range driverTable {
		names[i] = d.Name
	}
	return names
}
