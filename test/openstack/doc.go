// Package openstack lets whole clusters live on a real Nova, Neutron and Cinder
// whose hypervisor is a fake one: the agents of their servers are played by the
// simulator, which is told no more than the user-data that Nova holds.
package openstack
