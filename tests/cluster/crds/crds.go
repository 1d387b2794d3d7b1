// Package crds holds the versions of the APIs whose custom resource definitions are generated from Go types, as their
// projects generate them, because the module proxy serves only the types.
package crds

import (
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
)
