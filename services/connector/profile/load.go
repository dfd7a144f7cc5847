package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
)

// The files of a profile's folder.
const (
	fileName    = "profile.yaml"
	samplesName = "samples/*.json"
)

// Load reads the profile in a folder: profile.yaml, and below samples/ documents as the system answers them. It fails
// with every fault that it finds, each with its line, and with every law that does not hold on the samples.
func Load(folder fs.FS) (*Mapping, error) {
	data, err := fs.ReadFile(folder, fileName)
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	f, source, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	c := &compiler{source: source}
	m := c.mapping(f)
	if err := c.err(); err != nil {
		return nil, fmt.Errorf("%s: %w", fileName, err)
	}
	samples, err := readSamples(folder)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, s := range samples {
		for _, reason := range m.check(s.doc, samples) {
			faults = append(faults, c.law(f, s.name, reason))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %w", fileName, errors.Join(faults...))
	}
	return m, nil
}

// sample is a document that the profile must understand.
type sample struct {
	name string
	doc  map[string]any
}

func readSamples(folder fs.FS) ([]sample, error) {
	names, err := fs.Glob(folder, samplesName)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("a profile needs a sample: a document as the system answers it, in samples/NAME.json")
	}
	slices.Sort(names)
	samples := make([]sample, len(names))
	for i, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		doc, err := decodeObject(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		samples[i] = sample{name: path.Base(name), doc: doc}
	}
	return samples, nil
}

func decodeObject(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}
