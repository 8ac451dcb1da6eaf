package keystone_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/identity/identitytest"
	"github.com/jeroboam-cloud/jeroboam/identity/keystone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ identity.Authenticator = (*keystone.Authenticator)(nil)

// world is a Keystone (the embedded one, over HTTP) in front of which a test
// may stand, with the users admin, alice (member) and rita (reader).
type world struct {
	*testing.T
	identitytest.Site
	id        *embedded.Identity
	server    *httptest.Server
	moved     atomic.Int64 // how far the clock is ahead
	asked     atomic.Int32 // validations
	logins    atomic.Int32
	intercept atomic.Pointer[http.HandlerFunc] // answers in Keystone's place
	admin     jeroboam.Secret
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.moved.Load())) }

func newWorld(t *testing.T, start func(http.Handler) *httptest.Server) *world {
	t.Helper()
	w := &world{T: t}
	mux := http.NewServeMux()
	w.server = start(mux)
	t.Cleanup(w.server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	var err error
	if w.id, err = embedded.Open(embedded.Options{Dir: t.TempDir(), URL: w.server.URL, Now: w.now, PasswordCost: bcrypt.MinCost}); err != nil {
		t.Fatal(err)
	}
	mux.Handle("/identity/", http.StripPrefix("/identity", http.HandlerFunc(w.serve)))
	w.admin, _ = w.id.GeneratedPassword()
	w.URL = w.server.URL + "/identity/v3"
	w.Pass = func(d time.Duration) { w.moved.Add(int64(d)) }
	return w
}

func (w *world) serve(out http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.Header.Get("X-Subject-Token") != "":
		w.asked.Add(1)
	case r.Method == http.MethodPost:
		w.logins.Add(1)
	}
	if f := w.intercept.Load(); f != nil {
		(*f)(out, r)
		return
	}
	w.id.Handler().ServeHTTP(out, r)
}

// people adds alice and rita, who share a project.
func (w *world) people() {
	w.Helper()
	demo, err := w.id.EnsureProject("demo")
	if err != nil {
		w.Fatal(err)
	}
	w.Member = w.account("alice", "demo", demo, "member", "reader")
	w.Reader = w.account("rita", "demo", demo, "reader")
	adminProject, err := w.id.EnsureProject("admin")
	if err != nil {
		w.Fatal(err)
	}
	w.Admin = w.account("admin", "admin", adminProject, "admin", "member", "reader")
}

func (w *world) account(user, project, projectID string, roles ...string) identitytest.Account {
	w.Helper()
	password := w.admin
	if user != "admin" {
		var err error
		if password, err = w.id.EnsureUser(user, project, roles[0]); err != nil {
			w.Fatal(err)
		}
	}
	return identitytest.Account{Password: password, Want: jeroboam.Caller{
		UserID: w.userID(user, project, password), UserName: user, DomainID: "default", ProjectID: projectID, ProjectName: project, Roles: roles,
	}}
}

// userID asks the identity itself, by a login.
func (w *world) userID(name, project string, password jeroboam.Secret) string {
	w.Helper()
	token := tokens.Create(w.Context(), w.client(), &tokens.AuthOptions{
		Username: name, Password: password.Reveal(), DomainID: "default", Scope: tokens.Scope{ProjectName: project, DomainID: "default"},
	})
	u, err := token.ExtractUser()
	if err != nil {
		w.Fatal(err)
	}
	return u.ID
}

func (w *world) client() *gophercloud.ServiceClient {
	w.Helper()
	p, err := openstack.NewClient(w.URL)
	if err != nil {
		w.Fatal(err)
	}
	p.HTTPClient = *w.server.Client()
	c, err := openstack.NewIdentityV3(p, gophercloud.EndpointOpts{})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) auth() gophercloud.AuthOptions {
	return gophercloud.AuthOptions{
		IdentityEndpoint: w.URL, Username: "admin", Password: w.admin.Reveal(), DomainID: "default",
		Scope: &gophercloud.AuthScope{ProjectName: "admin", DomainID: "default"},
	}
}

// options are those of the service in this world.
func (w *world) options() keystone.Options {
	return keystone.Options{Auth: w.auth(), Now: w.now}
}

func (w *world) as(o keystone.Options) *keystone.Authenticator {
	a := keystone.New(o)
	w.Cleanup(a.CloseIdle)
	return a
}

func plainWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, httptest.NewServer)
	w.people()
	w.Auth = w.as(w.options())
	return w
}

func TestTheSuite(t *testing.T) {
	identitytest.Run(t, func(t *testing.T) *identitytest.Site { return &plainWorld(t).Site })
}

// wantKind asks about a token.
func (w *world) wantKind(token string, want jeroboam.Kind, when string) error {
	w.Helper()
	_, err := w.Auth.Authenticate(w.Context(), token)
	if jeroboam.KindOf(err) != want {
		w.Errorf("%s: kind %q, want %q: %v", when, jeroboam.KindOf(err), want, err)
	}
	return err
}

func (w *world) wantAsked(want int32, when string) {
	w.Helper()
	if got := w.asked.Load(); got != want {
		w.Errorf("%s: Keystone was asked %d times, want %d", when, got, want)
	}
}

func (w *world) answer(status int, body string) {
	f := http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		fmt.Fprint(out, body)
	})
	w.intercept.Store(&f)
}

func TestAnAnswerIsBelievedForAWhileAndNoLonger(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	for range 10 {
		w.wantKind(token, "", "a good token")
	}
	w.wantAsked(1, "ten calls")
	w.Pass(keystone.Remembered - time.Second)
	w.wantKind(token, "", "a moment before")
	w.wantAsked(1, "a moment before")
	w.Pass(2 * time.Second)
	w.wantKind(token, "", "a moment after")
	w.wantAsked(2, "a moment after")
	for range 10 {
		w.wantKind("wrong", jeroboam.Unauthenticated, "a wrong token")
	}
	w.wantAsked(3, "ten calls with a wrong token")
	w.Pass(keystone.Refused)
	w.wantKind("wrong", jeroboam.Unauthenticated, "a wrong token, later")
	w.wantAsked(4, "a wrong token, later")
}

func TestATokenIsNotBelievedPastItsEnd(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	w.Pass(embedded.TokenLife - 10*time.Second)
	w.wantKind(token, "", "ten seconds before its end")
	w.Pass(11 * time.Second)
	w.wantKind(token, jeroboam.Unauthenticated, "a second after its end")
}

func TestCallsThatComeTogetherAskOnce(t *testing.T) {
	w := plainWorld(t)
	if err := w.Auth.(*keystone.Authenticator).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := w.Login(t, w.Member)
	arrived, release := make(chan bool, 100), make(chan bool)
	gate := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
		w.id.Handler().ServeHTTP(out, r)
	})
	w.intercept.Store(&gate)
	var started, done sync.WaitGroup
	call := func() { started.Done(); w.wantKind(token, "", "together") }
	started.Add(20)
	done.Go(call)
	<-arrived
	for range 19 {
		done.Go(call)
	}
	started.Wait()
	close(release)
	done.Wait()
	w.wantAsked(1, "twenty calls at once")
}

func TestWhileKeystoneIsAwayWhatItSaidIsBelievedToItsEnd(t *testing.T) {
	w := plainWorld(t)
	known, unknown := w.Login(t, w.Member), w.Login(t, w.Reader)
	w.wantKind(known, "", "before")
	for name, status := range map[string]int{"overloaded": 503, "broken": 500, "a proxy in its place": 502, "limiting": 429, "somebody else": 204} {
		w.answer(status, `{"error": {"message": "sorry"}}`)
		w.wantKind(known, "", name+", a known token")
		w.wantKind(unknown, jeroboam.Unavailable, name+", an unknown token")
	}
	w.answer(200, `<html>Welcome to nginx`)
	w.wantKind(unknown, jeroboam.Unavailable, "a page")
	w.answer(200, `{"token": {}}`)
	w.wantKind(unknown, jeroboam.Unavailable, "a token of nobody")
	w.Pass(keystone.Remembered)
	w.wantKind(known, jeroboam.Unavailable, "a known token after a while")
	w.intercept.Store(nil)
	w.wantKind(known, "", "Keystone is back, a known token")
	w.wantKind(unknown, "", "Keystone is back, an unknown token")
	w.server.Close()
	w.Pass(keystone.Remembered)
	w.wantKind(known, jeroboam.Unavailable, "nobody listens")
}

func TestAServiceThatStartsBeforeKeystoneFindsItLater(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	w.answer(503, "")
	a := w.Auth.(*keystone.Authenticator)
	if err := a.Login(t.Context()); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("a login while Keystone is away: %v", err)
	}
	w.wantKind(token, jeroboam.Unavailable, "Keystone is away")
	w.intercept.Store(nil)
	if err := a.Login(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantKind(token, "", "Keystone is back")
}

func TestTheServicesOwnTokenIsRenewedBeforeItEnds(t *testing.T) {
	w := plainWorld(t)
	w.wantKind(w.Login(t, w.Member), "", "the first")
	before := w.logins.Load()
	w.Pass(50 * time.Minute)
	w.wantKind(w.Login(t, w.Member), "", "after 50 minutes")
	if got := w.logins.Load() - before; got != 1 {
		t.Errorf("%d logins in 50 minutes, want that of the member alone", got)
	}
	w.Pass(5 * time.Minute)
	w.wantKind(w.Login(t, w.Member), "", "after 55 minutes")
	if got := w.logins.Load() - before; got != 3 {
		t.Errorf("%d logins in 55 minutes, want those of the member and one of the service", got)
	}
}

func TestARefusedTokenOfTheServiceIsReplacedOnce(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	w.wantKind(token, "", "before")
	if err := w.id.SetPassword("admin", w.admin); err != nil { // ends all tokens of admin
		t.Fatal(err)
	}
	w.Pass(keystone.Remembered)
	before := w.logins.Load()
	w.wantKind(token, "", "after the service's token ended")
	if got := w.logins.Load() - before; got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

func TestAWrongLoginOfTheServiceIsNotTheCallersFault(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	for name, test := range map[string]struct {
		change func(*keystone.Options)
		reason string
	}{
		"a wrong password": {func(o *keystone.Options) { o.Auth.Password = "guess-who-i-am" }, "keystone-login"},
		"a wrong project":  {func(o *keystone.Options) { o.Auth.Scope.ProjectName = "nowhere" }, "keystone-login"},
		"a wrong region":   {func(o *keystone.Options) { o.Endpoint.Region = "Atlantis" }, "keystone-endpoint"},
	} {
		o := w.options()
		test.change(&o)
		a := w.as(o)
		err := a.Login(t.Context())
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Invalid || e.Reason != test.reason || e.Remedy == "" {
			t.Errorf("%s: Login gives %v", name, err)
		}
		_, err = a.Authenticate(t.Context(), token)
		if jeroboam.KindOf(err) != jeroboam.Unavailable || strings.Contains(fmt.Sprintf("%+v", err), "guess-who-i-am") {
			t.Errorf("%s: a call gives %v", name, err)
		}
	}
}

func TestALoginThatIsRefusedIsNotTriedAtEachCall(t *testing.T) {
	w := plainWorld(t)
	o := w.options()
	o.Auth.Password = "yesterday's"
	w.Auth = w.as(o)
	before := w.logins.Load()
	for i := range 10 {
		w.wantKind(fmt.Sprint("token-", i), jeroboam.Unavailable, "a wrong password")
	}
	if got := w.logins.Load() - before; got != 1 {
		t.Errorf("%d logins for ten calls, want 1", got)
	}
	w.Pass(keystone.Refused)
	w.wantKind("token", jeroboam.Unavailable, "later")
	if got := w.logins.Load() - before; got != 2 {
		t.Errorf("%d logins, want another one later", got)
	}
}

func TestAServiceThatMayNotValidateSaysSo(t *testing.T) {
	w := plainWorld(t)
	o := w.options()
	o.Auth.Username, o.Auth.Password, o.Auth.Scope.ProjectName = "rita", w.Reader.Password.Reveal(), "demo"
	w.Auth = w.as(o)
	err := w.wantKind(w.Login(t, w.Member), jeroboam.Unavailable, "a service without the role")
	if e, _ := jeroboam.AsError(err); e == nil || e.Reason != "identity-permission" {
		t.Errorf("%v", err)
	}
}

func TestRegionAndInterfacePickTheEndpoint(t *testing.T) {
	w := plainWorld(t)
	o := w.options()
	o.Endpoint = gophercloud.EndpointOpts{Region: "RegionOne", Availability: gophercloud.AvailabilityInternal}
	w.Auth = w.as(o)
	w.wantKind(w.Login(t, w.Member), "", "the internal endpoint of RegionOne")
	w.wantAsked(1, "the internal endpoint of RegionOne")
}

func TestKeystoneIsKnownByItsCertificate(t *testing.T) {
	w := newWorld(t, httptest.NewTLSServer)
	o := w.options()
	if err := w.as(o).Login(t.Context()); jeroboam.KindOf(err) != jeroboam.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(w.server.Certificate())
	o.TLS = &tls.Config{RootCAs: roots}
	if err := w.as(o).Login(t.Context()); err != nil {
		t.Errorf("a known authority: %v", err)
	}
}

func TestMadeUpTokensPushNoGoodOneOut(t *testing.T) {
	w := plainWorld(t)
	o := w.options()
	o.Size = 2
	w.Auth = w.as(o)
	good := w.Login(t, w.Member)
	w.wantKind(good, "", "first")
	for i := range 10 {
		w.wantKind(fmt.Sprint("made-up-", i), jeroboam.Unauthenticated, "made up")
	}
	w.wantKind(good, "", "after the flood")
	w.wantAsked(11, "after the flood")
	w.wantKind(w.Login(t, w.Reader), "", "a second")
	w.wantKind(w.Login(t, w.Admin), "", "a third")
	w.wantKind(good, "", "pushed out by two good ones")
	w.wantAsked(14, "pushed out by two good ones")
}

func TestARedirectIsNotFollowedWithOurToken(t *testing.T) {
	w := plainWorld(t)
	token := w.Login(t, w.Member)
	if err := w.Auth.(*keystone.Authenticator).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked elsewhere: %v", r.URL) }))
	defer elsewhere.Close()
	f := http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP
	away := http.HandlerFunc(f)
	w.intercept.Store(&away)
	w.wantKind(token, jeroboam.Unavailable, "a redirect")
}

// The embedded identity has neither of these scopes: the answers are of the
// form that Keystone 22 gives.
func TestTokensOfTheSystemAndOfADomainAreKnown(t *testing.T) {
	w := plainWorld(t)
	if err := w.Auth.(*keystone.Authenticator).Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	const head = `{"token": {"expires_at": "2099-01-31T12:00:00.000000Z", "user": {"id": "u", "name": "root", "domain": {"id": "default", "name": "Default"}},
		"roles": [{"id": "1", "name": "admin"}, {"id": "2", "name": "reader"}], "methods": ["password"], `
	ends := time.Date(2099, 1, 31, 12, 0, 0, 0, time.UTC)
	base := jeroboam.Caller{UserID: "u", UserName: "root", DomainID: "default", Roles: []string{"admin", "reader"}, ExpiresAt: ends}
	ofSystem, ofDomain := base, base
	ofSystem.SystemScope, ofDomain.ScopeDomainID = true, "d"
	for body, want := range map[string]jeroboam.Caller{
		head + `"system": {"all": true}}}`:                 ofSystem,
		head + `"domain": {"id": "d", "name": "people"}}}`: ofDomain,
	} {
		w.answer(200, body)
		got, err := w.Auth.Authenticate(t.Context(), fmt.Sprint(want.SystemScope))
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
		}
	}
}

// BenchmarkAuthenticate is a token that was seen a moment ago.
func BenchmarkAuthenticate(b *testing.B) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	id, err := embedded.Open(embedded.Options{Dir: b.TempDir(), URL: server.URL, PasswordCost: bcrypt.MinCost})
	if err != nil {
		b.Fatal(err)
	}
	mux.Handle("/identity/", http.StripPrefix("/identity", id.Handler()))
	admin, _ := id.GeneratedPassword()
	auth := gophercloud.AuthOptions{
		IdentityEndpoint: server.URL + "/identity/v3", Username: "admin", Password: admin.Reveal(), DomainID: "default", TenantName: "admin",
	}
	p, err := openstack.AuthenticatedClient(b.Context(), auth)
	if err != nil {
		b.Fatal(err)
	}
	a := keystone.New(keystone.Options{Auth: auth})
	defer a.CloseIdle()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), p.Token()); err != nil {
			b.Fatal(err)
		}
	}
}
