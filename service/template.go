package service

import (
	"context"
	"maps"
	"reflect"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/names"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

var templateList = access.Listing{Resource: "clustertemplate", Wide: true, Fields: map[string]string{
	"uuid": "id", "name": "name", "coe": "coe", "image_id": "image", "flavor_id": "flavor", "master_flavor_id": "master_flavor",
	"keypair_id": "keypair", "external_network_id": "external_network", "fixed_network": "fixed_network",
	"fixed_subnet": "fixed_subnet", "dns_nameserver": "dns_nameserver", "network_driver": "network_driver",
	"volume_driver": "volume_driver", "apiserver_port": "apiserver_port", "docker_volume_size": "docker_volume_size",
	"docker_storage_driver": "docker_storage_driver", "cluster_distro": "distro", "server_type": "server_type",
	"public": "public", "hidden": "hidden", "tags": "tags", "driver": "driver", "project_id": "project", "user_id": "user",
	"created_at": "created_at", "updated_at": "updated_at", "http_proxy": "http_proxy", "https_proxy": "https_proxy",
	"no_proxy": "no_proxy", "insecure_registry": "insecure_registry", "registry_enabled": "registry_enabled",
	"tls_disabled": "tls_disabled", "master_lb_enabled": "master_lb_enabled", "floating_ip_enabled": "floating_ip_enabled",
}}

// Templates lists what the caller may use: its project's own and the public
// ones that are not hidden; an administrator sees all.
func (s *Service) Templates(ctx context.Context, caller jeroboam.Caller, p access.Page) ([]jeroboam.Template, error) {
	q, err := s.gate.List(caller, templateList, p)
	if err != nil {
		return nil, err
	}
	q.Public = q.Project != ""
	return store.View(ctx, s.Store, func(tx store.Tx) ([]jeroboam.Template, error) {
		if q.Marker != "" {
			if _, err := s.gate.Template(tx, caller, q.Marker, templateList.Marker(p)); err != nil {
				return nil, err
			}
		}
		return store.List[jeroboam.Template](tx, q)
	})
}

// Template shows one template.
func (s *Service) Template(ctx context.Context, caller jeroboam.Caller, ident string) (jeroboam.Template, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Template, error) {
		t, err := s.gate.Template(tx, caller, ident, access.Rule{Wide: "clustertemplate:get_one_all_projects"})
		if err != nil {
			return t, err
		}
		// Another project's public template is read as if it were one's own.
		return t, s.gate.Allow(caller, "clustertemplate:get", caller.ProjectID, t.User)
	})
}

// CreateTemplate keeps a template for the caller's project.
func (s *Service) CreateTemplate(ctx context.Context, caller jeroboam.Caller, t jeroboam.Template) (jeroboam.Template, error) {
	if err := s.gate.Allow(caller, "clustertemplate:create", caller.ProjectID, caller.UserID); err != nil {
		return t, err
	}
	t.Project, t.User = caller.ProjectID, caller.UserID
	if _, err := s.gate.Reach(caller, ""); err != nil {
		return t, err
	}
	if err := s.checkTemplate(ctx, caller, &t, t.Public || t.Hidden); err != nil {
		return t, err
	}
	if t.ID == "" {
		t.ID = s.NewID()
	}
	t.CreatedAt = s.now()
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Template, error) {
		kept := t
		return kept, store.Put(tx, &kept)
	})
}

// checkTemplate fills in what follows from the image and the COE and says what
// is wrong with the rest. publish tells that a flag is set which only those may
// set who may publish.
func (s *Service) checkTemplate(ctx context.Context, caller jeroboam.Caller, t *jeroboam.Template, publish bool) error {
	if t.Name == "" {
		t.Name = names.Random("template")
	}
	d, err := s.drivers.For(ctx, caller.ProjectID, t)
	if err != nil {
		return err
	}
	if drivers := d.Engine.Traits().NetworkDrivers; t.NetworkDriver == "" && len(drivers) > 0 {
		t.NetworkDriver = drivers[0]
	}
	if err := s.drivers.Check(d, *t); err != nil {
		return err
	}
	if err := refusal.Of(d.FindAll(ctx, caller.ProjectID, *t)); err != nil {
		return err
	}
	if publish && s.gate.Allow(caller, "clustertemplate:publish", t.Project, t.User) != nil {
		return jeroboam.Errorf(jeroboam.Forbidden, "publish", "Not authorized to set public or hidden flag for cluster template.").
			WithRemedy("Ask an administrator to publish the template.")
	}
	return nil
}

// UpdateTemplate changes a template by edit, which must not keep its argument.
func (s *Service) UpdateTemplate(ctx context.Context, caller jeroboam.Caller, ident string,
	edit func(jeroboam.Template) (jeroboam.Template, error)) (jeroboam.Template, error) {
	old, err := store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Template, error) {
		return s.gate.Template(tx, caller, ident, access.Everywhere("clustertemplate:update"))
	})
	if err != nil {
		return old, err
	}
	changed, err := edit(old)
	if err != nil {
		return old, err
	}
	publish := changed.Public && !old.Public || changed.Hidden && !old.Hidden
	if err := s.checkTemplate(ctx, caller, &changed, publish); err != nil {
		return old, err
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Template, error) {
		if err := s.unusedOrHarmless(tx, old, changed); err != nil {
			return old, err
		}
		kept := changed
		kept.UpdatedAt = s.now()
		return kept, store.Put(tx, &kept)
	})
}

// unusedOrHarmless lets a template that clusters refer to change in one field
// only, and only in one that does not touch what they are made of.
func (s *Service) unusedOrHarmless(tx store.Tx, old, changed jeroboam.Template) error {
	err := unused(tx, old)
	if err == nil || jeroboam.KindOf(err) != jeroboam.Invalid {
		return err
	}
	harmless := []jeroboam.Template{old, old, old, old}
	harmless[0].Name = changed.Name
	harmless[1].Public = old.Public || changed.Public
	harmless[2].Hidden = changed.Hidden
	if changed.Tags != "" {
		harmless[3].Tags = changed.Tags
	}
	for _, h := range harmless {
		if sameTemplate(h, changed) && !sameTemplate(old, changed) {
			return nil
		}
	}
	return err
}

// DeleteTemplate forgets a template that no cluster refers to.
func (s *Service) DeleteTemplate(ctx context.Context, caller jeroboam.Caller, ident string) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		t, err := s.gate.Template(tx, caller, ident, access.Everywhere("clustertemplate:delete"))
		if err != nil {
			return err
		}
		if err := unused(tx, t); err != nil {
			return err
		}
		return store.Delete(tx, t)
	})
}

func unused(tx store.Tx, t jeroboam.Template) error {
	n, err := store.Count[jeroboam.Cluster](tx, store.Query{Parent: t.ID})
	if err != nil || n == 0 {
		return err
	}
	return jeroboam.Errorf(jeroboam.Invalid, "referenced", "ClusterTemplate %s is referenced by one or multiple clusters.", t.ID).
		WithRemedy("Delete its clusters first, or make a new template.")
}

// sameTemplate compares everything a user can write.
func sameTemplate(a, b jeroboam.Template) bool {
	if !maps.Equal(a.Labels, b.Labels) {
		return false
	}
	a.Labels, b.Labels = nil, nil
	return reflect.DeepEqual(a, b)
}
