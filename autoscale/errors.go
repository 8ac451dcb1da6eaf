package autoscale

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jeroboam-cloud/jeroboam"
)

// codesOf are gRPC's words for kinds of error. Unsupported is none of
// Unimplemented, by which the autoscaler would believe that it need not ask.
var codesOf = map[jeroboam.Kind]codes.Code{
	jeroboam.Invalid:         codes.InvalidArgument,
	jeroboam.Unauthenticated: codes.Unauthenticated,
	jeroboam.Forbidden:       codes.PermissionDenied,
	jeroboam.NotFound:        codes.NotFound,
	jeroboam.Conflict:        codes.FailedPrecondition,
	jeroboam.QuotaExceeded:   codes.ResourceExhausted,
	jeroboam.Unsupported:     codes.FailedPrecondition,
	jeroboam.Unavailable:     codes.Unavailable,
	jeroboam.Timeout:         codes.DeadlineExceeded,
	jeroboam.Internal:        codes.Internal,
}

// statusOf shows an autoscaler the public part of an error; nil for nil.
func statusOf(err error) error {
	if err == nil {
		return nil
	}
	cause := jeroboam.CauseOf(err)
	return status.Error(codesOf[cause.Kind], cause.Text())
}
