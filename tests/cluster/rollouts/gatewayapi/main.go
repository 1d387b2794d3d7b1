// Gatewayapi is a traffic router plugin of Argo Rollouts that sets the weights of HTTPRoutes and GRPCRoutes.
//
// It stands in for argoproj-labs/gatewayAPI, which the Go module proxy does not serve, and does what version 0.15.0 of
// it does for the plugin options that mlspec writes: it reads a route, sets the weights of the backends that are the
// Rollout's stable and canary Service in every rule, labels the route while a canary runs, and updates it. The route's
// managed fields then name the manager "gatewayAPI", because Argo Rollouts runs the plugin under that file name.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/rollout/trafficrouting/plugin/rpc"
	"github.com/argoproj/argo-rollouts/utils/plugin/types"
	"github.com/hashicorp/go-plugin"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/retry"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gateway "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
)

const (
	pluginName      = "argoproj-labs/gatewayAPI"
	inProgressLabel = "rollouts.argoproj.io/gatewayapi-canary"
	inProgressValue = "in-progress"
)

// options are the fields of the plugin's section of a Rollout that mlspec writes; others are refused.
type options struct {
	HTTPRoute  string      `json:"httpRoute"`
	GRPCRoute  string      `json:"grpcRoute"`
	HTTPRoutes []routeName `json:"httpRoutes"`
	GRPCRoutes []routeName `json:"grpcRoutes"`
	Namespace  string      `json:"namespace"`
}

type routeName struct {
	Name string `json:"name"`
}

// router implements the interface that the controller calls over RPC.
type router struct {
	routes gateway.Interface
}

func (r *router) InitPlugin() types.RpcError {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return failed(err)
	}
	if r.routes, err = gateway.NewForConfig(config); err != nil {
		return failed(err)
	}
	return types.RpcError{}
}

func (r *router) SetWeight(rollout *v1alpha1.Rollout, weight int32, _ []v1alpha1.WeightDestination) types.RpcError {
	found, err := read(rollout)
	if err != nil {
		return failed(err)
	}
	api := r.routes.GatewayV1()
	for _, name := range found.HTTPRoutes {
		if err := set(api.HTTPRoutes(found.Namespace), name.Name, rollout, weight, backendsOfHTTP); err != nil {
			return failed(err)
		}
	}
	for _, name := range found.GRPCRoutes {
		if err := set(api.GRPCRoutes(found.Namespace), name.Name, rollout, weight, backendsOfGRPC); err != nil {
			return failed(err)
		}
	}
	return types.RpcError{}
}

// client is the part of a clientset that reads and updates routes of one kind.
type client[T any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Update(ctx context.Context, route T, options metav1.UpdateOptions) (T, error)
}

// set reads a route, sets the weights of its backends, and updates it; again if it changed in the meantime.
func set[T metav1.Object](
	routes client[T], name string, rollout *v1alpha1.Rollout, weight int32, backends func(T) []*gatewayv1.BackendRef,
) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		route, err := routes.Get(context.Background(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := divide(rollout, route, backends(route), weight); err != nil {
			return err
		}
		_, err = routes.Update(context.Background(), route, metav1.UpdateOptions{})
		return err
	})
}

func backendsOfHTTP(route *gatewayv1.HTTPRoute) (found []*gatewayv1.BackendRef) {
	for i := range route.Spec.Rules {
		for j := range route.Spec.Rules[i].BackendRefs {
			found = append(found, &route.Spec.Rules[i].BackendRefs[j].BackendRef)
		}
	}
	return found
}

func backendsOfGRPC(route *gatewayv1.GRPCRoute) (found []*gatewayv1.BackendRef) {
	for i := range route.Spec.Rules {
		for j := range route.Spec.Rules[i].BackendRefs {
			found = append(found, &route.Spec.Rules[i].BackendRefs[j].BackendRef)
		}
	}
	return found
}

// divide sets the weights of the Rollout's two Services among the backends of a route, and labels the route.
func divide(rollout *v1alpha1.Rollout, route metav1.Object, backends []*gatewayv1.BackendRef, weight int32) error {
	canary := rollout.Spec.Strategy.Canary
	weights := map[string]int32{canary.CanaryService: weight, canary.StableService: 100 - weight}
	seen := map[string]bool{}
	for _, backend := range backends {
		if share, known := weights[string(backend.Name)]; known {
			backend.Weight = &share
			seen[string(backend.Name)] = true
		}
	}
	if len(seen) < 2 {
		return fmt.Errorf("route %s does not have both Services as backends", route.GetName())
	}
	label(route, weight)
	return nil
}

func label(route metav1.Object, weight int32) {
	labels := route.GetLabels()
	if weight == 0 {
		delete(labels, inProgressLabel)
	} else if labels == nil {
		labels = map[string]string{inProgressLabel: inProgressValue}
	} else {
		labels[inProgressLabel] = inProgressValue
	}
	route.SetLabels(labels)
}

func read(rollout *v1alpha1.Rollout) (options, error) {
	found := options{Namespace: rollout.Namespace}
	reader := json.NewDecoder(bytes.NewReader(rollout.Spec.Strategy.Canary.TrafficRouting.Plugins[pluginName]))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&found); err != nil {
		return found, err
	}
	if found.HTTPRoute != "" {
		found.HTTPRoutes = append(found.HTTPRoutes, routeName{found.HTTPRoute})
	}
	if found.GRPCRoute != "" {
		found.GRPCRoutes = append(found.GRPCRoutes, routeName{found.GRPCRoute})
	}
	if len(found.HTTPRoutes)+len(found.GRPCRoutes) == 0 {
		return found, fmt.Errorf("the Rollout names no route")
	}
	return found, nil
}

func (r *router) UpdateHash(*v1alpha1.Rollout, string, string, []v1alpha1.WeightDestination) types.RpcError {
	return types.RpcError{}
}

func (r *router) SetHeaderRoute(*v1alpha1.Rollout, *v1alpha1.SetHeaderRoute) types.RpcError {
	return failed(fmt.Errorf("header routes are not supported here"))
}

func (r *router) SetMirrorRoute(*v1alpha1.Rollout, *v1alpha1.SetMirrorRoute) types.RpcError {
	return types.RpcError{}
}

func (r *router) VerifyWeight(*v1alpha1.Rollout, int32, []v1alpha1.WeightDestination) (types.RpcVerified, types.RpcError) {
	return types.Verified, types.RpcError{}
}

func (r *router) RemoveManagedRoutes(*v1alpha1.Rollout) types.RpcError { return types.RpcError{} }

func (r *router) Type() string { return "GatewayAPI" }

func failed(err error) types.RpcError { return types.RpcError{ErrorString: err.Error()} }

func main() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  1,
			MagicCookieKey:   "ARGO_ROLLOUTS_RPC_PLUGIN",
			MagicCookieValue: "trafficrouter",
		},
		Plugins: map[string]plugin.Plugin{"RpcTrafficRouterPlugin": &rpc.RpcTrafficRouterPlugin{Impl: &router{}}},
	})
}
