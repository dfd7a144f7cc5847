package shop

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// file is what is stored.
type file struct {
	Last     int64
	Products []Product
	Orders   []*Order
}

// save stores all orders, if there is a file to store them in. A file is replaced as a whole.
func (s *Shop) save() error {
	if s.opts.File == "" {
		return nil
	}
	f := file{Last: s.last, Products: s.products}
	for _, st := range s.all {
		f.Orders = append(f.Orders, st.order)
	}
	body, err := json.Marshal(f)
	if err != nil {
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(s.opts.File), ".shop-*")
	if err != nil {
		return err
	}
	_, err = t.Write(body)
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), s.opts.File)
	}
	if err != nil {
		return errors.Join(err, os.Remove(t.Name()))
	}
	return nil
}

// load reads what is stored.
func (s *Shop) load() error {
	if s.opts.File == "" {
		return nil
	}
	body, err := os.ReadFile(s.opts.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		return err
	}
	s.last, s.products = f.Last, f.Products
	for _, o := range f.Orders {
		s.place(o)
	}
	return nil
}
