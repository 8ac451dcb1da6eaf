package main

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	schedulingv1 "k8s.io/kubernetes/pkg/apis/scheduling/v1"
	rbac "k8s.io/kubernetes/pkg/registry/rbac/rest"
	scheduling "k8s.io/kubernetes/pkg/registry/scheduling/rest"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// The API server is ready when its roles and priority classes are there, and
// its hooks sleep a second before they make them one by one. In an empty
// cluster they are made side by side and at once here; in any other, and when
// that fails, the hooks do their work unchanged.
const firstObjects = "jeroboam/first-objects"

// createsAtOnce is how many objects are made side by side: etcd writes those
// that come together to its disk together.
const createsAtOnce = 32

// runAPIServer is apiserver.Run with the two hooks replaced by makeFirstObjects.
func runAPIServer(ctx context.Context, options options.CompletedOptions) error {
	config, err := apiserver.NewConfig(options)
	if err != nil {
		return err
	}
	config.KubeAPIs.ControlPlane.Generic.DisabledPostStartHooks.Insert(rbac.PostStartHookName, scheduling.PostStartHookName)
	completed, err := config.Complete()
	if err != nil {
		return err
	}
	chain, err := apiserver.CreateServerChain(completed)
	if err != nil {
		return err
	}
	if err := chain.GenericAPIServer.AddPostStartHook(firstObjects, makeFirstObjects); err != nil {
		return err
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

func makeFirstObjects(hook server.PostStartHookContext) error {
	client, err := kubernetes.NewForConfig(hook.LoopbackClientConfig)
	if err != nil {
		return err
	}
	if isEmpty(hook, client) && createFirstObjects(hook, client) == nil {
		return nil
	}
	_, roles, errRoles := rbac.RESTStorageProvider{}.PostStartHook()
	_, priorities, errPriorities := scheduling.RESTStorageProvider{}.PostStartHook()
	if err := errors.Join(errRoles, errPriorities); err != nil {
		return err
	}
	var hooks errgroup.Group
	hooks.Go(func() error { return roles(hook) })
	hooks.Go(func() error { return priorities(hook) })
	return hooks.Wait()
}

// isEmpty says whether no API server has ever made roles here.
func isEmpty(ctx context.Context, client kubernetes.Interface) bool {
	roles, err := client.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{Limit: 1})
	return err == nil && len(roles.Items) == 0
}

// createFirstObjects makes what the hooks would. What exists already was made
// by another control plane of the same cluster.
func createFirstObjects(ctx context.Context, client kubernetes.Interface) error {
	for _, name := range []string{metav1.NamespaceSystem, metav1.NamespacePublic} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	c := creation{ctx: ctx, client: client}
	c.group.SetLimit(createsAtOnce)
	c.clusterRoles()
	c.namespacedRoles()
	for _, class := range schedulingv1.SystemPriorityClasses() {
		create(&c, client.SchedulingV1().PriorityClasses().Create, class)
	}
	return c.group.Wait()
}

// creation makes objects side by side.
type creation struct {
	ctx    context.Context
	client kubernetes.Interface
	group  errgroup.Group
}

func (c *creation) clusterRoles() {
	for _, role := range append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...) {
		create(c, c.client.RbacV1().ClusterRoles().Create, &role)
	}
	for _, binding := range append(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()...) {
		create(c, c.client.RbacV1().ClusterRoleBindings().Create, &binding)
	}
}

func (c *creation) namespacedRoles() {
	for namespace, roles := range bootstrappolicy.NamespaceRoles() {
		for _, role := range roles {
			create(c, c.client.RbacV1().Roles(namespace).Create, &role)
		}
	}
	for namespace, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, binding := range bindings {
			create(c, c.client.RbacV1().RoleBindings(namespace).Create, &binding)
		}
	}
}

// create makes one object with a client's Create method.
func create[T any](c *creation, method func(context.Context, *T, metav1.CreateOptions) (*T, error), object *T) {
	c.group.Go(func() error {
		_, err := method(c.ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}
