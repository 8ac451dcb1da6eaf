package observe

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/jeroboam-cloud/jeroboam"
)

// Traces sends spans to a collector by OTLP over HTTP.
type Traces struct{ *sdk.TracerProvider }

// OpenTraces makes a provider of spans. endpoint is the collector's address,
// such as http://127.0.0.1:4318; "" leaves it, as the rest, to the variables of
// OpenTelemetry's specification (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER,
// OTEL_RESOURCE_ATTRIBUTES and so on). A collector that is away stops nothing.
func OpenTraces(ctx context.Context, endpoint, version string, log *slog.Logger) (*Traces, error) {
	var options []otlptracehttp.Option
	if endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "traces", "Traces cannot be sent.").
			WithRemedy("Check --traces and the variables OTEL_EXPORTER_OTLP_*.").Wrap(err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "jeroboam"), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe this process: %w", err)
	}
	return &Traces{sdk.NewTracerProvider(sdk.WithBatcher(outspoken{exporter, log}), sdk.WithResource(about), sdk.WithIDGenerator(ids{}))}, nil
}

// outspoken tells the log what an exporter could not send, where OpenTelemetry
// would tell a handler of the whole process.
type outspoken struct {
	sdk.SpanExporter
	log *slog.Logger
}

func (o outspoken) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := o.SpanExporter.ExportSpans(ctx, spans); err != nil {
		o.log.WarnContext(ctx, "traces not sent", "spans", len(spans), "err", err)
	}
	return nil
}
