package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// bills writes a bill of materials in CycloneDX for each program, from what its binary says that it contains. The
// licences are found in the module cache, without the network, or the bill would change once a version is published.
func (r *release) bills(ctx context.Context) error {
	tools := filepath.Join(r.root, "tools", "release")
	for _, b := range r.built {
		err := command(ctx, tools, []string{"GOFLAGS=", "GOPROXY=off"}, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-licenses", "-std", "-noserial", "-notimestamp",
			"-version", r.version, "-output", filepath.Join(r.out, r.name("_"+b.String()+".cdx.json")), b.binary)
		if err != nil {
			return err
		}
	}
	return nil
}

// packages writes a Debian package for each architecture of Linux.
func (r *release) packages(ctx context.Context) error {
	tools := filepath.Join(r.root, "tools", "release")
	for _, b := range r.built {
		if b.os != "linux" {
			continue
		}
		env := []string{
			"GOFLAGS=", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.at.Unix(), 10),
			"RELEASE_VERSION=" + strings.TrimPrefix(r.version, "v"), "RELEASE_ARCH=" + b.arch,
			"RELEASE_BINARY=" + b.binary, "RELEASE_LICENCES=" + filepath.Join(r.out, licencesFile), "RELEASE_ROOT=" + r.root,
		}
		err := command(ctx, tools, env, "go", "tool", "nfpm", "package", "--config", "nfpm.yaml", "--packager", "deb",
			"--target", filepath.Join(r.out, r.name("_"+b.arch+".deb")))
		if err != nil {
			return err
		}
	}
	return nil
}

// statement says how a release was built: an in-toto statement with SLSA's predicate of provenance, unsigned. It
// names nothing of the machine, so that whoever builds the release again gets the same.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	BuildDefinition definition `json:"buildDefinition"`
	RunDetails      struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

type definition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	ResolvedDependencies []dependency   `json:"resolvedDependencies"`
}

type dependency struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest,omitempty"`
}

const page = "https://github.com/orderbridge/orderbridge/blob/main/docs/releases.md"

func (r *release) provenance(context.Context) error {
	s := statement{Type: "https://in-toto.io/Statement/v1", PredicateType: "https://slsa.dev/provenance/v1"}
	sums, err := r.sums()
	if err != nil {
		return err
	}
	for _, one := range sums {
		s.Subject = append(s.Subject, subject{one.name, map[string]string{"sha256": one.sum}})
	}
	version, err := r.goVersion()
	if err != nil {
		return err
	}
	var names []string
	for _, t := range targets {
		names = append(names, t.String())
	}
	s.Predicate.BuildDefinition = definition{
		BuildType:          page + "#provenance",
		ExternalParameters: map[string]any{"version": r.version, "targets": names, "flags": r.buildFlags(), "go": version},
		ResolvedDependencies: []dependency{
			{"git+https://github.com/orderbridge/orderbridge@" + r.commit, map[string]string{"gitCommit": r.commit}},
		},
	}
	seen := map[string]bool{}
	for _, b := range r.built {
		linked, err := modules(b.binary)
		if err != nil {
			return err
		}
		for _, m := range linked {
			uri := "pkg:golang/" + m.Path + "@" + m.Version
			if !seen[uri] {
				seen[uri] = true
				s.Predicate.BuildDefinition.ResolvedDependencies = append(s.Predicate.BuildDefinition.ResolvedDependencies,
					dependency{uri, map[string]string{"goModuleH1": m.Sum}})
			}
		}
	}
	s.Predicate.RunDetails.Builder.ID = page + "#building-a-release"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.name(".provenance.json")), append(text, '\n'), 0o644)
}
