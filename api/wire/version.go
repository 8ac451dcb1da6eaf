package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Version is the minor number of a microversion; the major is always 1.
type Version int

// The range this service speaks. A request without the header is MinVersion.
const (
	MinVersion Version = 1
	MaxVersion Version = 14
)

// Microversions that change what is on the wire.
const (
	VersionRollback   Version = 3
	VersionResize     Version = 7
	VersionUpgrade    Version = 8
	VersionNodeGroups Version = 9
	VersionZeroNodes  Version = 10
	VersionCredential Version = 12
	VersionClusterID  Version = 13
)

// VersionHeader carries the microversion both ways; the two others tell the range.
const (
	VersionHeader    = "OpenStack-API-Version"
	MinVersionHeader = "OpenStack-API-Minimum-Version"
	MaxVersionHeader = "OpenStack-API-Maximum-Version"
	ServiceType      = "container-infra"
)

// serviceWords are the names of the service a client may use in the header.
var serviceWords = []string{ServiceType, "container-infrastructure", "container-infrastructure-management"}

var versionValue = regexp.MustCompile(`^(\S+)\s+(\d{1,9})\.(\d{1,9})$`)

func (v Version) String() string { return "1." + strconv.Itoa(int(v)) }

// Header is the value of a version header: service type and number.
func (v Version) Header() string { return ServiceType + " " + v.String() }

// ParseVersion reads the value of the version header; "" is the minimum.
func ParseVersion(header string) (Version, error) {
	header = strings.TrimSpace(header)
	if header == "" {
		return MinVersion, nil
	}
	if fields := strings.Fields(header); len(fields) == 2 && fields[1] == "latest" {
		return MaxVersion, nil
	}
	parts := versionValue.FindStringSubmatch(header)
	if parts == nil {
		return 0, NotAcceptable("Invalid value for OpenStack-API-Version header")
	}
	if !slices.Contains(serviceWords, parts[1]) {
		return 0, NotAcceptable("Invalid service type for OpenStack-API-Version header")
	}
	major, _ := strconv.Atoi(parts[2])
	minor, _ := strconv.Atoi(parts[3])
	if v := Version(minor); major == 1 && v >= MinVersion && v <= MaxVersion {
		return v, nil
	}
	return 0, &VersionError{Major: major, Minor: minor}
}

// VersionError is a microversion outside the range. Its body differs from that
// of every other error: it has a description instead of detail and status.
type VersionError struct{ Major, Minor int }

// Header is the value that was asked for, which the answer repeats.
func (e *VersionError) Header() string { return ServiceType + " " + e.asked() }

func (e *VersionError) asked() string { return fmt.Sprintf("%d.%d", e.Major, e.Minor) }

func (e *VersionError) Error() string {
	supported := fmt.Sprintf("The supported version range is: [%s, %s].", MinVersion.Header(), MaxVersion.Header())
	asked := e.asked()
	if e.Major != 1 {
		return "Mutually exclusive versions requested. Version " + asked +
			" requested but not supported by this service. " + supported
	}
	return "Version " + asked + " was requested but the minor version is not supported by this service. " + supported
}

// Unversioned is the error of a method that the requested version does not have.
func Unversioned(v Version, method string) error {
	return NotAcceptable(fmt.Sprintf(
		"Version %s was requested but the requested API %s is not supported for this version.", v, method))
}
