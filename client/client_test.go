package client_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is an API with made-up machines, and what an administrator needs to
// call it.
type house struct {
	*apikit.House
	api     *httptest.Server
	options client.Options
}

// newHouse lets in with a token that is known already: passwords take long to
// check, and two tests of them are enough.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := apikit.New(t)
	token := jeroboam.Secret(h.Token("anna", "p0", "admin", "member", "reader"))
	return &house{House: h, api: h.Server, options: client.Options{Endpoint: h.Server.URL + "/v1", Token: token}}
}

// withIdentity lets in with a password and a catalogue.
func withIdentity(t *testing.T) *house {
	t.Helper()
	var options api.Options
	h := &house{House: apikit.New(t, func(_ *service.Options, o *api.Options) { options = *o })}
	h.api = httptest.NewUnstartedServer(nil)
	url := "http://" + h.api.Listener.Addr().String()
	who, err := embedded.Open(embedded.Options{Dir: t.TempDir(), URL: url})
	if err != nil {
		t.Fatal(err)
	}
	password, _ := who.GeneratedPassword()
	h.options = client.Options{AuthURL: url + "/identity/v3", Username: embedded.AdminUser, Password: password,
		UserDomainName: "Default", ProjectName: embedded.AdminProject, ProjectDomainName: "Default"}
	options.Service, options.Auth, options.Identity = h.Service, who, who.Handler()
	options.Now = time.Now // its tokens live in real time
	h.api.Config.Handler = api.New(options)
	h.api.Start()
	t.Cleanup(func() {
		h.api.CloseClientConnections()
		h.api.Close()
	})
	return h
}

func connect(t *testing.T, o client.Options) *client.Client {
	t.Helper()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestALifeByOurClient(t *testing.T) {
	h := withIdentity(t)
	h.Work(t)
	c, ctx := connect(t, h.options), t.Context()
	template, err := c.CreateTemplate(ctx, wire.TemplateCreate{Name: "k8s v1", COE: apikit.COE, ImageID: apikit.Image, FlavorID: apikit.Flavor})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Template(ctx, "k8s v1"); err != nil || !reflect.DeepEqual(got, template) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, template)
	}
	if template, err = c.UpdateTemplate(ctx, template.UUID, wire.Patch{{Op: "add", Path: "/tags", Value: "x"}}); err != nil || *template.Tags != "x" {
		t.Errorf("%+v, %v", template, err)
	}
	id, err := c.CreateCluster(ctx, wire.ClusterCreate{Name: "demo", ClusterTemplateID: template.UUID})
	if err != nil {
		t.Fatal(err)
	}
	op := follow(t, c, id, 0)
	if op.Verb != "create" || op.State != jeroboam.OperationComplete || len(op.Steps) != 1 || op.Steps[0].Name != "ready" {
		t.Errorf("%+v", op)
	}
	if _, err = c.ResizeCluster(ctx, "demo", wire.Resize{NodeCount: 2}); err != nil {
		t.Fatal(err)
	}
	if op = follow(t, c, id, 1); op.Verb != "resize" {
		t.Errorf("%+v", op)
	}
	if machines, err := c.Machines(ctx, id); err != nil || len(machines) != 3 {
		t.Errorf("%+v, %v", machines, err)
	}
	if all, err := c.Clusters(ctx); err != nil || len(all) != 1 || all[0].NodeCount != 2 || all[0].ClusterID != id {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.DeleteCluster(ctx, "demo", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Events(ctx, id, 0, func(wire.Event) error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := c.Cluster(ctx, id); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Error(err)
	}
	if err := c.DeleteTemplate(ctx, template.UUID); err != nil {
		t.Error(err)
	}
}

// follow waits by the event stream until so many operations and one have
// ended, and returns the newest.
func follow(t *testing.T, c *client.Client, cluster string, before int) wire.Operation {
	t.Helper()
	over := errors.New("over")
	err := c.Events(t.Context(), cluster, 0, func(e wire.Event) error {
		if e.Type == "operation" && jeroboam.OperationState(e.State).Ended() {
			if before--; before < 0 {
				return over
			}
		}
		return nil
	})
	if !errors.Is(err, over) {
		t.Fatal(err)
	}
	all, err := c.Operations(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	op, err := c.Operation(t.Context(), all[0].UUID)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	h := newHouse(t)
	c := connect(t, h.options)
	for range 3 {
		if _, err := c.CreateTemplate(t.Context(), wire.TemplateCreate{COE: apikit.COE, ImageID: apikit.Image}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := c.Templates(t.Context()); err != nil || len(all) != 3 {
		t.Errorf("%d, %v", len(all), err)
	}
	if all, err := c.Quotas(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestErrorsAreTheServicesOwn(t *testing.T) {
	h := newHouse(t)
	c := connect(t, h.options)
	_, err := c.CreateTemplate(t.Context(), wire.TemplateCreate{COE: apikit.COE, ImageID: "nosuch"})
	want := &jeroboam.Error{Kind: jeroboam.Invalid, Reason: "image", Detail: "Image nosuch could not be found.",
		Remedy: "There are: fedora-coreos-38, ubuntu, bare."}
	if !reflect.DeepEqual(err, error(want)) {
		t.Errorf("got %#v", err)
	}
}

func TestWhoCannotBeLetInIsToldWhy(t *testing.T) {
	h := withIdentity(t)
	wrong, silent, bare := h.options, h.options, h.options
	wrong.Password = "wrong"
	silent.AuthURL = "http://127.0.0.1:1/v3"
	bare.AuthURL = ""
	for name, c := range map[string]struct {
		options client.Options
		want    jeroboam.Kind
	}{
		"a wrong password":             {wrong, jeroboam.Unauthenticated},
		"no identity service":          {silent, jeroboam.Unavailable},
		"no address":                   {bare, jeroboam.Invalid},
		"a token that nobody gave out": {client.Options{Endpoint: h.api.URL + "/v1", Token: "x"}, jeroboam.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := connect(t, c.options).Templates(t.Context())
			if e, ok := jeroboam.AsError(err); !ok || e.Kind != c.want || e.Detail == "" {
				t.Errorf("got %#v", err)
			}
		})
	}
}

func TestATokenAndAnAddressAreEnough(t *testing.T) {
	h := newHouse(t)
	token := h.Token("olga", "p1", "member", "reader")
	c := connect(t, client.Options{Endpoint: h.Server.URL + "/v1", Token: jeroboam.Secret(token)})
	if stats, err := c.Stats(t.Context(), ""); err != nil || stats != (wire.Stats{}) {
		t.Errorf("%v, %v", stats, err)
	}
}

func TestAStreamThatBreaksIsTakenUpAgain(t *testing.T) {
	h := newHouse(t)
	h.Work(t)
	c := connect(t, h.options)
	template, err := c.CreateTemplate(t.Context(), wire.TemplateCreate{COE: apikit.COE, ImageID: apikit.Image, FlavorID: apikit.Flavor})
	if err != nil {
		t.Fatal(err)
	}
	id, err := c.CreateCluster(t.Context(), wire.ClusterCreate{ClusterTemplateID: template.UUID})
	if err != nil {
		t.Fatal(err)
	}
	follow(t, c, id, 0)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var numbers []int64
	broken := false
	err = c.Events(ctx, id, 0, func(e wire.Event) error {
		numbers = append(numbers, e.ID)
		if !broken {
			broken = true
			h.api.CloseClientConnections()
			return c.DeleteCluster(ctx, id, "")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(numbers)-1; i++ { // the last is the end, which has no number
		if numbers[i] <= numbers[i-1] {
			t.Errorf("told twice or out of order: %v", numbers)
		}
	}
}
