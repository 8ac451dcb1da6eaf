package observe

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
)

// header is the W3C Trace Context recommendation's.
const header = "traceparent"

// requestSpan continues the client's trace, if it brings one.
func (o *Observer) requestSpan(ctx context.Context, x *api.Exchange) (context.Context, func()) {
	if !o.traces {
		return ctx, func() {}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(x.Request.Header))
	ctx, span := o.tracer.Start(ctx, x.Request.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.Began))
	x.Trace = traceparent(ctx)
	return ctx, func() {
		span.SetName(strings.TrimSpace(x.Request.Method + " " + x.Route))
		span.SetAttributes(
			attribute.String("http.request.method", x.Request.Method), attribute.String("http.route", x.Route),
			attribute.Int("http.response.status_code", x.Status), attribute.String("url.path", x.Request.URL.Path),
			attribute.String("client.address", x.Address()), attribute.String("openstack.request.id", x.ID),
			attribute.String("openstack.project.id", x.Caller.ProjectID))
		if x.Status >= 500 {
			fail(span, x.Err)
		}
		span.End()
	}
}

// traceparent is the span of the context as the header has it.
func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// cause is the span that a traceparent names.
func cause(traceparent string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{header: traceparent})
	return trace.SpanContextFromContext(ctx)
}

// traceOf is the span of an operation. It needs no memory: an operation's trace
// has the operation's ID, whichever servers work on it and however often they
// start anew. It is traced unless the request that caused it was not.
func traceOf(op jeroboam.Operation) trace.SpanContext {
	sum := sha256.Sum256([]byte(op.ID))
	id := trace.TraceID(sum[:16])
	if raw, err := hex.DecodeString(strings.ReplaceAll(op.ID, "-", "")); err == nil && len(raw) == len(id) {
		id = trace.TraceID(raw)
	}
	flags := trace.FlagsSampled
	if by := cause(op.Trace); by.IsValid() {
		flags = by.TraceFlags()
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID(sum[24:]), TraceFlags: flags, Remote: true})
}

// operationSpan is made when all is over, with the times that were written down.
func (o *Observer) operationSpan(op jeroboam.Operation) {
	of := traceOf(op)
	if !o.traces || !of.IsSampled() {
		return
	}
	options := []trace.SpanStartOption{trace.WithNewRoot(), trace.WithTimestamp(op.CreatedAt), trace.WithAttributes(
		attribute.String("jeroboam.cluster", op.Cluster), attribute.String("jeroboam.operation", op.ID),
		attribute.String("openstack.project.id", op.Project), attribute.String("openstack.request.id", op.Request),
		attribute.String("jeroboam.state", string(op.State)))}
	if by := cause(op.Trace); by.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: by}))
	}
	_, span := o.tracer.Start(withIDs(context.Background(), of), "operation "+op.Verb, options...)
	if op.Cause != nil {
		span.SetStatus(codes.Error, op.Cause.Detail)
	}
	span.End(trace.WithTimestamp(op.FinishedAt))
}

// stepSpan is an attempt of a step, below its operation.
func (o *Observer) stepSpan(ctx context.Context, op jeroboam.Operation, action, name string) (context.Context, func(jeroboam.StepState, error)) {
	if !o.traces {
		return ctx, func(jeroboam.StepState, error) {}
	}
	ctx, span := o.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, traceOf(op)), "step "+action, trace.WithAttributes(
		attribute.String("jeroboam.step", name), attribute.String("jeroboam.cluster", op.Cluster), attribute.String("jeroboam.operation", op.ID)))
	return ctx, func(state jeroboam.StepState, err error) {
		span.SetAttributes(attribute.String("jeroboam.state", string(state)))
		fail(span, err)
		span.End()
	}
}

// innerSpan is part of a span; by itself it would say nothing.
func (o *Observer) innerSpan(ctx context.Context, name string) (context.Context, func(error)) {
	if !o.traces || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := o.tracer.Start(ctx, name)
	return ctx, func(err error) {
		fail(span, err)
		span.End()
	}
}

// fail says what a user may see of an error: a trace is read by more people
// than the log.
func fail(span trace.Span, err error) {
	if c := jeroboam.CauseOf(err); c != nil {
		span.SetStatus(codes.Error, c.Detail)
		span.SetAttributes(attribute.String("jeroboam.kind", string(c.Kind)), attribute.String("jeroboam.reason", c.Reason))
	}
}

type idsKey struct{}

// withIDs makes the next root span that of an operation.
func withIDs(ctx context.Context, of trace.SpanContext) context.Context {
	return context.WithValue(ctx, idsKey{}, of)
}

// ids are random but where withIDs chose them.
type ids struct{}

// NewIDs implements the SDK's IDGenerator.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if of, ok := ctx.Value(idsKey{}).(trace.SpanContext); ok {
		return of.TraceID(), of.SpanID()
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], 1+rand.Uint64N(1<<63)) // never all zero
	return id, ids{}.NewSpanID(ctx, id)
}

// NewSpanID implements the SDK's IDGenerator.
func (ids) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	var id trace.SpanID
	binary.NativeEndian.PutUint64(id[:], 1+rand.Uint64N(1<<64-1))
	return id
}
