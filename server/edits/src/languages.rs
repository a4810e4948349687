//! Where each grammar declares names, and which scopes it has.
//!
//! A leaf declares its name if it is bound by a [`Binder`], directly or through patterns. All other
//! names refer to a declaration.

use foretell_policy::Grammar;

/// The scope of a declared name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    /// The innermost scope, which may be the binder itself.
    Inner,
    /// The innermost scope around the binder.
    Outer,
    /// The innermost function.
    Function,
    /// The file.
    File,
}

/// Where a declared name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// In the whole scope.
    Start,
    /// After the binder. At the top of a file, in the whole file.
    After,
}

/// A node that declares the names in one of its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binder {
    pub(crate) kind: &'static str,
    /// The field of the name or pattern; any if empty.
    pub(crate) field: &'static str,
    pub(crate) scope: In,
    pub(crate) from: From,
}

/// The rules of a grammar.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) grammar: Grammar,
    /// Leaves that name a value or a type.
    pub(crate) names: &'static [&'static str],
    /// Leaves that name a member of a type.
    pub(crate) members: &'static [&'static str],
    /// Fields whose leaf names a member.
    pub(crate) member_fields: &'static [(&'static str, &'static str)],
    /// Fields whose leaf declares a member.
    pub(crate) member_binders: &'static [(&'static str, &'static str)],
    /// Nodes through which a binder reaches names, and the fields that it does not reach.
    pub(crate) patterns: &'static [(&'static str, &'static [&'static str])],
    pub(crate) binders: &'static [Binder],
    pub(crate) scopes: &'static [&'static str],
    /// The scopes of [`In::Function`].
    pub(crate) functions: &'static [&'static str],
    /// Fields of a scope that do not see the names declared in it.
    pub(crate) outside: &'static [(&'static str, &'static str)],
    /// Nodes that define a type, and the field of its name.
    pub(crate) types: &'static [(&'static str, &'static str)],
    /// Nodes without names: strings and comments.
    pub(crate) texts: &'static [&'static str],
}

const fn inner(kind: &'static str, field: &'static str) -> Binder {
    Binder { kind, field, scope: In::Inner, from: From::Start }
}

const fn after(kind: &'static str, field: &'static str) -> Binder {
    Binder { kind, field, scope: In::Inner, from: From::After }
}

const fn outer(kind: &'static str, field: &'static str) -> Binder {
    Binder { kind, field, scope: In::Outer, from: From::Start }
}

const fn in_function(kind: &'static str, field: &'static str) -> Binder {
    Binder { kind, field, scope: In::Function, from: From::Start }
}

const fn in_file(kind: &'static str, field: &'static str) -> Binder {
    Binder { kind, field, scope: In::File, from: From::Start }
}

/// The rules of a grammar; `None` if names are not understood in it.
pub(crate) fn rules(grammar: Grammar) -> Option<&'static Rules> {
    Some(match grammar {
        Grammar::Python => &PYTHON,
        Grammar::Tsx => &TSX,
        Grammar::Rust => &RUST,
        Grammar::Go => &GO,
        Grammar::Java => &JAVA,
        Grammar::C => &C,
        Grammar::Cpp => &CPP,
        Grammar::Bash | Grammar::Json => return None,
    })
}

const PYTHON: Rules = Rules {
    grammar: Grammar::Python,
    names: &["identifier"],
    members: &[],
    member_fields: &[("attribute", "attribute")],
    member_binders: &[],
    patterns: &[
        ("pattern_list", &[]),
        ("tuple_pattern", &[]),
        ("list_pattern", &[]),
        ("list_splat_pattern", &[]),
        ("dictionary_splat_pattern", &[]),
        ("as_pattern_target", &[]),
        ("typed_parameter", &["type"]),
        ("default_parameter", &["value"]),
        ("typed_default_parameter", &["value", "type"]),
        ("dotted_name", &[]),
    ],
    binders: &[
        inner("parameters", ""),
        inner("lambda_parameters", ""),
        in_function("assignment", "left"),
        in_function("augmented_assignment", "left"),
        in_function("for_statement", "left"),
        inner("for_in_clause", "left"),
        in_function("named_expression", "name"),
        in_function("as_pattern", "alias"),
        outer("function_definition", "name"),
        outer("class_definition", "name"),
        in_function("import_statement", "name"),
        in_function("import_from_statement", "name"),
        in_function("aliased_import", "alias"),
    ],
    scopes: &[
        "module",
        "function_definition",
        "lambda",
        "class_definition",
        "list_comprehension",
        "set_comprehension",
        "dictionary_comprehension",
        "generator_expression",
    ],
    functions: &["module", "function_definition", "lambda", "class_definition"],
    outside: &[
        ("function_definition", "parameters"),
        ("function_definition", "return_type"),
        ("lambda", "parameters"),
        ("class_definition", "superclasses"),
    ],
    types: &[("class_definition", "name")],
    texts: &["string_content", "string_start", "comment"],
};

const TSX: Rules = Rules {
    grammar: Grammar::Tsx,
    names: &[
        "identifier",
        "type_identifier",
        "shorthand_property_identifier",
        "shorthand_property_identifier_pattern",
    ],
    members: &["property_identifier", "private_property_identifier"],
    member_fields: &[],
    member_binders: &[
        ("public_field_definition", "name"),
        ("field_definition", "property"),
        ("method_definition", "name"),
        ("abstract_method_signature", "name"),
        ("method_signature", "name"),
        ("property_signature", "name"),
        ("enum_assignment", "name"),
        ("enum_body", "name"),
    ],
    patterns: &[
        ("object_pattern", &[]),
        ("array_pattern", &[]),
        ("pair_pattern", &["key"]),
        ("assignment_pattern", &["right"]),
        ("object_assignment_pattern", &["right"]),
        ("rest_pattern", &[]),
    ],
    binders: &[
        inner("variable_declarator", "name"),
        inner("required_parameter", "pattern"),
        inner("required_parameter", "name"),
        inner("optional_parameter", "pattern"),
        inner("optional_parameter", "name"),
        inner("arrow_function", "parameter"),
        outer("function_declaration", "name"),
        outer("generator_function_declaration", "name"),
        inner("function_expression", "name"),
        inner("generator_function", "name"),
        outer("class_declaration", "name"),
        outer("abstract_class_declaration", "name"),
        inner("class", "name"),
        outer("interface_declaration", "name"),
        outer("type_alias_declaration", "name"),
        outer("enum_declaration", "name"),
        outer("function_signature", "name"),
        in_file("import_clause", ""),
        in_file("namespace_import", ""),
        in_file("import_specifier", "alias"),
        in_file("import_specifier", "name"),
        inner("catch_clause", "parameter"),
        inner("for_in_statement", "left"),
        inner("type_parameter", "name"),
        inner("infer_type", ""),
        inner("mapped_type_clause", "name"),
        outer("internal_module", "name"),
    ],
    scopes: &[
        "program",
        "statement_block",
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
        "class_declaration",
        "abstract_class_declaration",
        "class",
        "class_static_block",
        "interface_declaration",
        "type_alias_declaration",
        "function_signature",
        "method_signature",
        "abstract_method_signature",
        "call_signature",
        "construct_signature",
        "index_signature",
        "function_type",
        "constructor_type",
        "conditional_type",
        "object_type",
        "for_statement",
        "for_in_statement",
        "catch_clause",
        "switch_body",
    ],
    functions: &[
        "program",
        "function_declaration",
        "generator_function_declaration",
        "function_expression",
        "generator_function",
        "arrow_function",
        "method_definition",
        "class_static_block",
    ],
    outside: &[],
    types: &[
        ("class_declaration", "name"),
        ("abstract_class_declaration", "name"),
        ("class", "name"),
        ("interface_declaration", "name"),
        ("type_alias_declaration", "name"),
        ("enum_declaration", "name"),
    ],
    texts: &["string", "string_fragment", "comment", "regex", "jsx_text"],
};

const RUST: Rules = Rules {
    grammar: Grammar::Rust,
    names: &["identifier", "type_identifier", "shorthand_field_identifier"],
    members: &["field_identifier"],
    member_fields: &[("scoped_identifier", "name"), ("scoped_type_identifier", "name")],
    member_binders: &[("field_declaration", "name"), ("enum_variant", "name")],
    patterns: &[
        ("tuple_pattern", &[]),
        ("tuple_struct_pattern", &["type"]),
        ("struct_pattern", &["type"]),
        ("field_pattern", &[]),
        ("mut_pattern", &[]),
        ("ref_pattern", &[]),
        ("reference_pattern", &[]),
        ("slice_pattern", &[]),
        ("or_pattern", &[]),
        ("captured_pattern", &[]),
        ("match_pattern", &["condition"]),
        ("use_list", &[]),
        ("scoped_use_list", &["path"]),
        ("scoped_identifier", &["path"]),
    ],
    binders: &[
        inner("parameter", "pattern"),
        inner("closure_parameters", ""),
        after("let_declaration", "pattern"),
        inner("for_expression", "pattern"),
        inner("match_arm", "pattern"),
        after("let_condition", "pattern"),
        outer("function_item", "name"),
        outer("function_signature_item", "name"),
        outer("struct_item", "name"),
        outer("enum_item", "name"),
        outer("union_item", "name"),
        outer("type_item", "name"),
        outer("trait_item", "name"),
        outer("const_item", "name"),
        outer("static_item", "name"),
        outer("mod_item", "name"),
        outer("macro_definition", "name"),
        inner("use_declaration", "argument"),
        inner("use_as_clause", "alias"),
        inner("type_parameter", "name"),
        inner("const_parameter", "name"),
    ],
    scopes: &[
        "source_file",
        "declaration_list",
        "function_item",
        "function_signature_item",
        "closure_expression",
        "block",
        "match_arm",
        "for_expression",
        "if_expression",
        "while_expression",
        "impl_item",
        "trait_item",
        "struct_item",
        "enum_item",
        "union_item",
        "type_item",
    ],
    functions: &["source_file", "function_item", "closure_expression"],
    outside: &[("if_expression", "alternative"), ("for_expression", "value")],
    types: &[
        ("impl_item", "type"),
        ("trait_item", "name"),
        ("struct_item", "name"),
        ("enum_item", "name"),
        ("union_item", "name"),
    ],
    texts: &["string_literal", "raw_string_literal", "line_comment", "block_comment", "lifetime"],
};

const GO: Rules = Rules {
    grammar: Grammar::Go,
    names: &["identifier", "type_identifier", "package_identifier"],
    members: &["field_identifier"],
    member_fields: &[],
    member_binders: &[
        ("field_declaration", "name"),
        ("method_declaration", "name"),
        ("method_elem", "name"),
    ],
    patterns: &[("expression_list", &[])],
    binders: &[
        after("short_var_declaration", "left"),
        after("range_clause", "left"),
        after("var_spec", "name"),
        after("const_spec", "name"),
        after("receive_statement", "left"),
        inner("parameter_declaration", "name"),
        inner("variadic_parameter_declaration", "name"),
        inner("type_parameter_declaration", "name"),
        inner("type_switch_statement", "alias"),
        outer("function_declaration", "name"),
        inner("type_spec", "name"),
        inner("type_alias", "name"),
        in_file("import_spec", "name"),
    ],
    scopes: &[
        "source_file",
        "function_declaration",
        "method_declaration",
        "func_literal",
        "function_type",
        "method_elem",
        "block",
        "if_statement",
        "for_statement",
        "expression_switch_statement",
        "type_switch_statement",
        "select_statement",
        "expression_case",
        "type_case",
        "default_case",
        "communication_case",
    ],
    functions: &["source_file", "function_declaration", "method_declaration", "func_literal"],
    outside: &[],
    types: &[("type_spec", "name"), ("method_declaration", "receiver")],
    texts: &["interpreted_string_literal", "raw_string_literal", "comment", "label_name"],
};

const JAVA: Rules = Rules {
    grammar: Grammar::Java,
    names: &["identifier", "type_identifier"],
    members: &[],
    member_fields: &[("field_access", "field"), ("method_invocation", "name")],
    member_binders: &[("method_declaration", "name"), ("enum_constant", "name")],
    patterns: &[],
    binders: &[
        inner("formal_parameter", "name"),
        inner("catch_formal_parameter", "name"),
        inner("inferred_parameters", ""),
        inner("lambda_expression", "parameters"),
        inner("resource", "name"),
        inner("enhanced_for_statement", "name"),
        after("variable_declarator", "name"),
        after("instanceof_expression", "name"),
        after("record_pattern_component", ""),
        outer("class_declaration", "name"),
        outer("interface_declaration", "name"),
        outer("enum_declaration", "name"),
        outer("record_declaration", "name"),
        outer("annotation_type_declaration", "name"),
        inner("type_parameter", ""),
        inner("import_declaration", ""),
    ],
    scopes: &[
        "program",
        "class_body",
        "interface_body",
        "enum_body",
        "annotation_type_body",
        "class_declaration",
        "interface_declaration",
        "record_declaration",
        "method_declaration",
        "constructor_declaration",
        "compact_constructor_declaration",
        "lambda_expression",
        "block",
        "constructor_body",
        "for_statement",
        "enhanced_for_statement",
        "catch_clause",
        "try_with_resources_statement",
        "switch_block_statement_group",
        "switch_rule",
    ],
    functions: &["program", "method_declaration", "constructor_declaration", "lambda_expression"],
    outside: &[("enhanced_for_statement", "value")],
    types: &[
        ("class_declaration", "name"),
        ("interface_declaration", "name"),
        ("enum_declaration", "name"),
        ("record_declaration", "name"),
    ],
    texts: &["string_literal", "character_literal", "line_comment", "block_comment"],
};

const C: Rules = Rules {
    grammar: Grammar::C,
    names: &["identifier", "type_identifier"],
    members: &["field_identifier"],
    member_fields: &[],
    member_binders: &[("field_declaration", "declarator")],
    patterns: &[
        ("pointer_declarator", &[]),
        ("reference_declarator", &[]),
        ("array_declarator", &["size"]),
        ("init_declarator", &["value"]),
        ("parenthesized_declarator", &[]),
        ("attributed_declarator", &[]),
        ("function_declarator", &["parameters"]),
    ],
    binders: &[
        inner("parameter_declaration", "declarator"),
        inner("optional_parameter_declaration", "declarator"),
        after("declaration", "declarator"),
        outer("function_definition", "declarator"),
        inner("type_definition", "declarator"),
        in_file("preproc_def", "name"),
        in_file("preproc_function_def", "name"),
        inner("preproc_params", ""),
        inner("enumerator", "name"),
        in_file("struct_specifier", "name"),
        in_file("union_specifier", "name"),
        in_file("enum_specifier", "name"),
        in_file("class_specifier", "name"),
        inner("for_range_loop", "declarator"),
        inner("lambda_capture_initializer", "left"),
        inner("type_parameter_declaration", ""),
        outer("namespace_definition", "name"),
        outer("alias_declaration", "name"),
    ],
    scopes: &[
        "translation_unit",
        "function_definition",
        "function_declarator",
        "abstract_function_declarator",
        "lambda_expression",
        "compound_statement",
        "for_statement",
        "for_range_loop",
        "if_statement",
        "while_statement",
        "catch_clause",
        "preproc_function_def",
        "namespace_definition",
        "template_declaration",
        "field_declaration_list",
    ],
    functions: &["translation_unit", "function_definition"],
    outside: &[],
    types: &[
        ("struct_specifier", "name"),
        ("union_specifier", "name"),
        ("class_specifier", "name"),
    ],
    texts: &["string_literal", "char_literal", "comment", "preproc_arg", "system_lib_string"],
};

const CPP: Rules = Rules { grammar: Grammar::Cpp, ..C };
