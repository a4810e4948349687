// Command names prints the names of Go files, as the type checker resolves them.
package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
)

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("no imports") }

type name struct {
	File   string   `json:"file"`
	Kind   string   `json:"kind"`
	Name   string   `json:"name"`
	At     int      `json:"at"`
	Places [][3]any `json:"places"`
}

func kindOf(object types.Object, parameters map[*ast.Ident]bool, id *ast.Ident, pkg *types.Package) string {
	switch it := object.(type) {
	case *types.Var:
		switch {
		case it.IsField():
			return "field"
		case parameters[id]:
			return "parameter"
		case it.Parent() != nil && it.Parent() != pkg.Scope():
			return "local"
		}
	case *types.Func:
		return "function"
	}
	return ""
}

func main() {
	for _, path := range os.Args[1:] {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			continue
		}
		info := types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: noImports{}, Error: func(error) {}}
		pkg, _ := config.Check("p", files, []*ast.File{file}, &info)
		parameters := map[*ast.Ident]bool{}
		ast.Inspect(file, func(node ast.Node) bool {
			if it, ok := node.(*ast.FuncType); ok {
				for _, field := range it.Params.List {
					for _, id := range field.Names {
						parameters[id] = true
					}
				}
			}
			return true
		})
		found := map[types.Object]*name{}
		order := []*name{}
		ast.Inspect(file, func(node ast.Node) bool {
			id, ok := node.(*ast.Ident)
			if !ok {
				return true
			}
			if object := info.Defs[id]; object != nil && id.Name != "_" {
				if kind := kindOf(object, parameters, id, pkg); kind != "" {
					it := &name{File: path, Kind: kind, Name: id.Name, At: files.Position(id.Pos()).Offset}
					found[object] = it
					order = append(order, it)
				}
			}
			return true
		})
		ast.Inspect(file, func(node ast.Node) bool {
			id, ok := node.(*ast.Ident)
			if !ok {
				return true
			}
			object := info.Defs[id]
			if object == nil {
				object = info.Uses[id]
			}
			if it := found[object]; object != nil && it != nil {
				it.Places = append(it.Places, [3]any{files.Position(id.Pos()).Offset, "", ""})
			}
			return true
		})
		for _, it := range order {
			_ = json.NewEncoder(os.Stdout).Encode(it)
		}
	}
}
