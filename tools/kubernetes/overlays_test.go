package kubernetes

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const deploy = "../../deploy"

// withConnector is an overlay as a user writes one.
const withConnector = `
namespace: orders-b
resources: [../overlays/nats-cluster]
components: [../connector]
images:
  - {name: orderbridge, newName: registry.example/orderbridge, newTag: v0.1.0}
configMapGenerator:
  - name: orderbridge-service
    behavior: merge
    literals: [ORDERS_SIDE=b, ORDERS_PEER=a]
patches:
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: orderbridge-connector}
      data: {CONNECTOR_URL: https://another.example}
`

// tree is what kustomize reads, and the overlay of withConnector.
func tree(t *testing.T) filesys.FileSystem {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	for _, folder := range []string{"kubernetes", "nats", "postgres"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(deploy, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(deploy, path)
			if err != nil {
				return err
			}
			return memory.WriteFile("/"+name, data)
		}))
	}
	require.NoError(t, memory.WriteFile("/kubernetes/with-connector/kustomization.yaml", []byte(withConnector)))
	return memory
}

// side is what an overlay makes.
type side struct {
	pods       map[string]*core.PodTemplateSpec // by name
	replicas   map[string]int32
	configMaps map[string]core.ConfigMap
	services   []core.Service
	budgets    []policy.PodDisruptionBudget
	policies   []networking.NetworkPolicy
}

var overlays = []string{"base", "overlays/one-machine", "overlays/nats-cluster", "with-connector"}

func build(t *testing.T, overlay string) side {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	made, err := krusty.MakeKustomizer(options).Run(tree(t), "/kubernetes/"+overlay)
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{core.AddToScheme, apps.AddToScheme, networking.AddToScheme, policy.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	s := side{pods: map[string]*core.PodTemplateSpec{}, replicas: map[string]int32{}, configMaps: map[string]core.ConfigMap{}}
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		require.NoError(t, err)
		object, _, err := strict.Decode(text, nil, nil)
		require.NoError(t, err, "%s", text)
		workload := func(name string, replicas *int32, selector *meta.LabelSelector, pod *core.PodTemplateSpec) {
			s.pods[name], s.replicas[name] = pod, *replicas
			require.True(t, selects(t, selector, pod), "%s does not select its own pods", name)
		}
		switch o := object.(type) {
		case *apps.Deployment:
			workload(o.Name, o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template)
		case *apps.StatefulSet:
			workload(o.Name, o.Spec.Replicas, o.Spec.Selector, &o.Spec.Template)
		case *core.ConfigMap:
			s.configMaps[o.Name] = *o
		case *core.Service:
			s.services = append(s.services, *o)
		case *policy.PodDisruptionBudget:
			s.budgets = append(s.budgets, *o)
		case *networking.NetworkPolicy:
			s.policies = append(s.policies, *o)
		default:
			require.Failf(t, "unexpected kind", "%s", text)
		}
	}
	return s
}

func selects(t *testing.T, selector *meta.LabelSelector, pod *core.PodTemplateSpec) bool {
	t.Helper()
	s, err := meta.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	return s.Matches(labels.Set(pod.Labels))
}

// selected are the pods of a side that a selector matches.
func (s side) selected(t *testing.T, selector *meta.LabelSelector) (names []string) {
	t.Helper()
	for name, pod := range s.pods {
		if selects(t, selector, pod) {
			names = append(names, name)
		}
	}
	return names
}

func TestEveryOverlayIsWhole(t *testing.T) {
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			s := build(t, overlay)
			require.Subset(t, slices.Collect(maps.Keys(s.pods)), []string{"orders", "bridge"})
			for _, service := range s.services {
				names := s.selected(t, &meta.LabelSelector{MatchLabels: service.Spec.Selector})
				require.Len(t, names, 1, "service %s", service.Name)
				for _, port := range service.Spec.Ports {
					require.Contains(t, portsOf(s.pods[names[0]]), port.TargetPort.String(), "service %s", service.Name)
				}
			}
			for _, b := range s.budgets {
				names := s.selected(t, b.Spec.Selector)
				require.Len(t, names, 1, "budget %s", b.Name)
				require.Greater(t, s.replicas[names[0]], int32(1), "budget %s would keep a machine from being drained", b.Name)
			}
			for _, p := range s.policies {
				names := s.selected(t, &p.Spec.PodSelector)
				require.NotEmpty(t, names, "policy %s", p.Name)
				for _, rule := range p.Spec.Ingress {
					for _, port := range rule.Ports {
						require.Contains(t, portsOf(s.pods[names[0]]), port.Port.String(), "policy %s", p.Name)
					}
				}
			}
			for name, pod := range s.pods {
				s.checkPod(t, name, pod)
			}
		})
	}
}

// portsOf are names and numbers of a pod's ports.
func portsOf(pod *core.PodTemplateSpec) (all []string) {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			number := resource.NewQuantity(int64(p.ContainerPort), resource.DecimalSI)
			all = append(all, p.Name, number.String())
		}
	}
	return all
}

func (s side) checkPod(t *testing.T, name string, pod *core.PodTemplateSpec) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(deploy, "kubernetes/README.md"))
	require.NoError(t, err)
	spec := pod.Spec
	require.False(t, *spec.AutomountServiceAccountToken, name)
	require.False(t, *spec.EnableServiceLinks, "%s: variables of services would be taken for settings", name)
	require.True(t, *spec.SecurityContext.RunAsNonRoot, name)
	require.NotZero(t, *spec.SecurityContext.RunAsUser, name)
	require.Equal(t, core.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type, name)

	volumes := map[string]bool{}
	configMap := func(used string) { require.Contains(t, s.configMaps, used, name) }
	secret := func(used string, items []core.KeyToPath) {
		require.Contains(t, string(readme), "`"+used+"`", "%s: the secret is not described", name)
		for _, item := range items {
			require.Contains(t, string(readme), "`"+item.Key+"`", "%s: the key is not described", name)
		}
	}
	for _, v := range spec.Volumes {
		volumes[v.Name] = true
		if v.ConfigMap != nil {
			configMap(v.ConfigMap.Name)
		}
		if v.Secret != nil {
			secret(v.Secret.SecretName, v.Secret.Items)
		}
		if v.Projected != nil {
			for _, source := range v.Projected.Sources {
				if source.ConfigMap != nil {
					configMap(source.ConfigMap.Name)
				}
				if source.Secret != nil {
					secret(source.Secret.Name, source.Secret.Items)
				}
			}
		}
	}
	for _, c := range append(slices.Clone(spec.InitContainers), spec.Containers...) {
		what := name + "/" + c.Name
		require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, what)
		require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, what)
		require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, what)
		require.Empty(t, c.SecurityContext.Capabilities.Add, what)
		require.NotEmpty(t, c.Resources.Limits[core.ResourceMemory], what)
		require.NotEmpty(t, c.Resources.Requests[core.ResourceCPU], what)
		_, tag, tagged := strings.Cut(c.Image, ":")
		require.True(t, tagged && tag != "latest", "%s: %s", what, c.Image)
		mounted := ""
		for _, m := range c.VolumeMounts {
			require.True(t, volumes[m.Name] || m.Name == "data", "%s mounts %s", what, m.Name)
			mounted += m.MountPath + "\n"
		}
		for _, from := range c.EnvFrom {
			configMap(from.ConfigMapRef.Name)
		}
		for _, e := range c.Env {
			if strings.HasSuffix(e.Name, "_FILE") {
				require.Contains(t, mounted, filepath.Dir(e.Value)+"\n", "%s: %s", what, e.Name)
				require.True(t, provides(spec, c, e.Value), "%s: %s is no file of a secret", what, e.Value)
			}
		}
	}
	for _, c := range spec.Containers {
		require.NotNil(t, c.LivenessProbe, c.Name)
		require.NotNil(t, c.ReadinessProbe, c.Name)
		for _, probe := range []*core.Probe{c.LivenessProbe, c.ReadinessProbe} {
			if probe.HTTPGet != nil {
				require.Contains(t, portsOf(pod), probe.HTTPGet.Port.String(), c.Name)
			}
		}
	}
}

// provides reports whether a secret that the container mounts has the file.
func provides(spec core.PodSpec, c core.Container, file string) bool {
	for _, m := range c.VolumeMounts {
		for _, v := range spec.Volumes {
			if v.Name != m.Name || v.Secret == nil || m.MountPath != filepath.Dir(file) {
				continue
			}
			if v.Secret.Items == nil {
				return true // all keys
			}
			for _, item := range v.Secret.Items {
				if item.Path == filepath.Base(file) {
					return true
				}
			}
		}
	}
	return false
}

func TestReplicas(t *testing.T) {
	for overlay, want := range map[string]map[string]int32{
		"base":                  {"orders": 2, "bridge": 2},
		"overlays/one-machine":  {"orders": 1, "bridge": 1, "nats": 1, "postgres": 1},
		"overlays/nats-cluster": {"orders": 2, "bridge": 2, "nats": 3},
		"with-connector":        {"orders": 2, "bridge": 2, "nats": 3},
	} {
		require.Equal(t, want, build(t, overlay).replicas, overlay)
	}
	connector := build(t, "with-connector").pods["orders"].Spec.Containers[0]
	require.Equal(t, []string{"connector"}, connector.Args)
	require.Len(t, connector.EnvFrom, 2)
	require.Equal(t, "registry.example/orderbridge:v0.1.0", connector.Image)
	for name, m := range build(t, "with-connector").configMaps {
		if strings.HasPrefix(name, "orderbridge-connector-") {
			require.Equal(t, "https://another.example", m.Data["CONNECTOR_URL"])
		}
	}
	for overlay, replicas := range map[string]string{"base": "", "overlays/nats-cluster": "3"} {
		for name, m := range build(t, overlay).configMaps {
			if strings.HasPrefix(name, "orderbridge-service-") {
				require.Equal(t, replicas, m.Data["ORDERS_NATS_REPLICAS"], overlay)
			}
		}
	}
}

// TestUnknownFieldsAreFound is the test of the decoding above.
func TestUnknownFieldsAreFound(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, apps.AddToScheme(scheme))
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	good := []byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 2}\n")
	_, _, err := strict.Decode(good, nil, nil)
	require.NoError(t, err)
	_, _, err = strict.Decode(bytes.Replace(good, []byte("replicas"), []byte("replica"), 1), nil, nil)
	require.ErrorContains(t, err, "unknown field")
}
