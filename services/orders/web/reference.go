package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/orderbridge/orderbridge/contracts"
)

// reference is openapi.yaml as a page shows it.
type reference struct {
	Intro []string // paragraphs
	Tags  []referenceTag
}

type referenceTag struct {
	Name, Text string
	Calls      []referenceCall
}

type referenceCall struct {
	ID, Method, Path, Summary string
	Text                      []string
	Who                       []string
	Params                    []referenceParam
	Media, Body               string // of the request; an example to begin with
	Fields                    []schemaField
	Answers                   []option
	Answer                    string // an example of what comes back
	Try                       bool
	Token                     bool // not with the session of a person, but with the token of a program
}

type referenceParam struct {
	Name, In, Text string
	Required       bool
}

// object is a part of the document.
type object = map[string]any

// loadReference reads the document when somebody first asks for the page: it takes half a second of CPU,
// which no start of a service should have to wait for. What it reads is part of the program.
var loadReference = sync.OnceValues(func() (*reference, error) {
	var doc object
	if err := yaml.Unmarshal(contracts.OpenAPI, &doc); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	d := document{doc, map[string]string{}}
	d.collectExamples()
	at := d.at
	text := func(v any) string { s, _ := v.(string); return s }
	out := &reference{Intro: paragraphs(text(at(doc["info"], "summary")))}
	byTag := map[string][]referenceCall{}
	paths, _ := doc["paths"].(object)
	for path, item := range paths {
		shared, _ := at(item, "parameters").([]any)
		for _, method := range methods {
			op := at(item, method)
			if op == nil {
				continue
			}
			c := referenceCall{
				ID: text(at(op, "operationId")), Method: strings.ToUpper(method), Path: path, Summary: text(at(op, "summary")),
				Text: paragraphs(text(at(op, "description"))),
			}
			c.Media, c.Body, c.Fields = d.content(at(op, "requestBody"))
			own, _ := at(op, "parameters").([]any)
			for _, param := range append(slices.Clone(shared), own...) {
				required, _ := at(param, "required").(bool)
				c.Params = append(c.Params, referenceParam{text(at(param, "name")), text(at(param, "in")), text(at(param, "description")), required})
			}
			alternatives, _ := at(op, "security").([]any)
			for _, one := range alternatives {
				for name := range one.(object) {
					c.Who = append(c.Who, name)
				}
			}
			answers, _ := at(op, "responses").(object)
			for status, answer := range answers {
				c.Answers = append(c.Answers, option{status, text(at(answer, "description"))})
				if media, example, _ := d.content(answer); strings.HasPrefix(status, "2") && media == mediaJSON {
					c.Answer = example
				}
			}
			slices.SortFunc(c.Answers, func(x, y option) int { return cmp.Compare(x.Value, y.Value) })
			tags, _ := at(op, "tags").([]any)
			c.Token = text(tags[0]) == "orders"
			c.Try = c.Token || strings.HasPrefix(path, "/admin/api/") && path != "/admin/api/events"
			byTag[text(tags[0])] = append(byTag[text(tags[0])], c)
		}
	}
	list, _ := doc["tags"].([]any)
	for _, t := range list {
		tag := referenceTag{Name: text(at(t, "name")), Text: text(at(t, "description"))}
		tag.Calls = byTag[tag.Name]
		slices.SortFunc(tag.Calls, func(x, y referenceCall) int {
			return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Method, y.Method))
		})
		out.Tags = append(out.Tags, tag)
	}
	return out, nil
})

var methods = []string{"get", "post", "put", "patch", "delete"}

const mediaJSON = "application/json"

// content finds the media type, an example and the fields of a body.
func (d document) content(body any) (media, example string, fields []schemaField) {
	contents, _ := d.at(body, "content").(object)
	media = mediaJSON
	if _, ok := contents[media]; !ok {
		for _, media = range slices.Sorted(maps.Keys(contents)) {
			break
		}
	}
	content, ok := contents[media].(object)
	if !ok {
		return "", "", nil
	}
	return media, d.example(content), d.outline(content["schema"], "", nil)
}

// collectExamples keeps what any call shows of a schema.
func (d document) collectExamples() {
	paths, _ := d.root["paths"].(object)
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range methods {
			op := d.at(paths[name], method)
			bodies := []any{d.at(op, "requestBody")}
			answers, _ := d.at(op, "responses").(object)
			for _, status := range slices.Sorted(maps.Keys(answers)) {
				bodies = append(bodies, answers[status])
			}
			for _, body := range bodies {
				contents, _ := d.at(body, "content").(object)
				content, _ := contents[mediaJSON].(object)
				schema, _ := content["schema"].(object)
				ref, _ := schema["$ref"].(string)
				if content["examples"] != nil && d.examples[ref] == "" {
					d.examples[ref] = d.example(content)
				}
			}
		}
	}
}

// paragraphs are the parts of a text between empty lines; what is a table in it is for other readers.
func paragraphs(text string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if part = strings.TrimSpace(part); part != "" && !strings.HasPrefix(part, "|") {
			out = append(out, strings.ReplaceAll(strings.ReplaceAll(part, "**", ""), "`", ""))
		}
	}
	return out
}

func (p *Pages) apiReference(w http.ResponseWriter, r *http.Request) {
	ref, err := loadReference()
	if err != nil {
		p.fail(w, r, "reference", err)
		return
	}
	p.show(w, r, http.StatusOK, "reference", "reference", "API", ref)
}

// document serves openapi.yaml itself.
func (p *Pages) document(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(contracts.OpenAPI) // the reader is gone; there is nobody to tell
}
