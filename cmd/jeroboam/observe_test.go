package main

import "testing"

func TestTracesAreAskedForByTheSettingOrByOpenTelemetrysVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		traces string
		env    map[string]string
		want   bool
	}{
		"off by default": {},
		"the setting":    {traces: "http://c:4318", want: true},
		"a variable":     {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, want: true},
		"the other":      {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, want: true},
		"switched off":   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}},
		"for metrics":    {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}},
	} {
		o := observeConfig{Traces: c.traces}
		if got := o.traced(func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
