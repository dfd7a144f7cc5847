package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is a profile as it is written. docs/connectors.md explains every key.
type file struct {
	Name      string            `yaml:"name"`      // of the kind of system: woocommerce
	Reference placeSpec         `yaml:"reference"` // where the system keeps the id of an order of ours
	Fields    map[string]*field `yaml:"fields"`    // by the name of our field: customer.name
	Lines     *linesSpec        `yaml:"lines"`
	Totals    map[string]string `yaml:"totals"`  // our total: the jq expression of the system's, which must be the same
	Lists     map[string]*list  `yaml:"lists"`   // by path: arrays that the system merges by the ids of their elements
	Create    []assignment      `yaml:"create"`  // what a new order has besides its fields
	Delete    *deletion         `yaml:"delete"`  // how an order is deleted; refused when absent
	Deleted   string            `yaml:"deleted"` // jq condition: the document counts as deleted
	REST      *REST             `yaml:"rest"`    // how the system is called, for the package rest
}

// placeSpec is a place in a document: a jq path, or an entry of an array of named values.
type placeSpec struct {
	Path  texts  `yaml:"path"` // of several the first is read and all are written
	Entry *entry `yaml:"entry"`
}

// entry is the value of the element that has a name, in an array such as [{"key": name, "value": value}].
type entry struct {
	List  string `yaml:"list"` // jq path of the array
	Name  string `yaml:"name"`
	Key   string `yaml:"key"`   // member that has the name; key when absent
	Value string `yaml:"value"` // member that has the value; value when absent
}

// field says where one field of ours is and how it is written there.
type field struct {
	placeSpec   `yaml:",inline"`
	Read        string           `yaml:"read"`      // jq expression instead of a place: never written, but by transitions
	Otherwise   string           `yaml:"otherwise"` // jq expression, read where the place is empty
	Here        bool             `yaml:"here"`      // the system has no place for it
	First       string           `yaml:"first"`     // jq expression: the first value of a field that is here
	Codec       string           `yaml:"codec"`
	As          string           `yaml:"as"`       // JSON type that is written: text, number
	Nullable    bool             `yaml:"nullable"` // no text is written as null, not as an empty one
	Layout      string           `yaml:"layout"`
	Zone        string           `yaml:"zone"`
	Values      map[string]texts `yaml:"values"`    // theirs: ours that it is read as, and others that it stands for
	Separator   string           `yaml:"separator"` // of tags in one text
	Plus        string           `yaml:"plus"`      // jq expression of amounts that are part of ours and stand elsewhere
	Remainder   string           `yaml:"remainder"` // of codec gross: error, discount
	Write       texts            `yaml:"write"`     // always, create, never, or the statuses of ours in which it can be written
	Fixed       string           `yaml:"fixed"`     // what happens when it cannot be written: error, keep
	Unfit       string           `yaml:"unfit"`     // what happens to a value that no order of ours may have: error, skip
	Transitions []transition     `yaml:"transitions"`
}

// transition is one way from a value of the system to values of ours.
type transition struct {
	From   texts        `yaml:"from"` // theirs; new for an order that is being created
	To     texts        `yaml:"to"`   // ours
	Set    []assignment `yaml:"set"`
	Action string       `yaml:"action"`
	Then   []assignment `yaml:"then"`  // what the system is known to make of it, for the check of the laws only
	Moves  texts        `yaml:"moves"` // fields of ours that the system changes with it; its values count
}

// assignment writes a constant.
type assignment struct {
	placeSpec `yaml:",inline"`
	Value     any `yaml:"value"`
}

// linesSpec is the array of an order's lines.
type linesSpec struct {
	Path      string            `yaml:"path"`
	ID        string            `yaml:"id"`        // member with the system's id of a line
	Reference *placeSpec        `yaml:"reference"` // where a line keeps our id of it
	Remove    map[string]any    `yaml:"remove"`    // members that remove a line of a merged list; such a line is not read
	Write     texts             `yaml:"write"`     // when lines can be added and removed
	Fixed     string            `yaml:"fixed"`
	Fields    map[string]*field `yaml:"fields"`
}

// list is an array that the system merges: an element with an id changes, one without is added, one left out stays.
type list struct {
	Key  string         `yaml:"key"`  // member with the id
	With texts          `yaml:"with"` // members that go along when another one of an element changes
	New  map[string]any `yaml:"new"`  // members of elements that are added, unless they have them
}

// deletion is what deletes an order.
type deletion struct {
	Set    []assignment `yaml:"set"`
	Action string       `yaml:"action"`
}

// texts is one text or several.
type texts []string

// UnmarshalYAML reads a scalar as a list of one.
func (t *texts) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*t = texts{node.Value}
		return nil
	}
	return node.Decode((*[]string)(t))
}

// Fault is what is wrong with a profile, and where.
type Fault struct {
	Line   int // 0 when it is about the whole file
	Reason string
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Reason
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Reason)
}

// source is a profile's text with the lines of its keys.
type source struct{ root *yaml.Node }

// decode reads a profile strictly.
func decode(data []byte) (*file, *source, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		var wrong *yaml.TypeError
		if errors.As(err, &wrong) {
			return nil, nil, &Fault{Reason: strings.Join(wrong.Errors, "; ")}
		}
		return nil, nil, &Fault{Reason: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, nil, &Fault{Reason: "must be one YAML document"}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, nil, &Fault{Reason: err.Error()}
	}
	return &f, &source{root: &root}, nil
}

// fault makes a Fault at a key, or at the nearest one above it that there is.
func (s *source) fault(keys []string, format string, args ...any) *Fault {
	return &Fault{Line: s.line(keys), Reason: strings.Join(keys, ".") + ": " + fmt.Sprintf(format, args...)}
}

func (s *source) line(keys []string) int {
	node := s.root
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	line := node.Line
	for _, key := range keys {
		if node.Kind != yaml.MappingNode {
			return line
		}
		found := false
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				line, node, found = node.Content[i].Line, node.Content[i+1], true
				break
			}
		}
		if !found {
			return line
		}
	}
	return line
}
