// Package kubernetes tests deploy/kubernetes: it builds base and overlays as kustomize does, and decodes what comes
// out strictly into the types of the Kubernetes API. It is a module of its own because of these types.
package kubernetes
