package jeroboam

// Flavor is a size of machine.
type Flavor struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	VCPUs    int    `json:"vcpus"`
	MemoryMB int    `json:"memory_mb"`
	DiskGB   int    `json:"disk_gb"`
}

// Image is what a machine boots.
type Image struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Distro string `json:"distro"` // os_distro; chooses the driver
	Driver string `json:"driver"` // magnum_driver, if the image names one
}
