package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// packed is a file of an archive.
type packed struct {
	name, from string
	mode       int64
}

func (r *release) archives(context.Context) error {
	for _, b := range r.built {
		name := r.name("_" + b.String())
		files := []packed{
			{"orderbridge", b.binary, 0o755},
			{"CHANGELOG.md", filepath.Join(r.root, "CHANGELOG.md"), 0o644},
			{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
			{licencesFile, filepath.Join(r.out, licencesFile), 0o644},
		}
		if err := r.archive(filepath.Join(r.out, name+".tar.gz"), name, files); err != nil {
			return err
		}
	}
	return nil
}

// archive writes nothing into it that depends on who packs it, or when.
func (r *release) archive(path, folder string, files []packed) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	zipped, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	defer func() { err = errors.Join(err, archive.Close(), zipped.Close(), f.Close()) }()
	for _, p := range files {
		content, err := os.ReadFile(p.from)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: folder + "/" + p.name, Mode: p.mode, Size: int64(len(content)), ModTime: r.at, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return nil
}

const sumsFile = "SHA256SUMS"

func (r *release) checksums(context.Context) error {
	sums, err := r.sums()
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, s := range sums {
		fmt.Fprintf(&text, "%s  %s\n", s.sum, s.name)
	}
	return os.WriteFile(filepath.Join(r.out, sumsFile), []byte(text.String()), 0o644)
}

type sum struct{ name, sum string }

// sums are those of all files that the release has so far, by name.
func (r *release) sums() ([]sum, error) {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return nil, err
	}
	var all []sum
	for _, e := range entries {
		f, err := os.Open(filepath.Join(r.out, e.Name()))
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		all = append(all, sum{e.Name(), hex.EncodeToString(hash.Sum(nil))})
	}
	return all, nil
}
